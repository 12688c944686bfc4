"""Everything that has happened to a KPI, and what of a department's KPIs is worth a look."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Literal

from django.db.models import Q

from bos.ids import wire_id
from bos.timeline.changes import Kept, change_entry, kept_changes
from bos.timeline.items import (
    TimelineAdvice,
    TimelineAlert,
    TimelineAnomaly,
    TimelineForecast,
    TimelineImport,
    TimelineTarget,
    TimelineValue,
)
from bos.timeline.lanes import Asked, Entry, Lane
from kpis.entities import AnomalyData, PredictionData
from kpis.models import Alert, ImportOfValues, Insight, Kpi, KpiValue
from kpis.payloads import insight_data
from kpis.permissions import about_visible
from sync.protocol.codecs import wire_number
from sync.protocol.times import wire_time

TARGET = Kpi._meta.get_field("target").verbose_name


def values(asked: Asked) -> Iterator[Entry]:
    """Yield the values of a KPI: a department's would be too many to be merged."""
    if not asked.is_of("kpi"):
        return
    rows = KpiValue.objects.filter(kpi=asked.row)
    for row, before in asked.with_the_one_before(rows, "at"):
        item = TimelineValue(
            at=wire_time(row.at),
            value=float(row.value),
            before=None if before is None else wire_number(before.value),
            actor_id=row.actor_id,
            actor_name="",
            source=row.source,
        )
        yield Entry(row.at, f"0 {row.pk:020}", item)


def changes(asked: Asked) -> Iterator[Entry]:
    """Yield the targets of a KPI, and all else that was changed in it."""
    if not asked.is_of("kpi"):
        return
    for kept in kept_changes(asked):
        others = [field for field in kept.fields if field.name != TARGET]
        if len(others) < len(kept.fields) and kept.before is not None:
            yield _target(kept)
        else:
            others = kept.fields
        if others or kept.row.history_type != "~":
            yield change_entry(kept.row, others)


def _target(kept: Kept) -> Entry:
    row = kept.row
    item = TimelineTarget(
        at=wire_time(row.history_date),
        target=wire_number(row.target),
        before=wire_number(kept.before.target),
        actor_id=row.history_user_id,
        actor_name="",
        source=row.source,
    )
    return Entry(row.history_date, f"1 {row.history_id:020}", item)


def imports(asked: Asked) -> Iterator[Entry]:
    """Yield the imports that have brought values of a KPI."""
    if not asked.is_of("kpi"):
        return
    for row in asked.newest(ImportOfValues.objects.filter(kpi=asked.row), "at"):
        item = TimelineImport(
            at=wire_time(row.at),
            import_id=str(row.import_id),
            values=row.values,
            from_=wire_time(row.first_at),
            to=wire_time(row.last_at),
            actor_id=row.actor_id,
            actor_name="",
        )
        yield Entry(row.at, f"3 {row.pk:020}", item)


# ------------------------------------------------------------------ alerts


AlertChange = Literal["raised", "acknowledged", "resolved"]
_MOMENTS: tuple[tuple[str, AlertChange], ...] = (
    ("raised_at", "raised"),
    ("acknowledged_at", "acknowledged"),
    ("resolved_at", "resolved"),
)


def alerts(asked: Asked) -> Iterator[Entry]:
    """Yield when the alerts of a KPI, or of a department's, were raised, seen and resolved."""
    rows = Alert.objects.of(asked.principal.organization_id).filter(_about(asked))
    for order, (moment, change) in enumerate(_MOMENTS):
        for row in asked.newest(rows, moment):
            at = getattr(row, moment)
            yield Entry(at, f"6{order} {row.pk}", _alert(row, at, change))


def _alert(row: Alert, at: datetime, change: AlertChange) -> TimelineAlert:
    return TimelineAlert(
        at=wire_time(at),
        change=change,
        alert_id=str(row.pk),
        kpi_id=str(row.kpi_id),
        severity=row.severity,
        message=row.message,
        value=wire_number(row.value),
        threshold=wire_number(row.threshold),
        actor_id=wire_id(row.acknowledged_by_id) if change == "acknowledged" else None,
        actor_name=None,
    )


# ------------------------------------------------------------------ insights


def insights(asked: Asked) -> Iterator[Entry]:
    """Yield the insights into a KPI, or into a department's."""
    rows = Insight.objects.of(asked.principal.organization_id).filter(_about(asked))
    for row in asked.newest(rows, "created_at"):
        yield Entry(row.created_at, f"5 {row.pk}", _insight(row))


def _insight(row: Insight) -> TimelineAnomaly | TimelineForecast | TimelineAdvice:
    data, at = insight_data(row), wire_time(row.created_at)
    if isinstance(data, AnomalyData):
        return TimelineAnomaly(
            at=at,
            insight_id=data.id,
            kpi_id=data.kpi_id,
            day=data.day,
            value=data.value,
            expected=data.expected,
            lower=data.lower,
            upper=data.upper,
            severity=data.severity,
        )
    if isinstance(data, PredictionData):
        last = data.points[-1]
        return TimelineForecast(
            at=at,
            insight_id=data.id,
            kpi_id=data.kpi_id,
            horizon=data.horizon,
            day=last.date,
            expected=last.expected,
            lower=last.lower,
            upper=last.upper,
        )
    return TimelineAdvice(at=at, insight_id=data.id, kpi_id=data.kpi_id, message=data.message)


def _about(asked: Asked) -> Q:
    """Of a KPI; of a department those of its KPIs that are there, as far as they may be seen."""
    if asked.is_of("kpi"):
        return Q(kpi=asked.row)
    if asked.is_of("department"):
        return Q(kpi__department=asked.row) & about_visible(asked.principal)
    return Q(pk__in=())


LANES = (
    Lane("values", "values of KPIs", values),
    Lane("changes", "changes of KPIs", changes),
    Lane("imports", "imports of values", imports),
    Lane("alerts", "alerts of KPIs", alerts),
    Lane("insights", "insights into KPIs", insights),
)
