"""Pictures: what some topics show at one moment, read and packed once for all who ask (V4).

What a topic shows is the same for each user who may follow it (`sync.protocol.topics.Snapshot` is
not told who asks), so a picture is of topics and of nobody. Who may follow them is asked for each
client, before a picture is sent and on the way.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import count
from typing import TYPE_CHECKING

import msgspec

from sync.conf import sync_settings
from sync.delivery.clock import TimeSource
from sync.delivery.encodings import Encoding
from sync.delivery.packing import Pack, Part, cut, most_of_a_pack
from sync.delivery.turns import Turns
from sync.eventlog.log import Head
from sync.eventlog.port import Log
from sync.eventlog.threads import READINGS, READINGS_OF_ONE, in_database, reading
from sync.protocol import codecs, topics
from sync.protocol.envelope import encode
from sync.protocol.identity import SYSTEM
from sync.protocol.messages import SyncUpdate
from sync.protocol.times import wire_now
from sync.protocol.topics import SnapshotEntity

if TYPE_CHECKING:
    from sync.delivery.pages import Stretch

KEPT_BYTES = 128 * 2**20
"""Of a process: a picture of 10,000 KPIs has 5 MB. What is read beyond waits for a place; there are
at most as many of those as are read at once."""
LINGER = 2.0
"""Seconds for which one is kept that no client is in."""


class Picture:
    """A snapshot, packed in parts that are sent one after the other."""

    def __init__(self, head: Head, parts: list[Part], *, number: int, size: int) -> None:
        self.head = head
        """The log's, as it was at the same moment."""
        self._parts = parts
        self.length = len(parts)
        self.number = number
        """How many messages it has."""
        self.size = size
        """Bytes of them."""
        self.entity_types: frozenset[str] = frozenset()
        """Of what it shows."""
        self.began = 0
        """Shows all that was committed before anybody's asking with a lower number."""
        self.read_at = self.used_at = 0.0
        self.users = 0
        """So many clients are in it."""
        self.is_withdrawn = False

    def withdraw(self) -> None:
        """Send no more of it, and keep none of it."""
        self.is_withdrawn = True
        self._parts.clear()

    def part(self, place: int) -> Part | None:
        """Return one of its `length` parts; None where it is withdrawn."""
        return None if self.is_withdrawn else self._parts[place]


class _Place:
    def __init__(self) -> None:
        self.reading = asyncio.Lock()
        self.picture: Picture | None = None
        self.users = 0


