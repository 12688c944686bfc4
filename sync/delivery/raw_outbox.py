"""The outbox of a client of our own server, and what many of them wait for alike.

An event goes to a thousand clients as one piece of bytes: those that wait for nothing else share
a `Bundle`, which is pushed to once an event and not once a connection. Whatever happens to one of
them alone (an answer, a client that does not read, the end) takes it out of the bundle first, with
what it has waited for there. So the order of each is that of the pushes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection

from sync.delivery.flusher import Flusher
from sync.delivery.outbox import (
    WRITE_BYTES,
    Outbox,
    Transport,
    do_nothing,
)
from sync.delivery.send_loop import send_to_all

Latest = dict[tuple[str, str], bytes]
"""Frames that wait, by topic and key."""


class RawOutbox:
    """Ready frames, written to the transport as bytes."""

    __slots__ = (
        "_ahead",
        "_blocked",
        "_bundle",
        "_drained",
        "_flusher",
        "_half",
        "_latest",
        "_limit",
        "_size",
        "_transport",
        "_waiting",
        "ended",
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
        self._latest: Latest | None = None
        self._bundle: Bundle | None = None
        """Shared with others; it waits for nothing else then, and is not blocked."""
        self._size = 0
        self._ahead = 0
        self.ended = False
        self._blocked = False
        self._drained: asyncio.Event | None = None
        self.on_lag: Callable[[], None] = do_nothing
        self.on_overflow: Callable[[], None] = do_nothing
        self.on_flood: Callable[[], None] = do_nothing
        transport.watch(self)

    def push(self, frames: bytes) -> None:
        if self._bundle is not None:
            self._leave()
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

    def _leave(self) -> None:
        """Wait alone from now on for what it has waited for with others."""
        bundle = self._bundle
        assert bundle is not None
        self._bundle = None
        bundle.alone.append(self)
        self._waiting.extend(bundle.frames)
        self._size = bundle.size
        if bundle.latest:
            self._latest = {**(self._latest or {}), **bundle.latest}
        if bundle.frames:
            self._flusher.add(self)
        elif bundle.latest:
            self._flusher.add_latest(self)

    def push_ahead(self, frames: bytes) -> None:
        if self.ended:
            return
        if self._blocked:  # also where nothing waits: the next one comes behind it
            self._waiting.insert(self._ahead, frames)
            self._ahead += 1
            self._size += len(frames)
            self._check_size(len(frames))
        elif self._waiting or self._latest or self._bundle is not None:
            self.push(frames)
            self.flush()
        else:
            self._transport.write(frames)

    def push_latest(self, topic: str, key: str, frames: bytes) -> None:
        if self.ended:
            return
        if self._bundle is not None:
            self._leave()
        if self._latest is None:
            self._latest = {}
        if not self._latest:
            self._flusher.add_latest(self)
        # Not counted: at most one a key.
        self._latest[topic, key] = frames

    def forget_latest(self, topic: str) -> None:
        if self._bundle is not None:
            self._leave()
        if self._latest:
            self._latest = {key: f for key, f in self._latest.items() if key[0] != topic}

    def flush(self) -> None:
        if self._bundle is not None:
            self._leave()
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
        bundle = self._bundle  # asked for by other threads, too: it may be gone the next moment
        size = self._size if bundle is None else bundle.size
        return size + self._transport.buffered()

    def is_filling(self) -> bool:
        return self.unread() > self._half // 2

    def pause(self) -> None:
        if self._bundle is not None:
            self._leave()
        self._blocked = True

    def flood(self) -> None:
        self.on_flood()

    def resume(self) -> None:
        self._blocked = False
        self._ahead = 0
        self.flush()
        if self._drained is not None:
            self._drained.set()

    def is_drained(self) -> bool:
        return not (self._waiting or self._blocked)

    async def drained(self) -> bool:
        self.flush()
        while not self.ended and not self.is_drained():
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
        if self._bundle is not None:
            self._leave()
        self._waiting.clear()
        self._size = self._ahead = 0

    def end(self) -> None:
        self.ended = True
        self.drop()
        # The connection's own methods: with them, neither would be freed before a collection.
        self.on_lag = self.on_overflow = self.on_flood = do_nothing
        if self._drained is not None:
            self._drained.set()


class Bundle:
    """Frames that some outboxes wait for alike, until the next flush."""

    __slots__ = ("_members", "alone", "frames", "is_open", "latest", "size")

    def __init__(self, outboxes: list[RawOutbox], add: Callable[[Bundle], None]) -> None:
        """outboxes: all that are pushed to; those that have to themselves stay alone.

        add: has the flusher write it.
        """
        self._members: list[RawOutbox] = []
        self.alone: list[RawOutbox] = []
        """Those that are pushed to one by one: what waits for them differs, or they are behind."""
        self.frames: list[bytes] = []
        self.latest: Latest = {}
        self.size = 0
        """Bytes of the frames; the latest are not counted: at most one a key."""
        self.is_open = True
        """Not flushed yet."""
        for outbox in outboxes:
            if outbox._bundle is not None:
                outbox._leave()
            if outbox._waiting or outbox._blocked or outbox._latest or outbox.ended:
                self.alone.append(outbox)
            else:
                outbox._bundle = self
                self._members.append(outbox)
        add(self)

    def part(self, leaving: Collection[Outbox]) -> None:
        """Have those of these that are in it wait alone."""
        for outbox in leaving:
            if isinstance(outbox, RawOutbox) and outbox._bundle is self:
                outbox._leave()

    def dissolve(self) -> None:
        self.part(self._members)
        self._members = []

    def flush(self) -> None:
        """Write to all that are still here."""
        self.is_open = False
        joined = b"".join([*self.frames, *self.latest.values()])
        sockets: list[int] = []
        direct: list[Transport] = []
        for outbox in self._members:
            if outbox._bundle is self:
                outbox._bundle = None
                transport = outbox._transport
                socket = transport.free_socket()
                if socket < 0:
                    transport.write(joined)
                else:
                    sockets.append(socket)
                    direct.append(transport)
        for index, sent in send_to_all(sockets, joined):
            direct[index].write(joined[sent:])
        # Of a topic of which nothing more is told it would be kept for as long as it is followed.
        self._members, self.alone, self.frames, self.latest = [], [], [], {}


class RawOutboxes:
    """Outboxes of one encoding that are pushed to together."""

    __slots__ = ("_bundle", "_flusher", "_outboxes")

    def __init__(self, outboxes: list[RawOutbox]) -> None:
        self._outboxes = outboxes
        self._flusher = outboxes[0]._flusher
        self._bundle: Bundle | None = None

    def push(self, frames: bytes, but: Collection[Outbox] = ()) -> None:
        bundle = self._open_bundle(self._flusher.add)
        bundle.part(but)
        if not bundle.frames:
            self._flusher.hurry()  # it may have only ephemerals, and wait for others
        size = bundle.size + len(frames)
        if size <= WRITE_BYTES and size <= self._outboxes[0]._half:
            bundle.frames.append(frames)
            bundle.size = size
        else:
            bundle.dissolve()  # each looks at how much waits for it
        for outbox in bundle.alone:
            if outbox not in but:
                outbox.push(frames)

    def push_latest(
        self, topic: str, key: str, frames: bytes, but: Collection[Outbox] = ()
    ) -> None:
        bundle = self._open_bundle(self._flusher.add_latest)
        bundle.part(but)
        bundle.latest[topic, key] = frames
        for outbox in bundle.alone:
            if outbox not in but:
                outbox.push_latest(topic, key, frames)

    def _open_bundle(self, add: Callable[[Bundle], None]) -> Bundle:
        bundle = self._bundle
        if bundle is None or not bundle.is_open:
            bundle = self._bundle = Bundle(self._outboxes, add)
        return bundle
