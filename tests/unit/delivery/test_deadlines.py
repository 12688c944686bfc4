"""One timer for the deadlines of all connections."""

from __future__ import annotations

import asyncio
import logging
import weakref
from contextvars import ContextVar

import pytest

from sync.delivery.deadlines import AT_ONCE, Deadlines
from tests.support.waiting import until

ABOUT = ContextVar("about", default="nobody")


async def test_what_is_due_is_called_in_the_order_of_time_and_not_before() -> None:
    loop = asyncio.get_running_loop()
    deadlines, called = Deadlines(loop), list[tuple[str, bool]]()
    begin = loop.time()

    def due(name: str, at: float) -> None:
        deadlines.call_at(at, lambda: called.append((name, loop.time() >= at)))

    due("last", begin + 0.04)
    due("first", begin)
    due("second", begin + 0.02)
    await until(lambda: len(called) == 3, within=10, every=0.001)
    assert called == [("first", True), ("second", True), ("last", True)]


async def test_what_was_cancelled_is_not_called_and_keeps_nothing_alive() -> None:
    class Connection:
        def on_time(self) -> None:
            raise AssertionError("it has ended")

    deadlines, connection, called = Deadlines(asyncio.get_running_loop()), Connection(), []
    gone = weakref.ref(connection)
    cancelled = deadlines.call_at(0.0, connection.on_time)
    deadlines.call_at(0.0, lambda: called.append(1))
    cancelled.cancel()
    del connection
    assert gone() is None
    await until(lambda: called, within=10, every=0.001)


async def test_what_fails_is_logged_and_stops_no_other(caplog: pytest.LogCaptureFixture) -> None:
    deadlines, called = Deadlines(asyncio.get_running_loop()), []

    def fail() -> None:
        raise ZeroDivisionError

    deadlines.call_at(0.0, fail)
    deadlines.call_at(0.0, lambda: called.append(1))
    with caplog.at_level(logging.ERROR):
        await until(lambda: called, within=10, every=0.001)
    assert "deadline failed" in caplog.text


async def test_so_many_are_called_before_others_have_their_turn_and_one_more_after() -> None:
    loop = asyncio.get_running_loop()
    deadlines, called = Deadlines(loop), list[int]()
    for n in range(AT_ONCE + 1):
        deadlines.call_at(0.0, lambda n=n: called.append(n))  # type: ignore[misc]  # n is bound now
    while not called:
        await asyncio.sleep(0)
    assert len(called) == AT_ONCE
    await until(lambda: len(called) == AT_ONCE + 1, within=10, every=0.001)


async def test_what_is_called_knows_for_whom_it_was_asked() -> None:
    """A line of the log would name another connection otherwise: the timer's first."""
    deadlines, about = Deadlines(asyncio.get_running_loop()), list[str]()
    for name in ("bob", "mia"):
        ABOUT.set(name)
        deadlines.call_at(0.0, lambda: about.append(ABOUT.get()))
    await until(lambda: len(about) == 2, within=10, every=0.001)
    assert sorted(about) == ["bob", "mia"]


async def test_what_was_moved_is_called_at_its_new_time_alone_and_once_more_when_asked() -> None:
    loop = asyncio.get_running_loop()
    deadlines, called = Deadlines(loop), list[float]()
    soon, later = loop.time() + 0.01, loop.time() + 0.03
    deadline = deadlines.call_at(soon, lambda: called.append(loop.time()))
    moved = deadlines.move(deadline, later)
    assert moved is not deadline
    await until(lambda: called, within=10, every=0.001)
    assert deadlines.move(moved, loop.time()) is moved
    await until(lambda: len(called) == 2, within=10, every=0.001)
    assert called[0] >= later
