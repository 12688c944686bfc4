"""Which changes are committed together (L3)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction

from sync.feed import MAX_LINGER, Feed
from sync.writer import GROUP, GroupWriter

LONG = 0.3
SOON = LONG / 10


def told(happened: list[str], name: str) -> Callable[[], None]:
    """A change that says when it is made and when it is committed."""

    def change() -> None:
        happened.append(name)
        transaction.on_commit(lambda: happened.append(f"{name} committed"))

    return change


async def test_l3_a_change_lingers_for_one_that_comes_soon_after_it() -> None:
    writer, happened = GroupWriter(), list[str]()
    first = writer.submit(told(happened, "a"), linger=LONG)
    second: asyncio.Future[asyncio.Future[None]] = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_later(
        SOON, lambda: second.set_result(writer.submit(told(happened, "b")))
    )
    await asyncio.gather(first, await second)
    assert happened == ["a", "b", "a committed", "b committed"]


async def test_l3_a_change_that_may_not_linger_is_committed_at_once() -> None:
    writer, happened = GroupWriter(), list[str]()
    await writer.submit(told(happened, "a"))
    await writer.submit(told(happened, "b"))
    assert happened == ["a", "a committed", "b", "b committed"]


async def test_l3_what_came_during_a_commit_does_not_linger() -> None:
    writer, happened = GroupWriter(), list[str]()
    loop = asyncio.get_running_loop()
    entered, leave = asyncio.Event(), asyncio.Event()

    def long_change() -> None:
        told(happened, "a")()
        loop.call_soon_threadsafe(entered.set)
        asyncio.run_coroutine_threadsafe(leave.wait(), loop).result()

    first = writer.submit(long_change)
    await entered.wait()
    second = writer.submit(told(happened, "b"), linger=3600)
    leave.set()
    await asyncio.gather(first, second)
    assert happened == ["a", "a committed", "b", "b committed"]


@pytest.mark.parametrize("more", [0, 1])
async def test_l3_a_group_has_64_changes_and_not_one_more(more: int) -> None:
    writer, happened = GroupWriter(), list[str]()
    changes = [
        writer.submit(told(happened, str(n)), linger=SOON if n == 0 else 0)
        for n in range(GROUP + more)
    ]
    await asyncio.gather(*changes)
    assert happened.index("0 committed") == GROUP
    assert happened.index(f"{GROUP + more - 1} committed") == 2 * (GROUP + more) - 1


@pytest.mark.parametrize(("connections", "seconds"), [(0, 0), (1000, 0.001), (2001, MAX_LINGER)])
async def test_l3_a_change_lingers_the_longer_the_more_there_are_to_write_to(
    connections: int, seconds: float
) -> None:
    hub: Any = None
    feed = Feed("", hub)
    feed.connections = {object() for _ in range(connections)}  # only counted
    assert feed.linger == pytest.approx(seconds)
