"""Addresses under /api/v1. Features add their own by name, so that `bos` imports none."""

from __future__ import annotations

from django.urls import include, path

from bos.api.me import MeView

urlpatterns = [
    path("me", MeView.as_view(), name="me"),
    path("", include("kpis.api_urls")),
]
