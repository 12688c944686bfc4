"""One organization's events in one process: to whom, in which order, through every pause.

On the kernel's own doubles: no socket, no database, no waiting.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync.delivery.feed import MAX_BATCH_DELAY, Feed
from sync.delivery.hub import Hub
from sync.delivery.recent import MOST_EVENTS
from sync.delivery.sequencer import GAP_PATIENCE
from sync.eventlog.log import LoggedEvent
from sync.protocol.close_codes import CloseCode
from sync.protocol.codecs import json_text
from sync.protocol.rights import AccessChange
from sync.testing import Clock, FakeClient, MemoryLog, principal
from tests.support.waiting import until

KPI = "kpi:k"


class World:
    """An organization's feed, opened on an empty log."""

    def __init__(self) -> None:
        self.clock, self.log = Clock(), MemoryLog()
        self.hub = Hub(log=self.log, clock=self.clock)

    async def open(self) -> World:
        self.feed: Feed = await self.hub.feed("o")
        return self

    def join(self, name: str, *topics: str) -> FakeClient:
        client = FakeClient(name)
        self.hub.add(client)
        self.feed.add(client)
        self.feed.follow(client, topics)
        return client

    def commit(self, *topics: str, origin: str = "", request_id: str = "") -> LoggedEvent:
        live = '{"value":1}' if origin else ""
        return self.log.append(
            "o",
            topics=topics or (KPI,),
            entity_type="kpi",
            live_type="KPI_UPDATED" if origin else "",
            live=live,
            origin=origin,
            request_id=request_id,
        )

    def change(self, *topics: str, origin: str = "", request_id: str = "") -> LoggedEvent:
        """Commit an event, and have it told here."""
        event = self.commit(*topics, origin=origin, request_id=request_id)
        self.feed.ingest([event])
        return event


@pytest.fixture
async def world() -> World:
    return await World().open()


async def soon(ask: Callable[[], object]) -> None:
    await until(ask, within=10, every=0.001)


# ------------------------------------------------------------------ to whom


async def test_s5_a_subscriber_gets_an_event_once_however_many_of_its_topics_match(
    world: World,
) -> None:
    both = world.join("both", KPI, "organization:o")
    one = world.join("one", "organization:o")
    neither = world.join("neither", "kpi:other")
    world.change(KPI, "organization:o")
    assert [client.fake.sequences() for client in (both, one, neither)] == [[1], [1], []]


async def test_s4_what_begins_to_be_followed_between_two_events_is_delivered_from_then_on(
    world: World,
) -> None:
    ann = world.join("ann", KPI)
    world.change()
    bob = world.join("bob", KPI)
    world.change()
    assert [client.fake.sequences() for client in (ann, bob)] == [[1, 2], [2]]


async def test_s4_what_is_followed_no_longer_is_delivered_no_longer(world: World) -> None:
    bob = world.join("bob", KPI)
    world.change()
    world.feed.unfollow(bob, [KPI])
    world.change()
    assert bob.fake.sequences() == [1]


async def test_e3_the_requester_alone_gets_the_request_id_subscribed_or_not(world: World) -> None:
    mia, ann, bob = world.join("mia"), world.join("ann", KPI), world.join("bob", KPI)
    for requester in (mia, ann):
        world.change(origin=requester.id, request_id=f"of-{requester.id}")
    asked = {
        name: [(m["type"], m.get("requestId")) for m in client.fake.take()]
        for name, client in (("mia", mia), ("ann", ann), ("bob", bob))
    }
    shared = [("KPI_UPDATED", None), ("SYNC_UPDATE", None)]
    assert asked == {
        "mia": [("KPI_UPDATED", "of-mia")],
        "ann": [*shared, ("KPI_UPDATED", "of-ann"), ("SYNC_UPDATE", None)],
        "bob": shared * 2,
    }


@pytest.mark.parametrize(("clients", "seconds"), [(0, 0), (1000, 0.001), (2001, MAX_BATCH_DELAY)])
async def test_l3_a_change_lingers_the_longer_the_more_there_are_to_write_to(
    world: World, clients: int, seconds: float
) -> None:
    world.feed.subscribers = dict.fromkeys(map(str, range(clients)), FakeClient("one"))
    world.feed.ingest([world.commit(), world.commit()])
    assert world.feed.batch_delay == pytest.approx(seconds)
    world.change()  # a single one, so the next may be one as well
    assert world.feed.batch_delay == 0


# ------------------------------------------------------------------ order


