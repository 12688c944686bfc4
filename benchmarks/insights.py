"""How well odd values are found in real daily series: `python -m benchmarks.insights [--write]`.

Six series of the demo data; into each ten errors of five robust standard deviations are put, up
and down by turns. Then every day is judged by what came before it, as the product does, and beside
it by the median of the same weekday plus or minus its MAD. With --write the table of
docs/insights.md is made anew.
"""

from __future__ import annotations

import argparse
import csv
import os
import statistics as basic
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import partial
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as `manage.py work` does

from kpis.insights.statistics import expectation, judge

ROOT = Path(__file__).resolve().parent.parent
DEMO = ROOT / "kpis" / "demo"
PAGE = ROOT / "docs" / "insights.md"
BEGIN, END = "<!-- insights:begin -->", "<!-- insights:end -->"

SERIES = {
    "departures of Newark": ("flights.csv", "ewr_departures"),
    "departures of Kennedy": ("flights.csv", "jfk_departures"),
    "departures of LaGuardia": ("flights.csv", "lga_departures"),
    "on-time share of Kennedy": ("flights.csv", "jfk_on_time"),
    "registered bike rides": ("bikes.csv", "registered"),
    "casual bike rides": ("bikes.csv", "casual"),
}
DAYS = 365
FIRST_JUDGED = 75
ERRORS = 10
SIZE = 5.0
WEEK = 7
MAD_TO_SIGMA = 1.4826
WEEKS = 6
REACH = 2.576
"""Standard deviations of 99 %, as the product uses them."""
WIDE_REACH = 3.9
"""With these the baseline flags about as many other days as the product does."""
EVENTS = {
    "blizzard": (date(2013, 2, 8), date(2013, 2, 9)),
    "Thanksgiving": (date(2013, 11, 28), date(2013, 11, 29)),
    "Christmas": (date(2013, 12, 24), date(2013, 12, 25)),
}

History = Mapping[date, float]
Detector = Callable[[History, date, float], bool]


def product(history: History, day: date, value: float) -> bool:
    return judge(expectation(history, day), value) is not None


def same_weekday(history: History, day: date, value: float, reach: float = REACH) -> bool:
    """Too far from the median of the last six same weekdays, by the spread of a week's changes."""
    past = [history[day - timedelta(weeks=n)] for n in range(1, WEEKS + 1)]
    known = sorted(history)
    changes = [history[d] - history[d - timedelta(days=WEEK)] for d in known[WEEK:]]
    middle = basic.median(changes)
    sigma = MAD_TO_SIGMA * basic.median(abs(c - middle) for c in changes) / 2**0.5
    return abs(value - basic.median(past)) > reach * sigma * (1 + 1 / WEEKS) ** 0.5


DETECTORS: dict[str, Detector] = {
    "BOS": product,
    "same weekday, median ± MAD": same_weekday,
    "the same, with as many flags": partial(same_weekday, reach=WIDE_REACH),
}


@dataclass(slots=True)
class Outcome:
    found: int = 0
    missed: int = 0
    false: int = 0
    others: int = 0
    seconds: list[float] = field(default_factory=list)

    def __add__(self, other: Outcome) -> Outcome:
        return Outcome(
            self.found + other.found,
            self.missed + other.missed,
            self.false + other.false,
            self.others + other.others,
            self.seconds + other.seconds,
        )

    @property
    def cells(self) -> str:
        recall = f"{self.found} of {self.found + self.missed} ({self.share:.0%})"
        flags = f"{self.false} of {self.others} ({self.false / self.others:.1%})"
        return f"{recall} | {flags} | {1000 * basic.median(self.seconds):.1f}"

    @property
    def share(self) -> float:
        return self.found / (self.found + self.missed)


def read(file: str, column: str) -> dict[date, float]:
    with (DEMO / file).open() as rows:
        values = [(row["date"], float(row[column])) for row in csv.DictReader(rows)]
    return {date.fromisoformat(day): value for day, value in values[:DAYS]}


def with_errors(values: dict[date, float]) -> tuple[dict[date, float], set[date]]:
    days = sorted(values)
    changes = [values[b] - values[a] for a, b in zip(days, days[WEEK:], strict=False)]
    sigma = MAD_TO_SIGMA * basic.median(abs(change) for change in changes) / 2**0.5
    step = (len(days) - FIRST_JUDGED) // ERRORS
    chosen = [days[FIRST_JUDGED + 5 + n * step] for n in range(ERRORS)]
    changed = dict(values)
    for n, day in enumerate(chosen):
        changed[day] += (SIZE if n % 2 else -SIZE) * sigma
    return changed, set(chosen)


def walk(values: dict[date, float], errors: set[date], detector: Detector) -> Outcome:
    outcome = Outcome()
    days = sorted(values)
    for n in range(FIRST_JUDGED, len(days)):
        day, history = days[n], {d: values[d] for d in days[:n]}
        began = time.perf_counter()
        odd = detector(history, day, values[day])
        outcome.seconds.append(time.perf_counter() - began)
        if day in errors:
            outcome.found += odd
            outcome.missed += not odd
        else:
            outcome.false += odd
            outcome.others += 1
    return outcome


def real_events() -> list[date]:
    """Days of 2013 on which the departures of all three airports together were odd."""
    columns = [read(*SERIES[name]) for name in list(SERIES)[:3]]
    days = sorted(columns[0])
    total = {day: sum(column[day] for column in columns) for day in days}
    return [
        day
        for n, day in enumerate(days)
        if n >= 35 and product({d: total[d] for d in days[:n]}, day, total[day])
    ]


def table() -> str:
    lines = [
        "| series | detector | errors found | flags on other days | ms a judgement |",
        "|---|---|---|---|---|",
    ]
    totals = {name: Outcome() for name in DETECTORS}
    for series, source in SERIES.items():
        values, errors = with_errors(read(*source))
        for name, detector in DETECTORS.items():
            outcome = walk(values, errors, detector)
            totals[name] += outcome
            lines.append(f"| {series} | {name} | {outcome.cells} |")
            print(lines[-1], flush=True)
    for name, outcome in totals.items():
        lines.append(f"| **all** | **{name}** | {outcome.cells} |")
        print(lines[-1], flush=True)
    odd = real_events()
    lines += [
        "",
        "Odd days in the departures of 2013, without any error put in: " + _days(odd) + ".",
    ]
    for name, days in EVENTS.items():
        lines.append(f"- {name}: " + ("found" if set(days) & set(odd) else "**missed**"))
    print("\n".join(lines[-len(EVENTS) - 1 :]))
    return "\n".join(lines)


def _days(days: list[date]) -> str:
    return ", ".join(f"{day.day} {day:%B}" for day in days)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="write docs/insights.md")
    write = parser.parse_args().write
    made = table()
    if write:
        page = PAGE.read_text()
        before, after = page.split(BEGIN)[0], page.split(END)[1]
        PAGE.write_text(f"{before}{BEGIN}\n{made}\n{END}{after}")


if __name__ == "__main__":
    main()
