"""How well odd values are found, and how often a usual one is called odd: over a real series."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np

from benchmarks.insights import before
from benchmarks.insights.forecasts import recent
from benchmarks.insights.real_series import Real, last_of_days, read
from kpis.insights.figures import Figures
from kpis.insights.forecasting import Outlook, judge
from kpis.insights.reasons import NoInsight

JUDGED = 40
"""Values of a series that are judged, each as it is and with an error put in, up and down by turns.
An error does not stay in the history."""
SIZE = 5.0
"""An error's robust standard deviations, of the change since the same hour, day or month before."""
MAD_TO_SIGMA = 1.4826
LEARNT = 0.4
"""So much of a series comes before the first judged value."""
SEASON = {"hourly": 7 * 24, "daily": 7, "weekly": 1, "monthly": 12}


IsOdd = Callable[[float], bool]


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
    values = list(read(real.file))
    sigmas = _sigmas(real, values)
    first = int(LEARNT * len(values))
    places = sorted(set(np.linspace(first, len(values) - 1, JUDGED).astype(int).tolist()))
    product, old = Found(), Found()
    for n, place in enumerate(places):
        known = recent(real, values[: place + 1])
        size = SIZE * sigmas.get(known[-1][0].hour, 0.0) * (1 if n % 2 else -1)
        _try(product, _by_product(real, known), known[-1][1], size)
        _try(old, _by_method_before(known), known[-1][1], size)
    return product, old


def _try(found: Found, expect: Callable[[], IsOdd | None], value: float, size: float) -> None:
    """The value as it is, and off by so much; of no size where it has always been the same."""
    began = time.process_time()
    is_odd = expect()
    found.seconds.append(time.process_time() - began)
    if is_odd is None:
        found.silent += 1
        return
    found.false.append(is_odd(value))
    if size:
        found.found.append(is_odd(value + size))


def _by_product(real: Real, known: list[tuple[datetime, float]]) -> Callable[[], IsOdd | None]:
    def expect() -> IsOdd | None:
        at = known[-1][0]
        figures = Figures.of([other for _, other in known], real.unit, negative=False)
        try:
            expected = Outlook(known, at + timedelta(minutes=1), figures).expectation(at)
        except NoInsight:
            return None
        return lambda value: judge(expected, value) is not None

    return expect


def _by_method_before(known: list[tuple[datetime, float]]) -> Callable[[], IsOdd | None]:
    def expect() -> IsOdd | None:
        try:
            expected = before.expectation(last_of_days(known), known[-1][0].date())
        except before.NoInsight:
            return None
        return lambda value: before.judge(expected, value) is not None

    return expect


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
