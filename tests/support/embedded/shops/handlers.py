from __future__ import annotations

from typing import Any

from shops.messages import OrderPlace, OrderPlaced
from shops.models import Order, Shop
from sync.gateway.dispatcher import Context
from sync.protocol.answers import Answer
from sync.protocol.errors import Unauthorized
from sync.protocol.identity import Principal
from sync.protocol.registry import handles


@handles(OrderPlace, answers=[Answer.copy(OrderPlaced)], errors=[Unauthorized])
async def order_place(context: Context, request: OrderPlace) -> Any:
    """The answer is the event, ORDER_PLACED with the requestId, in its order."""
    return context.change(lambda principal: place_order(principal, request))


def place_order(principal: Principal, request: OrderPlace) -> Order:
    """Raises Unauthorized for a shop of another chain, and for one that is not there."""
    own = Shop.objects.filter(chain=principal.organization_id)
    shop = own.filter(pk=request.shop_id).first() if request.shop_id.isdecimal() else None
    if shop is None:
        raise Unauthorized(shopId=request.shop_id)
    return Order.objects.create(shop=shop, item=request.item)
