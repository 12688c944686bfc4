"""The price of work of users and organizations, and their budgets of it in any 60 s.

A unit is about a millisecond of one core, on whatever process it is spent. Each type of request
declares its price where it is handled (`sync.protocol.registry.handles`). Messages are counted
besides (decision L1): those limits keep a client's pace, these keep one tenant from taking the
machine.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from functools import lru_cache
from typing import NamedTuple

from sync.conf import sync_settings
from sync.delivery.gathering import Gathered
from sync.protocol.errors import RateLimitExceeded
from sync.protocol.identity import Principal
from sync.protocol.limits import WINDOW, limit_figures

# How late Redis hears of what is spent far from a limit: of all accounts of a process at once.
TELL_SECONDS = 0.1
# How long is believed what Redis has said of an account, for what is dear. What costs a unit or two
# is not worth a question: Redis hears of it, and answers, within TELL_SECONDS.
BELIEVED_SECONDS = 1.0
CHEAP = 4
# Parts of a limit: up to SURE of it nothing waits for Redis, unless by itself it is DEAR. What
# several processes let through before they hear of each other fits into the rest.
SURE = 0.75
DEAR = 0.01
ACCOUNTS_AT_ONCE = 500

QUESTIONS_AT_ONCE = 100
"""After a restart everybody asks; one script runs for some milliseconds then."""

# Units that accounts have spent, by the second, question by question: {which of its accounts has
# not so much or 0, seconds to wait, what each has spent} of each. Arguments: window, then of each
# question force and the number of its accounts, then of each of them its units and limit.
SPEND = """
local now = tonumber(redis.call('TIME')[1])
local window, at, before, answers = tonumber(ARGV[1]), 2, 0, {}
while before < #KEYS do
  local force, accounts = ARGV[at] == '1', tonumber(ARGV[at + 1])
  local refused, wait, totals = 0, 0, {}
  for i = 1, accounts do
    local key = KEYS[before + i]
    local units, limit = tonumber(ARGV[at + 2 * i]), tonumber(ARGV[at + 2 * i + 1])
    local spent, seconds = 0, {}
    local stored = redis.call('HGETALL', key)
    for n = 1, #stored, 2 do
      local second, of_second = tonumber(stored[n]), tonumber(stored[n + 1])
      if second <= now - window then redis.call('HDEL', key, stored[n])
      else
        spent = spent + of_second
        seconds[#seconds + 1] = {second, of_second}
      end
    end
    totals[i] = spent
    if not force and refused == 0 and spent + units > limit then
      refused = i
      table.sort(seconds, function(a, b) return a[1] < b[1] end)
      local left = spent
      for _, entry in ipairs(seconds) do
        if left + units <= limit then break end
        left = left - entry[2]
        wait = entry[1] + window - now
      end
    end
  end
  if refused == 0 then
    for i = 1, accounts do
      local key, units = KEYS[before + i], tonumber(ARGV[at + 2 * i])
      redis.call('HINCRBY', key, now, units)
      redis.call('EXPIRE', key, window)
      totals[i] = totals[i] + units
    end
  end
  answers[#answers + 1] = {refused, wait, unpack(totals)}
  before, at = before + accounts, at + 2 + 2 * accounts
end
return answers
"""


class Account(NamedTuple):
    """scope: 'user' or 'organization'."""

    key: str
    limit: int
    scope: str


class Refusal(NamedTuple):
    account: Account
    wait: float
    """Seconds until it would be let in."""


def accounts_of(principal: Principal) -> tuple[Account, Account]:
    settings = sync_settings()
    return _accounts(
        principal.user_id,
        settings.user_work_per_minute,
        principal.organization_id,
        settings.organization_work_per_minute,
    )


@lru_cache(maxsize=10_000)
def _accounts(
    user_id: str, of_user: int, organization_id: str, of_organization: int
) -> tuple[Account, Account]:
    # Every request asks for them.
    return (
        Account(f"user:{user_id}", of_user, "user"),
        Account(f"organization:{organization_id}", of_organization, "organization"),
    )


def refuse(refusal: Refusal) -> RateLimitExceeded:
    return RateLimitExceeded(
        "That is more work than you have in a minute. Please slow down.",
        **limit_figures(refusal.account.limit, refusal.wait, scope=refusal.account.scope),
    )


class Spent:
    """Units spent within the window, by the second: each counts for 59 to 60 s."""

    __slots__ = ("_by_second", "total")

    def __init__(self) -> None:
        self.total = 0
        self._by_second: deque[list[int]] = deque()

    def add(self, units: int, now: float) -> None:
        self.forget(now)
        if self._by_second and self._by_second[-1][0] == int(now):
            self._by_second[-1][1] += units
        else:
            self._by_second.append([int(now), units])
        self.total += units

    def forget(self, now: float) -> None:
        while self._by_second and self._by_second[0][0] <= now - WINDOW:
            self.total -= self._by_second.popleft()[1]

    def wait(self, units: int, limit: int, now: float) -> float:
        """0 where so much may be spent, else seconds until it may."""
        self.forget(now)
        left = self.total
        wait = 0.0
        for second, spent in self._by_second:
            if left + units <= limit:
                break
            left -= spent
            wait = second + WINDOW - now
        return wait


class LocalBudgets:
    """The budgets spent in this process."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._spent: dict[str, Spent] = {}
        self._forget_at = clock() + WINDOW

    def spend(self, accounts: Sequence[Account], units: int) -> Refusal | None:
        """Take units from all of these, or from none: why not, then."""
        now = self._clock()
        for account in accounts:
            if wait := self._of(account).wait(units, account.limit, now):
                return Refusal(account, wait)
        for account in accounts:
            self._of(account).add(units, now)
        self._forget_idle(now)
        return None

    def note(self, account: Account, units: int) -> None:
        """Take units that are spent, whether there are so many or not."""
        self._of(account).add(units, self._clock())

    def _of(self, account: Account) -> Spent:
        spent = self._spent.get(account.key)
        if spent is None:
            spent = self._spent[account.key] = Spent()
        return spent

    def _forget_idle(self, now: float) -> None:
        if now < self._forget_at:
            return
        self._forget_at = now + WINDOW
        for key, spent in list(self._spent.items()):
            spent.forget(now)
            if not spent.total:
                del self._spent[key]


class Question(NamedTuple):
    """accounts with the units to take; force: take them, whether there are so many or not."""

    accounts: Sequence[tuple[Account, int]]
    force: bool


class Answer(NamedTuple):
    """refused: which of the accounts has not so much, or None. totals: what each has spent now."""

    refused: int | None
    wait: float
    totals: Sequence[int]


Ask = Callable[[Sequence[Question]], Awaitable[Sequence[Answer] | None]]


class _Tally:
    """An account as this process knows it: what Redis said last, and what it has not heard."""

    __slots__ = ("account", "believed_until", "known", "untold", "used_at")

    def __init__(self, account: Account) -> None:
        self.account = account
        self.known = self.untold = 0
        self.believed_until = self.used_at = 0.0

    def is_sure(self, units: int, now: float) -> bool:
        spent = self.known + self.untold + units
        limit = self.account.limit
        if spent > limit * SURE:
            return False
        return units <= CHEAP or (units <= limit * DEAR and now < self.believed_until)


class SharedBudgets:
    """The budgets spent in all processes; in this one alone while Redis does not answer.

    ask: takes questions to Redis; None where it is away. Far from a limit nothing waits for it, and
    those that are asked at the same time are asked in one round trip.
    """

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._asked: Gathered[Question, Answer | None] = Gathered(
            self._ask_each, most=QUESTIONS_AT_ONCE
        )
        self._local = LocalBudgets()
        self._tallies: dict[str, _Tally] = {}
        self._untold: dict[str, _Tally] = {}
        self._telling: asyncio.Task[None] | None = None
        self._forget_at = time.monotonic() + WINDOW

    def spend_at_once(self, accounts: Sequence[Account], units: int) -> bool:
        """Take units where all of these are far from their limits; False where one is not."""
        now = time.monotonic()
        tallies = [self._of(account, now) for account in accounts]
        for tally in tallies:
            if not tally.is_sure(units, now):
                return False
        for tally in tallies:
            tally.untold += units
            self._untold[tally.account.key] = tally
        if self._telling is None:
            self._telling = asyncio.ensure_future(self._tell_later())
        return True

    async def spend(self, accounts: Sequence[Account], units: int) -> Refusal | None:
        """Take units from all of these, or from none: why not, then."""
        if self.spend_at_once(accounts, units):
            return None
        now = time.monotonic()
        tallies = [self._of(account, now) for account in accounts]
        await self._tell()
        question = Question([(account, units) for account in accounts], force=False)
        answer = await self._asked.ask(question)
        if answer is None:
            refusal = self._local.spend(accounts, units)
            for tally in tallies if refusal is None else ():
                tally.known += units
            return refusal
        self._believe(tallies, answer)
        if answer.refused is not None:
            return Refusal(accounts[answer.refused], answer.wait)
        for account in accounts:
            self._local.note(account, units)
        return None

    async def _ask_each(self, questions: Sequence[Question]) -> Sequence[Answer | None]:
        answers = await self._ask(questions)
        return [None] * len(questions) if answers is None else answers

    async def _tell_later(self) -> None:
        await asyncio.sleep(TELL_SECONDS)
        self._telling = None
        await self._tell()

    async def _tell(self) -> None:
        """Let Redis know what it has not heard of, some hundred accounts a round trip."""
        tallies = list(self._untold.values())
        self._untold.clear()
        for start in range(0, len(tallies), ACCOUNTS_AT_ONCE):
            told = tallies[start : start + ACCOUNTS_AT_ONCE]
            spent = [(tally.account, tally.untold) for tally in told]
            for tally in told:
                self._local.note(tally.account, tally.untold)
                tally.known, tally.untold = tally.known + tally.untold, 0
            answer = await self._asked.ask(Question(spent, force=True))
            if answer is not None:
                self._believe(told, answer)
        self._forget_idle()

    @staticmethod
    def _believe(tallies: Sequence[_Tally], answer: Answer) -> None:
        until = time.monotonic() + BELIEVED_SECONDS
        for tally, total in zip(tallies, answer.totals, strict=True):
            tally.known, tally.believed_until = total, until

    def _of(self, account: Account, now: float) -> _Tally:
        tally = self._tallies.get(account.key)
        if tally is None or tally.account.limit != account.limit:
            tally = self._tallies[account.key] = _Tally(account)
        tally.used_at = now
        return tally

    def _forget_idle(self) -> None:
        now = time.monotonic()
        if now < self._forget_at:
            return
        self._forget_at = now + WINDOW
        for key, tally in list(self._tallies.items()):
            if tally.used_at < now - WINDOW and not tally.untold:
                del self._tallies[key]
