"""Numbers as people read them."""

from __future__ import annotations

from decimal import Decimal


def plain_number(value: Decimal) -> str:
    """All digits and no more: 12.5000 is 12.5, and 1E+3 is 1000."""
    return f"{value.normalize():f}"


def rounded_number(value: float) -> str:
    """Write a computed number: 1,234,568 and 12.346 and 0.0123, never an exponent."""
    decimals = max(0, 5 - len(f"{abs(value):.0f}"))
    text = f"{round(value, decimals) + 0.0:,.{decimals}f}"  # + 0.0: no -0
    return text.rstrip("0").rstrip(".") if decimals else text
