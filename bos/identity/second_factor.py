"""The second factor: a code of an app, a recovery code or a passkey, beside the password (D6).

Secrets and the counter of codes that were used are rows of allauth's; codes are looked at here,
over all processes: one opens once, and guesses are counted like those at passwords.
"""

from __future__ import annotations

import logging
from typing import Any

from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal import auth as totp
from allauth.mfa.utils import decrypt, encrypt
from django.db import transaction
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from limits import RateLimitItemPerDay, RateLimitItemPerMinute

from bos.auth.attempts import Limit, attempts
from bos.models import Organization, Role, User

logger = logging.getLogger("bos.login")

Kind = Authenticator.Type
FACTORS = (Kind.TOTP, Kind.WEBAUTHN)
"""Each is one by itself; recovery codes only stand in for one."""
PER_USER = RateLimitItemPerMinute(10, multiples=5)
PER_USER_AND_DAY = RateLimitItemPerDay(100)
"""Only somebody who has proved the password may guess: of three codes in a million that are right
at a time, a hundred guesses a day find one in ten years."""
LONGEST = 64
"""Characters of what is typed as a code."""


def has_one(user: User) -> bool:
    return bool(Authenticator.objects.filter(user_id=user.pk, type__in=FACTORS).exists())


def is_demanded(user: User) -> bool:
    """Whether the user's organization demands a second factor of them: of its administrators."""
    if user.role != Role.ADMIN or user.is_service or user.organization_id is None:
        return False
    return Organization.objects.filter(pk=user.organization_id, require_mfa=True).exists()


def is_lacking(user: User) -> bool:
    """Whether one is demanded of the user who has none: then nothing else is open to them."""
    return is_demanded(user) and not has_one(user)


def prove(user: User, code: str) -> Authenticator | None:
    """Take a code of the user's app or recovery codes; None where it is wrong, or was used before.

    Raises TooManyAttempts, before it is looked at. A user whose password has changed begins anew.
    """
    key = f"code:{user.pk}:{user.token_version}"
    taken = attempts.take([Limit(PER_USER, key), Limit(PER_USER_AND_DAY, key)])
    try:
        found = _take(user, code)
    except BaseException:  # the database is away: it was no guess
        taken.give_back()
        raise
    if found is not None:
        taken.give_back()
    else:
        logger.warning(
            "second factor refused",
            extra={"user": str(user.pk), "organization": str(user.organization_id or "")},
        )
    return found


def spend(user: User, code: str) -> None:
    """Let a code that an app has just been set up with open nothing any more."""
    _take(user, code)


@transaction.atomic
def _take(user: User, code: str) -> Authenticator | None:
    rows = Authenticator.objects.select_for_update().filter(user_id=user.pk)
    by_kind = {row.type: row for row in rows.exclude(type=Kind.WEBAUTHN)}
    typed = "".join(filter(str.isalnum, code[:LONGEST]))
    app, recovery = by_kind.get(Kind.TOTP), by_kind.get(Kind.RECOVERY_CODES)
    if app is not None and _opens(app, typed):
        return app
    if recovery is not None and recovery.wrap().validate_code(typed):
        return recovery
    return None


def _opens(app: Authenticator, typed: str) -> bool:
    """Whether it is a code of now that no code since has taken the place of."""
    secret = decrypt(app.data["secret"])
    used: int = app.data.get("used", -1)
    for counter in totp.yield_hotp_counters_from_time():
        expected = totp.format_hotp_value(totp.hotp_value(secret, counter))
        if constant_time_compare(typed, expected) and counter > used:
            # Sealed anew: with the newest key, so that older ones can go once they have rotated.
            app.data |= {"used": counter, "secret": encrypt(secret)}
            app.last_used_at = timezone.now()
            app.save(update_fields=["data", "last_used_at"])
            return True
    return False


@transaction.atomic
def reset(user: User) -> int:
    """Forget all factors of a user who has lost them; how many there were."""
    rows: Any = Authenticator.objects.filter(user_id=user.pk)
    count: int = rows.filter(type__in=FACTORS).count()
    rows.delete()
    return count
