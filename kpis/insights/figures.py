"""Figures as the KPI itself shows them (decision B6). Light: no NumPy."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

ITS_OWN = 0.95
"""So many of the values have no more decimals than the KPI is spoken of with."""
MOST_DECIMALS = 4
SHOWN = 200
"""The newest values, by which it is told how the KPI is shown."""
PERCENT = frozenset({"%", "percent", "per cent", "pct", "pct.", "prozent"})
HUNDRED = 100.0
EXACT = 1e-9


@dataclass(frozen=True, slots=True)
class Figures:
    """decimals: as its values have. floor, ceiling: what it has never been beyond."""

    unit: str = ""
    decimals: int = MOST_DECIMALS
    floor: float | None = None
    ceiling: float | None = None

    @classmethod
    def of(cls, values: Sequence[float], unit: str, *, negative: bool) -> Figures:
        """negative: the KPI has been below 0."""
        decimals = sorted(_decimals(value) for value in values[-SHOWN:])
        usual = decimals[math.ceil(ITS_OWN * len(decimals)) - 1] if decimals else MOST_DECIMALS
        negative = negative or min(values, default=0.0) < 0
        percent = unit.strip().lower() in PERCENT and max(values, default=0.0) <= HUNDRED
        floor, ceiling = None if negative else 0.0, HUNDRED if percent else None
        return cls(unit, usual, floor, ceiling)

    @property
    def step(self) -> float:
        """The smallest difference that is shown."""
        return 10.0**-self.decimals

    def possible(self, value: float) -> float:
        """The nearest value that the KPI can have."""
        if self.floor is not None:
            value = max(value, self.floor)
        return value if self.ceiling is None else min(value, self.ceiling)

    def rounded(self, value: float) -> float:
        return round(self.possible(value), self.decimals) + 0.0  # + 0.0: no -0

    def bounds(self, lower: float, upper: float) -> tuple[float, float]:
        """Rounded away from each other, and never the same."""
        low, high = self.possible(lower), self.possible(upper)
        low = self.rounded(math.floor(low / self.step + EXACT) * self.step)
        high = self.rounded(math.ceil(high / self.step - EXACT) * self.step)
        if low < high:
            return low, high
        high = self.rounded(low + self.step)
        return (low, high) if low < high else (self.rounded(low - self.step), high)

    def text(self, value: float) -> str:
        """1,234.5 km: at most its own decimals, and its unit."""
        text = f"{round(value, self.decimals) + 0.0:,.{self.decimals}f}"
        if self.decimals:
            text = text.rstrip("0").rstrip(".")
        return f"{text} {self.unit}".strip()


def _decimals(value: float) -> int:
    return len(f"{abs(value):.{MOST_DECIMALS}f}".rstrip("0").partition(".")[2])
