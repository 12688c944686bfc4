"""Sessions: each is a sign-in as one over REST is, is listed with it, and ends alike (A5)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.contrib.auth.models import AnonymousUser
from django.contrib.auth.signals import user_logged_in, user_logged_out
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone

from bos.auth import sign_ins
from bos.auth.throttle import address_of, signed_in
from bos.identity import second_factor
from bos.ids import canonical_uuids
from bos.models import SignIn, User

KEY = "sign_in"
"""In a session: the id of its sign-in."""
NOTED_EVERY = timedelta(minutes=5)
"""A page load writes no more often than so that its session is still used."""


def sign_in_of(request: HttpRequest) -> str:
    """The id of the session's sign-in; empty where it has none."""
    return str(request.session.get(KEY, ""))


def listen() -> None:
    """Note each sign-in and sign-out of a session, whichever view it comes from."""
    user_logged_in.connect(_begin)
    user_logged_out.connect(_end)


def _begin(request: HttpRequest, user: User, **_: Any) -> None:
    sign_in = sign_ins.begin(user, refresh_id="", address=address_of(request))
    request.session[KEY] = str(sign_in.pk)
    signed_in(request, user, source="session")


def _end(request: HttpRequest, user: User | None, **_: Any) -> None:
    sign_in = sign_ins.living(sign_in_of(request))
    if sign_in is not None:
        sign_ins.end(sign_in, sign_ins.End.LOGOUT)


class Living(NamedTuple):
    """A sign-in that goes on. demands: whether its organization demands a second factor."""

    used_at: datetime
    demands: bool | None


def session_middleware(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Take nobody for signed in whose sign-in has ended. A changed account ends the session by
    itself: what Django compares holds the version of the user's tokens."""
    admin = reverse("admin:index")

    def middleware(request: HttpRequest) -> HttpResponse:
        if isinstance(request.user, User):
            living = _living(request, request.user)
            if living is None:
                request.session.flush()
                request.user = AnonymousUser()
            elif living.demands and request.path.startswith(admin) and _lacks_one(request):
                return HttpResponseRedirect(reverse("mfa_index"))
        return get_response(request)

    return middleware


def _living(request: HttpRequest, user: User) -> Living | None:
    now = timezone.now()
    ids = canonical_uuids([sign_in_of(request)])
    rows = SignIn.objects.filter(pk__in=ids, user=user, ended_at=None, ends_at__gt=now)
    found = rows.values_list("used_at", "user__organization__require_mfa").first()
    if found is None:
        return None
    living = Living(*found)
    if now - living.used_at > NOTED_EVERY:
        rows.update(used_at=now, address=address_of(request))
    return living


def _lacks_one(request: HttpRequest) -> bool:
    return isinstance(request.user, User) and second_factor.is_lacking(request.user)
