"""KPIs, the history of their values, and what is made of it: alerts, insights, reports."""

from __future__ import annotations

from kpis.models.alerts import (
    IN_STATE,
    MAX_HOURS,
    MAX_MINUTES,
    UNRESOLVED,
    Alert,
    AlertRule,
    AlertState,
    RuleKind,
    Severity,
    resolve_alerts,
)
from kpis.models.connectors import (
    MOST_CONNECTORS,
    Connector,
    ConnectorKind,
    ConnectorRhythm,
    ConnectorTrial,
)
from kpis.models.ingest import IngestRequest
from kpis.models.insights import AskedPrediction, Insight, InsightKind, InsightState
from kpis.models.kpis import (
    AT_ONCE,
    NEVER,
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
    "AT_ONCE",
    "IN_STATE",
    "MAX_HOURS",
    "MAX_MINUTES",
    "MAX_REPORT_DAYS",
    "MOST_CONNECTORS",
    "NEVER",
    "UNRESOLVED",
    "Alert",
    "AlertRule",
    "AlertState",
    "AskedPrediction",
    "Connector",
    "ConnectorKind",
    "ConnectorRhythm",
    "ConnectorTrial",
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
    "resolve_alerts",
    "validate_exact",
]
