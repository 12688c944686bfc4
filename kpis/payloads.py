"""Alerts, insights and reports as messages and snapshots show them."""

from __future__ import annotations

from typing import Any

from django.urls import reverse

from kpis.models import Alert, Insight, InsightKind, Report
from sync.protocol.codecs import wire_number
from sync.protocol.times import wire_time


def alert_payload(row: Alert) -> dict[str, Any]:
    payload = {
        "alertId": str(row.pk),
        "kpiId": str(row.kpi_id),
        "ruleId": None if row.rule_id is None else str(row.rule_id),
        "severity": row.severity,
        "message": row.message,
        "value": wire_number(row.value),
        "threshold": wire_number(row.threshold),
        "raisedAt": wire_time(row.raised_at),
    }
    if row.acknowledged_at is not None:
        payload["acknowledgedAt"] = wire_time(row.acknowledged_at)
        payload["acknowledgedBy"] = _id(row.acknowledged_by_id)
    return payload


def insight_payload(row: Insight) -> dict[str, Any]:
    made_at = "detectedAt" if row.kind == InsightKind.ANOMALY else "createdAt"
    ids = {"insightId": str(row.pk), "kpiId": str(row.kpi_id)}
    return {**ids, **row.figures, made_at: wire_time(row.created_at)}


def report_payload(row: Report) -> dict[str, Any]:
    if row.department_id is None:
        scope = {"type": "organization", "id": str(row.organization_id)}
    else:
        scope = {"type": "department", "id": str(row.department_id)}
    return {
        "reportId": str(row.pk),
        "scope": scope,
        "from": row.from_day.isoformat(),
        "to": row.to_day.isoformat(),
        "format": row.format,
        "url": reverse("report-file", args=(row.pk,)),
        "createdAt": wire_time(row.ready_at),
        "expiresAt": wire_time(row.expires_at),
    }


def _id(value: object) -> str | None:
    return None if value is None else str(value)
