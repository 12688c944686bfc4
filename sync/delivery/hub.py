"""One hub a process: joins each organization's group once and fans out in memory."""

from __future__ import annotations

import asyncio
import logging
import random
import sys
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import Any

from channels.layers import get_channel_layer

from sync import garbage, metrics
from sync.conf import sync_settings
from sync.delivery.bus import Ephemeral, bus, group_name
from sync.delivery.clock import LoopTime, TimeSource
from sync.delivery.deadlines import Deadlines
from sync.delivery.feed import Feed
from sync.delivery.flusher import Flusher
from sync.delivery.leases import in_slices
from sync.delivery.pause import RETRY_PAUSE
from sync.delivery.principals import PrincipalLoader
from sync.delivery.shared_state.memory import MemoryState
from sync.delivery.shared_state.port import RENEW_SECONDS, SharedState
from sync.delivery.shared_state.redis import RedisState
from sync.delivery.sharing import SharedSyncs
from sync.delivery.subscriber import Subscriber
from sync.delivery.turns import Turns
from sync.eventlog import log as database_log
from sync.eventlog.log import Head, LoggedEvent
from sync.eventlog.port import Log
from sync.eventlog.retention import PAUSE_SECONDS, prune_some
from sync.eventlog.threads import READINGS, READINGS_OF_ONE, in_database
from sync.eventlog.writer import writer
from sync.protocol.close_codes import CloseCode

logger = logging.getLogger("bos.sync")

Companion = Callable[["Hub"], Coroutine[None, None, None]]
Renewer = Callable[["Hub", Sequence[Subscriber]], Awaitable[bool]]
Watcher = Callable[[Ephemeral], None]
Leaver = Callable[["Hub", Subscriber], Awaitable[None]]
# What features do in every process: run beside the hub, keep what connections lease, look at what
# is shown, clean up after a connection (`sync.feature`).
_companions: list[Companion] = []
_renewers: list[Renewer] = []
_watchers: list[Watcher] = []
_leavers: list[Leaver] = []
add_companion = _companions.append
add_renewer = _renewers.append
add_watcher = _watchers.append
add_leaver = _leavers.append

JOIN_TIMEOUT = 1.0
# All leases of a process are told within so many of the RENEW_SECONDS, a slice at a time; within so
# few where Redis may have lost them. Both leave of a lease what a Redis that is away may take.
SPREAD_SECONDS = 10.0
SPREAD_SECONDS_AGAIN = 2.0
# A feed without connections is kept for a while: people reconnect.
FEED_LINGER = 60.0


