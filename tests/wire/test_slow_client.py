"""A client that reads too slowly (decision L3)."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connections, transaction
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from bos.auth.tokens import tokens_for
from bos.models import Employee, Organization
from collaboration.models import Annotation, Session
from sync.eventlog import log, retention
from sync.protocol.times import now_us
from tests.conftest import ServeFixture
from tests.support.cast import Cast
from tests.support.client import Client, Message, error_of, sequences
from tests.support.numbers import scrape
from tests.support.server import Server
from tests.support.waiting import until
from tests.wire.test_sessions import create

ROWS = 400
ROUNDS = 5
"""2,000 events of two frames and more than 500 bytes each: twice the queue."""
LAG_BYTES = 2**19
"""Half of the queue: from then on events are left in the log."""
MISSED = 1_500
"""Updates of a sync, of more than 500 bytes each: more than sockets hold."""


@pytest.mark.once("postgres")
async def test_l3_clients_that_stop_reading_are_closed_with_4508_and_lose_nothing(
    serve: ServeFixture, cast: Cast
) -> None:
    """One is silent, one goes on sending."""
    server = serve(LOG_LEVEL="INFO")
    organization = cast.home.organization
    async with await Client.connect(server, cast.bob) as witness:
        end = (await witness.subscribe(cast.home.topic))["payload"]["sequence"]

        async def change(how: Callable[[Organization], None]) -> list[int]:
            """All rows, and the witness has it: what waits in the server waits for the slow."""
            nonlocal end
            end += ROWS
            # In a thread: the witness must not become a slow client itself.
            _, got = await asyncio.gather(_apart(lambda: how(organization)), witness.collect(end))
            return got

        await change(_add_employees)
        # The same load first without the slow clients: what the server grows by for itself.
        for n in range(ROUNDS):
            await change(_retitle(f"{-n:190}"))
        silent, chatty = [await _connect_narrow(server.ws, server.port) for _ in range(2)]
        for slow in (silent, chatty):
            await slow.sign_in(cast.alice)
            start = (await slow.subscribe(cast.home.topic))["payload"]["sequence"]
        before_kb = server.resident_kb()
        got: list[int] = []
        lagging, queued = list[float](), list[float]()
        for n in range(ROUNDS):
            got += await change(_retitle(f"{n:190}"))
            await chatty.send("PING")
            numbers = await scrape(server)
            lagging.append(numbers.of("bos_lagging_connections"))
            queued.append(numbers.of("bos_queue_bytes"))
        assert (lagging[0], max(lagging)) == (0, 2)  # O1
        assert max(queued) > 2 * LAG_BYTES
        assert got == list(range(start + 1, start + 1 + ROWS * ROUNDS))
        assert server.resident_kb() - before_kb <= 2 * 2 * 1024
        await until(lambda: server.log.read_text().count("code=4508") >= 2, within=15)
        closed = [await slow.closed() for slow in (silent, chatty)]
    for code, before in closed:
        assert code == 4508
        assert before[-1]["payload"]["details"] == {"closeCode": 4508}
        seen = sequences(before)
        async with await Client.connect(server, cast.alice) as back:
            missed = await back.sync(cast.home.topic, lastSequence=seen[-1])
        end = log.head(cast.home.id).sequence
        assert seen + sequences(missed) == list(range(start + 1, end + 1))


def _add_employees(organization: Organization) -> None:
    Employee.objects.bulk_create(
        Employee(organization=organization, name="n" * 190) for _ in range(ROWS)
    )


def _retitle(title: str) -> Callable[[Organization], None]:
    def change(organization: Organization) -> None:
        Employee.objects.of(organization.pk).filter(user=None).update(title=title)

    return change


async def _apart(change: Callable[[], object]) -> None:
    """In a thread: nobody's socket must wait for it."""

    def call() -> None:
        try:
            change()
        finally:
            connections.close_all()

    await asyncio.to_thread(call)


async def _connect_narrow(address: str, port: int) -> Client:
    """A client whose buffers are small and that reads nothing but what is asked for."""
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16_384)
    raw.connect(("127.0.0.1", port))
    return Client(
        await connect(
            address,
            sock=raw,
            subprotocols=[Subprotocol("bos-v1")],
            ping_interval=None,
            compression=None,
            max_queue=1,
        )
    )


