"""Guesses at passwords are limited, in REST and in the admin (decision A6).

An attempt is counted before the password is looked at, and given back where it was right: however
many come at once, no more are tried than the limit allows. One account is limited by the address
that the attempts come from, so that nobody locks its owner out from elsewhere; over all addresses
the bound is ten times as high, and a device that the owner has used before passes it.
"""

from __future__ import annotations

import ipaddress
import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar

from django.contrib.auth.backends import ModelBackend
from django.http import HttpRequest
from django.utils.crypto import salted_hmac
from limits import RateLimitItemPerHour, RateLimitItemPerMinute

from bos.attempts import Limit, TooManyAttempts, attempts
from bos.devices import Device, device_of, remember_device
from bos.hashing import TooBusy, places
from bos.models import SignIn, User

T = TypeVar("T")
log = logging.getLogger("bos.login")

# Enough for a person who tries the passwords that they once had.
PER_ACCOUNT_AND_ADDRESS = RateLimitItemPerMinute(10, multiples=5)
# An address may be that of a whole office.
PER_ADDRESS = RateLimitItemPerMinute(100, multiples=5)
# Of all addresses: 2,400 guesses a day are nothing against eight characters.
PER_ACCOUNT = RateLimitItemPerHour(100)


def address_of(request: HttpRequest | None) -> str:
    """Where the request comes from; of IPv6 the network, for a household has 2**64 addresses.

    Behind a proxy that the server trusts, uvicorn has put the client's address there.
    """
    text = request.META.get("REMOTE_ADDR", "") if request is not None else ""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return ""  # a Unix socket, or the command line
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((address, 64), strict=False))


def looked_at(limits: Sequence[Limit], look: Callable[[], T | None]) -> T | None:
    """What `look` finds of a password, None where it was wrong.

    Raises TooManyAttempts or TooBusy before anything is looked at.
    """
    attempts().check(limits)  # refused without waiting for a place
    with places.one():
        taken = attempts().take(limits)
        found = None
        try:
            found = look()
        except BaseException:  # the database is away: it was no guess
            taken.give_back()
            raise
        if found is not None:
            taken.give_back()
        return found


def _limits(request: HttpRequest | None, email: str) -> list[Limit]:
    address, account = address_of(request), _digest(email)
    device = device_of(request) if request is not None else None
    if device is not None and _has_used(device, email):
        # Neither a colleague behind the same address nor the world uses it up.
        return [Limit(PER_ACCOUNT_AND_ADDRESS, f"device:{device.id}:{account}")]
    limits = [
        Limit(PER_ACCOUNT_AND_ADDRESS, f"pair:{account}:{address}"),
        Limit(PER_ADDRESS, f"address:{address}"),
    ]
    if not SignIn.objects.filter(user__email=email, address=address).exists():
        limits.append(Limit(PER_ACCOUNT, f"account:{account}"))
    return limits


def _has_used(device: Device, email: str) -> bool:
    ids = User.objects.filter(email=email).values_list("pk", flat=True)
    return any(str(id_) in device.users for id_ in ids)


def _digest(email: str) -> str:
    """Names an account where its address is not to be read."""
    return salted_hmac("bos login", email, algorithm="sha256").hexdigest()[:16]


def refused(request: HttpRequest | None, email: str, *, reason: str) -> None:
    """Log a refusal: of a user that there is with the id, else with a keyed hash of the email."""
    user_id = User.objects.filter(email=email).values_list("pk", flat=True).first()
    who = {"account": _digest(email)} if user_id is None else {"user": str(user_id)}
    log.warning("sign-in refused", extra={"reason": reason, "address": address_of(request)} | who)


def signed_in(request: HttpRequest, user: User, *, door: str) -> None:
    """Log a sign-in, and know the device again. door: 'rest' or 'admin'."""
    extra = {"user": str(user.pk), "door": door, "address": address_of(request)}
    log.info("signed in", extra=extra)
    remember_device(request, str(user.pk))


class ThrottledBackend(ModelBackend):
    """Django's password check behind the throttle; every door that signs in goes through it."""

    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **kwargs: Any,
    ) -> Any:
        """Raises TooManyAttempts or TooBusy, which the doors turn into their own answer."""
        email = (username or kwargs.get("email") or "").strip().lower()
        check = partial(super().authenticate, request, username=email, password=password)
        try:
            user = looked_at(_limits(request, email), check)
        except TooManyAttempts:
            refused(request, email, reason="too many attempts")
            raise
        except TooBusy:
            refused(request, email, reason="too busy")
            raise
        if user is None:
            refused(request, email, reason="wrong email or password, or inactive")
        return user

    def has_perm(self, user_obj: Any, perm: str, obj: Any = None) -> bool:
        """An organization's admin may manage it; whose rows is decided by the admin pages."""
        return bool(user_obj.is_active and user_obj.is_staff)

    def has_module_perms(self, user_obj: Any, app_label: str) -> bool:
        return bool(user_obj.is_active and user_obj.is_staff)
