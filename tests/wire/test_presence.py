"""Presence that is true after lost connections and killed processes (decision C4)."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
import redis
from django.db import connections, transaction
from django.utils import timezone

from collaboration.models import Participant, Session, State, Vouch
from collaboration.services import participants
from tests.conftest import BACKEND, ServeFixture
from tests.support.cast import Cast
from tests.support.client import Client, error_of
from tests.support.mirror import apply, snapshot
from tests.support.server import Server
from tests.support.services import RedisServer, free_port
from tests.support.waiting import until
from tests.wire.test_sessions import create, join, meeting

SHORT_LEASE = {"BOS_PRESENCE_LEASE": "4"}
QUICK = {
    "BOS_RECONNECT_GRACE": "0.6",
    "BOS_PARTICIPANT_IDLE": "60",
    "BOS_EMPTY_SESSION_TIMEOUT": "60",
}


async def expect_state(client: Client, user_id: str, state: str, within: float = 10) -> None:
    update = await client.expect("PARTICIPANT_UPDATE", within)
    assert (update["payload"]["userId"], update["payload"]["state"]) == (user_id, state)


async def shown(client: Client, session_id: str) -> dict[str, Any]:
    """Return what the next message shows of the session itself."""
    payload = (await client.expect("SYNC_UPDATE"))["payload"]
    assert (payload["entityType"], payload["entityId"]) == ("session", session_id)
    data: dict[str, Any] = payload["data"]
    return data


def states(session_id: str) -> dict[str, str]:
    """Return the stored state of each participant, by user."""
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


async def test_c4_of_two_devices_that_go_at_the_same_time_the_last_is_disconnected_once(
    server: Server, cast: Cast
) -> None:
    """Their ends go to Redis together, and each learns how many are left after it."""
    async with meeting(server, cast) as (bob, mia, session_id):
        others = [await Client.connect(server, cast.mia) for _ in range(3)]
        for other in others:
            await join(other, session_id)
        for client in (mia, *others):
            client.socket.transport.abort()
        await expect_state(bob, cast.mia.id, "disconnected")
        assert await bob.settle() == []


async def test_c4_who_does_not_come_back_has_left_by_timeout(
    serve: ServeFixture, cast: Cast
) -> None:
    server = serve(QUICK)
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
    server = serve(QUICK)
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
            assert (await shown(client, session_id))["hostId"] == cast.mia.id
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


async def test_c4_a_killed_process_leaves_no_ghosts(
    serve: ServeFixture, cast: Cast, backend: str
) -> None:
    """With Redis, another process notices; with one process, the one that is started next.

    Within twice the lease, which is 30 s by default.
    """
    first = serve(SHORT_LEASE)
    mia = await Client.connect(first, cast.mia)
    session_id = (await create(mia))["sessionId"]
    if backend == "postgres":
        second = serve(SHORT_LEASE)
        async with await Client.connect(second, cast.bob) as bob:
            await join(bob, session_id)
            await mia.expect("SESSION_JOINED")
            first.kill()
            await expect_state(bob, cast.mia.id, "disconnected", within=8)
            assert states(session_id) == {
                cast.bob.id: State.ACTIVE,
                cast.mia.id: State.DISCONNECTED,
            }
            async with await Client.connect(second, cast.mia) as back:
                assert (await join(back, session_id))["type"] == "SESSION_JOINED"
                await expect_state(bob, cast.mia.id, "active")
    else:
        first.kill()
        second = serve(SHORT_LEASE)
        async with await Client.connect(second, cast.bob) as bob:
            await join(bob, session_id)
            await expect_state(bob, cast.mia.id, "disconnected", within=8)
            assert states(session_id) == {
                cast.bob.id: State.ACTIVE,
                cast.mia.id: State.DISCONNECTED,
            }
    await mia.socket.wait_closed()


# ------------------------------------------------------------------ said to be gone, and here (f1)

needs_redis = pytest.mark.skipif(BACKEND != "postgres", reason="several processes need Redis")
SOON = {"BOS_RECONNECT_GRACE": "2", "BOS_PRESENCE_LEASE": "1.5"}
MOVE = {"position": {"x": 0, "y": 0, "z": 0}}


def _say_gone(session_id: str, user_id: str, *, left: bool = False) -> None:
    """Act as a process that does not see the participant's connection."""
    try:
        with transaction.atomic():
            participants.participant_set_state(
                session_id, user_id, State.DISCONNECTED, only_from={State.ACTIVE, State.IDLE}
            )
        if left:
            own = Participant.objects.get(session_id=session_id, user_id=user_id)
            with transaction.atomic():
                participants.participant_time_out(str(own.pk), -1)
    finally:
        connections.close_all()


