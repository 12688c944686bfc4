"""The group writer and rows that others hold (f9).

On PostgreSQL: SQLite has one writer.
"""

from __future__ import annotations

import asyncio
import time
from decimal import Decimal
from functools import partial

import pytest
from django.db import OperationalError, connections, transaction

from bos.models import Role, User
from bos.permissions import principal_of
from kpis.models import Kpi, KpiValue
from kpis.services import kpi_set_value
from sync.eventlog.writer import GroupWriter
from sync.protocol.errors import Unauthorized
from tests.support.cast import Cast, Person

LOCK_TIMEOUT = 0.3
# For what must not wait in a circle: nobody ends it before this time is over.
PATIENCE = 15
BATCH_DELAY = 0.05


@pytest.fixture
def writer(database: None, monkeypatch: pytest.MonkeyPatch) -> GroupWriter:
    """One whose threads wait for a row for 0.3 s."""
    connect_with(monkeypatch, lock_timeout=f"{int(LOCK_TIMEOUT * 1000)}ms")
    return GroupWriter()


def connect_with(monkeypatch: pytest.MonkeyPatch, **session: str) -> None:
    """Of the threads that connect from now on."""
    options = connections.settings["default"]["OPTIONS"]
    monkeypatch.setitem(options, "session", options["session"] | session)


def change(writer: GroupWriter, kpi: Kpi, value: int, by: Person) -> asyncio.Future[Kpi]:
    set_value = partial(kpi_set_value, str(kpi.pk), value=Decimal(value))
    return writer.submit_for(
        principal_of(by.user),
        lambda principal: set_value(principal=principal),
        rows=[(Kpi, kpi.pk)],
        batch_delay=BATCH_DELAY,
    )


def values(kpi: Kpi) -> list[float]:
    """Return the values that it has been set to, besides the first."""
    rows = KpiValue.objects.filter(kpi=kpi).order_by("pk")
    return [float(value) for value in rows.values_list("value", flat=True)][1:]


async def test_f9_those_that_wait_for_one_row_wait_together_and_nobody_else_does(
    writer: GroupWriter, cast: Cast
) -> None:
    revenue, margin = cast.home.revenue, cast.home.margin
    with transaction.atomic():
        Kpi.objects.select_for_update().get(pk=revenue.pk)
        started = time.monotonic()
        waiting = [change(writer, revenue, n, cast.mia) for n in range(10)]
        await change(writer, margin, 1, cast.mia)
        assert not any(change.done() for change in waiting)
        outcomes = await asyncio.gather(*waiting, return_exceptions=True)
        # One by one it would be ten times as long.
        assert time.monotonic() - started < 4 * LOCK_TIMEOUT
    assert {type(outcome) for outcome in outcomes} == {OperationalError}
    assert (values(revenue), values(margin)) == ([], [1])
    await change(writer, revenue, 5, cast.mia)
    assert values(revenue) == [5]


async def test_f9_changes_of_one_user_to_a_row_that_was_held_keep_their_order(
    writer: GroupWriter, cast: Cast
) -> None:
    revenue, margin = cast.home.revenue, cast.home.margin
    with transaction.atomic():
        Kpi.objects.select_for_update().get(pk=revenue.pk)
        changes = [change(writer, revenue, 0, cast.mia)]
        await change(writer, margin, 0, cast.mia)
        # What comes now finds one before it that waits.
        changes += [change(writer, revenue, n, cast.mia) for n in (1, 2)]
    changes += [change(writer, revenue, n, cast.mia) for n in (3, 4)]
    await asyncio.gather(*changes)
    assert values(revenue) == [0, 1, 2, 3, 4]


async def test_f9_rows_that_one_organization_waits_for_leave_room_for_another(
    writer: GroupWriter, cast: Cast
) -> None:
    """More rows are held than there are threads to wait for them."""
    organization, theirs = cast.home.organization, cast.other.revenue
    kpis = [Kpi(organization=organization, name=f"KPI {n}", value=0) for n in range(8)]
    Kpi.objects.bulk_create(kpis)
    with transaction.atomic():
        held = Kpi.objects.select_for_update().filter(organization=organization)
        assert len(held) > len(kpis)
        ours = [change(writer, kpi, 1, cast.mia) for kpi in kpis]
        with_another = writer.submit(lambda: None, organization_id=cast.other.id)
        await asyncio.gather(with_another, change(writer, theirs, 1, cast.charlie))
        assert not all(change.done() for change in ours)
    await asyncio.gather(*ours, return_exceptions=True)


async def test_w3_groups_of_two_processes_do_not_wait_in_a_circle(
    database: None, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They set the same KPIs, in opposite order, again and again."""
    times = {"lock_timeout": f"{PATIENCE}s", "deadlock_timeout": f"{4 * PATIENCE}s"}
    connect_with(monkeypatch, **times)
    one, other = GroupWriter(), GroupWriter()
    organization = cast.home.organization
    kpis = [Kpi(organization=organization, name=f"KPI {n}", value=0) for n in range(12)]
    Kpi.objects.bulk_create(kpis)
    started = time.monotonic()
    for value in range(8):
        await asyncio.gather(
            *(change(one, kpi, value, cast.mia) for kpi in kpis),
            *(change(other, kpi, value, cast.alice) for kpi in reversed(kpis)),
        )
    assert time.monotonic() - started < PATIENCE
    assert KpiValue.objects.filter(kpi__in=kpis).count() == 12 * (1 + 2 * 8)


async def test_w3_a_row_of_another_organization_is_not_locked(
    writer: GroupWriter, cast: Cast
) -> None:
    with transaction.atomic():
        Kpi.objects.select_for_update().get(pk=cast.other.revenue.pk)
        # It is refused at once, as one that does not exist.
        with pytest.raises(Unauthorized):
            await change(writer, cast.other.revenue, 1, cast.mia)


async def test_s4_a_demotion_that_is_being_committed_is_waited_for(
    writer: GroupWriter, cast: Cast
) -> None:
    """Neither is the change made before it with a later sequence, nor with the old rights."""
    with transaction.atomic():
        User.objects.filter(pk=cast.mia.user.pk).update(role=Role.VIEWER)
        asked = change(writer, cast.home.revenue, 1, cast.mia)
        await change(writer, cast.home.revenue, 2, cast.alice)
        assert not asked.done()
    with pytest.raises(Unauthorized):
        await asked
    assert values(cast.home.revenue) == [2]
