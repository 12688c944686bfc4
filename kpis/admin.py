"""KPIs and their history in the admin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from bos.tenant_admin import TenantAdmin
from kpis import admin_business  # noqa: F401 -- registers itself
from kpis.models import Kpi, KpiValue, Visibility

if TYPE_CHECKING:  # generic for the type checker only
    AnyTabularInline = admin.TabularInline[Any, Any]
else:
    AnyTabularInline = admin.TabularInline


class LatestValues(AnyTabularInline):
    """The last values, to read: a value is set at the KPI."""

    model = KpiValue
    fields = readonly_fields = ("at", "value", "actor_id")
    extra = 0
    can_delete = False
    max_num = 0
    verbose_name_plural = "latest values"

    def get_queryset(self, request: HttpRequest) -> QuerySet[KpiValue]:
        match = request.resolver_match
        kpi_id = match.kwargs.get("object_id") if match else None
        if kpi_id is None:  # one is being added
            return KpiValue.objects.none()
        newest = KpiValue.objects.filter(kpi_id=kpi_id).order_by("-at").values("pk")[:30]
        return (
            super().get_queryset(request).filter(pk__in=list(newest.values_list("pk", flat=True)))
        )

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return True

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Kpi)
class KpiAdmin(TenantAdmin):
    list_display = (
        "name",
        "value",
        "unit",
        "target",
        "department",
        "owner",
        "visibility",
        "organization",
        "updated_at",
    )
    list_editable = ("value", "target")
    list_filter = ("organization", "department", "visibility", "direction")
    list_select_related = ("department", "owner", "organization")
    search_fields = ("name",)
    inlines = (LatestValues,)
    actions = ("show_to_organization", "show_to_department_only")

    @admin.action(description="Show to everybody in the organization")
    def show_to_organization(self, request: HttpRequest, kpis: QuerySet[Kpi]) -> None:
        changed = kpis.update(visibility=Visibility.ORGANIZATION)
        self.message_user(request, f"{changed} KPIs are visible to the organization.")

    @admin.action(description="Show to their department only")
    def show_to_department_only(self, request: HttpRequest, kpis: QuerySet[Kpi]) -> None:
        changed = kpis.filter(department__isnull=False).update(visibility=Visibility.DEPARTMENT)
        self.message_user(request, f"{changed} KPIs are visible to their department only.")
