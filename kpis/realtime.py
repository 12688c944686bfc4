"""How KPIs, and what is made of them, appear on the wire: what is captured, who is shown it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from copy import copy
from typing import Any, ClassVar

from django.db.models import Q
from django.db.models.base import ModelState
from django.utils import timezone

from bos.ids import uuids
from kpis import handlers, jobs, messages  # noqa: F401 -- they register themselves
from kpis.alerts.past import require_measured
from kpis.archive import erasing, services  # noqa: F401 -- they register themselves
from kpis.insights.asked import forget_answers
from kpis.models import (
    Alert,
    Insight,
    InsightKind,
    Kpi,
    KpiValue,
    OfKpi,
    Report,
    ReportState,
    Visibility,
)
from kpis.payloads import alert_payload, insight_payload, report_payload
from kpis.permissions import READ_OF_KPIS, visible_to
from kpis.services import delete_expired_reports, delete_old_anomalies
from sync.eventlog.capture import (
    EVERYTHING,
    Change,
    Synced,
    emit,
    register,
    registered_for,
)
from sync.eventlog.fast_sql import Lock, hold_rows, insert_rows
from sync.eventlog.retention import forget_regularly
from sync.protocol.codecs import wire_number
from sync.protocol.identity import Actor, Principal
from sync.protocol.times import wire_time
from sync.protocol.topics import Audience, Shown, TopicKind, register_snapshot, register_topic

Live = tuple[str, dict[str, Any]] | None

# ------------------------------------------------------------------ KPIs


class SyncedKpi(Synced[Kpi]):
    model = Kpi
    entity_type = "kpi"
    tracked: ClassVar[frozenset[str]] = frozenset(
        {"organization_id", "department_id", "owner_id", "visibility", "archived_at"}
    )

    def data(self, row: Kpi) -> dict[str, Any]:
        return {
            "id": str(row.pk),
            "name": row.name,
            "unit": row.unit,
            "value": wire_number(row.value),
            "target": wire_number(row.target),
            "direction": row.direction,
            "departmentId": _id(row.department_id),
            "ownerId": _id(row.owner_id),
            "visibility": row.visibility,
            "updatedAt": wire_time(row.updated_at),
        }

    def audience(self, row: Kpi) -> Audience:
        """Return the topics: a restricted KPI never goes out on the organization's (decision S4),
        an archived one on none (V6)."""
        if row.archived_at is not None:
            return Audience()
        restricted = row.visibility == Visibility.DEPARTMENT
        return Audience(
            organization=None if restricted else str(row.organization_id),
            department=_id(row.department_id),
            kpi=str(row.pk),
        )

    def kind(self, change: Change[Kpi]) -> str:
        """Archived, it is gone for all who saw it; restored, it is new to them."""
        if change.row.archived_at is not None:
            return "deleted"
        was_archived = change.before is not None and change.before.archived_at is not None
        return "created" if was_archived else change.kind

    def live(self, change: Change[Kpi], actor: Actor) -> Live:
        row = change.row
        if self.kind(change) != "updated" or row.value is None or not change.touches("value"):
            return None
        payload = {
            "kpiId": str(row.pk),
            "value": wire_number(row.value),
            "updatedBy": actor.user_id,
            "updatedAt": wire_time(row.updated_at),
        }
        if row.value_at is not None:
            payload["measuredAt"] = wire_time(row.value_at)
        return "KPI_UPDATED", payload

    def recorded(self, changes: Sequence[Change[Kpi]], actor: Actor) -> None:
        """Every value is kept with its time and author (decision B1).

        Raises ValueError, before anything is committed, where that time is in the future.
        """
        now = timezone.now()
        for change in changes:
            if change.row.value_at is not None:
                require_measured(change.row.value_at)
        insert_rows(
            [
                KpiValue(kpi=row, value=row.value, at=row.value_at or now, actor_id=actor.user_id)
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

    @staticmethod
    def _move_along(moved: dict[Any, tuple[Any, Any]]) -> None:
        """Re-address open alerts and insights when the audience of their KPI changes.

        moved: {KPI's id: (the KPI as it was, as it is)}.
        """
        for model in (Alert, Insight):
            for row in model.objects.filter(_SHOWN[model], kpi__in=moved):
                was = copy(row)
                was._state = ModelState()
                was.kpi, row.kpi = moved[row.kpi_id]
                emit(registered_for(model), Change("updated", was, row, frozenset({"kpi_id"})))


# ------------------------------------------------------------------ what concerns a KPI


class SyncedOfKpi(Synced[Any]):
    """Goes where its KPI is visible."""

    tracked: ClassVar[frozenset[str]] = EVERYTHING
    related: ClassVar[tuple[str, ...]] = ("kpi",)

    def concerns(self, change: Change[Any]) -> bool:
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

    def kind(self, change: Change[Any]) -> str:
        """With an archived KPI it is gone, too."""
        return "deleted" if change.row.kpi.archived_at is not None else change.kind


class SyncedAlert(SyncedOfKpi):
    model = Alert
    entity_type = "alert"

    def kind(self, change: Change[Alert]) -> str:
        """Acknowledged, it is gone for those who mirror what is open."""
        return "deleted" if change.row.acknowledged_at is not None else super().kind(change)

    def data(self, row: Alert) -> dict[str, Any]:
        return _as_data(alert_payload(row), "alertId")

    def live(self, change: Change[Alert], actor: Actor) -> Live:
        raised = change.kind == "created"
        acknowledged = change.kind == "updated" and change.touches("acknowledged_at")
        return ("ALERT", alert_payload(change.row)) if raised or acknowledged else None


LIVE_TYPES = {
    InsightKind.ANOMALY: "ANOMALY_DETECTED",
    InsightKind.PREDICTION: "PREDICTION_READY",
    InsightKind.RECOMMENDATION: "RECOMMENDATION",
}


class SyncedInsight(SyncedOfKpi):
    model = Insight
    entity_type = "insight"

    def data(self, row: Insight) -> dict[str, Any]:
        return {"kind": row.kind} | _as_data(insight_payload(row), "insightId")

    def live(self, change: Change[Insight], actor: Actor) -> Live:
        if change.kind == "deleted" or not change.touches("figures", "created_at"):
            return None
        kind = InsightKind(change.row.kind)
        return LIVE_TYPES[kind], {"kind": kind.value} | insight_payload(change.row)


class SyncedReport(Synced[Report]):
    """Told of once it is ready; what is waiting or has failed is for the admin."""

    model = Report
    entity_type = "report"

    def concerns(self, change: Change[Report]) -> bool:
        return change.row.state == ReportState.READY

    def kind(self, change: Change[Report]) -> str:
        before = change.before
        became_ready = before is not None and before.state != ReportState.READY
        return "created" if change.kind == "updated" and became_ready else change.kind

    def data(self, row: Report) -> dict[str, Any]:
        return _as_data(report_payload(row), "reportId")

    def audience(self, row: Report) -> Audience:
        if row.department_id is None:
            return Audience(organization=str(row.organization_id))
        return Audience(department=str(row.department_id))

    def live(self, change: Change[Report], actor: Actor) -> Live:
        if self.kind(change) != "created":
            return None
        return "REPORT_GENERATED", report_payload(change.row)


def _as_data(payload: dict[str, Any], id_: str) -> dict[str, Any]:
    return {"id": payload[id_]} | {key: payload[key] for key in payload if key != id_}


def _id(value: object) -> str | None:
    return None if value is None else str(value)


_SHOWN: dict[type[OfKpi], Q] = {Alert: Q(acknowledged_at=None), Insight: Q()}

for synced in (SyncedKpi(), SyncedAlert(), SyncedInsight(), SyncedReport()):
    register(synced)


# ------------------------------------------------------------------ topics


def _visible_ids(principal: Principal, ids: Collection[str]) -> set[str]:
    of_tenant = Kpi.objects.of(principal.organization_id)
    found = of_tenant.filter(visible_to(principal), pk__in=uuids(ids))
    return {str(pk) for pk in found.values_list("pk", flat=True)} & set(ids)


def _show_in_organization(principal: Principal, ids: Collection[str]) -> Iterable[Shown]:
    yield from _shown(principal, organization_id__in=ids, visibility=Visibility.ORGANIZATION)
    yield from _shown_reports(principal, department=None)


def _show_in_departments(principal: Principal, ids: Collection[str]) -> Iterable[Shown]:
    yield from _shown(principal, department_id__in=ids)
    yield from _shown_reports(principal, department_id__in=ids)


def _show_kpis(principal: Principal, ids: Collection[str]) -> Iterable[Shown]:
    yield from _shown(principal, pk__in=ids)


def _shown(principal: Principal, **which: Any) -> Iterable[Shown]:
    """These KPIs, and what concerns them."""
    synced: Synced[Any] = registered_for(Kpi)
    for kpi in Kpi.objects.of(principal.organization_id).filter(**which):
        yield Shown("kpi", str(kpi.pk), synced.data(kpi))
    of_kpi = {f"kpi__{name}": value for name, value in which.items()}
    for model, shown in _SHOWN.items():
        synced = registered_for(model)
        rows = model.objects.of(principal.organization_id).filter(kpi__archived_at=None)
        for row in rows.filter(shown, **of_kpi):
            yield Shown(synced.entity_type, str(row.pk), synced.data(row))


def _shown_reports(principal: Principal, **which: Any) -> Iterable[Shown]:
    synced = registered_for(Report)
    ready = Report.objects.of(principal.organization_id).filter(state=ReportState.READY)
    for report in ready.filter(**which):
        yield Shown("report", str(report.pk), synced.data(report))


register_topic("kpi", TopicKind(_visible_ids, reads=READ_OF_KPIS))
register_snapshot("organization", _show_in_organization)
register_snapshot("department", _show_in_departments)
register_snapshot("kpi", _show_kpis)

# ------------------------------------------------------------------ housekeeping

forget_regularly("reports", delete_expired_reports)
forget_regularly("answers", forget_answers)
forget_regularly("anomalies", delete_old_anomalies)
