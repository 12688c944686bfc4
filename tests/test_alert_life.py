"""An alert's life: open, acknowledged, resolved; snoozed; a crossing that has to last (B5)."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.db import IntegrityError, transaction
from django.utils import timezone

from bos.models import Notification
from kpis.alerts import clock, handling, services
from kpis.models import Alert, AlertRule, Kpi, KpiValue, RuleKind
from sync.eventlog import log
from sync.eventlog.processors import advance
from sync.models import Event
from tests.support.backlog import skip_backlog
from tests.support.cast import Cast
from tests.support.importing import head

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
CHANGE, MISSING = RuleKind.CHANGE, RuleKind.MISSING


@pytest.fixture(autouse=True)
def backlog(database: None) -> None:
    skip_backlog()


@pytest.fixture
def kpi(cast: Cast) -> Kpi:
    """Without any value."""
    made = Kpi(organization=cast.home.organization, name="Orders", unit="pcs")
    made.save()
    return made


def rule(kpi: Kpi, kind: str = "above", threshold: Any = 100, **more: Any) -> AlertRule:
    made = AlertRule(organization=kpi.organization, kpi=kpi, kind=kind, threshold=threshold, **more)
    made.full_clean()
    made.save()
    return made


def set_value(kpi: Kpi, *values: float) -> None:
    for value in values:
        kpi.value = Decimal(str(value))
        kpi.save()
    advance()


def judge(kpi: Kpi, value: float, at: datetime) -> list[Alert]:
    """Have the value judged as a worker would have done if it had been set then."""
    KpiValue.objects.create(kpi=kpi, value=value, at=at, actor_id="test")
    AlertRule.objects.filter(kpi=kpi).update(created_at=at - 400 * DAY)
    with transaction.atomic():
        rules = services.rules_of([kpi])[kpi.pk]
        return services.evaluate(kpi, rules, Decimal(str(value)), at)


def lasting(kpi: Kpi, now: datetime) -> list[Alert]:
    """Look at the clock, as for other tests' rules, too."""
    return [alert for alert in clock.raise_lasting(now) if alert.kpi_id == kpi.pk]


def woken(kpi: Kpi, now: datetime) -> int:
    snoozed = Alert.objects.filter(kpi=kpi, snoozed_until__isnull=False)
    before = snoozed.count()
    clock.wake_snoozed(now)
    return before - snoozed.count()


def states(kpi: Kpi) -> list[str]:
    return [alert.state for alert in Alert.objects.filter(kpi=kpi).order_by("raised_at")]


# ------------------------------------------------------------------ back inside


def test_b5_a_kpi_that_comes_back_resolves_its_alert(kpi: Kpi) -> None:
    rule(kpi)
    set_value(kpi, 150)
    assert states(kpi) == ["open"]
    set_value(kpi, 100)
    assert states(kpi) == ["resolved"]
    alert = Alert.objects.get(kpi=kpi)
    assert alert.resolved_at is not None
    assert alert.resolved_at >= alert.raised_at
    told = Event.objects.filter(entity_id=str(alert.pk)).order_by("sequence")
    assert [event.change_type for event in told] == ["created", "deleted"]
    assert [event.live_type for event in told] == ["ALERT", "ALERT"]
    assert '"state":"resolved"' in told[1].live
    set_value(kpi, 160)
    assert states(kpi) == ["resolved", "open"]


def test_b5_values_around_a_threshold_leave_one_unresolved_alert(kpi: Kpi) -> None:
    rule(kpi)
    for value in (150, 50, 160, 40, 170, 180):
        set_value(kpi, value)
    assert states(kpi) == ["resolved", "resolved", "open"]
    set_value(kpi, 30)
    assert states(kpi) == ["resolved"] * 3


