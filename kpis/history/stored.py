"""Which stored values those of a file are about: of many KPIs at many times in one statement.

Asked KPI by KPI, a file of ten thousand KPIs is twenty thousand queries.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import IntEnum
from typing import Any, TypeVar
from uuid import UUID

from django.db import connection

from kpis.models import KpiValue

T = TypeVar("T")

CHUNK = 400
"""Of one statement: databases limit its parameters."""
MILLISECOND = timedelta(milliseconds=1)
DAY = timedelta(days=1)
_VALUES = KpiValue._meta.db_table
# CROSS JOIN: SQLite takes the tables in this order then, and looks the values up by their index.
_BETWEEN = f"""WITH wanted (kpi, a, b) AS (VALUES {{marks}})
               SELECT v.* FROM wanted CROSS JOIN "{_VALUES}" v
               WHERE v.kpi_id = wanted.kpi AND v.at >= wanted.a AND v.at <= wanted.b
               """  # noqa: S608 -- names of ours
_LAST = f"""WITH wanted (kpi, a, b) AS (VALUES {{marks}})
            SELECT v.* FROM wanted CROSS JOIN "{_VALUES}" v
            WHERE v.kpi_id = wanted.kpi AND v.at = (
              SELECT MAX(l.at) FROM "{_VALUES}" l
              WHERE l.kpi_id = wanted.kpi AND l.at >= wanted.a AND l.at < wanted.b
            )"""  # noqa: S608 -- names of ours
_LATER = f"""WITH wanted (kpi, a, b) AS (VALUES {{marks}})
             SELECT v.* FROM wanted CROSS JOIN "{_VALUES}" v
             WHERE v.kpi_id = wanted.kpi AND v.at = (
               SELECT MAX(l.at) FROM "{_VALUES}" l
               WHERE l.kpi_id = wanted.kpi AND l.at > wanted.a AND l.at <= wanted.b
             )"""  # noqa: S608 -- names of ours

_INSERT = f"""INSERT INTO "{_VALUES}" ("kpi_id", "at", "value", "actor_id")
              VALUES {{marks}}"""  # noqa: S608 -- names of ours


class Precision(IntEnum):
    """The precision of a time in a file: a moment, or one of many that the stored value knows."""

    EXACT = 0
    MILLISECOND = 1
    """A spreadsheet's times are no finer: the value that was exported so is meant."""
    DAY = 2
    """Its last value is meant: that is the day's figure in charts, forecasts and reports."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """may_be_current: put in force where no newer one is stored; otherwise only kept."""

    kpi_id: UUID
    at: datetime
    value: Decimal
    precision: Precision = Precision.EXACT
    may_be_current: bool = True


def find_stored(measurements: Sequence[Measurement]) -> list[tuple[datetime, list[KpiValue]]]:
    """Return of each of these the time that is meant, and what is stored of that time.

    The time is that of a stored value where there is such a one, else its own.
    """
    days = [m for m in measurements if m.precision == Precision.DAY]
    moments = [m for m in measurements if m.precision != Precision.DAY]
    of_days: dict[tuple[UUID, datetime], list[KpiValue]] = defaultdict(list)
    for value in _find(_LAST, [(m.kpi_id, m.at, m.at + DAY) for m in days]):
        begin = value.at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        of_days[value.kpi_id, begin].append(value)
    of_times: dict[tuple[UUID, datetime], list[KpiValue]] = defaultdict(list)
    of_milliseconds: dict[tuple[UUID, datetime], datetime] = {}
    for value in _find(_BETWEEN, [(m.kpi_id, *_about(m)) for m in moments]):
        of_times[value.kpi_id, value.at].append(value)
        shown = (value.kpi_id, to_millisecond(value.at))
        of_milliseconds[shown] = max(value.at, of_milliseconds.get(shown, value.at))
    found = []
    for m in measurements:
        key = (m.kpi_id, m.at)
        if m.precision == Precision.DAY:
            stored = of_days.get(key, [])
            found.append((stored[0].at if stored else m.at, stored))
        else:
            at = of_milliseconds.get(key, m.at) if m.precision == Precision.MILLISECOND else m.at
            found.append((at, of_times.get((m.kpi_id, at), [])))
    return found


def with_newer(times: Sequence[tuple[UUID, datetime]], *, upto: datetime) -> set[UUID]:
    """Return those of these KPIs that have a value newer than this time."""
    wanted = [(kpi_id, at, upto) for kpi_id, at in times]
    return {value.kpi_id for value in _find(_LATER, wanted)}


def to_millisecond(at: datetime) -> datetime:
    """Rounded as a spreadsheet rounds it."""
    begin = at.replace(microsecond=0)
    return begin + round((at - begin) / MILLISECOND) * MILLISECOND


def _about(m: Measurement) -> tuple[datetime, datetime]:
    if m.precision == Precision.MILLISECOND:
        return m.at - MILLISECOND, m.at + MILLISECOND
    return m.at, m.at


def insert_values(rows: Sequence[tuple[UUID, datetime, Decimal]], *, actor_id: str) -> None:
    """Store these values: (KPI's id, at, value). Without a model's instance for each of thousands,
    which takes twice as long."""
    number: Any = KpiValue._meta.get_field("value")
    for some in chunks(rows, CHUNK):
        prepared = _Prepared()
        parameters = [
            part
            for kpi_id, at, value in some
            for part in (
                prepared.kpi(kpi_id),
                prepared.time(at),
                number.get_db_prep_save(value, connection),
                actor_id,
            )
        ]
        with connection.cursor() as cursor:
            marks = ", ".join(["(%s, %s, %s, %s)"] * len(some))
            cursor.execute(_INSERT.format(marks=marks), parameters)


class _Prepared:
    """KPIs' ids and times as the database takes them, each made once."""

    def __init__(self) -> None:
        self._kpis: dict[UUID, Any] = {}
        self._times: dict[datetime, Any] = {}

    def kpi(self, kpi_id: UUID) -> Any:
        prepared = self._kpis.get(kpi_id)
        if prepared is None:
            field: Any = KpiValue._meta.get_field("kpi")
            prepared = self._kpis[kpi_id] = field.get_db_prep_value(kpi_id, connection)
        return prepared

    def time(self, at: datetime) -> Any:
        prepared = self._times.get(at)
        if prepared is None:
            prepared = self._times[at] = connection.ops.adapt_datetimefield_value(at)
        return prepared


def _find(sql: str, wanted: Sequence[tuple[UUID, datetime, datetime]]) -> Iterator[KpiValue]:
    """Yield the values that this statement finds, each once. wanted: (KPI's id, from, to)."""
    seen: set[int] = set()
    for some in chunks(wanted, CHUNK):
        prepared = _Prepared()
        parameters = [
            part
            for kpi_id, a, b in some
            for part in (prepared.kpi(kpi_id), prepared.time(a), prepared.time(b))
        ]
        statement = sql.format(marks=", ".join(["(%s, %s, %s)"] * len(some)))
        for value in KpiValue.objects.raw(statement, parameters):
            if value.pk not in seen:
                seen.add(value.pk)
                yield value


def chunks(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
