"""Alert rules and alerts in the admin."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.template.defaultfilters import pluralize
from django.urls import path, reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from bos.adminsite.confirm import page_of
from bos.adminsite.numbers import plain_number
from bos.adminsite.read_only import ReadOnlyAdmin
from bos.adminsite.tenant import TenantAdmin
from bos.adminsite.zone import shown_time
from bos.ids import canonical_uuids
from kpis.alerts.handling import acknowledge, snooze
from kpis.alerts.rules import take_up_in_words, try_rule
from kpis.models import IN_STATE, Alert, AlertRule, AlertState
from sync.eventlog.threads import retry_on_conflict


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
    change_form_after_template = "admin/bos/alert_rule_try.html"

    class Media:
        js = ("bos/alert_rule.js",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Rules of archived KPIs rest: they come back with them."""
        return super().get_queryset(request).filter(kpi__archived_at=None)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        for notice in take_up_in_words(form.instance):
            self.message_user(request, notice, messages.WARNING)

    def get_urls(self) -> Any:
        tried = self.admin_site.admin_view(require_safe(self.try_view))
        return [path("try/", tried, name="kpis_alertrule_try"), *super().get_urls()]

    def try_view(self, request: HttpRequest) -> JsonResponse:
        """Return in words what the rule that is in the form would have done: `{"text": ...}`.

        Nothing is stored. `rule` in the query: the id of a stored one that is being changed.
        """
        ids = canonical_uuids([request.GET.get("rule", "")])
        rule = self.get_queryset(request).filter(pk__in=ids).first()
        form = self.get_form(request, rule, change=rule is not None)(request.GET, instance=rule)
        if not form.is_valid():
            name, errors = next(iter(form.errors.items()))
            label = form.fields[name].label if name in form.fields else ""
            return JsonResponse({"problem": f"{label}: {errors[0]}".removeprefix(": ")})
        is_raised = rule is not None and rule.raised
        tried = try_rule(form.instance, form.cleaned_data["notify"], is_raised=is_raised)
        found = tried.found
        return JsonResponse({"text": found.text, "days": found.days, "notes": tried.notes})


class StateFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(state.value, str(state.label)) for state in AlertState]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        chosen = IN_STATE.get(self.value() or "")
        return queryset if chosen is None else queryset.filter(chosen)


SNOOZES = {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(weeks=1)}


class AlertAdmin(ReadOnlyAdmin):
    list_display = (
        "message",
        "severity",
        "kpi",
        "life",
        "raised_at",
        "acknowledged_by",
        "resolved_at",
        "organization",
    )
    list_filter = ("organization", StateFilter, "severity", "raised_at")
    list_select_related = ("kpi", "acknowledged_by", "organization")
    search_fields = ("message", "kpi__name")
    date_hierarchy = "raised_at"
    actions = (
        "acknowledge_alerts",
        "snooze_for_an_hour",
        "snooze_for_a_day",
        "snooze_for_a_week",
    )
    fields = (
        "organization",
        "message",
        "life",
        "severity",
        "kpi",
        "rule",
        "exact_value",
        "exact_threshold",
        "raised_at",
        "acknowledged_at",
        "acknowledged_by",
        "snoozed_until",
        "resolved_at",
    )
    readonly_fields = ("life", "exact_value", "exact_threshold")
    change_form_outer_before_template = "admin/bos/alert_tools.html"

    @admin.display(description="state")
    def life(self, alert: Alert) -> str:
        until = alert.snoozed_until
        is_snoozed = until is not None and until > timezone.now()
        if not is_snoozed or alert.state == AlertState.RESOLVED:
            return str(alert.state.label)
        return f"{alert.state.label}, snoozed"

    @admin.display(description="value")
    def exact_value(self, alert: Alert) -> str:
        return "-" if alert.value is None else plain_number(alert.value)

    @admin.display(description="threshold")
    def exact_threshold(self, alert: Alert) -> str:
        return "-" if alert.threshold is None else plain_number(alert.threshold)

    def get_urls(self) -> Any:
        handle = self.admin_site.admin_view(require_POST(self.handle_view))
        return [path("<uuid:id_>/handle/", handle, name="kpis_alert_handle"), *super().get_urls()]

    @retry_on_conflict
    def handle_view(self, request: HttpRequest, id_: UUID) -> HttpResponse:
        """Acknowledge or snooze one alert, as the buttons of its page say."""
        alert: Alert | None = self.get_queryset(request).filter(pk=id_).first()
        if alert is None:
            raise Http404
        act = request.POST.get("act", "")
        if act == "acknowledge":
            self._acknowledge(request, [alert])
        elif act in SNOOZES:
            self._snooze(request, [alert], act)
        if request.POST.get("back") == "front":
            return HttpResponseRedirect(reverse("admin:index"))
        return HttpResponseRedirect(page_of(self, alert))

    @admin.action(description="Acknowledge the selected alerts", permissions=["view"])
    def acknowledge_alerts(self, request: HttpRequest, alerts: QuerySet[Alert]) -> None:
        self._acknowledge(request, alerts.select_related(None).only("pk"))

    @admin.action(description="Snooze the selected alerts for an hour", permissions=["view"])
    def snooze_for_an_hour(self, request: HttpRequest, alerts: QuerySet[Alert]) -> None:
        self._snooze(request, alerts.select_related(None).only("pk"), "hour")

    @admin.action(description="Snooze the selected alerts for a day", permissions=["view"])
    def snooze_for_a_day(self, request: HttpRequest, alerts: QuerySet[Alert]) -> None:
        self._snooze(request, alerts.select_related(None).only("pk"), "day")

    @admin.action(description="Snooze the selected alerts for a week", permissions=["view"])
    def snooze_for_a_week(self, request: HttpRequest, alerts: QuerySet[Alert]) -> None:
        self._snooze(request, alerts.select_related(None).only("pk"), "week")

    def _acknowledge(self, request: HttpRequest, alerts: Any) -> None:
        user: Any = request.user
        count = acknowledge(alerts, user)
        self.message_user(request, f"{count} alert{pluralize(count)} acknowledged.")

    def _snooze(self, request: HttpRequest, alerts: Any, name: str) -> None:
        until = timezone.now() + SNOOZES[name]
        count = snooze(alerts, until)
        text = f"{count} alert{pluralize(count)} snoozed until {shown_time(until)}."
        self.message_user(request, text)


PAGES = {AlertRule: AlertRuleAdmin, Alert: AlertAdmin}
