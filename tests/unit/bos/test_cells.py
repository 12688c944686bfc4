"""Meanings of cells: percents, digits that may be read in two ways, and text that never runs."""

from __future__ import annotations

import io
from datetime import time, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import load_workbook
from xlsxwriter import Workbook

from bos.imports.cells import Percent, Unreadable, guarded, number_of, text_of, unguarded
from bos.imports.files import csv_bytes, read_table, xlsx_bytes
from tests.support.sheets import workbook, xlsx


def cell_of(content: bytes, name: str = "a.xlsx") -> Any:
    return read_table(name, content).rows[0].cells["value"]


# ------------------------------------------------------------------ percents (i2)


@pytest.mark.parametrize(
    ("value", "number_format", "number"),
    [
        (0.98, "0%", "98"),
        (0.98345, "0.00%", "98.345"),
        (1, "0%", "100"),
        (-0.07, "[Red]0.0%;-0.0%", "-7"),
        (0.1 + 0.2, "0%", "30"),
        (0.98, "General", "0.98"),
        (98, '0"%"', "98"),
        (98, "0\\%", "98"),
        (12.5, '#,##0.00 "€"', "12.5"),
        (1.5e6, "0.00E+00", "1500000"),
        (12_000, "0.0,", "12000"),
    ],
)
def test_i2_a_cell_formatted_as_percent_is_what_it_shows(
    value: float, number_format: str, number: str
) -> None:
    content = workbook({"Data": [("value",), (value,)]}, formats={"A2": number_format})
    assert number_of(cell_of(content), unit="%") == Decimal(number)


@pytest.mark.parametrize("unit", ["%", "％", " Percent ", "pct"])
@pytest.mark.parametrize("cell", ["98 %", "98%", " 98.0 % ", "98％", Percent(0.98)])
def test_i2_98_percent_of_a_kpi_in_percent_is_98(cell: Any, unit: str) -> None:
    assert number_of(cell, unit=unit) == 98


@pytest.mark.parametrize("unit", ["", "EUR", "%-points"])
@pytest.mark.parametrize("cell", ["98 %", Percent(0.98)])
def test_i2_a_percent_is_refused_for_a_kpi_of_another_unit(cell: Any, unit: str) -> None:
    with pytest.raises(ValueError, match="98 % is a percent, and the KPI's unit is"):
        number_of(cell, unit=unit)


@pytest.mark.parametrize(
    ("cell", "why"),
    [
        (time(8, 30), "formatted as a time"),
        (timedelta(hours=30), "formatted as a time"),
        (True, "Expected a number"),
        (float("nan"), "not a number"),
        ("€ 12.50", "not a number"),
        ("% 98", "not a number"),
        ("98 % %", "not a number"),
    ],
    ids=str,
)
def test_i2_what_a_spreadsheet_has_besides_numbers_is_none(cell: Any, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        number_of(cell, unit="%")


@pytest.mark.parametrize("name", ["a.csv", "a.xlsx"])
def test_i2_an_error_in_a_wanted_column_is_refused_and_elsewhere_ignored(name: str) -> None:
    rows = (("name", "note"), ("A", "#REF!"))
    content = xlsx(*rows) if name == "a.xlsx" else b"name,note\nA,#REF!"
    with pytest.raises(Unreadable, match="Row 2, note: the cell shows an error, #REF!"):
        read_table(name, content)
    [row] = read_table(name, content, known={"name"}).rows
    assert row.cells == {"name": "A"}


def test_i2_a_formula_that_nobody_has_calculated_is_refused_and_not_read_as_empty() -> None:
    with pytest.raises(Unreadable, match="formulas without results"):
        read_table("a.xlsx", xlsx(("name", "value"), ("A", "=1+1")))
    file = io.BytesIO()
    with Workbook(file) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, ("name", "value"))
        sheet.write_formula(1, 0, '="A"&"B"', None, "AB")
        sheet.write_formula(1, 1, "=1+1", None, 2)
    [row] = read_table("a.xlsx", file.getvalue()).rows
    assert row.cells == {"name": "AB", "value": 2}


def test_i2_a_percent_is_text_as_it_is_shown() -> None:
    assert text_of(Percent(0.5)) == "50 %"


# ------------------------------------------------------------------ 1.234 (i6)


def numbers(content: str | bytes, name: str = "a.csv") -> list[Any]:
    content = content.encode() if isinstance(content, str) else content
    found: list[Any] = []
    for row in read_table(name, content).rows:
        try:
            found.append(str(number_of(row.cells["value"], unit="%")))
        except ValueError as error:
            found.append(str(error))
    return found


