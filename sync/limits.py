"""Message limits of one connection, exact over any window (decision L1)."""

from __future__ import annotations

import math
from collections import deque
from typing import Any

WINDOW = 60.0


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


def limit_figures(limit: int, wait: float) -> dict[str, Any]:
    """What ERROR and RATE_LIMIT say: `{"limit": 100, "window": "60s", "retryAfter": 30}`.

    retryAfter: whole seconds, rounded up, so that a client that waits so long is let in.
    """
    return {"limit": limit, "window": f"{WINDOW:g}s", "retryAfter": max(1, math.ceil(wait))}
