"""Numbers for operators (decision O1): each moves when its thing happens."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from pathlib import Path

import psutil
import pytest
from django.db import transaction
from django.utils import timezone
from django_q.models import Failure
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from bos.jobs.queue import enqueue
from bos.models import Job
from sync.delivery.bus import bus
from sync.eventlog import log
from sync.protocol.close_codes import CloseCode
from sync.protocol.errors import ErrorCode, SyncErrorCode
from tests.conftest import BACKEND, ServeFixture
from tests.support.backlog import skip_backlog
from tests.support.cast import Cast
from tests.support.client import Client
from tests.support.http import fetch
from tests.support.numbers import BEARER, Numbers, scrape
from tests.support.server import Server
from tests.support.services import RedisServer
from tests.support.waiting import until

CLIENTS = 8


class Moved:
    """How far a number has moved since this was made."""

    def __init__(self, server: Server, before: Numbers) -> None:
        self._server = server
        self._before = before
        self._now = before

    async def look(self) -> Moved:
        self._now = await scrape(self._server)
        return self

    def __call__(self, name: str, **labels: str) -> float:
        return self._now.of(name, **labels) - self._before.of(name, **labels)


@pytest.fixture
async def moved(server: Server) -> Moved:
    """From when the connections of earlier tests have ended: their end is counted as well."""

    async def is_deserted() -> Numbers | None:
        numbers = await scrape(server)
        return None if numbers.of("bos_connections") else numbers

    return Moved(server, await until(is_deserted, within=10))


@pytest.fixture
async def level(server: Server) -> None:
    """Wait until the server has got what earlier tests wrote, in organizations that linger.

    Without Redis it reads them once a second, which counts as repairs of gaps.
    """
    begin = time.monotonic()

    async def is_level() -> bool:
        passed = time.monotonic() - begin
        return (await scrape(server)).of("bos_delivery_behind_seconds") < passed

    await until(is_level, within=10)


# ------------------------------------------------------------------ not public


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer another token of the tests"},
        {"Authorization": BEARER["Authorization"][:-1]},
        {"Authorization": BEARER["Authorization"].removeprefix("Bearer ")},
        {"Cookie": "metrics=1", "X-Forwarded-For": "127.0.0.1"},
    ],
    ids=["nothing", "another token", "most of it", "no scheme", "this machine"],
)
async def test_o1_metrics_are_told_to_nobody_without_the_token(
    server: Server, headers: dict[str, str]
) -> None:
    answer = await fetch(server, "/metrics", headers=headers)
    assert (answer.status, answer.body) == (401, b"")
    assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_o1_a_user_s_token_opens_no_metrics(server: Server, cast: Cast) -> None:
    bearer = {"Authorization": f"Bearer {cast.alice.token}"}
    assert (await fetch(server, "/metrics", headers=bearer)).status == 401


async def test_o1_without_a_token_of_its_own_there_is_no_such_page(impatient: Server) -> None:
    for headers in ({}, {"Authorization": "Bearer "}, BEARER):
        assert (await fetch(impatient, "/metrics", headers=headers)).status == 404


async def test_o1_metrics_are_only_read(server: Server) -> None:
    answer = await fetch(server, "/metrics", method="POST", body={}, headers=BEARER)
    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")
    head = await fetch(server, "/metrics", method="HEAD", headers=BEARER)
    assert (head.status, head.body) == (200, b"")


async def test_o1_whoever_asks_for_openmetrics_gets_it(server: Server) -> None:
    """And a target is an address: nothing of it need be in ALLOWED_HOSTS."""
    headers = BEARER | {"Accept": "application/openmetrics-text", "Host": "10.0.0.7"}
    answer = await fetch(server, "/metrics", headers=headers)
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    assert answer.body.endswith(b"# EOF\n")


# ------------------------------------------------------------------ connections and messages


async def test_o1_connections_are_counted_by_state_and_closes_by_code(
    server: Server, cast: Cast, moved: Moved
) -> None:
    async with (
        await Client.connect(server, cast.bob),
        await Client.connect(server, cast.mia),
        await Client.connect(server),
    ):
        await moved.look()
        assert moved("bos_connections", state="active") == 2
        assert moved("bos_connections", state="new") == 1
        assert moved("bos_leases", kind="connection") == 2
    refused = await Client.connect(server)
    for _ in range(3):
        await refused.ask("AUTH", {"token": "none"})
    assert (await refused.closed())[0] == CloseCode.AUTHENTICATION
    own = await connect(server.ws, subprotocols=[Subprotocol("bos-v1")])
    await own.close(4999)

    async def has_ended() -> bool:
        return (await moved.look())("bos_closes_total") == 5

    await until(has_ended, within=5)
    assert moved("bos_closes_total", code="1000") == 3
    assert moved("bos_closes_total", code="4401") == 1
    assert moved("bos_closes_total", code="other") == 1
    assert moved("bos_connections") == 0
    assert moved("bos_errors_total", code="INVALID_TOKEN") == 3
    assert moved("bos_errors_total", code="AUTHENTICATION_REQUIRED") == 1  # says why it is closed


async def test_o1_messages_are_counted_by_type_and_direction_and_errors_by_code(
    server: Server, cast: Cast, moved: Moved
) -> None:
    async with await Client.connect(server, cast.bob) as bob:
        for _ in range(3):
            await bob.ask("PING")
        for name in ("INVENTED", "AS_MANY_AS_ONE_LIKES"):
            await bob.ask(name)
        await bob.send_raw("{")
        await bob.expect("ERROR")
        await bob.ask("SUBSCRIBE", {"channels": [cast.other.topic]})
        await bob.sync(cast.home.topic, lastSequence=10**9)
    await moved.look()
    received = {"direction": "received"}
    assert moved("bos_messages_total", type="AUTH", **received) == 1
    assert moved("bos_messages_total", type="PING", **received) == 3
    assert moved("bos_messages_total", type="unknown", **received) == 2
    assert moved("bos_messages_total", type="malformed", **received) == 1
    assert moved("bos_messages_total", direction="sent", type="PONG") == 3
    assert moved("bos_messages_total", direction="sent", type="ERROR") == 4
    assert moved("bos_errors_total", code="INVALID_MESSAGE_FORMAT") == 3
    assert moved("bos_errors_total", code="SYNC_TIMESTAMP_IN_FUTURE") == 1
    assert moved("bos_errors_total") == 5


# ------------------------------------------------------------------ deliveries


async def test_o1_a_change_is_counted_from_its_group_to_its_last_write(
    level: None, server: Server, cast: Cast, moved: Moved
) -> None:
    async with (
        await Client.connect(server, cast.mia) as mia,
        await Client.connect(server, cast.bob) as bob,
        await Client.connect(server, cast.vera) as vera,
    ):
        for one in (mia, bob, vera):
            await one.subscribe(cast.home.topic)
        for value in (1, 2):
            await mia.set_value(cast.home.revenue, value)
        for one in (bob, vera):
            await one.settle()
        await moved.look()
    assert moved("bos_deliveries_total") == 2 * 3
    assert moved("bos_messages_total", direction="sent", type="KPI_UPDATED") == 2 * 3
    assert moved("bos_messages_total", direction="sent", type="SYNC_UPDATE") == 2 * 3
    assert moved("bos_commit_to_write_seconds_count") == 2
    assert 0 < moved("bos_commit_to_write_seconds_sum") < 2
    # And what the server writes by itself, of somebody's presence.
    assert moved("bos_group_commit_changes_count") >= 2
    assert moved("bos_group_commit_changes_sum") >= 2
    assert moved("bos_group_commit_wait_seconds_count") >= 2
    assert moved("bos_gap_repairs_total") == 0


async def test_o1_a_requester_that_follows_nothing_is_one_delivery(
    server: Server, cast: Cast, moved: Moved
) -> None:
    async with await Client.connect(server, cast.mia) as mia:
        await mia.set_value(cast.home.revenue, 1)

        async def is_measured() -> bool:  # with the flush that comes a millisecond later
            return (await moved.look())("bos_commit_to_write_seconds_count") == 1

        await until(is_measured, within=5)
    assert moved("bos_deliveries_total") == 1
    assert moved("bos_messages_total", direction="sent", type="SYNC_UPDATE") == 0


async def test_o1_an_event_of_which_nothing_was_told_is_a_gap_that_was_repaired(
    level: None, server: Server, cast: Cast, moved: Moved
) -> None:
    async with await Client.connect(server, cast.bob) as bob:
        await bob.subscribe(cast.home.topic)
        log.publish_with(lambda events: None)
        try:
            _rename(cast, "Head Office")
        finally:
            log.publish_with(bus.publish)
        await bob.expect("SYNC_UPDATE")
        await moved.look()
    assert moved("bos_gap_repairs_total", cause="head") == 1
    assert moved("bos_gap_repairs_total") == 1
    assert moved("bos_deliveries_total") == 1


@transaction.atomic
def _rename(cast: Cast, name: str) -> None:
    cast.home.organization.name = name
    cast.home.organization.save()


async def test_o1_syncs_are_counted_with_their_size(
    server: Server, cast: Cast, moved: Moved
) -> None:
    async with await Client.connect(server, cast.mia) as mia:
        end = (await mia.subscribe(cast.home.topic))["payload"]["sequence"]
        await mia.set_value(cast.home.revenue, 1)
        missed = await mia.sync(cast.home.topic, lastSequence=end)
        shown = await mia.sync(cast.home.topic)
        await moved.look()
    for kind, messages in (("replay", missed), ("snapshot", shown)):
        updates = [message for message in messages if message["type"] == "SYNC_UPDATE"]
        assert moved("bos_sync_messages_count", kind=kind) == 1
        assert moved("bos_sync_messages_sum", kind=kind) == len(updates)
        assert updates


# ------------------------------------------------------------------ background work


async def test_o1_the_log_and_the_queue_of_the_workers_are_measured(
    server: Server, cast: Cast
) -> None:
    """No worker runs: the numbers are the database's."""
    skip_backlog()
    before = await scrape(server)
    assert before.of("bos_processor_lag_seconds", processor="kpis") == 0
    _rename(cast, "Another")
    enqueue("tests.none", organization_id=cast.home.id)
    failed = Failure.objects.create(
        id=cast.home.organization.pk.hex, name="x", func="tests.none", success=False,
        started=timezone.now(), stopped=timezone.now(),
    )  # fmt: skip
    try:
        after = await until(lambda: _older(server), within=5)
    finally:
        failed.delete()
        Job.objects.filter(organization_id=cast.home.id).delete()
    assert after.of("bos_processor_lag_seconds", processor="kpis") > 0
    assert after.of("bos_queue_jobs", queue="bos") == before.of("bos_queue_jobs", queue="bos") + 1
    assert after.of("bos_job_failures", job="tests.none") == 1
    assert after.of("bos_database_answers") == 1