def test_b5_a_rule_cannot_have_two_unresolved_alerts(cast: Cast, kpi: Kpi) -> None:
    made = rule(kpi)
    of_rule: dict[str, Any] = {
        "organization": kpi.organization, "kpi": kpi, "rule": made, "severity": "info",
        "message": "Over", "raised_at": timezone.now(),
    }  # fmt: skip
    Alert.objects.create(**of_rule)
    with pytest.raises(IntegrityError), transaction.atomic():
        Alert.objects.create(**of_rule)
    Alert.objects.filter(rule=made).update(resolved_at=timezone.now())
    Alert.objects.create(**of_rule)


HYSTERESIS = [
    # kind, threshold, hysteresis, beyond, not back yet, back
    ("above", 100, 10, 101, 90.0001, 90),
    ("below", 100, 10, 99, 109.9999, 110),
    ("above", -100, 10, -99, -109.9999, -110),
    ("below", -100, 10, -101, -90.0001, -90),
    ("above", 100, 0, 101, 100.0001, 100),
    ("above", 100, Decimal("0.5"), 101, 99.5001, 99.5),
]


@pytest.mark.parametrize(("kind", "threshold", "percent", "beyond", "near", "back"), HYSTERESIS)
def test_b5_an_alert_resolves_once_the_kpi_is_back_by_the_hysteresis(
    kpi: Kpi, kind: str, threshold: int, percent: Any, beyond: float, near: float, back: float
) -> None:
    rule(kpi, kind, threshold, hysteresis=percent)
    set_value(kpi, near)
    outside = near > threshold if kind == "above" else near < threshold
    set_value(kpi, beyond, near)
    assert states(kpi) == ["open"], outside
    set_value(kpi, back)
    assert states(kpi) == ["resolved"]


def test_b5_the_hysteresis_of_a_change_is_of_its_percentage(kpi: Kpi) -> None:
    rule(kpi, CHANGE, 50, hours=24, hysteresis=20)
    set_value(kpi, 100)
    set_value(kpi, 150)
    set_value(kpi, 140)  # 40 % more than 100: at 50 % less a fifth
    assert states(kpi) == ["open"]
    set_value(kpi, 139)
    assert states(kpi) == ["resolved"]


def test_b5_a_value_that_comes_at_last_resolves_the_alert_that_it_was_missing(kpi: Kpi) -> None:
    rule(kpi, MISSING, None, hours=2)
    clock.raise_missing(timezone.now() + 3 * 60 * MINUTE)
    assert states(kpi) == ["open"]
    set_value(kpi, 1)
    assert states(kpi) == ["resolved"]


def test_b5_an_outage_that_nobody_saw_is_told_and_resolved_at_once(kpi: Kpi) -> None:
    made = rule(kpi, MISSING, None, hours=2)
    AlertRule.objects.filter(pk=made.pk).update(created_at=timezone.now() - DAY)
    set_value(kpi, 1)
    assert states(kpi) == ["resolved"]
    told = Event.objects.filter(entity_type="alert", topic_4=str(kpi.pk)).order_by("sequence")
    assert [event.change_type for event in told] == ["created", "deleted"]


@pytest.mark.parametrize("end", ["another threshold", "off", "deleted", "queryset"])
def test_b5_an_alert_is_resolved_with_the_condition_that_raised_it(kpi: Kpi, end: str) -> None:
    made = rule(kpi)
    set_value(kpi, 150)
    if end == "deleted":
        made.delete()
    elif end == "queryset":
        AlertRule.objects.filter(pk=made.pk).delete()
    elif end == "off":
        made.is_active = False
        made.save()
    else:
        made.threshold = Decimal(200)
        made.save()
    assert states(kpi) == ["resolved"]


# ------------------------------------------------------------------ crossed for so long


