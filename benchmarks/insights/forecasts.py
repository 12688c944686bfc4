"""How well forecasts hold: by rolling origins over a real series."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from statistics import NormalDist

import numpy as np

from benchmarks.insights import before
from benchmarks.insights.real_series import Real, last_of_days, read
from kpis.insights.figures import Figures
from kpis.insights.forecasting import Outlook
from kpis.insights.series import series_of, whole_days

ORIGINS = 20
CONFIDENCES = (0.80, 0.95)
STEPS = {"hourly": (1, 7, 14), "daily": (1, 7, 14), "weekly": (1, 2, 4), "monthly": (1, 3, 6)}
"""Days, weeks and months after today."""
HORIZON = {"hourly": 14, "daily": 14, "weekly": 35, "monthly": 220}
"""Days that hold the steps of above."""
FIRST = {"hourly": 60, "daily": 75, "weekly": 60, "monthly": 48}
"""Days, weeks and months that every origin has before it."""
READ = timedelta(days=400)
READ_HOURLY = timedelta(days=130)
READ_SPARSE = timedelta(days=10_000)
"""Of the history, as the product reads it."""


@dataclass(slots=True)
class Score:
    """inside: {(step's place, confidence): whether each value lay in the interval}."""

    inside: dict[tuple[int, float], list[bool]] = field(default_factory=dict)
    scaled: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def add(self, place: int, value: float, mean: float, bounds: list[tuple[float, float]]) -> None:
        for confidence, (low, high) in zip(CONFIDENCES, bounds, strict=True):
            self.inside.setdefault((place, confidence), []).append(low <= value <= high)
        self.scaled.append(abs(value - mean))

    def covered(self, place: int, confidence: float) -> float:
        return float(np.mean(self.inside.get((place, confidence), [math.nan])))


@dataclass(slots=True)
class Scores:
    product: Score = field(default_factory=Score)
    naive: Score = field(default_factory=Score)
    before: Score = field(default_factory=Score)


def recent(real: Real, values: list[tuple[datetime, float]]) -> list[tuple[datetime, float]]:
    """Return the part of it that the product reads."""
    reach = {"hourly": READ_HOURLY, "daily": READ}.get(real.rhythm, READ_SPARSE)
    return [value for value in values if value[0] > values[-1][0] - reach]


def evaluate(real: Real) -> Scores:
    """Forecast from evenly spaced days, each time knowing what was known then only."""
    scores = Scores()
    values = list(read(real.file))
    for today in _origins(real, values):
        now = datetime.combine(today, datetime.max.time(), values[0][0].tzinfo)
        known = recent(real, [value for value in values if value[0] <= now])
        _product(real, known, values, now, scores)
        if real.rhythm in ("hourly", "daily"):
            _before(real, known, values, today, scores.before)
    return scores


def _origins(real: Real, values: list[tuple[datetime, float]]) -> Iterator[date]:
    days = sorted({at.date() for at, _ in values})
    last = days[-1] - timedelta(days=HORIZON[real.rhythm])
    usable = [day for day in days[FIRST[real.rhythm] :] if day <= last]
    for n in sorted(set(np.linspace(0, len(usable) - 1, ORIGINS).astype(int))):
        yield usable[n]


def _product(
    real: Real,
    known: list[tuple[datetime, float]],
    values: list[tuple[datetime, float]],
    now: datetime,
    scores: Scores,
) -> None:
    """The product, and the seasonal-naive forecast of the same figures with the same knowledge."""
    began = time.process_time()
    figures = Figures.of([value for _, value in known], real.unit, negative=False)
    outlook = Outlook(known, now, figures)
    dated, ahead = outlook.look_ahead(HORIZON[real.rhythm])
    bounds = [ahead.interval(confidence) for confidence in CONFIDENCES]
    scores.product.seconds.append(time.process_time() - began)
    # What came is what the whole series says of those days, once they are over.
    truth = whole_days(values, outlook.rhythm, values[-1][0] + timedelta(days=2))
    series = series_of(whole_days(known, outlook.rhythm, now), outlook.rhythm)
    season, scale = series.season, _scale(series.values, series.season)
    for place, wanted in enumerate(STEPS[real.rhythm]):
        due = [found for found in dated if _is(real, wanted, found, dated, now.date())]
        if not due or due[0][1] not in truth:
            continue
        step, day = due[0]
        value = truth[day]
        low_high = [
            (figures.possible(low[step - 1]), figures.possible(high[step - 1]))
            for low, high in bounds
        ]
        expected = figures.possible(float(ahead.expected[step - 1]))
        scores.product.add(place, value, expected, low_high)
        scores.product.scaled[-1] /= scale
        naive = _last_season(series.values, season, step)
        scores.naive.scaled.append(abs(value - naive) / scale)


def _is(
    real: Real, wanted: int, found: tuple[int, date], dated: list[tuple[int, date]], today: date
) -> bool:
    if real.rhythm in ("hourly", "daily"):
        return found[1] == today + timedelta(days=wanted)
    return found == dated[wanted - 1]


def _scale(values: np.ndarray, season: int) -> float:
    """MASE divides by the mean error of the seasonal-naive forecast within the history."""
    changes = values[season:] - values[:-season]
    return float(np.nanmean(np.abs(changes)))


def _last_season(values: np.ndarray, season: int, step: int) -> float:
    place = len(values) - season + (step - 1) % season
    while place > 0 and np.isnan(values[place]):
        place -= season
    return float(values[place]) if place >= 0 else float(values[~np.isnan(values)][-1])


def _before(
    real: Real,
    known: list[tuple[datetime, float]],
    values: list[tuple[datetime, float]],
    today: date,
    score: Score,
) -> None:
    history: Mapping[date, float] = last_of_days(known)
    truth = last_of_days(values)
    began = time.process_time()
    last = max(history)
    try:
        steps = (today - last).days + HORIZON[real.rhythm]
        mean, sigma = before.forecast(history, steps)
    except before.NoInsight:
        return
    score.seconds.append(time.process_time() - began)
    days = [last - timedelta(days=n) for n in reversed(range(before.WINDOW))]
    scale = _scale(np.array([history.get(day, math.nan) for day in days]), before.WEEK)
    for place, wanted in enumerate(STEPS[real.rhythm]):
        day = today + timedelta(days=wanted)
        step = (day - last).days - 1
        if day in truth:
            reaches = [NormalDist().inv_cdf(0.5 + part / 2) * sigma[step] for part in CONFIDENCES]
            bounds = [(mean[step] - by, mean[step] + by) for by in reaches]
            score.add(place, truth[day], mean[step], bounds)
            score.scaled[-1] /= scale
