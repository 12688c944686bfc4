"""Addresses under /api/v1."""

from __future__ import annotations

from django.urls import path

from bos.api.reading import paths
from kpis.history.views import KpiValuesView
from kpis.ingest.views import ValuesView
from kpis.reading import READABLES

urlpatterns = [
    path("values", ValuesView.as_view(), name="values"),
    path("kpis/<str:id>/values", KpiValuesView.as_view(), name="kpi-values"),
    *paths(*READABLES),
]
