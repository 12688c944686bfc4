"""KPIs and their history in the admin."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, ClassVar
from uuid import UUID

from django import forms
from django.contrib import admin
from django.db.models import Count, Max, Min, QuerySet
from django.http import Http404, HttpRequest, JsonResponse
from django.urls import path
from django.utils import timezone
from unfold.contrib.filters.admin import RangeDateTimeFilter

from bos.adminsite.attached import ThingAdmin
from bos.adminsite.numbers import plain_number
from bos.adminsite.pages import register_pages
from bos.adminsite.scope import scope_of
from bos.adminsite.tenant import AnyTabularInline, ExactHidden
from bos.adminsite.zone import on_the_wall, zone_name
from bos.history.admin import ChangesAdmin
from bos.history.page import author_names
from bos.imports.admin import ExportAdmin
from bos.imports.cells import time_of
from bos.imports.resources import DepartmentReference
from bos.models import Organization
from kpis.alerts import admin as alerts
from kpis.archive.admin import Archive
from kpis.connectors import admin as connectors
from kpis.history.imports import KpiResource
from kpis.history.paging import NEWEST_FIRST, NewestFirst
from kpis.history.thinning import Value, step_for, thinned
from kpis.insights import admin as insights
from kpis.models import Kpi, KpiValue, Visibility
from kpis.reports import admin as reports
from sync.eventlog.threads import in_batches
from sync.protocol.codecs import wire_number

MOST_POINTS = 2_000  # many times what a chart is wide
PERIODS = (30, 90, 400)


class PeriodFilter(RangeDateTimeFilter):
    """From and to, in the zone of the user who looks, which its title names.

    A day without a time is its beginning, or as the last one its end, which is 23 or 25 hours later
    where clocks are changed.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.title: str = f"{self.field.verbose_name} ({zone_name()})"

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        first, last = self._time("from"), self._time("to")
        if first is not None:
            queryset = queryset.filter(**{f"{self.parameter_name}__gte": first})
        if last is not None:
            if not self._text("to_1"):
                last = on_the_wall(last) + timedelta(days=1)
            queryset = queryset.filter(**{f"{self.parameter_name}__lt": last})
        return queryset

    def _text(self, part: str) -> str:
        return str(self.used_parameters.get(f"{self.parameter_name}_{part}") or "")

    def _time(self, end: str) -> datetime | None:
        try:
            text = f"{self._text(f'{end}_0')} {self._text(f'{end}_1')}".strip()
            return time_of(text, zone=timezone.get_current_timezone())
        except ValueError:
            return None


class LatestValues(AnyTabularInline):
    """The last values, to read: a value is set at the KPI."""

    model = KpiValue
    fields = readonly_fields = ("at", "exact_value", "author")
    extra = 0
    can_delete = False
    max_num = 0
    verbose_name_plural = "latest values"

    def get_queryset(self, request: HttpRequest) -> QuerySet[KpiValue]:
        match = request.resolver_match
        kpi_id = match.kwargs.get("object_id") if match else None
        if kpi_id is None:  # one is being added
            return KpiValue.objects.none()
        newest = list(KpiValue.objects.filter(kpi_id=kpi_id).order_by("-at")[:30])
        # An inline is made anew for each request: what is kept here is this request's.
        self._names = author_names({value.actor_id for value in newest}, scope_of(request))
        return super().get_queryset(request).filter(pk__in=[value.pk for value in newest])

    @admin.display(description="value")
    def exact_value(self, value: KpiValue) -> str:
        return plain_number(value.value)

    @admin.display(description="set by")
    def author(self, value: KpiValue) -> str:
        return self._names.get(value.actor_id, "")

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return True

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class KpiForm(forms.ModelForm):  # type: ignore[type-arg]  # generic in the stubs only
    """Values move while the page is open: what nobody has edited in it is not written.

    The page carries what it has shown. A post without that is compared with what is stored.
    """

    moving = ("value", "target")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in self.moving:
            if name in self.fields and self.instance.pk and not self.instance._state.adding:
                told = self.add_initial_prefix(name) in self.data
                self.fields[name].show_hidden_initial = told or not self.is_bound
                self.fields[name].hidden_widget = ExactHidden

    def clean(self) -> None:
        super().clean()
        for name in self.moving:
            if name in self.fields and self.fields[name].show_hidden_initial:
                self._compare(name)

    def _compare(self, name: str) -> None:
        """Keep what is stored where the field was not edited; refuse to overwrite unseen."""
        stored = self.initial.get(name)
        if name not in self.changed_data:
            self.cleaned_data[name] = stored
            return
        field, key = self.fields[name], self.add_initial_prefix(name)
        shown = field.to_python(self.data[key])
        if name in self.cleaned_data and stored not in (shown, self.cleaned_data[name]):
            now = "empty" if stored is None else plain_number(stored)
            self.add_error(name, f"It has become {now} meanwhile. Save again to replace that.")
            posted: Any = self.data
            self.data = posted = posted.copy()
            posted[key] = "" if stored is None else str(stored)


