"""Alert rules and alerts in the admin."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from bos.adminsite.read_only import ReadOnlyAdmin
from bos.adminsite.tenant import TenantAdmin
from kpis.alerts.handling import acknowledge
from kpis.models import Alert, AlertRule


class AlertRuleAdmin(TenantAdmin):
    list_display = (
        "kpi",
        "kind",
        "threshold",
        "hours",
        "severity",
        "is_active",
        "raised",
        "organization",
    )
    list_filter = ("organization", "kind", "severity", "is_active", "raised")
    list_select_related = ("kpi", "organization")
    search_fields = ("kpi__name",)
    autocomplete_fields = ("kpi", "notify")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Rules of archived KPIs rest: they come back with them."""
        return super().get_queryset(request).filter(kpi__archived_at=None)


class OpenFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("open", "Open"), ("acknowledged", "Acknowledged")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() is None:
            return queryset
        return queryset.filter(acknowledged_at__isnull=self.value() == "open")


class AlertAdmin(ReadOnlyAdmin):
    list_display = (
        "message",
        "severity",
        "kpi",
        "raised_at",
        "acknowledged_at",
        "acknowledged_by",
        "organization",
    )
    list_filter = ("organization", OpenFilter, "severity", "raised_at")
    list_select_related = ("kpi", "acknowledged_by", "organization")
    search_fields = ("message", "kpi__name")
    date_hierarchy = "raised_at"
    actions = ("acknowledge_alerts",)

    @admin.action(description="Acknowledge the selected alerts", permissions=["view"])
    def acknowledge_alerts(self, request: HttpRequest, alerts: QuerySet[Alert]) -> None:
        user: Any = request.user
        acknowledged = acknowledge(alerts.select_related(None).only("pk"), user)
        self.message_user(request, f"{acknowledged} alerts acknowledged.")


PAGES = {AlertRule: AlertRuleAdmin, Alert: AlertAdmin}
