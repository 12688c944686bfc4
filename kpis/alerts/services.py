"""Alerts: rules are looked at with each new value, in the order of the log (decision B2)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from django.db import connection, transaction
from django.db.models import F, OuterRef, Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone

from bos.adminsite.numbers import plain_number, rounded_number
from bos.entities import NotificationSubject
from bos.models import Notification, User
from kpis.alerts.past import MOST_AHEAD, Past
from kpis.models import Alert, AlertRule, Kpi, KpiValue, RuleKind
from kpis.permissions import may_see
from sync.eventlog.threads import in_batches, letting_others_write

AT_ONCE = 500
"""Alerts and notifications of one transaction: some tenths of a second, in which others of the
organization (on SQLite: all others) wait."""
ACKNOWLEDGED_AT_ONCE = 500


@dataclass(slots=True)
class Room:
    """How many alerts and notifications the transaction that is open may still have."""

    left: int = AT_ONCE


@dataclass(frozen=True, slots=True)
class Crossing:
    """A rule that its KPI has crossed. message: what people read. is_over: it is back already."""

    rule: AlertRule
    kpi: Kpi
    value: Decimal | None
    message: str
    is_over: bool = False


def rules_of(kpis: Iterable[Kpi]) -> dict[UUID, list[AlertRule]]:
    """The active rules of these KPIs by KPI, locked until the caller's transaction ends."""
    rules: dict[UUID, list[AlertRule]] = {kpi.pk: [] for kpi in kpis}
    found = AlertRule.objects.filter(kpi__in=rules, is_active=True).order_by("pk")
    for rule in found.select_for_update():
        rules[rule.kpi_id].append(rule)
    return rules


def evaluate(
    kpi: Kpi,
    rules: Iterable[AlertRule],
    value: Decimal,
    at: datetime,
    *,
    measured_at: datetime | None = None,
    room: Room | None = None,
) -> list[Alert]:
    """Raise an alert for each rule that this value crosses; once until the KPI is back.

    rules: of the KPI, by `rules_of`. at: when the value was set. measured_at: the second in which
    it was measured, where that was another time. Where the room is used up it stops, and goes on
    with the other rules when it is called once more for the same value. Runs inside the caller's
    transaction.
    """
    past = Past(kpi.pk, value, at, measured_at)
    crossings, back = [], []
    for rule in rules:
        if rule.created_at > at:
            continue
        message = _crossed(rule, kpi, value, past)
        if message is not None:
            if not rule.raised:
                crossings.append(Crossing(rule, kpi, value, message))
        elif rule.kind == RuleKind.MISSING:
            if _is_in_time(rule, past):
                crossings += _untold(rule, kpi, past)
                back.append(rule)
        else:
            back.append(rule)
    _lower(back)
    return _raise(crossings, room or Room())


def _crossed(rule: AlertRule, kpi: Kpi, value: Decimal, past: Past) -> str | None:
    """Return the alert's message where the value is beyond the rule; None where it is not."""
    threshold = rule.threshold
    if threshold is None:
        return None
    match RuleKind(rule.kind):
        case RuleKind.ABOVE:
            beyond = value > threshold
        case RuleKind.BELOW:
            beyond = value < threshold
        case RuleKind.CHANGE:
            return _changed(rule, kpi, value, past)
        case RuleKind.MISSING:
            beyond = False
    if not beyond:
        return None
    return f"{kpi.name} is {_figure(value, kpi)}, {rule.kind} {_figure(threshold, kpi)}."


