"""Traces that a user leaves behind at KPIs (decision V6)."""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from bos.leaving.people import register_eraser, register_history, register_trace
from bos.models import User
from kpis.models import Alert, AlertRule, Kpi, KpiValue, Report


def _erase(user: User) -> None:
    """Let them own no KPI and be told of none; what they have done stays."""
    Kpi.everything.filter(owner=user).update(owner=None, updated_at=timezone.now())
    AlertRule.notify.through.objects.filter(user_id=user.pk).delete()


def _values(user: User) -> Any:
    # There is no index by author: of the organization's KPIs only.
    of_tenant = KpiValue.objects.filter(kpi__organization=user.organization_id)
    return of_tenant.filter(actor_id=str(user.pk))


register_trace("KPI values", _values)
register_trace("acknowledged alerts", lambda user: Alert.objects.filter(acknowledged_by=user))
register_trace("requested reports", lambda user: Report.objects.filter(requested_by=user))
register_history(Kpi)
register_eraser(_erase)
