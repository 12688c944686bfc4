"""A subscriber that is delivered nothing for a while, and what follows then from the log.

Three things pause one: a feature that sends from an exact point (`Feed.paused`), a queue that is
half full, a token that has ended. They end alike, so that nothing is lost and nothing is repeated.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING

from sync.delivery.sequencer import GAP_PATIENCE
from sync.delivery.subscriber import CoveredRange, Subscriber
from sync.eventlog.log import LoggedEvent
from sync.eventlog.threads import in_database

if TYPE_CHECKING:
    from sync.delivery.feed import Feed

logger = logging.getLogger("bos.sync")

PAGE = 100
"""So many events are read from the log at once."""
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
        try:
            events = feed.recent.after(subscriber.position, limit=PAGE) or await in_database(
                feed.log.read,
                feed.organization_id,
                after=subscriber.position,
                upto=feed.last,
                limit=PAGE,
            )
        except Exception:
            logger.exception("log not read")
            await feed.clock.sleep(RETRY_PAUSE)
            continue
        if not events or events[0].sequence != subscriber.position + 1:
            subscriber.too_slow()  # what it has not got is no longer kept
            return
        await _deliver(subscriber, events)
        await subscriber.drained()


async def _deliver(subscriber: Subscriber, events: list[LoggedEvent]) -> None:
    """At its pace, and as far as its token holds: a page may be more than the queue."""
    for event in events:
        if subscriber.outbox.is_filling():
            await subscriber.drained()
        if not subscriber.live:
            return
        subscriber.deliver(event)
        subscriber.position = event.sequence
