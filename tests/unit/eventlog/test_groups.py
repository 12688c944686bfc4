"""Which changes are committed together (L3)."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import threading
from collections.abc import Callable, Iterator
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from django.db import OperationalError, connection, connections, transaction

from bos.permissions import principal_of
from kpis.models import Kpi, KpiValue
from kpis.services import kpi_set_value
from sync.eventlog import log
from sync.eventlog.idempotency import ask_for
from sync.eventlog.scripts import script_for
from sync.eventlog.writer import GROUP, Dropped, GroupWriter
from sync.protocol.errors import NotFound
from sync.protocol.identity import Principal
from tests.support.cast import Cast

LONG = 0.3
SOON = LONG / 10


def told(happened: list[str], name: str) -> Callable[[], None]:
    """A change that says when it is made and when it is committed."""

    def change() -> None:
        happened.append(name)
        transaction.on_commit(lambda: happened.append(f"{name} committed"))

    return change


async def test_l3_a_change_lingers_for_one_that_comes_soon_after_it() -> None:
    writer, happened = GroupWriter(), list[str]()
    first = writer.submit(told(happened, "a"), batch_delay=LONG)
    second: asyncio.Future[asyncio.Future[None]] = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_later(
        SOON, lambda: second.set_result(writer.submit(told(happened, "b")))
    )
    await asyncio.gather(first, await second)
    assert happened == ["a", "b", "a committed", "b committed"]


async def test_l3_a_change_that_may_not_linger_is_committed_at_once() -> None:
    writer, happened = GroupWriter(), list[str]()
    await writer.submit(told(happened, "a"))
    await writer.submit(told(happened, "b"))
    assert happened == ["a", "a committed", "b", "b committed"]


async def test_l3_what_came_during_a_commit_does_not_linger() -> None:
    writer, happened = GroupWriter(), list[str]()
    loop = asyncio.get_running_loop()
    entered, leave = asyncio.Event(), asyncio.Event()

    def long_change() -> None:
        told(happened, "a")()
        loop.call_soon_threadsafe(entered.set)
        asyncio.run_coroutine_threadsafe(leave.wait(), loop).result()

    first = writer.submit(long_change)
    await entered.wait()
    second = writer.submit(told(happened, "b"), batch_delay=3600)
    leave.set()
    await asyncio.gather(first, second)
    assert happened == ["a", "a committed", "b", "b committed"]


async def test_e7_a_change_that_fails_takes_none_of_its_group_with_it(cast: Cast) -> None:
    kpi, mia = cast.home.revenue, principal_of(cast.mia.user)
    before = log.head(cast.home.id).sequence
    writer = GroupWriter()

    def set_value(value: int, now: Principal) -> None:
        kpi_set_value(str(kpi.pk), value=Decimal(value), principal=now)
        if value == 2:
            raise NotFound

    changes = [
        writer.submit_for(mia, partial(set_value, value), batch_delay=SOON) for value in (1, 2, 3)
    ]
    outcomes = await asyncio.gather(*changes, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [type(None), NotFound, type(None)]
    values = KpiValue.objects.filter(kpi=kpi).order_by("at", "pk").values_list("value", flat=True)
    assert list(values)[-2:] == [1, 3]
    assert log.head(cast.home.id).sequence == before + 2


def test_e7_the_requests_of_a_group_are_looked_up_by_the_index(database: None) -> None:
    """Where SQLite reads the whole table, each group costs the more the more came before it."""
    plan: list[str] = []

    def explain(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        plan.extend(row[3] for row in execute(f"EXPLAIN QUERY PLAN {sql}", params, many, context))
        return execute(sql, params, many, context)

    script = script_for(connections["default"])
    ask_for({("mia", "1"), ("mia", "2")}, script)
    with connection.execute_wrapper(explain):
        script.run()
    assert any(step.startswith("SEARCH sync_requestrecord USING INDEX") for step in plan)
    assert not any(step.startswith("SCAN") for step in plan)


async def test_s4_what_is_not_wanted_any_more_when_its_turn_comes_is_dropped() -> None:
    writer, happened = GroupWriter(), list[str]()
    anybody = Principal("", "", "", "", 0, 0)
    wanted, begun, leave = threading.Event(), asyncio.Event(), threading.Event()
    wanted.set()
    loop = asyncio.get_running_loop()

    def long_change() -> None:
        loop.call_soon_threadsafe(begun.set)
        leave.wait()

    first = writer.submit(long_change)
    await begun.wait()
    others = [
        writer.submit_for(anybody, lambda _: happened.append("b"), wanted=wanted.is_set)
        for _ in range(GROUP + 1)
    ]
    wanted.clear()
    leave.set()
    outcomes = await asyncio.gather(*others, return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {Dropped}
    await first
    assert happened == []


async def test_f4_on_sqlite_a_commit_that_fails_is_rolled_back_and_may_be_made_again(
    cast: Cast,
) -> None:
    """There is no room for the log in which SQLite writes what it commits."""
    kpi, mia = cast.home.revenue, principal_of(cast.mia.user)
    before = log.head(cast.home.id).sequence
    writer = GroupWriter()

    def change(value: int) -> asyncio.Future[Kpi]:
        set_value = partial(kpi_set_value, str(kpi.pk), value=Decimal(value))
        return writer.submit_for(mia, lambda now: set_value(principal=now), batch_delay=SOON)

    with no_file_is_written():
        failed = await asyncio.gather(change(1), change(2), return_exceptions=True)
    assert {type(outcome) for outcome in failed} == {OperationalError}
    assert KpiValue.objects.filter(kpi=kpi).count() == 1
    await asyncio.gather(change(3), change(4))
    assert KpiValue.objects.filter(kpi=kpi).count() == 3
    assert log.head(cast.home.id).sequence == before + 2


@contextlib.contextmanager
def no_file_is_written() -> Iterator[None]:
    """By this process, not a byte of it: half a page would be worse than none."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("more", [0, 1])
async def test_l3_a_group_has_64_changes_and_not_one_more(more: int) -> None:
    writer, happened = GroupWriter(), list[str]()
    changes = [
        writer.submit(told(happened, str(n)), batch_delay=LONG if n == 0 else 0)
        for n in range(GROUP + more)
    ]
    await asyncio.gather(*changes)
    assert happened.index("0 committed") == GROUP
    assert happened.index(f"{GROUP + more - 1} committed") == 2 * (GROUP + more) - 1
