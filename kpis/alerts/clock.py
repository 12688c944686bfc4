"""Follow alerts by the clock, without a new value: values that are missing, crossings that have
lasted, and the ends of snoozes (decisions B2, B5)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection, transaction
from django.db.models import F, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone

from bos.models import Notification
from kpis.alerts.judging import Outcome, judge, missing_message, time_text
from kpis.alerts.past import MOST_AHEAD, Past
from kpis.alerts.telling import AT_ONCE, Crossing, Room, notification, people_of, tell
from kpis.models import UNRESOLVED, Alert, AlertRule, KpiValue, RuleKind
from sync.eventlog.processors import not_processed
from sync.eventlog.threads import in_batches, letting_others_write

PROCESSOR = "kpis"
"""The processor that looks at values."""


def raise_missing(
    now: datetime | None = None, *, rules: QuerySet[AlertRule] | None = None
) -> list[Alert]:
    """Raise an alert for each KPI that has had no value for its rule's time.

    What was measured in a future that no clock can mean is no value. rules: by default, all.
    """
    now = now or timezone.now()
    values = KpiValue.objects.filter(kpi=OuterRef("kpi"), at__lte=now + MOST_AHEAD)
    last_at = Subquery(values.order_by("-at").values("at")[:1])
    candidates = _resting(rules).filter(kind=RuleKind.MISSING)
    candidates = candidates.annotate(last_at=Coalesce(last_at, F("created_at")))
    since = {
        rule_id: last_at
        for rule_id, hours, last_at in candidates.values_list("pk", "hours", "last_at")
        if last_at <= now - timedelta(hours=hours or 0)
    }

    def crossing(rule: AlertRule) -> Crossing:
        outcome = Outcome(raised=True, message=missing_message(rule.kpi, since[rule.pk]))
        return Crossing(rule, rule.kpi, rule.kpi.value, outcome)

    return _raise(sorted(since), lambda rules: [crossing(rule) for rule in rules])


def raise_lasting(
    now: datetime | None = None, *, rules: QuerySet[AlertRule] | None = None
) -> list[Alert]:
    """Raise an alert for each KPI that has been beyond for its rule's minutes.

    rules: by default, all.
    """
    now = now or timezone.now()
    waiting = _resting(rules).filter(crossed_since__isnull=False)
    due = [
        rule.pk
        for rule in waiting.only("pk", "crossed_since", "for_minutes")
        if rule.crossed_since is not None and rule.crossed_since <= now - rule.lasting
    ]
    return _raise(sorted(due), lambda rules: _lasting(rules, now))


def _lasting(rules: Sequence[AlertRule], now: datetime) -> list[Crossing]:
    """Return what these locked rules have to tell; of one whose KPI has a value that nobody has
    looked at, nothing: that may have ended the crossing."""
    waiting = {
        organization_id: not_processed(PROCESSOR, str(organization_id), "kpi")
        for organization_id in {rule.organization_id for rule in rules}
    }
    crossings = []
    for rule in rules:
        kpi = rule.kpi
        if kpi.value is None or str(kpi.pk) in waiting[rule.organization_id]:
            continue
        outcome = judge(rule, kpi, kpi.value, Past(kpi.pk, kpi.value, now))
        if outcome.message is not None and outcome.raised:
            crossings.append(Crossing(rule, kpi, kpi.value, outcome))
    return crossings


def _resting(rules: QuerySet[AlertRule] | None = None) -> QuerySet[AlertRule]:
    rules = AlertRule.objects.all() if rules is None else rules
    return rules.filter(is_active=True, raised=False, kpi__archived_at=None)


def _raise(
    rule_ids: Sequence[UUID], crossings_of: Callable[[Sequence[AlertRule]], list[Crossing]]
) -> list[Alert]:
    """Raise the alerts of these rules in batches, each in a transaction of its own.

    crossings_of: called with rules that are locked. One that somebody else has locked is left for
    the next time, without a wait.
    """
    raised: list[Alert] = []
    left = list(rule_ids)
    while left:
        with letting_others_write(), transaction.atomic():
            rules = _unlocked(_resting().filter(pk__in=left[:AT_ONCE]).select_related("kpi"))
            crossings = crossings_of(list(rules))
            new = tell(crossings, Room())
        raised += new
        told = {alert.rule_id for alert in new}
        left = [c.rule.pk for c in crossings if c.rule.pk not in told] + left[AT_ONCE:]
    return raised


def _unlocked(rows: QuerySet[AlertRule]) -> QuerySet[AlertRule]:
    skip_locked = connection.features.has_select_for_update_skip_locked
    return rows.select_for_update(of=("self",), skip_locked=skip_locked).order_by("pk")


# ------------------------------------------------------------------ the ends of snoozes

WOKEN_AT_ONCE = 100
"""Alerts of one transaction, each with the notifications of those whom its rule names."""


def wake_snoozed(now: datetime | None = None) -> int:
    """Tell again of alerts that are unresolved when their snooze is over; how many those were."""
    now = now or timezone.now()
    due = Alert.objects.filter(UNRESOLVED, snoozed_until__lte=now, kpi__archived_at=None)
    woken = 0
    for some in in_batches(list(due.order_by("pk").values_list("pk", flat=True)), WOKEN_AT_ONCE):
        with letting_others_write(), transaction.atomic():
            woken += _wake(due.filter(pk__in=some))
    return woken


def _wake(due: QuerySet[Alert]) -> int:
    rows = due.select_related("kpi", "rule").order_by("pk")
    alerts = list(rows.select_for_update(of=("self",), no_key=True))
    people = people_of((alert.rule, alert.kpi) for alert in alerts if alert.rule is not None)
    Notification.objects.bulk_create(
        notification(alert, user, f"Unresolved since {time_text(alert.raised_at)} UTC.")
        for alert in alerts
        if alert.rule_id is not None
        for user in people[alert.rule_id]
    )
    Alert.objects.filter(pk__in=[alert.pk for alert in alerts]).update(snoozed_until=None)
    return len(alerts)
