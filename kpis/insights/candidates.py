"""The models that are tried on a KPI's history: statsmodels' state space models, and a naive one.

Each is fitted once. What it would have forecast at every step of the history follows from its
filtered states, so a rolling-origin comparison over all horizons costs a few products of matrices.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from kpis.insights.series import YEAR_OF_WEEKS, Vector

Matrix = Any
"""A row for each origin (one more than there are values: the last is now), a column for each step
ahead."""

NAIVE = "the same as a season before"
YEAR_IN_WEEKS = 365.25 / 7
HARMONICS = 2
"""A year's shape in weeks: two waves are fitted, as 51 single weeks would never be."""
TINY = 1e-12
FIT: dict[str, Any] = {"disp": 0, "maxiter": 50, "cov_type": "none"}
"""Nobody asks how certain the parameters are: a tenth of the time."""


def level(values: Vector, season: int) -> Any:
    """A level that wanders, and a season that changes slowly."""
    from statsmodels.tsa.statespace.structural import UnobservedComponents

    return UnobservedComponents(values, "local level", **_seasonal(season)).fit(**FIT)


def _mean(values: Vector, season: int) -> Any:
    from statsmodels.tsa.statespace.structural import UnobservedComponents

    fixed = _seasonal(season, fixed=True)
    return UnobservedComponents(values, "fixed intercept", autoregressive=1, **fixed).fit(**FIT)


def _both(values: Vector, season: int) -> Any:
    from statsmodels.tsa.statespace.structural import UnobservedComponents

    fixed = _seasonal(season, fixed=True)
    return UnobservedComponents(values, "local level", autoregressive=1, **fixed).fit(**FIT)


def _drift(values: Vector, season: int) -> Any:
    from statsmodels.tsa.statespace.structural import UnobservedComponents

    fixed = _seasonal(season, fixed=True)
    return UnobservedComponents(values, "lldtrend", **fixed).fit(**FIT)


def _damped(values: Vector, season: int) -> Any:
    from statsmodels.tsa.statespace.exponential_smoothing import ExponentialSmoothing

    seasonal = None if season in (1, YEAR_OF_WEEKS) else season
    model = ExponentialSmoothing(
        values,
        trend=True,
        damped_trend=True,
        seasonal=seasonal,
        initialization_method="heuristic",
    )
    return model.fit(**FIT)


MODELS: dict[str, Callable[[Vector, int], Any]] = {
    "a level that wanders": level,
    "a mean that it returns to": _mean,
    "a level that wanders and swings": _both,
    "a steady trend": _drift,
    "a trend that fades": _damped,
}
"""The name of each for people. UnobservedComponents, and exponential smoothing (A,Ad,A)."""


def forecasts(
    values: Vector, cleaned: Vector, season: int, steps: int
) -> Iterator[tuple[str, Matrix]]:
    """Return the forecasts of each model from every origin. values: standardized.

    cleaned: without the odd days, which would pull the models' levels. A model that cannot be
    fitted is left out; the naive one always is there.
    """
    yield NAIVE, _naive(values, season, steps)
    for name, fit in MODELS.items():
        result = fitted(fit, cleaned, season)
        if result is not None:
            ahead = _rolling(result, steps)
            if np.isfinite(ahead[len(values)]).all():
                yield name, ahead


def fitted(fit: Callable[[Vector, int], Any], values: Vector, season: int) -> Any:
    """The result, None where there is none."""
    from statsmodels.tools.sm_exceptions import (
        ConvergenceWarning,
        ModelWarning,
        SpecificationWarning,
    )

    with warnings.catch_warnings():
        # That the last digits of the likelihood were not found is no fault: the forecasts are
        # compared with what came. So is that a fixed season and an intercept know each other.
        for category in (ConvergenceWarning, ModelWarning, SpecificationWarning, RuntimeWarning):
            warnings.simplefilter("ignore", category)
        try:
            return fit(values, season)
        except (ValueError, IndexError, np.linalg.LinAlgError):
            return None


def one_step(result: Any) -> Vector:
    """Return the forecast for each step by those before it."""
    return _rolling(result, 1)[:-1, 0]


def one_step_sigma(result: Any) -> Vector:
    """The standard deviation of each of these, as the model has it."""
    return np.sqrt(np.maximum(result.filter_results.forecasts_error_cov[0, 0], TINY))


def _seasonal(season: int, *, fixed: bool = False) -> dict[str, Any]:
    if season == 1:
        return {}
    if season == YEAR_OF_WEEKS:
        waves = [{"period": YEAR_IN_WEEKS, "harmonics": HARMONICS}]
        return {"freq_seasonal": waves, "stochastic_freq_seasonal": [False]}
    return {"seasonal": season, "stochastic_seasonal": not fixed}


def _rolling(result: Any, steps: int) -> Matrix:
    filtered = result.filter_results
    design, transition = filtered.design[0, :, -1], filtered.transition[:, :, -1]
    states, intercept = filtered.predicted_state, filtered.state_intercept[:, -1:]
    ahead = np.empty((states.shape[1], steps))
    with np.errstate(all="ignore"):
        for step in range(steps):
            ahead[:, step] = design @ states + filtered.obs_intercept[0, -1]
            states = transition @ states + intercept
    return ahead


def _naive(values: Vector, season: int, steps: int) -> Matrix:
    """The last known value of the same step of the season; the last one before a season is full."""
    ahead = np.full((len(values) + 1, steps), np.nan)
    last, newest = np.full(season, np.nan), np.nan
    for origin in range(len(values) + 1):
        row = last[(origin + np.arange(steps)) % season]
        ahead[origin] = np.where(np.isnan(row), newest, row)
        if origin < len(values) and not np.isnan(values[origin]):
            last[origin % season] = newest = values[origin]
    return ahead
