"""The state of several processes, in Redis; each process's own while Redis is away."""

from __future__ import annotations

import asyncio
import logging
import time
import zlib
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from typing import Any, NamedTuple, TypeVar, cast

import redis.asyncio
import redis.asyncio.retry
import redis.backoff
from redis.exceptions import RedisError

from sync.conf import sync_settings
from sync.delivery.budgets import (
    SPEND,
    Account,
    Answer,
    Question,
    Refusal,
    SharedBudgets,
)
from sync.delivery.ends import TAKE_OUT, Ends
from sync.delivery.gathering import Gathered
from sync.delivery.leases import LEASES_AT_ONCE, Leases
from sync.delivery.shared_state.memory import MemoryState
from sync.delivery.shared_state.messages import COUNT, Count, Counted, SharedMessages
from sync.delivery.shared_state.port import LEASE_SECONDS
from sync.protocol.limits import WINDOW

logger = logging.getLogger("bos.sync")
T = TypeVar("T")

# How long Redis may take, and how long it is left alone after it failed: a hung Redis must not
# make every request wait.
REDIS_TIMEOUT = 1.0
REDIS_PAUSE = 2.0
# Which of some slots are taken, 1 or 0 each. Arguments: the lease, then of each key the connection,
# the limit and so many of the user's that have been given back, of which Redis has not heard.
_TAKE_SLOTS = """
local t = redis.call('TIME'); local now = t[1] * 1000 + math.floor(t[2] / 1000)
local lease, at, taken = tonumber(ARGV[1]), 2, {}
for i, key in ipairs(KEYS) do
  local connection, limit, gone = ARGV[at], tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2])
  for n = at + 3, at + 2 + gone do redis.call('ZREM', key, ARGV[n]) end
  at = at + 3 + gone
  redis.call('ZREMRANGEBYSCORE', key, '-inf', now)
  taken[i] = 0
  if redis.call('ZSCORE', key, connection) or redis.call('ZCARD', key) < limit then
    redis.call('ZADD', key, now + lease, connection)
    redis.call('PEXPIRE', key, lease * 2)
    taken[i] = 1
  end
end
return taken
"""
_HOLDERS = """
local t = redis.call('TIME'); local now = t[1] * 1000 + math.floor(t[2] / 1000)
return redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. now, '+inf')
"""


def _key(of: str, name: str) -> str:
    return f"{sync_settings().redis_prefix}:{of}:{name}"


def _slots(user_id: str) -> str:
    # Processes of another release may have taken theirs under this name.
    return _key("places", user_id)


def _present(presence_key: str) -> str:
    return _key("present", presence_key)


def _ms(seconds: float) -> int:
    return int(seconds * 1000)


async def _eval(
    client: redis.asyncio.Redis, script: str, keys: Sequence[str], *arguments: object
) -> Any:
    # redis-py types the answer of its asynchronous client as if it might be the other one's.
    return await cast(Any, client.eval(script, len(keys), *keys, *map(str, arguments)))


class _Slot(NamedTuple):
    """A place that `take_slot` asks for."""

    key: str
    connection_id: str
    limit: int


