"""The worker's database is away, or somebody is in the way: no crossing is lost (B2, f8)."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import timedelta
from decimal import Decimal
from threading import Event as Signal
from typing import Any

import pytest
from django.db import (
    DatabaseError,
    Error,
    InterfaceError,
    OperationalError,
    connection,
    transaction,
)
from django.utils import timezone

from bos.models import Notification
from kpis.alerts import clock
from kpis.models import Alert, AlertRule, Kpi, KpiValue, RuleKind
from sync.eventlog.faults import passes
from sync.eventlog.processors import advance
from sync.models import Event
from tests.support.backlog import skip_backlog
from tests.support.cast import Cast
from tests.support.locks import on_connections_of_its_own


@pytest.fixture(autouse=True)
def backlog(database: None) -> None:
    skip_backlog()


def rule(kpi: Kpi, **more: Any) -> AlertRule:
    values = {"kind": "above", "threshold": 150} | more
    return AlertRule.objects.create(organization=kpi.organization, kpi=kpi, **values)


def crossing(cast: Cast, count: int = 1) -> list[Kpi]:
    """So many KPIs, each of which has just crossed a rule."""
    kpis = [Kpi(organization=cast.home.organization, name=f"{n}", value=1) for n in range(count)]
    for kpi in kpis:
        kpi.save()
        rule(kpi)
    while advance():
        pass
    for kpi in kpis:
        kpi.value = Decimal(200)
        kpi.save()
    return kpis


def alerts_of(kpis: list[Kpi]) -> list[int]:
    return [Alert.objects.filter(kpi=kpi).count() for kpi in kpis]


@contextmanager
def impatient(backend: str) -> Iterator[None]:
    """A transaction in the way is waited for a moment only."""
    short, usual = {
        "sqlite": ("PRAGMA busy_timeout = 50", "PRAGMA busy_timeout = 10000"),
        "postgres": ("SET lock_timeout = '50ms'", "RESET lock_timeout"),
    }[backend]
    with connection.cursor() as cursor:
        cursor.execute(short)
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute(usual)


@contextmanager
def held(row: Any) -> Iterator[Callable[[], None]]:
    """Somebody else's transaction has this row; yields what ends it."""
    taken, end = Signal(), Signal()

    def hold() -> None:
        with transaction.atomic():
            type(row).objects.select_for_update().get(pk=row.pk)
            taken.set()
            end.wait(30)

    with ThreadPoolExecutor(1) as pool:
        holding = pool.submit(on_connections_of_its_own, hold)
        assert taken.wait(10)

        def release() -> None:
            end.set()
            holding.result()

        try:
            yield release
        finally:
            release()


class WhenLeftOut(logging.Handler):
    """Does something when the processor gives an event up."""

    def __init__(self, do: Callable[[], None]) -> None:
        super().__init__()
        self.do = do

    def emit(self, record: logging.LogRecord) -> None:
        if record.getMessage() == "event left out":
            self.do()


# ------------------------------------------------------------------ what passes


@pytest.mark.parametrize("rounds", [1, 3])
def test_f8_a_row_that_somebody_holds_for_long_costs_no_alert(
    cast: Cast, backend: str, rounds: int
) -> None:
    """A halted process of the worker, a long form of the admin; the lock ends at the worst time."""
    kpis = crossing(cast, 4)
    logger = logging.getLogger("bos.sync")
    with impatient(backend), held(AlertRule.objects.get(kpi=kpis[0])) as release:
        handler = WhenLeftOut(release)
        logger.addHandler(handler)
        try:
            for _ in range(rounds):
                with suppress(OperationalError):
                    advance()
        finally:
            logger.removeHandler(handler)
    advance()
    assert alerts_of(kpis) == [1, 1, 1, 1]


def test_f8_a_connection_that_is_ended_in_the_middle_of_a_page_costs_no_alert(
    cast: Cast, backend: str
) -> None:
    """As by idle_in_transaction_session_timeout, where the worker was halted in its transaction."""
    if backend != "postgres":
        pytest.skip("SQLite has no connections that others could end")
    kpis = crossing(cast, 4)
    with held(AlertRule.objects.get(kpi=kpis[2])), ThreadPoolExecutor(1) as pool:
        passing = pool.submit(on_connections_of_its_own, advance)
        while not passing.done():
            end_who_is_blocked()
        passing.result()  # it has gone on with the others, on a new connection
    advance()
    assert alerts_of(kpis) == [1, 1, 1, 1]


def end_who_is_blocked() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND cardinality(pg_blocking_pids(pid)) > 0"
        )


def test_f8_another_organization_does_not_wait_for_who_is_in_the_way(
    cast: Cast, backend: str
) -> None:
    if backend != "postgres":
        pytest.skip("SQLite locks the file, which is everybody's")
    [ours] = crossing(cast)
    other = cast.other.revenue
    rule(other)
    other.value = Decimal(200)
    other.save()
    with impatient(backend), held(AlertRule.objects.get(kpi=ours)):
        advance()
        assert alerts_of([ours, other]) == [0, 1]
    advance()
    assert alerts_of([ours, other]) == [1, 1]


