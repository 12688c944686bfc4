"""The messages that wait for one client: bounded, and written many at a time (L3)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from sync import metrics
from sync.conf import sync_settings
from sync.eventlog.log import LoggedEvent
from sync.protocol.times import now_us

WRITE_BYTES = 32 * 1024
"""Of more, so much is given to the transport at once. What it has cannot be overtaken."""
CLIENTS_TAKE = 2**20
"""The largest message that browsers and libraries take by default."""


def most_of_a_frame() -> int:
    """Bytes of the largest message that is worth composing: it fits into a queue half full."""
    return min(CLIENTS_TAKE, sync_settings().send_queue_bytes) // 2


Beat = Callable[[dict[str, Any], bool], None]


class Transport(Protocol):
    """Where a RawOutbox writes to."""

    def write(self, frames: bytes) -> None: ...
    def buffered(self) -> int:
        """Bytes that were written and that the client has not taken yet."""
        ...

    def watch(self, watcher: Watcher) -> None:
        """Tell this one from now on."""
        ...


class Watcher(Protocol):
    """Is told what becomes of what was written."""

    def pause(self) -> None:
        """The client has stopped taking it."""
        ...

    def resume(self) -> None:
        """The client takes it again."""
        ...

    def end(self) -> None:
        """The client has gone."""
        ...

    def flood(self) -> None:
        """The client sends more frames than are worth reading."""
        ...

    def beat(self, message: dict[str, Any], *, behind: bool) -> None:
        """Note that a possible PING waits to be received; behind: other messages."""
        ...


class Outbox(Protocol):
    """on_lag is called when half of the limit waits, on_overflow when all of it does; both soon
    after, never while somebody pushes: they may be in the middle of all who get this event."""

    on_lag: Callable[[], None]

    on_overflow: Callable[[], None]

    on_flood: Callable[[], None]
    """Called when the client sends more frames than are worth reading."""

    on_beat: Beat
    """Called with an ASGI message that may be a PING and waits to be received, and whether behind
    others."""

    ended: bool
    """The client has gone, or the connection has ended: nothing is written any more."""

    def push(self, frames: Any) -> None:
        """Write these after what waits, together with what else comes within a millisecond."""
        ...

    def push_ahead(self, frames: Any) -> None:
        """Write these at once; where the client is slow, ahead of what waits for it."""
        ...

    def push_latest(self, topic: str, key: str, frames: Any) -> None:
        """Like `push`, but replaces what waits under this key: only the latest is worth sending."""
        ...

    def forget_latest(self, topic: str) -> None:
        """Drop the ephemerals of this topic that wait: they are not for this client any more."""
        ...

    def flush(self) -> None:
        """Do not wait for more."""
        ...

    def unread(self) -> int:
        """Bytes that wait, or were written and not taken, as far as the server knows."""
        ...

    def is_filling(self) -> bool:
        """Whether a quarter of the limit waits: who sends much goes on when it is taken."""
        ...

    async def drained(self) -> bool:
        """Wait until little waits; False where the connection ended instead."""
        ...

    async def flushed(self) -> None:
        """Everything pushed so far is written, or the connection ended."""
        ...

    def drop(self) -> None:
        """Forget what waits: it will not be written."""
        ...

    def end(self) -> None: ...


WRITTEN = metrics.histogram(
    "bos_commit_to_write_seconds",
    "From just before an event's COMMIT to its last write to a client here, leaving out clients"
    " that do not take what they are sent: once for each event and process.",
)


class Flusher:
    """Writes the outboxes of a process that have something, about a millisecond after the first.

    Messages that come together then go out in one system call a socket, which is most of the
    cost of a delivery (measured: 254,000 deliveries a second without, 1,230,000 with).
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, delay: float) -> None:
        self._loop = loop
        self._delay = delay
        self._ready: list[RawOutbox] = []
        self._scheduled = False
        self._committed_us: list[int] = []
        """When the events were that are written with the next flush."""
        self._last: list[bytes] = []
        self._last_joined = b""

    def add(self, outbox: RawOutbox) -> None:
        self._ready.append(outbox)
        if not self._scheduled:  # asked here: a call for each connection is 2 % of a fan-out
            self._schedule()

    def measure(self, events: Iterable[LoggedEvent]) -> None:
        """These have just been pushed to all outboxes that take them now."""
        self._committed_us += [event.at_us for event in events]
        if not self._scheduled:
            self._schedule()

    def _schedule(self) -> None:
        self._scheduled = True
        self._loop.call_later(self._delay, self._flush)

    def _flush(self) -> None:
        self._scheduled = False
        ready, self._ready = self._ready, []
        for outbox in ready:
            outbox.flush()
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


