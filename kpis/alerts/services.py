"""Alerts: rules are looked at with each new value, in the order of the log (decisions B2, B5)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from kpis.alerts.judging import Outcome, judge
from kpis.alerts.past import Past
from kpis.alerts.telling import Crossing, Room, settle, tell
from kpis.models import Alert, AlertRule, Kpi, RuleKind


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
    """Raise an alert for each rule that this value crosses, and resolve those that it ends.

    rules: of the KPI, by `rules_of`. at: when the value was set. measured_at: the second in which
    it was measured, where that was another time. Where the room is used up it stops, and goes on
    with the other rules when it is called once more for the same value. Runs inside the caller's
    transaction.
    """
    room = room or Room()
    past = Past(kpi.pk, value, at, measured_at)
    crossings: list[Crossing] = []
    back: list[tuple[AlertRule, Outcome]] = []
    quiet: list[tuple[AlertRule, Outcome]] = []
    for rule in rules:
        if rule.created_at > at:
            continue
        outcome = judge(rule, kpi, value, past)
        if outcome.is_over and _was_told(rule, outcome):
            outcome = replace(outcome, message=None)
        if outcome.message is not None:
            # Of a crossing that is over, the value in hand is none that was beyond.
            beyond = kpi.value if rule.kind == RuleKind.MISSING else value
            crossings.append(Crossing(rule, kpi, None if outcome.since else beyond, outcome))
        elif rule.raised and not outcome.raised:
            back.append((rule, outcome))
        else:
            quiet.append((rule, outcome))
    settle(quiet)
    settle(back[: room.left])
    room.left -= len(back)
    return tell(crossings, room) if crossings and room.left > 0 else []


def _was_told(rule: AlertRule, outcome: Outcome) -> bool:
    """Whether an outage that is over has had its alert: looked at once more, or raised in time."""
    if rule.kind != RuleKind.MISSING:
        return False  # what counted its minutes has ended with the alert
    return Alert.objects.filter(rule=rule, raised_at__gt=outcome.since).exists()
