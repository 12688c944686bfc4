"""Messages of users within a window, counted in Redis for all processes (decision L1).

Exact near the limit, where each message is asked for. Far from it Redis is told a moment later, of
all users that have sent something in one round trip: otherwise each message would wait for Redis,
and those behind it on the same connection, and a question a user would be a fifth of the work of
many who send little.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Generic, NamedTuple, TypeVar

from sync.delivery.gathering import Gathered
from sync.delivery.shared_state.memory import MemoryState

Client = TypeVar("Client")

# How late Redis hears of messages far from the limit; near it, each is asked for. A quarter of the
# margin makes Redis hear at once: a flood in many processes must not pass the limit in that time.
TELL_SECONDS = 0.02
# How long is believed what Redis has said of a user's messages where they are connected to this
# process alone: they may only just have connected to another one. A user who is connected there as
# well sends 300 messages in the time of a few round trips: Redis is asked for each of theirs.
BELIEVED_ALONE = 1.0
MARGIN = 40
USERS_AT_ONCE = 250
"""One script runs for half a millisecond then, in which Redis does nothing else."""

# Times of users' messages, newest first. Arguments: window, then of each user the limit, the
# messages, and whether they have to be let in first (one message) or were (any number).
# {ms to wait, messages within the window, connections of the user} of each.
COUNT = """
local t = redis.call('TIME'); local now = t[1] * 1000 + math.floor(t[2] / 1000)
local window, answer = tonumber(ARGV[1]), {}
for i = 1, #KEYS, 2 do
  local times, at = KEYS[i], (i - 1) / 2 * 3 + 2
  local limit, hits, asks = tonumber(ARGV[at]), tonumber(ARGV[at + 1]), ARGV[at + 2] == '1'
  while true do
    local oldest = redis.call('LINDEX', times, -1)
    if not oldest or tonumber(oldest) > now - window then break end
    redis.call('RPOP', times)
  end
  local count, wait = redis.call('LLEN', times), 0
  if asks and count >= limit then
    wait = redis.call('LINDEX', times, limit - 1) + window - now
  else
    for _ = 1, hits do redis.call('LPUSH', times, now) end
    redis.call('PEXPIRE', times, window)
    count = count + hits
  end
  answer[#answer + 1] = {wait, count, redis.call('ZCARD', KEYS[i + 1])}
end
return answer
"""


class Count(NamedTuple):
    """Messages of a user to be counted. asks: it is one, and may be refused."""

    user_id: str
    limit: int
    messages: int
    asks: bool


class Counted(NamedTuple):
    """wait_ms: 0 where it is let in. messages: within the window. slots: the user's connections."""

    wait_ms: int
    messages: int
    slots: int


Ask = Callable[[Client, Sequence[Count], float], Awaitable[Sequence[Counted] | None]]


@dataclass(slots=True, eq=False)
class _Tally:
    """A user's messages here: those Redis knows of (all processes'), and those it does not yet."""

    user_id: str
    limit: int
    known: int = 0
    believed_until: float = -math.inf
    untold: int = 0

    def is_sure(self, now: float) -> bool:
        """Whether one more is far from the limit, whatever other processes have let in."""
        margin = max(MARGIN, self.limit // 5)
        return (
            now < self.believed_until
            and self.known + self.untold < self.limit - margin
            and self.untold < margin // 4
        )


class SharedMessages(Generic[Client]):
    """The messages of users on this process, as all processes know them.

    ask: has messages counted by this client's Redis, within this window; None while it is away.
    client_of: whose Redis keeps a user's messages. local: counts them here as well, for when Redis
    goes away, and knows of the users' connections.
    """

    def __init__(
        self, ask: Ask[Client], client_of: Callable[[str], Client], local: MemoryState
    ) -> None:
        self._ask = ask
        self._client_of = client_of
        self._local = local
        self._tallies: dict[str, _Tally] = {}
        self._untold: dict[str, _Tally] = {}
        self._asked: dict[Client, Gathered[tuple[_Tally, float], Counted | None]] = {}
        self._telling: asyncio.Task[None] | None = None

    def forget(self, user_id: str) -> None:
        """The user has gone; what they have sent is told all the same."""
        self._tallies.pop(user_id, None)

    async def hit(self, user_id: str, limit: int, window: float) -> float:
        """Count a message of the user; 0 if within the limit, else seconds until one would be."""
        tally = self._tallies.get(user_id)
        if tally is None or tally.limit != limit:
            # What they have sent before, or elsewhere, only Redis knows.
            tally = self._tallies[user_id] = _Tally(user_id, limit)
        elif tally.is_sure(time.monotonic()):
            tally.untold += 1
            self._untold[user_id] = tally
            if self._telling is None:
                self._telling = asyncio.ensure_future(self._tell_later(window))
            return 0.0
        return await self._hit(tally, window)

    async def _hit(self, tally: _Tally, window: float) -> float:
        """Ask for one message; of all that are asked for at the same time in one round trip."""
        client = self._client_of(tally.user_id)
        asked = self._asked.get(client)
        if asked is None:
            answer = partial(self._ask_each, client)
            asked = self._asked[client] = Gathered(answer, most=USERS_AT_ONCE)
        counted = await asked.ask((tally, window))
        if counted is None:
            return await self._local.hit(tally.user_id, tally.limit, window)
        self._believe(tally, counted)
        return counted.wait_ms / 1000

    async def _ask_each(
        self, client: Client, asked: Sequence[tuple[_Tally, float]]
    ) -> Sequence[Counted | None]:
        """Ask for one message of each, and tell of those before it in the same round trip."""
        window = asked[0][1]
        told = self._take([self._untold.pop(tally.user_id, tally) for tally, _ in asked])
        ones = [Count(tally.user_id, tally.limit, 1, asks=True) for tally, _ in asked]
        answers = await self._ask(client, [*told, *ones], window)
        await self._count_here(told, window)
        return [None] * len(asked) if answers is None else answers[len(told) :]

    async def _tell_later(self, window: float) -> None:
        await asyncio.sleep(TELL_SECONDS)
        self._telling = None
        by_client: dict[Client, list[_Tally]] = defaultdict(list)
        for tally in self._untold.values():
            by_client[self._client_of(tally.user_id)].append(tally)
        self._untold.clear()
        for client, tallies in by_client.items():
            for start in range(0, len(tallies), USERS_AT_ONCE):
                await self._tell(client, tallies[start : start + USERS_AT_ONCE], window)

    async def _tell(self, client: Client, tallies: Sequence[_Tally], window: float) -> None:
        tallies = [tally for tally in tallies if tally.untold]  # others were told of meanwhile
        told = self._take(tallies)
        answers = await self._ask(client, told, window) if told else []
        if answers is not None:
            for tally, counted in zip(tallies, answers, strict=True):
                self._believe(tally, counted)
        await self._count_here(told, window)

    @staticmethod
    def _take(tallies: Sequence[_Tally]) -> list[Count]:
        """Return what Redis has to be told of these; it counts as known from now on."""
        counts = []
        for tally in tallies:
            if tally.untold:
                counts.append(Count(tally.user_id, tally.limit, tally.untold, asks=False))
                tally.known, tally.untold = tally.known + tally.untold, 0
        return counts

    async def _count_here(self, counts: Sequence[Count], window: float) -> None:
        for count in counts:
            for _ in range(count.messages):
                await self._local.hit(count.user_id, count.limit, window)

    def _believe(self, tally: _Tally, counted: Counted) -> None:
        tally.known = counted.messages
        alone = counted.slots <= self._local.slots_of(tally.user_id)
        tally.believed_until = time.monotonic() + BELIEVED_ALONE if alone else -math.inf
