"""Judge what a value means for a rule: of live values and of those of the past alike."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from bos.adminsite.numbers import plain_number, rounded_number
from kpis.alerts.past import PastOfValue
from kpis.models import AlertRule, Kpi, RuleKind


@dataclass(frozen=True, slots=True)
class Outcome:
    """A rule as it is after a value.

    raised: the KPI is beyond, and the rule has alerted. crossed_since: it is beyond, and has to be
    so for longer. message: of the alert that is to be raised. since: when what that tells of began.
    """

    raised: bool
    crossed_since: datetime | None = None
    message: str | None = None
    since: datetime | None = None

    @property
    def is_over(self) -> bool:
        """Whether what is to be told is over already: nobody was there to look at it in time."""
        return self.message is not None and not self.raised


def judge(rule: AlertRule, kpi: Kpi, value: Decimal, past: PastOfValue) -> Outcome:
    """Return what the rule is after this value of its KPI; the rule stays as it is."""
    if rule.kind == RuleKind.MISSING:
        return _judge_missing(rule, kpi, past)
    message = _beyond(rule, kpi, value, past, _threshold_of(rule))
    if rule.raised:
        return Outcome(raised=message is not None or _is_near(rule, kpi, value, past))
    since = rule.crossed_since
    if message is not None:
        since = past.measured_at if since is None and rule.for_minutes else since
        if since is not None and past.told_at - since < rule.lasting:
            return Outcome(raised=False, crossed_since=since)
        return Outcome(raised=True, message=_lasting(message, rule))
    if since is None or past.measured_at - since < rule.lasting:
        return Outcome(raised=False)
    # Nobody has looked between the time when it should have alerted and this value.
    message = f"{kpi.name} {_had(rule, kpi)} from {time_text(since)} to "
    message += f"{time_text(past.measured_at)} UTC."
    return Outcome(_is_near(rule, kpi, value, past), message=message, since=since)


def _judge_missing(rule: AlertRule, kpi: Kpi, past: PastOfValue) -> Outcome:
    """Return also the outage that this value ends, where nobody has seen it.

    No worker ran meanwhile, or the value came within the minute.
    """
    assert rule.hours is not None
    hours = timedelta(hours=rule.hours)
    if past.measured_at <= past.told_at - hours:
        return Outcome(rule.raised)  # late, it says nothing of how things are now
    if rule.raised:
        return Outcome(raised=False)
    since = past.previous_at() or rule.created_at
    # What was missing when the rule was made has not crossed it.
    if past.measured_at - since <= hours or since + hours <= rule.created_at:
        return Outcome(raised=False)
    period = f"from {time_text(since)} to {time_text(past.measured_at)} UTC"
    return Outcome(raised=False, message=f"{kpi.name} had no new value {period}.", since=since)


def _threshold_of(rule: AlertRule) -> Decimal:
    threshold: Decimal | None = rule.threshold
    assert threshold is not None, "of a missing value alone there is none"
    return threshold


def _is_near(rule: AlertRule, kpi: Kpi, value: Decimal, past: PastOfValue) -> bool:
    """Return whether a value inside is not back by the hysteresis."""
    threshold = _threshold_of(rule)
    distance = abs(threshold) * rule.hysteresis / 100
    if not distance:
        return False
    inner = threshold + distance if rule.kind == RuleKind.BELOW else threshold - distance
    return _beyond(rule, kpi, value, past, inner) is not None


def _beyond(
    rule: AlertRule, kpi: Kpi, value: Decimal, past: PastOfValue, threshold: Decimal
) -> str | None:
    """Return the alert's message where the value is beyond this threshold; None where it is not."""
    if rule.kind == RuleKind.CHANGE:
        return _changed(rule, kpi, value, past, threshold)
    beyond = value > threshold if rule.kind == RuleKind.ABOVE else value < threshold
    if not beyond:
        return None
    return f"{kpi.name} is {_figure(value, kpi)}, {rule.kind} {_figure(threshold, kpi)}."


def _changed(
    rule: AlertRule, kpi: Kpi, value: Decimal, past: PastOfValue, percent_at_least: Decimal
) -> str | None:
    """The largest change within the rule's time, where it is as large as that.

    A change away from 0 has no percentage and is larger than any.
    """
    assert rule.hours is not None
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
    if abs(percents[old]) < percent_at_least:
        return None
    sign = "+" if percents[old] > 0 else "-"
    percent = rounded_number(float(abs(percents[old])))
    return f"{is_now}: changed by {sign}{percent} % {time}, from {_figure(old, kpi)}."


def _lasting(message: str, rule: AlertRule) -> str:
    if not rule.for_minutes:
        return message
    unit = "minute" if rule.for_minutes == 1 else "minutes"
    return f"{message.removesuffix('.')}, for {rule.for_minutes} {unit}."


def _had(rule: AlertRule, kpi: Kpi) -> str:
    if rule.kind == RuleKind.CHANGE:
        return f"had changed by {rule.threshold_text} % in {rule.hours} h"
    return f"was {rule.kind} {_figure(_threshold_of(rule), kpi)}"


def missing_message(kpi: Kpi, since: datetime) -> str:
    return f"{kpi.name} has no new value since {time_text(since)} UTC."


def time_text(at: datetime) -> str:
    return f"{at:%d %B %Y, %H:%M}"


def _figure(value: Decimal, kpi: Kpi) -> str:
    return f"{plain_number(value)} {kpi.unit}".strip()
