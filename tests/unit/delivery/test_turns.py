"""Turns: so many at once, and of one organization fewer (row s6)."""

from __future__ import annotations

import asyncio
import threading
from contextlib import AsyncExitStack

import pytest

from sync.delivery.hub import Hub
from sync.delivery.turns import Turns
from sync.eventlog.threads import READINGS
from sync.testing import Clock, MemoryLog
from tests.support.waiting import until


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


class Hall:
    """A holder of a turn stays until told to go."""

    def __init__(self, at_once: int, of_one: int) -> None:
        self.turns = Turns(at_once, of_one=of_one)
        self.inside: list[str] = []
        self.tasks: list[asyncio.Task[None]] = []
        self._go = asyncio.Semaphore(0)

    def come(self, owner: str) -> None:
        async def stay() -> None:
            async with self.turns.turn(owner):
                self.inside.append(owner)
                await self._go.acquire()

        self.tasks.append(asyncio.ensure_future(stay()))

    async def leave(self, count: int) -> None:
        for _ in range(count):
            self._go.release()
        await settle()


async def test_s6_one_organization_has_two_turns_and_the_others_do_not_wait_for_it() -> None:
    hall = Hall(3, 2)
    for _ in range(300):
        hall.come("busy")
    hall.come("quiet")
    await settle()
    assert sorted(hall.inside) == ["busy", "busy", "quiet"]
    await hall.leave(3)
    assert hall.inside.count("busy") == 4
    await hall.leave(301)
    await asyncio.gather(*hall.tasks)
    assert hall.inside.count("busy") == 300
    assert not hall.turns._by_owner


async def test_s6_no_more_than_so_many_have_a_turn_at_once_and_nobody_starves() -> None:
    hall = Hall(3, 2)
    for n in range(40):
        hall.come(f"organization {n % 20}")
    await settle()
    assert len(hall.inside) == 3
    await hall.leave(17)
    assert len(set(hall.inside)) == 20, "each has had one before some have had two"


async def test_s6_who_gives_up_waiting_leaves_its_place_to_the_next() -> None:
    hall = Hall(1, 1)
    for owner in ("first", "gone", "next"):
        hall.come(owner)
    await settle()
    hall.tasks[1].cancel()
    with pytest.raises(asyncio.CancelledError):
        await hall.tasks[1]
    await hall.leave(1)
    assert hall.inside == ["first", "next"]
    await hall.leave(1)
    assert not hall.turns._by_owner


async def test_s6_who_removes_what_is_old_takes_a_turn_like_who_reads_much(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Otherwise those two would have all threads, and a sign-in would wait for seconds."""
    monkeypatch.setattr("sync.delivery.hub.PAUSE_SECONDS", 0)
    began, ends = threading.Event(), threading.Event()

    def prune_some() -> bool:
        began.set()
        ends.wait(5)
        return False

    monkeypatch.setattr("sync.delivery.hub.prune_some", prune_some)
    hub = Hub(log=MemoryLog(), clock=Clock())
    pruning = asyncio.create_task(hub._prune())
    try:
        await until(began.is_set, within=10, every=0.001)
        async with AsyncExitStack() as stack:
            for owner in ("o1", "o2", "o3")[: READINGS - 1]:
                await stack.enter_async_context(hub.readings.turn(owner))
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.01), hub.readings.turn("late"):
                    pass
    finally:
        pruning.cancel()
        ends.set()
