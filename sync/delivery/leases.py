"""Inform Redis of the connections that are there: many in one round trip, very many in slices.

Neither this process's loop nor Redis is held for long by some ten thousand connections: others'
requests come in between.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import ceil
from typing import TypeVar, cast

import redis.asyncio

from sync.delivery.clock import TimeSource

T = TypeVar("T")

# One round trip takes so many. 100 hold the loop for 0.4 ms, and Redis for 0.1 ms.
LEASES_AT_ONCE = 100
# For each key: for how many milliseconds, how many members, the members. A key goes with its last.
_LEASE = """
local t = redis.call('TIME'); local now = t[1] * 1000 + math.floor(t[2] / 1000)
local at = 1
for _, key in ipairs(KEYS) do
  local lease, members = tonumber(ARGV[at]), tonumber(ARGV[at + 1])
  local told = {}
  for i = 1, members do
    told[2 * i - 1] = now + lease
    told[2 * i] = ARGV[at + 1 + i]
  end
  redis.call('ZADD', key, unpack(told))
  redis.call('PEXPIRE', key, lease)
  at = at + 2 + members
end
return 1
"""

Ask = Callable[[redis.asyncio.Redis, Callable[[], Awaitable[bool]]], Awaitable[bool]]


@dataclass(slots=True, eq=False)
class _Leases:
    """The leases of one call. members: (key, member)."""

    members: Sequence[tuple[str, str]]
    ms: int
    told: asyncio.Future[bool]


class Leases:
    """Members to be kept in sets for a while, by the client whose Redis keeps the set.

    ask: asks a Redis; False while it is away. turns: one of each Redis, taken for a round trip;
    shared with `Ends`, so that a member whose lease is under way is taken out after it.
    """

    def __init__(self, ask: Ask, turns: Mapping[redis.asyncio.Redis, asyncio.Lock]) -> None:
        self._ask = ask
        self._turns = turns
        self._waiting: dict[redis.asyncio.Redis, list[_Leases]] = defaultdict(list)
        self._telling: dict[redis.asyncio.Redis, asyncio.Task[None]] = {}

    def keep(
        self, client: redis.asyncio.Redis, members: Sequence[tuple[str, str]], ms: int
    ) -> asyncio.Future[bool]:
        """Keep these, each (key, member), for so long from now on; whether Redis has heard it.

        Queued before this returns. While one round trip is under way, those that come are gathered
        for the next.
        """
        loop = asyncio.get_running_loop()
        leases = _Leases(members, ms, loop.create_future())
        self._waiting[client].append(leases)
        if client not in self._telling:
            self._telling[client] = loop.create_task(self._tell(client))
        return leases.told

    def withdraw(self, client: redis.asyncio.Redis, key: str, member: str) -> None:
        """The member has gone: do not keep it, where that is not under way yet."""
        for leases in self._waiting[client]:
            leases.members = [each for each in leases.members if each != (key, member)]

    async def _tell(self, client: redis.asyncio.Redis) -> None:
        waiting = self._waiting[client]
        batch: list[_Leases] = []
        try:
            while waiting:
                async with self._turns[client]:
                    batch = _taken(waiting)
                    told = await self._ask(client, partial(_send, client, batch))
                for leases in batch:
                    _settle(leases, told)
        finally:
            del self._telling[client]
            for leases in [*batch, *waiting]:  # where an error has ended it
                _settle(leases, False)
            waiting.clear()


def _taken(waiting: list[_Leases]) -> list[_Leases]:
    """Those that are told together: a slice, or the first one where that is more."""
    room = LEASES_AT_ONCE
    batch: list[_Leases] = []
    for leases in waiting:
        room -= len(leases.members)
        if batch and room < 0:
            break
        batch.append(leases)
    del waiting[: len(batch)]
    return batch


def _settle(leases: _Leases, told: bool) -> None:
    if not leases.told.done():
        leases.told.set_result(told)


async def _send(client: redis.asyncio.Redis, batch: Sequence[_Leases]) -> bool:
    by_key: dict[tuple[str, int], list[str]] = defaultdict(list)
    for leases in batch:
        for key, member in leases.members:
            by_key[key, leases.ms].append(member)
    arguments: list[str] = []
    for (_, ms), members in by_key.items():
        arguments += (str(ms), str(len(members)), *members)
    keys = [key for key, _ in by_key]
    if not keys:
        return True
    # redis-py types the answer of its asynchronous client as if it might be the other one's.
    await cast(Awaitable[object], client.eval(_LEASE, len(keys), *keys, *arguments))
    return True


async def in_slices(
    items: Sequence[T],
    tell: Callable[[Sequence[T]], Awaitable[bool]],
    *,
    over: float,
    clock: TimeSource,
) -> bool:
    """Call `tell` with a slice of these at a time, the last one after about `over` seconds.

    A slice that takes long does not put off those after it. Behind one that could not be told they
    follow at once: what another Redis keeps is kept there, and all may soon be told again. Returns
    whether all was told.
    """
    began, slices, told = clock.time(), ceil(len(items) / LEASES_AT_ONCE), True
    for n in range(slices):
        pause = began + over * n / slices - clock.time()
        if n and pause > 0:
            await clock.sleep(pause)
        if not await tell(items[n * LEASES_AT_ONCE : (n + 1) * LEASES_AT_ONCE]):
            told, over = False, 0.0
    return told
