"""The real series of the evaluation; benchmarks/series/SOURCES.md says where they are from."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from functools import cache
from pathlib import Path

from kpis.insights.rhythm import Values

FOLDER = Path(__file__).resolve().parent.parent / "series"
NOON = 12
Form = str
TREND, SEASON, BOTH, NEITHER = "trend", "season", "both", "neither"


@dataclass(frozen=True, slots=True)
class Real:
    """unit: '%' where it is one of a hundred. form: trend, season, both or neither."""

    file: str
    title: str
    form: Form
    unit: str = ""
    figures: str = ""
    """The kind of its figures, if not measured: counts, percent, intermittent (many are 0)."""

    @property
    def rhythm(self) -> str:
        return self.file.partition("_")[0]

    @property
    def label(self) -> str:
        return f"{self.title} ({', '.join(filter(None, (self.form, self.figures)))})"


ALL = (
    Real("hourly_departures_jfk", "departures of Kennedy, all hours", SEASON, "", "counts"),
    Real("hourly_departures_ewr_open", "departures of Newark, open hours", SEASON, "", "counts"),
    Real("hourly_on_time_lga", "on-time share of LaGuardia", SEASON, "%", "percent"),
    Real("hourly_cancelled_ewr", "cancellations of Newark", NEITHER, "", "intermittent"),
    Real("hourly_total_jfk", "departures of Kennedy so far today", SEASON, "", "running total"),
    Real("hourly_temperature_jfk", "temperature at Kennedy", BOTH, "°F"),
    Real("hourly_wind_ewr", "wind at Newark", NEITHER, "mph"),
    Real("hourly_humidity_lga", "humidity at LaGuardia", SEASON, "%", "percent"),
    Real("daily_departures_jfk", "departures of Kennedy", SEASON, "", "counts"),
    Real("daily_departures_lga", "departures of LaGuardia", BOTH, "", "counts"),
    Real("daily_on_time_ewr", "on-time share of Newark", NEITHER, "%", "percent"),
    Real("daily_delay_jfk", "mean delay of Kennedy", NEITHER, "min"),
    Real("daily_cancelled_jfk", "cancellations of Kennedy", NEITHER, "", "intermittent"),
    Real("daily_rides_registered", "bike rides, registered", BOTH, "", "counts"),
    Real("daily_rides_casual", "bike rides, casual", BOTH, "", "counts"),
    Real("daily_rides_working_days", "bike rides, Mondays to Fridays", TREND, "", "counts"),
    Real("daily_rain_seattle", "rain in Seattle", NEITHER, "mm", "intermittent"),
    Real("daily_warmth_seattle", "highest temperature in Seattle", TREND, "°C"),
    Real("daily_wind_seattle", "wind in Seattle", NEITHER, "m/s"),
    Real("weekly_co2", "CO2 on Mauna Loa", BOTH, "ppm"),
    Real("weekly_rides", "bike rides", BOTH, "", "counts"),
    Real("weekly_rain_seattle", "rain in Seattle", SEASON, "mm"),
    Real("weekly_rainy_days_seattle", "rainy days in Seattle", SEASON, "", "counts"),
    Real("weekly_warmth_seattle", "highest temperature in Seattle", SEASON, "°C"),
    Real("monthly_employed", "employed in the US", TREND, "", "counts"),
    Real("monthly_employed_retail", "employed in retail", TREND, "", "counts"),
    Real("monthly_employed_construction", "employed in construction", TREND, "", "counts"),
    Real("monthly_sea_temperature", "sea temperature off Peru", SEASON, "°C"),
    Real("monthly_unemployment", "unemployment in the US", TREND, "%", "percent"),
)


@cache
def read(file: str) -> Values:
    """The values by their time in UTC; what has one a day is measured at noon."""
    with (FOLDER / f"{file}.csv").open(encoding="utf-8", newline="") as source:
        rows = list(csv.DictReader(source))
    if file.startswith("hourly"):
        return [
            (_time(row["day"], hour), float(row[str(hour)]))
            for row in rows
            for hour in range(24)
            if row[str(hour)]
        ]
    return [(_time(row["day"], NOON), float(row["value"])) for row in rows]


def last_of_days(values: Values) -> Mapping[date, float]:
    """As the method before took every history."""
    return {at.date(): value for at, value in values}


def _time(day: str, hour: int) -> datetime:
    return datetime.combine(date.fromisoformat(day), time(hour), UTC)
