"""What a worker does for KPIs: with each new value, and by the clock."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

from bos.imports import IMPORT
from bos.jobs import Priority, schedule, when_given_up
from kpis import alerts
from kpis.insights import asked
from kpis.insights.history import too_short
from kpis.insights.waiting import end_old_forecasts, have_judged
from kpis.insights.waiting import sweep as sweep_waiting
from kpis.models import InsightState, Kpi
from kpis.reports.requesting import report_given_up, request_due
from sync.database import retry_on_conflict
from sync.log import LoggedEvent
from sync.processors import process

# Whatever imports statsmodels is imported in the jobs themselves: it takes seconds and 200 MB, and
# this module is loaded by servers, too.


def look_at_values(organization_id: str, events: Sequence[LoggedEvent]) -> None:
    """Each new value of a KPI: raise its alerts, and have it judged."""
    values = [event for event in events if _has_new_value(event)]
    rows = Kpi.objects.of(organization_id).filter(pk__in={event.entity_id for event in values})
    kpis = {str(kpi.pk): kpi for kpi in rows}
    rules = alerts.rules_of(kpis.values())
    judged: dict[UUID, Kpi] = {}
    live = set()
    for event in values:
        kpi = kpis.get(event.entity_id)
        value = json.loads(event.data, parse_float=Decimal)["value"]
        if kpi is not None and value is not None:
            at = datetime.fromtimestamp(event.at_us / 1_000_000, UTC)
            alerts.evaluate(kpi, rules[kpi.pk], Decimal(value), at)
            judged[kpi.pk] = kpi
            if event.door != IMPORT:
                live.add(kpi.pk)
    short = too_short(judged)
    for kpi in judged.values():
        if kpi.pk not in short:  # no job for what it would only say, too
            # An import of a thousand KPIs takes minutes, in which nobody else's may wait.
            have_judged(kpi, priority=Priority.SOON if kpi.pk in live else Priority.WHENEVER)
    InsightState.objects.bulk_create(
        [InsightState(kpi_id=kpi_id, note=note) for kpi_id, note in short.items()],
        update_conflicts=True,
        unique_fields=["kpi"],
        update_fields=["note"],
    )


def _has_new_value(event: LoggedEvent) -> bool:
    """A restored KPI is `created` with the value that it had. It touches rights; a new one none."""
    is_new = event.change_type == "created" and not event.access
    return event.live_type == "KPI_UPDATED" or is_new


@retry_on_conflict
def judge(kpi_id: str) -> None:
    from kpis.insights.services import judge_new_values

    judge_new_values(kpi_id)


@retry_on_conflict
def predict(kpi_id: str, horizon: int, *asker: str) -> None:
    """asker: user, connection and requestId, in a job from before an upgrade: nothing else tells
    who has asked."""
    from kpis.insights.services import answer_questions

    if asker:
        asked.adopt(kpi_id, horizon, *asker)
    answer_questions(kpi_id, horizon)


def _prediction_given_up(kpi_id: str, horizon: int, *asker: str) -> None:
    if asker:
        asked.adopt(kpi_id, horizon, *asker)
    newest_id = asked.newest_value(kpi_id)
    reason = "It could not be calculated."
    asked.answer(kpi_id, horizon, newest_id=newest_id, figures=None, reason=reason)


def sweep() -> None:
    """What neither a lost job nor a failed one may leave waiting for ever, and what is past."""
    sweep_waiting()
    end_old_forecasts()


@retry_on_conflict
def raise_missing() -> None:
    alerts.raise_missing()


@retry_on_conflict
def make_report(report_id: str) -> None:
    from kpis.reports.making import make

    make(report_id)


when_given_up(predict, _prediction_given_up)
when_given_up(make_report, report_given_up)
process("kpis", {"kpi"}, look_at_values)
schedule("Alerts: values that are missing", raise_missing, minutes=1)
schedule("Insights: what was left waiting", sweep, minutes=10)
schedule("Reports: what is due", request_due, minutes=10)
