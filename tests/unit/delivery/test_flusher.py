"""When what waits is written, by a clock of the test's own (L3, C6)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

import pytest

from sync.delivery.flusher import MOST_REST, Flusher


class World:
    """A loop that turns when it is told to, a clock, and something that takes long to write."""

    def __init__(self, takes: float) -> None:
        self.now = 100.0
        self.takes = takes
        self.flushes: list[float] = []
        self._soon: list[Callable[[], None]] = []
        self._timers: list[tuple[float, Callable[[], None], asyncio.TimerHandle]] = []
        self.flusher = Flusher(cast(Any, self), 0.001, clock=lambda: self.now)

    def call_soon(self, callback: Callable[[], None]) -> None:
        self._soon.append(callback)

    def call_later(self, delay: float, callback: Callable[[], None]) -> asyncio.TimerHandle:
        timer = asyncio.TimerHandle(self.now + delay, callback, (), cast(Any, self))
        self._timers.append((self.now + delay, callback, timer))
        return timer

    def get_debug(self) -> bool:
        return False

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None: ...

    def turn(self, *, until: float = 0.0) -> None:
        self.now = max(self.now, until)
        soon, self._soon = self._soon, []
        for callback in soon:
            callback()
        for due, callback, timer in self._timers:
            if due <= self.now and not timer.cancelled():
                timer.cancel()
                callback()

    def flush(self) -> None:
        self.flushes.append(self.now)
        self.now += self.takes


def test_c6_an_ephemeral_is_written_at_the_end_of_the_turn_where_nothing_was_before() -> None:
    world = World(takes=0.004)
    world.flusher.add_latest(world)
    world.turn()
    assert world.flushes == [100.0]


@pytest.mark.parametrize(("takes", "rest"), [(0.004, 0.004), (1.0, MOST_REST)])
def test_c6_an_ephemeral_waits_as_long_as_the_flush_before_took_and_no_longer_than_that(
    takes: float, rest: float
) -> None:
    world = World(takes)
    world.flusher.add_latest(world)
    world.turn()
    ended = world.now
    world.flusher.add_latest(world)
    world.flusher.add_latest(world)
    world.turn(until=ended + rest - 0.000_1)
    assert len(world.flushes) == 1
    world.turn(until=ended + rest)
    assert world.flushes[1:] == [ended + rest, ended + rest + takes]


@pytest.mark.parametrize("hurry", ["add", "hurry", "measure"])
def test_l3_an_event_waits_for_no_ephemeral_and_takes_those_that_wait_along(hurry: str) -> None:
    world = World(takes=0.004)
    world.flusher.add_latest(world)
    world.turn()
    ended = world.now
    world.flusher.add_latest(world)
    match hurry:
        case "add":
            world.flusher.add(world)
        case "measure":
            world.flusher.measure([])
        case _:
            world.flusher.hurry()
    world.turn()
    assert world.flushes[1] == ended
    written = len(world.flushes)
    world.turn(until=ended + 1)
    assert len(world.flushes) == written, "nothing is written twice"
