"""Alerts are raised and resolved, and people are notified of them, within one transaction."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.utils import timezone

from bos.entities import NotificationSubject
from bos.models import Notification, User
from kpis.alerts.judging import Outcome
from kpis.models import Alert, AlertRule, Kpi, resolve_alerts
from kpis.permissions import may_see

AT_ONCE = 500
"""Alerts and notifications of one transaction: some tenths of a second, in which others of the
organization (on SQLite: all others) wait."""
CATEGORY = "alert"


@dataclass(slots=True)
class Room:
    """How many alerts and notifications the transaction that is open may still have."""

    left: int = AT_ONCE


@dataclass(frozen=True, slots=True)
class Crossing:
    """A rule that its KPI has crossed. value: the one that is beyond, where it is known."""

    rule: AlertRule
    kpi: Kpi
    value: Decimal | None
    outcome: Outcome

    @property
    def message(self) -> str:
        assert self.outcome.message is not None, "a crossing has something to tell"
        return self.outcome.message


def tell(crossings: Sequence[Crossing], room: Room) -> list[Alert]:
    """Store alerts and notifications of these, as far as there is room; at least one alert.

    While a rule is snoozed its alerts are, and nobody is notified.
    """
    some = crossings[: max(room.left, 1)]
    told = people_of((crossing.rule, crossing.kpi) for crossing in some)
    snoozed = _take_snoozes([crossing.rule for crossing in some])
    alerts: list[Alert] = []
    notifications: list[Notification] = []
    for crossing in some:
        rule = crossing.rule
        alert = _alert(crossing, snoozed.get(rule.pk))
        alerts.append(alert)
        if alert.snoozed_until is None:
            notifications += [notification(alert, user) for user in told[rule.pk]]
        if len(alerts) + len(notifications) >= room.left:
            break
    room.left -= len(alerts) + len(notifications)
    Alert.objects.bulk_create(alerts)
    Notification.objects.bulk_create(notifications)
    settle([(crossing.rule, crossing.outcome) for crossing in some[: len(alerts)]])
    return alerts


def settle(outcomes: Iterable[tuple[AlertRule, Outcome]]) -> None:
    """Keep what these rules are now, and resolve the alerts of those whose KPI is back."""
    changed: dict[tuple[bool, datetime | None], list[AlertRule]] = defaultdict(list)
    back = []
    for rule, outcome in outcomes:
        if not outcome.raised and (rule.raised or outcome.is_over):
            back.append(rule)
        now = (outcome.raised, outcome.crossed_since)
        if now != (rule.raised, rule.crossed_since):
            changed[now].append(rule)
    for (raised, crossed_since), rules in changed.items():
        rows = AlertRule.objects.filter(pk__in=[rule.pk for rule in rules])
        rows.update(raised=raised, crossed_since=crossed_since)
        for rule in rules:
            rule.raised, rule.crossed_since = raised, crossed_since
    if back:
        resolve_alerts(back)


def _take_snoozes(rules: Sequence[AlertRule]) -> dict[UUID, datetime]:
    """Return until when these rules are snoozed; the alerts that were have no say any more."""
    known = Alert.objects.filter(rule__in=[rule.pk for rule in rules], snoozed_until__isnull=False)
    found = dict(known.values_list("rule_id", "snoozed_until"))
    if found:
        known.update(snoozed_until=None)
    now = timezone.now()
    return {rule_id: until for rule_id, until in found.items() if until > now}


def _alert(crossing: Crossing, snoozed_until: datetime | None) -> Alert:
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
        snoozed_until=snoozed_until,
    )


def notification(alert: Alert, user: User, words: str = "") -> Notification:
    text = f"Severity: {alert.get_severity_display()}. {words}".strip()
    return Notification(
        organization_id=alert.organization_id,
        user=user,
        category=CATEGORY,
        title=alert.message[:200],
        message=text,
        data=NotificationSubject(
            alert_id=str(alert.pk), kpi_id=str(alert.kpi_id), severity=alert.severity
        ).stored(),
    )


def people_of(rules: Iterable[tuple[AlertRule, Kpi]]) -> dict[UUID, list[User]]:
    """By rule those whom it names and who may see its KPI; each is looked at once a KPI."""
    named: dict[UUID, set[UUID]] = defaultdict(set)
    kpis = {}
    for rule, kpi in rules:
        kpis[rule.pk] = kpi
        if rule.notify_owner and kpi.owner_id is not None:
            named[rule.pk].add(kpi.owner_id)
    links = AlertRule.notify.through.objects.filter(alertrule__in=kpis)
    for rule_id, user_id in links.values_list("alertrule_id", "user_id"):
        named[rule_id].add(user_id)
    users = User.objects.filter(pk__in=set().union(*named.values()), is_active=True)
    by_id = {user.pk: user for user in users}
    sees: dict[tuple[UUID, UUID], bool] = {}
    people: dict[UUID, list[User]] = {}
    for rule_id, kpi in kpis.items():
        known = sorted(named[rule_id] & by_id.keys())
        for key in {(user_id, kpi.pk) for user_id in known} - sees.keys():
            sees[key] = may_see(by_id[key[0]], kpi)
        people[rule_id] = [by_id[user_id] for user_id in known if sees[user_id, kpi.pk]]
    return people
