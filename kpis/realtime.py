"""How KPIs, and what is made of them, appear on the wire: what is captured, who is shown it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from copy import copy
from datetime import datetime
from typing import Any, ClassVar, cast

from django.db.models import Q
from django.db.models.base import ModelState
from django.utils import timezone
from msgspec import UNSET

from bos import things
from bos.feature import Feature
from bos.ids import canonical_uuids, wire_id
from bos.jobs.queue import JobType
from bos.things import Past, Place, Thing
from kpis import handlers, jobs, messages, own_data
from kpis.alerts import outside as alerts_outside
from kpis.alerts.past import require_measured
from kpis.archive import erasing, services
from kpis.away import AWAY
from kpis.connectors import running, trials
from kpis.entities import AlertData, Direction, InsightData, KpiData, KpiVisibility, ReportData
from kpis.history.imports import KpiImport, ValueImport
from kpis.history.shown import values_at, values_between
from kpis.ingest.services import prune_requests
from kpis.insights.asked import prune_answers
from kpis.insights.queue import judging_given_up
from kpis.messages import KpiUpdated
from kpis.models import (
    AT_ONCE,
    UNRESOLVED,
    Alert,
    Insight,
    Kpi,
    KpiValue,
    OfKpi,
    Report,
    ReportState,
    Visibility,
)
from kpis.panels import PANELS
from kpis.payloads import (
    alert_data,
    alert_message,
    insight_data,
    insight_message,
    report_data,
    report_message,
)
from kpis.permissions import READ_OF_KPIS, visible_to
from kpis.reports import outside as reports_outside
from kpis.reports.requests import report_given_up, request_due
from kpis.services import delete_expired_reports, delete_old_anomalies
from kpis.words import WORDS
from sync.eventlog.capture import (
    EVERYTHING,
    Change,
    EntitySync,
    Live,
    append_events,
    registered_for,
)
from sync.eventlog.fast_sql import Lock, hold_rows, insert_rows
from sync.eventlog.processors import Processor
from sync.protocol.codecs import wire_number
from sync.protocol.identity import Actor, Principal
from sync.protocol.times import wire_time
from sync.protocol.topics import Audience, SnapshotEntity, TopicKind

# ------------------------------------------------------------------ KPIs


class KpiSync(EntitySync[Kpi]):
    model = Kpi
    entity_type = "kpi"
    shape = KpiData
    watched_fields: ClassVar[frozenset[str]] = frozenset(
        {"organization_id", "department_id", "owner_id", "visibility", "archived_at"}
    )

    def data(self, row: Kpi) -> KpiData:
        return KpiData(
            id=str(row.pk),
            name=row.name,
            key=row.key,
            unit=row.unit,
            value=wire_number(row.value),
            target=wire_number(row.target),
            direction=cast(Direction, row.direction),
            department_id=wire_id(row.department_id),
            owner_id=wire_id(row.owner_id),
            visibility=cast(KpiVisibility, row.visibility),
            updated_at=wire_time(row.updated_at),
        )

    def audience(self, row: Kpi) -> Audience:
        """Return the topics: a restricted KPI never goes out on the organization's (decision S4),
        an archived one on none (V6)."""
        if row.archived_at is not None:
            return Audience()
        restricted = row.visibility == Visibility.DEPARTMENT
        return Audience(
            organization=None if restricted else str(row.organization_id),
            department=wire_id(row.department_id),
            kpi=str(row.pk),
        )

    def change_type(self, change: Change[Kpi]) -> str:
        """Archived, it is gone for all who saw it; restored, it is new to them."""
        if change.row.archived_at is not None:
            return "deleted"
        was_archived = change.before is not None and change.before.archived_at is not None
        return "created" if was_archived else change.kind

    def live(self, change: Change[Kpi], actor: Actor) -> Live:
        row = change.row
        value = wire_number(row.value)
        if self.change_type(change) != "updated" or value is None or not change.touches("value"):
            return None
        return KpiUpdated(
            kpi_id=str(row.pk),
            value=value,
            updated_by=actor.user_id,
            updated_at=wire_time(row.updated_at),
            measured_at=UNSET if row.value_at is None else wire_time(row.value_at),
        )

    def after_append(self, changes: Sequence[Change[Kpi]], actor: Actor) -> None:
        """Every value is kept with its time and author (decision B1).

        Raises ValueError, before anything is committed, where that time is in the future.
        """
        now = timezone.now()
        for change in changes:
            if change.row.value_at is not None:
                require_measured(change.row.value_at)
        insert_rows(
            [
                KpiValue(
                    kpi_id=row.pk,
                    value=row.value,
                    at=row.value_at or now,
                    actor_id=actor.user_id,
                    shown_at=_shown_at(row, now),
                )
                for change in changes
                if change.touches("value") and (row := change.after) and row.value is not None
            ]
        )
        moves = ("department_id", "visibility", "archived_at")
        moved = {
            change.row.pk: (change.before, change.after)
            for change in changes
            if change.kind == "updated" and change.before is not None and change.touches(*moves)
        }
        if moved:
            self._move_along(moved)
        things.follow(self.entity_type, changes)

    @staticmethod
    def _move_along(moved: dict[Any, tuple[Any, Any]]) -> None:
        """Re-address unresolved alerts and insights when the audience of their KPI changes.

        moved: {KPI's id: (the KPI as it was, as it is)}.
        """
        for model in (Alert, Insight):
            synced = registered_for(model)
            for row in model.objects.filter(_SHOWN[model], kpi__in=moved):
                if synced.readable_data(row) is None:  # nobody was shown it
                    continue
                was = copy(row)
                was._state = ModelState()
                was.kpi, row.kpi = moved[row.kpi_id]
                append_events(synced, Change("updated", was, row, frozenset({"kpi_id"})))


def _shown_at(kpi: Kpi, now: datetime) -> datetime | None:
    """Return since when the value that the KPI is given has been shown; None: since its time."""
    if kpi.value_at is None or kpi.value_shown_at is not None:
        return kpi.value_shown_at
    return now if abs(now - kpi.value_at) > AT_ONCE else None


# ------------------------------------------------------------------ what concerns a KPI


class KpiPartSync(EntitySync[Any]):
    """Goes where its KPI is visible."""

    watched_fields: ClassVar[frozenset[str]] = EVERYTHING
    related: ClassVar[tuple[str, ...]] = ("kpi",)

    def is_event(self, change: Change[Any]) -> bool:
        """A worker's KPI may be archived, or hidden, since it was read: who sees it is looked up.

        Archiving waits for this lock, or this for that: one of them sees what the other has done.
        """
        row = change.row
        if change.kind == "created":
            hold_rows(Kpi, [row.kpi_id], Lock.KEY, wait=True)
            row.kpi = Kpi.everything.filter(pk=row.kpi_id).first() or row.kpi
        return True

    def audience(self, row: OfKpi) -> Audience:
        return registered_for(Kpi).audience(row.kpi)

    def change_type(self, change: Change[Any]) -> str:
        """With an archived KPI it is gone, too."""
        return "deleted" if change.row.kpi.archived_at is not None else change.kind


class AlertSync(KpiPartSync):
    model = Alert
    entity_type = "alert"
    mirrored = False
    shape = AlertData

    def is_event(self, change: Change[Alert]) -> bool:
        """Leave out what was resolved: it is gone for everybody."""
        was_there = change.before is None or change.before.resolved_at is None
        return was_there and super().is_event(change)

    def change_type(self, change: Change[Alert]) -> str:
        """Resolved, it is gone for those who mirror what is not."""
        return "deleted" if change.row.resolved_at is not None else super().change_type(change)

    def data(self, row: Alert) -> AlertData:
        return alert_data(row)

    def live(self, change: Change[Alert], actor: Actor) -> Live:
        raised = change.kind == "created"
        moved = change.kind == "updated" and change.touches(
            "acknowledged_at", "snoozed_until", "resolved_at"
        )
        return alert_message(change.row) if raised or moved else None


class InsightSync(KpiPartSync):
    model = Insight
    entity_type = "insight"
    mirrored = False
    shape = InsightData

    def data(self, row: Insight) -> InsightData:
        return insight_data(row)

    def live(self, change: Change[Insight], actor: Actor) -> Live:
        if change.kind == "deleted" or not change.touches("figures", "created_at"):
            return None
        return insight_message(change.row)


class ReportSync(EntitySync[Report]):
    """Told of once it is ready; what is waiting or has failed is for the admin."""

    model = Report
    entity_type = "report"
    mirrored = False
    shape = ReportData
    ignored: ClassVar[frozenset[str]] = frozenset({"updated_at", "schedule_id"})

    def is_event(self, change: Change[Report]) -> bool:
        return change.row.state == ReportState.READY

    def change_type(self, change: Change[Report]) -> str:
        before = change.before
        became_ready = before is not None and before.state != ReportState.READY
        return "created" if change.kind == "updated" and became_ready else change.kind

    def data(self, row: Report) -> ReportData:
        return report_data(row)

    def audience(self, row: Report) -> Audience:
        if row.department_id is None:
            return Audience(organization=str(row.organization_id))
        return Audience(department=str(row.department_id))

    def live(self, change: Change[Report], actor: Actor) -> Live:
        if self.change_type(change) != "created":
            return None
        return report_message(change.row)


_SHOWN: dict[type[OfKpi], Q] = {Alert: UNRESOLVED, Insight: Q()}


def _place_of_kpi(row: Kpi) -> Place:
    return Place(
        row.name,
        open_to_organization=row.visibility == Visibility.ORGANIZATION,
        department_id=row.department_id,
        archived=row.archived_at is not None,
    )


KPI = Thing(
    "kpi",
    "KPI",
    Kpi,
    Kpi.everything.all,
    visible_to,
    _place_of_kpi,
    frozenset({"organization_id", "department_id", "visibility", "archived_at", "name"}),
    Past(values_at, values_between),
)

# ------------------------------------------------------------------ topics


def _visible_ids(principal: Principal, ids: Collection[str]) -> set[str]:
    of_tenant = Kpi.objects.of(principal.organization_id)
    found = of_tenant.filter(visible_to(principal), pk__in=canonical_uuids(ids))
    return {str(pk) for pk in found.values_list("pk", flat=True)} & set(ids)


def _show_in_organization(organization_id: str, ids: Collection[str]) -> Iterable[SnapshotEntity]:
    yield from _shown(organization_id, organization_id__in=ids, visibility=Visibility.ORGANIZATION)
    yield from _shown_reports(organization_id, department=None)


def _show_in_departments(organization_id: str, ids: Collection[str]) -> Iterable[SnapshotEntity]:
    yield from _shown(organization_id, department_id__in=ids)
    yield from _shown_reports(organization_id, department_id__in=ids)


def _show_kpis(organization_id: str, ids: Collection[str]) -> Iterable[SnapshotEntity]:
    yield from _shown(organization_id, pk__in=ids)


def _shown(organization_id: str, **which: Any) -> Iterable[SnapshotEntity]:
    """These KPIs, and what concerns them."""
    synced: EntitySync[Any] = registered_for(Kpi)
    yield from synced.snapshot(Kpi.objects.of(organization_id).filter(**which))
    of_kpi = {f"kpi__{name}": value for name, value in which.items()}
    for model, shown in _SHOWN.items():
        rows = model.objects.of(organization_id).filter(kpi__archived_at=None)
        yield from registered_for(model).snapshot(rows.filter(shown, **of_kpi))


def _shown_reports(organization_id: str, **which: Any) -> Iterable[SnapshotEntity]:
    synced = registered_for(Report)
    ready = Report.objects.of(organization_id).filter(state=ReportState.READY)
    yield from synced.snapshot(ready.filter(**which))


feature = Feature(
    entities=[KpiSync(), AlertSync(), InsightSync(), ReportSync()],
    messages=[
        messages.KpiUpdate,
        messages.KpiUpdated,
        messages.PredictionRequest,
        messages.ReportRequest,
        messages.ReportGenerated,
        messages.AnomalyDetected,
        messages.PredictionReady,
        messages.Recommendation,
        messages.Alert,
        messages.AlertAcknowledge,
        messages.AlertSnooze,
    ],
    error_ids=["kpiId", "alertId"],
    handlers=[
        handlers.kpi_update,
        handlers.prediction_request,
        handlers.make_report,
        handlers.alert_acknowledge,
        handlers.alert_snooze,
    ],
    topics=[TopicKind("kpi", column=4, authorize=_visible_ids, reads=READ_OF_KPIS)],
    snapshots={
        "organization": _show_in_organization,
        "department": _show_in_departments,
        "kpi": _show_kpis,
    },
    processors=[Processor("kpis", frozenset({"kpi"}), jobs.look_at_values)],
    retention={
        "reports": delete_expired_reports,
        "answers": prune_answers,
        "anomalies": delete_old_anomalies,
        "ingest requests": prune_requests,
        "connector trials": trials.prune_trials,
    },
    jobs=[
        JobType(work=jobs.judge, on_given_up=judging_given_up),
        JobType(work=jobs.predict, on_given_up=jobs.prediction_given_up),
        JobType(work=jobs.make_report, on_given_up=report_given_up),
        JobType(work=jobs.raise_missing, title="Alerts: values that are missing", minutes=1),
        JobType(work=jobs.follow_alerts, title="Alerts: what has lasted or was snoozed", minutes=1),
        JobType(work=jobs.sweep, title="Insights: what was left waiting", minutes=10),
        JobType(work=request_due, title="Reports: what is due", minutes=10),
        JobType(work=jobs.run_connector, on_given_up=running.given_up),
        JobType(work=jobs.try_connector, on_given_up=trials.given_up),
        JobType(work=running.enqueue_due, title="Connectors: what is due", minutes=1),
    ],
    imports=[KpiImport(), ValueImport()],
    message_sources=[alerts_outside.AlertSource(), reports_outside.ReportSource()],
    message_categories=[*alerts_outside.CATEGORIES, *reports_outside.CATEGORIES],
    histories=[Kpi],
    traces={
        "KPI values": erasing.values_by,
        "acknowledged alerts": erasing.alerts_acknowledged_by,
        "requested reports": erasing.reports_requested_by,
        "connectors": erasing.connectors_of,
    },
    erasers=[erasing.erase],
    holdings=[services.KPIS],
    exports=own_data.EXPORTS,
    left_out=own_data.LEFT_OUT,
    going={
        "reports of it": services.reports_of,
        "report schedules of it": services.report_schedules_of,
    },
    panels=PANELS,
    words=WORDS,
    away=AWAY,
    things=[KPI],
)
