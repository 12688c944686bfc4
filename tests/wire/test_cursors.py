"""Cursors: to the others, the latest, never stored (decisions C6, L2)."""

from __future__ import annotations

import asyncio
from typing import Any

from sync.eventlog import log
from tests.conftest import ServeFixture
from tests.support.cast import Cast
from tests.support.client import Client, error_of
from tests.support.server import Server
from tests.wire.test_sessions import create, join, meeting


def at(x: float, session_id: str) -> dict[str, Any]:
    return {
        "sessionId": session_id,
        "position": {"x": x, "y": 1.2, "z": -1.5},
        "focusedEntity": {"type": "kpi", "id": "kpi-123"},
    }


async def last_cursor(client: Client, x: float) -> list[float]:
    """Positions that came, until this one."""
    got: list[float] = []
    while not got or got[-1] != x:
        message = await client.expect("CURSOR_MOVE")
        got.append(message["payload"]["position"]["x"])
    return got


async def test_c6_a_cursor_goes_to_the_others_only_and_is_never_stored(
    server: Server, cast: Cast
) -> None:
    async with (
        await Client.connect(server, cast.bob) as bob,
        await Client.connect(server, cast.mia) as mia,
        await Client.connect(server, cast.mia) as second,
        await Client.connect(server, cast.alice) as outside,
    ):
        session_id = (await create(bob))["sessionId"]
        await join(mia, session_id)
        await join(second, session_id)
        await outside.subscribe(cast.home.topic)
        await bob.settle()
        before = log.head(cast.home.id)
        await mia.send("CURSOR_MOVE", at(0.5, session_id))
        moved = await bob.expect("CURSOR_MOVE")
        assert moved["payload"] == {"userId": cast.mia.id, **at(0.5, session_id)}
        assert moved["timestamp"].endswith("Z")
        for client in (mia, second, outside):
            assert await client.settle() == []
    assert log.head(cast.home.id).sequence >= before.sequence
    assert not [
        e
        for e in log.read(cast.home.id, after=before.sequence, upto=10**9, limit=99)
        if "cursor" in e.entity_type
    ]


async def test_l2_the_last_position_always_arrives_and_no_more_than_ten_a_second(
    server: Server, cast: Cast
) -> None:
    async with meeting(server, cast) as (bob, mia, session_id):
        for n in range(50):
            await mia.send("CURSOR_MOVE", at(n, session_id))
        assert await mia.settle() == []
        got = await last_cursor(bob, 49)
    assert got[0] == 0
    assert len(got) <= 4
    assert got == sorted(got)


async def test_l2_over_60_a_second_cursors_count_as_messages(
    serve: ServeFixture, cast: Cast
) -> None:
    server = serve(BOS_MESSAGES_PER_MINUTE="8")
    async with await Client.connect(server, cast.bob) as bob:
        session_id = (await create(bob))["sessionId"]  # the first of eight
        for n in range(60 + 7):
            await bob.send("CURSOR_MOVE", at(n, session_id))
        assert await bob.settle() == []
        await bob.send("CURSOR_MOVE", at(99, session_id))
        refused = [m["type"] for m in await bob.settle()]
    assert refused == ["ERROR", "RATE_LIMIT"]


async def test_l2_cursors_that_are_refused_count_as_well(serve: ServeFixture, cast: Cast) -> None:
    server = serve(BOS_MESSAGES_PER_MINUTE="8")
    async with await Client.connect(server, cast.bob) as bob:
        for n in range(60 + 8 + 1):
            await bob.send("CURSOR_MOVE", at(n, "nowhere") if n % 2 else {"sessionId": 5})
            await bob.send("PONG")
        answers = await bob.settle()
    codes = [error_of(m)[0] for m in answers if m["type"] == "ERROR"]
    assert codes[-1] == "RATE_LIMIT_EXCEEDED"
    assert codes.count("RATE_LIMIT_EXCEEDED") == 1
    assert len(codes) == 60 + 8 + 1


async def test_l2_the_last_position_arrives_also_over_60_a_second(
    server: Server, cast: Cast
) -> None:
    async with meeting(server, cast) as (bob, mia, session_id):
        for n in range(80):
            await mia.send("CURSOR_MOVE", at(n, session_id))
        assert (await last_cursor(bob, 79))[-1] == 79


async def test_l2_no_cursor_from_before_joining_again_comes_after_a_later_one(
    serve: ServeFixture, cast: Cast
) -> None:
    server = serve(BOS_CURSOR_RATE="2")
    async with meeting(server, cast) as (bob, mia, session_id):
        for x in (1, 2):  # the second one waits for half a second
            await mia.send("CURSOR_MOVE", at(x, session_id))
        await join(mia, session_id)
        for x in (3, 4):
            await mia.send("CURSOR_MOVE", at(x, session_id))
        assert await last_cursor(bob, 4) in ([1, 4], [1, 3, 4], [1, 2, 4])
        await asyncio.sleep(0.6)
        assert await bob.settle() == []


async def test_c6_a_cursor_in_a_session_one_is_not_in_is_refused(
    server: Server, cast: Cast
) -> None:
    async with (
        await Client.connect(server, cast.bob) as bob,
        await Client.connect(server, cast.mia) as mia,
    ):
        session_id = (await create(bob))["sessionId"]
        await mia.send("CURSOR_MOVE", at(1, session_id), request_id="c")
        assert error_of(await mia.answer("c"))[0] == "SESSION_NOT_FOUND"
        await join(mia, session_id)
        await mia.ask("SESSION_LEAVE", {"sessionId": session_id})
        await mia.send("CURSOR_MOVE", at(1, session_id), request_id="d")
        assert error_of(await mia.answer("d"))[0] == "SESSION_NOT_FOUND"
        types = [m["type"] for m in await bob.settle()]
    assert types == ["SESSION_JOINED", "SESSION_LEFT"]


async def test_c2_the_joiners_copy_has_the_last_cursors(server: Server, cast: Cast) -> None:
    async with (
        await Client.connect(server, cast.bob) as bob,
        await Client.connect(server, cast.mia) as mia,
    ):
        session_id = (await create(bob))["sessionId"]
        await bob.send("CURSOR_MOVE", at(7, session_id))
        await bob.settle()
        joined = await join(mia, session_id)
    [host] = [p for p in joined["payload"]["session"]["participants"] if p["userId"] == cast.bob.id]
    assert host["cursor"]["position"]["x"] == 7
    assert host["cursor"]["focusedEntity"] == {"type": "kpi", "id": "kpi-123"}
