"""Pages of the log, read and packed once for all who resume over the same range (decision V4).

An event in the log does not change, nor does its sync message: what differs from client to client
is where they begin, where the log ended when they asked, and what they may see. The first two are
cut out of a page; the last is asked for each of them, before a page is sent. Where the log takes
something back all the same (`sync.eventlog.rewriting`), no page is so old that it says it for long.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right, insort
from typing import TYPE_CHECKING, NamedTuple

from sync.delivery import encodings
from sync.delivery.clock import TimeSource
from sync.delivery.encodings import Encoding
from sync.delivery.kept import Kept
from sync.delivery.packing import Pack, Part, cut, most_of_a_pack
from sync.delivery.turns import Turns
from sync.eventlog.port import Log
from sync.eventlog.threads import in_database
from sync.protocol.topics import Topic

if TYPE_CHECKING:
    from sync.delivery.feed import Feed

PAGE_EVENTS = 128
"""So many are read at once, and the first page of a client begins at a multiple of it where others
ask for the same: a power of two."""
KEPT_BYTES = 32 * 2**20
"""Of the pages of a process: some 50,000 events. Read again, a page costs 2 ms of a thread."""
LINGER = 5.0
"""Seconds for which a page is kept after the last client that it was sent to."""
LONGEST = 10.0
"""Seconds for which a page is kept whoever asks for it: after that it says again what the log says.
A thousand clients that resume together are done in a third of that."""
EVENT_BYTES = 150
"""Of an event in a page, beside its message: its sequence, type and place."""


class Stretch(NamedTuple):
    """Some topics' events in the log of a feed, in an encoding: what a page is of.

    Of the feed, not of the organization: a log that is put back gets another one.
    """

    feed: Feed
    topics: frozenset[Topic]
    encoding: Encoding


class Page:
    """All events of a stretch with after < sequence <= end, packed.

    is_full: it ends where its successor begins for everybody; otherwise where the log ended, and
    is read again when there is more.
    """

    __slots__ = ("_pack", "_sequences", "after", "end", "is_full", "shelf")

    def __init__(
        self, sequences: list[int], pack: Pack, *, after: int, end: int, is_full: bool
    ) -> None:
        self.after = after
        self.end = end
        self.is_full = is_full
        self.shelf: _Shelf | None = None
        """Where it is kept."""
        self._sequences = sequences
        self._pack = pack

    @property
    def size(self) -> int:
        """About the bytes that it takes."""
        return self._pack.size + EVENT_BYTES * (len(self._pack) + 1)

    def has(self, sequence: int) -> bool:
        """Whether it has this event."""
        place = bisect_right(self._sequences, sequence)
        return place > 0 and self._sequences[place - 1] == sequence

    def part(self, *, after: int, upto: int) -> Part:
        """Return its events with after < sequence <= upto."""
        first = bisect_right(self._sequences, after)
        return self._pack.part(first, max(first, bisect_right(self._sequences, upto)))


class _Shelf:
    """The pages of a stretch."""

    def __init__(self) -> None:
        self.pages: dict[int, Page] = {}
        """By what they are after."""
        self.reading = asyncio.Lock()
        self._starts: list[int] = []

    def of(self, after: int) -> Page | None:
        """Return the page that the event after `after` would be in."""
        place = bisect_right(self._starts, after)
        page = self.pages[self._starts[place - 1]] if place else None
        return page if page is not None and page.end > after else None

    def put(self, page: Page) -> None:
        if page.after not in self.pages:
            insort(self._starts, page.after)
        self.pages[page.after] = page
        page.shelf = self

    @staticmethod
    def drop(page: Page) -> None:
        if (shelf := page.shelf) is not None:
            del shelf.pages[page.after]
            shelf._starts.remove(page.after)
            page.shelf = None


class Pages:
    """Those of a process, the least recently used of which go first."""

    def __init__(self, log: Log, clock: TimeSource, readings: Turns) -> None:
        self._log = log
        self._readings = readings
        self._shelves: dict[Stretch, _Shelf] = {}
        self.kept: Kept[Page] = Kept(
            clock, most=KEPT_BYTES, linger=LINGER, longest=LONGEST, dropped=_Shelf.drop
        )

    async def page(self, stretch: Stretch, *, after: int, upto: int, is_first: bool) -> Page:
        """Return the page that the event after `after` is in, with all that it has up to `upto`.

        upto: a sequence that has been committed. is_first: of a client's sync.
        """
        shelf = self._shelves.get(stretch)
        if shelf is None:
            shelf = self._shelves[stretch] = _Shelf()
        page = _enough(shelf.of(after), upto)
        while page is None:
            async with shelf.reading:
                page = _enough(shelf.of(after), upto)  # another client has waited for the same
                if page is None:
                    page = await self._read(stretch, shelf, after, upto, is_first=is_first)
        self.kept.use(page)
        return page

    async def _read(
        self, stretch: Stretch, shelf: _Shelf, after: int, upto: int, *, is_first: bool
    ) -> Page | None:
        """None where what had been begun ends before that, now that there is more."""
        begun = shelf.of(after)
        if begun is not None:
            start = begun.after
        elif is_first and shelf.pages:
            # Others resume near here: all who begin between two multiples share this one.
            start = after - after % PAGE_EVENTS
        else:
            start = after
        async with self._readings.turn(stretch.feed.organization_id):
            pages = await in_database(self._pages_of, stretch, start, upto)
        for page in pages:
            self._keep(shelf, page)
        return next((page for page in pages if page.after <= after < page.end), None)

    def _pages_of(self, stretch: Stretch, start: int, upto: int) -> list[Page]:
        """Read what fits into a page; several, where that is more than a pack."""
        events = self._log.read_topics(
            stretch.feed.organization_id,
            stretch.topics,
            after=start,
            upto=upto,
            limit=PAGE_EVENTS,
        )
        end, is_full = upto, len(events) == PAGE_EVENTS
        if is_full:
            end = _last_of_page(start, events[-1].sequence)
            events = [event for event in events if event.sequence <= end]
        messages = list(map(encodings.sync_message, events))
        slices = cut(map(len, messages), most_of_a_pack()) or [slice(0, 0)]
        pages = []
        for each in slices:
            sequences = [event.sequence for event in events[each]]
            types = list(map(encodings.sync_type, events[each]))
            pack = Pack(stretch.encoding, messages[each], types)
            is_last = each is slices[-1]
            page = Page(
                sequences,
                pack,
                after=start,
                end=end if is_last else sequences[-1],
                is_full=is_full or not is_last,
            )
            pages.append(page)
            start = page.end
        return pages

    def _keep(self, shelf: _Shelf, page: Page) -> None:
        if (before := shelf.pages.get(page.after)) is not None:
            self.kept.drop(before)
        shelf.put(page)
        self.kept.put(page, page.size)

    def forget(self) -> None:
        """Drop what nobody has asked for lately."""
        self.kept.forget()
        for stretch, shelf in list(self._shelves.items()):
            if not shelf.pages and not shelf.reading.locked():
                del self._shelves[stretch]


def _enough(page: Page | None, upto: int) -> Page | None:
    return page if page is not None and (page.is_full or page.end >= upto) else None


def _last_of_page(start: int, last: int) -> int:
    """Return the sequence that is a multiple of the highest power of two in start < it <= last.

    Pages that begin anywhere near each other so end at the same one, however few of the log's
    events concern their topics, and from there on they are the same.
    """
    bits = (start ^ last).bit_length() - 1
    return last >> bits << bits
