"""Whoever is signed in is the actor of what a request changes."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

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
