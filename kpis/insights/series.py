"""Like beside like: a KPI's values on evenly spaced steps, as models take them.

A step is a day, a working day, a week or a month. Of what is measured several times a day there are
two kinds of series: one of whole days (to forecast), one of a time of the day (to judge a value).
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from calendar import monthrange
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Protocol

import numpy as np

from kpis.insights.reasons import NOT_NUMBERS, NoInsight
from kpis.insights.rhythm import DAY, OPEN, Kind, Rhythm, Values, by_days, segments

Vector = Any
"""A NumPy array of floats: one a step, NaN where the step has no value."""

WEEK = 7
YEAR_OF_WEEKS, YEAR_OF_MONTHS = 52, 12
LONGEST = 180
"""Steps that a fit looks at: half a year of days knows the week, and forgets how the business used
to be."""
LONGEST_WEEKS = 260
YEARS_KNOWN = {YEAR_OF_WEEKS: 110, YEAR_OF_MONTHS: 36}
"""Steps from which on a year's season is looked for: two years of weeks, three of months."""
DENSE = 3
"""Up to so many days from value to value, days are the steps; beyond it the values themselves."""
HALF_AN_HOUR, DENSE_HOURS = timedelta(minutes=30), timedelta(hours=2)


class Calendar(Protocol):
    """Numbers the steps on which a KPI has values."""

    def index(self, day: date) -> int | None:
        """None where no value is due on this day."""

    def day(self, index: int) -> date: ...


@dataclass(frozen=True, slots=True)
class Weekdays:
    """Each open weekday is a step."""

    open: tuple[int, ...]

    def index(self, day: date) -> int | None:
        if day.weekday() not in self.open:
            return None
        return (day.toordinal() - 1) // WEEK * len(self.open) + self.open.index(day.weekday())

    def day(self, index: int) -> date:
        week, place = divmod(index, len(self.open))
        return date.fromordinal(week * WEEK + self.open[place] + 1)


@dataclass(frozen=True, slots=True)
class Weeks:
    last: date

    def index(self, day: date) -> int:
        return round((day - self.last).days / WEEK)

    def day(self, index: int) -> date:
        return self.last + timedelta(weeks=index)


@dataclass(frozen=True, slots=True)
class Months:
    last: date

    def index(self, day: date) -> int:
        return YEAR_OF_MONTHS * day.year + day.month - 1

    def day(self, index: int) -> date:
        """The same day of the month as the last one, or the month's last."""
        year, month = divmod(index, YEAR_OF_MONTHS)
        longest = monthrange(year, month + 1)[1]
        is_last = self.last.day == monthrange(self.last.year, self.last.month)[1]
        return date(year, month + 1, longest if is_last else min(self.last.day, longest))


@dataclass(frozen=True, slots=True)
class Order:
    """Values one after the other, however far apart."""

    days: Sequence[date]
    period: float

    def index(self, day: date) -> int:
        place = bisect_left(self.days, day)
        if place < len(self.days):
            return place
        late = (day - self.days[-1]).days / self.period
        return len(self.days) - 1 + max(1, round(late))

    def day(self, index: int) -> date:
        if index < len(self.days):
            return self.days[index]
        return self.days[-1] + timedelta(days=round((index - len(self.days) + 1) * self.period))


@dataclass(frozen=True, slots=True)
class Series:
    """values: of the steps from `first` on; the last one is known. season: steps, 1 without."""

    values: Vector
    first: int
    season: int
    calendar: Calendar
    known: int

    @property
    def last(self) -> int:
        return self.first + len(self.values) - 1


def series_of(by_day: Mapping[date, float], rhythm: Rhythm) -> Series:
    """The last steps in order. by_day: one figure a day, not empty. Raises NoInsight."""
    if not all(math.isfinite(value) for value in by_day.values()):
        raise NoInsight(NOT_NUMBERS)
    days = sorted(by_day)
    calendar = _calendar(days, rhythm)
    steps = {index: by_day[day] for day in days if (index := calendar.index(day)) is not None}
    longest = LONGEST_WEEKS if rhythm.kind == Kind.WEEKS else LONGEST
    last = max(steps)
    first = max(min(steps), last - longest + 1)
    values = np.array([steps.get(index, math.nan) for index in range(first, last + 1)])
    values, first = _without_lead(values, first)
    known = int(np.count_nonzero(~np.isnan(values)))
    return Series(values, first, _season(rhythm, calendar, known), calendar, known)