async def test_v2_what_is_missing_is_read_from_the_log_when_its_patience_is_over(
    world: World,
) -> None:
    bob = world.join("bob", KPI)
    world.commit()
    world.commit()
    world.change()
    await soon(lambda: world.clock.sleeping)
    world.clock.advance(GAP_PATIENCE / 2)
    assert bob.fake.sequences() == []
    world.clock.advance(GAP_PATIENCE / 2)
    await soon(lambda: bob.fake.messages)
    assert bob.fake.sequences() == [1, 2, 3]


async def test_v2_without_any_message_the_comparison_of_heads_delivers(world: World) -> None:
    bob = world.join("bob", KPI)
    for _ in range(250):  # three pages
        world.commit()
    await world.hub.check_heads()
    await soon(lambda: world.clock.sleeping)
    world.clock.advance(GAP_PATIENCE)
    await soon(lambda: len(bob.fake.messages) == 250)
    assert bob.fake.sequences() == list(range(1, 251))


async def test_v2_a_log_that_cannot_be_read_is_read_after_the_next_comparison(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    bob = world.join("bob", KPI)
    world.commit()
    await world.hub.check_heads()
    world.log.fails = 1
    await soon(lambda: world.clock.sleeping)
    world.clock.advance(GAP_PATIENCE)
    await soon(lambda: "log not read" in caplog.text)
    assert bob.fake.sequences() == []
    await world.hub.check_heads()
    await soon(lambda: bob.fake.messages)
    assert bob.fake.sequences() == [1]


async def test_w7_a_log_that_was_put_back_closes_its_subscribers_and_moves_on(
    world: World,
) -> None:
    bob = world.join("bob", KPI)
    for _ in range(3):
        world.change()
    world.log.put_back("o", 2)
    await world.hub.check_heads()
    await soon(lambda: bob.closes)
    assert bob.closes == [CloseCode.SERVER_RESTART]
    head = world.log.head("o")
    assert head.sequence == head.pruned_sequence > 3
    world.change()
    assert bob.fake.sequences() == [1, 2, 3]  # the feed has ended
    assert await world.hub.feed("o") is not world.feed


async def test_a5_what_stands_behind_the_end_of_a_right_waits_for_the_look_at_it(
    world: World,
) -> None:
    gone, stays = world.join("gone", KPI), world.join("stays", KPI)
    access = json_text(AccessChange(connections=(gone.id,)))
    world.feed.ingest([world.log.append("o", topics=[KPI], access=access), world.commit()])
    assert stays.fake.sequences() == []
    epoch = world.feed.access_epoch
    await soon(lambda: stays.fake.messages)
    assert (stays.fake.sequences(), gone.fake.sequences()) == ([1, 2], [])
    assert gone.closes == [CloseCode.FORBIDDEN]
    assert world.feed.access_epoch == epoch + 1


# ------------------------------------------------------------------ the pause


async def test_v4_in_a_pause_nothing_comes_and_after_it_everything_once(world: World) -> None:
    bob = world.join("bob", KPI)
    world.change()
    async with world.feed.paused(bob):
        world.change()
        world.change("kpi:other")
        world.change()
        assert bob.fake.sequences() == [1]
    assert bob.fake.sequences() == [2, 4]
    world.change()
    assert bob.fake.sequences() == [5]


async def test_v4_what_a_pause_covers_does_not_follow_but_an_own_answer_does(world: World) -> None:
    bob = world.join("bob", KPI, "organization:o")
    async with world.feed.paused(bob) as pause:
        world.change()
        world.change("organization:o")
        own = world.change(origin="bob", request_id="r")
        pause.covers([KPI], own.sequence)
        world.change()
    assert [(m["type"], m.get("requestId"), m["payload"]["sequence"]) for m in bob.fake.take()] == [
        ("SYNC_UPDATE", None, 2),
        ("KPI_UPDATED", "r", 3),
        ("SYNC_UPDATE", None, 4),
    ]


async def test_v4_what_a_pause_covers_is_not_repeated_when_it_arrives_here_later(
    world: World,
) -> None:
    bob = world.join("bob", KPI)
    late = world.commit()

    async def sync() -> None:
        async with world.feed.paused(bob) as pause:
            pause.covers([KPI], late.sequence)

    syncing = asyncio.create_task(sync())
    await soon(lambda: world.clock.sleeping)
    world.feed.ingest([late])
    world.clock.advance(GAP_PATIENCE)
    await syncing
    world.change()
    assert bob.fake.sequences() == [2]


async def test_v4_one_pause_ends_before_the_next_begins(world: World) -> None:
    bob = world.join("bob", KPI)
    order = []

    async def pause(name: str) -> None:
        async with world.feed.paused(bob):
            order.append(f"{name} begins")
            world.change()
            await asyncio.sleep(0)
            order.append(f"{name} ends")

    await asyncio.gather(pause("one"), pause("two"))
    assert order == ["one begins", "one ends", "two begins", "two ends"]
    assert bob.fake.sequences() == [1, 2]


async def test_v4_a_failed_sync_loses_nothing(world: World) -> None:
    bob = world.join("bob", KPI)
    with pytest.raises(ZeroDivisionError):
        async with world.feed.paused(bob):
            world.change()
            raise ZeroDivisionError
    assert bob.fake.sequences() == [1]


async def test_v5_history_that_was_pruned_in_a_pause_is_4508_and_no_gap(world: World) -> None:
    bob = world.join("bob", KPI)
    async with world.feed.paused(bob):
        for _ in range(MOST_EVENTS + 1):
            world.change()
        world.log.prune("o", 1)
    assert bob.closes == [CloseCode.TOO_SLOW]
    assert bob.fake.sequences() == []


async def test_v2_what_comes_in_a_pause_is_kept_until_nobody_is_paused(world: World) -> None:
    """The log is not read for each of those that join at once: it has forgotten it here."""
    bob, mia = world.join("bob", KPI), world.join("mia", KPI)
    async with world.feed.paused(bob):
        async with world.feed.paused(mia):
            world.change()
            world.change()
            world.log.prune("o", 2)
        assert mia.fake.sequences() == [1, 2]
    assert bob.fake.sequences() == [1, 2]
    assert world.feed.recent.after(0, limit=1) == []


@pytest.mark.parametrize("closed", [False, True])
async def test_v4_nothing_is_kept_for_a_paused_client_that_has_gone(
    world: World, *, closed: bool
) -> None:
    """One that lags may end by its network; one that is closed is delivered nothing any more."""
    bob, _ = world.join("bob", KPI), world.join("mia", KPI)
    if closed:
        bob.close(CloseCode.FORBIDDEN)
    else:
        bob.pause()
    world.change()
    await world.hub.remove(bob)
    assert world.feed.recent.after(0, limit=1) == []


async def test_l3_a_client_that_lags_gets_the_rest_at_its_own_pace(world: World) -> None:
    bob, quick = world.join("bob", KPI), world.join("quick", KPI)
    world.change()
    bob.fake.fall_behind()
    for _ in range(3):
        world.change()
    assert (bob.fake.sequences(), quick.fake.sequences()) == ([1], [1, 2, 3, 4])
    bob.fake.read_on()
    await soon(lambda: len(bob.fake.messages) == 3)
    assert bob.fake.sequences() == [2, 3, 4]


async def test_a3_events_wait_behind_the_end_of_a_token_for_the_next_sign_in(world: World) -> None:
    bob = world.join("bob", KPI)
    bob.expire()
    world.change()
    async with world.feed.paused(bob):  # asked for before: it ends, and delivers nothing
        world.change()
    assert bob.fake.sequences() == []
    bob.signed_in(principal())
    async with world.feed.paused(bob):
        pass
    assert bob.fake.sequences() == [1, 2]


async def test_a3_a_token_that_ends_in_the_middle_of_a_page_ends_the_page(world: World) -> None:
    bob = world.join("bob", KPI)
    async with world.feed.paused(bob):
        world.change()
        bob.fake.stop_reading()
        asyncio.get_running_loop().call_later(0.001, _expire_and_read, bob)
    assert (bob.fake.sequences(), bob.position) == ([], 0)


def _expire_and_read(client: FakeClient) -> None:
    client.expire()
    client.fake.read_on()


async def test_v4_an_event_that_came_early_before_a_pause_comes_after_it(world: World) -> None:
    bob = world.join("bob", KPI)
    first = world.commit()
    world.change()
    async with world.feed.paused(bob):
        world.feed.ingest([first])
    assert bob.fake.sequences() == [1, 2]


async def test_s1_a_topic_that_is_followed_in_a_pause_is_followed_from_there_and_once(
    world: World,
) -> None:
    bob = world.join("bob")
    async with world.feed.paused(bob) as pause:
        before = world.change()
        pause.covers([KPI], before.sequence)
        world.feed.follow(bob, [KPI])
        world.change()
        assert bob.fake.sequences() == []
    world.change()
    assert bob.fake.sequences() == [2, 3]
    assert bob.covered == ()  # nothing of it is kept


async def test_c6_of_what_is_shown_in_a_pause_the_latest_follows_and_nothing_of_a_lost_topic(
    world: World,
) -> None:
    bob, ann = world.join("bob", "session:s", "session:lost"), world.join("ann", "session:s")

    def show(key: str, x: int, topic: str = "session:s") -> None:
        message = f'{{"type":"CURSOR_MOVE","payload":{{"x":{x}}}}}'.encode()
        world.feed.deliver_ephemeral(topic, key, message, except_user="user-of-ann")

    async with world.feed.paused(bob):
        show("mia", 1)
        show("mia", 2)
        show("eve", 3)
        show("eve", 4, "session:lost")
        world.feed.unfollow(bob, ["session:lost"])
        show("mia", 5)
        assert bob.fake.take() == []
    assert [message["payload"]["x"] for message in bob.fake.take()] == [5]
    show("mia", 6)
    assert [message["payload"]["x"] for message in bob.fake.take()] == [6]
    assert ann.fake.take() == []


async def test_v4_a_subscriber_that_has_gone_is_not_kept(world: World) -> None:
    bob = world.join("bob", KPI)
    bob.outbox.end()
    await world.hub.remove(bob)
    bob.pause()
    assert (world.feed.subscribers, world.feed.followers(KPI)) == ({}, [])


# ------------------------------------------------------------------ whatever happens

STEPS = ("commit", "hear", "lose", "pause", "cover", "resume", "lag", "read", "expire", "renew")


class Run:
    """bob's view of a feed to which all of this happens, in any order."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.bob = world.join("bob", KPI)
        self.untold: list[LoggedEvent] = []
        self.covered: set[int] = set()
        self.block: asyncio.Task[None] | None = None
        self.end_block = asyncio.Event()
        self.covers = False

    async def step(self, name: str) -> None:
        step: Callable[[], Awaitable[None]] = getattr(self, name)
        await step()
        await asyncio.sleep(0)

    async def commit(self) -> None:
        self.untold.append(self.world.commit())

    async def hear(self) -> None:
        if self.untold:
            self.world.feed.ingest([self.untold.pop()])  # the newest first

    async def lose(self) -> None:
        self.untold.clear()

    async def pause(self) -> None:
        if self.block is None:
            self.covers, self.end_block = False, asyncio.Event()
            self.block = asyncio.create_task(self._paused())

    async def cover(self) -> None:
        self.covers = True

    async def resume(self) -> None:
        if self.block is not None:
            self.end_block.set()
            self.block = None

    async def _paused(self) -> None:
        async with self.world.feed.paused(self.bob) as pause:
            begins, covers = self.bob.position, self.end_block
            await covers.wait()
            if self.covers:
                upto = self.world.log.head("o").sequence
                self.covered |= set(range(begins + 1, upto + 1))
                pause.covers([KPI], upto)

    async def lag(self) -> None:
        self.bob.fake.fall_behind()

    async def read(self) -> None:
        self.bob.fake.read_on()

    async def expire(self) -> None:
        self.bob.expire()

    async def renew(self) -> None:
        if self.bob.expired:
            self.bob.signed_in(principal())
            await self._make_up()

    async def _make_up(self) -> None:
        async def catch_up() -> None:
            async with self.world.feed.paused(self.bob):
                pass

        self.world.hub._keep(catch_up())

    async def settle(self) -> None:
        await self.resume()
        await self.read()
        await self.renew()
        await self.world.hub.check_heads()
        head = self.world.log.head("o").sequence
        async with asyncio.timeout(5):
            while self.world.feed.last < head or self.bob.paused or self.bob.pausing.locked():
                self.world.clock.advance(1)
                await asyncio.sleep(0.0005)


@given(st.lists(st.sampled_from(STEPS), min_size=10, max_size=50))
@settings(max_examples=60)
def test_v4_through_whatever_pauses_each_event_comes_once_and_in_order(steps: list[str]) -> None:
    async def live() -> tuple[list[int], set[int], int]:
        run = Run(await World().open())
        for name in steps:
            await run.step(name)
        await run.settle()
        assert run.bob.closes == []
        return run.bob.fake.sequences(), run.covered, run.world.log.head("o").sequence

    got, covered, head = asyncio.run(live())
    assert got == sorted(set(got))
    assert set(got) | covered == set(range(1, head + 1))
    assert not covered & set(got)
