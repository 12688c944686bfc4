"""The end of a log as it was delivered, read again once for all who were paused meanwhile.

While a client syncs, live events wait in the log (`sync.delivery.pause`); a thousand clients that
sync at the same time wait for the same ones.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sync.delivery.clock import TimeSource
from sync.delivery.kept import Kept
from sync.delivery.recent import SharedEvent
from sync.delivery.turns import Turns
from sync.eventlog.log import LoggedEvent
from sync.eventlog.port import Log
from sync.eventlog.threads import in_database

if TYPE_CHECKING:
    from sync.delivery.feed import Feed

BLOCK = 128
"""So many events are read at once; a block begins after a multiple of it."""
KEPT_BYTES = 16 * 2**20
"""Of a process, as `_bytes_of` estimates them: some 6,000 events."""
LINGER = 5.0
"""Seconds for which a block is kept after the last client that it was read for."""
LONGEST = 10.0
"""Seconds for which a block is kept whoever asks for it: as a page of `sync.delivery.pages`."""


class _Block:
    """Events without a gap from one on, as far as they were asked for."""

    def __init__(self, feed: Feed, number: int) -> None:
        self.key = feed, number
        self.reading = asyncio.Lock()
        self.events: list[SharedEvent] = []
        self.upto = number * BLOCK

    def following(self, after: int) -> Sequence[SharedEvent]:
        if not self.events:
            return ()
        return self.events[max(0, after + 1 - self.events[0].sequence) :]


class Tails:
    """Those of a process."""

    def __init__(self, log: Log, clock: TimeSource, readings: Turns) -> None:
        self._log = log
        self._readings = readings
        self._blocks: dict[tuple[Feed, int], _Block] = {}
        self.kept: Kept[_Block] = Kept(
            clock, most=KEPT_BYTES, linger=LINGER, longest=LONGEST, dropped=self._dropped
        )

    async def read(self, feed: Feed, *, after: int) -> Sequence[SharedEvent]:
        """Return some events after `after` in order, without a gap between them.

        There are some up to `feed.last`. Where history was pruned, none or not the next one.
        """
        key = feed, after // BLOCK
        block = self._blocks.get(key)
        if block is None:
            block = self._blocks[key] = _Block(*key)
            self.kept.put(block, 0)
        upto = min(feed.last, (key[1] + 1) * BLOCK)
        if block.upto < upto:
            async with block.reading:
                if block.upto < upto:  # nobody else has waited for the same
                    await self._extend(block, feed, upto)
        self.kept.use(block)
        return block.following(after)

    async def _extend(self, block: _Block, feed: Feed, upto: int) -> None:
        async with self._readings.turn(feed.organization_id):
            events = await in_database(
                self._log.read, feed.organization_id, after=block.upto, upto=upto, limit=BLOCK
            )
        if not events or events[0].sequence != block.upto + 1:
            block.events.clear()  # pruned: what follows is not next to what was before
        block.events += map(SharedEvent, events)
        block.upto = upto
        if self._blocks.get(block.key) is block:
            self.kept.put(block, sum(_bytes_of(shared.event) for shared in block.events))

    def _dropped(self, block: _Block) -> None:
        del self._blocks[block.key]

    def forget(self) -> None:
        """Drop what nobody has asked for lately."""
        self.kept.forget()


def _bytes_of(event: LoggedEvent) -> int:
    """Its text, the frames with the same text, and what is in it besides."""
    return 2 * (len(event.data) + len(event.live)) + 1000
