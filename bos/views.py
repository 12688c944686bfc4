"""The first page and the health check."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from bos import health


@require_safe
def dashboard(request: HttpRequest) -> HttpResponse:
    """The page signs in and connects like any client; nothing of a tenant is in it."""
    return render(request, "dashboard.html", {"demo": settings.DEBUG})


@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """200 while the process lives and the database answers it, else 503."""
    if not health.database.holds():
        return JsonResponse({"status": "database away"}, status=503)
    return JsonResponse({"status": "ok"})
