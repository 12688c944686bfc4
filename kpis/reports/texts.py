"""Numbers and days as a reader of a report sees them."""

from __future__ import annotations

from decimal import Decimal

from kpis.reports.content import Content, KpiContent

NONE = "\N{EN DASH}"


def number_text(value: Decimal | None, sign: str = "") -> str:
    """1500.5000 is written 1,500.5; all digits are."""
    if value is None:
        return NONE
    # Not normalize(): 10 is not to become 1E+1.
    text = f"{value:{sign},f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def change_text(value: Decimal | None) -> str:
    return number_text(value, sign="+") if value else number_text(value)


def percent_text(percent: Decimal | None) -> str:
    """One decimal; what has grown more than thousandfold is rather a magnitude."""
    if percent is None:
        return NONE
    if abs(percent) < Decimal("0.05"):
        return "0.0 %"
    return f"{percent:+,.1f} %" if abs(percent) < 100_000 else f"{percent:+.1e} %"


def verdict(kpi: KpiContent) -> str:
    """Whether the last value meets the target."""
    return {True: "met", False: "missed", None: NONE}[kpi.last_meets_target]


def period_text(content: Content) -> str:
    return f"{content.from_} to {content.to}"


def made_text(content: Content) -> str:
    return f"{content.made_at:%Y-%m-%d %H:%M} UTC"


def path_text(path: tuple[str, ...]) -> str:
    return " \N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK} ".join(path)


def summary_text(content: Content) -> str:
    """Of how many KPIs it speaks, and how they do."""
    kpis = content.kpis
    verdicts = [kpi.last_meets_target for kpi in kpis if kpi.last_meets_target is not None]
    silent = sum(kpi.last is None for kpi in kpis)
    parts = [f"{len(kpis)} KPI{'s' * (len(kpis) != 1)}"]
    if verdicts:
        parts.append(f"{sum(verdicts)} of {len(verdicts)} with a target meet it")
    if silent:
        parts.append(f"{silent} without a value in this period")
    return "; ".join(parts)
