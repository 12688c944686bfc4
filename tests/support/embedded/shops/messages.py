from __future__ import annotations

from sync.protocol.registry import EntityMessage, Request, WireId, message


@message("ORDER_PLACE")
class OrderPlace(Request):
    """Place an order at a shop."""

    shop_id: WireId
    item: str


@message("ORDER_PLACED", shows=["order"], named="orderId")
class OrderPlaced(EntityMessage):
    """An order was placed. A SYNC_UPDATE with the same `sequence` follows."""

    order_id: str
    shop_id: str
    item: str
