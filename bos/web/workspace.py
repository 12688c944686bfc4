"""The page: one document for every address of it, which signs in and connects like any client."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from django.conf import settings
from django.contrib.staticfiles import finders
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import NoReverseMatch, path, reverse
from django.utils.cache import patch_cache_control
from django.views.decorators.http import require_safe

from bos.models import User

FOLDER = "bos/workspace"
"""The folder of the static files that clients/workspace/bundle.py writes."""
PLACES = (
    *("space", "sessions", "alerts", "reports", "people", "inbox"),
    *("kpi/<slug:id>", "department/<slug:id>", "session/<slug:id>", "session/<slug:id>/replay"),
)
"""Addresses of the page besides `/`: frame/routes.tsx says what each shows."""
DEMO = {
    "password": "bos-demo-2026",
    "accounts": [
        {"email": "viewer@harbor.example", "role": "Viewer", "does": "reads"},
        {"email": "member@harbor.example", "role": "Member", "does": "also writes notes"},
        {"email": "manager@harbor.example", "role": "Manager", "does": "also sets values"},
        {"email": "admin@harbor.example", "role": "Admin", "does": "may do everything"},
    ],
}
"""Accounts that the page offers: in development alone, where `make run` makes them."""


class Files(NamedTuple):
    """Name the static files that the page begins with."""

    script: str
    style: str
    imports: list[str]


def files() -> Files:
    """Return what the page begins with; in development as it is at this moment."""
    return _read() if settings.DEBUG else _kept()


def _read() -> Files:
    found = finders.find(f"{FOLDER}/manifest.json")
    if found is None:  # an installation that has collected its static files, and kept no others
        found = str(Path(settings.STATIC_ROOT, FOLDER, "manifest.json"))
    made = json.loads(Path(found).read_text(encoding="utf-8"))
    return Files(
        script=f"{FOLDER}/{made['script']}",
        style=f"{FOLDER}/{made['style']}",
        imports=[f"{FOLDER}/{name}" for name in made["imports"]],
    )


_kept = lru_cache(maxsize=1)(_read)


@require_safe
def workspace(request: HttpRequest, **_of_its_address: str) -> HttpResponse:
    """Serve the page. Nothing of a tenant is in it, whatever its address names. For whoever has
    signed in to a session it asks for tokens, and needs what proves that it is this page."""
    user = request.user
    email = user.email if isinstance(user, User) and user.organization_id else ""
    written = {"demo": DEMO if settings.DEBUG else None, "reset": _reset_address()}
    context = {"files": files(), "email": email, "written": written}
    response = render(request, "workspace.html", context)
    if email:
        patch_cache_control(response, private=True, no_store=True)
    return response


def _reset_address() -> str:
    try:
        return reverse("account_reset_password")
    except NoReverseMatch:  # no mail can be sent
        return ""


urlpatterns = [
    path("", workspace, name="dashboard"),
    *(path(place, workspace) for place in PLACES),
]
