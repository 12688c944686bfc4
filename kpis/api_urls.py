"""Addresses under /api/v1."""

from __future__ import annotations

from django.urls import path

from kpis.ingest.views import ValuesView

urlpatterns = [path("values", ValuesView.as_view(), name="values")]
