"""Which part of a file is read: its sheet, its header, its rows; and times as date cells."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from openpyxl import load_workbook

from bos.imports.cells import Unreadable
from bos.imports.files import MAX_LINES, Table, csv_bytes, read_table, xlsx_bytes
from tests.support.sheets import workbook, xlsx

ROWS = [("name", "value"), ("A", 1)]
KNOWN = frozenset({"name", "value", "unit"})


def read(content: str | bytes, name: str = "a.csv") -> Table:
    return read_table(name, content.encode() if isinstance(content, str) else content, known=KNOWN)


def refusal(content: bytes, name: str = "a.xlsx", **limits: int) -> str:
    with pytest.raises(Unreadable) as refused:
        read_table(name, content, known=KNOWN, **limits)
    return str(refused.value)


# ------------------------------------------------------------------ sheets (i7)


def test_i7_the_first_visible_sheet_is_read_and_the_others_are_named() -> None:
    hidden = [("name", "value"), ("Secret", 9)]
    content = workbook({"Old": hidden, "Data": ROWS, "More": ROWS}, hidden=("Old",))
    table = read(content, "a.xlsx")
    assert [row.text("name") for row in table.rows] == ["A"]
    assert table.notes == ["Sheet “Data” was read; not read: “Old” (hidden), “More”."]
    assert read(workbook({"Data": ROWS}), "a.xlsx").notes == ["Sheet “Data” was read."]


@pytest.mark.parametrize(
    "cover", [[], [("Quarterly report",), ("by Sales",)], [("x", "y"), (1, 2)]]
)
def test_i7_a_refusal_says_which_sheet_was_read(cover: Any) -> None:
    content = workbook({"Cover": cover, "Data": ROWS})
    with pytest.raises(Unreadable, match=r"Sheet “Cover” was read; not read: “Data”\."):
        read(content, "a.xlsx").require("name")


def test_i7_many_sheets_are_counted() -> None:
    sheets = {f"S{n}": ROWS for n in range(8)}
    [note] = read(workbook(sheets), "a.xlsx").notes
    assert note.endswith("“S4”, “S5” and 2 more.")


# ------------------------------------------------------------------ blank rows (i8)


def test_i8_rows_with_something_in_them_count() -> None:
    blanks = [(" ", None), ("", "\u00a0"), (None, None)] * 5
    book = workbook({"Data": [*ROWS, *blanks, ("B", 2)]})
    for name, content in {
        "a.csv": b"name;value\nA;1\n" + b";\n ; \n\n" * 5 + b"B;2",
        "a.xlsx": book,
    }.items():
        table = read_table(name, content, max_rows=2)
        assert [(row.number, row.text("name")) for row in table.rows] == [(2, "A"), (18, "B")]
        assert "more than 1 rows" in refusal(content, name, max_rows=1)


def test_i8_lines_end_where_a_spreadsheets_do() -> None:
    content = b"name\n" + b"\n" * (MAX_LINES - 2) + b"A\nB"
    assert f"more than {MAX_LINES:,} lines" in refusal(content, "a.csv")


# ------------------------------------------------------------------ above the header (i10)


@pytest.mark.parametrize("line", ["sep=;", "SEP=;\r", '"sep=;"'])
def test_i10_a_line_that_names_the_separator_is_no_row(line: str) -> None:
    table = read(f"\ufeff{line}\nname;value\nA,B;1\n")
    assert [(row.number, row.cells) for row in table.rows] == [(2, {"name": "A,B", "value": "1"})]


@pytest.mark.parametrize(
    "title",
    ["KPI report, January, final", "KPI report;", "KPI report;\n;", "a\nb\nc\n", '"A, ""b"""', ""],
)
def test_i10_what_is_above_the_header_is_passed_over_and_said(title: str) -> None:
    table = read(f"{title}\nname;value\nA;1\n")
    header = title.count("\n") + 2
    assert [(row.number, row.text("value")) for row in table.rows] == [(header + 1, "1")]
    assert table.notes == [f"Row {header} names the columns; what is above it was not read."]
    cover = xlsx(("KPI report",), (None,), ("Value", "Name"), (2, "B"))
    assert read(cover, "a.xlsx").rows[0].cells == {"value": 2, "name": "B"}


def test_i10_the_first_row_is_the_header_wherever_it_has_a_known_name() -> None:
    assert read("name,amount\nname,value\n").rows[0].text("name") == "name"
    table = read("title,amount\nA,name\n")
    assert table.columns == ("title", "amount"), "one known name among others is a cell"
    with pytest.raises(Unreadable, match="Row 1 of the file has: title, amount"):
        table.require("name")
    far = b"x\n" * 10 + b"name,value\nA,1"
    assert "Row 11 has more cells" in refusal(far, "a.csv")


def test_i10_marks_before_the_text_are_no_part_of_it() -> None:
    assert read(b"\xef\xbb\xbf" * 2 + b"name\nA").columns == ("name",)
    assert read('"\ufeffName\u200b ";value\nA;1').columns == ("name", "value")


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-16"])
def test_i1_utf_16_is_refused_with_what_to_do(encoding: str) -> None:
    assert "UTF-16" in refusal("name,value\nA,1\n".encode(encoding), "a.csv")


def test_i1_a_nul_in_any_header_is_refused_and_a_refusal_is_short() -> None:
    assert "not text" in refusal(b"name,no\0te\nA,1", "a.csv")
    names = ",".join(f"{n:02}" + "x" * 44 for n in range(12))
    with pytest.raises(Unreadable) as refused:
        read(f"{names}\n1").require("value")
    assert len(str(refused.value)) < 500
    assert str(refused.value).endswith("… and 2 more.")


# ------------------------------------------------------------------ times (i10)


def test_i10_exported_times_are_dates_in_a_spreadsheet_and_their_header_says_utc() -> None:
    at = datetime(2026, 1, 31, 8, 30, 15, 123456, UTC)
    content = xlsx_bytes(("time", "value"), [(at, Decimal(1)), (at + timedelta(hours=1), 2)])
    sheet = load_workbook(io.BytesIO(content)).active
    assert sheet["A1"].value == "time (UTC)"
    assert (sheet["A2"].data_type, sheet["B1"].value) == ("d", "value")
    assert abs(sheet["A2"].value - at.replace(tzinfo=None)) < timedelta(milliseconds=1)
    assert read_table("a.xlsx", content).columns == ("time", "value")
    assert b"2026-01-31T08:30:15.123456Z" in csv_bytes(("time",), [(at,)])
