"""Whoever is signed in is the actor of what a request changes; the admin's own CSP."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from sync.principal import Actor, acting


def actor_middleware(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    def middleware(request: HttpRequest) -> HttpResponse:
        if not request.user.is_authenticated:
            return get_response(request)
        with acting(Actor(user_id=str(request.user.pk), door="admin")):
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
            response._csp_update = settings.ADMIN_CSP  # type: ignore[attr-defined]
        return response

    return middleware