def test_b5_a_crossing_that_has_to_last_alerts_after_its_minutes_and_not_before(kpi: Kpi) -> None:
    made = rule(kpi, for_minutes=10)
    set_value(kpi, 150)
    assert states(kpi) == []
    since = AlertRule.objects.get(pk=made.pk).crossed_since
    assert since is not None
    assert lasting(kpi, since + 10 * MINUTE - timedelta(microseconds=1)) == []
    [alert] = lasting(kpi, since + 10 * MINUTE)
    assert alert.message == "Orders is 150 pcs, above 100 pcs, for 10 minutes."
    assert lasting(kpi, since + 20 * MINUTE) == []
    set_value(kpi, 160, 90)
    assert states(kpi) == ["resolved"]


def test_b5_a_crossing_that_ends_before_its_minutes_alerts_nobody(kpi: Kpi) -> None:
    rule(kpi, for_minutes=10)
    set_value(kpi, 150, 100)
    assert lasting(kpi, timezone.now() + DAY) == []
    set_value(kpi, 150)
    now = timezone.now()
    assert lasting(kpi, now + 9 * MINUTE) == []
    assert states(kpi) == []


def test_b5_further_values_beyond_do_not_begin_the_minutes_anew(kpi: Kpi) -> None:
    made, now = rule(kpi, for_minutes=10), timezone.now()
    assert judge(kpi, 150, now - 12 * MINUTE) == []
    assert judge(kpi, 140, now - 3 * MINUTE) == []
    assert AlertRule.objects.get(pk=made.pk).crossed_since == now - 12 * MINUTE
    assert len(judge(kpi, 145, now - 2 * MINUTE)) == 1


def test_b5_a_crossing_that_lasted_while_no_worker_ran_is_told_once_and_resolved(kpi: Kpi) -> None:
    rule(kpi, for_minutes=10)
    now = timezone.now()
    judge(kpi, 150, now - 30 * MINUTE)
    [alert] = judge(kpi, 90, now - 10 * MINUTE)
    assert states(kpi) == ["resolved"]
    assert alert.message.startswith("Orders was above 100 pcs from ")
    assert judge(kpi, 80, now) == []


def test_b5_time_raises_no_alert_while_a_value_that_ended_the_crossing_waits(kpi: Kpi) -> None:
    rule(kpi, for_minutes=10)
    set_value(kpi, 150)
    for value in (90, 150):
        kpi.value = Decimal(value)
        kpi.save()
    assert lasting(kpi, timezone.now() + DAY) == []  # no worker has looked at these
    advance()
    assert len(lasting(kpi, timezone.now() + DAY)) == 1


def test_b5_a_rule_saved_from_an_old_row_goes_on_counting_its_minutes(kpi: Kpi) -> None:
    made = rule(kpi, for_minutes=10)
    set_value(kpi, 150)
    made.severity = "critical"
    made.save()
    assert AlertRule.objects.get(pk=made.pk).crossed_since is not None
    made.threshold = Decimal(120)
    made.save()
    assert AlertRule.objects.get(pk=made.pk).crossed_since is None


def test_b5_an_archived_kpi_alerts_nobody_when_its_minutes_are_over(kpi: Kpi) -> None:
    rule(kpi, for_minutes=10)
    set_value(kpi, 150)
    Kpi.objects.filter(pk=kpi.pk).update(archived_at=timezone.now())
    assert lasting(kpi, timezone.now() + DAY) == []


# ------------------------------------------------------------------ snoozed


def test_b5_a_snoozed_alert_is_told_again_when_its_time_is_over(cast: Cast, kpi: Kpi) -> None:
    made = rule(kpi)
    made.notify.set([cast.bob.user])
    set_value(kpi, 150)
    alert = Alert.objects.get(kpi=kpi)
    until = timezone.now() + DAY
    assert handling.snooze([alert], until) == 1
    assert woken(kpi, until - MINUTE) == 0
    before = head(cast)
    assert woken(kpi, until) == 1
    told = Event.objects.filter(organization_id=cast.home.id, sequence__gt=before)
    assert sorted(event.live_type for event in told) == ["ALERT", "NOTIFICATION"]
    assert Notification.objects.filter(user=cast.bob.user, category="alert").count() == 2
    assert woken(kpi, until + DAY) == 0


