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
from typing import TypeVar
from uuid import UUID

import msgspec
from django.db import connection

from kpis.models import NEVER, KpiValue

T = TypeVar("T")

CHUNK = 400
"""Of one statement: databases limit its parameters."""
AT_ONCE = 5_000
"""Rows that come to a statement as a table, which is few parameters however long it is."""
MILLISECOND = timedelta(milliseconds=1)
DAY = timedelta(days=1)
_VALUES = KpiValue._meta.db_table
_BETWEEN = "v.kpi_id = wanted.kpi AND v.at >= wanted.a AND v.at <= wanted.b"
_LAST = f"""v.kpi_id = wanted.kpi AND v.at = (
              SELECT MAX(l.at) FROM "{_VALUES}" l
              WHERE l.kpi_id = wanted.kpi AND l.at >= wanted.a AND l.at < wanted.b
            )"""  # noqa: S608 -- names of ours
_LATER = f"""v.kpi_id = wanted.kpi AND v.at = (
               SELECT MAX(l.at) FROM "{_VALUES}" l
               WHERE l.kpi_id = wanted.kpi AND l.at > wanted.a AND l.at <= wanted.b
             )"""  # noqa: S608 -- names of ours


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
    if not of_days and not of_times:  # it is news
        return [(m.at, []) for m in measurements]
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
    """Store these values, of which newer ones are known: (KPI's id, at, value)."""
    for some in chunks(rows, AT_ONCE):
        text = _Text()
        table = _Table(
            kpi=("uuid", [kpi_id.hex for kpi_id, _, _ in some]),
            at=("timestamptz", [text.time(at) for _, at, _ in some]),
            value=("numeric", [format(value, "f") for _, _, value in some]),
        )
        statement = f"""INSERT INTO "{_VALUES}" ("kpi_id", "at", "value", "actor_id", "shown_at")
                        SELECT kpi, at, value, %s, %s FROM ({table.sql}) new"""  # noqa: S608 -- ours
        never = connection.ops.adapt_datetimefield_value(NEVER)
        with connection.cursor() as cursor:
            cursor.execute(statement, [actor_id, never, *table.parameters])


class _Table:
    """Columns of texts as a table in a statement: arrays on PostgreSQL, JSON on SQLite.

    A mark for each of thousands of values costs more than all else that the statement does.
    """

    def __init__(self, **columns: tuple[str, Sequence[str]]) -> None:
        """columns: by name, PostgreSQL's type and the values; none of these needs quotes."""
        if connection.vendor == "postgresql":
            arrays = ", ".join(f"%s::{type_}[]" for type_, _ in columns.values())
            self.sql = f"SELECT * FROM unnest({arrays}) AS t ({', '.join(columns)})"  # noqa: S608 -- names of ours
            self.parameters = [f"{{{','.join(values)}}}" for _, values in columns.values()]
        else:
            cells = (f"json_extract(value, '$[{n}]') AS {name}" for n, name in enumerate(columns))
            self.sql = f"SELECT {', '.join(cells)} FROM json_each(%s)"  # noqa: S608 -- names of ours
            rows = list(zip(*(values for _, values in columns.values()), strict=True))
            self.parameters = [msgspec.json.encode(rows).decode()]


class _Text:
    """Times as a text that the database reads, each made once."""

    def __init__(self) -> None:
        self._times: dict[datetime, str] = {}

    def time(self, at: datetime) -> str:
        text = self._times.get(at)
        if text is None:
            text = self._times[at] = str(connection.ops.adapt_datetimefield_value(at))
        return text


def _find(condition: str, wanted: Sequence[tuple[UUID, datetime, datetime]]) -> Iterator[KpiValue]:
    """Yield the values `v` that are as the condition says for one of these, each once.

    wanted: (KPI's id, from, to).
    """
    seen: set[int] = set()
    for some in chunks(wanted, AT_ONCE):
        text = _Text()
        table = _Table(
            kpi=("uuid", [kpi_id.hex for kpi_id, _, _ in some]),
            a=("timestamptz", [text.time(a) for _, a, _ in some]),
            b=("timestamptz", [text.time(b) for _, _, b in some]),
        )
        for value in KpiValue.objects.raw(_each(table.sql, condition), table.parameters):
            if value.pk not in seen:
                seen.add(value.pk)
                yield value


def _each(wanted: str, condition: str) -> str:
    """Return the statement that looks up each of those that are wanted by the index, and never
    reads all values to compare them: each database is told so in its own way."""
    values = f'"{_VALUES}" v'
    if connection.vendor == "postgresql":
        values = f"LATERAL (SELECT * FROM {values} WHERE {condition} OFFSET 0) v"  # noqa: S608 -- names of ours
        condition = "TRUE"
    return f"WITH wanted AS ({wanted}) SELECT v.* FROM wanted CROSS JOIN {values} WHERE {condition}"  # noqa: S608 -- names of ours


def chunks(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
