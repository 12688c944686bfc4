"""The state that a process shares by Redis, also by one that dies or is silent."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import math
import socket
import struct
import threading
import zlib
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from itertools import pairwise
from typing import Any

import pytest
import redis.asyncio
import uvloop

from sync.delivery.clock import LoopTime
from sync.delivery.ends import ENDS_AT_ONCE, Ends
from sync.delivery.leases import LEASES_AT_ONCE, Leases, in_slices
from sync.delivery.shared_state.messages import USERS_AT_ONCE
from sync.delivery.shared_state.redis import RedisState
from tests.support.services import RedisServer, redis_server
from tests.support.waiting import until

# uvloop says of a lost connection now this, now that: the rarer in one of 13 times.
TRIES = 200
RESET_AT_CLOSE = struct.pack("ii", 1, 0)


@pytest.fixture
def dying_redis() -> Iterator[str]:
    """A server that resets each connection as soon as it is there; its URL."""
    listening = socket.create_server(("127.0.0.1", 0))

    def reset() -> None:
        while True:
            try:
                accepted, _ = listening.accept()
            except OSError:
                return
            accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_AT_CLOSE)
            accepted.close()

    thread = threading.Thread(target=reset)
    thread.start()
    yield f"redis://127.0.0.1:{listening.getsockname()[1]}/0"
    listening.shutdown(socket.SHUT_RDWR)
    listening.close()
    thread.join()


def test_v2_a_redis_that_dies_while_it_is_asked_is_away_and_no_error(dying_redis: str) -> None:
    async def ask() -> list[int | None]:
        return [await RedisState((dying_redis,)).release("place", "c1") for _ in range(TRIES)]

    assert uvloop.run(ask()) == [None] * TRIES


PLACES = 10
TURNS = partial(defaultdict[redis.asyncio.Redis, asyncio.Lock], asyncio.Lock)


LIMIT = 300
WINDOW = 60.0


async def scripts_run(client: redis.asyncio.Redis) -> int:
    return int((await client.info("commandstats")).get("cmdstat_eval", {}).get("calls", 0))


async def counted(client: Any, user: str) -> int:
    """Return how many messages of the user Redis knows of."""
    return int(await client.llen(f"bos:messages:{user}"))


async def test_l1_of_many_users_far_from_their_limit_redis_hears_in_one_round_trip(
    own_redis: RedisServer,
) -> None:
    client = redis.asyncio.Redis.from_url(own_redis.url)
    state = RedisState((own_redis.url,))
    users = [f"user{n}" for n in range(USERS_AT_ONCE)]
    for user in users:
        await state.take_slot(user, user, 1)
        await state.hit(user, LIMIT, WINDOW)  # what they have sent elsewhere, only Redis knows
    before = await scripts_run(client)
    for user in users:
        for _ in range(3):
            assert await state.hit(user, LIMIT, WINDOW) == 0

    async def is_told() -> bool:
        return await counted(client, users[-1]) == 4

    await until(is_told, within=5)
    assert {await counted(client, user) for user in users} == {4}
    assert await scripts_run(client) == before + 1
    await client.aclose()


async def test_l1_messages_that_are_asked_for_at_the_same_time_are_few_round_trips(
    own_redis: RedisServer,
) -> None:
    """After a restart all users send at once what Redis has to let in."""
    client = redis.asyncio.Redis.from_url(own_redis.url)
    state = RedisState((own_redis.url,))
    users = [f"user{n}" for n in range(USERS_AT_ONCE)]
    before = await scripts_run(client)
    waits = await asyncio.gather(*(state.hit(user, 1, WINDOW) for user in [*users, *users]))
    assert [wait > 0 for wait in waits] == [False] * len(users) + [True] * len(users)
    assert {await counted(client, user) for user in users} == {1}
    assert await scripts_run(client) <= before + 3
    await client.aclose()


async def test_l1_of_a_limit_that_two_processes_share_not_one_message_more_is_let_in(
    own_redis: RedisServer,
) -> None:
    """One after the other and at once, far from the limit and near it."""
    states = [RedisState((own_redis.url,)) for _ in range(2)]
    for n, state in enumerate(states):
        await state.take_slot("bob", f"c{n}", 2)
    waits = [await state.hit("bob", LIMIT, WINDOW) for _ in range(70) for state in states]
    for _ in range(20):
        waits += await asyncio.gather(
            *(state.hit("bob", LIMIT, WINDOW) for _ in range(5) for state in states)
        )
    assert waits.count(0.0) == LIMIT
    assert all(0 < wait <= WINDOW for wait in waits if wait)


async def test_l1_messages_that_were_let_in_are_counted_when_the_user_has_gone_since(
    own_redis: RedisServer,
) -> None:
    client = redis.asyncio.Redis.from_url(own_redis.url)
    state = RedisState((own_redis.url,))
    for connection in ("old", "new"):
        await state.take_slot("bob", connection, 1)
        for _ in range(4):  # the first is asked for, three are told of later
            assert await state.hit("bob", LIMIT, WINDOW) == 0
        await state.free_slot("bob", connection)
    await state.take_slot("bob", "newest", 1)
    assert await state.hit("bob", LIMIT, WINDOW) == 0
    assert await counted(client, "bob") == 9
    await client.aclose()


async def test_w8_many_ends_are_told_in_few_round_trips_and_each_hears_who_is_left(
    own_redis: RedisServer,
) -> None:
    client = redis.asyncio.Redis.from_url(own_redis.url)
    asked = 0

    async def ask(_: Any, question: Callable[[], Awaitable[Any]]) -> Any:
        nonlocal asked
        asked += 1
        return await question()

    count = 2 * ENDS_AT_ONCE + 1
    far = (await client.time())[0] * 1000 + 60_000
    await client.zadd("room", {f"c{n}": far for n in range(count + 1)})
    ends = Ends(ask, TURNS(), pause=60, lease=60)
    left = await asyncio.gather(*(ends.take_out(client, "room", f"c{n}") for n in range(count)))
    assert left == list(range(count, 0, -1))
    assert asked == 3
    await client.aclose()


async def test_a4_of_many_who_sign_in_at_once_so_many_get_a_place_and_not_one_more(
    own_redis: RedisServer,
) -> None:
    """With one question a process, whoever they are; and in two processes at the same time."""
    states = [RedisState((own_redis.url,)) for _ in range(2)]
    asked = [(state, user, n) for n in range(PLACES) for user in ("ann", "bob") for state in states]
    taken = await asyncio.gather(
        *(state.take_slot(user, f"{id(state)}{n}", PLACES) for state, user, n in asked)
    )
    client = redis.asyncio.Redis.from_url(own_redis.url)
    assert (await client.info("commandstats"))["cmdstat_eval"]["calls"] == len(states)
    await client.aclose()
    for user in ("ann", "bob"):
        assert sum(t for t, (_, of, _) in zip(taken, asked, strict=True) if of == user) == PLACES


async def test_w8_places_freed_while_redis_is_silent_are_free_at_once_when_it_is_back(
    own_redis: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    state = RedisState((own_redis.url,))
    other = RedisState((own_redis.url,))
    for n in range(PLACES):
        assert await state.take_slot("bob", f"old{n}", PLACES)
    own_redis.pause()
    await asyncio.gather(*(state.free_slot("bob", f"old{n}") for n in range(PLACES)))
    assert "redis away" in caplog.text
    own_redis.resume()
    # Here, with the next place that is asked for; elsewhere, as soon as Redis has been told.
    taken = [await state.take_slot("bob", f"new{n}", PLACES) for n in range(PLACES + 1)]
    assert taken == [True] * PLACES + [False]
    assert await asyncio.wait_for(state.renewal_due(60), 5)
    await state.renew_slots([("bob", f"new{n}") for n in range(PLACES - 1)])
    await state.free_slot("bob", f"new{PLACES - 1}")
    async with asyncio.timeout(5):
        await until(lambda: other.take_slot("bob", "elsewhere", PLACES), within=5)
    assert not await other.take_slot("bob", "one more", PLACES)


async def test_w8_an_end_is_told_again_until_redis_hears_but_not_of_who_is_back(
    own_redis: RedisServer,
) -> None:
    client = redis.asyncio.Redis.from_url(own_redis.url)
    is_away = True

    async def ask(_: Any, question: Callable[[], Awaitable[Any]]) -> Any:
        return None if is_away else await question()

    far = (await client.time())[0] * 1000 + 60_000
    await client.zadd("room", {"gone": far, "back": far})
    ends = Ends(ask, TURNS(), pause=0.05, lease=60)
    gone = (ends.take_out(client, "room", member) for member in ("gone", "back"))
    assert await asyncio.gather(*gone) == [None, None]
    ends.withdraw(client, "room", "back")
    is_away = False

    async def is_told() -> bool:
        return bool(await client.zrange("room", 0, -1) == [b"back"])

    await until(is_told, within=5)
    assert await ends.take_out(client, "room", "nobody") == 1
    await client.aclose()


async def test_w8_whoever_says_twice_that_somebody_has_gone_waits_for_neither_answer_for_ever(
    own_redis: RedisServer,
) -> None:
    client = redis.asyncio.Redis.from_url(own_redis.url)
    ends = Ends(lambda _, question: question(), TURNS(), pause=60, lease=60)
    async with asyncio.timeout(5):
        told = await asyncio.gather(*(ends.take_out(client, "room", "gone") for _ in range(2)))
    assert told == [None, 0]
    await client.aclose()


async def test_w8_the_places_of_a_full_process_are_renewed_within_redis_time(
    own_redis: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    """All in one pipeline, so many take longer than the second that Redis is given."""
    state = RedisState((own_redis.url,))
    with caplog.at_level(logging.WARNING):
        await state.renew_slots((f"user{n // 10}", f"c{n}") for n in range(60_000))
    assert "redis away" not in caplog.text
    client = redis.asyncio.Redis.from_url(own_redis.url)
    assert await client.dbsize() == 6_000
    assert await client.zcard("bos:places:user5999") == 10
    await client.aclose()


async def test_a4_those_that_come_at_once_are_told_in_two_round_trips_and_expire_each_by_itself(
    own_redis: RedisServer,
) -> None:
    client = redis.asyncio.Redis.from_url(own_redis.url)
    asked = 0

    async def ask(_: Any, question: Callable[[], Awaitable[bool]]) -> bool:
        nonlocal asked
        asked += 1
        return await question()

    leases = Leases(ask, TURNS())
    members = [[(f"room{n % 3}", f"c{n}")] for n in range(LEASES_AT_ONCE)]
    told = [leases.keep(client, each, 60_000 + n) for n, each in enumerate(members)]
    one_more = leases.keep(client, [("room0", "late")], 60_000)
    assert await asyncio.gather(*told, one_more) == [True] * (LEASES_AT_ONCE + 1)
    assert asked == 2
    assert await client.zcard("room0") == math.ceil(LEASES_AT_ONCE / 3) + 1
    scores = await client.zrange("room1", 0, -1, withscores=True)
    assert [member for member, _ in scores] == [
        f"c{n}".encode() for n in range(1, LEASES_AT_ONCE, 3)
    ]
    assert all(b[1] - a[1] == 3 for a, b in pairwise(scores))
    assert 59_000 < await client.pttl("room2") <= 60_000 + LEASES_AT_ONCE
    await client.aclose()


async def test_a4_who_has_gone_before_it_was_told_is_not_kept(own_redis: RedisServer) -> None:
    client = redis.asyncio.Redis.from_url(own_redis.url)
    first_is_out = asyncio.Event()

    async def ask(_: Any, question: Callable[[], Awaitable[bool]]) -> bool:
        await first_is_out.wait()
        return await question()

    leases = Leases(ask, TURNS())
    kept = [leases.keep(client, [("room", "there")], 60_000)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)  # its round trip is under way
    both = [("room", "gone"), ("room", "back")]
    kept.append(leases.keep(client, both, 60_000))
    leases.withdraw(client, "room", "gone")
    first_is_out.set()
    assert await asyncio.gather(*kept) == [True, True]
    assert sorted(await client.zrange("room", 0, -1)) == [b"back", b"there"]
    await client.aclose()


class SlowLeases:
    """A way to Redis on which the end of a connection overtakes what renews its leases, if it is
    sent before that is answered."""

    def __init__(self, redis_port: int) -> None:
        self.held = asyncio.Event()
        self._overtaken = asyncio.Event()
        self._redis_port = redis_port

    async def open(self) -> str:
        """Return its URL."""
        listening = await asyncio.start_server(self._pass_on, "127.0.0.1", 0)
        return f"redis://127.0.0.1:{listening.sockets[0].getsockname()[1]}/0"

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answers, onwards = await asyncio.open_connection("127.0.0.1", self._redis_port)
        with contextlib.suppress(asyncio.CancelledError):  # the test has ended
            while data := await reader.read(65536):
                if b"local lease, members" in data:
                    self.held.set()
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(self._overtaken.wait(), 0.3)
                onwards.write(data)
                writer.write(await answers.read(65536))
                if b"ZREM" in data:
                    self._overtaken.set()
        onwards.close()
        writer.close()


async def test_a4_nothing_is_kept_of_a_connection_that_ends_while_its_leases_are_under_way(
    own_redis: RedisServer,
) -> None:
    way = SlowLeases(own_redis.port)
    state = RedisState((await way.open(),))
    renewals = (state.renew_slots([("bob", "c1")]), state.lease([("place", "c1")], 60))
    renewing = asyncio.gather(*renewals)
    await way.held.wait()
    await asyncio.gather(state.free_slot("bob", "c1"), state.release("place", "c1"))
    assert all(await renewing)
    assert await state.present(["place"]) == [0]
    assert await RedisState((own_redis.url,)).take_slot("bob", "c2", 1)


async def test_a4_who_comes_back_while_the_end_is_under_way_is_kept(
    own_redis: RedisServer,
) -> None:
    """Told in the order of things, whatever way each of them takes to Redis."""
    client = redis.asyncio.Redis.from_url(own_redis.url)
    kept_first = asyncio.Event()

    async def ask_late(_: Any, question: Callable[[], Awaitable[Any]]) -> Any:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(kept_first.wait(), 0.3)
        return await question()

    async def ask(_: Any, question: Callable[[], Awaitable[bool]]) -> bool:
        answer = await question()
        kept_first.set()
        return answer

    turns = TURNS()
    ends, leases = Ends(ask_late, turns, pause=60, lease=60), Leases(ask, turns)
    left = asyncio.ensure_future(ends.take_out(client, "room", "c1"))
    await until(lambda: turns[client].locked(), within=5)
    ends.withdraw(client, "room", "c1")
    assert await leases.keep(client, [("room", "c1")], 60_000)
    await left
    assert await client.zrange("room", 0, -1) == [b"c1"]
    await client.aclose()


async def test_a4_all_is_told_again_once_redis_was_away(own_redis: RedisServer) -> None:
    """It may have forgotten what was told just before: the round begins anew."""
    state = RedisState((own_redis.url,))
    assert await state.renew_slots([("bob", "c1")])
    own_redis.kill()
    assert not await state.lease([("place", "c1")], 10)
    own_redis.start()
    assert await asyncio.wait_for(state.renewal_due(60), 10)
    assert await state.renew_slots([("bob", "c1")])
    assert not await state.renewal_due(0)


# ------------------------------------------------------------------ one Redis of several is away


@pytest.fixture
def half_away(own_redis: RedisServer) -> RedisState:
    """A state in two Redis: the first is there, the second is not."""
    with redis_server() as other:
        state = RedisState((own_redis.url, other.url))
    return state


def named(shard: int, count: int = 1) -> list[str]:
    """Return names of users, or of places, that this Redis of two keeps."""
    names = (f"name{n}" for n in itertools.count())
    kept = (name for name in names if zlib.crc32(name.encode()) % 2 == shard)
    return list(itertools.islice(kept, count))


async def test_a4_leases_in_a_redis_that_is_there_are_renewed_while_another_is_away(
    own_redis: RedisServer, half_away: RedisState
) -> None:
    there, away = named(0, 2 * LEASES_AT_ONCE), named(1, LEASES_AT_ONCE)
    slots = [(name, "c") for name in [*away, *there]]  # the first slice fails whole
    assert not await in_slices(slots, half_away.renew_slots, over=0, clock=LoopTime())
    assert not await in_slices(
        slots, lambda some: half_away.lease(some, 60), over=0, clock=LoopTime()
    )
    client = redis.asyncio.Redis.from_url(own_redis.url)
    keys = {key.decode() for key in await client.keys()}
    assert keys == {f"bos:{of}:{name}" for name in there for of in ("places", "present")}
    await client.aclose()


async def test_a4_what_a_redis_keeps_that_is_there_is_known_while_another_is_away(
    own_redis: RedisServer, half_away: RedisState
) -> None:
    [bob], [mia] = named(0), named(1)
    other = RedisState((own_redis.url, own_redis.url))
    assert await half_away.take_slot(mia, "c1", PLACES)  # by this process alone
    assert half_away.away
    for n in range(PLACES):
        assert await other.take_slot(bob, f"c{n}", PLACES)
    assert not await half_away.take_slot(bob, "one more", PLACES)
    assert half_away.away
    assert await half_away.lease([(bob, "c1")], 60)
    assert not await half_away.lease([(bob, "c1"), (mia, "c1")], 60)
    assert await half_away.present([mia, bob]) == [None, 1]