async def test_f1_who_is_connected_is_active_again_after_a_wrong_disconnected(
    server: Server, cast: Cast
) -> None:
    async with meeting(server, cast) as (bob, mia, session_id):
        await asyncio.to_thread(_say_gone, session_id, cast.mia.id)
        for client in (bob, mia):
            await expect_state(client, cast.mia.id, "disconnected")
            await expect_state(client, cast.mia.id, "active")
        assert await bob.settle() == []


async def test_f1_who_is_connected_is_let_in_again_after_a_wrong_timeout(
    server: Server, cast: Cast
) -> None:
    async with meeting(server, cast) as (bob, mia, session_id):
        before = Participant.objects.get(session_id=session_id, user_id=cast.bob.id)
        topic = f"session:{session_id}"
        picture, cursor = await snapshot(mia, topic)
        await asyncio.to_thread(_say_gone, session_id, cast.bob.id, left=True)
        for client in (bob, mia):
            await expect_state(client, cast.bob.id, "disconnected")
            left = (await client.expect("SESSION_LEFT"))["payload"]
            assert (left["userId"], left["reason"]) == (cast.bob.id, "timeout")
            # The role has passed, and stays passed.
            assert (await shown(client, session_id))["hostId"] == cast.mia.id
            promoted = (await client.expect("PARTICIPANT_UPDATE"))["payload"]
            assert (promoted["userId"], promoted["role"]) == (cast.mia.id, "host")
            joined = (await client.expect("SESSION_JOINED"))["payload"]
            assert joined["userId"] == cast.bob.id
        await bob.send("CURSOR_MOVE", {"sessionId": session_id, **MOVE})
        assert (await mia.expect("CURSOR_MOVE"))["payload"]["userId"] == cast.bob.id
        after = Participant.objects.get(session_id=session_id, user_id=cast.bob.id)
        assert (after.state, after.left_at, after.joined_at) == ("active", None, before.joined_at)
        fresh, _ = await snapshot(mia, topic)
        roles = {p["userId"]: p["role"] for (kind, _), p in fresh.items() if kind == "participant"}
        assert roles == {cast.bob.id: "participant", cast.mia.id: "host"}
        # The law: an old snapshot and a sync are a fresh snapshot.
        assert apply(picture, (await mia.sync(topic, lastSequence=cursor))[1:-1]) == fresh


async def test_f1_who_has_left_is_not_brought_back_nor_who_finds_the_session_full(
    server: Server, cast: Cast
) -> None:
    async with meeting(server, cast) as (bob, mia, session_id):
        async with await Client.connect(server, cast.mia) as second:
            await join(second, session_id)
            await second.ask("SESSION_LEAVE", {"sessionId": session_id})
        await bob.expect("SESSION_LEFT")
        await join(mia, session_id)
        await bob.expect("SESSION_JOINED")
        # The place that a wrong timeout has made free is taken before mia's process looks.
        Session.objects.filter(pk=session_id).update(max_participants=1)
        await asyncio.to_thread(_say_gone, session_id, cast.mia.id, left=True)

        while (await bob.receive())["type"] != "SESSION_LEFT":
            pass
        await until(lambda: _knows_to_be_out(mia, session_id), within=10)
        assert "SESSION_JOINED" not in {m["type"] for m in await bob.settle()}
        present = Participant.objects.filter(session_id=session_id, left_at=None)
        assert [str(p.user_id) for p in present] == [cast.bob.id]