@pytest.mark.parametrize("text", ["1.234", "12.500", "-123.456", "+1.000", "1.234 %"])
def test_i6_what_may_be_a_thousand_is_refused_where_commas_may_be_decimal(text: str) -> None:
    for content in (f"name;value\nA;{text}", f"name\tvalue\nA\t{text}"):
        [answer] = numbers(content)
        assert "may be" in answer
        assert text.strip("+-% ").replace(".", "") in answer
    assert "may be" in numbers(xlsx(("name", "value"), ("A", text)), "a.xlsx")[0]


@pytest.mark.parametrize("shows", ["0.5", "12.5", "0.123", "1234.567", "1.23456e3", ".5 %"])
def test_i6_a_point_that_can_only_be_decimal_settles_its_column(shows: str) -> None:
    content = f"value;target\n1.234;1.234\n{shows};2"
    first, second = numbers(content)
    assert first == "1.234"
    assert "may be" not in second
    with pytest.raises(ValueError, match="may be"):
        number_of(read_table("a.csv", content.encode()).rows[0].cells["target"])


def test_i6_a_file_with_decimal_commas_is_refused_cell_by_cell() -> None:
    assert [
        "number" in answer or "may be" in answer for answer in numbers("n;value\n1;1,5\n1;1.500")
    ]
    first, second = numbers("n;value\n1;1,5\n1;1.500")
    assert "not a number" in first
    assert "may be 1500 or 1.500" in second


def test_i6_where_commas_separate_cells_points_are_decimal() -> None:
    assert numbers('name,value\nA,1.234\nB,"1,234"') == [
        "1.234",
        "“1,234” is not a number. Write it like 1234.5",
    ]
    assert numbers(xlsx(("value",), (1.234,)), "a.xlsx") == ["1.234"]
    assert numbers("name;value\nA;1.2340\nB;1234") == ["1.2340", "1234"]
    assert read_table("a.csv", b"name;value\n1.234;1").rows[0].text("name") == "1.234"


# ------------------------------------------------------------------ formulas (i9)

# What NFKC makes a start of a formula of, dashes, and blanks before them.
BAD = [
    "＝1+1", "＋1", "－1", "＠SUM(A1)", "﹢1", "⁼1", "−1", "–1", "⩵1",
    " =1", "\n=1", "\r\n=1", "\u00a0=1", "\u3000=1", "\u200b=1", "\ufeff=1", "\t", "\n",
    "'＝1", "#N/A", "'#REF!",
]  # fmt: skip
INSIDE = [
    "a;=1+1",
    "a,=1+1",
    "a\t@x",
    "a\n=cmd|' /C calc'!A0",
    "a|+1",
    "a; ＝1",
    "a;'=1",
    "a;\u00a0-1",
]


@pytest.mark.parametrize("text", BAD, ids=ascii)
def test_i9_look_alikes_and_blanks_before_a_formula_are_guarded(text: str) -> None:
    assert guarded(text).startswith("'")
    assert comes_back(text)


@pytest.mark.parametrize("text", INSIDE, ids=ascii)
def test_i9_a_formula_after_a_list_separator_is_guarded(text: str) -> None:
    assert "'" in guarded(text)[2:4]
    assert guarded(text).startswith("a")
    assert comes_back(text)


@pytest.mark.parametrize(
    "text", ["a - b", "a=1", "x@y.example", "Ärger", "a'b", "'quoted'", "5 # 1"]
)
def test_i9_other_text_is_left_alone(text: str) -> None:
    assert guarded(text) == text
    assert comes_back(text)


def comes_back(text: str) -> bool:
    columns, rows = ("a", "b"), [("x", text)]
    found = [
        read_table("a.csv", csv_bytes(columns, rows)).rows[0].cells["b"],
        read_table("a.xlsx", xlsx_bytes(columns, rows)).rows[0].cells["b"],
    ]
    sheet = load_workbook(io.BytesIO(xlsx_bytes(columns, rows))).active
    assert sheet["B2"].data_type == "s"
    return found == [text, text]


@settings(max_examples=150, database=None)
@given(st.text(st.sampled_from("a1'=+-@;,|\t\r\n ＝\u200b\u00a0#")))
def test_i9_whatever_is_guarded_comes_back_as_it_was(text: str) -> None:
    assert unguarded(guarded(text)) == text
