"""Presence that is true after lost connections and killed processes (decision C4)."""

from __future__ import annotations

import pytest

from collaboration.models import Participant, Session, State
from tests.cast import Cast
from tests.client import Client
from tests.conftest import ServeFixture
from tests.server import Server
from tests.wire.test_sessions import create, join, meeting

QUICK = {
    "BOS_RECONNECT_GRACE": "0.6",
    "BOS_PARTICIPANT_IDLE": "60",
    "BOS_EMPTY_SESSION_TIMEOUT": "60",
}


async def expect_state(client: Client, user_id: str, state: str, within: float = 10) -> None:
    update = await client.expect("PARTICIPANT_UPDATE", within)
    assert (update["payload"]["userId"], update["payload"]["state"]) == (user_id, state)


def states(session_id: str) -> dict[str, str]:
    """What is stored of each participant, by user."""
    rows = Participant.objects.filter(session_id=session_id).values_list("user_id", "state")
    return {str(user_id): state for user_id, state in rows}


async def test_c4_a_lost_connection_is_disconnected_at_once_and_back_without_loss(
    server: Server, cast: Cast
) -> None:
    async with await Client.connect(server, cast.bob) as bob:
        session_id = (await create(bob))["sessionId"]
        mia = await Client.connect(server, cast.mia)
        await join(mia, session_id)
        await bob.expect("SESSION_JOINED")
        mia.socket.transport.abort()
        await expect_state(bob, cast.mia.id, "disconnected")
        async with await Client.connect(server, cast.mia) as back:
            joined = await join(back, session_id)
            states = {p["userId"]: p["state"] for p in joined["payload"]["session"]["participants"]}
            assert states == {cast.bob.id: "active", cast.mia.id: "active"}
            await expect_state(bob, cast.mia.id, "active")
            assert await bob.settle() == []


async def test_c4_one_of_two_devices_going_changes_nothing(server: Server, cast: Cast) -> None:
    async with meeting(server, cast) as (bob, mia, session_id):
        async with await Client.connect(server, cast.mia) as second:
            await join(second, session_id)
        await mia.settle()
        assert await bob.settle() == []


async def test_c4_who_does_not_come_back_has_left_by_timeout(
    serve: ServeFixture, cast: Cast
) -> None:
    server = serve(**QUICK)
    async with await Client.connect(server, cast.bob) as bob:
        session_id = (await create(bob))["sessionId"]
        async with await Client.connect(server, cast.mia) as mia:
            await join(mia, session_id)
        await bob.expect("SESSION_JOINED")
        await expect_state(bob, cast.mia.id, "disconnected")
        left = (await bob.expect("SESSION_LEFT"))["payload"]
    assert (left["userId"], left["reason"]) == (cast.mia.id, "timeout")


async def test_c4_a_hosts_role_passes_to_the_longest_present(
    serve: ServeFixture, cast: Cast
) -> None:
    server = serve(**QUICK)
    async with (
        await Client.connect(server, cast.mia) as mia,
        await Client.connect(server, cast.alice) as alice,
    ):
        async with await Client.connect(server, cast.bob) as bob:
            session_id = (await create(bob))["sessionId"]
            await join(mia, session_id)
            await join(alice, session_id)
            await mia.expect("SESSION_JOINED")
        for client in (mia, alice):
            await expect_state(client, cast.bob.id, "disconnected")
            assert (await client.expect("SESSION_LEFT"))["payload"]["reason"] == "timeout"
            promoted = (await client.expect("PARTICIPANT_UPDATE"))["payload"]
            assert (promoted["userId"], promoted["role"]) == (cast.mia.id, "host")


async def test_c4_a_session_with_nobody_connected_ends(serve: ServeFixture, cast: Cast) -> None:
    server = serve(BOS_EMPTY_SESSION_TIMEOUT="0.5", BOS_RECONNECT_GRACE="60")
    async with await Client.connect(server, cast.vera) as watcher:
        await watcher.subscribe(cast.home.topic)
        async with await Client.connect(server, cast.bob) as bob:
            session_id = (await create(bob))["sessionId"]
            await watcher.expect("SESSION_CREATED")
        ended = (await watcher.expect("SESSION_ENDED"))["payload"]
    assert (ended["sessionId"], ended["reason"]) == (session_id, "empty")
    assert Session.objects.get(pk=session_id).ended_at is not None


async def test_c4_without_a_sign_a_participant_is_idle_and_active_with_the_next(
    serve: ServeFixture, cast: Cast
) -> None:
    server = serve(BOS_PARTICIPANT_IDLE="0.8")
    async with meeting(server, cast) as (bob, mia, session_id):
        idle = {(await bob.expect("PARTICIPANT_UPDATE"))["payload"]["userId"] for _ in range(2)}
        assert idle == {cast.bob.id, cast.mia.id}
        await mia.settle()  # heartbeats are no sign
        await mia.send(
            "CURSOR_MOVE", {"sessionId": session_id, "position": {"x": 0, "y": 0, "z": 0}}
        )
        await bob.expect("CURSOR_MOVE")
        await expect_state(bob, cast.mia.id, "active")


@pytest.mark.timeout(90)
async def test_c4_a_killed_process_leaves_no_ghosts(
    serve: ServeFixture, cast: Cast, backend: str
) -> None:
    """With Redis, another process notices; with one process, the one that is started next."""
    first = serve()
    mia = await Client.connect(first, cast.mia)
    session_id = (await create(mia))["sessionId"]
    if backend == "postgres":
        second = serve()
        async with await Client.connect(second, cast.bob) as bob:
            await join(bob, session_id)
            await mia.expect("SESSION_JOINED")
            first.kill()
            await expect_state(bob, cast.mia.id, "disconnected", within=30)
            assert states(session_id) == {
                cast.bob.id: State.ACTIVE,
                cast.mia.id: State.DISCONNECTED,
            }
            async with await Client.connect(second, cast.mia) as back:
                assert (await join(back, session_id))["type"] == "SESSION_JOINED"
                await expect_state(bob, cast.mia.id, "active")
    else:
        first.kill()
        second = serve()
        async with await Client.connect(second, cast.bob) as bob:
            await join(bob, session_id)
            await expect_state(bob, cast.mia.id, "disconnected", within=30)
            assert states(session_id) == {
                cast.bob.id: State.ACTIVE,
                cast.mia.id: State.DISCONNECTED,
            }
    await mia.socket.wait_closed()
