"""Reading much of the database beside those who write (row s6)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.db import connection, connections, transaction

from bos.permissions import principal_of
from collaboration.models import Participant
from collaboration.payloads import session_joined
from collaboration.picture import read_picture
from collaboration.services.sessions import session_create, session_join
from kpis.models import Kpi
from sync.eventlog.threads import reading
from tests.support.cast import Cast
from tests.support.client import Client
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
            of = (principal.organization_id, session, {principal.user_id})
            picture = await asyncio.to_thread(elsewhere, read_picture, *of)
            assert picture.of(principal).session_id == session


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