def _without_lead(values: Vector, first: int) -> tuple[Vector, int]:
    empty = int(np.flatnonzero(~np.isnan(values))[0])
    return values[empty:], first + empty


def _calendar(days: Sequence[date], rhythm: Rhythm) -> Calendar:
    if rhythm.kind == Kind.WEEKS:
        return Weeks(days[-1])
    if rhythm.kind == Kind.MONTHS:
        return Months(days[-1])
    if rhythm.kind == Kind.PERIODS or (rhythm.kind == Kind.IRREGULAR and rhythm.period > DENSE):
        return Order(days, rhythm.period)
    return Weekdays(rhythm.weekdays)


def _season(rhythm: Rhythm, calendar: Calendar, known: int) -> int:
    if isinstance(calendar, Weekdays):
        return len(calendar.open)
    year = {Kind.WEEKS: YEAR_OF_WEEKS, Kind.MONTHS: YEAR_OF_MONTHS}.get(rhythm.kind, 1)
    return year if known >= YEARS_KNOWN.get(year, 0) else 1


# ------------------------------------------------------------------ whole days


def whole_days(values: Values, rhythm: Rhythm, now: datetime) -> dict[date, float]:
    """The figure of each day, without one that is not over where it takes the whole day.

    A running total's last value, the mean of the hours, else the day's last value.
    """
    if rhythm.kind == Kind.RUNNING_TOTAL:
        return _totals(values, now)
    if rhythm.kind == Kind.HOURS:
        return _means(values, rhythm, now.date())
    before = [value for value in values if not rhythm.several_a_day or value[0].date() < now.date()]
    return {at.date(): value for at, value in before}


def _totals(values: Values, now: datetime) -> dict[date, float]:
    """Its days begin where it starts again, which is midnight in one part of the world only."""
    days = segments(values)
    if now - days[-1][0][0] < DAY:
        days.pop()
    # The middle of a day is that day's in every time zone; its begin may be the day before in UTC.
    return {(day[0][0] + (day[-1][0] - day[0][0]) / 2).date(): day[-1][1] for day in days}


def _means(values: Values, rhythm: Rhythm, today: date) -> dict[date, float]:
    days: defaultdict[date, list[float]] = defaultdict(list)
    for at, value in values:
        if at.date() < today:
            days[at.date()].append(value)
    enough = OPEN * len(rhythm.hours)
    return {day: math.fsum(of) / len(of) for day, of in days.items() if len(of) >= enough}


# ------------------------------------------------------------------ a time of the day


def same_time(values: Values, rhythm: Rhythm, at: datetime) -> dict[date, float]:
    """Return the KPI's value on each day before at this time of the day, where there is one."""
    times = [time for time, _ in values]
    found = {}
    for back in range(1, (at - times[0]).days + 1):
        moment = at - back * DAY
        if (value := _at(values, times, moment, rhythm)) is not None:
            found[moment.date()] = value
    return found


def _at(
    values: Values, times: Sequence[datetime], moment: datetime, rhythm: Rhythm
) -> float | None:
    after = bisect_right(times, moment)
    before = after - 1
    if rhythm.kind == Kind.HOURS:
        near = [n for n in (before, after) if 0 <= n < len(times) and _same_hour(times[n], moment)]
        return values[near[0]][1] if near else None
    if before < 0 or moment - times[before] >= DAY:
        return None
    if rhythm.kind == Kind.OFTEN:
        return values[before][1]
    return _between(values[before], values[after] if after < len(times) else None, moment)


def _same_hour(one: datetime, other: datetime) -> bool:
    return one.date() == other.date() and one.hour == other.hour


def _between(
    before: tuple[datetime, float], after: tuple[datetime, float] | None, moment: datetime
) -> float | None:
    """Where a running total was between two of its values; None where it had not begun."""
    if after is None or after[1] < before[1]:
        # It starts again in between; where values are dense, that may have been before the moment.
        dense = after is not None and after[0] - before[0] <= DENSE_HOURS
        ended = moment - before[0] < HALF_AN_HOUR and not dense
        return before[1] if ended or moment == before[0] else None
    part = (moment - before[0]) / (after[0] - before[0])
    return before[1] + part * (after[1] - before[1])


def rhythm_of_days(days: Iterable[date]) -> Rhythm:
    """The weekdays of a time of the day: an office may close earlier on Fridays."""
    found = by_days(sorted(days))
    return found if found.kind in (Kind.DAYS, Kind.WORKING_DAYS) else Rhythm(Kind.DAYS)
