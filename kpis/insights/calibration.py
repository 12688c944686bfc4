"""Which models to believe, and how far: by what they would have forecast in the KPI's own history.

The models are averaged, each by its rolling-origin error: over the series of the evaluation
(docs/insights.md) that is nearer than the best of them. The intervals are conformal: they are as
wide as the errors at that many steps have been.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from kpis.insights.candidates import (
    HARMONICS,
    NAIVE,
    Matrix,
    fitted,
    forecasts,
    level,
    one_step,
    one_step_sigma,
)
from kpis.insights.reasons import CONSTANT, NO_MODEL, NoInsight
from kpis.insights.series import WEEK, YEAR_OF_MONTHS, YEAR_OF_WEEKS, Vector

TRUST = 4
"""A model counts by the fourth power of how much nearer it has been."""
FARTHEST_COMPARED = 14
"""Models are compared one step ahead, at the farthest step that is asked for, and half-way."""
LEARNT = 3
"""The first third of a history, and no error in it, is for the models to learn."""
LEVEL_AND_TREND = 3
"""Figures that a model has besides its season: level, trend, and how fast they change."""
KNOWN_STEPS = 28
"""Errors are collected up to so many steps ahead; beyond it they grow on as they have grown."""
ODD = 2.6
"""A step is odd that is so many standard deviations off; it is left out of the fit."""
ROUNDS = 2
SHIFT_IN_A_ROW = 3
SHIFT_OF_A_WEEKDAY = 2
"""So many odd steps on one side, one after the other or a season apart, are a new level."""
TINY = 1e-9

USUAL, UNUSUAL = 0.80, 0.99
TAIL = NormalDist().inv_cdf(0.5 + UNUSUAL / 2) / NormalDist().inv_cdf(0.5 + USUAL / 2)
"""Bounds that hold 99 % are so many times as wide as those that hold 80 %. Of 150 errors the widest
decide where 99 % lie, and they are the storms; where 80 % lie, the usual days decide."""
UNUSUAL_REACH = NormalDist().inv_cdf(0.5 + UNUSUAL / 2)
HELD = 0.95
"""So many of the errors there were it holds at least: where nearly all are 0, the few others say
how far it goes."""


@dataclass(frozen=True, slots=True)
class Ahead:
    """expected: of each step ahead. errors: a row for each origin, divided by `spread`, which is of
    each step ahead. weights: {model: its part}. beaten: error as a share of the naive one's."""

    expected: Vector
    errors: Matrix
    spread: Vector
    weights: dict[str, float]
    beaten: float

    def interval(self, confidence: float) -> tuple[Vector, Vector]:
        """Between which bounds so many values lie, of each step ahead."""
        known = self.errors[~np.isnan(self.errors)]
        low, high = np.quantile(known, ((1 - confidence) / 2, (1 + confidence) / 2))
        return self.expected + low * self.spread, self.expected + high * self.spread

    def usual(self, step: int) -> tuple[float, float]:
        """How far below and above 99 % of the values lie, `step` steps ahead (1 is the next)."""
        errors = self.errors[:, min(step, self.errors.shape[1]) - 1]
        if np.isnan(errors).all():  # nothing came so many steps after another
            errors = self.errors
        errors = errors[~np.isnan(errors)]
        both, least = np.quantile(np.abs(errors), (USUAL, HELD)).tolist()
        # Half by its own side: delays are skewed, but a side may have few errors.
        down = max(least, TAIL * (both + _quantile(-errors[errors < 0])) / 2)
        up = max(least, TAIL * (both + _quantile(errors[errors > 0])) / 2)
        return down * float(self.spread[step - 1]), up * float(self.spread[step - 1])


def _quantile(sizes: Vector) -> float:
    return float(np.quantile(sizes, USUAL)) if len(sizes) else 0.0


