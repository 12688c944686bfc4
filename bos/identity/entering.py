"""From a proof to a session, whatever was proved: a password, a passkey, a provider's word."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from allauth.account.internal.flows.login import perform_login, record_authentication
from allauth.account.models import Login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.http import url_has_allowed_host_and_scheme
from limits import RateLimitItemPerMinute

from bos.auth.attempts import Limit, TooManyAttempts, attempts
from bos.auth.hashing import TooBusy
from bos.auth.throttle import address_of, too_many
from bos.models import User

BEGINNINGS = RateLimitItemPerMinute(300, multiples=5)
"""Of an address, which may be that of a whole office. What is begun is a row of a session, and
with another provider a request of ours."""

CHANGED = "This account has been changed or deactivated meanwhile. Please sign in again."


def enter(
    request: HttpRequest, user: User, *, method: str, next_url: str = "", **facts: Any
) -> HttpResponse:
    """Sign in whoever has proved to be this user, once their second factor is proved as well.

    The answer leads on. facts: of the proof, kept in the session.
    """
    record_authentication(request, user, method, **facts)
    answer: HttpResponse = perform_login(request, Login(user=user, redirect_url=next_url or None))
    return answer


def count_beginning(request: HttpRequest) -> None:
    """Raises TooManyAttempts where so much was begun from this address that no more is."""
    attempts.take([Limit(BEGINNINGS, f"begin:{address_of(request)}")])


def next_of(request: HttpRequest) -> str:
    """The page of this host that is asked for after signing in; empty for any other."""
    asked = request.POST.get("next") or request.GET.get("next") or ""
    return asked if is_here(request, asked) else ""


def is_here(request: HttpRequest, address: str) -> bool:
    """Whether an address is a page of this host. Not those of other origins that may connect."""
    return url_has_allowed_host_and_scheme(
        address, {request.get_host()}, require_https=request.is_secure()
    )


def refuse(
    request: HttpRequest, words: str, *, status: HTTPStatus = HTTPStatus.FORBIDDEN
) -> HttpResponse:
    """Say on a page why somebody is not let in."""
    return render(request, "account/refused.html", {"words": words}, status=status)


def refuse_too_many(request: HttpRequest, refusal: TooManyAttempts | TooBusy) -> HttpResponse:
    answer = refuse(request, too_many(refusal), status=HTTPStatus.TOO_MANY_REQUESTS)
    answer["Retry-After"] = str(refusal.wait)
    return answer
