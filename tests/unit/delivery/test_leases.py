"""Many leases are told in slices: none waits for long, and nothing for all of them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import pairwise

import pytest

from sync.delivery.hub import SPREAD_SECONDS, SPREAD_SECONDS_AGAIN
from sync.delivery.leases import LEASES_AT_ONCE, in_slices
from sync.delivery.shared_state.port import LEASE_SECONDS, RENEW_SECONDS
from sync.delivery.shared_state.redis import REDIS_PAUSE, REDIS_TIMEOUT
from sync.testing import Clock
from tests.support.waiting import until


class Told:
    """Takes what it is told; when, and in which slices."""

    def __init__(self, clock: Clock, *, takes: float = 0.0, fails_at: int = -1) -> None:
        self.clock = clock
        self.slices: list[tuple[float, Sequence[int]]] = []
        self._takes = takes
        self._fails_at = fails_at

    async def __call__(self, items: Sequence[int]) -> bool:
        self.slices.append((self.clock.time(), items))
        if self._takes:
            await self.clock.sleep(self._takes)
        return len(self.slices) - 1 != self._fails_at


async def run(count: int, told: Told, *, over: float = 10.0) -> bool:
    telling = asyncio.create_task(in_slices(range(count), told, over=over, clock=told.clock))
    while not telling.done():
        await until(lambda: telling.done() or told.clock.sleeping, within=10, every=0)
        told.clock.advance(0.25)
    return telling.result()


@pytest.mark.parametrize(
    ("count", "slices"), [(0, 0), (LEASES_AT_ONCE, 1), (LEASES_AT_ONCE + 1, 2)]
)
async def test_a4_so_many_leases_as_a_slice_has_are_told_at_once(count: int, slices: int) -> None:
    told = Told(Clock())
    assert await run(count, told)
    assert len(told.slices) == slices
    assert [item for _, part in told.slices for item in part] == list(range(count))


async def test_a4_ten_thousand_leases_are_spread_evenly_over_the_time() -> None:
    told = Told(Clock())
    assert await run(10_000, told)
    times = [at for at, _ in told.slices]
    assert len(times) == 10_000 // LEASES_AT_ONCE
    assert times[0] == 0
    assert times[-1] == pytest.approx(10, abs=0.5)
    assert max(b - a for a, b in pairwise(times)) <= 0.25


async def test_a4_slices_that_take_long_do_not_put_off_those_after_them() -> None:
    """The first one is late, as a Redis that nearly times out makes it: the last one is not."""
    told = Told(Clock(), takes=0.25)
    assert await run(20 * LEASES_AT_ONCE, told)
    assert told.slices[-1][0] <= 10


async def test_a4_behind_a_slice_that_was_not_told_the_others_are_told_at_once() -> None:
    told = Told(Clock(), fails_at=1)
    assert not await run(5 * LEASES_AT_ONCE, told)
    assert [item for _, part in told.slices for item in part] == list(range(5 * LEASES_AT_ONCE))
    assert {at for at, _ in told.slices[1:]} == {told.slices[1][0]}


def test_a4_no_lease_ends_between_two_rounds_however_the_turns_have_moved() -> None:
    """Told first in a round, and last in the next one; behind a Redis that was away in between."""
    latest = RENEW_SECONDS + SPREAD_SECONDS
    away = REDIS_TIMEOUT + 2 * REDIS_PAUSE + SPREAD_SECONDS_AGAIN
    assert latest + away < LEASE_SECONDS
    assert SPREAD_SECONDS < RENEW_SECONDS
