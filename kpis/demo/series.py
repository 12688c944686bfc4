"""The demo's history: real daily series, moved to end just before today.

SOURCES.md names where the data is from; derive.py wrote the CSV files.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Literal

HERE = Path(__file__).parent

Direction = Literal["higher", "lower"]
Visibility = Literal["organization", "department"]


@dataclass(frozen=True, slots=True)
class Series:
    """A demo KPI, and its value on each day, oldest first.

    key: the column of the CSV file, unique over both files.
    values: exactly as the CSV has them; Decimal("10.0") keeps its nought.
    """

    key: str
    name: str
    unit: str
    department: str
    direction: Direction
    target: Decimal
    visibility: Visibility
    values: tuple[tuple[date, Decimal], ...]


# Key, department and the targets of the four measures below: medians of 2013, rounded.
AIRPORTS: tuple[tuple[str, str, tuple[int, int, int, int]], ...] = (
    ("ewr", "Newark", (340, 10, 78, 2)),
    ("jfk", "Kennedy", (300, 8, 82, 1)),
    ("lga", "LaGuardia", (290, 5, 86, 3)),
)
MEASURES: tuple[tuple[str, str, str, Direction], ...] = (
    ("departures", "departures", "flights", "higher"),
    ("delay", "average delay", "min", "lower"),
    ("on_time", "on-time share", "%", "higher"),
    ("cancellations", "cancellations", "flights", "lower"),
)
DEPARTMENT_ONLY = frozenset({"lga_cancellations"})

# Key, name, unit, department and target: medians of 2011 and 2012, rounded.
BIKES: tuple[tuple[str, str, str, str, int], ...] = (
    ("registered", "Registered rides", "rides", "Operations", 3700),
    ("casual", "Casual rides", "rides", "Marketing", 700),
    ("total", "Total rides", "rides", "Operations", 4500),
    ("temperature", "Temperature", "°C", "Operations", 15),
)


def flights(today: date) -> list[Series]:
    """Departures of New York's three airports: a year of 12 series, one of them not for all."""
    history = read("flights.csv", today)
    return [
        Series(
            key=(key := f"{airport}_{measure}"),
            name=f"{department} {label}",
            unit=unit,
            department=department,
            direction=direction,
            target=Decimal(target),
            visibility="department" if key in DEPARTMENT_ONLY else "organization",
            values=history[key],
        )
        for airport, department, targets in AIRPORTS
        for (measure, label, unit, direction), target in zip(MEASURES, targets, strict=True)
    ]


def bikes(today: date) -> list[Series]:
    """Washington's public bicycles: two years of 4 series."""
    history = read("bikes.csv", today)
    return [
        Series(
            key=key,
            name=name,
            unit=unit,
            department=department,
            direction="higher",
            target=Decimal(target),
            visibility="organization",
            values=history[key],
        )
        for key, name, unit, department, target in BIKES
    ]


def read(name: str, today: date) -> dict[str, tuple[tuple[date, Decimal], ...]]:
    """Every column of a CSV file by its header, the days moved up to before today."""
    with (HERE / name).open(encoding="utf-8", newline="") as source:
        rows = list(csv.DictReader(source))
    days = shifted([date.fromisoformat(row.pop("date")) for row in rows], today)
    return {
        key: tuple((day, Decimal(row[key])) for day, row in zip(days, rows, strict=True))
        for key in rows[0]
    }


def shifted(days: list[date], today: date) -> list[date]:
    """Move days by whole weeks, so that Sundays stay Sundays, as far as all are before today."""
    weeks = (today - timedelta(days=1) - days[-1]) // timedelta(weeks=1)
    return [day + timedelta(weeks=weeks) for day in days]