class Hub:
    """All connections of this process, and the feeds of their organizations."""

    def __init__(self, *, log: Log = database_log, clock: TimeSource | None = None) -> None:
        settings = sync_settings()
        loop = asyncio.get_running_loop()
        self.log = log
        self.clock = clock or LoopTime()
        self.subscribers: dict[str, Subscriber] = {}
        """Those of all organizations, and those that have not signed in; by id."""
        self.readings = Turns(READINGS, of_one=READINGS_OF_ONE)
        """Taken by what reads much."""
        self.syncs = SharedSyncs(log, self.clock, self.readings)
        self.state: SharedState = (
            RedisState(settings.redis_urls) if settings.redis_urls else MemoryState()
        )
        self.principals = PrincipalLoader()
        self.flusher = Flusher(loop, settings.coalesce, more_comes=writer.busy)
        self.deadlines = Deadlines(loop)
        self._feeds: dict[str, asyncio.Task[Feed]] = {}
        self._deserted: dict[str, float] = {}
        self._joined: set[str] = set()
        self._passing: set[asyncio.Task[None]] = set()
        self._layer: Any = get_channel_layer()
        self._channel: str | None = None
        self.level_at = time.monotonic()
        """When every feed was last seen to have all that the log has."""
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Take what this process commits, and run what runs beside."""
        loop = asyncio.get_running_loop()
        self._tasks = [
            loop.create_task(self._receive(), name="hub-receive"),
            loop.create_task(self._check_heads(), name="hub-heads"),
            loop.create_task(self._renew_leases(), name="hub-leases"),
            loop.create_task(self._prune(), name="hub-prune"),
            *(loop.create_task(companion(self)) for companion in _companions),
        ]
        bus.attach(self)

    # -------------------------------------------------------------- feeds

    async def feed(self, organization_id: str) -> Feed:
        """The organization's feed; everything committed from now on will be delivered by it."""
        opening = self._feeds.get(organization_id)
        if opening is None or (opening.done() and not _is_open(opening)):
            opening = asyncio.ensure_future(self._open(organization_id))
            self._feeds[organization_id] = opening
        self._deserted.pop(organization_id, None)
        return opening.result() if opening.done() else await asyncio.shield(opening)

    async def _open(self, organization_id: str) -> Feed:
        # First the group, then the head: what is committed in between arrives early and waits.
        await self._join(organization_id)
        return Feed(organization_id, self, await in_database(self.log.head, organization_id))

    async def _join(self, organization_id: str) -> None:
        if self._layer is None or organization_id in self._joined:
            return
        try:
            async with asyncio.timeout(JOIN_TIMEOUT):
                if self._channel is None:
                    self._channel = await self._layer.new_channel()
                await self._layer.group_add(group_name(organization_id), self._channel)
        except Exception as error:  # Redis is away: the head check delivers, and joins later
            logger.warning("group not joined", extra={"error": type(error).__name__})
        else:
            self._joined.add(organization_id)

    def ready_feeds(self) -> list[Feed]:
        # Asked by other threads, too.
        return [task.result() for task in list(self._feeds.values()) if _is_open(task)]

    def ingest(self, organization_id: str, events: Sequence[LoggedEvent]) -> None:
        task = self._feeds.get(organization_id)
        if task is None:
            return
        if not task.done():
            # Opening: it may have read the head just before. Whatever comes twice is dropped.
            task.add_done_callback(lambda _: self.ingest(organization_id, events))
        elif _is_open(task):
            task.result().ingest(events)

    def deliver_ephemeral(self, organization_id: str, shown: Ephemeral) -> None:
        """Deliver an ephemeral to those who follow its topic here."""
        for watch in _watchers:
            watch(shown)
        task = self._feeds.get(organization_id)
        if task is not None and _is_open(task):
            task.result().deliver_ephemeral(
                shown.topic, shown.key, shown.message.encode(), except_user=shown.user_id
            )

    # -------------------------------------------------------------- background

    async def _receive(self) -> None:
        """Events that other processes publish."""
        while self._layer is not None:
            if self._channel is None:
                await asyncio.sleep(0.05)
                continue
            try:
                message = await self._layer.receive(self._channel)
                if events := bus.received(message):
                    self.ingest(events[0].organization_id, events)
                for shown in bus.received_ephemerals(message):
                    self.deliver_ephemeral(shown.organization_id, shown)
            except Exception:
                logger.exception("group message not read")
                await asyncio.sleep(1)

    async def _check_heads(self) -> None:
        """Compare with the log: repairs lost messages, killed publishers, a Redis that is away."""
        while True:
            await self.clock.sleep(sync_settings().head_check)
            try:
                await self.check_heads()
            except Exception:
                logger.exception("heads not compared")

    async def check_heads(self) -> None:
        """Compare once, with one query for all."""
        self._close_deserted()
        self.syncs.forget()
        feeds = self.ready_feeds()
        for feed in feeds:
            if feed.organization_id not in self._joined:
                await self._join(feed.organization_id)
        if feeds:
            known = {feed.organization_id: feed.known for feed in feeds}
            heads = await in_database(self.log.heads, list(known))
            behind = False
            for feed in feeds:
                head = heads.get(feed.organization_id, Head())
                behind |= feed.last < head.sequence
                feed.check(head, known=known[feed.organization_id])
            if behind:
                return
        self.level_at = time.monotonic()

    def start_over(self, feed: Feed) -> None:
        """Begin anew with an organization's log that was put back to before what was delivered."""
        self._keep(self._start_over(feed))

    async def _start_over(self, feed: Feed) -> None:
        id_ = feed.organization_id
        logger.error(
            "log was put back, its clients start anew",
            extra={"organization": id_, "delivered": feed.last},
        )
        while True:
            try:
                await in_database(
                    self.log.start_over, id_, seen=feed.last, seen_at_us=feed.last_at_us
                )
                break
            except Exception:  # the database is away: nothing is delivered meanwhile
                logger.exception("log not continued")
                await self.clock.sleep(RETRY_PAUSE)
        self._drop(feed)
        for subscriber in list(feed.subscribers.values()):
            subscriber.close(CloseCode.SERVER_RESTART)

    def _drop(self, feed: Feed) -> None:
        self._feeds.pop(feed.organization_id, None)
        self._deserted.pop(feed.organization_id, None)
        feed.end()

    def _keep(self, work: Coroutine[Any, Any, None]) -> None:
        """Keep a task until it has ended; the loop itself would not."""
        task = asyncio.ensure_future(work)
        self._passing.add(task)
        task.add_done_callback(self._passing.discard)

    def _close_deserted(self) -> None:
        now = asyncio.get_running_loop().time()
        for feed in self.ready_feeds():
            if feed.subscribers:
                self._deserted.pop(feed.organization_id, None)
            elif now - self._deserted.setdefault(feed.organization_id, now) > FEED_LINGER:
                self._drop(feed)
                self._keep(self._leave(feed.organization_id))

    async def _leave(self, organization_id: str) -> None:
        if organization_id not in self._joined or organization_id in self._feeds:
            return
        self._joined.discard(organization_id)
        try:
            async with asyncio.timeout(JOIN_TIMEOUT):
                await self._layer.group_discard(group_name(organization_id), self._channel)
        except Exception as error:  # at worst, messages come that nobody here needs
            logger.warning("group not left", extra={"error": type(error).__name__})

    async def _renew_leases(self) -> None:
        """Keep what is leased for the connections, all of them once in RENEW_SECONDS."""
        over = SPREAD_SECONDS
        while True:
            began = self.clock.time()
            try:
                await in_slices(
                    list(self.subscribers.values()), self._renew, over=over, clock=self.clock
                )
            except Exception:
                logger.exception("leases not renewed")
            rest = began + RENEW_SECONDS - self.clock.time()
            soon = await self.state.renewal_due(max(0.0, rest))
            over = SPREAD_SECONDS_AGAIN if soon else SPREAD_SECONDS

    async def _renew(self, subscribers: Sequence[Subscriber]) -> bool:
        # Some have gone since the round began.
        there = [s for s in subscribers if s.principal is not None and s.id in self.subscribers]
        # Together: what they tell Redis goes out in one round trip.
        kept = [renew(self, there) for renew in _renewers]
        return all(await asyncio.gather(self._renew_slots(there), *kept))

    async def _renew_slots(self, subscribers: Sequence[Subscriber]) -> bool:
        # Looked at right before they are told: what ends after that is told after that, too.
        slots = [
            (s.principal.user_id, s.id)
            for s in subscribers
            if s.principal is not None and s.id in self.subscribers
        ]
        return await self.state.renew_slots(slots)

    async def _prune(self) -> None:
        while True:
            # At another time in each process: they were all started together.
            await asyncio.sleep(PAUSE_SECONDS * random.uniform(0.5, 1.5))  # noqa: S311 -- no secret
            try:
                more = True
                while more:
                    # Nobody's own. It takes seconds: a thread stays for what is quick.
                    async with self.readings.turn(""):
                        more = await in_database(prune_some)
            except Exception:
                logger.exception("nothing pruned")

    # -------------------------------------------------------------- connections

    def add(self, subscriber: Subscriber) -> None:
        self.subscribers[subscriber.id] = subscriber

    async def remove(self, subscriber: Subscriber) -> None:
        self.subscribers.pop(subscriber.id, None)
        if subscriber.feed is not None:
            subscriber.feed.remove(subscriber)
        # Together: what they tell Redis goes out in one round trip.
        ends = [leave(self, subscriber) for leave in _leavers]
        if subscriber.principal is not None:
            ends.append(self.state.free_slot(subscriber.principal.user_id, subscriber.id))
        for outcome in await asyncio.gather(*ends, return_exceptions=True):
            if isinstance(outcome, Exception):  # what is not cleaned up expires by itself
                logger.error("connection not cleaned up", exc_info=outcome)

    def end(self) -> None:
        for task in self._tasks:
            task.cancel()


