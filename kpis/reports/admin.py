"""Reports and their schedules in the admin."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html

from bos.adminsite.tenant import TenantAdmin, refuse_if_full
from bos.models import Department, User
from bos.permissions import departments_of, principal_of
from kpis.models import Report, ReportSchedule, ReportState
from kpis.reports.requests import enqueue_report, has_something


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
    autocomplete_fields = ("department",)

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
        enqueue_report(obj)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ScheduleForm(forms.ModelForm):  # type: ignore[type-arg]  # generic in the stubs only
    class Meta:
        model = ReportSchedule
        fields = ("organization", "department", "format", "rhythm", "recipients", "is_active")

    def clean(self) -> dict[str, Any]:
        """Recipients may read what they are mailed: of a department, not everybody may."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        department = cleaned.get("department")
        organization = cleaned.get("organization")
        organization_id = organization.pk if organization else self.instance.organization_id
        for user in cleaned.get("recipients") or ():
            problem = _obstacle(user, organization_id, department)
            if problem:
                self.add_error("recipients", f"{user.name} {problem}.")
        return cleaned


def _obstacle(user: User, organization_id: object, department: Department | None) -> str:
    """Return in words why the user would get no such report; empty where nothing is in the way."""
    if not user.is_active:
        return "is deactivated"
    if user.organization_id is None or user.organization_id != organization_id:
        return "is not of this organization"
    if department is not None and str(department.pk) not in departments_of(principal_of(user)):
        return f"may not read reports of {department}"
    return ""


class ReportScheduleAdmin(TenantAdmin):
    form = ScheduleForm
    list_display = ("__str__", "format", "is_active", "last_made_on", "organization")
    list_filter = ("organization", "is_active", "rhythm")
    list_select_related = ("organization", "department")
    autocomplete_fields = ("department", "recipients")


PAGES = {Report: ReportAdmin, ReportSchedule: ReportScheduleAdmin}
