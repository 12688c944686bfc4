"""PostgreSQL away, half open, behind a pooler; its clients stopped (f2, f3, f7, w15)."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections import Counter
from typing import Any

from django.db import connection

from tests.conftest import ServeFixture
from tests.support.cast import Cast
from tests.support.client import Client, Message
from tests.support.http import fetch
from tests.support.locks import stop_with_the_lock
from tests.support.network import network
from tests.support.numbers import scrape
from tests.support.server import Server, forkserver
from tests.support.waiting import until

UNLIMITED = {
    "BOS_MESSAGES_PER_MINUTE": "100000",
    "BOS_USER_MESSAGES_PER_MINUTE": "1000000",
    "BOS_FRAMES_PER_SECOND": "100000",
    "BOS_USER_WORK_PER_MINUTE": "1000000",
    "BOS_ORGANIZATION_WORK_PER_MINUTE": "1000000",
}
PRODUCTION = {"DEBUG": "off", "ALLOWED_HOSTS": "127.0.0.1"}

# ------------------------------------------------------------------ how it is set


def test_w15_no_start_parameter_is_sent_that_a_pooler_refuses(database: None) -> None:
    assert set(connection.get_connection_params()) <= {
        *("dbname", "user", "password", "host", "port", "client_encoding"),
        # What psycopg and libpq keep to themselves.
        *("connect_timeout", "keepalives_idle", "keepalives_interval", "keepalives_count"),
        *("tcp_user_timeout", "context", "cursor_factory", "prepare_threshold"),
    }


def test_w15_f2_a_connection_has_its_time_outs_all_the_same(database: None) -> None:
    wanted = {
        "statement_timeout": "30s",
        "lock_timeout": "5s",
        "idle_in_transaction_session_timeout": "10s",
        "tcp_user_timeout": "10000",
        "tcp_keepalives_idle": "3",
        "tcp_keepalives_interval": "3",
        "tcp_keepalives_count": "2",
    }
    with connection.cursor() as cursor:
        shown = {}
        for name in wanted:
            cursor.execute(f"SHOW {name}")
            (shown[name],) = cursor.fetchone()
    assert shown == wanted


def test_f3_a_network_that_acknowledges_nothing_is_noticed_within_ten_seconds(
    database: None,
) -> None:
    connection.ensure_connection()
    with socket.socket(fileno=os.dup(connection.connection.fileno())) as wire:
        assert wire.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 10_000
        assert wire.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        told = [
            wire.getsockopt(socket.IPPROTO_TCP, option)
            for option in (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
        ]
    assert told == [3, 3, 2]


# ------------------------------------------------------------------ a process that is stopped


async def test_f2_a_process_that_is_stopped_with_an_organizations_lock_is_not_waited_for(
    server: Server, cast: Cast
) -> None:
    environment = {**os.environ, "BOS_DATABASE_PATIENCE": "1.5"}
    ours, theirs = forkserver.Pipe()
    stopped = forkserver.Process(
        target=stop_with_the_lock, args=(str(cast.home.organization.pk), environment, theirs)
    )
    async with await Client.connect(server, cast.mia) as mia:
        await mia.set_value(cast.home.revenue, 1)
        stopped.start()
        try:
            assert await asyncio.to_thread(ours.poll, 10)
            started = time.monotonic()
            await mia.set_value(cast.home.revenue, 2)
            assert 0.5 < time.monotonic() - started < 4
        finally:
            stopped.kill()
            stopped.join()


# ------------------------------------------------------------------ a network that is half open


async def test_f3_writing_goes_on_soon_after_a_network_that_was_half_open(
    serve: ServeFixture, cast: Cast
) -> None:
    async with network() as net:
        server = serve(DATABASE_URL=net.url, BOS_DATABASE_PATIENCE="1")
        async with (
            await Client.connect(server, cast.mia) as mia,
            await Client.connect(server, cast.bob) as bob,
        ):
            await bob.subscribe(cast.home.topic)
            await mia.set_value(cast.home.revenue, 1)
            net.swallow()
            lost = asyncio.create_task(mia.ask("KPI_UPDATE", kpi(cast, 2)))
            await until_health(server, 503, within=10)
            numbers = await scrape(server)
            assert (numbers.of("bos_database_answers"), numbers.of("bos_processes")) == (0, 1)
            assert not numbers.has("bos_queue_age_seconds")
            # A request that needs no database does not wait for it.
            for _ in range(5):
                started = time.monotonic()
                assert (await bob.ask("PING"))["type"] == "PONG"
                assert time.monotonic() - started < 0.5
            await net.join()
            began = time.monotonic()
            await lost
            await until_health(server, 200, within=5)
            answer = await mia.ask("KPI_UPDATE", kpi(cast, 3))
            assert answer["type"] == "KPI_UPDATED", answer
            assert time.monotonic() - began < 8


def kpi(cast: Cast, value: float) -> dict[str, Any]:
    return {"kpiId": str(cast.home.revenue.pk), "value": value}


async def until_health(server: Server, status: int, *, within: float) -> None:
    async def has_status() -> bool:
        return (await fetch(server, "/healthz")).status == status

    await until(has_status, within=within)


# ------------------------------------------------------------------ what is logged meanwhile


async def test_f7_a_database_that_is_away_is_one_line_a_kind_and_second_in_the_log(
    serve: ServeFixture, cast: Cast
) -> None:
    """And whoever asks meanwhile is told to come back; when it is there again, all goes on."""
    away, bearer = 2.0, {"Authorization": f"Bearer {cast.bob.token}"}
    async with network() as net:
        server = serve(PRODUCTION | UNLIMITED, DATABASE_URL=net.url)
        async with (
            await Client.connect(server, cast.mia) as mia,
            await Client.connect(server, cast.bob) as bob,
        ):
            await bob.subscribe(cast.home.topic)
            await mia.set_value(cast.home.revenue, 1)
            await net.cut()
            began, failures = time.monotonic(), 0
            while time.monotonic() - began < away:
                answers = await many(mia, "KPI_UPDATE", kpi(cast, failures))
                assert {answer["payload"]["code"] for answer in answers} == {
                    "INTERNAL_SERVER_ERROR"
                }
                failures += len(answers)
                told = await fetch(
                    server,
                    "/api/kpis/history",
                    headers=bearer,
                )
                assert (told.status, told.json()["code"]) == (503, "SERVICE_UNAVAILABLE")
                assert int(told.headers["retry-after"]) > 0
            lasted = time.monotonic() - began
            await until_health(server, 503, within=10)
            ready = await fetch(server, "/readyz")
            assert (ready.status, ready.json()["reasons"]) == (503, ["database away"])
            await net.join()
            await until_health(server, 200, within=5)
            answer = await mia.ask("KPI_UPDATE", kpi(cast, 3))
            assert answer["type"] == "KPI_UPDATED", answer
    lines = [line for line in server.log.read_text().splitlines() if line[:4].isdigit()]
    kinds = Counter(what_it_says(line) for line in lines)
    assert failures >= 100
    assert "request failed" in str(kinds)
    assert all(count <= lasted + 3 for count in kinds.values()), kinds
    assert len(kinds) < 10, kinds
    assert any("left_out=" in line for line in lines)


async def many(client: Client, type_: str, payload: Any) -> list[Message]:
    """Ten requests at once, and their answers."""
    for n in range(10):
        await client.send(type_, payload, request_id=f"{n}-{time.monotonic()}")
    return [await client.receive() for _ in range(10)]


def what_it_says(line: str) -> str:
    """A line of the log without its time and its fields."""
    return " ".join(word for word in line.split()[2:] if "=" not in word)


def kpi_topic(cast: Cast) -> str:
    return f"kpi:{cast.home.revenue.pk}"