async def _older(server: Server) -> Numbers | None:
    now = await scrape(server)
    return now if now.of("bos_queue_age_seconds", queue="bos") > 0 else None


# ------------------------------------------------------------------ several processes


@pytest.mark.skipif(BACKEND != "postgres", reason="several processes need Redis")
async def test_o1_several_processes_are_one_page_and_a_dead_one_leaves_what_it_had_counted(
    serve: ServeFixture, cast: Cast, own_redis: RedisServer, tmp_path: Path
) -> None:
    server = serve(processes=2, REDIS_URL=own_redis.url, TMPDIR=str(tmp_path))
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(CLIENTS):
            await stack.enter_async_context(await Client.connect(server, cast.bob))
        parts = await until(lambda: _by_process(tmp_path, "AUTH", CLIENTS), within=10)
        # Whichever of them is asked.
        for numbers in [await scrape(server) for _ in range(6)]:
            assert numbers.of("bos_processes") == 2
            assert numbers.of("bos_connections", state="active") == CLIENTS
            assert numbers.of("bos_messages_total", direction="received", type="AUTH") == CLIENTS
        victim = max(parts, key=lambda pid: parts[pid])
        assert victim in [child.pid for child in psutil.Process(server.process.pid).children()]
        counted = _counted(tmp_path, str(victim))
        os.kill(victim, signal.SIGKILL)

        async def replaced() -> Numbers | None:
            now = await scrape(server)
            # Never less than was counted: it would be taken for a restart.
            assert now.of("bos_messages_total", direction="received", type="AUTH") == CLIENTS
            left = now.of("bos_connections", state="active") == CLIENTS - parts[victim]
            return now if left and now.of("bos_processes") == 2 else None

        await until(replaced, within=15)
        assert counted <= _counted(tmp_path, "dead")
        own_redis.kill()
        await stack.enter_async_context(await Client.connect(server, cast.mia))  # takes a place
        await until(lambda: _redis_is_away(server), within=10)
    server.terminate()
    await server.ended(within=15)
    assert _directories(tmp_path) == []


