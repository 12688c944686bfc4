"""Guesses at passwords are limited, in REST and on pages (decision A6).

An attempt is counted before the password is looked at, and given back where it was right: however
many come at once, no more are tried than the limit allows. One account is limited by the address
that the attempts come from, so that nobody locks its owner out from elsewhere; over all addresses
the bound is ten times as high, and a device that the owner has used before passes it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.hashers import make_password
from django.db.models import F, OuterRef, Subquery
from django.http import HttpRequest
from django.utils.crypto import salted_hmac
from limits import RateLimitItemPerHour, RateLimitItemPerMinute

from bos.auth.attempts import Limit, TooManyAttempts, attempts
from bos.auth.devices import device_of, remember_device
from bos.auth.hashing import TooBusy, places
from bos.models import SignIn, User
from sync.gateway.intake import block_of

T = TypeVar("T")
logger = logging.getLogger("bos.login")

# Enough for a person who tries the passwords that they once had.
PER_ACCOUNT_AND_ADDRESS = RateLimitItemPerMinute(10, multiples=5)
# An address may be that of a whole office.
PER_ADDRESS = RateLimitItemPerMinute(100, multiples=5)
# Of all addresses: 2,400 guesses a day are nothing against eight characters.
PER_ACCOUNT = RateLimitItemPerHour(100)


def address_of(request: HttpRequest | None) -> str:
    """Where the request comes from; empty where nobody can tell.

    Behind a proxy that the server trusts, uvicorn has put the client's address there.
    """
    return block_of(request.META.get("REMOTE_ADDR")) if request is not None else ""


def too_many(refusal: TooManyAttempts | TooBusy) -> str:
    """Say why a password was not looked at, and when to try again."""
    many = isinstance(refusal, TooManyAttempts)
    what = "Too many attempts." if many else "Too many people sign in just now."
    return f"{what} Try again in {refusal.wait} seconds."


def looked_at(limits: Sequence[Limit], look: Callable[[], T | None]) -> T | None:
    """Return what `look` finds of a password, None where it was wrong.

    Raises TooManyAttempts or TooBusy before anything is looked at.
    """
    attempts.check(limits)  # refused without waiting for a place
    with places.one():
        taken = attempts.take(limits)
        found = None
        try:
            found = look()
        except BaseException:  # the database is away: it was no guess
            taken.give_back()
            raise
        if found is not None:
            taken.give_back()
        return found


def proved_again(user: User, password: str) -> bool:
    """Whether this is the password of a user who is signed in. Raises TooManyAttempts, TooBusy."""
    limits = [Limit(PER_ACCOUNT_AND_ADDRESS, f"change:{user.pk}")]
    return bool(looked_at(limits, lambda: user.check_password(password) or None))


def _allowed(
    request: HttpRequest | None, email: str, users: Sequence[User]
) -> tuple[list[Limit], Sequence[User]]:
    """Return the limits that an attempt counts against, and the users whose passwords it may be.

    Where the world or a colleague has used the attempts up, a known device has some of its own, for
    those users who have signed in on it: another user with the email may be the attacker's.
    Raises TooManyAttempts.
    """
    address, account = address_of(request), digest_of(email)
    here = [
        Limit(PER_ACCOUNT_AND_ADDRESS, f"pair:{account}:{address}"),
        Limit(PER_ADDRESS, f"address:{address}"),
    ]
    everywhere = [*here, Limit(PER_ACCOUNT, f"account:{account}")]
    try:
        attempts.check(everywhere)
    except TooManyAttempts:
        device = device_of(request) if request is not None else None
        if device and (known := [user for user in users if str(user.pk) in device.users]):
            return [Limit(PER_ACCOUNT_AND_ADDRESS, f"device:{device.id}:{account}")], known
        rows = SignIn.objects.filter(user__in=users, address=address)
        if known_here := set(rows.values_list("user_id", flat=True)):
            return here, [user for user in users if user.pk in known_here]
        raise
    return everywhere, users


def digest_of(email: str) -> str:
    """Names an account where its address is not to be read."""
    return salted_hmac("bos login", email, algorithm="sha256").hexdigest()[:16]


def refused(request: HttpRequest | None, email: str, *, reason: str) -> None:
    """Log a refusal: with the ids of those whose email it is, else with a keyed hash of it."""
    found = User.objects.people().filter(email=email).values_list("pk", "organization_id")
    ids = [(str(pk), str(organization_id or "")) for pk, organization_id in found]
    who = {"account": digest_of(email)}
    if ids:
        users, organizations = zip(*ids, strict=True)
        who = {"user": ",".join(users), "organization": ",".join(organizations)}
    logger.warning(
        "sign-in refused", extra={"reason": reason, "address": address_of(request)} | who
    )


def signed_in(request: HttpRequest, user: User, *, source: str) -> None:
    """Log a sign-in, and know the device again. source: 'rest' or 'session'."""
    who = {"user": str(user.pk), "organization": str(user.organization_id or "")}
    logger.info("signed in", extra={"source": source, "address": address_of(request)} | who)
    remember_device(request, str(user.pk))


# ------------------------------------------------------------------ whose password it is

# An administrator may give a user of their own organization an address, and see by
# the time that a wrong password takes whether others have it: these are looked at in any case.
PASSWORDS = 3
# In ever so many organizations somebody has to name theirs.
MOST_PASSWORDS = 10


def _candidates(email: str, *, source: str, organization_id: object) -> Sequence[User]:
    """The users with this email, the one last used first: by REST those of an organization; on the
    way to the admin those first who may use it."""
    used = SignIn.objects.filter(user=OuterRef("pk")).order_by("-used_at").values("used_at")[:1]
    users = User.objects.people().filter(email=email).annotate(used_at=Subquery(used))
    if source == "rest":
        users = users.exclude(organization=None)
    if organization_id is not None:
        users = users.filter(organization=organization_id)
    users = users.order_by(F("used_at").desc(nulls_last=True), "pk")
    found = list(users[:MOST_PASSWORDS])
    return sorted(found, key=lambda user: not user.is_staff) if source == "admin" else found


def _whose(candidates: Sequence[User], password: str) -> User | None:
    """The one whose password this is, and who may sign in.

    A wrong one takes the same time whether there are no users with the address, one or some.
    """
    for user in candidates:
        if user.check_password(password) and user.is_active:
            return user
    for _ in range(PASSWORDS - len(candidates)):
        make_password(password)
    return None


class ThrottledBackend(ModelBackend):
    """Check passwords behind the throttle; every form and view that signs users in uses it."""

    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        *,
        source: str = "session",
        organization_id: object = None,
        **kwargs: Any,
    ) -> Any:
        """Raises TooManyAttempts or TooBusy, which views and forms turn into their own answer."""
        email = (username or kwargs.get("email") or "").strip().lower()
        if password is None:
            return None
        users = _candidates(email, source=source, organization_id=organization_id)
        try:
            limits, users = _allowed(request, email, users)
            user = looked_at(limits, partial(_whose, users, password))
        except TooManyAttempts:
            refused(request, email, reason="too many attempts")
            raise
        except TooBusy:
            refused(request, email, reason="too busy")
            raise
        if user is None:
            refused(request, email, reason="wrong email or password, or inactive")
        return user

    def get_user(self, user_id: Any) -> User | None:
        """Return a session's user, with the organization, which nearly every page reads."""
        user: User | None = User.objects.select_related("organization").filter(pk=user_id).first()
        return user if self.user_can_authenticate(user) else None

    def has_perm(self, user_obj: Any, perm: str, obj: Any = None) -> bool:
        """An organization's admin may manage it; whose rows is decided by the admin pages."""
        return bool(user_obj.is_active and user_obj.is_staff)

    def has_module_perms(self, user_obj: Any, app_label: str) -> bool:
        return bool(user_obj.is_active and user_obj.is_staff)
