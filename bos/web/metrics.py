"""`/metrics`, for those who bring the token.

Answered ahead of Django: neither a middleware nor a session's look-up may keep it waiting when all
else is busy, and a scrape names its target by an address that need not be in ALLOWED_HOSTS.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.http import HttpResponse, HttpResponseNotAllowed
from django.utils.crypto import constant_time_compare

from sync.gateway.exposition import exposition

PATH = "/metrics"


def is_asked(scope: Mapping[str, Any]) -> bool:
    """Whether this is what the request is for. Without a token there is nothing at this path."""
    return scope["path"] == PATH and bool(settings.METRICS_TOKEN)


def refuse(scope: Mapping[str, Any]) -> HttpResponse | None:
    """Return why the numbers are not told, None where they are: decided without any work."""
    if scope["method"] not in ("GET", "HEAD"):
        return HttpResponseNotAllowed(["GET", "HEAD"])
    if not constant_time_compare(_header(scope, b"authorization"), _expected()):
        return HttpResponse(status=401, headers={"WWW-Authenticate": 'Bearer realm="metrics"'})
    return None


def page(scope: Mapping[str, Any]) -> HttpResponse:
    """Return the numbers of all processes of this `serve`."""
    text, content_type = exposition.text(_header(scope, b"accept").decode("latin1"))
    response = HttpResponse(text, content_type=content_type)
    response["Cache-Control"] = "no-store"
    return response


def _expected() -> bytes:
    return f"Bearer {settings.METRICS_TOKEN}".encode()


def _header(scope: Mapping[str, Any], name: bytes) -> bytes:
    headers: list[tuple[bytes, bytes]] = scope["headers"]
    return next((value for key, value in headers if key == name), b"")
