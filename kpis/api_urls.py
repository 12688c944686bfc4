"""Addresses under /api/v1."""

from __future__ import annotations

from django.urls import path

from bos.api.reading import paths
from kpis.alerts.api import RulesView, RuleTrialView, RuleView
from kpis.history.views import KpiValuesView
from kpis.ingest.views import ValuesView
from kpis.reading import READABLES

urlpatterns = [
    path("values", ValuesView.as_view(), name="values"),
    path("kpis/<str:id>/values", KpiValuesView.as_view(), name="kpi-values"),
    path("alert-rules", RulesView.as_view(), name="alert-rules"),
    path("alert-rules/try", RuleTrialView.as_view(), name="alert-rules-try"),
    path("alert-rules/<str:id>", RuleView.as_view(), name="alert-rules-one"),
    *paths(*READABLES),
]
