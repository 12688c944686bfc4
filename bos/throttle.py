"""Failed logins are throttled per account and per address, in REST and in the admin (A6)."""

from __future__ import annotations

import logging
import time
from functools import lru_cache
from typing import Any, cast

from django.conf import settings
from django.contrib.auth.backends import ModelBackend
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage, Storage, storage_from_string
from limits.strategies import MovingWindowRateLimiter

log = logging.getLogger("bos.login")

# Enough for a person who tries his old passwords; an address may be that of a whole office.
PER_ACCOUNT = RateLimitItemPerMinute(10, multiples=5)
PER_ADDRESS = RateLimitItemPerMinute(100, multiples=5)
_REDIS_TIMEOUT = 1


@lru_cache(maxsize=1)
def _limiter() -> MovingWindowRateLimiter:
    storage: Storage
    if settings.REDIS_URLS:
        storage = cast(
            Storage,
            storage_from_string(
                settings.REDIS_URLS[0],
                socket_timeout=_REDIS_TIMEOUT,
                socket_connect_timeout=_REDIS_TIMEOUT,
            ),
        )
    else:
        storage = MemoryStorage()
    return MovingWindowRateLimiter(storage)


def _keys(request: HttpRequest | None, email: str) -> list[tuple[RateLimitItemPerMinute, str]]:
    address = request.META.get("REMOTE_ADDR", "") if request is not None else ""
    return [(PER_ACCOUNT, f"account:{email.strip().lower()}"), (PER_ADDRESS, f"address:{address}")]


def seconds_to_wait(request: HttpRequest | None, email: str) -> float:
    """0, or how long this account or address must wait after its failed logins."""
    try:
        waits = [
            window.reset_time - time.time()
            for item, key in _keys(request, email)
            if (window := _limiter().get_window_stats(item, key)).remaining <= 0
        ]
    except Exception as error:  # Redis is away: signing in must still work
        log.warning("logins not throttled", extra={"error": type(error).__name__})
        return 0
    return max([*waits, 0])


def count_failure(request: HttpRequest | None, email: str) -> None:
    try:
        for item, key in _keys(request, email):
            _limiter().hit(item, key)
    except Exception as error:
        log.warning("failed login not counted", extra={"error": type(error).__name__})


class ThrottledBackend(ModelBackend):
    """Django's password check behind the throttle; every door that signs in goes through it."""

    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **kwargs: Any,
    ) -> Any:
        email = username or kwargs.get("email") or ""
        if seconds_to_wait(request, email) > 0:
            raise PermissionDenied
        user = super().authenticate(request, username=email, password=password)
        if user is None:
            count_failure(request, email)
        return user

    def has_perm(self, user_obj: Any, perm: str, obj: Any = None) -> bool:
        """An organization's admin may manage it; whose rows is decided by the admin pages."""
        return bool(user_obj.is_active and user_obj.is_staff)

    def has_module_perms(self, user_obj: Any, app_label: str) -> bool:
        return bool(user_obj.is_active and user_obj.is_staff)
