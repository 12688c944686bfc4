"""Advise on a forecast: a sentence with the figures it rests on, or nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from kpis.entities import Direction, Evidence
from kpis.insights.figures import Figures


class PointLike(Protocol):
    @property
    def date(self) -> date: ...
    @property
    def expected(self) -> float: ...
    @property
    def lower(self) -> float: ...
    @property
    def upper(self) -> float: ...


@dataclass(frozen=True, slots=True)
class Advice:
    """message: for people. evidence: the figures of the day it speaks of, and of the horizon."""

    message: str
    evidence: Evidence


def advise(
    name: str,
    target: float,
    direction: Direction,
    points: Sequence[PointLike],
    *,
    figures: Figures,
    figure: str = "",
) -> Advice | None:
    """Speak of the first day on which the target is missed for sure, else of the first on which it
    is missed by what is expected; None where the KPI's pace meets it.

    Days before the target is reached for the first time are on the way to it, and not missed.
    target: in the KPI's unit, like the points. direction: 'higher' or 'lower' is better.
    figure: what is forecast of a day, where it is not its value.
    """
    sign = 1 if direction == "higher" else -1
    met = [n for n, point in enumerate(points) if sign * (point.expected - target) >= 0]
    missed = [p for p in points[met[0] if met else 0 :] if sign * (p.expected - target) < 0]
    if not missed:
        return None
    surely = [p for p in missed if sign * ((p.upper if sign > 0 else p.lower) - target) < 0]
    point = (surely or missed)[0]
    will = "will" if surely else "will probably"
    what = f" as {figure}" if figure else ""
    message = (
        f"{name} {will} miss its target of {figures.text(target)} on {_day(point.date)}. "
        f"Expected{what}: {figures.text(point.expected)}, "
        f"between {figures.text(point.lower)} and {figures.text(point.upper)}."
    )
    if len(missed) > 1:
        message += f" It is missed on {len(missed)} of the {len(points)} days that are forecast."
    evidence = Evidence(
        date=point.date.isoformat(),
        expected=point.expected,
        lower=point.lower,
        upper=point.upper,
        target=target,
        direction=direction,
        certain=bool(surely),
        days_missed=len(missed),
        horizon=len(points),
    )
    return Advice(message, evidence)


def _day(day: date) -> str:
    return f"{day.day} {day:%B}"
