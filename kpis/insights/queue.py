"""Which KPIs wait to be judged: each is enqueued once, however fast its values come."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from bos.jobs.queue import Priority, enqueue
from kpis.models import Insight, InsightKind, InsightState, Kpi
from kpis.tasks import JUDGE

# A job that has failed for good leaves its KPI waiting; it is given another one then.
PATIENCE = timedelta(minutes=30)

HORIZON = 14
"""Days of the forecast that everybody sees."""


def enqueue_judgement(kpi: Kpi, *, priority: Priority = Priority.SOON) -> None:
    """Have a worker judge the KPI's new values. Runs inside the caller's transaction."""
    InsightState.objects.get_or_create(kpi=kpi)
    # Locked first: a job that ends just now has seen the new value, or is seen to have ended.
    state = InsightState.objects.select_for_update().filter(kpi=kpi).first()
    if state is not None and not state.waiting:  # none: the KPI has just been deleted
        state.waiting, state.waiting_since = True, timezone.now()
        state.save(update_fields=["waiting", "waiting_since"])
        enqueue(JUDGE, str(kpi.pk), organization_id=kpi.organization_id, priority=priority)


def judging_given_up(kpi_id: str, *, reason: str) -> None:
    """Say why there are no insights; the next value is tried anew.

    Runs inside the caller's transaction.
    """
    InsightState.objects.filter(kpi_id=kpi_id).update(
        waiting=False, judged_at=timezone.now(), note=f"It could not be judged. {reason}"
    )


def sweep() -> None:
    """Enqueue again what has waited for too long, also by a clock that was ahead."""
    now = timezone.now()
    since = Q(waiting_since__lt=now - PATIENCE) | Q(waiting_since__gt=now + PATIENCE)
    lost = Q(waiting=True, kpi__archived_at=None) & (since | Q(waiting_since=None))
    for state in InsightState.objects.filter(lost).select_related("kpi"):
        with transaction.atomic():
            InsightState.objects.filter(pk=state.pk).update(waiting=False)
            enqueue_judgement(state.kpi, priority=Priority.WHENEVER)


def end_old_forecasts() -> None:
    """Take back what speaks of days that are past: of a KPI that has no new values any more.

    What an archived KPI has rests; it comes back with it.
    """
    long_ago = timezone.now() - timedelta(days=HORIZON)
    of_days = (InsightKind.PREDICTION, InsightKind.RECOMMENDATION)
    past = Insight.objects.filter(kind__in=of_days, created_at__lt=long_ago)
    for insight in past.filter(kpi__archived_at=None).iterator():
        with transaction.atomic():
            insight.delete()