def _is_open(opening: asyncio.Task[Feed]) -> bool:
    return opening.done() and not opening.cancelled() and opening.exception() is None


_hubs: dict[asyncio.AbstractEventLoop, Hub] = {}


def all_subscribers() -> list[Subscriber]:
    """Return those of all loops of this process. Thread-safe."""
    return [each for hub in list(_hubs.values()) for each in list(hub.subscribers.values())]


def _feeds() -> list[Feed]:
    return [feed for hub in list(_hubs.values()) for feed in hub.ready_feeds()]


@metrics.gauge("bos_queue_bytes", "Bytes that wait for clients, in our queues and the transport's.")
def _queued() -> float:
    return sum(subscriber.outbox.unread() for subscriber in all_subscribers())


@metrics.gauge(
    "bos_lagging_connections",
    "Connections with half of their queue full: they get events from the log, at their own pace.",
)
def _lagging() -> float:
    return sum(feed.lagging for feed in _feeds())


@metrics.gauge(
    "bos_leases",
    "What this process keeps alive in the shared state, by `kind`: `connection` (a user's place"
    " among their connections), `room` (where it takes part).",
    "kind",
)
def _leases() -> Mapping[str, float]:
    signed_in = [each for each in all_subscribers() if each.principal is not None]
    taking_part = sum(len(each.rooms) for each in signed_in)
    return {"connection": len(signed_in), "room": taking_part}


@metrics.gauge(
    "bos_redis_away",
    "Whether Redis did not answer a process when it was last asked: 1.",
    over="max",
)
def _redis_away() -> float:
    return float(any(hub.state.away for hub in list(_hubs.values())))


@metrics.gauge(
    "bos_delivery_behind_seconds",
    "How long ago a process had last delivered all that the log has; about 1 where all is well.",
    over="max",
)
def _behind() -> float:
    return bus.seconds_behind()


def _settle_process() -> None:
    """Keep what is loaded out of garbage collection, and give commits their turn.

    The switch interval is how long the thread that commits waits for the event loop after each
    statement; at the default 5 ms a commit takes tens of milliseconds beside a busy loop.
    """
    garbage.keep_what_is_loaded()
    garbage.relax_gc()  # manage.py does; Daphne has not
    sys.setswitchinterval(0.0005)


def hub() -> Hub:
    """The hub of the running event loop; a server has one loop a process."""
    loop = asyncio.get_running_loop()
    found = _hubs.get(loop)
    if found is None:
        for other in [other for other in _hubs if other.is_closed()]:
            del _hubs[other]
        if not _hubs:
            _settle_process()
        found = _hubs[loop] = Hub()
        found.start()
    return found
