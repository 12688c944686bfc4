"""Traces that a user leaves behind at KPIs (decision V6)."""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from bos.models import User
from kpis.models import Alert, AlertRule, Connector, Kpi, KpiValue, Report, ReportSchedule


def erase(user: User) -> None:
    """Let them own no KPI and get no alerts and reports; what they have done stays."""
    Kpi.everything.filter(owner=user).update(owner=None, updated_at=timezone.now())
    AlertRule.notify.through.objects.filter(user_id=user.pk).delete()
    ReportSchedule.recipients.through.objects.filter(user_id=user.pk).delete()


def values_by(user: User) -> Any:
    # There is no index by author: of the organization's KPIs only.
    of_tenant = KpiValue.objects.filter(kpi__organization=user.organization_id)
    return of_tenant.filter(actor_id=str(user.pk))


def alerts_acknowledged_by(user: User) -> Any:
    return Alert.objects.filter(acknowledged_by=user)


def reports_requested_by(user: User) -> Any:
    return Report.objects.filter(requested_by=user)


def connectors_of(user: User) -> Any:
    """Those that write as this machine."""
    return Connector.objects.filter(account__user=user)
