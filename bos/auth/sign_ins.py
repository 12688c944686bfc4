"""Sign-ins over REST and on pages, each with all the tokens that have come of it (decision A6)."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from enum import StrEnum

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from bos.ids import canonical_uuids
from bos.models import SignIn, User
from sync.delivery.access import withdraw
from sync.eventlog.retention import prune_plain
from sync.protocol.rights import AccessChange

logger = logging.getLogger("bos.login")


class End(StrEnum):
    """Why a sign-in has ended."""

    LOGOUT = "logout"
    REUSE = "reuse"
    USER = "user"
    """The user has ended it from elsewhere."""
    RIGHTS = "rights"
    """Its tokens have ended with a change of the user."""


def begin(user: User, *, refresh_id: str, address: str, session: SignIn | None = None) -> SignIn:
    """Note that the user has signed in. refresh_id: `jti` of the refresh token, empty for a
    session; session: the sign-in of the session that the tokens are for, beyond whose end they
    do not last."""
    now = timezone.now()
    ends_at = now + timedelta(seconds=settings.SIGN_IN_SECONDS)
    return SignIn.objects.create(
        user=user,
        session=None if session is None else session.pk,
        address=address,
        refresh_id=refresh_id,
        created_at=now,
        used_at=now,
        ends_at=ends_at if session is None else min(ends_at, session.ends_at),
    )


def renew(sign_in_id: str, *, spent_id: str, refresh_id: str, address: str) -> SignIn | None:
    """Let the next refresh token take the place of this one; None where it does not hold.

    Of several parallel uses one wins. Spent before, it is in two hands: then the sign-in ends for
    both. Only just before, it may be the other tab's, or the try before whose answer was lost: then
    nothing ends.
    """
    now = timezone.now()
    rows = SignIn.objects.filter(pk=sign_in_id, ended_at=None, ends_at__gt=now)
    won = rows.filter(refresh_id=spent_id).update(
        refresh_id=refresh_id, spent_id=spent_id, used_at=now, address=address
    )
    sign_in = rows.select_related("user").first()
    if sign_in is not None and won and sign_in.session is not None:
        SignIn.objects.filter(pk=sign_in.session).update(used_at=now, address=address)
    if sign_in is None or won:
        return sign_in
    if not _just_spent(sign_in, spent_id, now):
        logger.warning(
            "refresh token used again",
            extra={"user": str(sign_in.user_id), "sign_in": sign_in_id, "address": address},
        )
        end(sign_in, End.REUSE)
    return None


def _just_spent(sign_in: SignIn, spent_id: str, now: datetime) -> bool:
    grace = timedelta(seconds=settings.REFRESH_GRACE)
    return sign_in.spent_id == spent_id and now - sign_in.used_at <= grace


def living(sign_in_id: str) -> SignIn | None:
    """The sign-in, where none has ended it."""
    ids = canonical_uuids([sign_in_id])
    return SignIn.objects.filter(pk__in=ids, ended_at=None).select_related("user").first()


@transaction.atomic
def end(sign_in: SignIn, reason: End) -> bool:
    """End all tokens of the sign-in, and close its connections with 4403 on every process.

    A session and the tokens that were given for it end together. False where it had ended before.
    """
    session = sign_in.session or sign_in.pk
    # Tokens that are just being given for it are waited for, and end as well.
    SignIn.objects.select_for_update(no_key=True).filter(pk=session).first()
    rows = SignIn.objects.filter(Q(pk=session) | Q(session=session), ended_at=None)
    ended = rows.update(ended_at=timezone.now(), end_reason=reason) > 0
    user = sign_in.user
    if ended and user.organization_id is not None:
        withdraw(
            str(user.organization_id),
            entity_type="sign_in",
            entity_id=str(sign_in.pk),
            access=AccessChange(users=(str(user.pk),)),
        )
    return ended


def prune_sign_ins() -> int:
    """Forget those of which no token can hold any more."""
    lives: list[timedelta] = [
        settings.SIMPLE_JWT[f"{kind}_TOKEN_LIFETIME"] for kind in ("ACCESS", "REFRESH")
    ]
    now = timezone.now()
    ended = prune_plain(SignIn.objects.filter(ends_at__lt=now), oldest="ends_at")
    unused = SignIn.objects.filter(used_at__lt=now - max(lives))
    return ended + prune_plain(unused, oldest="used_at")
