"""Alerts, insights and reports as messages and snapshots show them."""

from __future__ import annotations

from datetime import datetime
from typing import Any, cast

import msgspec
from django.urls import reverse
from msgspec import UNSET
from msgspec.structs import asdict

from bos.ids import wire_id
from kpis import messages
from kpis.entities import (
    AlertData,
    AlertLife,
    AlertSeverity,
    AnomalyData,
    PredictionData,
    RecommendationData,
    ReportData,
    ReportFormat,
    ReportOf,
)
from kpis.messages import (
    AnomalyDetected,
    AnomalyFigures,
    Figures,
    PredictionFigures,
    PredictionReady,
    Recommendation,
    RecommendationFigures,
    ReportGenerated,
)
from kpis.models import Alert, Insight, InsightKind, Report
from sync.protocol.codecs import wire_number
from sync.protocol.times import wire_time

_FIGURES: dict[InsightKind, type[Figures]] = {
    InsightKind.ANOMALY: AnomalyFigures,
    InsightKind.PREDICTION: PredictionFigures,
    InsightKind.RECOMMENDATION: RecommendationFigures,
}


def alert_data(row: Alert) -> AlertData:
    return AlertData(
        id=str(row.pk),
        kpi_id=str(row.kpi_id),
        rule_id=wire_id(row.rule_id),
        severity=cast(AlertSeverity, row.severity),
        message=row.message,
        value=wire_number(row.value),
        threshold=wire_number(row.threshold),
        raised_at=wire_time(row.raised_at),
        state=cast(AlertLife, row.state.value),
        acknowledged_at=_time_or_none(row.acknowledged_at),
        acknowledged_by=wire_id(row.acknowledged_by_id),
        snoozed_until=_time_or_none(row.snoozed_until),
        resolved_at=_time_or_none(row.resolved_at),
    )


def _time_or_none(moment: datetime | None) -> str | None:
    return None if moment is None else wire_time(moment)


def alert_message(row: Alert) -> messages.Alert:
    seen = row.acknowledged_at
    return messages.Alert(
        alert_id=str(row.pk),
        kpi_id=str(row.kpi_id),
        rule_id=wire_id(row.rule_id),
        severity=cast(AlertSeverity, row.severity),
        message=row.message,
        value=wire_number(row.value),
        threshold=wire_number(row.threshold),
        raised_at=wire_time(row.raised_at),
        state=cast(AlertLife, row.state.value),
        snoozed_until=_time_or_none(row.snoozed_until),
        acknowledged_at=UNSET if seen is None else wire_time(seen),
        acknowledged_by=UNSET if seen is None else wire_id(row.acknowledged_by_id),
        resolved_at=UNSET if row.resolved_at is None else wire_time(row.resolved_at),
    )


def figures_of(row: Insight) -> Figures:
    """Return what is stored of the insight. Raises ValidationError where that is not whole."""
    return msgspec.convert(row.figures, _FIGURES[InsightKind(row.kind)])


def insight_data(row: Insight) -> AnomalyData | PredictionData | RecommendationData:
    ids: dict[str, Any] = {"id": str(row.pk), "kpi_id": str(row.kpi_id)}
    at, figures = wire_time(row.created_at), figures_of(row)
    match figures:
        case AnomalyFigures():
            return AnomalyData(**ids, **asdict(figures), detected_at=at)
        case PredictionFigures():
            return PredictionData(**ids, **asdict(figures), created_at=at)
        case RecommendationFigures():
            return RecommendationData(**ids, **asdict(figures), created_at=at)


def insight_message(row: Insight) -> AnomalyDetected | PredictionReady | Recommendation:
    ids: dict[str, Any] = {"insight_id": str(row.pk), "kpi_id": str(row.kpi_id)}
    at, figures = wire_time(row.created_at), figures_of(row)
    match figures:
        case AnomalyFigures():
            return AnomalyDetected(**ids, **asdict(figures), detected_at=at, kind="anomaly")
        case PredictionFigures():
            return PredictionReady(**ids, **asdict(figures), created_at=at, kind="prediction")
        case RecommendationFigures():
            return Recommendation(**ids, **asdict(figures), created_at=at, kind="recommendation")


def report_data(row: Report) -> ReportData:
    return ReportData(id=str(row.pk), **_report(row))


def report_message(row: Report) -> ReportGenerated:
    return ReportGenerated(report_id=str(row.pk), **_report(row))


def _report(row: Report) -> dict[str, Any]:
    """Return the fields that both have, by their Python names."""
    if row.department_id is None:
        scope = ReportOf("organization", str(row.organization_id))
    else:
        scope = ReportOf("department", str(row.department_id))
    return {
        "scope": scope,
        "from_": row.from_day.isoformat(),
        "to": row.to_day.isoformat(),
        "format": cast(ReportFormat, row.format),
        "url": reverse("report-file", args=(row.pk,)),
        "created_at": wire_time(row.ready_at),
        "expires_at": wire_time(row.expires_at),
    }
