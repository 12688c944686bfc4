"""What to do about a forecast: a sentence with the figures it rests on, or nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Protocol

from bos.figures import rounded_number


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
    evidence: dict[str, Any]


def advise(
    name: str, unit: str, target: float, direction: str, points: Sequence[PointLike]
) -> Advice | None:
    """Speak of the first day on which the target is missed for sure, else of the first on which it
    is missed by what is expected; None where it is met on all days.

    target: in the KPI's unit, like the points. direction: 'higher' or 'lower' is better.
    """
    sign = 1 if direction == "higher" else -1
    missed = [point for point in points if sign * (point.expected - target) < 0]
    if not missed:
        return None
    surely = [p for p in missed if sign * ((p.upper if sign > 0 else p.lower) - target) < 0]
    point = (surely or missed)[0]
    will = "will" if surely else "will probably"
    message = (
        f"{name} {will} miss its target of {_figure(target, unit)} on {_day(point.date)}: "
        f"{_figure(point.expected, unit)} is expected, between {_figure(point.lower, unit)} "
        f"and {_figure(point.upper, unit)}."
    )
    if len(missed) > 1:
        message += f" So it is on {len(missed)} of the next {len(points)} days."
    evidence = {
        "date": point.date.isoformat(),
        "expected": point.expected,
        "lower": point.lower,
        "upper": point.upper,
        "target": target,
        "direction": direction,
        "certain": bool(surely),
        "daysMissed": len(missed),
        "horizon": len(points),
    }
    return Advice(message, evidence)


def _day(day: date) -> str:
    return f"{day.day} {day:%B}"


def _figure(value: float, unit: str) -> str:
    return f"{rounded_number(value)} {unit}".strip()
