"""A subscriber that is delivered nothing for a while, and what follows then from the log.

Three things pause one: a feature that sends from an exact point (`Feed.paused`), a queue that is
half full, a token that has ended. They end alike, so that nothing is lost and nothing is repeated.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from sync.delivery.recent import SharedEvent
from sync.delivery.sequencer import GAP_PATIENCE
from sync.delivery.subscriber import CoveredRange, Subscriber

if TYPE_CHECKING:
    from sync.delivery.feed import Feed

logger = logging.getLogger("bos.sync")

PAGE = 100
"""So many missing events are read from the log at once."""
FEW = 16
"""So many that are still in memory are delivered between two looks of the loop at everybody else's
messages: it takes some 0.03 ms, and no turn."""
RETRY_PAUSE = 0.5
"""Seconds, where the database does not answer."""


class Pause:
    """A pause, as those that asked for it know it."""

    def __init__(self, subscriber: Subscriber) -> None:
        self._subscriber = subscriber

    def covers(self, topics: Iterable[str], upto: int) -> None:
        """Events on these topics up to this sequence have been sent: they do not follow again.

        The answers to this client's own requests do: they are no repetition of what a sync shows.
        """
        self._subscriber.covered += (CoveredRange(frozenset(topics), upto),)


async def catch_up(feed: Feed, subscriber: Subscriber) -> None:
    """Deliver from the log what the subscriber has not got, then let it have what comes.

    Called with `subscriber.pausing` taken. Stops where the token ends meanwhile: the next AUTH
    calls again.
    """
    syncs = feed.hub.syncs
    while subscriber.paused and subscriber.live:
        covered = max((covered.upto for covered in subscriber.covered), default=0)
        if covered > feed.last:
            # The sync has read what has not arrived here yet: it must not be sent once more.
            feed.expect(covered)
            await feed.clock.sleep(GAP_PATIENCE)
            continue
        if subscriber.position >= feed.last:
            feed.resume(subscriber)
            return
        if subscriber.outbox.is_filling():
            await subscriber.drained()
        if recent := feed.recent.after(subscriber.position, limit=FEW):
            _deliver(subscriber, recent)
            # Where the client takes it at once, the loop looks at the others, too.
            await asyncio.sleep(0)
        else:
            try:
                events = await syncs.tails.read(feed, after=subscriber.position)
            except Exception:
                logger.exception("log not read")
                await feed.clock.sleep(RETRY_PAUSE)
                continue
            if not events or events[0].sequence != subscriber.position + 1:
                subscriber.too_slow()  # what it has not got is no longer kept
                return
            async with syncs.sending.turn(feed.organization_id):
                _deliver(subscriber, events)
                await asyncio.sleep(0)  # in the turn: see `sync.gateway.replay`
        await subscriber.drained()


def _deliver(subscriber: Subscriber, events: Sequence[SharedEvent]) -> None:
    """As far as its queue has room and its token holds."""
    for shared in events:
        if not subscriber.live:
            return
        subscriber.deliver(shared)
        subscriber.position = shared.sequence
        if subscriber.outbox.is_filling():
            return
