"""Alert rules, alerts, insights and reports in the admin; imported by `kpis.admin`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html

from bos.adminsite.numbers import rounded_number
from bos.adminsite.tenant import TenantAdmin, refuse_if_full
from kpis.alerts.services import acknowledge
from kpis.models import (
    Alert,
    AlertRule,
    Insight,
    InsightKind,
    InsightState,
    Report,
    ReportSchedule,
    ReportState,
)
from kpis.reports.requesting import has_something, have_made


class ToRead(TenantAdmin):
    """What the system makes: to read."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(AlertRule)
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


@admin.register(Alert)
class AlertAdmin(ToRead):
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


@admin.register(Insight)
class InsightAdmin(ToRead):
    list_display = ("kind", "kpi", "summary", "created_at", "organization")
    list_filter = ("organization", "kind", "created_at")
    list_select_related = ("kpi", "organization")
    search_fields = ("kpi__name",)
    fields = readonly_fields = ("kind", "kpi", "summary", "created_at", "all_figures")

    @admin.display(description="what it says")
    def summary(self, insight: Insight) -> str:
        figures = insight.figures
        match InsightKind(insight.kind):
            case InsightKind.ANOMALY:
                value, lower, upper = _rounded(figures, "value", "lower", "upper")
                severity = figures["severity"]
                return f"{value} on {figures['day']}; expected {lower} to {upper} ({severity})"
            case InsightKind.PREDICTION:
                last = figures["points"][-1]
                expected, lower, upper = _rounded(last, "expected", "lower", "upper")
                return f"{expected} on {last['date']} ({lower} to {upper})"
            case InsightKind.RECOMMENDATION:
                return str(figures["message"])

    @admin.display(description="figures")
    def all_figures(self, insight: Insight) -> str:
        text = json.dumps(insight.figures, indent=2, ensure_ascii=False)
        return format_html("<pre>{}</pre>", text)


def _rounded(figures: dict[str, Any], *names: str) -> Iterator[str]:
    return (rounded_number(figures[name]) for name in names)


@admin.register(InsightState)
class InsightStateAdmin(ToRead):
    """In which rhythm each KPI's values come, what that means, and why some have no insight."""

    list_display = ("of_kpi", "rhythm", "note", "judged_at", "forecast_day", "waiting_for_a_worker")
    list_filter = ("waiting",)
    list_select_related = ("kpi",)
    search_fields = ("kpi__name", "rhythm", "note")
    fields = readonly_fields = (
        "of_kpi",
        "rhythm",
        "model",
        "note",
        "judged_at",
        "forecast_day",
        "waiting_for_a_worker",
    )
    tenant_field = "kpi__organization"

    @admin.display(description="KPI", ordering="kpi__name")
    def of_kpi(self, state: InsightState) -> str:
        return str(state.kpi)

    @admin.display(ordering="waiting_since")
    def waiting_for_a_worker(self, state: InsightState) -> str:
        if not state.waiting:
            return "no"
        return f"since {state.waiting_since:%Y-%m-%d %H:%M}" if state.waiting_since else "yes"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).filter(kpi__archived_at=None)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and not self.is_own_page(request)


class ReportForm(forms.ModelForm):  # type: ignore[type-arg]  # generic in the stubs only
    class Meta:
        model = Report
        fields = ("organization", "department", "from_day", "to_day", "format")

    def _post_clean(self) -> None:
        """With everything in its place: a report over nothing is refused here."""
        super()._post_clean()  # type: ignore[misc]  # not in the stubs
        if not self.errors and not has_something(self.instance):
            self.add_error(None, "No KPI has a value in that time: there is nothing to report.")
        if not self.errors:
            refuse_if_full(self)


@admin.register(Report)
class ReportAdmin(TenantAdmin):
    """Reports are asked for here; a worker makes them."""

    form = ReportForm
    list_display = (
        "__str__",
        "format",
        "state",
        "link",
        "problem",
        "requested_by",
        "created_at",
        "expires_at",
        "organization",
    )
    list_filter = ("organization", "state", "format", "department")
    list_select_related = ("organization", "department", "requested_by")
    readonly_fields = ("link",)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        asked_for = ("department", "from_day", "to_day", "format")
        if obj is not None:
            return (*asked_for, "state", "problem", "link", "requested_by", "expires_at")
        return ("organization", *asked_for) if request.user.is_superuser else asked_for

    @admin.display(description="file")
    def link(self, report: Report) -> str:
        if report.state != ReportState.READY:
            return ""
        return format_html('<a href="{}">Open</a>', reverse("report-file", args=(report.pk,)))

    def save_model(self, request: HttpRequest, obj: Report, form: Any, change: bool) -> None:
        user: Any = request.user
        obj.requested_by = user
        super().save_model(request, obj, form, change)
        have_made(obj)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(ReportSchedule)
class ReportScheduleAdmin(TenantAdmin):
    list_display = ("__str__", "format", "is_active", "last_made_on", "organization")
    list_filter = ("organization", "is_active", "rhythm")
    list_select_related = ("organization", "department")
