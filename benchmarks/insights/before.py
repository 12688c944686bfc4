"""The method that BOS had before it knew rhythms, as a baseline of the evaluation. Not in use.

It takes the last value of each UTC day, whatever the KPI. A structural time series model (a level
that wanders, and a week that repeats itself) is fitted to them. Days on which the history itself
was odd are left out of the fit; what stays odd on one side is the new level.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from statistics import NormalDist
from typing import Any

import numpy as np

CONSTANT = "its history is constant"
FEWEST_DAYS = 28

Vector = Any
"""A NumPy array of floats: one a day, NaN where the day has no value or is left out."""


def too_few(days: int) -> str:
    return f"needs {FEWEST_DAYS} daily values, has {days or 'none'}"


WEEK = 7
WINDOW = 180
"""Days that a fit looks at: half a year knows the week, and forgets how the business used to be."""
CONFIDENCE = 0.99
REACH = NormalDist().inv_cdf(0.5 + CONFIDENCE / 2)
"""Standard deviations to either side that hold so many values."""
MODEL = "UnobservedComponents(local level, seasonal 7)"
SHIFT_IN_A_ROW = 3
SHIFT_ON_A_WEEKDAY = 2
"""So many odd days on one side, one after the other or on the same weekday, are a new level."""
ROUNDS = 2
MEDIUM, HIGH = 4.0, 6.0
"""From so many standard deviations on an anomaly is of that severity."""


class NoInsight(Exception):
    """The history says too little; the message says why, to people."""


@dataclass(frozen=True, slots=True)
class Expectation:
    """The expected value of a day, in the KPI's unit."""

    day: date
    expected: float
    lower: float
    upper: float
    sigma: float
    method: str = f"{MODEL}, {CONFIDENCE:.0%}"


@dataclass(frozen=True, slots=True)
class Judgement:
    """A value outside of what was expected. score: standard deviations off, with its sign."""

    value: float
    expected: float
    lower: float
    upper: float
    score: float
    severity: str


def expectation(history: Mapping[date, float], day: date) -> Expectation:
    """Return the value that the days before `day` lead to expect on it. Raises NoInsight."""
    before = {known: value for known, value in history.items() if known < day}
    ahead = _ahead(before, (day - max(before, default=day)).days)
    expected, sigma = float(ahead.mean[-1]), float(ahead.sigma[-1])
    by = REACH * sigma
    return Expectation(day, expected, expected - by, expected + by, sigma)


def judge(expected: Expectation, value: float) -> Judgement | None:
    """None for a value inside the interval."""
    if expected.lower <= value <= expected.upper:
        return None
    score = (value - expected.expected) / expected.sigma
    severity = "high" if abs(score) >= HIGH else "medium" if abs(score) >= MEDIUM else "low"
    return Judgement(
        value, expected.expected, expected.lower, expected.upper, round(score, 2), severity
    )


def forecast(history: Mapping[date, float], horizon: int) -> tuple[Vector, Vector]:
    """Mean and standard deviation of the `horizon` days after the last one. Raises NoInsight."""
    ahead = _ahead(history, horizon)
    return ahead.mean, ahead.sigma


# ------------------------------------------------------------------ the model


@dataclass(frozen=True, slots=True)
class _Ahead:
    """Mean and standard deviation of each day ahead, in the KPI's unit."""

    mean: Vector
    sigma: Vector


def _ahead(history: Mapping[date, float], days: int) -> _Ahead:
    values = _series(history)
    center = float(np.nanmedian(values))
    # A model of numbers around one: KPIs are anything from shares of a percent to billions.
    scale = float(np.nanstd(values))
    if not scale > abs(center) * 1e-9 or not math.isfinite(scale):
        raise NoInsight(CONSTANT)
    standard = (values - center) / scale
    predicted = _fit_usual_days(standard).get_forecast(days)
    mean = np.asarray(predicted.predicted_mean) * scale + center
    sigma = np.asarray(predicted.se_mean) * scale
    if not (np.isfinite(mean).all() and np.isfinite(sigma).all() and (sigma > 0).all()):
        raise NoInsight("no model fits its history")
    return _Ahead(mean, sigma)


def _series(history: Mapping[date, float]) -> Vector:
    """The last `WINDOW` days in order; NaN for days without a value."""
    if not history:
        raise NoInsight(too_few(0))
    if not all(math.isfinite(value) for value in history.values()):
        raise NoInsight("its history is not all numbers")
    last = max(history)
    days = [last - timedelta(days=WINDOW - 1 - n) for n in range(WINDOW)]
    values = np.array([history.get(day, math.nan) for day in days])
    values = values[int(np.flatnonzero(~np.isnan(values))[0]) :]
    known = int(np.count_nonzero(~np.isnan(values)))
    if known < FEWEST_DAYS:
        raise NoInsight(too_few(known))
    return values


def _fit(values: Vector) -> Any:
    # Here: it takes seconds to load, and most who load this module fit nothing.
    from statsmodels.tools.sm_exceptions import ConvergenceWarning, ModelWarning
    from statsmodels.tsa.statespace.structural import UnobservedComponents

    model = UnobservedComponents(values, "local level", seasonal=WEEK)
    with warnings.catch_warnings():
        # That the last digits of the likelihood were not found is no fault: what comes of it is
        # looked at by whoever calls.
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.simplefilter("ignore", ModelWarning)
        warnings.simplefilter("ignore", RuntimeWarning)
        try:
            # Nobody asks how certain the parameters are: a tenth of the time.
            return model.fit(disp=0, maxiter=50, cov_type="none")
        except (ValueError, np.linalg.LinAlgError):
            raise NoInsight("no model fits its history") from None


def _fit_usual_days(values: Vector) -> Any:
    """The model of the days that were not odd, as seen from the days before each."""
    usual = values
    for _ in range(ROUNDS):
        result = _fit(usual)
        kept = values.copy()
        kept[_odd_days(_errors(result, values))] = math.nan
        if np.array_equal(kept, usual, equal_nan=True):
            return result
        usual = kept
    return _fit(usual)


def _errors(result: Any, values: Vector) -> Vector:
    """How many standard deviations each day was off its one-step prediction; NaN in the beginning.

    The filter has not seen the days that were left out, but has predicted them like any other.
    """
    predicted = result.get_prediction()
    with np.errstate(divide="ignore", invalid="ignore"):
        errors = (values - np.asarray(predicted.predicted_mean)) / np.asarray(predicted.se_mean)
    errors[: 2 * WEEK] = math.nan
    return np.where(np.isfinite(errors), errors, math.nan)


def _odd_days(errors: Vector) -> Vector:
    """Which days were odd, and did not turn out to be a new level."""
    odd = np.zeros(len(errors), dtype=bool)
    side = np.sign(errors)
    for day in np.flatnonzero(np.abs(errors) > REACH):
        row = day - np.arange(1, SHIFT_IN_A_ROW)
        weeks = day - WEEK * np.arange(1, SHIFT_ON_A_WEEKDAY)
        again = any(
            before.min() >= 0
            and (np.abs(errors[before]) > REACH).all()
            and (side[before] == side[day]).all()
            for before in (row, weeks)
        )
        odd[day] = not again
    return odd
