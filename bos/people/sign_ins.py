"""Sign-ins as their user sees them: where, since when, used last; ended singly or all others."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db import models
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone

from bos.auth.sign_ins import End, end
from bos.models import SignIn, User
from sync.eventlog.capture import Change

CURRENT = "sign_in"
"""Where a session keeps the id of its own sign-in."""
MOST_SHOWN = 100
MINUTE = timedelta(minutes=1)


def living_of(user: User) -> QuerySet[SignIn]:
    """Return the user's sign-ins that can still be used, those used last first."""
    now = timezone.now()
    unused_for: timedelta = settings.SIMPLE_JWT["REFRESH_TOKEN_LIFETIME"]
    # Tokens that a page has got for a session are the session's, and end with it.
    rows = SignIn.objects.filter(user=user, session=None, ended_at=None, ends_at__gt=now)
    # What a session has (no refresh token) lives until its end.
    usable = Q(refresh_id="") | Q(used_at__gt=now - unused_for)
    return rows.filter(usable).order_by("-used_at", "pk")


def current_of(request: HttpRequest) -> str:
    """Return the id of the sign-in that this request has come by; empty where it has none."""
    return str(request.session.get(CURRENT, ""))


def end_one(user: User, sign_in_id: UUID) -> bool:
    """End one of the user's own; False where it is none, or has ended."""
    found = living_of(user).filter(pk=sign_in_id).select_related("user").first()
    return found is not None and end(found, End.USER)


def end_others(user: User, *, but: str) -> int:
    """End all of the user's but this one; how many those were."""
    others = living_of(user).select_related("user")
    return sum(end(one, End.USER) for one in others if str(one.pk) != but)


def end_withdrawn(changes: Iterable[Change[User]]) -> None:
    """End the sign-ins of users whose tokens have just ended (A5): none of them is listed any more.

    Connections are closed by the change itself.
    """
    ended = [
        change.after.pk
        for change in changes
        if change.before is not None
        and change.after is not None
        and change.before.token_version != change.after.token_version
    ]
    if ended:
        living = SignIn.objects.filter(user_id__in=ended, ended_at=None)
        living.update(ended_at=timezone.now(), end_reason=End.RIGHTS)


def note_sign_in(user: User) -> None:
    """Keep when the user has signed in last, once a minute at most.

    No event, and no end of tokens: nobody follows it.
    """
    now = timezone.now()
    if user.last_login is not None and now - user.last_login < MINUTE:
        return
    own = User.objects.filter(pk=user.pk).filter(
        Q(last_login=None) | Q(last_login__lte=now - MINUTE)
    )
    models.QuerySet.update(own, last_login=now)  # past the capture, for which it is no change
