"""When what waits in the outboxes of a process is written: much at a time, and without waiting."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import Protocol

from sync import metrics
from sync.eventlog.log import LoggedEvent
from sync.protocol.times import now_us

WRITTEN = metrics.histogram(
    "bos_commit_to_write_seconds",
    "From just before an event's COMMIT to its last write to a client here, leaving out clients"
    " that do not take what they are sent: once for each event and process.",
)


MOST_REST = 0.01
"""Seconds for which an ephemeral waits for others at most, where writing takes most of the time."""


class Flushed(Protocol):
    def flush(self) -> None:
        """Write what waits."""
        ...


def nothing_comes() -> bool:
    return False


class Flusher:
    """Writes what has something to write, at the end of the loop's turn or a little later.

    Messages that come together then go out in one system call a socket, which is most of the
    cost of a delivery (measured: 254,000 deliveries a second without, 1,230,000 with). Where more
    is coming, a commit that is under way, they wait for it, for `delay` seconds at most.

    Ephemerals, which a later one may replace, are written at the end of the turn as well, but wait
    for as long after a flush as it took: where many people point at once, writing is half of the
    work at most, and each write brings several (60 rooms of 20 on a core: from 99 % of it).
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        delay: float,
        *,
        more_comes: Callable[[], bool] = nothing_comes,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._loop = loop
        self._clock = clock
        self._delay = delay
        self._more_comes = more_comes
        self._ready: list[Flushed] = []
        self._scheduled = False
        self._later: asyncio.TimerHandle | None = None
        """The flush of ephemerals that wait for others."""
        self._rests_until = 0.0
        self._committed_us: list[int] = []
        """When the events were that are written with the next flush."""
        self._last: list[bytes] = []
        self._last_joined = b""

    def add(self, waiting: Flushed) -> None:
        self._ready.append(waiting)
        if not self._scheduled:  # asked here: a call for each connection is 2 % of a fan-out
            self._schedule()

    def add_latest(self, waiting: Flushed) -> None:
        """Like `add`, for what has only ephemerals to write."""
        self._ready.append(waiting)
        if self._scheduled or self._later is not None:
            return
        rest = self._rests_until - self._clock()
        if rest > 0:
            self._later = self._loop.call_later(rest, self._flush)
        else:
            self._schedule()

    def hurry(self) -> None:
        """Write what waits as if it had just been added."""
        if not self._scheduled:
            self._schedule()

    def measure(self, events: Iterable[LoggedEvent]) -> None:
        """These have just been pushed to all outboxes that take them now."""
        self._committed_us += [event.at_us for event in events]
        self.hurry()

    def _schedule(self) -> None:
        self._scheduled = True
        # Not now: what has come in this turn is delivered first, and the thread that commits has
        # said that it is done.
        self._loop.call_soon(self._end_turn)

    def _end_turn(self) -> None:
        if self._more_comes():
            self._loop.call_later(self._delay, self._flush)
        else:
            self._flush()

    def _flush(self) -> None:
        self._scheduled = False
        if self._later is not None:
            self._later.cancel()
            self._later = None
        began = self._clock()
        ready, self._ready = self._ready, []
        for waiting in ready:
            waiting.flush()
        ended = self._clock()
        self._rests_until = ended + min(ended - began, MOST_REST)
        self._last, self._last_joined = [], b""
        if self._committed_us:
            now, committed_us = now_us(), self._committed_us
            self._committed_us = []
            for at_us in committed_us:
                # Another machine's clock, or times that rise for order's sake, may be ahead.
                WRITTEN.observe(max(0, now - at_us) / 1e6)

    def call_soon(self, callback: Callable[[], None]) -> None:
        self._loop.call_soon(callback)

    def join(self, waiting: list[bytes]) -> bytes:
        """One piece of bytes for a write; shared by neighbours that wait for the same frames."""
        if len(waiting) == 1:
            return waiting[0]
        if waiting != self._last:
            self._last = waiting.copy()
            self._last_joined = b"".join(waiting)
        return self._last_joined