class RedisState:
    """The state of all processes; this process's own where Redis does not answer."""

    shared = True

    def __init__(self, urls: Iterable[str]) -> None:
        self._clients = [
            redis.asyncio.Redis.from_url(
                url,
                socket_timeout=REDIS_TIMEOUT,
                socket_connect_timeout=REDIS_TIMEOUT,
                retry=redis.asyncio.retry.Retry(redis.backoff.NoBackoff(), 0),
            )
            for url in urls
        ]
        self._local = MemoryState()
        self._messages = SharedMessages(self._ask_messages, self._client, self._local)
        self._away_until: dict[redis.asyncio.Redis, float] = {}
        """When each that did not answer is asked again; the others are asked meanwhile."""
        self._missed = asyncio.Event()
        """Something could not be told: what is leased here must be said again."""
        # What is told of a connection is told in its order: nothing stays leased that has ended.
        turns = {client: asyncio.Lock() for client in self._clients}
        self._ends = Ends(
            partial(self._ask, otherwise=None), turns, pause=REDIS_PAUSE, lease=LEASE_SECONDS
        )
        self._leases = Leases(partial(self._ask, otherwise=False), turns)
        self._takes = {
            client: Gathered(partial(self._take_slots, client), most=LEASES_AT_ONCE)
            for client in self._clients
        }
        # One of each address: accounts of an organization are asked for in one round trip.
        self._budgets = {
            client: SharedBudgets(partial(self._ask_work, client)) for client in self._clients
        }

    @property
    def away(self) -> bool:
        return bool(self._away_until)

    async def take_slot(self, user_id: str, connection_id: str, limit: int) -> bool:
        # Always counted here as well, so that the count is right when Redis goes away.
        if not await self._local.take_slot(user_id, connection_id, limit):
            return False
        slot = _Slot(_slots(user_id), connection_id, limit)
        if await self._takes[self._client(user_id)].ask(slot):
            return True
        await self._local.free_slot(user_id, connection_id)
        return False

    async def _take_slots(self, client: redis.asyncio.Redis, slots: list[_Slot]) -> list[bool]:
        """Take each in turn; all of them are taken while Redis is away."""
        gone = {slot.key: self._ends.untold(client, slot.key) for slot in slots}
        arguments: list[object] = [_ms(LEASE_SECONDS)]
        for key, connection_id, limit in slots:
            arguments += [connection_id, limit, len(gone[key]), *gone[key]]
        keys = [slot.key for slot in slots]
        taken: list[int] | None = await self._ask(
            client, lambda: _eval(client, _TAKE_SLOTS, keys, *arguments), otherwise=None
        )
        if taken is None:
            return [True] * len(slots)
        for key, of_key in gone.items():
            for ended in of_key:
                self._ends.withdraw(client, key, ended)
        return list(map(bool, taken))

    async def free_slot(self, user_id: str, connection_id: str) -> None:
        await self._local.free_slot(user_id, connection_id)
        if not self._local.slots_of(user_id):
            self._messages.forget(user_id)
        await self._take_out(self._client(user_id), _slots(user_id), connection_id)

    async def _take_out(self, client: redis.asyncio.Redis, key: str, member: str) -> int | None:
        self._leases.withdraw(client, key, member)
        return await self._ends.take_out(client, key, member)

    async def renewal_due(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self._missed.wait()
        except TimeoutError:
            return False
        await asyncio.sleep(REDIS_PAUSE)
        self._missed.clear()
        return True

    async def renew_slots(self, slots: Iterable[tuple[str, str]]) -> bool:
        """Keep them without a condition: a slot once given stays, whatever Redis forgot."""
        return await self._keep(slots, _slots, LEASE_SECONDS)

    async def _keep(
        self,
        leases: Iterable[tuple[str, str]],
        key_of: Callable[[str], str],
        seconds: float,
    ) -> bool:
        """Tell each Redis of its own at the same time: none waits for one that is away."""
        told = []
        for client, of_client in self._slices(leases):
            members = [(key_of(name), connection_id) for name, connection_id in of_client]
            told.append(self._leases.keep(client, members, _ms(seconds)))
        return all(await asyncio.gather(*told))

    def _slices(
        self, leases: Iterable[tuple[str, str]]
    ) -> Iterable[tuple[redis.asyncio.Redis, list[tuple[str, str]]]]:
        """Yield the leases by their Redis, in parts that it takes well within its time."""
        by_client: dict[redis.asyncio.Redis, list[tuple[str, str]]] = defaultdict(list)
        for key, connection_id in leases:
            by_client[self._client(key)].append((key, connection_id))
        for client, of_client in by_client.items():
            for start in range(0, len(of_client), LEASES_AT_ONCE):
                yield client, of_client[start : start + LEASES_AT_ONCE]

    async def hit(self, user_id: str, limit: int, window: float) -> float:
        return await self._messages.hit(user_id, limit, window)

    def spend_at_once(self, organization_id: str, accounts: Sequence[Account], units: int) -> bool:
        return self._budgets[self._client(organization_id)].spend_at_once(accounts, units)

    async def spend(
        self, organization_id: str, accounts: Sequence[Account], units: int
    ) -> Refusal | None:
        return await self._budgets[self._client(organization_id)].spend(accounts, units)

    async def _ask_work(
        self, client: redis.asyncio.Redis, questions: Sequence[Question]
    ) -> list[Answer] | None:
        keys = [_key("work", account.key) for asked in questions for account, _ in asked.accounts]
        figures: list[int] = []
        for accounts, force in questions:
            figures += [int(force), len(accounts)]
            figures += [n for account, units in accounts for n in (units, account.limit)]
        answers = await self._ask(
            client, lambda: _eval(client, SPEND, keys, int(WINDOW), *figures), otherwise=None
        )
        if answers is None:
            return None
        return [
            Answer(refused - 1 if refused else None, wait, totals)
            for refused, wait, *totals in answers
        ]

    async def _ask_messages(
        self, client: redis.asyncio.Redis, counts: Sequence[Count], window: float
    ) -> list[Counted] | None:
        keys = [key for c in counts for key in (_key("messages", c.user_id), _slots(c.user_id))]
        figures = [n for c in counts for n in (c.limit, c.messages, int(c.asks))]
        answer = await self._ask(
            client, lambda: _eval(client, COUNT, keys, _ms(window), *figures), otherwise=None
        )
        return None if answer is None else [Counted(*of_user) for of_user in answer]

    async def lease(self, presences: Iterable[tuple[str, str]], seconds: float) -> bool:
        there = list(presences)
        for key, connection_id in there:
            self._ends.withdraw(self._client(key), _present(key), connection_id)
        return await self._keep(there, _present, seconds)

    async def release(self, presence_key: str, connection_id: str) -> int | None:
        return await self._take_out(
            self._client(presence_key), _present(presence_key), connection_id
        )

    async def present(self, presence_keys: Sequence[str]) -> list[int | None]:
        counts: dict[str, int] = {}
        for client, asked in self._slices((presence_key, "") for presence_key in presence_keys):
            answers = await self._ask(client, partial(self._count, client, asked), otherwise=None)
            if answers is not None:
                keys = (presence_key for presence_key, _ in asked)
                counts |= dict(zip(keys, answers, strict=True))
        return [counts.get(presence_key) for presence_key in presence_keys]

    @staticmethod
    async def _count(client: redis.asyncio.Redis, asked: list[tuple[str, str]]) -> list[int] | None:
        pipe = client.pipeline(transaction=False)
        for presence_key, nobody in asked:
            pipe.eval(TAKE_OUT, 1, _present(presence_key), nobody)
        return await pipe.execute()

    async def holders(self, presence_key: str) -> list[str] | None:
        key, client = _present(presence_key), self._client(presence_key)
        found = await self._ask(client, lambda: _eval(client, _HOLDERS, [key]), otherwise=None)
        return None if found is None else [member.decode() for member in found]

    def _client(self, key: str) -> redis.asyncio.Redis:
        return self._clients[zlib.crc32(key.encode()) % len(self._clients)]

    async def _ask(
        self, client: redis.asyncio.Redis, question: Callable[[], Awaitable[T]], *, otherwise: T
    ) -> T:
        """Return the answer of this Redis, or `otherwise` while it is away."""
        if time.monotonic() < self._away_until.get(client, 0.0):
            self._missed.set()
            return otherwise
        try:
            async with asyncio.timeout(REDIS_TIMEOUT):
                answer = await question()
        # RuntimeError: uvloop's, of a connection that was lost a moment ago.
        except (RedisError, OSError, TimeoutError, RuntimeError) as error:
            self._away_until[client] = time.monotonic() + REDIS_PAUSE
            self._missed.set()
            logger.warning("redis away", extra={"error": type(error).__name__})
            return otherwise
        self._away_until.pop(client, None)
        return answer
