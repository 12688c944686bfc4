"""SYNC_REQUEST: what a client missed, or all that its channels show (decision V4).

While it runs, live events wait; afterwards they follow without being repeated.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING

import msgspec
from msgspec import UNSET

from sync import metrics
from sync.delivery import counts, encodings
from sync.delivery.feed import Feed
from sync.delivery.packing import Pack, Part, most_of_a_pack
from sync.delivery.pages import PAGE_EVENTS, Page, Stretch
from sync.delivery.pictures import Picture
from sync.eventlog import log
from sync.eventlog.log import LoggedEvent
from sync.protocol.errors import InvalidChannel, SyncErrorCode, SyncRefused, Unauthorized
from sync.protocol.identity import Principal
from sync.protocol.messages import SyncComplete, SyncError, SyncRequest, SyncStart
from sync.protocol.times import EPOCH, parse_cursor, wire_cursor, wire_time, wire_time_us
from sync.protocol.topics import Topic

if TYPE_CHECKING:
    from sync.gateway.dispatcher import Context

Permitted = Callable[[Principal, Collection[Topic]], Awaitable[set[Topic]]]


# Of a sync: a thousand take about 50 ms to be read, rendered and written.
MESSAGES_A_UNIT = 20


SYNCS = metrics.histogram(
    "bos_sync_messages",
    "Messages of a sync that was served whole, by `kind`: `replay` (what was missed) or"
    " `snapshot`.",
    "kind",
    bounds=(0, 1, 10, 100, 1_000, 10_000, 100_000),
)


class Ended(Exception):
    """The connection ends: there is nobody to read the log for."""


async def serve_sync(context: Context, request: SyncRequest, permitted: Permitted) -> None:
    """Send the sync whole; or a SYNC_ERROR, and then none of it where that was known before.

    Raises TokenExpired where the token ends meanwhile: nothing goes out after that.
    """
    try:
        async with context.feed.paused(context.subscriber) as pause:
            replay = _Replay(context, _topics(request), permitted)
            if request.last_sequence is None and request.last_sync_timestamp is None:
                upto = await replay.send_snapshot()
            else:
                upto = await replay.send_missed(request)
            pause.covers(replay.names, upto)
    except Ended:
        return
    except SyncRefused as refused:
        details = refused.details or UNSET
        context.subscriber.send(
            SyncError(refused.code, refused.message, details), context.request_id
        )


def _topics(request: SyncRequest) -> list[Topic]:
    try:
        return list(dict.fromkeys(Topic.parse(name) for name in request.channels))
    except InvalidChannel as error:
        raise SyncRefused(SyncErrorCode.INVALID_CHANNEL, error.message, **error.details) from None


class _Replay:
    def __init__(self, context: Context, wanted: list[Topic], permitted: Permitted) -> None:
        self._context = context
        self._subscriber = context.subscriber
        self._feed: Feed = context.feed
        self._log = context.hub.log
        self._shared = context.hub.syncs
        self._permitted = permitted
        self._organization_id = context.principal.organization_id
        self._request_id = context.request_id
        self._topics = wanted
        own = frozenset(wanted) & {Topic("user", context.principal.user_id)}
        self._own = own if len(wanted) > 1 else frozenset()
        """The topic that no other user asks for, where they ask for it beside others: read with
        them, it would keep them from being shared."""
        self._epoch = -1

    @property
    def names(self) -> frozenset[str]:
        return frozenset(str(topic) for topic in self._topics)

    def _stretch(self, topics: frozenset[Topic]) -> Stretch:
        return Stretch(self._feed, topics, self._subscriber.encoding)

    async def send_missed(self, request: SyncRequest) -> int:
        """One SYNC_UPDATE or SYNC_DELETE for each missed event; the sequence they go up to."""
        await self._authorize()
        wanted = frozenset(self._topics)
        cursor = (request.last_sequence, request.last_sync_timestamp)
        start: _Start = await self._shared.starts.read(
            (self._feed, wanted, cursor), lambda: self._context.read(self._start, request)
        )
        await self._authorize()
        await self._pay(start.count)
        self._begin(start.count, start.from_timestamp)
        stretch = self._stretch(wanted if start.own is None else wanted - self._own)
        after, sent = start.after, 0
        while sent < start.count and after < start.head.sequence:
            await self._has_room()  # what the client has not taken is not read from the log yet
            page = await self._shared.pages.page(
                stretch, after=after, upto=start.head.sequence, is_first=after == start.after
            )
            sent += await self._send(partial(self._parts, page, start, after))
            after = page.end
        if sent < start.count:
            raise log.history_expired()  # it was pruned meanwhile
        self._complete(start.count, start.head, "replay")
        return start.head.sequence

    def _parts(self, page: Page, start: _Start, after: int) -> Iterator[Part]:
        """Yield what the page has after `after`, with the user's own events in their places."""
        upto = start.head.sequence
        for event in start.own or ():
            if after < event.sequence <= page.end and not page.has(event.sequence):
                yield page.part(after=after, upto=event.sequence)
                message, type_ = encodings.sync_message(event), encodings.sync_type(event)
                yield Pack(self._subscriber.encoding, [message], [type_]).whole
                after = event.sequence
        yield page.part(after=after, upto=upto)

    async def _authorize(self) -> None:
        """Raises SyncRefused where one of the topics may not be followed now.

        Asked before anything else, and again after what was read: of what that shows, rights may
        have been withdrawn between the two.
        """
        self._epoch = -1
        await self._still_authorized()

    async def _still_authorized(self) -> None:
        """The same, where rights have changed since it was asked."""
        while self._epoch != self._feed.access_epoch:
            self._epoch = self._feed.access_epoch
            allowed = await self._permitted(self._context.principal, self._topics)
            for topic in self._topics:
                if topic not in allowed:
                    raise SyncRefused(
                        SyncErrorCode.UNAUTHORIZED, Unauthorized().message, channel=str(topic)
                    )

    def _start(self, request: SyncRequest) -> _Start:
        head = self._log.head(self._organization_id)
        if request.last_sequence is not None:
            after = request.last_sequence
            from_timestamp = self._time_of(after)
        else:
            assert request.last_sync_timestamp is not None
            after, from_timestamp = self._resume_from(request.last_sync_timestamp, head)
        if after > head.sequence:
            raise SyncRefused(
                SyncErrorCode.SYNC_TIMESTAMP_IN_FUTURE, "lastSequence is in the future"
            )
        if after < head.pruned_sequence:
            raise log.history_expired()
        between = {"after": after, "upto": head.sequence}
        count = self._log.count_topics(self._organization_id, self._topics, **between)
        own: list[LoggedEvent] | None = []
        if self._own and count:
            own = self._log.read_topics(
                self._organization_id, self._own, **between, limit=PAGE_EVENTS
            )
            size = sum(len(event.data) for event in own)
            if len(own) == PAGE_EVENTS or size > most_of_a_pack():
                own = None
        return _Start(head, after, from_timestamp, count, own)

    def _resume_from(self, text: str, head: log.Head) -> tuple[int, str]:
        at_us, exact = parse_cursor(text, field="payload.lastSyncTimestamp")
        after = self._log.sequence_before(self._organization_id, at_us, exact=exact, end=head)
        return after, wire_time_us(at_us)

    def _time_of(self, sequence: int) -> str:
        event = self._log.find(self._organization_id, sequence)
        return wire_time_us(event.at_us) if event else wire_time(EPOCH)

    async def send_snapshot(self) -> int:
        """All that the topics show now, as SYNC_UPDATE with changeType 'snapshot'."""
        await self._authorize()
        wanted, pictures = frozenset(self._topics), self._shared.pictures
        if self._own:
            async with (
                pictures.entered(self._stretch(wanted - self._own)) as picture,
                pictures.beside(picture, self._stretch(self._own)) as own,
            ):
                if own is not None:
                    return await self._send_pictures(picture, own)
        async with pictures.entered(self._stretch(wanted)) as picture:
            return await self._send_pictures(picture)

    async def _send_pictures(self, *pictures: Picture) -> int:
        """Send pictures of one moment as one."""
        await self._authorize()
        count, head = sum(picture.number for picture in pictures), pictures[0].head
        await self._pay(count)
        self._begin(count, wire_time(EPOCH))
        for picture in pictures:
            for place in range(picture.length):
                await self._send(partial(self._part, picture, place))
        self._complete(count, head, "snapshot")
        return head.sequence

    def _part(self, picture: Picture, place: int) -> list[Part]:
        part = picture.part(place)
        if part is None:
            self._subscriber.too_slow()
            raise Ended
        return [part]

    async def _pay(self, count: int) -> None:
        """Before any of so many messages is sent. Raises RateLimitExceeded."""
        await self._context.spend(count // MESSAGES_A_UNIT)

    async def _send(self, parts: Callable[[], Iterable[Part]]) -> int:
        """Push what this returns, in turn and at the client's pace; how many messages it has.

        The turn is for pushing alone: while one client's page or rights are read, and while it
        takes what was pushed, it is the turn of others. Raises SyncRefused, TokenExpired, Ended:
        nothing is sent after the end of a right.
        """
        await self._has_room()
        while True:
            await self._still_authorized()
            async with self._shared.sending.turn(self._organization_id):
                if self._epoch == self._feed.access_epoch:
                    self._require_life()
                    sent = sum(map(self._push, parts()))
                    # A turn lasts until the loop has looked at the others: between two looks there
                    # are no more pushes than turns, however many clients take theirs at once.
                    await asyncio.sleep(0)
                    break
        await self._subscriber.drained()
        return sent

    async def _has_room(self) -> None:
        if self._subscriber.outbox.is_filling():
            await self._subscriber.drained()

    def _push(self, part: Part) -> int:
        if part.counts:
            self._subscriber.outbox.push(part.frames)
            self._subscriber.outbox.flush()
            for type_, number in part.counts.items():
                counts.count_sent(type_, number)
        return part.number

    def _require_life(self) -> None:
        if self._subscriber.ending:
            raise Ended
        self._context.connection.require_access("SYNC_REQUEST")

    def _begin(self, count: int, from_timestamp: str) -> None:
        self._subscriber.send(SyncStart(count, from_timestamp), self._request_id)

    def _complete(self, count: int, head: log.Head, kind: str) -> None:
        self._require_life()
        message = SyncComplete(count, wire_cursor(head.at_us), head.sequence)
        self._subscriber.send(message, self._request_id)
        SYNCS.observe(count, kind)


class _Start(msgspec.Struct, frozen=True):
    head: log.Head
    after: int
    from_timestamp: str
    count: int
    own: list[LoggedEvent] | None
    """Events of the user's own topic, to be put between those of the others; None where they are
    too many for that."""
