"""Alerts and notifications (decision B2), with a real worker."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from bos.models import Notification, Role
from kpis.alerts import clock, handling, services
from kpis.models import Alert, AlertRule, Kpi, KpiValue, RuleKind, Severity
from tests.support.cast import Cast, Person, make_person
from tests.support.client import Client, Message, error_of
from tests.support.mirror import apply, snapshot
from tests.support.server import Server
from tests.support.waiting import until

pytestmark = pytest.mark.usefixtures("worker")


def rule(kpi: Kpi, kind: str = "above", threshold: Any = 150, **more: Any) -> AlertRule:
    made = AlertRule(organization=kpi.organization, kpi=kpi, kind=kind, threshold=threshold, **more)
    made.full_clean()
    made.save()
    return made


def evaluate(kpi: Kpi, value: Decimal, at: datetime) -> list[Alert]:
    with transaction.atomic():
        return services.evaluate(kpi, services.rules_of([kpi])[kpi.pk], value, at)


async def alerts_in(client: Client) -> list[Message]:
    """Return the alerts; asked for once the worker has passed a last change of its own."""
    return [message for message in await client.settle() if message["type"] == "ALERT"]


async def raised(rule_: AlertRule, expected: bool) -> None:
    """Wait until the worker has seen that the KPI is beyond, or back."""
    await until(lambda: AlertRule.objects.get(pk=rule_.pk).raised is expected, within=20)


# ------------------------------------------------------------------ once per crossing


async def test_b2_an_alert_is_raised_once_per_crossing_and_again_after_it_was_back(
    server: Server, cast: Cast
) -> None:
    revenue = cast.home.revenue
    above = rule(revenue, severity=Severity.CRITICAL)
    async with (
        await Client.connect(server, cast.bob) as bob,
        await Client.connect(server, cast.mia) as mia,
    ):
        await bob.subscribe(cast.home.topic)
        await mia.set_value(revenue, 150)  # at the threshold is not above it
        await mia.set_value(revenue, 151)
        first = await bob.until("ALERT", 20)
        payload = first["payload"]
        assert payload["kpiId"] == str(revenue.pk)
        assert payload["ruleId"] == str(above.pk)
        assert (payload["value"], payload["threshold"]) == (151, 150)
        assert payload["severity"] == "critical"
        assert payload["message"] == "Revenue is 151 EUR, above 150 EUR."
        await mia.set_value(revenue, 160)
        await mia.set_value(revenue, 120)
        back = await bob.until("ALERT", 20)
        assert (back["payload"]["alertId"], back["payload"]["state"]) == (
            payload["alertId"], "resolved",
        )  # fmt: skip
        assert await alerts_in(bob) == []
        await mia.set_value(revenue, 155.5)
        second = await bob.until("ALERT", 20)
        assert second["payload"]["value"] == 155.5
        assert second["payload"]["sequence"] > payload["sequence"]
    assert Alert.objects.filter(kpi=revenue).count() == 2


@pytest.mark.parametrize(
    ("kind", "threshold", "inside", "beyond"),
    [("above", 150, 150, 150.0001), ("below", 50, 50, 49.9999)],
)
async def test_b2_a_threshold_is_crossed_behind_it_and_not_at_it(
    server: Server, cast: Cast, kind: str, threshold: int, inside: float, beyond: float
) -> None:
    crossed = rule(cast.home.revenue, kind, threshold)
    other = rule(cast.home.margin, "above", 0)  # passed later: what came before has been seen then
    async with await Client.connect(server, cast.mia) as mia:
        await mia.subscribe(cast.home.topic)
        await mia.set_value(cast.home.revenue, inside)
        await mia.set_value(cast.home.margin, 1)
        await raised(other, expected=True)
        assert Alert.objects.filter(rule=crossed).count() == 0
        await mia.set_value(cast.home.revenue, beyond)
        alert = await mia.until("ALERT", 20)
    assert alert["payload"]["value"] == beyond


@pytest.mark.parametrize(("value", "told"), [(109.9, False), (110, True), (90, True), (91, False)])
async def test_b2_a_change_by_percent_within_the_time_is_told_up_or_down(
    server: Server, cast: Cast, value: float, told: bool
) -> None:
    revenue = cast.home.revenue
    KpiValue.objects.filter(kpi=revenue).update(at=timezone.now() - timedelta(hours=25))
    changed = rule(revenue, RuleKind.CHANGE, 10, hours=24)
    other = rule(cast.home.margin, "above", 0)
    async with await Client.connect(server, cast.mia) as mia:
        await mia.set_value(revenue, value)
        await mia.set_value(cast.home.margin, 1)
        await raised(other, expected=True)
    assert Alert.objects.filter(rule=changed).exists() is told


async def test_b2_a_missing_value_is_told_once_and_again_after_one_came(
    server: Server, cast: Cast
) -> None:
    revenue, now = cast.home.revenue, timezone.now()
    missing = rule(revenue, RuleKind.MISSING, None, hours=2)
    async with await Client.connect(server, cast.mia) as mia:
        await mia.subscribe(cast.home.topic)
        # Other tests' rules are looked at, too.
        clock.raise_missing(now + timedelta(hours=1, minutes=59))
        assert not Alert.objects.filter(rule=missing).exists()
        clock.raise_missing(now + timedelta(hours=2, minutes=1))
        alert = await mia.until("ALERT", 20)
        assert alert["payload"]["threshold"] is None
        assert "Revenue has no new value since" in alert["payload"]["message"]
        clock.raise_missing(now + timedelta(hours=3))
        assert await alerts_in(mia) == []
        await mia.set_value(revenue, 1)
        await raised(missing, expected=False)
        clock.raise_missing(now + timedelta(hours=5))
        await mia.until("ALERT", 20)


def test_b2_a_rule_that_is_off_or_newer_than_the_value_alerts_nobody(cast: Cast) -> None:
    revenue, now = cast.home.revenue, timezone.now()
    rule(revenue, is_active=False)
    fresh = rule(revenue)
    assert evaluate(revenue, Decimal(200), now - timedelta(seconds=1)) == []
    [alert] = evaluate(revenue, Decimal(200), timezone.now())
    assert alert.rule == fresh


def test_b2_with_another_condition_a_rule_may_alert_again(cast: Cast) -> None:
    crossed = rule(cast.home.revenue)
    assert evaluate(cast.home.revenue, Decimal(200), timezone.now())
    crossed.refresh_from_db()
    crossed.severity = Severity.INFO
    crossed.save()
    assert crossed.raised
    crossed.threshold = Decimal(180)
    crossed.save()
    assert evaluate(cast.home.revenue, Decimal(200), timezone.now())


# ------------------------------------------------------------------ who gets it


async def test_s4_an_alert_goes_where_its_kpi_is_visible_and_nowhere_else(
    server: Server, cast: Cast
) -> None:
    margin = cast.home.margin  # of sales only
    rule(margin)
    async with (
        await Client.connect(server, cast.bob) as bob,
        await Client.connect(server, cast.vera) as vera,
        await Client.connect(server, cast.charlie) as charlie,
    ):
        await bob.subscribe(f"department:{cast.home.sales.pk}")
        await vera.subscribe(cast.home.topic)
        await charlie.subscribe(cast.other.topic)
        margin.value = Decimal(200)
        margin.save()
        await bob.until("ALERT", 20)
        assert await alerts_in(vera) == []
        assert await alerts_in(charlie) == []


async def test_b2_who_is_named_and_may_see_the_kpi_is_notified(server: Server, cast: Cast) -> None:
    margin = cast.home.margin
    margin.owner = cast.mia.user
    margin.save()
    crossed = rule(margin)
    off = make_person(cast.home.organization, "off", Role.ADMIN, None).user
    crossed.notify.set([cast.bob.user, cast.vera.user, off])
    off.is_active = False
    off.save()
    async with await Client.connect(server, cast.bob) as bob:
        await bob.subscribe(f"user:{cast.bob.id}")
        margin.value = Decimal(200)
        margin.save()
        told = (await bob.until("NOTIFICATION", 20))["payload"]
    assert told["category"] == "alert"
    assert told["title"] == "Margin is 200 %, above 150 %."
    assert told["data"]["kpiId"] == str(margin.pk)
    notified = Notification.objects.filter(data__kpiId=str(margin.pk))
    assert {n.user_id for n in notified} == {cast.bob.user.pk, cast.mia.user.pk}


async def test_b5_an_alert_is_in_a_snapshot_until_it_is_resolved(
    server: Server, cast: Cast
) -> None:
    rule(cast.home.revenue)
    [alert] = evaluate(cast.home.revenue, Decimal(200), timezone.now())
    key = ("alert", str(alert.pk))
    async with await Client.connect(server, cast.bob) as bob:
        await bob.subscribe(cast.home.topic)
        shown, cursor = await snapshot(bob, cast.home.topic)
        assert shown[key]["message"] == "Revenue is 200 EUR, above 150 EUR."
        assert shown[key]["state"] == "open"
        assert handling.acknowledge([alert], cast.mia.user) == 1
        told = (await bob.until("ALERT", 20))["payload"]
        assert (told["state"], told["acknowledgedBy"]) == ("acknowledged", cast.mia.id)
        assert handling.acknowledge([alert], cast.alice.user) == 0
        missed = await bob.sync(cast.home.topic, lastSequence=cursor)
        assert apply(shown, missed)[key]["acknowledgedBy"] == cast.mia.id
        assert shown == (await snapshot(bob, cast.home.topic))[0]
        evaluate(cast.home.revenue, Decimal(100), timezone.now())
        told = (await bob.until("ALERT", 20))["payload"]
        assert (told["state"], told["changeType"]) == ("resolved", "deleted")
        assert told["resolvedAt"] >= told["acknowledgedAt"]
        missed = await bob.sync(cast.home.topic, lastSequence=cursor)
        assert [m["payload"]["entityId"] for m in missed if m["type"] == "SYNC_DELETE"] == [key[1]]
        shown, _ = await snapshot(bob, cast.home.topic)
        assert key not in shown


async def test_s4_a_kpi_that_becomes_its_departments_takes_its_alerts_along(
    server: Server, cast: Cast
) -> None:
    revenue = cast.home.revenue
    rule(revenue)
    [alert] = evaluate(revenue, Decimal(200), timezone.now())
    key = ("alert", str(alert.pk))
    async with await Client.connect(server, cast.bob) as bob:
        _, cursor = await snapshot(bob, cast.home.topic)
        revenue.visibility = "department"
        revenue.save()
        missed = await bob.sync(cast.home.topic, lastSequence=cursor)
        gone = {m["payload"]["entityId"] for m in missed if m["type"] == "SYNC_DELETE"}
        assert gone == {str(revenue.pk), key[1]}
        shown, _ = await snapshot(bob, cast.home.topic)
        assert key not in shown
        shown, _ = await snapshot(bob, f"department:{cast.home.sales.pk}")
        assert key in shown


# ------------------------------------------------------------------ notifications


def notify(person: Person, title: str = "Look") -> str:
    user = person.user
    assert user.organization_id is not None
    made = Notification.objects.create(
        organization_id=user.organization_id, user=user, category="test", title=title, data={"n": 1}
    )
    return str(made.pk)


async def test_b2_unread_notifications_come_with_a_sync_and_read_ones_do_not(
    server: Server, cast: Cast
) -> None:
    first, second = notify(cast.bob), notify(cast.bob)
    notify(cast.mia)
    topic = f"user:{cast.bob.id}"
    async with await Client.connect(server, cast.bob) as bob:
        shown, cursor = await snapshot(bob, topic)
        assert set(shown) == {("notification", first), ("notification", second)}
        answer = await bob.ask("NOTIFICATION_READ", {"notificationIds": [first]})
        assert answer["type"] == "NOTIFICATION_READ"
        assert answer["payload"]["notificationIds"] == [first]
        missed = await bob.sync(topic, lastSequence=cursor)
        assert [m["payload"]["entityId"] for m in missed if m["type"] == "SYNC_DELETE"] == [first]
        shown, _ = await snapshot(bob, topic)
        assert set(shown) == {("notification", second)}


async def test_b2_marking_as_read_is_answered_once_with_all_ids_on_every_device(
    server: Server, cast: Cast
) -> None:
    ids = [notify(cast.bob) for _ in range(3)]
    async with (
        await Client.connect(server, cast.bob) as bob,
        await Client.connect(server, cast.bob) as other_device,
    ):
        for client in (bob, other_device):
            await client.subscribe(f"user:{cast.bob.id}")
        await bob.send("NOTIFICATION_READ", {"notificationIds": ids}, request_id="r")
        answer = await bob.answer("r")
        assert answer["payload"]["notificationIds"] == ids
        told = await other_device.until("NOTIFICATION_READ", 20)
        assert told["payload"]["notificationIds"] == ids
        assert "requestId" not in told
        assert await bob.settle() == []
        assert await other_device.settle() == []
        # A retry, and reading what has been read, are answered alike.
        await bob.send("NOTIFICATION_READ", {"notificationIds": ids}, request_id="r")
        assert (await bob.answer("r"))["payload"]["notificationIds"] == ids
        again = await bob.ask("NOTIFICATION_READ", {"notificationIds": ids})
        assert again["payload"] == {"notificationIds": ids}
        assert await other_device.settle() == []
    assert Notification.objects.filter(pk__in=ids, read_at=None).count() == 0


async def test_b2_another_users_notification_is_like_one_that_is_not_there(
    server: Server, cast: Cast
) -> None:
    own, of_mia = notify(cast.bob), notify(cast.mia)
    async with await Client.connect(server, cast.bob) as bob:
        for other in (of_mia, "00000000-0000-4000-8000-000000000000", "nonsense"):
            refused = await bob.ask("NOTIFICATION_READ", {"notificationIds": [own, other]})
            assert error_of(refused) == ("UNAUTHORIZED", {"notificationId": other})
    assert Notification.objects.filter(pk__in=[own, of_mia], read_at=None).count() == 2


@pytest.mark.parametrize(("count", "accepted"), [(0, False), (1, True), (500, True), (501, False)])
async def test_e4_one_to_500_notifications_are_marked_at_once(
    server: Server, cast: Cast, count: int, accepted: bool
) -> None:
    ids = [notify(cast.bob)] * count
    async with await Client.connect(server, cast.bob) as bob:
        answer = await bob.ask("NOTIFICATION_READ", {"notificationIds": ids})
    assert answer["type"] == ("NOTIFICATION_READ" if accepted else "ERROR")


def test_the_worker_is_quiet(worker: Path, cast: Cast) -> None:
    assert "ERROR" not in worker.read_text()
