"""How well odd values are found, and how often a usual one is called odd: over a real series."""

from __future__ import annotations

import time
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np

from benchmarks.insights import before
from benchmarks.insights.forecasts import recent
from benchmarks.insights.real_series import Real, last_of_days, read
from kpis.insights.figures import Figures
from kpis.insights.forecasting import Outlook, judge
from kpis.insights.reasons import NoInsight

JUDGED = 60
"""Values of a series that are judged; each fourth of them has an error put in, up and down by
turns, which stays in the history of those that come later."""
EACH = 4
SIZE = 5.0
"""An error's robust standard deviations, of the change since the same hour, day or month before."""
MAD_TO_SIGMA = 1.4826
LEARNT = 0.4
"""So much of a series comes before the first judged value."""
SEASON = {"hourly": 7 * 24, "daily": 7, "weekly": 1, "monthly": 12}


@dataclass(slots=True)
class Found:
    """silent: judged neither odd nor usual, with a reason."""

    false: list[bool] = field(default_factory=list)
    found: list[bool] = field(default_factory=list)
    silent: int = 0
    seconds: list[float] = field(default_factory=list)

    def __iadd__(self, other: Found) -> Found:
        self.false += other.false
        self.found += other.found
        self.silent += other.silent
        self.seconds += other.seconds
        return self


def evaluate(real: Real) -> tuple[Found, Found]:
    """Judge values as they come, by the product and by the method before."""
    values, judged, errors = _with_errors(real)
    product, old = Found(), Found()
    for place in judged:
        at, value = values[place]
        known = recent(real, values[: place + 1])
        began = time.process_time()
        odd = _by_product(real, known, at, value)
        product.seconds.append(time.process_time() - began)
        _note(product, odd, place in errors)
        began = time.process_time()
        odd = _by_method_before(known, at, value)
        old.seconds.append(time.process_time() - began)
        _note(old, odd, place in errors)
    return product, old


def _note(found: Found, odd: bool | None, error: bool) -> None:
    if odd is None:
        found.silent += 1
    elif error:
        found.found.append(odd)
    else:
        found.false.append(odd)


def _by_product(
    real: Real, known: list[tuple[datetime, float]], at: datetime, value: float
) -> bool | None:
    figures = Figures.of([other for _, other in known], real.unit, negative=False)
    try:
        expected = Outlook(known, at + timedelta(minutes=1), figures).expectation(at)
    except NoInsight:
        return None
    return judge(expected, value) is not None


def _by_method_before(
    known: list[tuple[datetime, float]], at: datetime, value: float
) -> bool | None:
    try:
        expected = before.expectation(last_of_days(known), at.date())
    except before.NoInsight:
        return None
    return before.judge(expected, value) is not None


def _with_errors(real: Real) -> tuple[list[tuple[datetime, float]], list[int], set[int]]:
    values = list(read(real.file))
    first = int(LEARNT * len(values))
    judged = sorted(set(np.linspace(first, len(values) - 1, JUDGED).astype(int).tolist()))
    sigmas = _sigmas(real, values)
    errors = set()
    for n, place in enumerate(judged[EACH - 1 :: EACH]):
        at, value = values[place]
        size = SIZE * sigmas.get(at.hour, 0.0)
        if size > 0:
            values[place] = (at, value + (size if n % 2 else -size))
            errors.add(place)
    return values, judged, errors


def _sigmas(real: Real, values: list[tuple[datetime, float]]) -> dict[int, float]:
    """{hour: its robust standard deviation}; an hour of the night is not one of the day."""
    known = dict(values)
    changes: defaultdict[int, list[float]] = defaultdict(list)
    if real.rhythm == "hourly":
        for at, value in values:
            if (other := known.get(at - timedelta(weeks=1))) is not None:
                changes[at.hour].append(value - other)
    else:
        season = SEASON[real.rhythm]
        for (at, one), (_, other) in zip(values[season:], values, strict=False):
            changes[at.hour].append(one - other)
    return {
        hour: float(MAD_TO_SIGMA * np.median(np.abs(np.array(of) - np.median(of))) / np.sqrt(2))
        for hour, of in changes.items()
    }