class Pictures:
    """Those of a process."""

    def __init__(self, log: Log, clock: TimeSource, readings: Turns) -> None:
        self._log = log
        self._clock = clock
        self._readings = readings
        self._places: dict[Stretch, _Place] = {}
        self._kept: dict[Picture, None] = {}
        """In the order in which they got their places."""
        self.size = 0
        """Bytes of all that are kept."""
        self._unplaced = Turns(READINGS, of_one=READINGS_OF_ONE)
        """Taken from before one is read until it has a place."""
        self._freed = asyncio.Event()
        self._asked = count(1)

    def __len__(self) -> int:
        return len(self._kept)

    @asynccontextmanager
    async def entered(self, stretch: Stretch) -> AsyncIterator[Picture]:
        """Keep a picture for this block that shows all that is committed by now.

        Waits until there is room for it: until others have been left, or taken for too long.
        """
        picture = await self._enter(stretch)
        try:
            yield picture
        finally:
            self._leave(picture)

    @asynccontextmanager
    async def beside(self, picture: Picture, stretch: Stretch) -> AsyncIterator[Picture | None]:
        """Show what other topics show at the moment of this picture, without what it shows.

        Topics that hardly two users ask for: it is not kept after the block. None where it is not
        known: something of them has changed since, or an entity may be in both. None, too, where
        there is no room: a client that is in a picture waits for no other one.
        """
        async with self._readings.turn(stretch.feed.organization_id):
            own = await in_database(_picture_beside, self._log, picture, stretch)
        if own is None or not self._make_room(own.size):
            yield None
            return
        self._keep(own)
        own.users += 1
        try:
            yield own
        finally:
            self._leave(own)
            if own in self._kept:
                self._drop(own)

    def _leave(self, picture: Picture) -> None:
        picture.users -= 1
        picture.used_at = self._clock.time()
        if not picture.users:
            self._freed.set()

    async def _enter(self, stretch: Stretch) -> Picture:
        """One that was read before serves as long as the log has not gone on."""
        asked = next(self._asked)
        place = self._places.setdefault(stretch, _Place())
        place.users += 1
        try:
            async with place.reading:
                picture = place.picture
                if picture is None or not await self._shows_all(stretch, picture, asked):
                    picture = place.picture = await self._read(stretch)
                picture.users += 1
                return picture
        finally:
            place.users -= 1

    async def _shows_all(self, stretch: Stretch, picture: Picture, asked: int) -> bool:
        if picture.began < asked:
            began = next(self._asked)
            head = await in_database(self._log.head, stretch.feed.organization_id)
            if head.sequence != picture.head.sequence:
                return False
            picture.began = began  # it need not be asked for those who have waited meanwhile
        return not picture.is_withdrawn

    async def _read(self, stretch: Stretch) -> Picture:
        organization_id = stretch.feed.organization_id
        async with self._unplaced.turn(organization_id):
            async with self._readings.turn(organization_id):
                began = next(self._asked)
                picture = await in_database(_picture_of, self._log, stretch)
            picture.began = began
            while not self._make_room(picture.size):
                await self._wait_for_room()
            self._keep(picture)
        return picture

    def _keep(self, picture: Picture) -> None:
        picture.read_at = picture.used_at = self._clock.time()
        self._kept[picture] = None
        self.size += picture.size

    def _make_room(self, size: int) -> bool:
        """Drop what nobody is in, then withdraw what is old from those who are still in it; whether
        there is room for so many bytes then. A picture larger than all may be has to be alone.

        They take it slower than a client that is not closed for slowness takes its queue.
        """
        old = self._clock.time() - sync_settings().slow_patience
        by_use: tuple[Callable[[Picture], bool], ...] = (
            lambda picture: not picture.users,
            lambda picture: picture.read_at <= old,
        )
        for may_go in by_use:
            if self.size + size <= KEPT_BYTES:
                return True
            for picture in [each for each in self._kept if may_go(each)]:
                self._drop(picture)
                if self.size + size <= KEPT_BYTES:
                    return True
        return not self._kept

    async def _wait_for_room(self) -> None:
        """Wait until one of the pictures is left, or the first of them is old."""
        self._freed.clear()
        first_old = next(iter(self._kept)).read_at + sync_settings().slow_patience
        pause = max(0.0, first_old - self._clock.time())
        waits = [
            asyncio.ensure_future(self._freed.wait()),
            asyncio.ensure_future(self._clock.sleep(pause)),
        ]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    def _drop(self, picture: Picture) -> None:
        del self._kept[picture]
        self.size -= picture.size
        picture.withdraw()

    def forget(self) -> None:
        """Drop what no client is in, and has not been for a while."""
        before = self._clock.time() - LINGER
        for picture in [each for each in self._kept if not each.users]:
            if picture.used_at <= before:
                self._drop(picture)
        for stretch, place in list(self._places.items()):
            if not place.users and (place.picture is None or place.picture.is_withdrawn):
                del self._places[stretch]


def _picture_of(log: Log, stretch: Stretch) -> Picture:
    organization_id = stretch.feed.organization_id
    with reading():
        head = log.head(organization_id)
        shown = topics.snapshot(organization_id, stretch.topics)
    return _drawn(head, shown, stretch.encoding)


def _picture_beside(log: Log, picture: Picture, stretch: Stretch) -> Picture | None:
    organization_id, seen = stretch.feed.organization_id, picture.head.sequence
    with reading():
        now = log.head(organization_id).sequence
        if now != seen and log.count_topics(organization_id, stretch.topics, after=seen, upto=now):
            return None
        shown = topics.snapshot(organization_id, stretch.topics)
    if any(entity.entity_type in picture.entity_types for entity in shown):
        return None  # it may be in both
    return _drawn(picture.head, shown, stretch.encoding)


def _drawn(head: Head, shown: list[SnapshotEntity], encoding: Encoding) -> Picture:
    at = wire_now()
    messages = [_message(entity, head.sequence, at) for entity in shown]
    parts = [
        Pack(encoding, messages[each], ["SYNC_UPDATE"] * (each.stop - each.start)).whole
        for each in cut(map(len, messages), most_of_a_pack())
    ]
    picture = Picture(head, parts, number=len(messages), size=sum(map(len, messages)))
    picture.entity_types = frozenset(entity.entity_type for entity in shown)
    return picture


def _message(entity: SnapshotEntity, sequence: int, at: str) -> bytes:
    payload = SyncUpdate(
        entity.entity_type,
        entity.entity_id,
        "snapshot",
        msgspec.Raw(codecs.to_json(entity.data)),
        SYSTEM.user_id,
        sequence,
    )
    return encode("SYNC_UPDATE", codecs.to_json(payload), timestamp=at)
