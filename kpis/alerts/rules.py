"""A rule is tried, made or changed: say what that means for the values that its KPI has, and for
whom.

In words, which are the same in the admin and in the REST API.
"""

from __future__ import annotations

from collections.abc import Iterable
from copy import copy
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone

from bos.models import User
from bos.outside.making import channels_for
from kpis.alerts.backtest import BackTest, back_test
from kpis.alerts.judging import Outcome, judge, missing_message
from kpis.alerts.outside import TOPIC
from kpis.alerts.past import MOST_AHEAD, Past
from kpis.alerts.telling import Crossing, Room, settle, tell
from kpis.models import AlertRule, KpiValue, RuleKind, Visibility
from kpis.permissions import may_see


def standing_of(rule: AlertRule, now: datetime) -> Outcome:
    """Return what the rule is by the value that its KPI has, as if it had not alerted.

    A change that was longer ago than the rule's time has no say.
    """
    kpi = rule.kpi
    within = timedelta(hours=rule.hours or 0)
    if rule.kind == RuleKind.MISSING:
        values = KpiValue.objects.filter(kpi=kpi, at__lte=now + MOST_AHEAD).order_by("-at")
        last_at = values.values_list("at", flat=True).first()
        if last_at is None or last_at > now - within:
            return Outcome(raised=False)
        return Outcome(raised=True, message=missing_message(kpi, last_at))
    if kpi.value is None:
        return Outcome(raised=False)
    past = Past(kpi.pk, kpi.value, now)
    if rule.kind == RuleKind.CHANGE and past.measured_at <= now - within:
        return Outcome(raised=False)
    fresh = copy(rule)
    fresh.raised, fresh.crossed_since = False, None
    return judge(fresh, kpi, kpi.value, past)


def take_up(rule: AlertRule) -> Outcome:
    """Alert where the KPI of a rule that was saved is beyond already; return what the rule is.

    Runs inside the caller's transaction, in which the rule was saved.
    """
    known = Outcome(rule.raised, rule.crossed_since)
    if rule.raised or rule.crossed_since or not rule.is_active or rule.kpi.archived_at:
        return known
    outcome = standing_of(rule, timezone.now())
    if outcome.message is not None:
        tell([Crossing(rule, rule.kpi, rule.kpi.value, outcome)], Room())
    else:
        settle([(rule, outcome)])
    return outcome


def take_up_in_words(rule: AlertRule) -> list[str]:
    """Do the same; return in words what this means for those who have saved the rule."""
    outcome = take_up(rule)
    notices = []
    if outcome.message is not None:
        notices.append(
            f"{outcome.message} The rule has alerted at once: its KPI is beyond already."
        )
    elif outcome.crossed_since is not None:
        notices.append(f"“{rule.kpi}” is beyond already: the rule alerts if that lasts.")
    if rule.is_active:
        notices += missing_notices(rule, named_by(rule, rule.notify.all()))
    return notices


@dataclass(frozen=True, slots=True)
class Tried:
    """The trial of a rule. notes: in words, for those who are about to save it."""

    found: BackTest
    notes: list[str]


def try_rule(rule: AlertRule, also: Iterable[User], *, is_raised: bool) -> Tried:
    """Try a rule, which need not be stored, on the values of the past and of now.

    also: the chosen ones whom it would notify. is_raised: it is stored, and has alerted.
    """
    now = timezone.now()
    found = back_test(rule, now)
    notes = [found.note] if found.note else []
    standing = standing_of(rule, now)
    if standing.message is not None and not is_raised:
        notes.append(f"{standing.message} So it alerts as soon as it is saved.")
    return Tried(found, notes + missing_notices(rule, named_by(rule, also)))


def named_by(rule: AlertRule, also: Iterable[User]) -> set[User]:
    """Return the users whom the rule names. also: chosen ones, beside the KPI's owner."""
    owner = rule.kpi.owner
    return {*also, owner} if rule.notify_owner and owner is not None else set(also)


def missing_notices(rule: AlertRule, named: Iterable[User]) -> list[str]:
    """Return in words that nobody would be notified, and which of these users would not.

    Outside channels that take such alerts are somebody, too.
    """
    kpi = rule.kpi
    ordered = sorted(named, key=lambda user: (user.name, user.pk))
    seeing = [user for user in ordered if may_see(user, kpi)]
    notices = []
    if not seeing:
        channels = channels_for(
            kpi.organization_id,
            topic=TOPIC,
            severity=rule.severity,
            restricted=kpi.visibility == Visibility.DEPARTMENT,
        )
        notices.append(_nobody_notified([str(channel) for channel in channels]))
    for user in ordered:
        if user not in seeing:
            why = "may not see the KPI" if user.is_active else "is deactivated"
            notices.append(f"{user.name} will not be notified: this user {why}.")
    return notices


def _nobody_notified(channels: list[str]) -> str:
    if channels:
        names = ", ".join(f"“{name}”" for name in channels)
        return f"It notifies no person; these channels are told: {names}."
    return (
        "It notifies nobody: choose users, or give the KPI an owner. Those who follow the KPI get"
        " the alert all the same."
    )
