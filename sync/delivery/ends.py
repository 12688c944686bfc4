"""Inform Redis of connections that have ended: many in one round trip, again until it answers.

What it is not told would count for as long as a lease lasts: a user who has closed ten connections
while Redis was silent would be refused the next one.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import islice

import redis.asyncio

# One round trip takes so many: Redis and this process's loop do other things in between.
ENDS_AT_ONCE = 250
# Takes a connection away (none is called ''); how many are there.
TAKE_OUT = """
local t = redis.call('TIME'); local now = t[1] * 1000 + math.floor(t[2] / 1000)
redis.call('ZREM', KEYS[1], ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
return redis.call('ZCARD', KEYS[1])
"""

Counts = list[int] | None
Ask = Callable[[redis.asyncio.Redis, Callable[[], Awaitable[Counts]]], Awaitable[Counts]]


@dataclass(slots=True, eq=False)
class _End:
    """keep_until: by the loop's clock; the lease has expired by then."""

    keep_until: float
    left: asyncio.Future[int | None]

    def settle(self, left: int | None) -> None:
        if not self.left.done():
            self.left.set_result(left)


Waiting = dict[str, dict[str, _End]]
"""By set and member."""


class Ends:
    """Members to be taken out of sets, by the client whose Redis keeps the set.

    ask: asks a Redis; None while it is away. turns: one of each Redis, taken for a round trip;
    shared with `Leases`, so that a member who comes back is kept after its end. pause: seconds
    until an absent one is asked again. lease: seconds after which a member is out by itself.
    """

    def __init__(
        self,
        ask: Ask,
        turns: Mapping[redis.asyncio.Redis, asyncio.Lock],
        *,
        pause: float,
        lease: float,
    ) -> None:
        self._ask = ask
        self._turns = turns
        self._pause = pause
        self._lease = lease
        self._waiting: dict[redis.asyncio.Redis, Waiting] = defaultdict(dict)
        self._telling: dict[redis.asyncio.Redis, asyncio.Task[None]] = {}
        self._pausing: set[redis.asyncio.Redis] = set()

    async def take_out(self, client: redis.asyncio.Redis, key: str, member: str) -> int | None:
        """Take the member out of the set; how many are left there.

        None where Redis does not answer: it is told as soon as it does. While one round trip is
        under way, those that come are gathered for the next.
        """
        loop = asyncio.get_running_loop()
        end = _End(loop.time() + self._lease, loop.create_future())
        of_key = self._waiting[client].setdefault(key, {})
        if (before := of_key.get(member)) is not None:
            before.settle(None)  # a question that came twice is answered once
        of_key[member] = end
        if client in self._pausing:
            return None
        if client not in self._telling:
            self._telling[client] = loop.create_task(self._tell(client))
        return await end.left

    def untold(self, client: redis.asyncio.Redis, key: str) -> list[str]:
        """Members of this set of whose end Redis may not have heard."""
        return list(self._waiting[client].get(key, ()))

    def withdraw(self, client: redis.asyncio.Redis, key: str, member: str) -> None:
        """The member is out already, or is back: do not take it out."""
        of_key = self._waiting[client].get(key, {})
        if member in of_key:
            self._forget(client, key, member, of_key[member], left=None)

    def _forget(
        self, client: redis.asyncio.Redis, key: str, member: str, end: _End, *, left: int | None
    ) -> None:
        end.settle(left)
        of_key = self._waiting[client].get(key, {})
        if of_key.get(member) is end:
            del of_key[member]
            if not of_key:
                del self._waiting[client][key]

    async def _tell(self, client: redis.asyncio.Redis) -> None:
        try:
            while self._waiting[client]:
                async with self._turns[client]:
                    # Only now: who has come back meanwhile is no longer among them.
                    batch = list(islice(self._all(client), ENDS_AT_ONCE))
                    left = await self._ask(client, partial(_send, client, batch)) if batch else []
                if left is None:
                    await self._wait(client)
                    continue
                for (key, member, end), count in zip(batch, left, strict=True):
                    self._forget(client, key, member, end, left=count)
        finally:
            del self._telling[client]

    async def _wait(self, client: redis.asyncio.Redis) -> None:
        """Redis is away: nobody waits for it, and it is asked again after a pause."""
        for _, _, end in self._all(client):
            end.settle(None)
        self._pausing.add(client)
        try:
            await asyncio.sleep(self._pause)
        finally:
            self._pausing.discard(client)
        now = asyncio.get_running_loop().time()
        for expired in [each for each in self._all(client) if each[2].keep_until < now]:
            self._forget(client, *expired, left=None)

    def _all(self, client: redis.asyncio.Redis) -> Iterator[tuple[str, str, _End]]:
        for key, of_key in self._waiting[client].items():
            for member, end in of_key.items():
                yield key, member, end


async def _send(
    client: redis.asyncio.Redis, batch: list[tuple[str, str, _End]]
) -> list[int] | None:
    pipe = client.pipeline(transaction=False)
    for key, member, _ in batch:
        pipe.eval(TAKE_OUT, 1, key, member)
    return await pipe.execute()
