from __future__ import annotations

from sync.protocol.registry import EntityData


class ShopData(EntityData):
    """A shop."""

    name: str


class OrderData(EntityData):
    """An order of a shop, shown to those who follow that shop."""

    shop_id: str
    item: str
    state: str
