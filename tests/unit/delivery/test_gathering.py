"""Questions that are asked together (A4)."""

from __future__ import annotations

import asyncio

import pytest

from sync.delivery.gathering import Gathered

MOST = 3


class Oracle:
    """Answers each question with its square, when it is told to."""

    def __init__(self, *, is_free: bool = False) -> None:
        self.asked: list[list[int]] = []
        self.free = asyncio.Event()
        if is_free:
            self.free.set()

    async def answer(self, questions: list[int]) -> list[int]:
        self.asked.append(questions)
        await self.free.wait()
        if 0 in questions:
            raise ZeroDivisionError
        return [n * n for n in questions]


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a4_who_comes_while_another_is_answered_shares_the_next_round_trip() -> None:
    oracle = Oracle()
    gathered = Gathered(oracle.answer, most=MOST)
    first = asyncio.create_task(gathered.ask(1))
    await settle()
    others = [asyncio.create_task(gathered.ask(n)) for n in (2, 3)]
    await settle()
    assert oracle.asked == [[1]]
    oracle.free.set()
    assert await asyncio.gather(first, *others) == [1, 4, 9]
    assert oracle.asked == [[1], [2, 3]]


@pytest.mark.parametrize(("count", "round_trips"), [(MOST, 1), (MOST + 1, 2)])
async def test_a4_so_many_are_asked_at_once_and_not_one_more(count: int, round_trips: int) -> None:
    oracle = Oracle(is_free=True)
    gathered = Gathered(oracle.answer, most=MOST)
    answers = await asyncio.gather(*(gathered.ask(n) for n in range(1, count + 1)))
    assert answers == [n * n for n in range(1, count + 1)]
    assert len(oracle.asked) == round_trips


async def test_a4_a_failure_is_told_to_those_who_asked_and_the_next_are_answered() -> None:
    oracle = Oracle(is_free=True)
    gathered = Gathered(oracle.answer, most=MOST)
    failed = await asyncio.gather(gathered.ask(0), gathered.ask(1), return_exceptions=True)
    assert [type(error) for error in failed] == [ZeroDivisionError] * 2
    assert await gathered.ask(2) == 4


async def test_a4_who_has_gone_meanwhile_keeps_nobody_from_their_answer() -> None:
    oracle = Oracle()
    gathered = Gathered(oracle.answer, most=MOST)
    gone, stays = (asyncio.create_task(gathered.ask(n)) for n in (1, 2))
    await settle()
    gone.cancel()
    oracle.free.set()
    assert await stays == 4
    assert gone.cancelled()


async def test_a4_only_at_a_busy_time_is_waited_for_more() -> None:
    oracle = Oracle(is_free=True)
    gathered = Gathered(oracle.answer, most=MOST, pause=0.3)
    loop = asyncio.get_running_loop()
    began = loop.time()
    for n in (1, 2):
        await gathered.ask(n)  # alone, and again alone
    assert loop.time() - began < 0.3
    await asyncio.gather(gathered.ask(3), gathered.ask(4))
    later = [asyncio.create_task(gathered.ask(n)) for n in (5, 6)]
    await settle()
    assert oracle.asked[2:] == [[3, 4]]
    await asyncio.gather(*later)
    assert oracle.asked[3:] == [[5, 6]]


async def test_a4_an_answer_that_is_missing_leaves_nobody_waiting() -> None:
    async def answer(questions: list[int]) -> list[int]:
        return questions[: len(questions) - (0 in questions)]

    gathered = Gathered(answer, most=MOST)
    async with asyncio.timeout(5):
        answers = await asyncio.gather(gathered.ask(1), gathered.ask(0), return_exceptions=True)
        assert [type(each) for each in answers] == [ValueError, ValueError]
        assert await gathered.ask(2) == 2
