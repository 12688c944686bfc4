"""Heartbeats and the server's own end (decisions H1, H2)."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connections, transaction

from kpis.models import Kpi, KpiValue
from sync.protocol.close_codes import CloseCode
from tests.conftest import BACKEND, ServeFixture
from tests.support.cast import Cast, Person
from tests.support.client import Client
from tests.support.frames import CLOSE, CONTINUATION, PING, PONG, TEXT, RawSocket, frame
from tests.support.server import Server, serving
from tests.support.services import free_port

QUICK = {"BOS_HEARTBEAT_INTERVAL": "0.4", "BOS_HEARTBEAT_TIMEOUT": "0.3"}


@pytest.fixture(scope="module")
def quick(database: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    log: Path = tmp_path_factory.mktemp("quick") / "log"
    with serving(log, QUICK) as server:
        yield server


async def test_h1_the_server_pings_and_closes_who_does_not_answer_with_4408(
    quick: Server, cast: Cast
) -> None:
    async with await Client.connect(quick, cast.bob, heartbeat=False) as client:
        ping = await client.expect("PING")
        assert set(ping) == {"type", "timestamp"}
        code, before = await client.closed()
    assert code == 4408
    assert before[-1]["payload"]["details"] == {"closeCode": 4408}


async def test_h1_any_frame_after_the_ping_counts_as_life(quick: Server, cast: Cast) -> None:
    async with await Client.connect(quick, cast.bob, heartbeat=False) as client:
        for _ in range(3):
            await client.expect("PING")
            await client.send("PONG")
        await client.expect("PING")
        await client.subscribe(f"user:{cast.bob.id}")
        await client.expect("PING")
        await client.socket.ping()
        await client.expect("PING")


SIGNS = {
    "ping": frame(PING, b"x"),
    "pong": frame(PONG, b"unasked"),
    "fragment": frame(CONTINUATION, b" ", fin=False),
    "malformed": frame(TEXT, b"{"),
}


async def test_h1_one_sign_of_whatever_kind_after_each_ping_is_enough(
    quick: Server, cast: Cast
) -> None:
    """Also frames that never reach a handler, as 'any inbound frame' says."""
    await asyncio.gather(*(_stay_alive(quick, cast.bob, kind) for kind in SIGNS))


async def _stay_alive(server: Server, person: Person, kind: str) -> None:
    async with await RawSocket.connect(server) as raw:
        auth = {"type": "AUTH", "payload": {"token": person.token}}
        raw.send(frame(TEXT, json.dumps(auth).encode()))
        if kind == "fragment":
            raw.send(frame(TEXT, b"{", fin=False))
        pings = 0
        while pings < 3:
            opcode, payload = await raw.receive()
            assert opcode != CLOSE, (kind, payload)
            if opcode == TEXT and json.loads(payload)["type"] == "PING":
                pings += 1
                raw.send(SIGNS[kind])


async def test_h1_heartbeats_begin_before_auth(quick: Server) -> None:
    async with await Client.connect(quick, heartbeat=False) as client:
        await client.expect("PING")
        assert (await client.closed())[0] == CloseCode.HEARTBEAT_LOST


async def test_h1_websocket_pings_are_answered_before_and_after_auth(
    server: Server, cast: Cast
) -> None:
    async with await Client.connect(server) as client:
        for _ in range(2):
            async with asyncio.timeout(5):
                await (await client.socket.ping())
            await client.sign_in(cast.bob)


async def test_h1_silence_for_the_idle_timeout_is_closed_with_4408(
    serve: ServeFixture, cast: Cast
) -> None:
    server = serve(BOS_IDLE_TIMEOUT="0.5")
    async with await Client.connect(server, cast.bob) as client:
        code, _ = await client.closed()
    assert code == 4408


async def test_h1_a_pong_echoes_request_id_and_timestamp(server: Server) -> None:
    async with await Client.connect(server) as client:
        answer = await client.ask("PING", timestamp="2025-01-20T11:05:00.5+01:00")
    assert answer["type"] == "PONG"
    assert answer["timestamp"] == "2025-01-20T11:05:00.5+01:00"
    assert "payload" not in answer


async def test_h1_a_ping_without_either_gets_a_pong_with_the_servers_time(server: Server) -> None:
    async with await Client.connect(server) as client:
        await client.send("PING")
        answer = await client.expect("PONG")
    assert set(answer) == {"type", "timestamp"}


PIPELINED = 100
# More than what is read at once waits in the system, where a server that only looks at what it has
# read does not find it.
PADDING = "x" * 8_000


async def test_f5_all_that_was_sent_before_sigterm_is_answered_before_1012(
    serve: ServeFixture, cast: Cast
) -> None:
    """Also what is committed behind an event that this process has not heard of yet."""
    limits = {"BOS_MESSAGES_PER_MINUTE": "1000", "BOS_USER_MESSAGES_PER_MINUTE": "1000"}
    deaf = {"REDIS_URL": f"redis://127.0.0.1:{free_port()}/0"} if BACKEND == "postgres" else {}
    server = serve(limits | deaf)
    kpi = cast.home.revenue
    begun, go_on = threading.Event(), threading.Event()
    async with (
        await Client.connect(server, cast.mia) as mia,
        await Client.connect(server, cast.alice) as alice,
    ):
        other = asyncio.create_task(asyncio.to_thread(_change_slowly, kpi, begun, go_on))
        await asyncio.to_thread(begun.wait, 10)
        for n in range(PIPELINED):
            payload = {"kpiId": str(kpi.pk), "value": n, "padding": PADDING}
            for client in (mia, alice):
                await client.send("KPI_UPDATE", payload, request_id=f"last-{client.session_id}-{n}")
        server.terminate()
        go_on.set()
        await other
        for client in (mia, alice):
            code, messages = await client.closed()
            answered = [m["requestId"] for m in messages if m["type"] == "KPI_UPDATED"]
            assert answered == [f"last-{client.session_id}-{n}" for n in range(PIPELINED)]
            assert code == CloseCode.SERVER_RESTART
    assert await server.ended(within=10) == 0
    assert KpiValue.objects.filter(kpi=kpi).count() == 1 + 1 + 2 * PIPELINED


def _change_slowly(kpi: Kpi, begun: threading.Event, go_on: threading.Event) -> None:
    """Another process changes the KPI, and nobody else can meanwhile."""
    try:
        with transaction.atomic():
            row = Kpi.objects.select_for_update().get(pk=kpi.pk)
            row.value = 4711
            row.save()
            begun.set()
            go_on.wait(10)
    finally:
        connections.close_all()


async def test_h2_sigterm_answers_what_is_under_way_then_closes_all_with_1012_within_ten_seconds(
    serve: ServeFixture, cast: Cast
) -> None:
    server = serve()
    silent = await RawSocket.connect(server)  # it will not answer the close, and is not waited for
    async with (
        await Client.connect(server, cast.mia) as writer,
        await Client.connect(server, cast.bob) as reader,
        await Client.connect(server) as nobody,
    ):
        for n in range(20):
            payload = {"kpiId": str(cast.home.revenue.pk), "value": n}
            await writer.send("KPI_UPDATE", payload, request_id=f"last-{n}")
        await writer.answer("last-0")
        server.terminate()
        began = time.monotonic()
        ends = await asyncio.gather(*(c.closed() for c in (writer, reader, nobody)))
    assert [code for code, _ in ends] == [1012, 1012, 1012]
    assert await silent.close_code() == CloseCode.SERVER_RESTART
    with pytest.raises(OSError, match="Connect call failed"):
        await Client.connect(server)
    assert await server.ended(within=10) == 0
    assert time.monotonic() - began <= 10
    silent.writer.close()
    cast.home.revenue.refresh_from_db()
    answered = {m["requestId"] for m in ends[0][1] if m["type"] == "KPI_UPDATED"}
    stored = int(cast.home.revenue.value or 0)
    assert {f"last-{n}" for n in range(1, stored + 1)} == answered