def test_f8_an_event_that_fails_by_itself_is_left_out_and_no_other(cast: Cast) -> None:
    kpis = crossing(cast, 3)
    broken = Event.objects.filter(entity_id=str(kpis[1].pk), live_type="KPI_UPDATED")
    assert broken.update(data="{") == 1
    while advance():
        pass
    assert alerts_of(kpis) == [1, 0, 1]


SQL = {
    "sqlite": [
        ("SELECT * FROM no_such_table", False),
        ("INSERT INTO bos_organization (id) VALUES (1)", False),
    ],
    "postgres": [
        ("SELECT 1 / 0", False),
        ("SELECT * FROM no_such_table", False),
        ("INSERT INTO bos_organization (id) VALUES (gen_random_uuid())", False),
        ("SET LOCAL statement_timeout = 1; SELECT pg_sleep(5)", True),
        ("SELECT pg_terminate_backend(pg_backend_pid())", True),
    ],
}


def test_f8_what_passes_by_itself_is_told_from_what_does_not(backend: str) -> None:
    def failing(sql: str) -> Error:
        with (
            pytest.raises((DatabaseError, InterfaceError)) as caught,
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(sql)
        return caught.value

    for sql, expected in SQL[backend]:
        with ThreadPoolExecutor(1) as pool:
            error = pool.submit(on_connections_of_its_own, lambda sql=sql: failing(sql)).result()
        assert passes(error) is expected, (sql, error)
    assert not passes(json.JSONDecodeError("", "", 0))


# ------------------------------------------------------------------ what nobody saw


def missing(kpi: Kpi, *, created: timedelta, values: list[timedelta]) -> AlertRule:
    """A rule of two hours, made so long ago, and values that old."""
    advance()  # what made the KPI
    made = rule(kpi, kind=RuleKind.MISSING, threshold=None, hours=2)
    now = timezone.now()
    AlertRule.objects.filter(pk=made.pk).update(created_at=now - created)
    KpiValue.objects.filter(kpi=kpi).delete()
    KpiValue.objects.bulk_create(
        KpiValue(kpi=kpi, value=1, at=now - ago, actor_id="test") for ago in values
    )
    return made


H = timedelta(hours=1)


@pytest.mark.parametrize(
    ("created", "values", "expected"),
    [
        (9 * H, [4 * H], 1),
        (3 * H, [], 1),
        (9 * H, [1 * H], 0),
        (1 * H, [9 * H], 0),
        (1 * H, [], 0),
    ],
    ids=["missed", "never any", "in time", "before the rule", "young rule"],
)
def test_f8_a_value_that_was_missing_while_no_worker_ran_is_told_when_it_comes(
    cast: Cast, created: timedelta, values: list[timedelta], expected: int
) -> None:
    revenue = cast.home.revenue
    made = missing(revenue, created=created, values=values)
    for value in (5, 6):
        revenue.value = Decimal(value)
        revenue.save()
    advance()
    assert alerts_of([revenue]) == [expected]
    assert not AlertRule.objects.get(pk=made.pk).raised


def test_f8_an_outage_that_was_told_is_not_told_again_when_it_ends(cast: Cast) -> None:
    revenue = cast.home.revenue
    missing(revenue, created=9 * H, values=[4 * H])
    clock.raise_missing()
    assert alerts_of([revenue]) == [1]
    revenue.value = Decimal(5)
    revenue.save()
    advance()
    assert alerts_of([revenue]) == [1]


def test_f8_a_rule_saved_from_an_old_row_does_not_alert_twice_for_one_crossing(cast: Cast) -> None:
    [kpi] = crossing(cast)
    stale = AlertRule.objects.get(kpi=kpi)
    advance()
    stale.severity = "info"
    stale.save()
    kpi.value = Decimal(201)
    kpi.save()
    advance()
    assert alerts_of([kpi]) == [1]
    assert Notification.objects.filter(data__kpiId=str(kpi.pk)).count() == 0


def test_f8_a_rule_that_somebody_holds_keeps_no_other_kpi_from_being_missed(
    cast: Cast, backend: str
) -> None:
    if backend != "postgres":
        pytest.skip("SQLite locks the file, which is everybody's")
    rules = [
        missing(kpi, created=9 * H, values=[4 * H]) for kpi in (cast.home.revenue, cast.home.margin)
    ]
    with impatient(backend), held(rules[0]):
        clock.raise_missing()
        assert alerts_of([cast.home.revenue, cast.home.margin]) == [0, 1]
    clock.raise_missing()
    assert alerts_of([cast.home.revenue, cast.home.margin]) == [1, 1]
