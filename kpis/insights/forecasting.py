"""Expectations of a value, and of the days to come, by a KPI's own history. Worker only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from statistics import pstdev

from kpis.entities import AnomalySeverity
from kpis.insights import reasons
from kpis.insights.calibration import UNUSUAL, UNUSUAL_REACH, Ahead, look_ahead
from kpis.insights.clocks import changed_lately
from kpis.insights.figures import Figures
from kpis.insights.reasons import NoInsight
from kpis.insights.rhythm import DAY, FEWEST_ALIKE, Kind, Rhythm, Values, recognize
from kpis.insights.series import Series, rhythm_of_days, same_time, series_of, whole_days
from kpis.insights.wording import ALIKE, FORECAST_OF, models_in_words

CONFIDENCE = 0.95
"""Of a forecast's intervals."""
LONGEST_PAUSE = timedelta(days=100)
"""A value after a longer one has nothing to be compared with."""
MEDIUM, HIGH = 4.0, 6.0
"""From so many standard deviations on an anomaly is of that severity."""
MOST = 99.0
"""A score is at most that: beyond it, it says no more."""
HOUR = timedelta(hours=1)
QUARTERS = 4
WEEKS_NEARBY = 4
LIBRARY = "statsmodels UnobservedComponents and ExponentialSmoothing, averaged by their errors"


@dataclass(frozen=True, slots=True)
class Expectation:
    """The expected value, in the KPI's unit and as it is shown.

    down, up: a standard deviation to either side. nearby: what lies between these is not odd
    either, as it is usual an hour earlier or later, and clocks have been changed.
    """

    expected: float
    lower: float
    upper: float
    down: float
    up: float
    method: str
    nearby: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Judgement:
    """A value outside of what was expected. score: standard deviations off, with its sign."""

    score: float
    severity: AnomalySeverity


@dataclass(frozen=True, slots=True)
class Point:
    date: date
    expected: float
    lower: float
    upper: float


@dataclass(frozen=True, slots=True)
class Forecast:
    """points: one for each day on which a value is due. model: which was chosen and why."""

    points: Sequence[Point]
    horizon: int
    method: str
    model: str


