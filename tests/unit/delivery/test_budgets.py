"""The price of work, and the budget that is left (row s6)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from sync.delivery.budgets import (
    CHEAP,
    TELL_SECONDS,
    Account,
    Answer,
    LocalBudgets,
    Question,
    Refusal,
    SharedBudgets,
)

BOB = Account("user:bob", 100, "user")
ANN = Account("user:ann", 100, "user")
HOME = Account("organization:home", 150, "organization")


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_s6_a_user_spends_all_there_is_and_nothing_more() -> None:
    budgets = LocalBudgets(Clock())
    assert budgets.spend([BOB, HOME], 99) is None
    assert budgets.spend([BOB, HOME], 1) is None
    refusal = budgets.spend([BOB, HOME], 1)
    assert refusal is not None
    assert refusal.account == BOB


def test_s6_an_organization_has_less_than_all_of_its_users_and_a_refusal_costs_nothing() -> None:
    budgets = LocalBudgets(Clock())
    assert budgets.spend([BOB, HOME], 100) is None
    refusal = budgets.spend([ANN, HOME], 51)
    assert refusal is not None
    assert refusal.account == HOME
    assert budgets.spend([ANN, HOME], 50) is None


def test_s6_who_waits_as_long_as_is_said_is_let_in_and_not_a_second_before() -> None:
    clock = Clock()
    budgets = LocalBudgets(clock)
    for _ in range(4):
        assert budgets.spend([BOB], 25) is None
        clock.now += 10
    refusal = budgets.spend([BOB], 50)
    assert refusal is not None
    clock.now += refusal.wait - 1
    assert budgets.spend([BOB], 50) is not None
    clock.now += 1.01
    assert budgets.spend([BOB], 50) is None


def test_s6_no_59_s_hold_more_than_the_limit() -> None:
    clock = Clock()
    budgets = LocalBudgets(clock)
    spent: list[float] = []
    for _ in range(1000):
        if budgets.spend([BOB], 1) is None:
            spent.append(clock.now)
        clock.now += 0.23
    assert len(spent) > 300
    for start in spent:
        assert sum(start <= at < start + 59 for at in spent) <= BOB.limit


@dataclass
class Redis:
    """All that it is asked; it knows what everybody has spent, and may be away."""

    totals: dict[str, int] = field(default_factory=dict)
    asked: list[Sequence[Question]] = field(default_factory=list)
    away: bool = False

    async def ask(self, questions: Sequence[Question]) -> list[Answer] | None:
        self.asked.append(questions)
        await asyncio.sleep(0)
        return None if self.away else [self._answer(question) for question in questions]

    def _answer(self, question: Question) -> Answer:
        for n, (account, units) in enumerate(question.accounts):
            if not question.force and self.totals.get(account.key, 0) + units > account.limit:
                return Answer(n, 7, [self.totals.get(a.key, 0) for a, _ in question.accounts])
        for account, units in question.accounts:
            self.totals[account.key] = self.totals.get(account.key, 0) + units
        return Answer(None, 0, [self.totals[account.key] for account, _ in question.accounts])


async def test_s6_what_is_cheap_and_far_from_the_limit_waits_for_no_redis() -> None:
    redis = Redis()
    budgets = SharedBudgets(redis.ask)
    for _ in range(30):
        assert await budgets.spend([BOB, HOME], 1) is None
    assert redis.asked == []
    await asyncio.sleep(TELL_SECONDS * 2)  # that no second round trip follows
    assert len(redis.asked) == 1, "all accounts are told of in one round trip"
    assert redis.totals == {BOB.key: 30, HOME.key: 30}


async def test_s6_what_is_spent_in_another_process_counts_here_before_anything_dear() -> None:
    redis = Redis()
    one, two = SharedBudgets(redis.ask), SharedBudgets(redis.ask)
    assert await one.spend([BOB, HOME], 90) is None
    assert await two.spend([BOB, HOME], CHEAP + 20) == Refusal(BOB, 7)
    assert await two.spend([BOB, HOME], 10) is None
    assert await one.spend([BOB, HOME], 1) is not None


async def test_s6_all_that_ask_at_the_same_time_ask_in_one_round_trip_and_in_turn() -> None:
    redis = Redis()
    budgets = SharedBudgets(redis.ask)
    first = asyncio.create_task(budgets.spend([BOB, HOME], 10))
    await asyncio.sleep(0)
    refusals = await asyncio.gather(*(budgets.spend([ANN, HOME], 30) for _ in range(5)))
    assert await first is None
    assert [len(questions) for questions in redis.asked] == [1, 5]
    assert refusals == [None, None, None, Refusal(ANN, 7), Refusal(ANN, 7)]
    assert redis.totals == {BOB.key: 10, ANN.key: 90, HOME.key: 100}


async def test_s6_without_redis_a_process_keeps_the_limit_by_itself() -> None:
    redis = Redis()
    budgets = SharedBudgets(redis.ask)
    assert await budgets.spend([BOB], 60) is None
    redis.away = True
    assert await budgets.spend([BOB], 40) is None
    refusal = await budgets.spend([BOB], 1)
    assert refusal is not None
    assert refusal.account == BOB
