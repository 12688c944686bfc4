from __future__ import annotations

from collections.abc import Collection, Iterable

from shops import handlers, messages
from shops.entities import OrderData, ShopData
from shops.models import Order, Shop
from sync.eventlog.capture import Change, EntitySync, Live
from sync.feature import Feature
from sync.protocol.identity import Actor, Principal
from sync.protocol.rights import AccessChange, Reads
from sync.protocol.topics import Audience, SnapshotEntity, TopicKind


class ShopSync(EntitySync[Shop]):
    model = Shop
    entity_type = "shop"
    shape = ShopData

    def organization_id(self, row: Shop) -> str:
        return row.chain

    def data(self, row: Shop) -> ShopData:
        return ShopData(id=str(row.pk), name=row.name)

    def audience(self, row: Shop) -> Audience:
        return Audience(organization=row.chain, shop=str(row.pk))


class OrderSync(EntitySync[Order]):
    model = Order
    entity_type = "order"
    shape = OrderData
    related = ("shop",)

    def organization_id(self, row: Order) -> str:
        return row.shop.chain

    def data(self, row: Order) -> OrderData:
        return OrderData(id=str(row.pk), shop_id=str(row.shop_id), item=row.item, state=row.state)

    def audience(self, row: Order) -> Audience:
        return Audience(shop=str(row.shop_id))

    def live(self, change: Change[Order], actor: Actor) -> Live:
        if change.kind != "created":
            return None
        row = change.row
        return messages.OrderPlaced(order_id=str(row.pk), shop_id=str(row.shop_id), item=row.item)


def may_follow(principal: Principal, ids: Collection[str]) -> set[str]:
    own = Shop.objects.filter(chain=principal.organization_id)
    found = own.filter(pk__in=[id_ for id_ in ids if id_.isdecimal()])
    return {str(pk) for pk in found.values_list("pk", flat=True)} & set(ids)


def show_shops(organization_id: str, ids: Collection[str]) -> Iterable[SnapshotEntity]:
    shops = Shop.objects.filter(chain=organization_id, pk__in=ids)
    yield from ShopSync().snapshot(shops)
    yield from OrderSync().snapshot(Order.objects.filter(shop__in=shops))


def followers(before: Shop, after: Shop | None) -> AccessChange:
    return AccessChange(topics=(f"shop:{before.pk}",))


feature = Feature(
    entities=[ShopSync(), OrderSync()],
    messages=[messages.OrderPlace, messages.OrderPlaced],
    error_ids=["shopId"],
    handlers=[handlers.order_place],
    topics=[
        TopicKind(
            "shop",
            column=3,
            authorize=may_follow,
            reads=(Reads(Shop, frozenset({"chain"}), followers),),
        )
    ],
    snapshots={"shop": show_shops},
)
