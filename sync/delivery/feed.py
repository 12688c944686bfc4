"""One organization's events in one process: in order, without gaps, to whom they concern.

The log is the truth. What the group brings early waits for what is missing; what is missing is
read from the log; what was delivered already is dropped (decision V2).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, get_args

import msgspec

from sync import metrics
from sync.conf import sync_settings
from sync.delivery import access, counts, encodings
from sync.delivery.followers import Followers
from sync.delivery.pause import PAGE, RETRY_PAUSE, Pause, catch_up
from sync.delivery.recent import Recent
from sync.delivery.sequencer import GAP_PATIENCE, Cause, Sequencer, Step
from sync.delivery.subscriber import Subscriber
from sync.eventlog.log import Head, LoggedEvent
from sync.eventlog.threads import in_database
from sync.protocol.codecs import type_of
from sync.protocol.rights import AccessChange, merged

if TYPE_CHECKING:
    from sync.delivery.hub import Hub

logger = logging.getLogger("bos.sync")

Follower = Callable[["Feed", LoggedEvent], None]
_on_delivered: dict[str, list[Follower]] = {}


def add_follower(entity_type: str, follower: Follower) -> None:
    """Call this in every process, in order, right after an event of this entity was delivered."""
    _on_delivered.setdefault(entity_type, []).append(follower)


# Delivered without a pause: between two slices outboxes are written and slow clients noticed.
SLICE = 64
SLICE_PART = 16
"""This part of a queue's bytes in characters of their contents, of four bytes each at most: no
slice fills a queue by itself."""
# A change waits this long for others, so that one write to each connection brings them all. The
# write costs 3 to 13 us a connection: the wait is little beside the second one that it saves. Only
# where changes come together, as those did that came last: a single one waits for nothing.
BATCH_DELAY_PER_CONNECTION = 1e-6
MAX_BATCH_DELAY = 0.002


GAP_REPAIRS = metrics.counter(
    "bos_gap_repairs",
    "Events that had not come and were read from the log, by `cause`: `gap` (a later one had come),"
    " `head` (the log's head was further), `sync` (a sync had shown more).",
    "cause",
    known=get_args(Cause),
)
RESTORES = metrics.counter(
    "bos_log_restores",
    "Logs that a restored database took back to before what was delivered: all of their clients"
    " take a snapshot.",
)


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
        self.subscribers: dict[str, Subscriber] = {}
        """By id."""
        self.recent = Recent()
        """Keeps what is delivered while somebody is paused."""
        self.log = hub.log
        self.clock = hub.clock
        self._sequencer = Sequencer(head)
        self._followers = Followers()
        self._checking: asyncio.Task[None] | None = None
        self._reading: asyncio.Task[None] | None = None
        self._next_slice: asyncio.TimerHandle | None = None
        self._laggards: set[asyncio.Task[None]] = set()
        self._come_together = False
        """Whether the changes that came last were more than one."""
        self._slice_characters = sync_settings().send_queue_bytes // SLICE_PART

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

    # -------------------------------------------------------------- the subscribers

    def add(self, subscriber: Subscriber) -> None:
        """Deliver to the subscriber what comes after `last`."""
        subscriber.feed = self
        self.subscribers[subscriber.id] = subscriber
        self._attach(subscriber)

    def remove(self, subscriber: Subscriber) -> None:
        self._followers.forget(subscriber)
        self.subscribers.pop(subscriber.id, None)
        self._forget_recent()

    def _attach(self, subscriber: Subscriber) -> None:
        self._followers.attach(subscriber)
        self._show_missed_ephemerals(subscriber)

    def detach(self, subscriber: Subscriber) -> None:
        """Deliver nothing to the subscriber, which is paused or closed."""
        if subscriber.id in self.subscribers:
            self._followers.detach(subscriber)

    def follow(self, subscriber: Subscriber, topics: Iterable[str]) -> None:
        self._followers.follow(subscriber, topics)

    def unfollow(self, subscriber: Subscriber, topics: Iterable[str]) -> None:
        self._followers.unfollow(subscriber, topics)

    def followers(self, topic: str) -> list[Subscriber]:
        """Return the topic's followers; also the paused ones, whose rights are checked as well."""
        return [*self._followers.of(topic).subscribers, *self._followers.paused_of(topic)]

    # -------------------------------------------------------------- the pause

    @asynccontextmanager
    async def paused(self, subscriber: Subscriber) -> AsyncIterator[Pause]:
        """Deliver nothing to the subscriber in this block; what comes meanwhile follows after it.

        So that what is sent in it is of an exact point, and what follows joins on: a sync, or the
        picture of a session that the user begins to follow. One block at a time.
        """
        async with subscriber.pausing:
            subscriber.pause()
            try:
                yield Pause(subscriber)
            finally:
                await catch_up(self, subscriber)

    def resume(self, subscriber: Subscriber) -> None:
        """The subscriber has got everything up to `last`."""
        subscriber.paused = False
        subscriber.covered = ()
        self._attach(subscriber)
        self._forget_recent()

    def _forget_recent(self) -> None:
        """Keep nothing for nobody."""
        if not self._followers.has_paused():
            self.recent.clear()

    @property
    def lagging(self) -> int:
        """How many subscribers have too much waiting, and get it from the log."""
        return len(self._laggards)

    def catch_up_later(self, subscriber: Subscriber) -> None:
        """The subscriber lags: catch up once it has read what waits."""
        task = asyncio.create_task(self._make_up(subscriber))
        self._laggards.add(task)
        task.add_done_callback(self._laggards.discard)

    async def _make_up(self, subscriber: Subscriber) -> None:
        async with self.paused(subscriber):
            await subscriber.drained()

    async def settled(self, subscriber: Subscriber) -> None:
        """Wait until the subscriber has got all that has come by now, the early as well."""
        upto = self.known
        while subscriber.live and not self.ended:
            if self.last >= upto and not subscriber.paused:
                return
            await self.clock.sleep(GAP_PATIENCE)

    @property
    def batch_delay(self) -> float:
        """How long a change may wait for others to be committed and delivered with, in seconds."""
        if not self._come_together:
            return 0
        return min(len(self.subscribers) * BATCH_DELAY_PER_CONNECTION, MAX_BATCH_DELAY)

    # -------------------------------------------------------------- order

    def ingest(self, events: Sequence[LoggedEvent]) -> None:
        """Take events from wherever they come, in any order, any number of times."""
        self._come_together = len(events) > 1
        self._sequencer.take(events, now=self.clock.time())
        self._advance()

    def check(self, head: Head, *, known: int) -> None:
        """Compare with the log's head: read what has not arrived.

        known: `self.known` as it was before the head was read.
        """
        self._sequencer.compare(head, known=known, now=self.clock.time())
        self._go_on()

    def expect(self, upto: int) -> None:
        """Events up to this one have been committed, as somebody knows who has read the log."""
        self._sequencer.expect(upto, now=self.clock.time())
        self._go_on()

    def _advance(self) -> None:
        """Deliver what is next, a slice at a time; neighbours with the same receivers together."""
        if self.ended:
            return
        run: list[LoggedEvent] = []
        followed: tuple[str, ...] = ()
        is_kept = self._followers.has_paused()
        for event in self._sequencer.ready(most=SLICE, characters=self._slice_characters):
            if is_kept:
                self.recent.note(event)
            topics = self._followers.followed(event.topics())
            alone = event.access or event.entity_type in _on_delivered
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
                RESTORES.add(1)
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
        ending = access.ending_topics(coming)
        while True:
            try:
                await access.recheck(self, change, ending=ending)
                break
            except Exception:  # the database is away: deliver nothing that might be forbidden
                logger.exception("rights not checked, delivery waits")
                await self.clock.sleep(RETRY_PAUSE)
        self._sequencer.rights_checked(touching[-1].sequence)
        self._checking = None
        self._advance()

    async def _read_missing(self) -> None:
        while not self.ended and self._sequencer.step() is Step.READ:
            if patience := self._sequencer.patience(now=self.clock.time()):
                await self.clock.sleep(patience)
                continue
            gap = self._sequencer.gap()
            try:
                missing = await in_database(
                    self.log.read, self.organization_id, after=gap.after, upto=gap.upto, limit=PAGE
                )
            except Exception:  # the next head check tries again
                logger.exception("log not read")
                return
            cause = self._sequencer.cause
            repaired = self._sequencer.read(gap, missing, now=self.clock.time())
            GAP_REPAIRS.add(repaired, cause)
            self._advance()

    def _deliver_alone(self, event: LoggedEvent, topics: tuple[str, ...]) -> None:
        self._deliver([event], topics)
        if event.access and (ended := access.ended_topic(event)) is not None:
            # Followers of a deleted entity are about to lose their subscription; deliver the
            # deletion first. It reveals nothing: they could see the entity.
            for subscriber in self.followers(ended):
                access.revoke(self, subscriber, [ended])
        self._tell_followers(event)

    def _tell_followers(self, event: LoggedEvent) -> None:
        for follower in _on_delivered.get(event.entity_type, ()):
            try:
                follower(self, event)
            except Exception:  # a feature's fault must not stop the organization's events
                logger.exception("follower failed", extra={"entity": event.entity_type})

    # -------------------------------------------------------------- delivery

    def _deliver(self, events: list[LoggedEvent], topics: tuple[str, ...]) -> None:
        """Deliver a run of events to whoever follows one of these topics."""
        requesters = self._requesters(events)
        run = encodings.Run(events)
        crowd, besides = self._followers.of_any(topics)
        asked = sum(each in crowd.subscribers or each in besides for each in requesters)
        if others := len(crowd.subscribers) + len(besides) - asked:
            own = {subscriber.outbox for subscriber in requesters}
            for encoding, outboxes in crowd.outboxes().items():
                outboxes.push(run.frames(encoding), own)
            for subscriber in besides:
                if subscriber not in requesters:
                    subscriber.outbox.push(run.frames(subscriber.encoding))
            counts.count_delivered(events, others)
        if requesters:
            self._deliver_to_requesters(run, topics, requesters)
        if others or requesters:
            self.hub.flusher.measure(events)

    def _deliver_to_requesters(
        self,
        run: encodings.Run,
        topics: tuple[str, ...],
        requesters: dict[Subscriber, list[LoggedEvent]],
    ) -> None:
        """Deliver to each its own results, and the others where it follows one of these topics.

        Sixty requests that are committed together are not sixty times sixty deliveries.
        """
        for subscriber, own in requesters.items():
            if subscriber.topics.isdisjoint(topics):
                for event in own:
                    subscriber.answer(event)
            else:
                for at, event in enumerate(run.events):
                    if event.origin == subscriber.id:
                        subscriber.answer(event, subscribed=True, shared=run.messages[at])
                    else:
                        subscriber.outbox.push(run.frames_each(subscriber.encoding)[at])
                        counts.count_delivered([event])
            subscriber.outbox.flush()

    def deliver_ephemeral(self, topic: str, key: str, message: bytes, *, except_user: str) -> None:
        """Pass on what is not kept: only the latest under a key is worth showing (C6)."""
        crowd = self._followers.of(topic)
        own = crowd.of_user(except_user)
        if shown := len(crowd.subscribers) - len(own):
            for encoding, outboxes in crowd.outboxes().items():
                outboxes.push_latest(topic, key, encoding.encode(message), own)
            counts.count_sent(type_of(message, packed=False), shown)
        for subscriber in self._followers.paused_of(topic):
            principal = subscriber.principal
            if principal is not None and principal.user_id != except_user:
                subscriber.missed_ephemerals[key] = (topic, message)

    def _show_missed_ephemerals(self, subscriber: Subscriber) -> None:
        """Show the last of what was shown while the subscriber was paused."""
        for key, (topic, message) in subscriber.missed_ephemerals.items():
            if topic in subscriber.topics:
                subscriber.outbox.push_latest(topic, key, subscriber.encoding.encode(message))
        subscriber.missed_ephemerals.clear()

    def _requesters(self, events: list[LoggedEvent]) -> dict[Subscriber, list[LoggedEvent]]:
        """The connections that asked for these, if they are here and are delivered to now."""
        found: dict[Subscriber, list[LoggedEvent]] = {}
        for event in events:
            subscriber = self.subscribers.get(event.origin) if event.origin else None
            if subscriber is not None and not subscriber.paused:
                found.setdefault(subscriber, []).append(event)
        return found

    def end(self) -> None:
        self.ended = True
        for task in (self._checking, self._reading, *self._laggards):
            if task is not None:
                task.cancel()