@pytest.mark.once("postgres")
@pytest.mark.parametrize("send_loop", ["on", "off"])
async def test_l3_a_burst_larger_than_the_queue_costs_a_client_that_reads_nothing(
    serve: ServeFixture, cast: Cast, send_loop: str
) -> None:
    server = serve(BOS_SEND_LOOP=send_loop)
    employees = Employee.objects.of(cast.home.organization.pk)
    async with await Client.connect(server, cast.alice) as client:
        start = (await client.subscribe(cast.home.topic))["payload"]["sequence"]
        employees.bulk_create(
            Employee(organization=cast.home.organization, name="n" * 190, title="t" * 190)
            for _ in range(2000)
        )
        end = log.head(cast.home.id).sequence
        assert end == start + 2000
        assert await client.collect(end) == list(range(start + 1, end + 1))


# ------------------------------------------------------------------ a sync that takes long


async def _begin_to_sync(
    server: Server, cast: Cast, topic: str, *, seconds: float = 3600
) -> Client:
    """A client that has read the first of many updates, some of which are in the log still."""
    start = log.head(cast.home.id).sequence
    Employee.objects.bulk_create(
        Employee(
            organization=cast.home.organization,
            department=cast.home.sales,
            name="n" * 190,
            title="t" * 190,
        )
        for _ in range(MISSED)
    )
    slow = await _connect_narrow(server.ws, server.port)
    token = tokens_for(cast.bob.user)[1]
    token.set_exp(lifetime=timedelta(seconds=seconds))
    assert (await slow.ask("AUTH", {"token": str(token)}))["type"] == "AUTH_SUCCESS"
    await slow.send("SYNC_REQUEST", {"channels": [topic], "lastSequence": start}, request_id="long")
    began = await slow.expect("SYNC_START")
    assert began["payload"]["updateCount"] == MISSED
    assert (await slow.expect("SYNC_UPDATE"))["payload"]["sequence"] == start + 1
    return slow


async def _rest(slow: Client) -> tuple[list[int], Message]:
    """Sequences of the updates that still came, and what came instead of the others."""
    messages = [await slow.receive()]
    while messages[-1]["type"] == "SYNC_UPDATE":
        messages.append(await slow.receive())
    seen = sequences(messages)
    assert len(seen) < MISSED - 100
    return seen, messages[-1]


async def test_v4_a_sync_that_is_overtaken_by_pruning_ends_with_sync_error(
    server: Server, cast: Cast
) -> None:
    slow = await _begin_to_sync(server, cast, cast.home.topic)
    await _apart(lambda: retention.prune_events_of(cast.home.id, now_us()))
    _, end = await _rest(slow)
    assert (end["type"], end["requestId"]) == ("SYNC_ERROR", "long")
    assert end["payload"]["code"] == "SYNC_HISTORY_EXPIRED"
    await slow.socket.close()


async def test_a5_a_sync_of_what_is_withdrawn_meanwhile_ends_with_sync_error(
    server: Server, cast: Cast
) -> None:
    topic = f"department:{cast.home.sales.pk}"
    slow = await _begin_to_sync(server, cast, topic)
    async with await Client.connect(server, cast.bob) as other:
        await other.subscribe(topic)
        moved = Employee.objects.filter(user=cast.bob.user)
        await _apart(lambda: moved.update(department=cast.home.support))
        assert (await other.until("UNSUBSCRIBED"))["payload"]["channels"] == [topic]
    _, end = await _rest(slow)
    assert (end["type"], end["requestId"]) == ("SYNC_ERROR", "long")
    assert end["payload"]["code"] == "UNAUTHORIZED"
    assert end["payload"]["details"] == {"channel": topic}
    await slow.socket.close()


async def test_a3_a_sync_ends_with_the_token_and_goes_on_with_the_next(
    server: Server, cast: Cast
) -> None:
    slow = await _begin_to_sync(server, cast, cast.home.topic, seconds=3)
    token = tokens_for(cast.bob.user)[1]
    token.set_exp(lifetime=timedelta(seconds=3))  # made after the other one, so it ends behind it
    async with await Client.connect(server) as other:
        await other.ask("AUTH", {"token": str(token)})
        await other.expect("TOKEN_EXPIRED")
    seen, end = await _rest(slow)
    assert end["type"] == "TOKEN_EXPIRED"
    refusal = await slow.expect("ERROR")
    assert (error_of(refusal)[0], refusal["requestId"]) == ("TOKEN_EXPIRED", "long")
    assert (await slow.ask("AUTH", {"token": cast.bob.token}))["type"] == "AUTH_SUCCESS"
    missed = await slow.sync(cast.home.topic, lastSequence=seen[-1])
    assert sequences(missed) == list(range(seen[-1] + 1, log.head(cast.home.id).sequence + 1))
    await slow.socket.close()


