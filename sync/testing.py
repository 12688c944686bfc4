"""Doubles that ship with the kernel: an outbox, a clock and a log in memory.

    clock, log = Clock(), MemoryLog()
    hub = Hub(log=log, clock=clock)
    feed = await hub.feed("o")
    bob = FakeClient("bob")
    feed.add(bob)
    feed.follow(bob, ["shop:17"])
    feed.ingest([log.append("o", topics=["shop:17"])])
    assert bob.fake.types() == ["SYNC_UPDATE"]

Each keeps the port that its counterpart keeps: `outbox.Outbox`, `clock.TimeSource`, `port.Log`.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import json
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from typing import TYPE_CHECKING, Any

from sync.delivery.outbox import do_nothing
from sync.delivery.subscriber import Subscriber
from sync.eventlog.log import Head, LoggedEvent, history_expired
from sync.protocol.close_codes import CloseCode
from sync.protocol.errors import SyncErrorCode, SyncRefused
from sync.protocol.identity import Principal
from sync.protocol.topics import Audience, Topic

if TYPE_CHECKING:
    from sync.delivery.clock import TimeSource
    from sync.delivery.outbox import Outbox
    from sync.eventlog.port import Log

Sent = dict[str, Any]
"""A message as a client decodes it."""


class Clock:
    """Time that stands still until it is moved on."""

    def __init__(self, now: float = 0.0) -> None:
        self._now = now
        self._order = itertools.count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []

    def time(self) -> float:
        return self._now

    async def sleep(self, seconds: float) -> None:
        waking = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._now + seconds, next(self._order), waking))
        await waking

    @property
    def sleeping(self) -> int:
        """How many wait for the time to pass."""
        return sum(not waking.done() for _, _, waking in self._sleepers)

    def advance(self, seconds: float) -> None:
        """Let time pass, and wake those whose time has come."""
        self._now += seconds
        while self._sleepers and self._sleepers[0][0] <= self._now:
            waking = heapq.heappop(self._sleepers)[2]
            if not waking.done():
                waking.set_result(None)


class FakeOutbox:
    """Keeps what a client is sent, decoded; of a subscriber that is not raw and speaks JSON."""

    def __init__(self) -> None:
        self.messages: list[Sent] = []
        self.latest: dict[tuple[str, str], list[Sent]] = {}
        self.ended = False
        self.dropped = False
        self.on_lag: Callable[[], None] = do_nothing
        self.on_overflow: Callable[[], None] = do_nothing
        self.on_flood: Callable[[], None] = do_nothing
        self._reading = asyncio.Event()
        self._reading.set()

    def take(self) -> list[Sent]:
        """Return what was sent since this was last asked for."""
        self.flush()
        taken, self.messages = self.messages, []
        return taken

    def types(self) -> list[str]:
        """Return the types of what was sent since it was last asked for."""
        return [message["type"] for message in self.take()]

    def sequences(self) -> list[int]:
        """Return the sequences of the events that were sent since it was last asked for."""
        payloads = [message.get("payload", {}) for message in self.take()]
        return [payload["sequence"] for payload in payloads if "sequence" in payload]

    def stop_reading(self) -> None:
        """The client takes nothing any more: whatever sends much waits."""
        self._reading.clear()

    def fall_behind(self) -> None:
        """The client takes nothing any more, and half of the queue is full."""
        self.stop_reading()
        self.on_lag()

    def read_on(self) -> None:
        self._reading.set()

    def push(self, frames: Any) -> None:
        if not self.ended:
            self.messages += [json.loads(frame["text"]) for frame in frames]

    def push_ahead(self, frames: Any) -> None:
        self.push(frames)

    def push_latest(self, topic: str, key: str, frames: Any) -> None:
        self.latest[topic, key] = [json.loads(frame["text"]) for frame in frames]

    def forget_latest(self, topic: str) -> None:
        self.latest = {key: shown for key, shown in self.latest.items() if key[0] != topic}

    def flush(self) -> None:
        for shown in self.latest.values():
            self.messages += shown
        self.latest.clear()

    def unread(self) -> int:
        return 0

    def is_filling(self) -> bool:
        return not self._reading.is_set()

    def is_drained(self) -> bool:
        return self._reading.is_set()

    async def drained(self) -> bool:
        await self._reading.wait()
        return not self.ended

    async def flushed(self) -> None:
        self.flush()

    def drop(self) -> None:
        self.dropped = True
        self.messages.clear()

    def end(self) -> None:
        self.ended = True
        self._reading.set()


class FakeClient(Subscriber):
    """A subscriber that has signed in, with what it was sent and how it was closed."""

    __slots__ = ("closes", "fake")

    def __init__(self, id_: str, *, user_id: str = "", organization_id: str = "o") -> None:
        self.fake = FakeOutbox()
        self.closes: list[CloseCode] = []
        super().__init__(id_, self.fake, raw=False, now=0.0, on_close=self.closes.append)
        self.signed_in(principal(user_id or f"user-of-{id_}", organization_id))


def principal(user_id: str = "u", organization_id: str = "o", role: str = "member") -> Principal:
    """Return a user whose token does not end."""
    return Principal(user_id, organization_id, user_id.title(), role, 0, expires_at=2.0**40)


class MemoryLog:
    """The log of some organizations; `sync.eventlog.log` answers alike from the database.

    A sequence begins at 1 and a time at 1,000,000 us, and each is 1000 us after the one before.
    """

    def __init__(self) -> None:
        self._events: dict[str, list[LoggedEvent]] = defaultdict(list)
        self._heads: dict[str, Head] = {}
        self.fails = 0
        """So many reads from now on fail."""

    def append(
        self,
        organization_id: str,
        *,
        topics: Collection[str] = (),
        entity_type: str = "row",
        entity_id: str = "k",
        change_type: str = "updated",
        data: str = "{}",
        live_type: str = "",
        live: str = "",
        actor_id: str = "system",
        origin: str = "",
        request_id: str = "",
        access: str = "",
    ) -> LoggedEvent:
        """Commit an event; as in the log, it has at most one topic of each kind."""
        before = self._heads.get(organization_id, Head(0, 999_000))
        head = Head(
            before.sequence + 1,
            before.at_us + 1000,
            before.pruned_sequence,
            before.pruned_at_us,
        )
        event = LoggedEvent(
            organization_id,
            head.sequence,
            head.at_us,
            entity_type,
            entity_id,
            change_type,
            data,
            live_type,
            live,
            actor_id,
            "websocket" if origin else "system",
            origin,
            request_id,
            access,
            *Audience(**dict(Topic.parse(name) for name in topics)).columns,
        )
        self._events[organization_id].append(event)
        self._heads[organization_id] = head
        return event

    def put_back(self, organization_id: str, events: int) -> None:
        """The last so many events have never been; the clock has not gone back."""
        kept = self._events[organization_id][:-events]
        self._events[organization_id] = kept
        head = self._heads[organization_id]
        self._heads[organization_id] = Head(
            kept[-1].sequence if kept else head.pruned_sequence,
            head.at_us,
            head.pruned_sequence,
            head.pruned_at_us,
        )

    def prune(self, organization_id: str, upto: int) -> None:
        """Forget the events up to and with this sequence."""
        events = self._events[organization_id]
        head = self._heads[organization_id]
        last = next(event for event in events if event.sequence == upto)
        self._heads[organization_id] = Head(head.sequence, head.at_us, upto, last.at_us)
        self._events[organization_id] = [event for event in events if event.sequence > upto]

    # -------------------------------------------------------------- what `port.Log` asks

    def head(self, organization_id: str) -> Head:
        return self.heads([organization_id]).get(organization_id, Head())

    def heads(self, organization_ids: Collection[str]) -> dict[str, Head]:
        self._fail_perhaps()
        return {id_: self._heads[id_] for id_ in organization_ids if id_ in self._heads}

    def read(self, organization_id: str, *, after: int, upto: int, limit: int) -> list[LoggedEvent]:
        self._fail_perhaps()
        return self._between(organization_id, after, upto)[:limit]

    def read_topics(
        self, organization_id: str, topics: Iterable[Topic], *, after: int, upto: int, limit: int
    ) -> list[LoggedEvent]:
        self._fail_perhaps()
        return self._concerning(organization_id, topics, after, upto)[:limit]

    def count_topics(
        self, organization_id: str, topics: Iterable[Topic], *, after: int, upto: int
    ) -> int:
        return len(self._concerning(organization_id, topics, after, upto))

    def find(self, organization_id: str, sequence: int) -> LoggedEvent | None:
        found = self._between(organization_id, sequence - 1, sequence)
        return found[0] if found else None

    def sequence_before(self, organization_id: str, at_us: int, *, exact: bool, end: Head) -> int:
        if at_us > end.at_us:
            raise SyncRefused(
                SyncErrorCode.SYNC_TIMESTAMP_IN_FUTURE, "lastSyncTimestamp is in the future"
            )
        first_kept = at_us > end.pruned_at_us or (at_us == end.pruned_at_us and exact)
        if end.pruned_sequence and not first_kept:
            raise history_expired()
        seen = [
            event.sequence
            for event in self._between(organization_id, 0, end.sequence)
            if event.at_us < at_us or (event.at_us == at_us and exact)
        ]
        return max([end.pruned_sequence, *seen])

    def start_over(self, organization_id: str, *, seen: int = 0, seen_at_us: int = 0) -> bool:
        head = self._heads.get(organization_id, Head())
        if seen and head.pruned_sequence > seen:
            return False
        sequence = max(2**50, head.sequence + 1, seen + 1)
        at_us = max(head.at_us + 1, seen_at_us + 1)
        self._heads[organization_id] = Head(sequence, at_us, sequence, at_us)
        return True

    def _between(self, organization_id: str, after: int, upto: int) -> list[LoggedEvent]:
        events = self._events.get(organization_id, [])
        return [event for event in events if after < event.sequence <= upto]

    def _concerning(
        self, organization_id: str, topics: Iterable[Topic], after: int, upto: int
    ) -> list[LoggedEvent]:
        wanted = {str(topic) for topic in topics}
        events = self._between(organization_id, after, upto)
        return [event for event in events if not wanted.isdisjoint(event.topics())]

    def _fail_perhaps(self) -> None:
        if self.fails:
            self.fails -= 1
            raise ConnectionError("the database is away")


if TYPE_CHECKING:
    _ports: tuple[TimeSource, Outbox, Log] = (Clock(), FakeOutbox(), MemoryLog())
