"""Events that were delivered while clients were paused, read once for all of them (V4)."""

from __future__ import annotations

import asyncio
from typing import Any

from sync.delivery.feed import SLICE
from sync.delivery.hub import Hub
from sync.delivery.tails import BLOCK, LINGER
from sync.eventlog.log import LoggedEvent
from sync.protocol.close_codes import CloseCode
from sync.testing import Clock, FakeClient, MemoryLog

KPI = "kpi:k"


class CountedLog(MemoryLog):
    def __init__(self) -> None:
        super().__init__()
        self.read_after: list[int] = []

    def read(self, *args: Any, **kwargs: Any) -> list[LoggedEvent]:
        self.read_after.append(kwargs["after"])
        return super().read(*args, **kwargs)


class World:
    """Clients of one organization, each of them following the KPI."""

    async def open(self, clients: int) -> World:
        self.log, self.clock = CountedLog(), Clock()
        self.hub = Hub(log=self.log, clock=self.clock)
        self.feed = await self.hub.feed("o")
        self.clients = [FakeClient(f"client {n}") for n in range(clients)]
        for client in self.clients:
            self.feed.add(client)
            self.feed.follow(client, [KPI])
        return self

    def change(self, times: int, **more: Any) -> None:
        """So often; the feed has delivered so much since that it has none of it in memory."""
        self.feed.ingest([self.log.append("o", topics=[KPI], **more) for _ in range(times)])
        self.feed.recent.clear()  # as where more were delivered than it keeps

    async def catch_up(self, change: Any) -> list[list[int]]:
        """The sequences that each is told of, when all were paused while this is changed."""

        async def paused(client: FakeClient) -> list[int]:
            async with self.feed.paused(client):
                await go_on.wait()
            return client.fake.sequences()

        go_on = asyncio.Event()
        catching_up = [asyncio.create_task(paused(client)) for client in self.clients]
        await asyncio.sleep(0)
        change()
        go_on.set()
        return list(await asyncio.gather(*catching_up))


async def test_v4_events_that_waited_for_many_are_read_once() -> None:
    world = await World().open(20)
    first = 1
    for times in (60, SLICE, 20):
        told = await world.catch_up(lambda times=times: world.change(times))
        assert told == [list(range(first, first + times))] * 20
        first += times
    # What is added to a block is read alone.
    assert world.log.read_after == [0, 60, 60 + SLICE, BLOCK]


async def test_e3_each_is_answered_its_own_and_told_of_the_others() -> None:
    world = await World().open(3)
    own = {"origin": "client 1", "request_id": "r", "live_type": "KPI_UPDATED", "live": '{"a":1}'}

    def change() -> None:
        world.change(1)
        world.change(1, **own)

    await world.catch_up(change)
    # Taken by `catch_up`; once more, to look at their requestIds.
    for client in world.clients:
        client.position, client.paused = 0, True
        async with world.feed.paused(client):
            pass
    answered = [[m.get("requestId") for m in client.fake.take()] for client in world.clients]
    assert answered == [[None, None], [None, "r"], [None, None]]


async def test_v5_what_was_pruned_between_two_reads_is_no_gap_but_4508() -> None:
    world = await World().open(2)
    slow, quick = world.clients
    world.clients = [quick]
    slow.pause()
    assert await world.catch_up(lambda: world.change(10)) == [list(range(1, 11))]
    world.change(10)
    world.log.prune("o", 15)
    quick.pause()
    quick.position = 15
    async with world.feed.paused(quick):
        pass
    assert quick.fake.sequences()[-5:] == list(range(16, 21))
    slow.position = 9  # of what was kept, it has not got the last
    async with world.feed.paused(slow):
        pass
    assert (slow.closes, slow.fake.sequences()) == ([CloseCode.TOO_SLOW], [])


async def test_s6_a_tail_that_nobody_asks_for_is_dropped() -> None:
    world = await World().open(1)
    await world.catch_up(lambda: world.change(3))
    tails = world.hub.syncs.tails
    assert len(tails.kept) == 1
    world.clock.advance(LINGER)
    await world.hub.check_heads()
    assert (len(tails.kept), tails._blocks) == (0, {})
