"""Devices on which somebody has signed in before: nobody else's guesses lock them out.

A browser shows its cookie, which is signed and names the users who have signed in with it. A client
without cookies is known by the address that its sign-ins have come from.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse

_SALT = "bos device"
_LIFE_SECONDS = 180 * 86_400
# Of a computer that several people use; a cookie has 4 kB at most.
_USERS = 10


@dataclass(frozen=True, slots=True)
class Device:
    """users: ids of those who have signed in on it, the latest first."""

    id: str
    users: tuple[str, ...]


def device_of(request: HttpRequest) -> Device | None:
    """The device whose cookie this is; None without one, and for one that is not ours."""
    text = request.COOKIES.get(settings.DEVICE_COOKIE_NAME)
    if text is None:
        return None
    try:
        id_, *users = signing.loads(text, salt=_SALT, max_age=_LIFE_SECONDS)
        return Device(str(id_), tuple(map(str, users)))
    except (signing.BadSignature, TypeError, ValueError):
        return None


def remember_device(request: HttpRequest, user_id: str) -> None:
    """Let the answer to this request tell the device that the user has signed in on it."""
    request.signed_in_user_id = user_id  # type: ignore[attr-defined]  # read below


def device_middleware(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        user_id: Any = getattr(request, "signed_in_user_id", None)
        if user_id is not None:
            _set_cookie(request, response, user_id)
        return response

    return middleware


def _set_cookie(request: HttpRequest, response: HttpResponse, user_id: str) -> None:
    device = device_of(request) or Device(secrets.token_urlsafe(12), ())
    users = (user_id, *(other for other in device.users if other != user_id))[:_USERS]
    response.set_cookie(
        settings.DEVICE_COOKIE_NAME,
        signing.dumps([device.id, *users], salt=_SALT),
        max_age=_LIFE_SECONDS,
        httponly=True,
        secure=settings.SESSION_COOKIE_SECURE,
        samesite="Strict",
    )
