"""Where the axes of a KPI's chart have their ticks."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from kpis.reports.content import KpiContent
from kpis.reports.texts import number_text


def range_ticks(kpi: KpiContent) -> list[Decimal]:
    """For the values of a KPI that has some, and its target."""
    reached = (kpi.lowest, kpi.highest, kpi.target)
    known = [value for value in reached if value is not None]
    return ticks(min(known), max(known))


def ticks(lowest: Decimal, highest: Decimal) -> list[Decimal]:
    """Round numbers, three to five of them, the first not above and the last not below these."""
    if lowest == highest:
        room = abs(lowest) / 10 or Decimal(1)
        lowest, highest = lowest - room, highest + room
    step = _round_step((highest - lowest) / 3)
    first = (lowest / step).to_integral_value(ROUND_FLOOR)
    last = (highest / step).to_integral_value(ROUND_CEILING)
    return [(first + n) * step for n in range(int(last - first) + 1)]


def _round_step(at_least: Decimal) -> Decimal:
    unit = Decimal(1).scaleb(at_least.adjusted())
    return next(unit * factor for factor in (1, 2, 5, 10) if unit * factor >= at_least)


_MAGNITUDES = (
    # from, in units of
    (Decimal("1e12"), Decimal("1e12"), " tn"),
    (Decimal("1e9"), Decimal("1e9"), " bn"),
    (Decimal("1e6"), Decimal("1e6"), " M"),
    (Decimal("1e4"), Decimal("1e3"), " k"),
)


def tick_texts(at: list[Decimal]) -> list[str]:
    """10,000 is written 10 k, unless that hides what distinguishes them."""
    largest = max(map(abs, at))
    for least, unit, suffix in _MAGNITUDES:
        short = [number_text(tick / unit) for tick in at]
        if largest >= least and max(map(len, short)) <= 6:
            return [text + suffix * (text != "0") for text in short]
    return [number_text(tick) for tick in at]


def day_ticks(from_: date, to: date) -> list[date]:
    """At most five days, evenly, with the first and the last."""
    days = (to - from_).days
    steps = min(days, 4)
    return [from_ + timedelta(days=round(days * n / max(steps, 1))) for n in range(steps + 1)]
