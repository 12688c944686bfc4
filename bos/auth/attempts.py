"""How often something was tried: over all processes in Redis, in this process while it is away."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, cast

from django.conf import settings
from limits import RateLimitItem
from limits.storage import MemoryStorage, RedisStorage, storage_from_string
from limits.strategies import MovingWindowRateLimiter

logger = logging.getLogger("bos.login")

_REDIS_TIMEOUT = 1
# Meanwhile nobody waits for the time-out of a Redis that does not answer.
_AWAY_SECONDS = 5.0


class TooManyAttempts(Exception):
    """Tried too often; wait: whole seconds until it may be tried again, at least 1."""

    def __init__(self, wait: float) -> None:
        super().__init__()
        self.wait = max(math.ceil(wait), 1)


@dataclass(frozen=True, slots=True)
class Limit:
    """So many attempts in a window of so many seconds, for what `key` names."""

    item: RateLimitItem
    key: str


Store = RedisStorage | MemoryStorage


@dataclass(frozen=True, slots=True)
class Taken:
    """An attempt that was counted; where it was a right one it is given back."""

    store: Store
    limits: tuple[Limit, ...]

    def give_back(self) -> None:
        # Redis may have gone meanwhile: then the attempt stays counted until its window is over.
        with suppress(Exception):
            for limit in self.limits:
                _uncount(self.store, limit)


class Attempts:
    """Counts attempts in moving windows. Safe to call from any thread, not from the event loop."""

    def __init__(self, redis_url: str | None) -> None:
        self._memory = MemoryStorage()
        self._redis = _redis(redis_url) if redis_url else None
        self._away_until = -math.inf

    def check(self, limits: Sequence[Limit]) -> None:
        """Raises TooManyAttempts where no further one would be counted; counts nothing."""
        try:
            _check(self._store, limits)
        except TooManyAttempts:
            raise
        except Exception as error:
            _check(self._fall_back(error), limits)

    def take(self, limits: Sequence[Limit]) -> Taken:
        """Count an attempt against all of these or, raising TooManyAttempts, against none."""
        try:
            return _take(self._store, limits)
        except TooManyAttempts:
            raise
        except Exception as error:
            return _take(self._fall_back(error), limits)

    @property
    def _store(self) -> Store:
        if self._redis is None or time.monotonic() < self._away_until:
            return self._memory
        return self._redis

    def _fall_back(self, error: Exception) -> Store:
        if self._store is self._memory:  # it does not fail for being away
            raise error
        self._away_until = time.monotonic() + _AWAY_SECONDS
        logger.warning(
            "attempts are counted by this process alone", extra={"error": type(error).__name__}
        )
        return self._memory


def _redis(url: str) -> RedisStorage:
    patience = {"socket_timeout": _REDIS_TIMEOUT, "socket_connect_timeout": _REDIS_TIMEOUT}
    return cast(RedisStorage, storage_from_string(url, **patience))


def _check(store: Store, limits: Sequence[Limit]) -> None:
    windows = MovingWindowRateLimiter(store)
    waits = [
        window.reset_time - time.time()
        for limit in limits
        if (window := windows.get_window_stats(limit.item, limit.key)).remaining <= 0
    ]
    if waits:
        raise TooManyAttempts(max(waits))


def _take(store: Store, limits: Sequence[Limit]) -> Taken:
    windows = MovingWindowRateLimiter(store)
    for n, limit in enumerate(limits):
        if not windows.hit(limit.item, limit.key):  # test and count in one
            Taken(store, tuple(limits[:n])).give_back()
            _check(store, [limit])
            raise TooManyAttempts(0)  # its window has moved on since
    return Taken(store, tuple(limits))


def _uncount(store: Store, limit: Limit) -> None:
    """`limits` gives nothing back in a moving window: its newest entry is taken off."""
    key = limit.item.key_for(limit.key)
    if isinstance(store, RedisStorage):
        redis: Any = store.get_connection()
        redis.lpop(store.prefixed_key(key))
        return
    with store.locks[key]:
        if entries := store.events.get(key):
            entries.pop(0)


# The process's own, made before anybody can ask for it twice at once; of several Redis the first.
attempts = Attempts(settings.REDIS_URLS[0] if settings.REDIS_URLS else None)