def _by_process(directory: Path, type_: str, wanted: int) -> dict[int, int] | None:
    """By process, how many messages of this type it has left word of; None before it is all."""
    found: dict[int, int] = {}
    for path in directory.glob("bos-numbers-*/*.json"):
        for name, labels, value in json.loads(path.read_text())["counted"]:
            if name == "bos_messages" and labels == ["_total", "received", type_]:
                found[int(path.stem)] = value
    return found if sum(found.values()) == wanted else None


def _counted(directory: Path, name: str) -> set[str]:
    """Return the metrics of which this process has left counts."""
    left = [json.loads(path.read_text()) for path in directory.glob(f"bos-numbers-*/{name}.json")]
    return {metric for each in left for metric, *_ in each["counted"]}


def _directories(parent: Path) -> list[Path]:
    return list(parent.glob("bos-numbers-*"))


async def _redis_is_away(server: Server) -> bool:
    return (await scrape(server)).of("bos_redis_away") == 1


# ------------------------------------------------------------------ what is known from the start


async def test_o1_every_code_is_there_before_it_has_come(server: Server) -> None:
    """A counter that appears with 1 has not risen, for who looks at how it rises."""
    text = (await fetch(server, "/metrics", headers=BEARER)).body.decode()
    for code in {*ErrorCode, *SyncErrorCode}:
        assert f'bos_errors_total{{code="{code}"}}' in text
    for close in CloseCode:
        assert f'bos_closes_total{{code="{int(close)}"}}' in text
