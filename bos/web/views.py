"""The health checks, and what is said when we fail."""

from __future__ import annotations

import sys

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe

from bos.web import health
from bos.web.http import refusal
from sync.eventlog.faults import passes


@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """200 while the process lives and the database answers it, else 503."""
    if not health.database.holds():
        return JsonResponse({"status": "database away"}, status=503)
    return JsonResponse({"status": "ok"})


@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """200 while requests may be sent here, else 503 with the reasons. Redis is only mentioned."""
    reasons = health.obstacles()
    body = {
        "status": "not ready" if reasons else "ready",
        "reasons": reasons,
        "degraded": health.shortcomings(),
    }
    return JsonResponse(body, status=503 if reasons else 200)


def refused(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler400, which it calls for a request that it refuses to read."""
    message = "The request is not well formed."
    return refusal(request.path, code="INVALID_REQUEST", message=message, status=400)


def failed(request: HttpRequest) -> HttpResponse:
    """Django's handler500, which it calls for an exception that it is just handling."""
    if passes(sys.exc_info()[1]):
        message = "The database does not answer. Please try again in a moment."
        return refusal(request.path, code="SERVICE_UNAVAILABLE", message=message)
    message = "The server could not do this."
    return refusal(request.path, code="INTERNAL_SERVER_ERROR", message=message, status=500)
