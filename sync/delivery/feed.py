"""One organization's events in one process: in order, without gaps, to whom they concern.

The log is the truth. What the group brings early waits for what is missing; what is missing is
read from the log; what was delivered already is dropped (decision V2).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import TYPE_CHECKING

import msgspec

from sync import metrics
from sync.conf import sync_settings
from sync.delivery import access, counts, encodings
from sync.eventlog import log
from sync.eventlog.log import Head, LoggedEvent
from sync.eventlog.threads import in_database
from sync.protocol.codecs import type_of
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


# A message overtaken on its way through Redis arrives within this time; later it is read.
GAP_PATIENCE = 0.02
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


GAP_REPAIRS = metrics.counter(
    "bos_gap_repairs",
    "Events that had not come and were read from the log, by `cause`: `gap` (a later one had come),"
    " `head` (the log's head was further), `sync` (a sync had shown more).",
    "cause",
    known=("gap", "head", "sync"),
)
RESTORES = metrics.counter(
    "bos_log_restores",
    "Logs that were put back behind what had been delivered: all of their clients began anew.",
)


class Feed:
    """Events of one organization, delivered to its connections in this process."""

    def __init__(self, organization_id: str, hub: Hub) -> None:
        self.organization_id = organization_id
        self.hub = hub
        self.last = 0
        """Sequence of the event that was delivered last."""
        self.last_at_us = 0
        """The log's time of that event."""
        self.ended = False
        """Nothing is delivered any more: the log was put back, or nobody listens."""
        self.access_epoch = 0
        """Rises whenever rights change: what was authorized before must be asked again."""
        self.connections: set[Connection] = set()
        self._members: dict[str, dict[Connection, None]] = {}
        self._held: set[Connection] = set()
        self._early: dict[int, LoggedEvent] = {}
        self._fence: asyncio.Task[None] | None = None
        self._looked_upto = 0
        """Rights that events up to this sequence touch have been looked at."""
        self._filler: asyncio.Task[None] | None = None
        self._cause = "gap"
        """Why the filler reads."""
        self._known_head = 0
        self._next_slice: asyncio.TimerHandle | None = None
        self._laggards: set[asyncio.Task[None]] = set()
        self._slice_characters = sync_settings().send_queue_bytes // SLICE_PART

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
        for event in events:
            if event.sequence > self.last:
                self._early[event.sequence] = event
            elif event.at_us > self.last_at_us:
                # Times rise with sequences: this number was given once more.
                self._start_over()
        self._advance()

    def check(self, head: Head, *, delivered: int) -> None:
        """Compare with the log's head: read what has not arrived.

        delivered: `last` as it was before the head was read. A head behind that has been put back;
        and what was forgotten before it was delivered cannot be delivered any more.
        """
        if head.sequence < delivered or head.pruned_sequence > self.last:
            self._start_over()
        else:
            self._expect(head.sequence, "head")

    def _expect(self, upto: int, cause: str) -> None:
        self._known_head = max(self._known_head, upto)
        if upto > self.last:
            self._fill(cause)

    def _start_over(self) -> None:
        """The log is not the one that was delivered: everybody takes a snapshot."""
        if not self.ended:
            self.ended = True
            RESTORES.add(1)
            self.hub.start_over(self)

    def _passed(self, event: LoggedEvent) -> None:
        self.last, self.last_at_us = event.sequence, event.at_us

    def _advance(self) -> None:
        """Deliver what is next, a slice at a time; neighbours with the same receivers together."""
        run: list[LoggedEvent] = []
        followed: tuple[str, ...] = ()
        room = self._slice_characters
        for _ in range(SLICE):
            if self._fence is not None or self.ended or room < 0:
                break
            if (event := self._early.get(self.last + 1)) is None:
                break
            room -= len(event.data) + len(event.live)
            topics = tuple(topic for topic in event.topics() if topic in self._members)
            alone = event.access or event.entity_type in _followers
            if run and (topics != followed or alone):
                self._deliver(run, followed)
                run = []
            if event.access and event.sequence > self._looked_upto:
                self._fence = asyncio.create_task(self._look_at_rights())
                return
            del self._early[event.sequence]
            self._passed(event)
            if alone:
                self._deliver_alone(event, topics)
                continue
            run.append(event)
            followed = topics
        if run:
            self._deliver(run, followed)
        if self._fence is None and self._early and not self.ended:
            self._continue()

    def _continue(self) -> None:
        if self.last + 1 not in self._early:
            self._fill("gap")
        elif self._next_slice is None:
            delay = sync_settings().coalesce
            self._next_slice = asyncio.get_running_loop().call_later(delay, self._resume)

    def _resume(self) -> None:
        self._next_slice = None
        self._advance()

    async def _look_at_rights(self) -> None:
        """Look at the rights that the next events touch; nothing is delivered meanwhile.

        All that is here has been committed: one look, now, is for all of it.
        """
        self.access_epoch += 1
        coming = list(self._next_events())
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
        self._looked_upto = touching[-1].sequence
        self._fence = None
        self._advance()

    def _next_events(self) -> Iterator[LoggedEvent]:
        """What is here to be delivered next, without a gap."""
        sequence = self.last + 1
        while (event := self._early.get(sequence)) is not None:
            yield event
            sequence += 1

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

    def _fill(self, cause: str) -> None:
        if self._filler is None or self._filler.done():
            self._cause = cause
            self._filler = asyncio.create_task(self._read_missing())

    async def _read_missing(self) -> None:
        await asyncio.sleep(GAP_PATIENCE)
        while not self.ended:
            upto = max(self._known_head, *self._early, self.last)
            if upto == self.last:
                return
            if self._fence is not None:
                await asyncio.wait([self._fence])
                continue
            if self.last + 1 in self._early:
                await asyncio.sleep(sync_settings().coalesce)
                self._advance()
                continue
            after = self.last
            try:
                missing = await in_database(
                    log.read, self.organization_id, after=after, upto=upto, limit=PAGE
                )
            except Exception:  # the next head check tries again
                logger.exception("log not read")
                return
            if not missing or missing[0].sequence > after + 1:
                self._start_over()  # what was committed is not there
                return
            GAP_REPAIRS.add(sum(e.sequence not in self._early for e in missing), self._cause)
            self.ingest(missing)

    # -------------------------------------------------------------- delivery

    def _deliver(self, events: list[LoggedEvent], topics: tuple[str, ...]) -> None:
        """Deliver a run of events to whoever follows one of these topics."""
        requesters = self._requesters(events)
        frames: dict[encodings.Lane, encodings.Frames] = {}
        messages: list[bytes] | None = None
        receivers = self._receivers(topics)
        for connection in receivers:
            if connection in requesters:
                continue
            lane = connection.lane
            ready = frames.get(lane)
            if ready is None:
                if messages is None:
                    messages = [m for event in events for m in encodings.broadcast(event)]
                ready = frames[lane] = lane.pack(*messages)
            connection.outbox.push(ready)
        if others := len(receivers) - sum(each in receivers for each in requesters):
            counts.count_delivered(events, others)
        if requesters:
            self._deliver_to_requesters(events, topics, requesters)
        if others or requesters:
            self.hub.flusher.measure(events)

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
                        counts.count_delivered([event])
            connection.outbox.flush()

    def _receivers(self, topics: tuple[str, ...]) -> Collection[Connection]:
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
        shown = 0
        for connection in self._members.get(topic, ()):
            principal = connection.principal
            if principal is None or principal.user_id == except_user:
                continue
            ready = frames.get(connection.lane)
            if ready is None:
                ready = frames[connection.lane] = connection.lane.pack(message)
            connection.outbox.push_latest(topic, key, ready)
            shown += 1
        if shown:
            counts.count_sent(type_of(message, packed=False), shown)
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
        upto = max(self._early, default=self.last)
        while connection.live and not self.ended:
            if self.last >= upto and self._fence is None and not connection.held:
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
                self._expect(connection.covered.upto, "sync")
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

    @property
    def lagging(self) -> int:
        """How many of its connections have too much waiting, and get it from the log."""
        return len(self._laggards)

    def end(self) -> None:
        self.ended = True
        for task in (self._fence, self._filler, *self._laggards):
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
