"""Insights, and in which state each KPI's are, in the admin."""

from __future__ import annotations

import json
from typing import Any

import msgspec
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html

from bos.adminsite.numbers import rounded_number
from bos.adminsite.read_only import ReadOnlyAdmin
from bos.adminsite.zone import shown_time
from kpis.messages import AnomalyFigures, Figures, PredictionFigures, RecommendationFigures
from kpis.models import Insight, InsightState
from kpis.payloads import figures_of


class InsightAdmin(ReadOnlyAdmin):
    list_display = ("kind", "kpi", "summary", "created_at", "organization")
    list_filter = ("organization", "kind", "created_at")
    list_select_related = ("kpi", "organization")
    search_fields = ("kpi__name",)
    fields = readonly_fields = ("kind", "kpi", "summary", "created_at", "all_figures")

    @admin.display(description="what it says")
    def summary(self, insight: Insight) -> str:
        try:
            return _summary(figures_of(insight))
        except (msgspec.ValidationError, IndexError):  # an older version's, or edited by hand
            return "What is stored cannot be read."

    @admin.display(description="figures")
    def all_figures(self, insight: Insight) -> str:
        text = json.dumps(insight.figures, indent=2, ensure_ascii=False)
        return format_html("<pre>{}</pre>", text)


def _summary(figures: Figures) -> str:
    match figures:
        case AnomalyFigures():
            value, lower, upper = map(rounded_number, (figures.value, figures.lower, figures.upper))
            severity = figures.severity
            return f"{value} on {figures.day}; expected {lower} to {upper} ({severity})"
        case PredictionFigures():
            last = figures.points[-1]
            expected, lower, upper = map(rounded_number, (last.expected, last.lower, last.upper))
            return f"{expected} on {last.date} ({lower} to {upper})"
        case RecommendationFigures():
            return figures.message


class InsightStateAdmin(ReadOnlyAdmin):
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
        return f"since {shown_time(state.waiting_since)}" if state.waiting_since else "yes"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).filter(kpi__archived_at=None)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and not self.is_own_page(request)


PAGES = {Insight: InsightAdmin, InsightState: InsightStateAdmin}
