"""In which rhythm a KPI's values come, recognized from its history. Light: servers load it, too.

Like is compared with like: a value of Tuesday at 14 h with those of other Tuesdays at 14 h, a
month with months. What is like depends on the rhythm, so this comes before any statistics.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from statistics import median

Values = Sequence[tuple[datetime, float]]
"""When a value was measured, in UTC, and what it was; oldest first."""

DAY = timedelta(days=1)
RECENT = 60
"""Days with values that tell how values come: a KPI may have changed its rhythm."""
FEW_WEEKS = 3
"""So many weeks have to be seen before a weekday without values counts as closed."""
OPEN, CLOSED = 0.5, 0.1
"""A weekday is worked on that has values in so many of its weeks, and closed below the other."""
REGULAR = 0.8
"""So many of the gaps are about as long as the others: the values come regularly."""
LONGEST_IN_A_WEEK = 4
"""Days from value to value of what comes on certain weekdays."""
SAME_HOURS = 0.7
"""So many of all values come at hours at which there is one on so many of the days."""
STARTS_AGAIN = 0.8
"""A running total falls below so much of itself when it starts again; a correction does not."""
NEVER_FALLS = 0.97
"""So many steps of a running total, but for its beginnings, go up: corrections are rare."""


class Kind(StrEnum):
    RUNNING_TOTAL = "running total"
    HOURS = "hours"
    DAYS = "days"
    WORKING_DAYS = "working days"
    WEEKS = "weeks"
    MONTHS = "months"
    PERIODS = "periods"
    OFTEN = "often"
    """Several values a day, at no hours in particular."""
    IRREGULAR = "irregular"


FEWEST_DAYS = 28
FEWEST = {Kind.WEEKS: 26, Kind.MONTHS: 24}
"""Values that insights need: half a year of weeks, two years of months, else 28 days with one."""
FEWEST_ALIKE = 14
"""Days with a value at the same time of the day, for one to be compared with them: two weeks."""
FEWEST_VALUES = min(FEWEST_DAYS, *FEWEST.values())

PATIENCE = {Kind.WEEKS: 28, Kind.MONTHS: 93}
"""Days after which a history has ended: four weeks, three months, else two weeks."""
PATIENCE_DAYS = 14
PATIENCE_PERIODS = 3

NAMES = ("Mondays", "Tuesdays", "Wednesdays", "Thursdays", "Fridays", "Saturdays", "Sundays")
WORKWEEK = (0, 1, 2, 3, 4)


@dataclass(frozen=True, slots=True)
class Rhythm:
    """weekdays: on which there are values, Monday is 0. hours: at which, in UTC; several a day.
    period: days from value to value, of what comes less often than daily."""

    kind: Kind
    weekdays: tuple[int, ...] = tuple(range(7))
    hours: tuple[int, ...] = ()
    period: float = 1.0

    @property
    def several_a_day(self) -> bool:
        return self.kind in (Kind.RUNNING_TOTAL, Kind.HOURS, Kind.OFTEN)

    @property
    def fewest(self) -> int:
        return FEWEST.get(self.kind, FEWEST_DAYS)

    @property
    def patience(self) -> timedelta:
        """How old the last value may be: what is older has ended."""
        longest = max(PATIENCE_DAYS, PATIENCE_PERIODS * self.period)
        return timedelta(days=PATIENCE.get(self.kind, longest))

    @property
    def words(self) -> str:
        """To people, as the end of 'its values come'."""
        return {
            Kind.RUNNING_TOTAL: "as a running total that grows within a day and starts again",
            Kind.HOURS: f"several times a day, {_hours(self.hours)} UTC{self._on_weekdays}",
            Kind.DAYS: "once a day",
            Kind.WORKING_DAYS: f"once a day{self._on_weekdays}",
            Kind.WEEKS: "once a week",
            Kind.MONTHS: "once a month",
            Kind.PERIODS: f"every {self.period:.0f} days",
            Kind.OFTEN: "several times a day, at no hours in particular",
            Kind.IRREGULAR: "on no days in particular",
        }[self.kind]

    @property
    def counted(self) -> str:
        """Return the word for the values when they are counted."""
        return {Kind.WEEKS: "weekly values", Kind.MONTHS: "monthly values"}.get(
            self.kind, "values" if self.kind == Kind.PERIODS else "daily values"
        )

    @property
    def _on_weekdays(self) -> str:
        if len(self.weekdays) == len(NAMES):
            return ""
        if self.weekdays == WORKWEEK:
            return ", Mondays to Fridays"
        return ", on " + ", ".join(NAMES[weekday] for weekday in self.weekdays)


def recognize(values: Values, today: date) -> Rhythm:
    """The rhythm of all that was measured before today, which is not over.

    values: thinned at most to one an hour.
    """
    before = [value for value in values if value[0].date() < today] or list(values)
    a_day = Counter(at.date() for at, _ in before)
    days = sorted(a_day)[-RECENT:]
    if not days or median(a_day[day] for day in days) < 2:
        return by_days(sorted(a_day))
    recent = [value for value in before if value[0].date() >= days[0]]
    weekdays = _weekdays(days)[0] or tuple(range(7))
    if _is_running_total(recent):
        return Rhythm(Kind.RUNNING_TOTAL, weekdays)
    hours = _usual_hours(recent, len(days))
    return Rhythm(Kind.HOURS if hours else Kind.OFTEN, weekdays, hours)


def by_days(days: Sequence[date]) -> Rhythm:
    """The rhythm of a KPI that has at most one value a day; its days with one, in order."""
    days = days[-RECENT:]
    gaps = [(after - day).days for day, after in itertools.pairwise(days)]
    if not gaps:
        return Rhythm(Kind.DAYS)
    usual = median(gaps)
    weekdays, clear = _weekdays(days)
    if usual <= LONGEST_IN_A_WEEK and clear and 1 < len(weekdays) < len(NAMES):
        return Rhythm(Kind.WORKING_DAYS, weekdays)
    for kind, period, least, most in (
        (Kind.DAYS, 1.0, 1, 1),
        (Kind.WEEKS, 7.0, 5, 9),
        (Kind.MONTHS, 30.4, 26, 35),
        (Kind.PERIODS, float(usual), 0.75 * usual, 1.25 * usual),
    ):
        alike = sum(least <= gap <= most for gap in gaps)
        if least <= usual <= most and alike >= REGULAR * len(gaps):
            return Rhythm(kind, period=period)
    return Rhythm(Kind.DAYS if usual == 1 else Kind.IRREGULAR, period=float(usual))


def _weekdays(days: Sequence[date]) -> tuple[tuple[int, ...], bool]:
    """On which weekdays there are values, and whether it is clear of each whether there are."""
    weeks = ((days[-1] - days[0]).days + 1) / len(NAMES)
    if weeks < FEW_WEEKS:
        return tuple(range(len(NAMES))), False
    found = Counter(day.weekday() for day in days)
    share = {weekday: found[weekday] / weeks for weekday in range(len(NAMES))}
    clear = all(part >= OPEN or part <= CLOSED for part in share.values())
    return tuple(weekday for weekday, part in share.items() if part > CLOSED), clear


def _usual_hours(values: Values, days: int) -> tuple[int, ...]:
    """The hours at which there are values, () where these differ from day to day."""
    found = Counter(at.hour for at, _ in values)
    usual = {hour for hour, times in found.items() if times >= SAME_HOURS * days}
    covered = sum(found[hour] for hour in usual)
    # Hours that are open on some days only (Saturdays, before the clock was changed) belong to it.
    hours = tuple(sorted(hour for hour, times in found.items() if times > CLOSED * days))
    return hours if len(usual) > 1 and covered >= SAME_HOURS * len(values) else ()


def segments(values: Values) -> list[Values]:
    """A running total's days, each from one beginning to the next."""
    days: list[list[tuple[datetime, float]]] = []
    for at, value in values:
        before = days[-1][-1] if days else None
        if before is None or value < STARTS_AGAIN * before[1]:
            days.append([])
        days[-1].append((at, value))
    return list(days)


def _is_running_total(values: Values) -> bool:
    if min(value for _, value in values) < 0:
        return False
    days = segments(values)
    dates = len({at.date() for at, _ in values})
    inside = [day for day in days[1:-1] if len(day) > 1]
    if not REGULAR * dates <= len(days) <= (2 - REGULAR) * dates + 1 or len(inside) < 3:
        return False
    steps = [after >= one for day in inside for (_, one), (_, after) in itertools.pairwise(day)]
    grown = [day[-1][1] > day[0][1] and len(day) > 2 for day in inside]
    return sum(steps) >= NEVER_FALLS * len(steps) and sum(grown) >= REGULAR * len(inside)


def _hours(hours: Sequence[int]) -> str:
    whole = len(hours) > 2 and hours[-1] - hours[0] == len(hours) - 1
    return f"{hours[0]} to {hours[-1]} h" if whole else ", ".join(map(str, hours)) + " h"
