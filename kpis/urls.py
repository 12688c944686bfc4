from __future__ import annotations

from django.urls import path

from kpis import api

urlpatterns = [
    path("history", api.HistoryView.as_view(), name="kpi-history"),
    path("reports/<uuid:report_id>/file", api.ReportFileView.as_view(), name="report-file"),
]