def _changed(rule: AlertRule, kpi: Kpi, value: Decimal, past: Past) -> str | None:
    """The largest change within the rule's time, where it is as large as the rule says.

    A change away from 0 has no percentage and is larger than any.
    """
    assert rule.hours is not None
    assert rule.threshold is not None
    window = past.within(rule.hours)
    if window is None:
        return None
    is_now, time = f"{kpi.name} is {_figure(value, kpi)}", f"in {rule.hours} h"
    others = [old for old in window if old != value]
    if 0 in others:
        return f"{is_now}: changed from {_figure(Decimal(0), kpi)} {time}."
    percents = {old: (value - old) / abs(old) * 100 for old in others}
    if not percents:
        return None
    old = max(percents, key=lambda old: abs(percents[old]))
    if abs(percents[old]) < rule.threshold:
        return None
    sign = "+" if percents[old] > 0 else "-"
    percent = rounded_number(float(abs(percents[old])))
    return f"{is_now}: changed by {sign}{percent} % {time}, from {_figure(old, kpi)}."


def _lower(rules: Sequence[AlertRule]) -> None:
    """The KPI is back: these may alert again."""
    lowered = [rule for rule in rules if rule.raised]
    if lowered:
        AlertRule.objects.filter(pk__in=[rule.pk for rule in lowered]).update(raised=False)
    for rule in lowered:
        rule.raised = False


# ------------------------------------------------------------------ values that are missing


def raise_missing(now: datetime | None = None) -> list[Alert]:
    """Raise an alert for each KPI that has had no value for its rule's time.

    What was measured in a future that no clock can mean is no value. In batches, each in a
    transaction of its own.
    """
    now = now or timezone.now()
    values = KpiValue.objects.filter(kpi=OuterRef("kpi"), at__lte=now + MOST_AHEAD)
    last_at = Subquery(values.order_by("-at").values("at")[:1])
    candidates = AlertRule.objects.filter(
        kind=RuleKind.MISSING, is_active=True, raised=False, kpi__archived_at=None
    ).annotate(last_at=Coalesce(last_at, F("created_at")))
    since = {
        rule_id: last_at
        for rule_id, hours, last_at in candidates.values_list("pk", "hours", "last_at")
        if last_at <= now - timedelta(hours=hours)
    }
    raised, left = [], sorted(since)
    while left:
        with letting_others_write(), transaction.atomic():
            crossings = _missing({rule_id: since[rule_id] for rule_id in left[:AT_ONCE]})
            new = _raise(crossings, Room())
        raised += new
        told = {alert.rule_id for alert in new}
        others = [c.rule.pk for c in crossings if c.rule.pk not in told]
        left = others + left[AT_ONCE:]
    return raised


def _missing(since: dict[UUID, datetime]) -> list[Crossing]:
    """Return crossings without an alert; a locked rule is left for next time, without a wait."""
    skip_locked = connection.features.has_select_for_update_skip_locked
    rules = (
        AlertRule.objects.select_for_update(of=("self",), skip_locked=skip_locked)
        .select_related("kpi")
        .filter(pk__in=since, raised=False, kpi__archived_at=None)
        .order_by("pk")
    )
    return [
        Crossing(
            rule,
            rule.kpi,
            rule.kpi.value,
            f"{rule.kpi.name} has no new value since {_time(since[rule.pk])} UTC.",
        )
        for rule in rules
    ]


def _is_in_time(rule: AlertRule, past: Past) -> bool:
    """Whether the value ends an outage: one that is late says nothing of how things are now."""
    assert rule.hours is not None
    return past.measured_at > past.told_at - timedelta(hours=rule.hours)


def _untold(rule: AlertRule, kpi: Kpi, past: Past) -> list[Crossing]:
    """The outage that this value ends, where it has ended before `raise_missing` saw it.

    No worker ran meanwhile, or the value came within the minute.
    """
    assert rule.hours is not None
    hours = timedelta(hours=rule.hours)
    since = past.previous_at() or rule.created_at
    # What was missing when the rule was made has not crossed it.
    if rule.raised or past.measured_at - since <= hours or since + hours <= rule.created_at:
        return []
    if Alert.objects.filter(rule=rule, raised_at__gt=since).exists():
        return []
    period = f"from {_time(since)} to {_time(past.measured_at)} UTC"
    message = f"{kpi.name} had no new value {period}."
    return [Crossing(rule, kpi, kpi.value, message, is_over=True)]


