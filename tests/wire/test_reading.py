"""Reading much of the database beside those who write (row s6)."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.db import connection, connections, transaction

from bos.models import Employee
from bos.permissions import principal_of
from collaboration.models import Participant
from collaboration.payloads import session_joined
from collaboration.picture import read_pictures
from collaboration.services.sessions import session_create, session_join
from kpis.models import Kpi
from sync.eventlog import log
from sync.eventlog.threads import reading
from tests.conftest import ServeFixture
from tests.support.cast import Cast
from tests.support.client import Client
from tests.support.frames import TEXT, RawSocket, frame
from tests.support.mirror import snapshot
from tests.support.server import Server


async def test_s6_a_snapshot_and_a_join_wait_for_nobody_who_writes(
    server: Server, cast: Cast
) -> None:
    """On SQLite a reader that begins as a writer does would wait for this one until it fails."""
    session = await asyncio.to_thread(start_session, cast)
    async with await Client.connect(server, cast.vera) as vera:
        with transaction.atomic():
            Kpi.objects.filter(pk=cast.other.revenue.pk).update(unit="USD")
            shown, _ = await snapshot(vera, cast.home.topic)
            assert ("kpi", str(cast.home.revenue.pk)) in shown
            principal = principal_of(cast.bob.user)
            of = (principal.organization_id, {session: {principal.user_id}})
            pictures = await asyncio.to_thread(elsewhere, read_pictures, *of)
            assert pictures[session].of(principal).session_id == session


def start_session(cast: Cast) -> str:
    def start() -> str:
        principal = principal_of(cast.bob.user)
        with transaction.atomic():
            session = session_create(
                principal, title="t", active_space="s", max_participants=2, invite_user_ids=()
            )
        return str(session.pk)

    session_id: str = elsewhere(start)
    return session_id


def elsewhere(function: Callable[..., Any], *args: Any) -> Any:
    """On a database connection of its own, which waits for nobody longer than a second."""
    try:
        if connection.vendor == "sqlite":
            with connection.cursor() as cursor:
                cursor.execute("PRAGMA busy_timeout=1000")
        return function(*args)
    finally:
        connections.close_all()


def test_s6_what_is_read_together_is_of_one_moment(cast: Cast) -> None:
    kpis = Kpi.objects.filter(pk=cast.home.revenue.pk)

    def read_twice() -> tuple[str, str]:
        with reading():
            first = kpis.values_list("unit", flat=True).get()
            kpis_elsewhere = ThreadPoolExecutor(1)
            with kpis_elsewhere as pool:
                pool.submit(elsewhere, lambda: kpis.update(unit="USD")).result()
            return first, kpis.values_list("unit", flat=True).get()

    assert read_twice() == ("EUR", "EUR")
    assert kpis.get().unit == "USD"


def test_s6_a_thread_that_has_not_connected_yet_reads_as_well(cast: Cast) -> None:
    def read() -> int:
        try:
            with reading():
                return int(Kpi.objects.of(cast.home.id).count())
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(read).result() == 2


def test_c2_a_join_makes_four_statements_and_looks_up_nothing_that_is_known(cast: Cast) -> None:
    """Beside those that its group makes for all: the rights, the head, the events, the records."""
    session = start_session(cast)
    made: list[str] = []

    def count(execute: Callable[..., Any], sql: str, *more: Any) -> Any:
        made.append(sql.split()[0])
        return execute(sql, *more)

    with transaction.atomic(), connection.execute_wrapper(count):
        own = session_join(principal_of(cast.mia.user), session)
        assert session_joined(own).user_name == cast.mia.user.name
    assert made[:4] == ["SELECT", "SELECT", "SELECT", "INSERT"]
    assert Participant.objects.get(pk=own.pk).user == cast.mia.user
    made.clear()
    with transaction.atomic(), connection.execute_wrapper(count):
        again = session_join(principal_of(cast.mia.user), session)
        assert (again.pk, again.state) == (own.pk, "active")
        assert made == ["SELECT", "SELECT"]


RESUMING, MISSED = 200, 500
"""50 MB in all. Read and rendered for each of them they would hold the process for seconds."""


async def test_s6_others_notice_little_of_two_hundred_who_resume_at_once(
    serve: ServeFixture, cast: Cast
) -> None:
    server = serve(
        BOS_MAX_CONNECTIONS_PER_USER=str(RESUMING),
        BOS_USER_MESSAGES_PER_MINUTE="1000",
        BOS_USER_WORK_PER_MINUTE="100000",
    )
    start = log.head(cast.home.id).sequence
    organization = cast.home.organization
    await asyncio.to_thread(
        Employee.objects.bulk_create,
        [Employee(organization=organization, name=str(n)) for n in range(MISSED)],
    )
    request = {"channels": [cast.home.topic], "lastSequence": start}
    crowd = [await sign_in(server, cast.bob.token) for _ in range(RESUMING)]
    async with await Client.connect(server, cast.charlie) as charlie:
        syncs = [asyncio.create_task(resume(each, request)) for each in crowd]
        waits = []
        while (await asyncio.wait(syncs, timeout=0.02))[1]:
            asked = time.monotonic()
            assert (await charlie.ask("PING"))["type"] == "PONG"
            waits.append(time.monotonic() - asked)
        assert [sync.result() for sync in syncs] == [MISSED] * RESUMING
    for each in crowd:
        each.writer.close()
    # A part of it is this process, which reads all of it. Unshared and unbounded it was seconds.
    assert sorted(waits)[len(waits) * 99 // 100] < 1.5
    assert max(waits) < 3


async def sign_in(server: Server, token: str) -> RawSocket:
    raw = await RawSocket.connect(server)
    raw.send(message("AUTH", {"token": token}))
    _, answer = await raw.receive()
    assert b"AUTH_SUCCESS" in answer
    return raw


async def resume(raw: RawSocket, request: dict[str, Any]) -> int:
    """How many updates came, by their number in the bytes that came."""
    raw.send(message("SYNC_REQUEST", request))
    got = bytearray()
    while b'"type":"SYNC_COMPLETE"' not in got[-500:]:
        part = await raw.reader.read(2**18)
        assert part, got[-500:]
        got += part
    return got.count(b'"type":"SYNC_UPDATE"')


def message(type_: str, payload: dict[str, Any]) -> bytes:
    return frame(TEXT, json.dumps({"type": type_, "payload": payload}).encode())