async def _knows_to_be_out(client: Client, session_id: str) -> bool:
    await client.send("CURSOR_MOVE", {"sessionId": session_id, **MOVE}, request_id="out?")
    answers = [m for m in await client.settle() if m.get("requestId") == "out?"]
    return bool(answers) and error_of(answers[0])[0] == "SESSION_NOT_FOUND"


@needs_redis
async def test_f1_people_of_a_halted_process_are_back_when_it_goes_on(
    serve: ServeFixture, cast: Cast
) -> None:
    halted, other = serve(SOON), serve(SOON)
    async with (
        await Client.connect(halted, cast.mia) as mia,
        await Client.connect(other, cast.bob) as bob,
    ):
        session_id = (await create(mia))["sessionId"]
        await join(bob, session_id)
        await mia.expect("SESSION_JOINED")
        assert halted.process.pid is not None
        os.kill(halted.process.pid, signal.SIGSTOP)
        try:
            await expect_state(bob, cast.mia.id, "disconnected")
            assert (await bob.expect("SESSION_LEFT"))["payload"]["reason"] == "timeout"
            assert (await shown(bob, session_id))["hostId"] == cast.bob.id
            assert (await bob.expect("PARTICIPANT_UPDATE"))["payload"]["role"] == "host"
        finally:
            os.kill(halted.process.pid, signal.SIGCONT)
        assert (await bob.expect("SESSION_JOINED"))["payload"]["userId"] == cast.mia.id
        await mia.until("SESSION_JOINED")
        await mia.send("CURSOR_MOVE", {"sessionId": session_id, **MOVE})
        await bob.expect("CURSOR_MOVE")
        assert states(session_id) == {cast.bob.id: State.ACTIVE, cast.mia.id: State.ACTIVE}


@needs_redis
async def test_f1_nobody_is_gone_whose_process_alone_has_no_redis(
    serve: ServeFixture, cast: Cast
) -> None:
    cut_off, other = serve(SOON, REDIS_URL=f"redis://127.0.0.1:{free_port()}/0"), serve(SOON)
    async with (
        await Client.connect(cut_off, cast.mia) as mia,
        await Client.connect(other, cast.bob) as bob,
    ):
        session_id = (await create(bob))["sessionId"]
        await join(mia, session_id)
        await bob.expect("SESSION_JOINED")
        # A lease, the time for which one must be missing, and a round of the keeper.
        long_enough = timezone.now() + timedelta(seconds=2 * 1.5 + 1)
        vouched = Vouch.objects.filter(place=f"{session_id}:{cast.mia.id}")
        await until(
            lambda: vouched.filter(until__gt=long_enough + timedelta(seconds=1.5)).exists(),
            within=15,
        )
        assert await bob.settle() == []
        cut_off.kill()
        await expect_state(bob, cast.mia.id, "disconnected")


@needs_redis
async def test_f1_a_redis_that_forgets_its_keys_makes_nobody_disconnected(
    serve: ServeFixture, cast: Cast, own_redis: RedisServer
) -> None:
    servers = [serve(SOON, REDIS_URL=own_redis.url) for _ in range(2)]
    async with (
        await Client.connect(servers[0], cast.mia) as mia,
        await Client.connect(servers[1], cast.bob) as bob,
    ):
        session_id = (await create(bob))["sessionId"]
        await join(mia, session_id)
        await bob.expect("SESSION_JOINED")
        with contextlib.closing(redis.Redis.from_url(own_redis.url)) as client:
            client.flushall()
            for user in (cast.mia, cast.bob):
                place = f"bos:present:{session_id}:{user.id}"
                await until(partial(client.exists, place), within=5)
        assert await bob.settle() == []
        assert states(session_id) == {cast.bob.id: State.ACTIVE, cast.mia.id: State.ACTIVE}
