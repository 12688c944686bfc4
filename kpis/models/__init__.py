"""KPIs, the history of their values, and what is made of it: alerts, insights, reports."""

from __future__ import annotations

from kpis.models.alerts import MAX_HOURS, Alert, AlertRule, RuleKind, Severity
from kpis.models.ingest import IngestRequest
from kpis.models.insights import AskedPrediction, Insight, InsightKind, InsightState
from kpis.models.kpis import (
    CurrentKpis,
    Direction,
    Kpi,
    KpiValue,
    OfKpi,
    Visibility,
    exact_field,
    validate_exact,
)
from kpis.models.reports import (
    MAX_REPORT_DAYS,
    Report,
    ReportFile,
    ReportFormat,
    ReportSchedule,
    ReportState,
    Rhythm,
)

__all__ = [
    "MAX_HOURS",
    "MAX_REPORT_DAYS",
    "Alert",
    "AlertRule",
    "AskedPrediction",
    "CurrentKpis",
    "Direction",
    "IngestRequest",
    "Insight",
    "InsightKind",
    "InsightState",
    "Kpi",
    "KpiValue",
    "OfKpi",
    "Report",
    "ReportFile",
    "ReportFormat",
    "ReportSchedule",
    "ReportState",
    "Rhythm",
    "RuleKind",
    "Severity",
    "Visibility",
    "exact_field",
    "validate_exact",
]
