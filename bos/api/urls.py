"""Addresses under /api/v1. Features add their own by name, so that `bos` imports none."""

from __future__ import annotations

from django.urls import include, path

from bos.api.events import EventsView
from bos.api.me import MeView
from bos.api.readables import READABLES
from bos.api.reading import paths
from bos.outside.api import PushKeyView, PushSubscriptionsView
from bos.webhooks.views import ReplayView, WebhooksView

urlpatterns = [
    path("me", MeView.as_view(), name="me"),
    path("events", EventsView.as_view(), name="events"),
    path("push-key", PushKeyView.as_view(), name="push-key"),
    path("push-subscriptions", PushSubscriptionsView.as_view(), name="push-subscriptions"),
    *paths(*READABLES),
    path("webhooks", WebhooksView.as_view(), name="webhooks"),
    path("webhooks/<uuid:webhook_id>/replay", ReplayView.as_view(), name="webhook_replay"),
    path("", include("kpis.api_urls")),
    path("", include("collaboration.api_urls")),
]
