"""Makes the signed-in user the actor of a request's changes; what the admin needs of its own."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.exceptions import BadRequest
from django.core.paginator import InvalidPage
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.cache import patch_cache_control

from sync import about
from sync.protocol.identity import Actor, acting

PARTS_OF_DAYS = ("__year", "__month", "__day")
"""How parameters end by which a list is narrowed down to a year, a month or a day."""


def log_middleware(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Give the request an id, by which the answer and its lines in the log are found together."""

    def middleware(request: HttpRequest) -> HttpResponse:
        id_ = uuid.uuid4().hex
        about.begin(request=id_)
        response = get_response(request)
        response["X-Request-ID"] = id_
        return response

    return middleware


def actor_middleware(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    admin = reverse("admin:index")

    def middleware(request: HttpRequest) -> HttpResponse:
        if not request.user.is_authenticated:
            return get_response(request)
        user: Any = request.user
        about.learn(user=str(user.pk), organization=str(user.organization_id or ""))
        source = "admin" if request.path.startswith(admin) else "account"
        with acting(Actor(user_id=str(user.pk), source=source)):
            return get_response(request)

    return middleware


def admin_csp_middleware(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Relax the Content-Security-Policy for the admin's pages, and for no other."""
    prefix = reverse("admin:index")

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        if request.path.startswith(prefix):
            response._csp_update = settings.ADMIN_CSP  # type: ignore[attr-defined]  # django-csp's
        return response

    return middleware


def admin_query_middleware(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Refuse addresses that the admin's libraries answer with a traceback."""
    prefix = reverse("admin:index")

    def middleware(request: HttpRequest) -> HttpResponse:
        if request.path.startswith(prefix):
            given = [(name, value) for name, listed in request.GET.lists() for value in listed]
            # PostgreSQL takes none in text.
            if "\0" in request.path_info:
                raise Http404("no id has a NUL")
            if any("\0" in value for _, value in given):
                raise BadRequest("NUL in a query")
            if any(name.endswith(PARTS_OF_DAYS) and len(value) > 4 for name, value in given):
                raise BadRequest("a day of no calendar")
        return get_response(request)

    def process_exception(request: HttpRequest, exception: Exception) -> None:
        if isinstance(exception, InvalidPage):
            raise Http404("no such page") from exception

    # Where Django looks for it.
    middleware.process_exception = process_exception  # type: ignore[attr-defined]  # Django's
    return middleware


def no_store_middleware(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Let nobody keep tokens and a tenant's data: not a proxy in between, not a browser's cache."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        if request.path.startswith(("/account", "/auth", "/api", "/healthz", "/readyz")):
            patch_cache_control(response, private=True, no_store=True)
        return response

    return middleware