@pytest.mark.once("postgres")
async def test_h2_who_does_not_read_a_sync_keeps_nobody_from_ending_within_ten_seconds(
    serve: ServeFixture, cast: Cast
) -> None:
    server = serve()
    slow = await _begin_to_sync(server, cast, cast.home.topic)
    server.terminate()
    began = time.monotonic()
    assert await server.ended(within=15) == 0
    assert time.monotonic() - began <= 10
    slow.socket.transport.abort()


# ------------------------------------------------------------------ slow, but reading

PACE = 100_000
"""Bytes a second: 931 kB, which were one page, take longer than the patience for all of it."""
NOTES = 100


async def _meeting_with_long_notes(server: Server, cast: Cast) -> str:
    """A session of bob's with 100 notes of 9,300 bytes; its id."""
    async with await Client.connect(server, cast.bob) as bob:
        session_id = str((await create(bob))["sessionId"])

    def fill() -> None:
        Annotation.objects.bulk_create(
            Annotation(
                **{"session_id": session_id, "author": cast.bob.user, "x": n, "y": 0, "z": 0},
                content="n" * 9_000,
                content_type="text",
            )
            for n in range(NOTES)
        )

    await _apart(fill)
    return session_id


@pytest.mark.once("postgres")
async def test_w6_a_slow_client_that_goes_on_reading_gets_its_sync_and_its_pongs_at_once(
    server: Server, cast: Cast
) -> None:
    session_id = await _meeting_with_long_notes(server, cast)
    slow = await _connect_narrow(server.ws, server.port)
    await slow.sign_in(cast.bob)
    await slow.send("SYNC_REQUEST", {"channels": [f"session:{session_id}"]}, request_id="s")
    read, asked_at, waited = 0, 0, list[int]()
    message: Message = {"type": ""}
    started = time.monotonic()
    while message["type"] != "SYNC_COMPLETE":
        message = await slow.receive()
        read += len(json.dumps(message))
        # At its own pace, which is the point.
        await asyncio.sleep(max(0, started + read / PACE - time.monotonic()))
        if message["type"] == "PONG":
            waited.append(read - asked_at)
        if message["type"] == "PONG" or not asked_at:
            await slow.send("PING")
            asked_at = read
    assert message["payload"]["updatesSent"] == NOTES + 2
    assert read > 900_000
    # What the systems of both ends and the client's library hold, and not all that is to come.
    assert waited[0] < 250_000
    assert len(waited) >= 3
    slow.socket.transport.abort()


async def test_w5_large_events_of_one_moment_do_not_end_a_connection_that_reads(
    server: Server, cast: Cast
) -> None:
    """64 notes of 40 kB are 2.6 MB, delivered one after another."""
    async with await Client.connect(server, cast.bob) as bob:
        session_id = str((await create(bob))["sessionId"])

        def fill() -> None:
            Annotation.objects.bulk_create(
                Annotation(
                    **{"session_id": session_id, "author": cast.bob.user, "x": n, "y": 0, "z": 0},
                    content="\N{GRINNING FACE}" * 10_000,
                    content_type="text",
                )
                for n in range(64)
            )

        await _apart(fill)
        seen = [await bob.expect("ANNOTATION_CREATED") for _ in range(64)]
        assert [m["payload"]["position"]["x"] for m in seen] == list(range(64))


async def test_h1_a_ping_is_answered_while_a_request_before_it_waits(
    server: Server, cast: Cast
) -> None:
    async with (
        await Client.connect(server, cast.bob) as bob,
        await Client.connect(server, cast.mia) as mia,
    ):
        session_id = (await create(bob))["sessionId"]
        with transaction.atomic():
            Session.objects.select_for_update().get(pk=session_id)
            await mia.send("SESSION_JOIN", {"sessionId": session_id}, request_id="join")
            await mia.send("SESSION_LEAVE", {"sessionId": session_id}, request_id="leave")
            # Both kinds of frames; neither waits for the session.
            for n, speech in enumerate(["text", "msgpack"]):
                mia.speech = speech
                await mia.send("PING", request_id=f"ping-{n}")
                pong = await mia.expect("PONG", within=4)
                assert pong["requestId"] == f"ping-{n}"
        assert (await mia.answer("join"))["type"] == "SESSION_JOINED"
        assert (await mia.answer("leave"))["type"] == "SESSION_LEFT"
        assert await mia.settle() == []