def _time(at: datetime) -> str:
    return f"{at:%d %B %Y, %H:%M}"


# ------------------------------------------------------------------ telling


def _raise(crossings: Sequence[Crossing], room: Room) -> list[Alert]:
    """Store alerts and notifications of these, as far as there is room; at least one alert."""
    some = crossings[: max(room.left, 1)]
    told = _people_of(some)
    alerts: list[Alert] = []
    notifications: list[Notification] = []
    for crossing in some:
        alert = _alert(crossing)
        alerts.append(alert)
        notifications += [_notification(alert, user) for user in told[crossing.rule.pk]]
        if len(alerts) + len(notifications) >= room.left:
            break
    room.left -= len(alerts) + len(notifications)
    Alert.objects.bulk_create(alerts)
    Notification.objects.bulk_create(notifications)
    beyond = [c.rule for c in some[: len(alerts)] if not c.is_over]
    AlertRule.objects.filter(pk__in=[rule.pk for rule in beyond]).update(raised=True)
    for rule in beyond:
        rule.raised = True
    return alerts


def _alert(crossing: Crossing) -> Alert:
    rule, kpi = crossing.rule, crossing.kpi
    return Alert(
        organization_id=kpi.organization_id,
        kpi=kpi,
        rule=rule,
        severity=rule.severity,
        message=crossing.message[:300],
        value=crossing.value,
        threshold=rule.threshold,
        raised_at=timezone.now(),
    )


def _notification(alert: Alert, user: User) -> Notification:
    return Notification(
        organization_id=alert.organization_id,
        user=user,
        category="alert",
        title=alert.message[:200],
        message=f"Severity: {alert.get_severity_display()}.",
        data=NotificationSubject(
            alert_id=str(alert.pk), kpi_id=str(alert.kpi_id), severity=alert.severity
        ).stored(),
    )


def _people_of(crossings: Iterable[Crossing]) -> dict[UUID, list[User]]:
    """By rule those whom it names and who may see its KPI; each is looked at once a KPI."""
    named: dict[UUID, set[UUID]] = defaultdict(set)
    rules = {crossing.rule.pk: crossing for crossing in crossings}
    links = AlertRule.notify.through.objects.filter(alertrule__in=rules)
    for rule_id, user_id in links.values_list("alertrule_id", "user_id"):
        named[rule_id].add(user_id)
    for rule_id, crossing in rules.items():
        if crossing.rule.notify_owner and crossing.kpi.owner_id is not None:
            named[rule_id].add(crossing.kpi.owner_id)
    users = User.objects.filter(pk__in=set().union(*named.values()), is_active=True)
    by_id = {user.pk: user for user in users}
    sees: dict[tuple[UUID, UUID], bool] = {}
    people: dict[UUID, list[User]] = {}
    for rule_id, crossing in rules.items():
        kpi = crossing.kpi
        known = sorted(named[rule_id] & by_id.keys())
        for key in {(user_id, kpi.pk) for user_id in known} - sees.keys():
            sees[key] = may_see(by_id[key[0]], kpi)
        people[rule_id] = [by_id[user_id] for user_id in known if sees[user_id, kpi.pk]]
    return people


def _figure(value: Decimal, kpi: Kpi) -> str:
    return f"{plain_number(value)} {kpi.unit}".strip()


def acknowledge(alerts: Iterable[Alert], user: User) -> int:
    """Mark as seen by this user those that nobody has acknowledged; how many those were.

    In batches, each in a transaction of its own: others write between two of them.
    """
    acknowledged = 0
    for some in in_batches([alert.pk for alert in alerts], ACKNOWLEDGED_AT_ONCE):
        with transaction.atomic():
            unseen = Alert.objects.filter(pk__in=some, acknowledged_at=None)
            acknowledged += unseen.update(acknowledged_at=timezone.now(), acknowledged_by=user)
    return acknowledged
