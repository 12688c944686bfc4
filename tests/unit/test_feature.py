"""Declarations of a feature, and those that are refused when it is registered."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import models
from django.test.utils import isolate_apps

from bos.feature import Feature as OurFeature
from bos.jobs.queue import JobType
from bos.models import Choice, Job
from bos.outside.sources import Category, Source
from sync import feature
from sync.eventlog.capture import EntitySync
from sync.eventlog.processors import Processor
from sync.eventlog.querysets import SyncedModel, SyncedQuerySet
from sync.feature import Feature, Features, require_captured_whole
from sync.protocol.caps import Cap
from sync.protocol.errors import ProtocolError
from sync.protocol.registry import Message, Request, handles, message
from sync.protocol.topics import Audience, Topic, TopicKind


@message("ORDER_PLACE")
class OrderPlace(Request):
    item: str


@message("ORDER_PLACED")
class OrderPlaced(Message):
    item: str


@handles(OrderPlace, answers=[])
async def order_place(context: Any, request: OrderPlace) -> None:
    """Never called."""


def nobody(principal: Any, ids: Any) -> set[str]:
    return set()


def prune() -> int:
    return 0


def handle(organization_id: str, events: Any) -> None:
    """Never called."""


def rows_of(user: Any) -> Any:
    """Never called."""


def nameless(payload: dict[str, Any], *, id_: str) -> dict[str, Any]:
    return payload


class OrderSource(Source):
    entity_type = "order"


ORDERS = Category(name="orders", title="Orders", reason="you order", email=Choice.NEVER)


class OutOfStock(ProtocolError):
    """There is no more of it."""

    code = "OUT_OF_STOCK"


CLAIMS = {
    "the request ORDER_PLACE": Feature(messages=[OrderPlace]),
    "the message ORDER_PLACED": Feature(messages=[OrderPlaced]),
    "the request ORDER_PLACED": Feature(aliases={"ORDER_PLACED": "ORDER_PLACE"}),
    "the handler of ORDER_PLACE": Feature(handlers=[order_place]),
    "the topic kind 'shop'": Feature(topics=[TopicKind("shop", column=3, authorize=nobody)]),
    "the processor 'orders'": Feature(processors=[Processor("orders", frozenset(), handle)]),
    "the cap 'orders'": Feature(caps=[Cap("orders", "orders", "Wait.")]),
    "the retention of 'orders'": Feature(retention={"orders": prune}),
    "the error OUT_OF_STOCK": Feature(errors=[OutOfStock]),
    "the job tests.unit.test_feature.prune": OurFeature(
        jobs=[JobType(work=prune, title="Orders", minutes=1)]
    ),
    "the traces 'orders'": OurFeature(traces={"orders": rows_of}),
    "the names in events of 'order'": OurFeature(renames={"order": nameless}),
    "the messages of 'order'": OurFeature(message_sources=[OrderSource()]),
    "the category of messages 'orders'": OurFeature(message_categories=[ORDERS]),
}


@pytest.mark.parametrize("claim", CLAIMS)
def test_a_name_that_two_features_claim_is_refused(claim: str) -> None:
    features = Features()
    features.register("shops", CLAIMS[claim])
    with pytest.raises(ImproperlyConfigured) as refused:
        features.register("stores", CLAIMS[claim])
    assert str(refused.value) == f"stores claims {claim}, which is claimed by shops."


def test_a_topic_column_that_two_features_claim_is_refused() -> None:
    features = Features()
    features.register("shops", Feature(topics=[TopicKind("shop", column=3, authorize=nobody)]))
    with pytest.raises(ImproperlyConfigured, match="claims the topic column 3, which is claimed"):
        features.register("tills", Feature(topics=[TopicKind("till", column=3, authorize=nobody)]))


def test_a_name_that_one_feature_lists_twice_is_refused() -> None:
    with pytest.raises(ImproperlyConfigured, match="shops claims the message ORDER_PLACED"):
        Features().register("shops", Feature(messages=[OrderPlaced, OrderPlaced]))


def test_a_feature_that_comes_after_start_up_is_refused() -> None:
    with pytest.raises(ImproperlyConfigured, match="late: features are registered at start-up"):
        feature.features.register("late", Feature())


@pytest.mark.parametrize(
    ("needs", "what"),
    [
        (Feature(handlers=[order_place]), "the request ORDER_PLACE"),
        (Feature(aliases={"ORDER_PLACED": "ORDER_PLACE"}), "the request ORDER_PLACE"),
        (Feature(snapshots={"shop": lambda principal, ids: ()}), "the topic kind 'shop'"),
        (Feature(on_change={Job: lambda changes: None}), "the model bos.Job"),
        (OurFeature(histories=[Job]), "the model bos.Job"),
    ],
)
def test_what_a_feature_builds_on_and_none_has_listed_is_refused(needs: Feature, what: str) -> None:
    features = Features()
    features.register("shops", needs)
    with pytest.raises(ImproperlyConfigured) as refused:
        features.plug_in()
    assert str(refused.value) == f"shops needs {what}, which no feature has listed."


@pytest.mark.parametrize(
    ("name", "column", "says"),
    [
        ("Shop", 3, "lower-case"),
        ("shop:x", 3, "lower-case"),
        ("shop", 0, "1 to 8"),
        ("shop", 9, "8"),
    ],
)
def test_a_topic_kind_that_the_log_cannot_hold_is_refused(
    name: str, column: int, says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        TopicKind(name, column=column, authorize=nobody)
    TopicKind("shop", column=8, authorize=nobody)


def test_an_audience_of_a_kind_that_nobody_declares_is_refused() -> None:
    with pytest.raises(ValueError, match="no feature declares the topic kind 'shop'"):
        Audience(shop="1")


def test_an_audience_is_without_what_another_has_as_well() -> None:
    before = Audience(organization="1", department="2", kpi="3")
    left = before.without(Audience(organization="1", department="4", user="5"))
    assert left is not None
    assert left.columns == Audience(department="2", kpi="3").columns
    assert before.without(before) is None
    assert Audience().without(before) is None


def test_s1_a_topic_of_an_unknown_kind_is_none() -> None:
    assert Topic.parse("kpi:1") == ("kpi", "1")
    with pytest.raises(Exception, match="kind:id"):
        Topic.parse("shop:1")


# ------------------------------------------------------------------ what can be captured whole


def refusal(model: type[models.Model]) -> str:
    """Return the error of registering an entity of this model."""

    class RowSync(EntitySync[Any]):
        entity_type = "row"

    RowSync.model = model  # type: ignore[misc]  # of a class that is not generic any more
    with pytest.raises(ImproperlyConfigured) as refused:
        Features().register("shops", Feature(entities=[RowSync()]))
    return str(refused.value)


@isolate_apps("django.contrib.staticfiles")
def test_v1_a_model_that_is_no_synced_model_is_refused() -> None:
    class Plain(models.Model):  # noqa: DJ008 -- no row is shown
        objects = SyncedQuerySet.as_manager()

        class Meta:
            app_label = "staticfiles"
            base_manager_name = "objects"

    assert "Derive it from sync.eventlog.querysets.SyncedModel" in refusal(Plain)


@isolate_apps("django.contrib.staticfiles")
def test_v1_a_model_whose_update_would_have_no_event_is_refused() -> None:
    class Default(SyncedModel):
        class Meta:
            app_label = "staticfiles"

    class Second(SyncedModel):
        objects = SyncedQuerySet.as_manager()
        plain = models.Manager()

        class Meta:
            app_label = "staticfiles"
            base_manager_name = "objects"

    class NoBase(SyncedModel):
        objects = SyncedQuerySet.as_manager()

        class Meta:
            app_label = "staticfiles"

    assert "through objects would have no event" in refusal(Default)
    assert "through plain would have no event" in refusal(Second)
    assert "`objects = SyncedQuerySet.as_manager()`" in refusal(Second)
    assert 'base_manager_name = "objects"' in refusal(NoBase)


@isolate_apps("django.contrib.staticfiles")
def test_v1_a_model_that_shares_its_rows_with_another_is_refused() -> None:
    class Order(SyncedModel):
        objects = SyncedQuerySet.as_manager()

        class Meta:
            app_label = "staticfiles"
            base_manager_name = "objects"

    require_captured_whole(Order)

    class OldOrder(Order):
        class Meta:
            app_label = "staticfiles"
            proxy = True
            base_manager_name = "objects"

    assert "shares its rows with staticfiles.OldOrder" in refusal(Order)
    assert "shares its rows with staticfiles.Order" in refusal(OldOrder)

    class LargeOrder(Order):
        class Meta:
            app_label = "staticfiles"
            base_manager_name = "objects"

    assert "staticfiles.LargeOrder" in refusal(Order)
    assert "shares its rows with staticfiles.Order" in refusal(LargeOrder)
