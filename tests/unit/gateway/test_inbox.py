"""Messages that wait for one application, in their order and without a wake-up lost."""

from __future__ import annotations

import asyncio

import pytest

from sync.gateway.inbox import Inbox, Switch


async def test_messages_are_got_in_the_order_in_which_they_came() -> None:
    inbox = Inbox()
    getting = asyncio.create_task(inbox.get())
    await asyncio.sleep(0)
    for n in range(3):
        inbox.put_nowait(n)
    assert await getting == 0
    assert (inbox.qsize(), inbox.empty()) == (2, False)
    assert [await inbox.get(), await inbox.get()] == [1, 2]
    assert (inbox.qsize(), inbox.empty()) == (0, True)


async def test_a_message_that_comes_as_its_reader_gives_up_is_there_for_the_next() -> None:
    inbox = Inbox()
    getting = asyncio.create_task(inbox.get())
    await asyncio.sleep(0)
    inbox.put_nowait("kept")
    getting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await getting
    assert await inbox.get() == "kept"


async def test_a_reader_that_gave_up_waiting_is_not_in_the_next_ones_way() -> None:
    inbox = Inbox()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await inbox.get()
    inbox.put_nowait("later")
    assert await inbox.get() == "later"


async def test_those_that_wait_for_a_switch_all_go_on_when_it_is_set() -> None:
    switch = Switch()
    assert switch.is_set()
    assert await switch.wait()
    switch.clear()
    waiting = [asyncio.create_task(switch.wait()) for _ in range(3)]
    await asyncio.sleep(0)
    waiting.pop().cancel()
    assert not switch.is_set()
    switch.set()
    switch.clear()  # they waited for what has been
    assert await asyncio.gather(*waiting) == [True, True]