def look_ahead(values: Vector, season: int, steps: int) -> Ahead:
    """Forecast the next `steps` steps, with the usual error of each. Raises NoInsight."""
    known = values[~np.isnan(values)]
    center, scale = float(np.mean(known)), float(np.std(known))
    # A spread at the limit of the numbers themselves is none.
    if scale <= TINY * max(abs(center), TINY):
        raise NoInsight(CONSTANT)
    standard = (values - center) / scale
    first = max(len(values) // LEARNT, min(season, len(values) // 2) + 2)
    cleaned = _without_odd(standard, season)
    found = dict(forecasts(standard, cleaned, season, steps))
    weights, beaten = _weigh(found, standard, first)
    mixed = sum(weight * found[name] for name, weight in weights.items())
    errors = _errors(mixed, standard, first)
    # The models have seen what they are compared with: as many times too near as they have figures.
    learnt = LEVEL_AND_TREND + (season if season < YEAR_OF_WEEKS else 2 * HARMONICS)
    spread = _spread(errors, steps)
    known_steps = errors.shape[1]
    wider = np.sqrt(len(known) / max(len(known) - learnt, len(known) / 2))
    return Ahead(
        expected=center + scale * mixed[len(values)],
        errors=errors / spread[:known_steps],
        spread=scale * wider * spread,
        weights=weights,
        beaten=beaten,
    )


def _weigh(found: dict[str, Matrix], values: Vector, first: int) -> tuple[dict[str, float], float]:
    """How much each model counts, and its error, so weighted, as a share of the naive one's."""
    sizes = {name: _mean_errors(ahead, values, first) for name, ahead in found.items()}
    naive = sizes[NAIVE] + TINY
    relative = {name: max(float(np.mean(size / naive)), TINY) for name, size in sizes.items()}
    trust = {name: size**-TRUST for name, size in relative.items() if np.isfinite(size)}
    if not trust:
        raise NoInsight(NO_MODEL)
    weights = {name: part / sum(trust.values()) for name, part in trust.items()}
    return weights, sum(weights[name] * relative[name] for name in weights)


def _mean_errors(ahead: Matrix, values: Vector, first: int) -> Vector:
    """The mean size of the errors at each of the compared steps that the history reaches."""
    farthest = min(ahead.shape[1], FARTHEST_COMPARED, max(1, (len(values) - first) // 2))
    sizes = []
    for step in sorted({1, (farthest + 1) // 2, farthest}):
        came = values[first + step - 1 :]
        errors = np.abs(came - ahead[first : len(values) - step + 1, step - 1])[~np.isnan(came)]
        if len(errors):
            sizes.append(np.mean(errors))
    return np.array(sizes) if sizes else np.array([np.nan])


def _errors(ahead: Matrix, values: Vector, first: int) -> Matrix:
    """By origin and step ahead; NaN where nothing came."""
    length = len(values) - first
    columns = max(1, min(KNOWN_STEPS, ahead.shape[1], length // 2))
    errors = np.full((length, columns), np.nan)
    for step in range(columns):
        errors[: length - step, step] = (
            values[first + step :] - ahead[first : len(values) - step, step]
        )
    return errors


def _spread(errors: Matrix, steps: int) -> Vector:
    """The root mean square of the errors at each step ahead: their squares grow by a line."""
    known = [step for step, column in enumerate(errors.T) if not np.isnan(column).all()]
    if not known:
        raise NoInsight(NO_MODEL)
    squares = np.nanmean(errors[:, known] ** 2, axis=0) + TINY
    # By their own size, so that the far ones do not decide how wide the near ones are.
    flat = 1 / squares
    rising = np.array(known) / squares
    line, *_ = np.linalg.lstsq(np.stack((flat, rising), axis=1), np.ones(len(squares)))
    start, slope = map(float, line)
    if slope < 0:
        start, slope = float(flat.sum() / (flat @ flat)), 0.0
    elif start < 0:
        start, slope = float(squares[0]), float(rising.sum() / (rising @ rising))
    return np.sqrt(start + slope * np.arange(steps))


def _without_odd(values: Vector, season: int) -> Vector:
    """NaN also where the value was odd, as seen from the usual ones before it.

    The first round knows no better than to take all for usual, and the widest hide the others.
    """
    usual = values
    for _ in range(ROUNDS):
        result = fitted(level, usual, season)
        if result is None:
            return usual
        errors = (values - one_step(result)) / one_step_sigma(result)
        errors[: 2 * min(season, YEAR_OF_MONTHS)] = np.nan
        cleaned = np.where(_odd_steps(np.nan_to_num(errors), season), np.nan, values)
        if np.array_equal(cleaned, usual, equal_nan=True):
            break
        usual = cleaned
    return usual


def _odd_steps(errors: Vector, season: int) -> Vector:
    """Which steps were odd, and did not turn out to be how things are now.

    A weekday that was odd twice and is no more, as seen from these two, has changed for good: what
    it was before says nothing any more.
    """
    side = np.sign(errors) * (np.abs(errors) > ODD)
    odd = np.zeros(len(errors), dtype=bool)
    changed = []
    for step in np.flatnonzero(side):
        seasons = _in_a_row(side[step::-season]) if season > 1 else 1
        odd[step] = _in_a_row(side[step::-1]) < SHIFT_IN_A_ROW and seasons < SHIFT_OF_A_WEEKDAY
        after = step + season
        if seasons == SHIFT_OF_A_WEEKDAY and season <= WEEK and after < len(side):
            changed += [step] if side[after] in (0, side[step]) else []
    for step in changed:
        odd[step - SHIFT_OF_A_WEEKDAY * season :: -season] = True
        odd[step - season] = False
    return odd


def _in_a_row(backwards: Vector) -> int:
    """How many steps, the last one first, were odd on one side."""
    others = np.flatnonzero(backwards != backwards[0])
    return int(others[0]) if len(others) else len(backwards)
