"""HTTP addresses. Features add their own under /api by name, so that `bos` imports none."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path, re_path
from django.views.defaults import page_not_found

from bos.adminsite.choosing import completions
from bos.auth import views as auth_views
from bos.auth.admin import password_change
from bos.identity import views as identity_views
from bos.web import docs, views
from bos.web.schema import SchemaView, messages_schema

urlpatterns = [
    path("healthz", views.healthz),
    path("account/", include("bos.identity.urls")),
    # Before the admin's own.
    path("admin/login/", identity_views.admin_login),
    path("admin/password_change/", password_change),  # which shows it
    path("admin/autocomplete/", completions),  # likewise
    path("account/messages/", include("bos.outside.urls")),
    path("readyz", views.readyz),
    # A shortcut to the page of any row, by its type and id. No row has a page of its own.
    re_path(r"^admin/r/", page_not_found, {"exception": None}),
    path("admin/", admin.site.urls),
    path("account/", include("bos.people.urls")),
    # With and without a trailing slash: a redirect would lose a POST's body.
    re_path(r"^auth/token/?$", auth_views.TokenView.as_view(), name="token"),
    re_path(r"^auth/refresh/?$", auth_views.RefreshView.as_view(), name="refresh"),
    re_path(r"^auth/session/?$", identity_views.SessionTokensView.as_view(), name="session-tokens"),
    re_path(r"^auth/logout/?$", auth_views.LogoutView.as_view(), name="logout"),
    re_path(r"^auth(?:/|$)", auth_views.not_found),
    path("docs/", docs.index),
    path("docs/api", docs.api_docs, name="api_docs"),
    path("docs/messages", docs.message_docs, name="message_docs"),
    path("api/schema", SchemaView.as_view(), name="schema"),
    path("api/messages", messages_schema, name="messages_schema"),
    path("api/kpis/", include("kpis.urls")),
    path("api/v1/", include("bos.api.urls")),
    re_path(r"^api(?:/|$)", auth_views.not_found),
    path("", include("bos.web.workspace")),
]

handler400 = "bos.web.views.refused"
handler500 = "bos.web.views.failed"
