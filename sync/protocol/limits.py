"""Limits of one connection: messages exactly over any window (L1), cursors by their pace (L2)."""

from __future__ import annotations

import math
from collections import deque

from sync.protocol.errors import ErrorDetails

WINDOW = 60.0
# Tolerated jitter: a client at exactly the allowed rate arrives up to 10 ms early.
EARLY = 0.01


class SlidingWindow:
    """At most `limit` hits within any `window` seconds.

    Remembers the time of each hit: a counter that starts anew each minute lets twice the limit
    through around its edge, and a refilling bucket nearly so.
    """

    __slots__ = ("_hits", "limit", "window")

    def __init__(self, limit: int, window: float = WINDOW) -> None:
        self.limit = limit
        self.window = window
        self._hits: deque[float] | None = None  # most connections never send enough to need it

    def hit(self, now: float) -> float:
        """Count a hit at `now`; 0 if within the limit, else the seconds until one would be."""
        hits = self._hits
        if hits is None:
            hits = self._hits = deque()
        while hits and hits[0] <= now - self.window:
            hits.popleft()
        if len(hits) >= self.limit:
            return hits[0] + self.window - now
        hits.append(now)
        return 0.0

    def is_empty(self, now: float) -> bool:
        """Whether nothing counts any more."""
        return not self._hits or self._hits[-1] <= now - self.window


class Bucket:
    """So much at once, and again as it fills up: for what comes too often to remember each."""

    __slots__ = ("_at", "_left", "_per_second", "holds")

    def __init__(self, holds: float, *, per_second: float) -> None:
        self.holds = holds
        self._per_second = per_second
        self._left = holds
        self._at = 0.0

    def take(self, much: float, now: float) -> float:
        """Take so much; 0 if it was there, else the seconds until it would be. `now` never falls
        back."""
        left = self._left + (now - self._at) * self._per_second
        self._left = left = min(left, self.holds)
        self._at = now
        if much > left:
            return (much - left) / self._per_second
        self._left = left - much
        return 0.0

    def is_full(self, now: float) -> bool:
        return self._left + (now - self._at) * self._per_second >= self.holds


class Rate:
    """So many a second and no more in the long run; each at its own time if they come in time.

    One that came late does not put off those after it: were the next counted from there, every
    delay would stay for good, and grow with the next one.
    """

    __slots__ = ("_gap", "due_at")

    def __init__(self, rate: float) -> None:
        self._gap = 1 / rate
        self.due_at = 0.0
        """From when on the next one is in time."""

    def in_time(self, now: float) -> bool:
        return now >= self.due_at - EARLY

    def go(self, now: float) -> None:
        """One goes through at `now`; after a pause the time is counted from there.

        One so late that the next would be in time as well takes the place of the next: the two
        together would be a second one above the rate.
        """
        next_due_at = self.due_at + self._gap
        if now >= next_due_at - EARLY:
            next_due_at = max(next_due_at, now) + self._gap
        self.due_at = next_due_at


def limit_figures(limit: int, wait: float, *, scope: str) -> ErrorDetails:
    """Return the figures of ERROR and RATE_LIMIT, with the owner of the limit.

    scope: 'connection' for its messages, 'bytes' for their size, 'user', 'organization'.
    `{"limit": 100, "window": "60s", "retryAfter": 30, "scope": "connection"}`

    retryAfter: whole seconds, rounded up, so that a client that waits so long is let in.
    """
    return {
        "limit": limit,
        "window": f"{WINDOW:g}s",
        "retryAfter": max(1, math.ceil(wait)),
        "scope": scope,
    }
