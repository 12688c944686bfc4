"""One organization's events in one process: in order, without gaps, to whom they concern.

The log is the truth. What the group brings early waits for what is missing; what is missing is
read from the log; what was delivered already is dropped (decision V2).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import msgspec

from sync.conf import sync_settings
from sync.delivery import access, encodings
from sync.delivery.sequencer import GAP_PATIENCE, Sequencer, Step
from sync.eventlog import log
from sync.eventlog.log import Head, LoggedEvent
from sync.eventlog.threads import in_database
from sync.protocol.rights import AccessChange, merged

if TYPE_CHECKING:
    from sync.delivery.connection import Connection
    from sync.delivery.hub import Hub

logger = logging.getLogger("bos.sync")

Follower = Callable[["Feed", LoggedEvent], None]
_followers: dict[str, Follower] = {}


def follow_entity(entity_type: str, follower: Follower) -> None:
    """Call this in every process, in order, right after an event of this entity was delivered."""
    if entity_type in _followers:
        raise ValueError(f"events of {entity_type} are followed twice")
    _followers[entity_type] = follower


PAGE = 100
# Delivered without a pause: between two slices outboxes are written and slow clients noticed.
SLICE = 64
SLICE_PART = 16
"""This part of a queue's bytes in characters of their contents, of four bytes each at most: no
slice fills a queue by itself."""
RETRY_PAUSE = 0.5
# A change waits this long for others, so that one write to each connection brings them all. The
# write costs 3 to 13 us a connection: the wait is little beside the second one that it saves.
LINGER_PER_CONNECTION = 1e-6
MAX_LINGER = 0.002


class Feed:
    """Events of one organization, delivered to its connections in this process."""

    def __init__(self, organization_id: str, hub: Hub, head: Head) -> None:
        """head: the log's; what is committed from there on is delivered."""
        self.organization_id = organization_id
        self.hub = hub
        self.ended = False
        """Nothing is delivered any more: the log was put back, or nobody listens."""
        self.access_epoch = 0
        """Rises whenever rights change: what was authorized before must be asked again."""
        self.connections: set[Connection] = set()
        self._sequencer = Sequencer(head)
        self._members: dict[str, dict[Connection, None]] = {}
        self._held: set[Connection] = set()
        self._checking: asyncio.Task[None] | None = None
        self._reading: asyncio.Task[None] | None = None
        self._next_slice: asyncio.TimerHandle | None = None
        self._laggards: set[asyncio.Task[None]] = set()
        self._slice_characters = sync_settings().send_queue_bytes // SLICE_PART
        self._now = asyncio.get_running_loop().time

    @property
    def last(self) -> int:
        """Sequence of the event that was delivered last."""
        return self._sequencer.last

    @property
    def last_at_us(self) -> int:
        """The log's time of that event."""
        return self._sequencer.last_at_us

    @property
    def known(self) -> int:
        """The highest sequence that is known to be committed."""
        return self._sequencer.known

    # -------------------------------------------------------------- who listens

    def attach(self, connection: Connection) -> None:
        """Deliver to the connection from behind `last` on."""
        self.connections.add(connection)
        self._held.discard(connection)
        for topic in connection.topics:
            self._members.setdefault(topic, {})[connection] = None
        self._show_what_was_missed(connection)

    def detach(self, connection: Connection) -> None:
        self._held.add(connection)
        for topic in connection.topics:
            self._leave(topic, connection)

    def forget(self, connection: Connection) -> None:
        self.detach(connection)
        self._held.discard(connection)
        self.connections.discard(connection)

    def follow(self, connection: Connection, topics: Iterable[str]) -> None:
        for topic in topics:
            connection.topics.add(topic)
            if not connection.held:
                self._members.setdefault(topic, {})[connection] = None

    def unfollow(self, connection: Connection, topics: Iterable[str]) -> None:
        for topic in topics:
            connection.topics.discard(topic)
            self._leave(topic, connection)

    def followers(self, topic: str) -> list[Connection]:
        """Also those that are held: their rights are looked at like everybody's."""
        held = (connection for connection in self._held if topic in connection.topics)
        return [*self._members.get(topic, ()), *held]

    def _leave(self, topic: str, connection: Connection) -> None:
        members = self._members.get(topic)
        if members is not None:
            members.pop(connection, None)
            if not members:
                del self._members[topic]

    @property
    def linger(self) -> float:
        """How long a change may wait for others to be committed and delivered with, in seconds."""
        return min(len(self.connections) * LINGER_PER_CONNECTION, MAX_LINGER)

    # -------------------------------------------------------------- order

    def ingest(self, events: Iterable[LoggedEvent]) -> None:
        """Take events from wherever they come, in any order, any number of times."""
        self._sequencer.take(events, now=self._now())
        self._advance()

    def check(self, head: Head, *, known: int) -> None:
        """Compare with the log's head: read what has not arrived.

        known: `self.known` as it was before the head was read.
        """
        self._sequencer.compare(head, known=known, now=self._now())
        self._go_on()

    def _expect(self, upto: int) -> None:
        self._sequencer.expect(upto, now=self._now())
        self._go_on()

    def _advance(self) -> None:
        """Deliver what is next, a slice at a time; neighbours with the same receivers together."""
        if self.ended:
            return
        run: list[LoggedEvent] = []
        followed: tuple[str, ...] = ()
        for event in self._sequencer.ready(most=SLICE, characters=self._slice_characters):
            topics = tuple(topic for topic in event.topics() if topic in self._members)
            alone = event.access or event.entity_type in _followers
            if run and (topics != followed or alone):
                self._deliver(run, followed)
                run = []
            if alone:
                self._deliver_alone(event, topics)
                continue
            run.append(event)
            followed = topics
        if run:
            self._deliver(run, followed)
        self._go_on()

    def _go_on(self) -> None:
        """Have done what delivery waits for."""
        if self.ended:
            return
        match self._sequencer.step():
            case Step.DELIVER if self._next_slice is None:
                delay = sync_settings().coalesce
                self._next_slice = asyncio.get_running_loop().call_later(delay, self._resume)
            case Step.CHECK_RIGHTS if self._checking is None:
                self._checking = asyncio.create_task(self._check_rights())
            case Step.READ if self._reading is None or self._reading.done():
                self._reading = asyncio.create_task(self._read_missing())
            case Step.START_OVER:
                self.ended = True  # everybody takes a snapshot
                self.hub.start_over(self)

    def _resume(self) -> None:
        self._next_slice = None
        self._advance()

    async def _check_rights(self) -> None:
        """Look at the rights that the next events touch; nothing is delivered meanwhile.

        All that is here has been committed: one look, now, is for all of it.
        """
        self.access_epoch += 1
        coming = self._sequencer.coming()
        touching = [event for event in coming if event.access]
        change = merged(msgspec.json.decode(e.access, type=AccessChange) for e in touching)
        ending = _ending_topics(coming)
        while True:
            try:
                await access.recheck(self, change, ending=ending)
                break
            except Exception:  # the database is away: deliver nothing that might be forbidden
                logger.exception("rights not checked, delivery waits")
                await asyncio.sleep(RETRY_PAUSE)
        self._sequencer.rights_checked(touching[-1].sequence)
        self._checking = None
        self._advance()

    async def _read_missing(self) -> None:
        while not self.ended and self._sequencer.step() is Step.READ:
            if patience := self._sequencer.patience(now=self._now()):
                await asyncio.sleep(patience)
                continue
            gap = self._sequencer.gap()
            try:
                missing = await in_database(
                    log.read, self.organization_id, after=gap.after, upto=gap.upto, limit=PAGE
                )
            except Exception:  # the next head check tries again
                logger.exception("log not read")
                return
            self._sequencer.read(gap, missing, now=self._now())
            self._advance()

    def _deliver_alone(self, event: LoggedEvent, topics: tuple[str, ...]) -> None:
        self._deliver([event], topics)
        if event.access and (ended := _ended_topic(event)) is not None:
            # Who follows what is gone is unsubscribed by this very event, and should know why; that
            # it is gone is nothing that they might not know.
            for connection in self.followers(ended):
                access.revoke(self, connection, [ended])
        self._tell_follower(event)

    def _tell_follower(self, event: LoggedEvent) -> None:
        follower = _followers.get(event.entity_type)
        if follower is not None:
            try:
                follower(self, event)
            except Exception:  # a feature's fault must not stop the organization's events
                logger.exception("follower failed", extra={"entity": event.entity_type})

    # -------------------------------------------------------------- delivery

    def _deliver(self, events: list[LoggedEvent], topics: tuple[str, ...]) -> None:
        """Deliver a run of events to whoever follows one of these topics."""
        requesters = self._requesters(events)
        frames: dict[encodings.Lane, encodings.Frames] = {}
        messages: list[bytes] | None = None
        for connection in self._receivers(topics):
            if connection in requesters:
                continue
            lane = connection.lane
            ready = frames.get(lane)
            if ready is None:
                if messages is None:
                    messages = [m for event in events for m in encodings.broadcast(event)]
                ready = frames[lane] = lane.pack(*messages)
            connection.outbox.push(ready)
        if requesters:
            self._deliver_to_requesters(events, topics, requesters)

    def _deliver_to_requesters(
        self,
        events: list[LoggedEvent],
        topics: tuple[str, ...],
        requesters: dict[Connection, list[LoggedEvent]],
    ) -> None:
        """Deliver to each its own results, and the others where it follows one of these topics.

        Sixty requests that are committed together are not sixty times sixty deliveries.
        """
        shared: dict[encodings.Lane, list[encodings.Frames]] = {}
        for connection, own in requesters.items():
            if connection.topics.isdisjoint(topics):
                for event in own:
                    connection.answer(event)
            else:
                lane = connection.lane
                ready = shared.get(lane)
                if ready is None:
                    ready = [lane.pack(*encodings.broadcast(event)) for event in events]
                    shared[lane] = ready
                for event, frames in zip(events, ready, strict=True):
                    if event.origin == connection.id:
                        connection.answer(event, subscribed=True)
                    else:
                        connection.outbox.push(frames)
            connection.outbox.flush()

    def _receivers(self, topics: tuple[str, ...]) -> Iterable[Connection]:
        """Each connection once, however many of its topics match (decision S5)."""
        groups = [self._members[topic] for topic in topics if topic in self._members]
        if len(groups) < 2:
            return groups[0] if groups else ()
        receivers: dict[Connection, None] = {}
        for group in groups:
            receivers.update(group)
        return receivers

    def show(self, topic: str, key: str, message: bytes, *, except_user: str) -> None:
        """Pass on what is not kept: only the latest under a key is worth showing (C6)."""
        frames: dict[encodings.Lane, encodings.Frames] = {}
        for connection in self._members.get(topic, ()):
            principal = connection.principal
            if principal is None or principal.user_id == except_user:
                continue
            ready = frames.get(connection.lane)
            if ready is None:
                ready = frames[connection.lane] = connection.lane.pack(message)
            connection.outbox.push_latest(topic, key, ready)
        for connection in self._held:
            principal = connection.principal
            if topic in connection.topics and principal and principal.user_id != except_user:
                connection.missed[key] = (topic, message)

    def _show_what_was_missed(self, connection: Connection) -> None:
        """The last of what was shown while the connection was held."""
        for key, (topic, message) in connection.missed.items():
            if topic in connection.topics:
                connection.outbox.push_latest(topic, key, connection.lane.pack(message))
        connection.missed.clear()

    def _requesters(self, events: list[LoggedEvent]) -> dict[Connection, list[LoggedEvent]]:
        """The connections that asked for these, if they are here and are delivered to now."""
        found: dict[Connection, list[LoggedEvent]] = {}
        for event in events:
            connection = self.hub.connections.get(event.origin) if event.origin else None
            if connection is None or connection.held or connection not in self.connections:
                continue
            found.setdefault(connection, []).append(event)
        return found

    async def settled(self, connection: Connection) -> None:
        """Wait until the connection has got all that has come by now, the early as well."""
        upto = self.known
        while connection.live and not self.ended:
            if self.last >= upto and not connection.held:
                return
            await asyncio.sleep(GAP_PATIENCE)

    def catch_up_later(self, connection: Connection) -> None:
        """The connection lags: catch up once it has read what waits."""
        task = asyncio.create_task(self._make_up(connection))
        self._laggards.add(task)
        task.add_done_callback(self._laggards.discard)

    async def _make_up(self, connection: Connection) -> None:
        async with connection.delivering:
            await connection.drained()
            await self.catch_up(connection)

    async def catch_up(self, connection: Connection) -> None:
        """Deliver from the log what a held connection has not got, then attach it.

        Called by whoever holds `connection.delivering`. Stops where the token expires meanwhile:
        the next AUTH calls again.
        """
        while connection.held and connection.live:
            if connection.covered is not None and connection.covered.upto > self.last:
                # The sync has read what has not arrived here yet: it must not be sent once more.
                self._expect(connection.covered.upto)
                await asyncio.sleep(GAP_PATIENCE)
                continue
            if connection.position >= self.last:
                connection.held = False
                connection.covered = None
                self.attach(connection)
                return
            upto = self.last
            try:
                events = await in_database(
                    log.read, self.organization_id, after=connection.position, upto=upto, limit=PAGE
                )
            except Exception:
                logger.exception("log not read")
                await asyncio.sleep(RETRY_PAUSE)
                continue
            if not events or events[0].sequence != connection.position + 1:
                connection.too_slow()  # what it has not got is no longer kept
                return
            await self._deliver_held(connection, events)
            await connection.drained()

    @staticmethod
    async def _deliver_held(connection: Connection, events: list[LoggedEvent]) -> None:
        """At its pace, and as far as its token holds: a page may be more than the queue."""
        for event in events:
            if connection.outbox.is_filling():
                await connection.drained()
            if not connection.live:
                return
            if connection.covered is None or not connection.covered.has(event):
                connection.deliver(event)
            elif event.origin == connection.id:
                # A sync shows what has changed; the answer to who changed it is another.
                connection.answer(event)
            connection.position = event.sequence

    def end(self) -> None:
        self.ended = True
        for task in (self._checking, self._reading, *self._laggards):
            if task is not None:
                task.cancel()


def _ended_topic(event: LoggedEvent) -> str | None:
    """The topic of what is gone by this event."""
    own = f"{event.entity_type}:{event.entity_id}"
    return own if event.change_type == "deleted" and own in event.topics() else None


def _ending_topics(events: Iterable[LoggedEvent]) -> frozenset[str]:
    """Topics whose end is told by one of these events, where nothing else is shown on them before:
    the right to that may have ended sooner than the topic."""
    ending, shown = set[str](), set[str]()
    for event in events:
        ended = _ended_topic(event)
        if ended is not None and ended not in shown:
            ending.add(ended)
        if event.change_type != "deleted":
            shown.update(event.topics())
    return frozenset(ending)


class Synced(msgspec.Struct, frozen=True):
    """What a sync has covered: everything on these topics up to and with a sequence."""

    topics: frozenset[str]
    upto: int

    def has(self, event: LoggedEvent) -> bool:
        return event.sequence <= self.upto and not self.topics.isdisjoint(event.topics())