class RawOutbox:
    """Ready frames, written to the transport as bytes."""

    __slots__ = (
        "_ahead",
        "_blocked",
        "_drained",
        "_flusher",
        "_half",
        "_latest",
        "_limit",
        "_size",
        "_transport",
        "_waiting",
        "ended",
        "on_beat",
        "on_flood",
        "on_lag",
        "on_overflow",
    )

    def __init__(self, transport: Transport, flusher: Flusher, limit: int) -> None:
        self._transport = transport
        self._flusher = flusher
        self._limit = limit
        self._half = limit // 2
        self._waiting: list[bytes] = []
        self._latest: dict[tuple[str, str], bytes] | None = None
        self._size = 0
        self._ahead = 0
        self.ended = False
        self._blocked = False
        self._drained: asyncio.Event | None = None
        self.on_lag: Callable[[], None] = do_nothing
        self.on_overflow: Callable[[], None] = do_nothing
        self.on_flood: Callable[[], None] = do_nothing
        self.on_beat: Beat = do_nothing_about
        transport.watch(self)

    def push(self, frames: bytes) -> None:
        waiting = self._waiting
        if not waiting:
            if self.ended:
                return
            self._flusher.add(self)
        waiting.append(frames)
        self._size += len(frames)
        if self._blocked or self._size > self._half:
            self._check_size(len(frames))

    def _check_size(self, added: int) -> None:
        """One large message lags, however small the queue; it is full when it was nearly so."""
        size = self.unread()
        if size > self._limit and size - added > self._limit * 3 // 4:
            self._flusher.call_soon(self.on_overflow)
        elif size > self._half:
            self._flusher.call_soon(self.on_lag)

    def push_ahead(self, frames: bytes) -> None:
        if self._blocked and self._waiting:
            self._waiting.insert(self._ahead, frames)
            self._ahead += 1
            self._size += len(frames)
            self._check_size(len(frames))
        else:
            self.push(frames)
            self.flush()

    def push_latest(self, topic: str, key: str, frames: bytes) -> None:
        if self.ended:
            return
        if self._latest is None:
            self._latest = {}
        if not self._latest:
            self._flusher.add(self)
        # Not counted: at most one a key.
        self._latest[topic, key] = frames

    def forget_latest(self, topic: str) -> None:
        if self._latest:
            self._latest = {key: f for key, f in self._latest.items() if key[0] != topic}

    def flush(self) -> None:
        if self.ended or self._blocked:
            return
        if self._latest:
            self._waiting.extend(self._latest.values())
            self._latest.clear()
        if not self._waiting:
            return
        if self._size > WRITE_BYTES:
            self._write_some()
            return
        self._transport.write(self._flusher.join(self._waiting))
        self._waiting.clear()
        self._size = 0
        if self._drained is not None:
            self._drained.set()

    def _write_some(self) -> None:
        """Write until the transport has enough; it tells when it has room again."""
        waiting, at = self._waiting, 0
        while at < len(waiting) and not self._blocked:
            begin, size = at, 0
            while at < len(waiting) and size < WRITE_BYTES:
                size += len(waiting[at])
                at += 1
            self._transport.write(b"".join(waiting[begin:at]))
        if self.ended:
            return
        del waiting[:at]
        self._size = sum(map(len, waiting))
        if self._drained is not None:
            self._drained.set()

    def unread(self) -> int:
        return self._size + self._transport.buffered()

    def is_filling(self) -> bool:
        return self.unread() > self._half // 2

    def pause(self) -> None:
        self._blocked = True

    def flood(self) -> None:
        self.on_flood()

    def beat(self, message: dict[str, Any], *, behind: bool) -> None:
        self.on_beat(message, behind)

    def resume(self) -> None:
        self._blocked = False
        self._ahead = 0
        self.flush()
        if self._drained is not None:
            self._drained.set()

    async def drained(self) -> bool:
        self.flush()
        while not self.ended and (self._waiting or self._blocked):
            await self._wait()
        return not self.ended

    async def flushed(self) -> None:
        self.flush()
        while not self.ended and self._waiting:
            await self._wait()

    async def _wait(self) -> None:
        self._drained = self._drained or asyncio.Event()
        self._drained.clear()
        await self._drained.wait()

    def drop(self) -> None:
        self._waiting.clear()
        self._size = self._ahead = 0

    def end(self) -> None:
        self.ended = True
        self.drop()
        # The connection's own methods: with them, neither would be freed before a collection.
        self.on_lag = self.on_overflow = self.on_flood = do_nothing
        self.on_beat = do_nothing_about
        if self._drained is not None:
            self._drained.set()


def do_nothing() -> None:
    return None


def do_nothing_about(message: dict[str, Any], behind: bool) -> None:
    return None
