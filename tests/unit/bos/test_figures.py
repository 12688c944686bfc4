"""Numbers as people read them."""

from __future__ import annotations

from decimal import Decimal

import pytest

from bos.adminsite.numbers import plain_number, rounded_number


@pytest.mark.parametrize(
    ("value", "text"),
    [("12.5000", "12.5"), ("100.0000", "100"), ("1E+3", "1000"), ("-0.0001", "-0.0001")],
)
def test_b1_a_plain_number_has_all_digits_and_no_more(value: str, text: str) -> None:
    assert plain_number(Decimal(value)) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1_234_567.8, "1,234,568"),
        (99_999.6, "100,000"),
        (999_999_999_999_999.0, "999,999,999,999,999"),
        (361.308, "361.31"),
        (12.3456, "12.346"),
        (10.0, "10"),
        (9.99996, "10"),
        (-7.29278, "-7.2928"),
        (0.01234, "0.0123"),
        (-0.00001, "0"),
        (0.0, "0"),
    ],
)
def test_a_rounded_number_has_five_digits_and_no_exponent(value: float, text: str) -> None:
    assert rounded_number(value) == text
