"""The tables of docs/insights.md."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from statistics import fmean, median
from typing import TypeVar

from benchmarks.insights.anomalies import JUDGED, SIZE, Found
from benchmarks.insights.forecasts import CONFIDENCES, ORIGINS, STEPS, Score, Scores
from benchmarks.insights.real_series import Real

S = TypeVar("S")  # what is told of one series
NONE = "-"
FORECASTS = """\
| series | 80 % hold at steps 1 / 2 / 3 | 95 % hold | before: 80 % | before: 95 % \
| MASE | naive | before |
|---|---|---|---|---|---|---|---|"""
JUDGED_HEAD = """\
| series | false per 100 | before | errors found | before | not judged | before |
|---|---|---|---|---|---|---|"""


def page(
    forecast: Mapping[Real, Scores], judged: Mapping[Real, tuple[Found, Found]], minutes: float
) -> str:
    steps = "; ".join(f"{rhythm}: {', '.join(map(str, of))}" for rhythm, of in STEPS.items())
    times = [score.product.seconds for score in forecast.values()]
    judging = [found.seconds for found, _ in judged.values()]
    lines = [
        f"{len(forecast)} series. A forecast takes {_ms(times)} ms of CPU (median), a judgement "
        f"{_ms(judging)}; this run took {minutes:.0f} minutes on one core.",
        "",
        f"**Forecasts**, from up to {ORIGINS} days of each series. Steps after today: {steps}.",
        "",
        *_table(FORECASTS, forecast, forecast_row),
        "",
        f"**Odd values**: up to {JUDGED} values of each series, as they are and with an error of "
        f"{SIZE:.0f} robust standard deviations.",
        "",
        *_table(JUDGED_HEAD, judged, judged_row),
    ]
    return "\n".join(lines)


def _table(
    head: str, scores: Mapping[Real, S], row: Callable[[str, Sequence[S]], str]
) -> list[str]:
    lines = [head]
    for rhythm, group in groupby(scores, key=lambda real: real.rhythm):
        reals = list(group)
        lines += [row(f"{rhythm}: {real.label}", [scores[real]]) for real in reals]
        lines.append(row(f"**{rhythm}**", [scores[real] for real in reals]))
    lines.append(row("**all**", list(scores.values())))
    return lines


def forecast_row(name: str, scores: Sequence[Scores]) -> str:
    product = [score.product for score in scores]
    old = [score.before for score in scores]
    cells = [
        *(_covered(product, confidence) for confidence in CONFIDENCES),
        *(_covered(old, confidence) for confidence in CONFIDENCES),
        _scaled(product),
        _scaled([score.naive for score in scores]),
        _scaled(old),
    ]
    return f"| {name} | {' | '.join(cells)} |"


def judged_row(name: str, found: Sequence[tuple[Found, Found]]) -> str:
    total, old = Found(), Found()
    for product, baseline in found:
        total += product
        old += baseline
    cells = [
        _share(total.false),
        _share(old.false),
        _recall(total),
        _recall(old),
        str(total.silent),
        str(old.silent),
    ]
    return f"| {name} | {' | '.join(cells)} |"


def _covered(scores: Sequence[Score], confidence: float) -> str:
    """Over all values of all series; 80 / 79 / 81."""
    cells = []
    for place in range(3):
        inside = [hit for score in scores for hit in score.inside.get((place, confidence), [])]
        cells.append(f"{100 * fmean(inside):.0f}" if inside else NONE)
    return " / ".join(cells) if set(cells) != {NONE} else NONE


def _scaled(scores: Sequence[Score]) -> str:
    """The mean over series, each of which counts the same."""
    means = [fmean(score.scaled) for score in scores if score.scaled]
    return f"{fmean(means):.2f}" if means else NONE


def _share(false: Sequence[bool]) -> str:
    return f"{100 * fmean(false):.1f}" if false else NONE


def _recall(found: Found) -> str:
    if not found.found:
        return NONE
    return f"{sum(found.found)} of {len(found.found)} ({fmean(found.found):.0%})"


def _ms(seconds: Sequence[Sequence[float]]) -> str:
    return f"{1000 * median(one for of in seconds for one in of):.0f}"