def test_b5_a_snooze_outlasts_the_alert_and_keeps_the_next_one_quiet(cast: Cast, kpi: Kpi) -> None:
    made = rule(kpi)
    made.notify.set([cast.bob.user])
    set_value(kpi, 150)
    until = timezone.now() + DAY
    handling.snooze(Alert.objects.filter(kpi=kpi), until)
    set_value(kpi, 50, 160)
    first, second = Alert.objects.filter(kpi=kpi).order_by("raised_at")
    assert (first.state, second.state) == ("resolved", "open")
    assert (first.snoozed_until, second.snoozed_until) == (None, until)
    assert Notification.objects.filter(user=cast.bob.user, category="alert").count() == 1
    assert woken(kpi, until) == 1
    assert Notification.objects.filter(user=cast.bob.user, category="alert").count() == 2
    set_value(kpi, 50, 170)
    assert Notification.objects.filter(user=cast.bob.user, category="alert").count() == 3


def test_b5_a_resolved_alert_is_neither_acknowledged_nor_snoozed_nor_woken(
    cast: Cast, kpi: Kpi
) -> None:
    rule(kpi)
    set_value(kpi, 150)
    alerts = Alert.objects.filter(kpi=kpi)
    until = timezone.now() + MINUTE
    handling.snooze(alerts, until)
    set_value(kpi, 50)
    assert woken(kpi, until) == 0
    assert handling.acknowledge(alerts, cast.mia.user) == 0
    assert handling.snooze(alerts, until) == 0
    assert states(kpi) == ["resolved"]


def test_b5_what_is_resolved_is_no_event_to_anybody(cast: Cast, kpi: Kpi) -> None:
    made = rule(kpi)
    set_value(kpi, 150, 50)
    before = log.head(cast.home.id).sequence
    made.delete()
    Alert.objects.filter(kpi=kpi).delete()
    assert log.head(cast.home.id).sequence == before


# ------------------------------------------------------------------ what was there before


def test_b5_alerts_of_before_are_resolved_but_those_of_kpis_that_are_still_beyond(
    cast: Cast, kpi: Kpi
) -> None:
    beyond, back = rule(kpi, threshold=100), rule(kpi, threshold=200)
    seen = rule(kpi, threshold=150)
    AlertRule.objects.filter(pk__in=[beyond.pk, seen.pk]).update(raised=True)
    now = timezone.now()

    def alert(of: AlertRule | None, hours: int, **more: Any) -> Alert:
        return Alert(
            organization=kpi.organization, kpi=kpi, rule=of, severity="info", message="Over",
            raised_at=now - timedelta(hours=hours), **more,
        )  # fmt: skip

    old, newest = alert(beyond, 9), alert(beyond, 1)
    acknowledged = alert(back, 5, acknowledged_at=now - timedelta(hours=4))
    without, known = alert(None, 3), alert(seen, 2, acknowledged_at=now)
    rows = [old, newest, acknowledged, without, known]
    # As they were before there was a constraint.
    for row in (old, acknowledged, without):
        row.resolved_at = now
    Alert.objects.bulk_create(rows)
    Alert.objects.exclude(pk=newest.pk).filter(kpi=kpi).exclude(rule=beyond).update(
        resolved_at=None
    )
    before = log.head(cast.home.id)
    migration = import_module("kpis.migrations.0013_alerts_of_before")
    migration.settle(apps, None)
    stored = {row.pk: row for row in Alert.objects.filter(kpi=kpi)}
    assert [stored[row.pk].state for row in rows] == [
        "resolved", "open", "resolved", "resolved", "acknowledged",
    ]  # fmt: skip
    assert stored[acknowledged.pk].resolved_at == acknowledged.acknowledged_at
    assert log.head(cast.home.id).sequence > before.sequence  # clients take a snapshot
