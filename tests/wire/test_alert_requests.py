"""ALERT_ACKNOWLEDGE and ALERT_SNOOZE: by whom, of what, and until when (decision B5)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from bos.models import Notification
from kpis.alerts.handling import LONGEST_SNOOZE
from kpis.models import Alert, AlertRule, Kpi, RuleKind
from sync.protocol.times import wire_time
from tests.support.cast import Cast, Person
from tests.support.client import Client, Message, error_of
from tests.support.server import Server

UNKNOWN = "00000000-0000-4000-8000-000000000000"


def alert_of(kpi: Kpi, *notified: Person) -> Alert:
    made = Alert.objects.create(
        organization=kpi.organization,
        kpi=kpi,
        severity="info",
        message="High",
        raised_at=timezone.now(),
    )
    for person in notified:
        Notification.objects.create(
            organization=kpi.organization,
            user=person.user,
            category="alert",
            title="High",
            data={"alertId": str(made.pk)},
        )
    return made


def of(alert: Alert | str, **more: Any) -> dict[str, Any]:
    return {"alertId": alert if isinstance(alert, str) else str(alert.pk)} | more


def hours(count: float) -> str:
    return wire_time(timezone.now() + timedelta(hours=count))


async def test_b5_an_alert_is_acknowledged_and_everybody_who_sees_it_is_told(
    server: Server, cast: Cast
) -> None:
    alert = alert_of(cast.home.revenue)
    async with (
        await Client.connect(server, cast.mia) as mia,
        await Client.connect(server, cast.vera) as vera,
        await Client.connect(server, cast.charlie) as charlie,
    ):
        await vera.subscribe(cast.home.topic)
        await charlie.subscribe(cast.other.topic)
        await mia.send("ALERT_ACKNOWLEDGE", of(alert), request_id="r")
        answer = await mia.answer("r")
        assert answer["type"] == "ALERT"
        assert answer["payload"]["state"] == "acknowledged"
        assert answer["payload"]["acknowledgedBy"] == cast.mia.id
        assert answer["payload"]["changeType"] == "updated"
        told = await vera.until("ALERT")
        assert told["payload"] == answer["payload"]
        assert "requestId" not in told
        # The same request once more has no second effect and the first answer.
        await mia.send("ALERT_ACKNOWLEDGE", of(alert), request_id="r")
        assert await mia.answer("r") == answer
        again = await mia.ask("ALERT_ACKNOWLEDGE", of(alert))
        reason = "it is acknowledged already"
        assert error_of(again) == ("NOT_FOUND", {"alertId": str(alert.pk), "reason": reason})
        assert [m for m in await charlie.settle() if m["type"] == "ALERT"] == []
    alert.refresh_from_db()
    assert alert.acknowledged_by == cast.mia.user


async def test_b5_an_alert_is_snoozed_until_a_time_and_again_until_another(
    server: Server, cast: Cast
) -> None:
    alert = alert_of(cast.home.revenue)
    until, later = hours(1), hours(48)
    async with await Client.connect(server, cast.mia) as mia:
        answer = await mia.ask("ALERT_SNOOZE", of(alert, until=until))
        assert answer["type"] == "ALERT"
        assert answer["payload"]["snoozedUntil"] == until
        assert answer["payload"]["state"] == "open"
        refused = await mia.ask("ALERT_SNOOZE", of(alert, until=until))
        assert error_of(refused)[0] == "NOT_FOUND"
        answer = await mia.ask("ALERT_SNOOZE", of(alert, until=later))
        assert answer["payload"]["snoozedUntil"] == later
        answer = await mia.ask("ALERT_ACKNOWLEDGE", of(alert))
        assert answer["payload"]["snoozedUntil"] == later
        Alert.objects.filter(pk=alert.pk).update(resolved_at=timezone.now())
        for name, more in (("ALERT_ACKNOWLEDGE", {}), ("ALERT_SNOOZE", {"until": until})):
            refused = await mia.ask(name, of(alert, **more))
            assert error_of(refused)[1]["reason"] == "it is resolved already"


@pytest.mark.once("sqlite")
async def test_b5_a_snooze_is_of_the_future_and_of_at_most_30_days(
    server: Server, cast: Cast
) -> None:
    alert = alert_of(cast.home.revenue)
    now, minute = timezone.now(), timedelta(minutes=1)
    cases: list[tuple[Any, str]] = [
        (wire_time(now - minute), "is over"),
        ("0001-01-01T00:00:00+14:00", "is over"),
        (wire_time(now + LONGEST_SNOOZE + minute), "at most 30 days from now"),
        ("9999-12-31T23:59:59-14:00", "at most 30 days from now"),
        ("tomorrow", "Expected an RFC 3339 time with its offset"),
        ("2030-01-01T00:00:00", "Expected an RFC 3339 time with its offset"),
    ]
    async with await Client.connect(server, cast.mia) as mia:
        for until, reason in cases:
            code, details = error_of(await mia.ask("ALERT_SNOOZE", of(alert, until=until)))
            assert (code, details["field"]) == ("INVALID_MESSAGE_FORMAT", "payload.until")
            assert details["reason"] == reason, until
        for until in (None, 5, ""):
            refused = await mia.ask("ALERT_SNOOZE", of(alert, until=until))
            assert error_of(refused)[1]["field"] == "payload.until"
        most = wire_time(now + LONGEST_SNOOZE - minute)
        assert (await mia.ask("ALERT_SNOOZE", of(alert, until=most)))["type"] == "ALERT"


async def both(server: Server, person: Person, alert: Alert | str) -> list[Message]:
    async with await Client.connect(server, person) as client:
        return [
            await client.ask("ALERT_SNOOZE", of(alert, until=hours(5))),
            await client.ask("ALERT_ACKNOWLEDGE", of(alert)),
        ]


@pytest.mark.parametrize("by", ["alice", "mia", "owner", "notified", "named"])
async def test_b5_an_alert_is_handled_by_managers_the_owner_and_the_notified(
    server: Server, cast: Cast, by: str
) -> None:
    revenue = cast.home.revenue
    person = getattr(cast, by, cast.vera)
    if by == "owner":
        revenue.owner = person.user
        revenue.save()
    alert = alert_of(revenue, *([person] if by == "notified" else []))
    if by == "named":
        rule = AlertRule.objects.create(
            organization=revenue.organization, kpi=revenue, kind=RuleKind.ABOVE, threshold=1
        )
        rule.notify.set([person.user])
        alert.rule = rule
        alert.save()
    assert [m["type"] for m in await both(server, person, alert)] == ["ALERT", "ALERT"]


async def test_b5_nobody_else_handles_an_alert_nor_learns_that_it_is_there(
    server: Server, cast: Cast
) -> None:
    revenue, margin = cast.home.revenue, cast.home.margin
    archived = Kpi.objects.create(organization=revenue.organization, name="Old")
    of_archived = alert_of(archived)
    Kpi.objects.filter(pk=archived.pk).update(archived_at=timezone.now())
    cases: list[tuple[Person, Alert | str]] = [
        (cast.bob, alert_of(revenue, cast.vera)),  # sees it, and is not concerned
        (cast.vera, alert_of(margin, cast.vera)),  # was notified, and does not see it any more
        (cast.charlie, alert_of(revenue)),  # an admin elsewhere
        (cast.mia, of_archived),
        (cast.mia, UNKNOWN),
        (cast.mia, "nonsense"),
    ]
    for person, alert in cases:
        for refused in await both(server, person, alert):
            assert error_of(refused) == ("UNAUTHORIZED", of(alert))
    assert not Alert.objects.exclude(acknowledged_at=None, snoozed_until=None).filter(
        organization=revenue.organization
    )