@dataclass(slots=True)
class Outlook:
    """A KPI's values as they are known at a moment, and the rhythm in which they come."""

    values: Values
    now: datetime
    figures: Figures
    rhythm: Rhythm = field(init=False)
    _known: dict[tuple[date, int], Expectation] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.rhythm = recognize(self.values, self.now.date())

    @property
    def last_day(self) -> date | None:
        return self.values[-1][0].date() if self.values else None

    # -------------------------------------------------------------- a value

    def expectation(self, at: datetime) -> Expectation:
        """Return the value expected at that time by all values before. Raises NoInsight."""
        key = (at.date(), self._time_of_day(at))
        if key not in self._known:
            self._known[key] = self._expectation(at)
        return self._known[key]

    def _time_of_day(self, at: datetime) -> int:
        """Return the slot of the day whose values compare: a running total grows by quarters."""
        if self.rhythm.kind == Kind.RUNNING_TOTAL:
            return at.hour * QUARTERS + at.minute * QUARTERS // 60
        return at.hour if self.rhythm.several_a_day else 0

    def _expectation(self, at: datetime) -> Expectation:
        before = [value for value in self.values if value[0].date() < at.date()]
        days = len({day.date() for day, _ in before})
        if days < self.rhythm.fewest:
            raise NoInsight(reasons.too_few(self.rhythm, days))
        if at - before[-1][0] > LONGEST_PAUSE + self.rhythm.patience:
            raise NoInsight(reasons.after_a_pause(before[-1][0].date()))
        by_day = self._alike(before, at)
        series = self._series(by_day, at)
        index = series.calendar.index(at.date())
        if index is None:
            alike = sum(day.weekday() == at.weekday() for day in by_day)
            raise NoInsight(reasons.nothing_alike(self.rhythm, at, alike))
        # A second value in the week or month of the last one is compared with the same.
        steps = max(1, index - series.last)
        if self.rhythm.several_a_day and len(set(by_day.values())) == 1:
            return self._as_ever(series.values[-1])
        ahead = look_ahead(series.values, series.season, steps)
        return self._within(ahead, steps, self._nearby(before, at))

    def _alike(self, before: Values, at: datetime) -> Mapping[date, float]:
        if self.rhythm.several_a_day:
            return same_time(before, self.rhythm, at)
        return {day.date(): value for day, value in before}

    def _series(self, by_day: Mapping[date, float], at: datetime) -> Series:
        if not self.rhythm.several_a_day:
            return series_of(by_day, self.rhythm)
        if len(by_day) < FEWEST_ALIKE:
            raise NoInsight(reasons.nothing_alike(self.rhythm, at, len(by_day)))
        return series_of(by_day, rhythm_of_days(by_day))

    def _nearby(self, before: Values, at: datetime) -> tuple[float, float] | None:
        """Return the values an hour before and after on this weekday, if clocks have changed."""
        if self.rhythm.kind not in (Kind.HOURS, Kind.RUNNING_TOTAL):
            return None
        if not changed_lately(at.date()):
            return None
        found = []
        for beside in (at - HOUR, at + HOUR):
            by_day = same_time(before, self.rhythm, beside)
            weeks = (beside.date() - timedelta(weeks=n + 1) for n in range(WEEKS_NEARBY))
            found += [by_day[day] for day in weeks if day in by_day]
        return (min(found), max(found)) if found else None

    def _as_ever(self, value: float) -> Expectation:
        """Of a time at which it has always been the same: odd is what is further off than the KPI's
        values differ from each other."""
        spread = pstdev(value for _, value in self.values)
        if spread == 0:
            raise NoInsight(reasons.CONSTANT)
        lower, upper = self.figures.bounds(value - spread, value + spread)
        sigma = max(self.figures.step / 2, spread / UNUSUAL_REACH)
        method = "the same value on all days before, the standard deviation of all values"
        return Expectation(self.figures.rounded(value), lower, upper, sigma, sigma, method)

    def _within(self, ahead: Ahead, steps: int, nearby: tuple[float, float] | None) -> Expectation:
        expected = self.figures.possible(float(ahead.expected[steps - 1]))
        down, up = ahead.usual(steps)
        lower, upper = self.figures.bounds(expected - down, expected + up)
        # What is not shown is no deviation.
        least = self.figures.step / 2
        method = f"{LIBRARY}, compared {ALIKE[self.rhythm.kind]}, {UNUSUAL:.0%}"
        return Expectation(
            expected=self.figures.rounded(expected),
            lower=lower,
            upper=upper,
            down=max(least, down / UNUSUAL_REACH),
            up=max(least, up / UNUSUAL_REACH),
            method=method,
            nearby=nearby and (nearby[0] - down / UNUSUAL_REACH, nearby[1] + up / UNUSUAL_REACH),
        )

    # -------------------------------------------------------------- the days to come

    def forecast(self, horizon: int) -> Forecast:
        """Forecast the `horizon` days after today, 1 to 90. Raises NoInsight."""
        dated, ahead = self.look_ahead(horizon)
        lower, upper = ahead.interval(CONFIDENCE)
        return Forecast(
            [
                self._point(day, ahead.expected[n - 1], lower[n - 1], upper[n - 1])
                for n, day in dated
            ],
            horizon,
            method=f"{LIBRARY}, {FORECAST_OF[self.rhythm.kind]}, {CONFIDENCE:.0%}",
            model=models_in_words(ahead.weights, ahead.beaten),
        )

    def look_ahead(self, horizon: int) -> tuple[list[tuple[int, date]], Ahead]:
        """Which step ahead is on which of the days asked for, and what comes. Raises NoInsight."""
        series, dated = self._ahead_of(horizon)
        return dated, look_ahead(series.values, series.season, dated[-1][0])

    def _ahead_of(self, horizon: int) -> tuple[Series, list[tuple[int, date]]]:
        """The series, and which of its steps ahead are on which of the days asked for."""
        today = self.now.astimezone(UTC).date()
        by_day = whole_days(self.values, self.rhythm, self.now) if self.values else {}
        if reason := reasons.of_days(self.rhythm, sorted(by_day), today):
            raise NoInsight(reason)
        series = series_of(by_day, self.rhythm)
        dated, step, last = [], 1, today + horizon * DAY
        while (day := series.calendar.day(series.last + step)) <= last:
            if day > today:
                dated.append((step, day))
            step += 1
        if not dated:
            raise NoInsight(reasons.not_due(self.rhythm, horizon, day))
        return series, dated

    def _point(self, day: date, expected: float, lower: float, upper: float) -> Point:
        low, high = self.figures.bounds(float(lower), float(upper))
        shown = self.figures.rounded(float(expected))
        return Point(day, min(max(shown, low), high), low, high)


def judge(expected: Expectation, value: float) -> Judgement | None:
    """None for a value inside the interval, or one that is usual an hour earlier or later."""
    if expected.lower <= value <= expected.upper:
        return None
    if expected.nearby is not None and expected.nearby[0] <= value <= expected.nearby[1]:
        return None
    sigma = expected.up if value > expected.expected else expected.down
    score = max(-MOST, min(MOST, (value - expected.expected) / sigma))
    severity: AnomalySeverity = (
        "high" if abs(score) >= HIGH else "medium" if abs(score) >= MEDIUM else "low"
    )
    return Judgement(round(score, 2), severity)
