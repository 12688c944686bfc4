"""One timer of the event loop for the deadlines of all connections.

A timer each is half a kilobyte, and nearly all of them are moved on before they end.
"""

from __future__ import annotations

import asyncio
import heapq
import logging
from collections.abc import Callable
from contextvars import Context, copy_context

logger = logging.getLogger("bos.sync")

AT_ONCE = 50
"""Called without letting others in between: a heartbeat each takes some 20 us."""


class Deadline:
    """A time at which something is called, unless it is cancelled before."""

    __slots__ = ("at", "call", "context", "waits")

    def __init__(self, at: float, call: Callable[[], None] | None, context: Context | None) -> None:
        self.at = at
        self.call = call
        self.context = context
        self.waits = True

    def __lt__(self, other: Deadline) -> bool:
        return self.at < other.at

    def cancel(self) -> None:
        """Call nothing, and keep nothing alive."""
        self.call = self.context = None


class Deadlines:
    """Calls what is due; by the loop's clock, and in the context of the one that asked for it."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._heap: list[Deadline] = []
        self._timer: asyncio.TimerHandle | None = None

    def call_at(self, at: float, call: Callable[[], None]) -> Deadline:
        return self._add(Deadline(at, call, copy_context()))

    def move(self, deadline: Deadline, at: float) -> Deadline:
        """Have it called at this time; instead of the one that it had, or once more."""
        if deadline.waits:
            moved = Deadline(at, deadline.call, deadline.context)
            deadline.cancel()
            return self._add(moved)
        # The same one: new objects for each heartbeat would be looked at as garbage.
        deadline.at, deadline.waits = at, True
        return self._add(deadline)

    def _add(self, deadline: Deadline) -> Deadline:
        heapq.heappush(self._heap, deadline)
        if self._heap[0] is deadline:
            self._set_timer()
        return deadline

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(self._heap[0].at, self._on_time)

    def _on_time(self) -> None:
        heap, now = self._heap, self._loop.time()
        for _ in range(AT_ONCE):
            if not heap or (heap[0].at > now and heap[0].call is not None):
                break
            deadline = heapq.heappop(heap)
            deadline.waits = False
            if deadline.call is not None and deadline.context is not None:
                try:
                    deadline.context.run(deadline.call)
                except Exception:  # what one connection does must not stop the others' time
                    logger.exception("deadline failed")
        if heap:
            self._set_timer()
