"""Alert rules as they are read by GET, and answered to whoever has saved one."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from django_filters import FilterSet
from msgspec import Meta

from bos.api.parameters import FlagFilter, IdFilter, WordsFilter
from bos.api.reading import Readable, Shown
from kpis.alerts.making import rules_seen_by
from kpis.entities import AlertSeverity, Bound
from kpis.models import AlertRule, RuleKind, Severity
from kpis.reading import OF_KPI, KpiFilter
from sync.protocol.codecs import wire_number
from sync.protocol.messages import Time
from sync.protocol.registry import Message
from sync.protocol.times import wire_time


class AlertRuleData(Message):
    """An alert rule: when its KPI alerts, and whom it notifies.

    threshold: of a change, in percent. isBeyond: it has alerted, and the KPI is not back.
    """

    id: str
    kpi_id: str
    kind: Literal["above", "below", "change", "missing"]
    threshold: Bound | None
    hours: Annotated[int | None, Meta(examples=[None])]
    for_minutes: Annotated[int, Meta(examples=[10])]
    hysteresis: Annotated[float, Meta(examples=[0])]
    severity: AlertSeverity
    notify_owner: bool
    notify: Annotated[list[str], Meta(examples=[[]])]
    is_active: bool
    is_beyond: bool
    created_at: Time


class SavedAlertRule(AlertRuleData):
    """An alert rule that was just saved. warnings: what to know of it, for people: that it notifies
    nobody, that its KPI is beyond already."""

    warnings: Annotated[list[str], Meta(examples=[[]])]


def fields_of(rule: AlertRule) -> dict[str, Any]:
    return {
        "id": str(rule.pk),
        "kpi_id": str(rule.kpi_id),
        "kind": rule.kind,
        "threshold": wire_number(rule.threshold),
        "hours": rule.hours,
        "for_minutes": rule.for_minutes,
        "hysteresis": wire_number(rule.hysteresis),
        "severity": rule.severity,
        "notify_owner": rule.notify_owner,
        "notify": sorted(str(user.pk) for user in rule.notify.all()),
        "is_active": rule.is_active,
        "is_beyond": rule.raised,
        "created_at": wire_time(rule.created_at),
    }


def _data(rule: AlertRule) -> AlertRuleData:
    return AlertRuleData(**fields_of(rule))


class RuleFilters(FilterSet):
    kpi = KpiFilter(help_text=OF_KPI)
    kind = WordsFilter(words=RuleKind.values, help_text="Of these kinds.")
    severity = WordsFilter(words=Severity.values, help_text="Of these severities.")
    active = FlagFilter("is_active", help_text="Switched on, or off.")
    notifies = IdFilter("notify", help_text="Names this user, beside the KPI's owner.")


RULES = Readable(
    name="alert-rules",
    model=AlertRule,
    rows=rules_seen_by,
    filters=RuleFilters,
    newest="created_at",
    one="an alert rule",
    many="alert rules",
    about="Of the KPIs that one may see.",
    shown=Shown("alert_rule", AlertRuleData, _data),
)
