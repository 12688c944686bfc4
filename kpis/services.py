"""Actions on KPIs."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from decimal import Decimal

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from bos.ids import canonical_uuids
from kpis.models import Insight, InsightKind, Kpi, Report, ReportState
from kpis.permissions import may_update
from sync.eventlog.fast_sql import lock_row, update_row
from sync.eventlog.querysets import SyncedModel
from sync.eventlog.threads import letting_others_write
from sync.protocol.errors import Unauthorized
from sync.protocol.identity import Principal


def kpi_set_value(kpi_id: str, *, value: Decimal, principal: Principal) -> Kpi:
    """Set a KPI's value and send it to everyone who watches it.

    value: in the KPI's own unit, at most 15 significant digits, 4 decimals; kept exactly.
    Raises Unauthorized where the principal may not update it; a missing KPI, and an
    archived one, answers the same.
    Runs inside the caller's transaction. Source: protocol document, 'Message Format'; B1, E6.
    """
    known = canonical_uuids([kpi_id])
    kpi = lock_row(Kpi, known[0], organization_id=principal.organization_id) if known else None
    if kpi is None or kpi.archived_at is not None or not may_update(principal, kpi):
        raise Unauthorized(kpiId=kpi_id)
    kpi.value = value
    kpi.updated_at = timezone.now()
    update_row(kpi, "value", "updated_at")
    return kpi


ANOMALY_DAYS = 90


def delete_old_anomalies() -> int:
    """Forget anomalies that are of no interest any more; how many those were."""
    long_ago = timezone.now() - timedelta(days=ANOMALY_DAYS)
    return _delete_each(Insight.objects.filter(kind=InsightKind.ANOMALY, created_at__lt=long_ago))


def delete_expired_reports() -> int:
    """Forget reports whose links no longer open, and as old ones that have failed; how many those
    were."""
    now = timezone.now()
    failed = Q(state=ReportState.FAILED, created_at__lt=now - timedelta(days=settings.REPORT_DAYS))
    return _delete_each(Report.objects.filter(Q(expires_at__lt=now) | failed))


def _delete_each(rows: Iterable[SyncedModel]) -> int:
    deleted = 0
    for row in rows:
        with letting_others_write():
            deleted += row.delete()[0] > 0
    return deleted
