"""Background work for KPIs: with each new value, and by the clock."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

from bos.imports.workflow import IMPORT, go_on_with_lost
from bos.jobs.queue import Priority
from kpis.alerts import clock, services
from kpis.alerts.telling import Room
from kpis.connectors import running, trials
from kpis.insights import asked
from kpis.insights.history import too_short
from kpis.insights.queue import end_old_forecasts, enqueue_judgement
from kpis.insights.queue import sweep as sweep_waiting
from kpis.models import AlertRule, InsightState, Kpi
from kpis.reports.requests import fail_lost_reports
from sync.eventlog.log import LoggedEvent
from sync.eventlog.threads import retry_on_conflict

# Whatever imports statsmodels is imported in the jobs themselves: it takes seconds and 200 MB, and
# this module is loaded by servers, too.


JOBS_AT_ONCE = 25
"""Of one transaction: each is two or three writes and a job, some milliseconds for which on SQLite
everybody else waits."""


def look_at_values(organization_id: str, events: Sequence[LoggedEvent]) -> int | None:
    """Each new value of a KPI: raise its alerts, and have it judged.

    Return how many events are done, where that is enough for a transaction, by the KPIs that are
    judged or by the alerts. The event that raised the last one is looked at again then: what it has
    raised stays raised, and the other rules follow.
    """
    values = [event for event in events if _has_new_value(event)]
    rows = Kpi.objects.of(organization_id).filter(pk__in={event.entity_id for event in values})
    kpis = {str(kpi.pk): kpi for kpi in rows}
    rules = services.rules_of(kpis.values())
    judging = _Judging(kpis, values)
    room, done = Room(), None
    for event in values:
        if judging.jobs >= JOBS_AT_ONCE:
            done = events.index(event)
            break
        kpi = kpis.get(event.entity_id)
        value = json.loads(event.data, parse_float=Decimal)["value"]
        if kpi is None or value is None:
            continue
        judging.enqueue(kpi)
        if rules[kpi.pk]:
            _raise_alerts(kpi, rules[kpi.pk], Decimal(value), event, room)
            if room.left <= 0:
                done = events.index(event)
                break
    judging.say_why_not()
    return done


def _raise_alerts(
    kpi: Kpi, rules: list[AlertRule], value: Decimal, event: LoggedEvent, room: Room
) -> None:
    at = datetime.fromtimestamp(event.at_us / 1_000_000, UTC)
    measured_at = json.loads(event.live)["measuredAt"] if '"measuredAt"' in event.live else None
    if measured_at is not None:
        measured_at = datetime.fromisoformat(measured_at)
    services.evaluate(kpi, rules, value, at, measured_at=measured_at, room=room)


class _Judging:
    """Has KPIs with new values judged, each once; of what is too short it is only said."""

    def __init__(self, kpis: Mapping[str, Kpi], values: Sequence[LoggedEvent]) -> None:
        self._live = {event.entity_id for event in values if event.source != IMPORT}
        """With a value that nobody has imported."""
        self._short = too_short(kpi.pk for kpi in kpis.values())
        self._seen: set[UUID] = set()
        self.jobs = 0

    def enqueue(self, kpi: Kpi) -> None:
        if kpi.pk in self._seen:
            return
        self._seen.add(kpi.pk)
        if kpi.pk not in self._short:  # no job for what it would only say, too
            # An import of a thousand KPIs takes minutes, in which nobody else's may wait.
            self.jobs += 1
            is_live = str(kpi.pk) in self._live
            enqueue_judgement(kpi, priority=Priority.SOON if is_live else Priority.WHENEVER)

    def say_why_not(self) -> None:
        InsightState.objects.bulk_create(
            [
                InsightState(kpi_id=kpi_id, note=note)
                for kpi_id, note in self._short.items()
                if kpi_id in self._seen
            ],
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


def prediction_given_up(kpi_id: str, horizon: int, *asker: str, reason: str) -> None:
    if asker:
        asked.adopt(kpi_id, horizon, *asker)
    newest_id = asked.newest_value(kpi_id)
    problem = f"It could not be calculated. {reason}"
    asked.answer(kpi_id, horizon, newest_id=newest_id, found=None, reason=problem)


def sweep() -> None:
    """Take up what a lost or failed job has left waiting, and remove what is past."""
    sweep_waiting()
    fail_lost_reports()
    go_on_with_lost()
    end_old_forecasts()


@retry_on_conflict
def raise_missing() -> None:
    clock.raise_missing()


@retry_on_conflict
def follow_alerts() -> None:
    clock.raise_lasting()
    clock.wake_snoozed()


@retry_on_conflict
def make_report(report_id: str) -> None:
    from kpis.reports.rendering import render_report

    render_report(report_id)


@retry_on_conflict
def run_connector(connector_id: str, run_id: str) -> None:
    running.run(connector_id, run_id)


def try_connector(trial_id: str) -> None:
    trials.make(trial_id)
