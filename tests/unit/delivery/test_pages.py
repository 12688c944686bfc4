"""Pages of the log that many resume over: what is cut out of them is what the log says (V4)."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync.delivery import encodings
from sync.delivery.hub import Hub
from sync.delivery.packing import most_of_a_pack
from sync.delivery.pages import LINGER, LONGEST, PAGE_EVENTS, Page, Stretch
from sync.eventlog.log import LoggedEvent
from sync.protocol.topics import Topic
from sync.testing import Clock, MemoryLog

KPI = Topic("kpi", "k")
OTHER = Topic("kpi", "other")
TEXT = encodings.encoding(raw=False, wire_format="text")


class CountedLog(MemoryLog):
    def __init__(self) -> None:
        super().__init__()
        self.read_after: list[int] = []

    def read_topics(self, *args: Any, **kwargs: Any) -> list[LoggedEvent]:
        self.read_after.append(kwargs["after"])
        return super().read_topics(*args, **kwargs)


class Shelves:
    """The pages of `o`, whose log has these events."""

    def __init__(self, events: str | int = 0) -> None:
        """events: how many, or a letter for each: `k` is of our topic."""
        self.log, self.clock = CountedLog(), Clock()
        self.hub = Hub(log=self.log, clock=self.clock)
        self.pages = self.hub.syncs.pages
        self.append(events)

    def append(self, events: str | int, data: str = "{}") -> None:
        for letter in "k" * events if isinstance(events, int) else events:
            self.log.append("o", topics=[str(KPI if letter == "k" else OTHER)], data=data)

    @property
    def end(self) -> int:
        return self.log.head("o").sequence

    async def stretch(self, encoding: encodings.Encoding = TEXT, *topics: Topic) -> Stretch:
        return Stretch(await self.hub.feed("o"), frozenset(topics or [KPI]), encoding)

    async def resume(
        self, *, after: int, upto: int = 0, stretch: Stretch | None = None
    ) -> list[int]:
        """The sequences that a client is sent."""
        stretch, upto = stretch or await self.stretch(), upto or self.end
        got: list[int] = []
        is_first = True
        while after < upto:
            page = await self.pages.page(stretch, after=after, upto=upto, is_first=is_first)
            got += sequences(page, after, upto)
            assert after < page.end
            after, is_first = page.end, False
        return got


def sequences(page: Page, after: int, upto: int) -> list[int]:
    part = page.part(after=after, upto=upto)
    told = [json.loads(frame["text"]) for frame in part.frames]
    assert part.counts == {"SYNC_UPDATE": len(told)} if told else not part.counts
    return [message["payload"]["sequence"] for message in told]


cursors = st.lists(st.tuples(st.integers(0, 700), st.integers(1, 700)), min_size=1, max_size=8)


@given(
    letters=st.lists(st.sampled_from(["k" * 40, "o" * 300, "ko" * 30, "k"]), max_size=6),
    asked=cursors,
    later=st.integers(0, 200),
)
@settings(max_examples=60)
def test_v4_whatever_was_asked_before_a_client_is_sent_what_the_log_has(
    letters: list[str], asked: list[tuple[int, int]], later: int
) -> None:
    """Before and after the log has gone on, for any cursor and any end that clients have seen."""

    async def resume_all() -> None:
        shelves = Shelves("".join(letters)[:700])
        for grow in (0, later):
            shelves.append(grow)
            for after, upto in asked:
                upto = min(upto, shelves.end)
                expected = shelves.log._concerning("o", [KPI], after, upto)
                got = await shelves.resume(after=after, upto=upto) if after < upto else []
                assert got == [event.sequence for event in expected]

    asyncio.run(resume_all())


async def test_v4_many_who_resume_together_read_each_page_once() -> None:
    shelves = Shelves(1_000)
    got = await asyncio.gather(*(shelves.resume(after=0) for _ in range(50)))
    assert got == [list(range(1, 1_001))] * 50
    assert shelves.log.read_after == list(range(0, 1_000, PAGE_EVENTS))


async def test_v4_cursors_that_differ_by_a_few_share_all_pages_but_the_first() -> None:
    shelves = Shelves(1_000)
    for after in range(130, 180):
        assert await shelves.resume(after=after) == list(range(after + 1, 1_001))
    assert shelves.log.read_after == [130, *range(256, 1_000, PAGE_EVENTS)]
    assert await shelves.resume(after=129) == list(range(130, 1_001))
    assert await shelves.resume(after=128) == list(range(129, 1_001))
    assert shelves.log.read_after[7:] == [128]


async def test_v4_events_far_apart_make_pages_that_are_no_less_full() -> None:
    """By sequences alone there would be 80 of them."""
    shelves = Shelves(("k" + "o" * 19) * 500)
    assert len(await shelves.resume(after=0)) == 500
    assert len(shelves.log.read_after) < 10
    before = len(shelves.log.read_after)
    assert len(await shelves.resume(after=47)) == 497
    assert len(shelves.log.read_after) == before


async def test_v4_a_log_that_goes_on_has_its_last_page_read_again_and_no_other() -> None:
    shelves = Shelves(300)
    for more in (0, 5, 5):
        shelves.append(more)
        assert (await shelves.resume(after=0))[-1] == shelves.end
    assert await shelves.resume(after=0, upto=303) == list(range(1, 304))
    assert shelves.log.read_after == [0, 128, 256, 256, 256]


async def test_v4_other_topics_and_other_encodings_have_pages_of_their_own() -> None:
    shelves = Shelves("ko" * 10)
    msgpack = encodings.encoding(raw=True, wire_format="msgpack")
    assert await shelves.resume(after=0) == list(range(1, 21, 2))
    theirs = await shelves.stretch(TEXT, OTHER)
    assert await shelves.resume(after=0, stretch=theirs) == list(range(2, 21, 2))
    both = await shelves.stretch(TEXT, KPI, OTHER)
    assert await shelves.resume(after=0, stretch=both) == list(range(1, 21))
    page = await shelves.pages.page(await shelves.stretch(msgpack), after=0, upto=20, is_first=True)
    assert isinstance(page.part(after=0, upto=20).frames, bytes)
    assert shelves.log.read_after == [0, 0, 0, 0]


async def test_l3_a_page_is_far_less_than_a_queue_however_large_its_events_are() -> None:
    shelves = Shelves()
    shelves.append(10, data=json.dumps("x" * (most_of_a_pack() // 3)))
    shelves.append(1, data=json.dumps("x" * most_of_a_pack()))
    shelves.append(1)
    assert await shelves.resume(after=0) == list(range(1, 13))
    assert await shelves.resume(after=3) == list(range(4, 13))
    assert shelves.log.read_after == [0]
    stretch, parts, after = await shelves.stretch(), [], 0
    while after < shelves.end:
        page = await shelves.pages.page(stretch, after=after, upto=12, is_first=False)
        parts.append(page.part(after=after, upto=12))
        after = page.end
    assert [part.number for part in parts] == [2, 2, 2, 2, 2, 1, 1]


async def test_s6_a_page_that_nobody_asks_for_is_dropped() -> None:
    shelves = Shelves(200)
    await shelves.resume(after=0)
    shelves.clock.advance(LINGER - 1)
    await shelves.resume(after=150)  # in the second
    await shelves.hub.check_heads()
    assert len(shelves.pages.kept) == 2
    shelves.clock.advance(1)
    await shelves.hub.check_heads()
    assert len(shelves.pages.kept) == 1
    shelves.clock.advance(LINGER)
    await shelves.hub.check_heads()
    assert (len(shelves.pages.kept), shelves.pages.kept.size) == (0, 0)
    assert not shelves.pages._shelves


async def test_v6_what_the_log_takes_back_of_a_person_no_page_says_for_long() -> None:
    """However often it is asked for meanwhile."""
    shelves = Shelves()
    shelves.append(1, data='{"name":"Ann"}')
    stretch = await shelves.stretch()

    async def told() -> list[str]:
        page = await shelves.pages.page(stretch, after=0, upto=1, is_first=True)
        frames = page.part(after=0, upto=1).frames
        return [json.loads(frame["text"])["payload"]["data"]["name"] for frame in frames]

    assert await told() == ["Ann"]
    [event] = shelves.log._events["o"]
    shelves.log._events["o"] = [msgspec.structs.replace(event, data='{"name":"Former user"}')]
    for _ in range(int(LONGEST)):
        shelves.clock.advance(1)
        await shelves.hub.check_heads()
        await told()
    assert await told() == ["Former user"]


async def test_s6_pages_take_no_more_than_their_share_of_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shelves = Shelves(1_000)
    await shelves.resume(after=0)
    whole = shelves.pages.kept.size
    for most, pages in ((whole, 8), (whole - 1, 7)):
        monkeypatch.setattr("sync.delivery.pages.KEPT_BYTES", most)
        shelves = Shelves(1_000)
        assert len(await shelves.resume(after=0)) == 1_000
        assert (len(shelves.pages.kept), shelves.pages.kept.size <= most) == (pages, True)
        assert len(await shelves.resume(after=0)) == 1_000  # what was dropped is read again


async def test_v4_a_page_that_cannot_be_read_fails_those_who_wait_and_nobody_later() -> None:
    shelves = Shelves(100)
    await shelves.stretch()
    shelves.log.fails = 1
    first, second = await asyncio.gather(
        *(shelves.resume(after=0, upto=100) for _ in range(2)), return_exceptions=True
    )
    assert isinstance(first, ConnectionError)
    assert second == list(range(1, 101))
