"""The one form in which names are stored and compared, and texts that fit a column (i1, i5)."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bos.texts import cut, one_form, storable, text_key


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("Cafe\u0301", "Café"),
        ("Net\u00a0 sales", "Net sales"),
        (" Net\tsales\r\n", "Net sales"),
        ("Net\u200b sa\u00adles\ufeff", "Net sales"),
        ("\u202eNet\u2060 sales\u2028", "Net sales"),
        ("Net\u3164sales\u0000", "Netsales"),
        ("Ne\u200dt", "Net"),
        ("e\u200b\u0301", "é"),
        ("\u200b \u00a0", ""),
        ("👩\u200d💻 ❤\ufe0f", "👩\u200d💻 ❤\ufe0f"),
        ("\u0645\u06cc\u200c\u062e\u0648", "\u0645\u06cc\u200c\u062e\u0648"),
        ("Umsatz ² (＝)", "Umsatz ² (＝)"),  # noqa: RUF001 -- it looks different, and is
    ],
    ids=ascii,
)
def test_i5_what_looks_the_same_has_one_form(text: str, form: str) -> None:
    assert one_form(text) == form
    assert text_key(text) == text_key(form)


def test_i5_names_are_compared_without_case_and_without_joiners() -> None:
    assert text_key("STRASSE É") == text_key("straße e\u0301")
    assert text_key("❤\ufe0f") == text_key("❤")
    assert text_key("m²") != text_key("m2")


@settings(max_examples=300, database=None)
@given(st.text(st.sampled_from("ae\u0301\u0327 \u00a0\u200b\u200d\ufe0f\u3164\t👩é\u093cक")))
def test_i5_the_form_of_a_form_is_itself(text: str) -> None:
    assert one_form(one_form(text)) == one_form(text)
    assert text_key(one_form(text)) == text_key(text)


def test_i1_a_reason_is_cut_at_its_column_and_holds_nothing_that_no_database_stores() -> None:
    assert cut("a" * 500, 500) == "a" * 500
    assert cut("a" * 501, 500) == "a" * 499 + "…"
    assert cut("row\0 of\r\n\ud800text ", 500) == "row of text"
    assert storable({"a\0": ["\ud800", ("b\0c", 1, None)]}) == {"a ": [" ", ["b c", 1, None]]}
