"""When a connector runs: by its rhythm, and after failures sooner at first, then ever later."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from kpis.models import Connector, ConnectorRhythm

FIRST_PAUSE = timedelta(minutes=5)
LONGEST_PAUSE = timedelta(hours=6)


def first_run(connector: Connector, now: datetime) -> datetime:
    """Return when one runs that has just been set up or changed: every so many minutes, at once."""
    return now if connector.rhythm == ConnectorRhythm.EVERY else _at_its_time(connector, now)


def next_run(connector: Connector, now: datetime) -> datetime:
    """Return the first time after now that its rhythm knows; those that were missed are past."""
    if connector.rhythm == ConnectorRhythm.DAILY:
        return _at_its_time(connector, now)
    due = connector.next_run_at
    if due is None or due > now + connector.step:  # or a clock was ahead
        return now + connector.step
    return due + connector.step * ((now - due) // connector.step + 1)


def run_after_failure(connector: Connector, now: datetime) -> datetime:
    """Return when it is tried again. connector: `failures` counts the one that has just been."""
    doublings = min(connector.failures - 1, 10)
    again: datetime = now + min(FIRST_PAUSE * 2**doublings, LONGEST_PAUSE)
    if connector.rhythm == ConnectorRhythm.DAILY:
        again = min(again, _at_its_time(connector, now))
    return again


def _at_its_time(connector: Connector, now: datetime) -> datetime:
    assert connector.daily_at is not None, "a constraint says so"
    today = datetime.combine(now.astimezone(UTC).date(), connector.daily_at, UTC)
    return today if today > now else today + timedelta(days=1)