@admin.register(Kpi)
class KpiAdmin(Archive, ThingAdmin):
    entity_type = "kpi"
    form = KpiForm
    import_kind = "kpis"
    resource = KpiResource
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
    list_filter = ("organization", "department", "owner", "visibility", "direction")
    list_select_related = ("department", "owner", "organization")
    search_fields = ("name", "key")
    autocomplete_fields = ("department", "owner")
    inlines = (LatestValues,)
    actions = ("show_to_organization", "show_to_department_only", "archive_kpis")
    change_form_outer_before_template = "admin/bos/kpi_chart.html"

    class Media:
        css: ClassVar[Any] = {"all": ("vendor/uplot/uPlot.min.css",)}
        js = ("vendor/uplot/uPlot.iife.min.js", "bos/kpi_chart.js")

    def get_changelist_form(self, request: HttpRequest, **kwargs: Any) -> Any:
        return super().get_changelist_form(request, form=KpiForm, **kwargs)

    def save_model(self, request: HttpRequest, obj: Kpi, form: Any, change: bool) -> None:
        """Of a changed KPI what was changed, and nothing that others have changed meanwhile."""
        if not change:
            super().save_model(request, obj, form, change)
        elif form.changed_data:
            obj.save(update_fields=[*form.changed_data, "updated_at"])

    @admin.action(description="Show to everybody in the organization")
    def show_to_organization(self, request: HttpRequest, kpis: QuerySet[Kpi]) -> None:
        changed = _show(kpis, Visibility.ORGANIZATION)
        self.message_user(request, f"{changed} KPIs are visible to the organization.")

    @admin.action(description="Show to their department only")
    def show_to_department_only(self, request: HttpRequest, kpis: QuerySet[Kpi]) -> None:
        changed = _show(kpis.filter(department__isnull=False), Visibility.DEPARTMENT)
        self.message_user(request, f"{changed} KPIs are visible to their department only.")

    def get_urls(self) -> Any:
        values = self.admin_site.admin_view(self.values_view)
        return [path("<uuid:kpi_id>/values/", values, name="kpis_kpi_values"), *super().get_urls()]

    def values_view(self, request: HttpRequest, kpi_id: UUID) -> JsonResponse:
        """Return the chart's data: `{"points": [[seconds, value], ...], ...}`, oldest first."""
        kpi: Kpi | None = self.get_queryset(request).filter(pk=kpi_id).first()
        if kpi is None:
            raise Http404
        asked = request.GET.get("days", "")
        days = int(asked) if asked in map(str, PERIODS) else PERIODS[0]
        return JsonResponse(
            {
                "unit": kpi.unit,
                "target": wire_number(kpi.target),
                "points": points_of(kpi, timedelta(days=days)),
            }
        )


CHANGED_AT_ONCE = 100
"""KPIs of one transaction; the alerts and insights that are shown with them come along."""


def _show(kpis: QuerySet[Kpi], visibility: Visibility) -> int:
    """How many KPIs those are; in batches, between which others write."""
    changed = 0
    for some in in_batches(list(kpis.values_list("pk", flat=True)), CHANGED_AT_ONCE):
        changed += Kpi.objects.filter(pk__in=some).update(visibility=visibility)
    return changed


for pages in (
    alerts.PAGES,
    connectors.PAGES,
    insights.PAGES,
    reports.PAGES,
    {Kpi.history.model: ChangesAdmin},
):
    register_pages(pages)


@admin.register(KpiValue)
class KpiValueAdmin(ExportAdmin):
    """Every value that KPIs have had, to read: they are set at the KPI, or imported."""

    import_kind = "values"
    tenant_field = "kpi__organization"
    list_display = ("kpi", "at", "exact_value", "unit")
    list_display_links = None
    list_filter = ("kpi", ("at", PeriodFilter))
    list_select_related = ("kpi",)
    show_full_result_count = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """By a list of KPIs: a join looks each of them up again for each of its values."""
        return KpiValue.objects.filter(kpi__in=_kpis_of(request))

    def get_paginator(
        self, request: HttpRequest, queryset: QuerySet[Any], per_page: int, *args: Any, **more: Any
    ) -> Any:
        if tuple(queryset.query.order_by) != NEWEST_FIRST:
            return super().get_paginator(request, queryset, per_page, *args, **more)
        return NewestFirst(queryset, per_page, kpis=_kpis_of(request))

    @admin.display(description="value", ordering="value")
    def exact_value(self, value: KpiValue) -> str:
        return plain_number(value.value)

    @admin.display(description="unit")
    def unit(self, value: KpiValue) -> str:
        return value.kpi.unit

    def table(self, rows: Iterable[KpiValue], scope: Organization | None) -> Any:
        departments = DepartmentReference()
        departments.bind(scope)
        names = author_names({value.actor_id for value in rows}, scope)
        cells = (
            (
                str(value.kpi_id),
                value.kpi.name,
                departments.render(value.kpi.department_id),
                value.at,
                value.value,
                names[value.actor_id],
            )
            for value in rows
        )
        return ("kpi_id", "kpi", "department", "time", "value", "set_by"), cells

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and not self.is_own_page(request)


def _kpis_of(request: HttpRequest) -> QuerySet[Kpi]:
    """Those that this user may see, without the archived ones."""
    scope = scope_of(request)
    kpis: QuerySet[Kpi] = Kpi.objects.all() if scope is None else Kpi.objects.of(scope.pk)
    return kpis


def points_of(kpi: Kpi, period: timedelta) -> list[tuple[float, float]]:
    """The values of this period; of very many, the lowest, highest and last of each step."""
    values = KpiValue.objects.filter(kpi=kpi, at__gte=timezone.now() - period)
    extent = values.aggregate(count=Count("pk"), first=Min("at"), last=Max("at"))
    rows: Iterable[Value] = values.order_by("at", "pk").values_list("at", "value").iterator()
    if extent["count"] > MOST_POINTS:
        step = step_for(extent["first"], extent["last"], most=MOST_POINTS)
        rows = thinned(rows, first=extent["first"], step=step)
    return [(at.timestamp(), float(value)) for at, value in rows]
