"""When connectors run (decision D7)."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

import pytest

from kpis.connectors.schedule import first_run, next_run, run_after_failure
from kpis.models import Connector, ConnectorRhythm

NOW = datetime(2026, 11, 29, 10, 30, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def every(minutes: int, due: datetime | None = None) -> Connector:
    return Connector(rhythm=ConnectorRhythm.EVERY, minutes=minutes, next_run_at=due)


def daily(hour: int, minute: int = 0) -> Connector:
    return Connector(rhythm=ConnectorRhythm.DAILY, minutes=None, daily_at=time(hour, minute))


@pytest.mark.parametrize(
    ("due", "expected"),
    [
        (NOW, NOW + 60 * MINUTE),
        (NOW - MINUTE, NOW + 59 * MINUTE),
        (NOW - 61 * MINUTE, NOW + 59 * MINUTE),  # one that was missed is not made up for
        (NOW - timedelta(days=400), NOW + 60 * MINUTE),
        (None, NOW + 60 * MINUTE),
        (NOW + timedelta(days=400), NOW + 60 * MINUTE),  # a clock was ahead
    ],
)
def test_d7_a_connector_keeps_its_beat(due: datetime | None, expected: datetime) -> None:
    assert next_run(every(60, due), NOW) == expected


@pytest.mark.parametrize(
    ("connector", "expected"),
    [
        (daily(10, 31), NOW + MINUTE),
        (daily(10, 30), NOW + timedelta(days=1)),
        (daily(6), datetime(2026, 11, 30, 6, tzinfo=UTC)),
    ],
)
def test_d7_a_daily_connector_runs_at_its_time(connector: Connector, expected: datetime) -> None:
    assert next_run(connector, NOW) == first_run(connector, NOW) == expected


def test_d7_a_new_connector_runs_at_once() -> None:
    assert first_run(every(10_080), NOW) == NOW


def test_d7_the_pause_after_failures_grows_up_to_six_hours() -> None:
    connector, pauses = every(5), []
    for failures in range(1, 10):
        connector.failures = failures
        pauses.append((run_after_failure(connector, NOW) - NOW) // MINUTE)
    assert pauses == [5, 10, 20, 40, 80, 160, 320, 360, 360]
    connector.failures = 1_000_000
    assert run_after_failure(connector, NOW) == NOW + timedelta(hours=6)


def test_d7_a_daily_connector_that_fails_misses_no_day() -> None:
    connector = daily(12)
    connector.failures = 1
    assert run_after_failure(connector, NOW) == NOW + 5 * MINUTE
    connector.failures = 9
    assert run_after_failure(connector, NOW) == datetime(2026, 11, 29, 12, tzinfo=UTC)
