"""Export what is stored about a person at KPIs (decision D6)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from bos.adminsite.numbers import plain_number
from bos.models import User
from bos.people.exporting import Export, ExportRow, stream
from kpis.models import Alert, AlertRule, AskedPrediction, Kpi, KpiValue, Report, ReportSchedule


class Owned(ExportRow):
    id: str
    name: str
    archived_at: datetime | None


def owned_kpis(user: User) -> Iterator[ExportRow]:
    for row in stream(Kpi.everything.filter(owner=user).order_by("name", "pk")):
        yield Owned(id=str(row.pk), name=row.name, archived_at=row.archived_at)


class ValueSet(ExportRow):
    kpi_id: str
    kpi: str
    at: datetime
    value: str
    """A decimal, exactly as it is stored."""


def values(user: User) -> Iterator[ExportRow]:
    """Yield the values that the user has set, KPI by KPI: there is no index by author, and no
    statement is to look at all values of an organization."""
    kpis = Kpi.everything.filter(organization=user.organization_id).order_by("name", "pk")
    for kpi in list(kpis.only("pk", "name")):
        own = KpiValue.objects.filter(kpi=kpi, actor_id=str(user.pk))
        for at, value in stream(own.order_by("at", "pk").values_list("at", "value")):
            yield ValueSet(kpi_id=str(kpi.pk), kpi=kpi.name, at=at, value=_written(value))


def _written(value: Any) -> str:
    return plain_number(Decimal(value))


class Acknowledged(ExportRow):
    id: str
    kpi_id: str
    message: str
    raised_at: datetime
    acknowledged_at: datetime | None


def acknowledged_alerts(user: User) -> Iterator[ExportRow]:
    for row in stream(Alert.objects.filter(acknowledged_by=user).order_by("raised_at")):
        yield Acknowledged(
            id=str(row.pk),
            kpi_id=str(row.kpi_id),
            message=row.message,
            raised_at=row.raised_at,
            acknowledged_at=row.acknowledged_at,
        )


class NotifiedOf(ExportRow):
    """A rule whose alerts the person is notified of."""

    id: str
    kpi_id: str
    severity: str


def alert_rules(user: User) -> Iterator[ExportRow]:
    for row in stream(AlertRule.objects.filter(notify=user).order_by("created_at")):
        yield NotifiedOf(id=str(row.pk), kpi_id=str(row.kpi_id), severity=row.severity)


class Requested(ExportRow):
    id: str
    from_day: date
    to_day: date
    format: str
    state: str
    created_at: datetime


def reports(user: User) -> Iterator[ExportRow]:
    for row in stream(Report.objects.filter(requested_by=user).order_by("created_at")):
        yield Requested(
            id=str(row.pk),
            from_day=row.from_day,
            to_day=row.to_day,
            format=row.format,
            state=row.state,
            created_at=row.created_at,
        )


class Asked(ExportRow):
    kpi_id: str
    horizon: int
    asked_at: datetime
    answered_at: datetime | None


def predictions(user: User) -> Iterator[ExportRow]:
    for row in stream(AskedPrediction.objects.filter(user_id=str(user.pk)).order_by("asked_at")):
        yield Asked(
            kpi_id=row.kpi_id,
            horizon=row.horizon,
            asked_at=row.asked_at,
            answered_at=row.answered_at,
        )


class Received(ExportRow):
    id: str
    title: str


def mailed_schedules(user: User) -> Iterator[ExportRow]:
    for row in stream(ReportSchedule.objects.filter(recipients=user).order_by("pk")):
        yield Received(id=str(row.pk), title=str(row))


EXPORTS: Mapping[str, Export] = {
    "ownedKpis": Export(owned_kpis, ("kpis.Kpi.owner",)),
    "values": Export(values, ("kpis.KpiValue.actor_id",)),
    "acknowledgedAlerts": Export(acknowledged_alerts, ("kpis.Alert.acknowledged_by",)),
    "alertRules": Export(alert_rules, ("kpis.AlertRule.notify",)),
    "reports": Export(reports, ("kpis.Report.requested_by",)),
    "mailedReportSchedules": Export(mailed_schedules, ("kpis.ReportSchedule.recipients",)),
    "predictions": Export(predictions, ("kpis.AskedPrediction.user_id",)),
}
LEFT_OUT: Mapping[str, str] = {
    "kpis.ConnectorTrial.user": "A connector as it is tried in a form: forgotten after an hour.",
    "kpis.HistoricalKpi.owner": "The history of a KPI; the owner now is in `ownedKpis`.",
    "kpis.ImportOfValues.actor_id": "How many values an import has brought: each is in `values`.",
    "kpis.IngestRequest.user": "A machine's: by it a repeated request is known for some hours.",
}
