"""Alerts: rules are looked at with each new value, in the order of the log (decision B2)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from django.db import connection, transaction
from django.db.models import F, Max, Q
from django.db.models.functions import Coalesce
from django.utils import timezone

from bos.figures import plain_number
from bos.models import Notification, User
from kpis.models import Alert, AlertRule, Kpi, KpiValue, RuleKind
from kpis.permissions import may_see


def rules_of(kpis: Iterable[Kpi]) -> dict[UUID, list[AlertRule]]:
    """The active rules of these KPIs by KPI, locked until the caller's transaction ends."""
    rules: dict[UUID, list[AlertRule]] = {kpi.pk: [] for kpi in kpis}
    found = AlertRule.objects.filter(kpi__in=rules, is_active=True).order_by("pk")
    for rule in found.select_for_update():
        rules[rule.kpi_id].append(rule)
    return rules


def evaluate(kpi: Kpi, rules: Iterable[AlertRule], value: Decimal, at: datetime) -> list[Alert]:
    """Raise an alert for each rule that this value crosses; once until the KPI is back.

    rules: of the KPI, by `rules_of`. at: when the value was set. Runs inside the caller's
    transaction.
    """
    raised = []
    for rule in rules:
        if rule.created_at > at:
            continue
        if rule.kind == RuleKind.MISSING:
            raised += _raise_untold(rule, kpi, at)
        beyond = _is_beyond(rule, value, at)
        if beyond and not rule.raised:
            raised.append(_raise(rule, kpi, value, _told(rule, kpi, value)))
        if beyond != rule.raised:
            rule.raised = beyond
            rule.save(update_fields=["raised"])
    return raised


def _is_beyond(rule: AlertRule, value: Decimal, at: datetime) -> bool:
    threshold = rule.threshold
    if threshold is None:  # a value that was missing is there now
        return False
    match RuleKind(rule.kind):
        case RuleKind.ABOVE:
            return bool(value > threshold)
        case RuleKind.BELOW:
            return bool(value < threshold)
        case RuleKind.CHANGE:
            change = _change(rule, value, at)
            return change is not None and abs(change) >= threshold
        case RuleKind.MISSING:
            return False


def _change(rule: AlertRule, value: Decimal, at: datetime) -> Decimal | None:
    """Percent since the rule's time ago; None where there was no value, or where it was 0."""
    assert rule.hours is not None
    before = KpiValue.objects.filter(kpi_id=rule.kpi_id, at__lte=at - timedelta(hours=rule.hours))
    old = before.order_by("-at", "-pk").values_list("value", flat=True).first()
    return (value - old) / abs(old) * 100 if old else None


def raise_missing(now: datetime | None = None) -> list[Alert]:
    """Raise an alert for each KPI that has had no value for its rule's time."""
    now = now or timezone.now()
    candidates = AlertRule.objects.filter(
        kind=RuleKind.MISSING, is_active=True, raised=False, kpi__archived_at=None
    ).annotate(last_at=Coalesce(Max("kpi__values__at"), F("created_at")))
    raised = []
    for rule_id, hours, last_at in candidates.values_list("pk", "hours", "last_at"):
        if last_at <= now - timedelta(hours=hours):
            with transaction.atomic():
                raised += _raise_missing(rule_id, last_at)
    return raised


def _raise_missing(rule_id: object, last_at: datetime) -> list[Alert]:
    """What somebody holds is looked at next time: the others' alerts do not wait for it."""
    skip_locked = connection.features.has_select_for_update_skip_locked
    rule = (
        AlertRule.objects.select_for_update(of=("self",), skip_locked=skip_locked)
        .select_related("kpi")
        .filter(pk=rule_id, raised=False, kpi__archived_at=None)
        .first()
    )
    if rule is None:
        return []
    rule.raised = True
    rule.save(update_fields=["raised"])
    kpi = rule.kpi
    message = f"{kpi.name} has no new value since {_time(last_at)} UTC."
    return [_raise(rule, kpi, kpi.value, message)]


def _raise_untold(rule: AlertRule, kpi: Kpi, at: datetime) -> list[Alert]:
    """Raise the alert of an outage that has ended before `raise_missing` saw it.

    No worker ran meanwhile, or the value came within the minute. at: when it came.
    """
    assert rule.hours is not None
    hours = timedelta(hours=rule.hours)
    values = KpiValue.objects.filter(kpi_id=rule.kpi_id, at__lte=at).order_by("-at", "-pk")
    measured = list(values.values_list("at", flat=True)[:2])
    if not measured:
        return []
    since = measured[1] if len(measured) > 1 else rule.created_at
    # What was missing when the rule was made has not crossed it.
    if measured[0] - since <= hours or since + hours <= rule.created_at:
        return []
    if Alert.objects.filter(rule=rule, raised_at__gt=since).exists():
        return []
    message = f"{kpi.name} had no new value from {_time(since)} to {_time(measured[0])} UTC."
    return [_raise(rule, kpi, kpi.value, message)]


def _time(at: datetime) -> str:
    return f"{at:%d %B %Y, %H:%M}"


def _raise(rule: AlertRule, kpi: Kpi, value: Decimal | None, message: str) -> Alert:
    alert = Alert(
        organization_id=kpi.organization_id,
        kpi=kpi,
        rule=rule,
        severity=rule.severity,
        message=message[:300],
        value=value,
        threshold=rule.threshold,
        raised_at=timezone.now(),
    )
    alert.save(force_insert=True)
    for user in _to_tell(rule, kpi):
        Notification(
            organization_id=kpi.organization_id,
            user=user,
            category="alert",
            title=alert.message[:200],
            message=f"Severity: {rule.get_severity_display()}.",
            data={"alertId": str(alert.pk), "kpiId": str(kpi.pk), "severity": alert.severity},
        ).save(force_insert=True)
    return alert


def _told(rule: AlertRule, kpi: Kpi, value: Decimal) -> str:
    figure = _figure(value, kpi.unit)
    if rule.kind == RuleKind.CHANGE:
        return f"{kpi.name} is {figure}: changed by {rule.threshold_text} % in {rule.hours} h."
    assert rule.threshold is not None
    return f"{kpi.name} is {figure}, {rule.kind} {_figure(rule.threshold, kpi.unit)}."


def _figure(value: Decimal, unit: str) -> str:
    return f"{plain_number(value)} {unit}".strip()


def _to_tell(rule: AlertRule, kpi: Kpi) -> Iterable[User]:
    """Those whom the rule names and who may see the KPI."""
    named = Q(pk__in=rule.notify.values("pk"))
    if rule.notify_owner and kpi.owner_id is not None:
        named |= Q(pk=kpi.owner_id)
    for user in User.objects.of(kpi.organization_id).filter(named, is_active=True):
        if may_see(user, kpi):
            yield user


def acknowledge(alerts: Iterable[Alert], user: User) -> int:
    """Mark as seen by this person those that nobody has acknowledged; how many that were."""
    now = timezone.now()
    acknowledged = 0
    for alert in alerts:
        if alert.acknowledged_at is None:
            alert.acknowledged_at, alert.acknowledged_by = now, user
            alert.save(update_fields=["acknowledged_at", "acknowledged_by"])
            acknowledged += 1
    return acknowledged
