"""Presence in the organization: true across processes, and only of what one may see."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import redis
from django.utils import timezone

from kpis.models import Kpi
from tests.conftest import ServeFixture
from tests.support.cast import Cast, Person
from tests.support.client import Client, Message, error_of
from tests.support.server import Server
from tests.support.services import RedisServer
from tests.wire.test_sessions import create, join

WITHIN = 15.0


def kpi(row: Kpi) -> dict[str, Any]:
    return {"type": "kpi", "id": str(row.pk)}


async def presence(client: Client, **after: Any) -> Message:
    answer = await client.ask("PRESENCE_REQUEST", after)
    assert answer["type"] == "PRESENCE", answer
    payload: dict[str, Any] = answer["payload"]
    return payload


def online(shown: Message) -> set[str]:
    return {each["userId"] for each in shown["online"]}


def looks(shown: Message) -> set[tuple[str, str]]:
    return {(each["userId"], each["entity"]["id"]) for each in shown["looking"]}


async def until(
    ask: Callable[[], Awaitable[Message]], holds: Callable[[Message], bool], within: float = WITHIN
) -> Message:
    """Ask until the answer is as it should be."""
    async with asyncio.timeout(within):
        while not holds(shown := await ask()):
            await asyncio.sleep(0.1)
    return shown


async def look(client: Client, entity: dict[str, Any] | None) -> Message:
    return await client.ask("LOOKING", {"entity": entity})


async def expect_look(client: Client, person: Person, looking: bool) -> Message:
    payload: dict[str, Any] = (await client.expect("LOOKING"))["payload"]
    assert (payload["userId"], payload["looking"]) == (person.id, looking)
    return payload


async def test_p1_who_follows_a_kpi_hears_of_others_who_look_at_it_from_all_their_devices(
    server: Server, cast: Cast
) -> None:
    revenue = kpi(cast.home.revenue)
    async with (
        await Client.connect(server, cast.bob) as bob,
        await Client.connect(server, cast.mia) as mia,
        await Client.connect(server, cast.alice) as outside,
    ):
        await bob.subscribe(f"kpi:{revenue['id']}")
        await outside.subscribe(cast.home.topic)
        answer = await look(mia, revenue)
        assert answer["payload"] == {
            "userId": cast.mia.id, "userName": "Mia", "entity": revenue, "looking": True,
        }  # fmt: skip
        assert (await expect_look(bob, cast.mia, True))["entity"] == revenue
        assert cast.mia.id in {user for user, _ in looks(await presence(bob))}
        async with await Client.connect(server, cast.mia) as second:
            await look(second, revenue)
            await expect_look(bob, cast.mia, True)
        assert await bob.settle() == []  # she still does, on the first one
        await look(mia, None)
        await expect_look(bob, cast.mia, False)
        assert await outside.settle() == []


async def test_e6_what_one_may_not_see_is_neither_looked_at_nor_learned_of(
    server: Server, cast: Cast
) -> None:
    margin = kpi(cast.home.margin)
    async with (
        await Client.connect(server, cast.bob) as bob,
        await Client.connect(server, cast.vera) as vera,
        await Client.connect(server, cast.charlie) as charlie,
    ):
        for entity in (margin, {"type": "kpi", "id": "none"}, {"type": "user", "id": cast.bob.id}):
            assert error_of(await look(vera, entity))[0] == "UNAUTHORIZED"
        await look(bob, margin)
        await look(charlie, kpi(cast.other.revenue))
        seen = await until(lambda: presence(bob), lambda shown: bool(looks(shown)))
        assert looks(seen) == {(cast.bob.id, margin["id"])}
        shown = await until(lambda: presence(vera), lambda s: cast.bob.id in online(s))
        assert looks(shown) == set()
        assert cast.charlie.id not in online(shown)
        await Kpi.objects.filter(pk=cast.home.margin.pk).aupdate(archived_at=timezone.now())
        await until(lambda: presence(bob), lambda shown: not looks(shown))


async def test_p1_sessions_are_told_with_who_is_there_to_whoever_may_join_or_follow(
    server: Server, cast: Cast
) -> None:
    async with (
        await Client.connect(server, cast.bob) as bob,
        await Client.connect(server, cast.mia) as mia,
        await Client.connect(server, cast.vera) as vera,
    ):
        open_id = (await create(bob))["sessionId"]
        await join(mia, open_id)
        private = (await create(bob, inviteUserIds=[cast.alice.id]))["sessionId"]
        of_mia = {each["session"]["id"]: each for each in (await presence(mia))["sessions"]}
        assert set(of_mia) == {open_id}
        assert [each["userId"] for each in of_mia[open_id]["participants"]] == [
            cast.bob.id, cast.mia.id,
        ]  # fmt: skip
        [of_vera] = (await presence(vera))["sessions"]
        assert (of_vera["count"], of_vera["participants"]) == (2, [])
        assert {each["session"]["id"] for each in (await presence(bob))["sessions"]} == {
            open_id, private,
        }  # fmt: skip
        rest = await presence(bob, after="ffffffff-ffff-ffff-ffff-ffffffffffff")
        assert (rest["online"], rest["next"], rest["sessions"]) == ([], None, [])


async def test_c4_two_processes_know_of_each_other_and_a_killed_one_is_forgotten_in_45_seconds(
    serve: ServeFixture, cast: Cast, own_redis: RedisServer
) -> None:
    first, second = (serve(REDIS_URL=own_redis.url) for _ in range(2))
    revenue = kpi(cast.home.revenue)
    async with await Client.connect(first, cast.bob) as bob:
        mia = await Client.connect(second, cast.mia)
        await bob.subscribe(f"kpi:{revenue['id']}")
        await look(mia, revenue)
        await expect_look(bob, cast.mia, True)
        there = await until(lambda: presence(bob), lambda s: cast.mia.id in online(s))
        assert looks(there) == {(cast.mia.id, revenue["id"])}
        second.kill()
        ends = await asyncio.to_thread(leased_until, own_redis.url, cast.mia.id)
        assert len(ends) == 2  # that she is connected, and what she looks at
        assert all(0 < end - time.time() <= 45 for end in ends)
        own_redis.kill()
        alone = await until(lambda: presence(bob), lambda s: not s["complete"])
        assert online(alone) == {cast.bob.id}


def leased_until(url: str, user_id: str) -> list[float]:
    """Return when each lease ends that names the user."""
    client: Any = redis.Redis.from_url(url)
    members = [one for key in client.scan_iter("*:present:*") for one in client.zscan_iter(key)]
    return [score / 1000 for member, score in members if user_id in member.decode()]
