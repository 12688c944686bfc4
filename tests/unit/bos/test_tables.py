"""Tables that people exchange: what is read of them, what is refused, and what never runs."""

from __future__ import annotations

import io
import os
import random
import signal
import time as time_module
import zipfile
from copy import copy
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import load_workbook

from bos.imports import files
from bos.imports.apart import TookTooMuch, call_apart
from bos.imports.cells import Unreadable, number_of, time_of
from bos.imports.files import MAX_BYTES, MAX_COLUMNS, MAX_LINES, csv_bytes, read_table, xlsx_bytes
from tests.support.sheets import xlsx

HEADER = ("name", "value")


def repacked(content: bytes, name: str, text: bytes) -> bytes:
    """The same file with one of its parts replaced."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(file, "w", 8) as new:
        for part in {*old.namelist(), name}:
            new.writestr(part, text if part == name else old.read(part))
    return file.getvalue()


def refusal(name: str, content: bytes, **limits: Any) -> str:
    with pytest.raises(Unreadable) as refused:
        read_table(name, content, **limits)
    return str(refused.value)


# ------------------------------------------------------------------ reading


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", b"Name,VALUE\nA,1\n\nB,2\n"),
        ("a.csv", b"\xef\xbb\xbfname;value\r\nA;1\r\n;\r\nB;2"),
        ("a.CSV", b"name\tvalue\nA\t1\n \t\nB\t2\n".replace(b" \t", b"\t")),
        ("a.xlsx", xlsx(("Name", "Value "), ("A", 1), (None, None), ("B", 2.0))),
    ],
    ids=["commas", "semicolons", "tabs", "xlsx"],
)
def test_rows_are_numbered_as_a_spreadsheet_shows_them(name: str, content: bytes) -> None:
    table = read_table(name, content)
    assert table.columns == HEADER
    assert [(row.number, row.text("name"), row.text("value")) for row in table.rows] == [
        (2, "A", "1"),
        (4, "B", "2"),
    ]


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("a.csv", b"", "The file is empty."),
        ("a.csv", b" \n\n", "The file is empty."),
        ("a.xlsx", b"", "The file is empty."),
        ("a.csv", b"name,value\n", "no rows"),
        ("a.csv", b"name,value\n,\n\n", "no rows"),
        ("a.xlsx", xlsx(("name", "value")), "no rows"),
        ("a.csv", b",,\n1,2,3", "first row must name the columns"),
        ("a.csv", b"name,name\nA,B", "Columns that occur twice: name."),
        ("a.csv", b"name,value\nA,1,2", "Row 2 has more cells"),
        ("a.csv", "name\nA\nÄ".encode("latin-1"), "Line 3 is not UTF-8"),
        ("a.csv", "name\nA".encode("utf-16"), "UTF-16"),
        ("a.csv", b"name\nA\x00B", "Row 2, name: is not text."),
        ("a.csv", b'name\n"A', "is not CSV"),
        ("a.csv", b"name\n" + b"A" * 200_000, "is not CSV"),
        ("a.csv", b"name\n" + b"A" * 6_000, "more than 5,000 characters"),
        ("a.csv", b"a" + b",a" * MAX_COLUMNS + b"\n1", f"more than {MAX_COLUMNS} columns"),
        ("a.csv", b"x" * (MAX_BYTES + 1), "at most 5 MB"),
        ("a.xls", b"name\nA", "Only .csv and .xlsx"),
        ("a", b"name\nA", "Only .csv and .xlsx"),
        ("a.xlsx", b"name\nA", "not an XLSX file"),
        ("a.xlsx", b"PK\x03\x04 and no more", "not an XLSX file"),
        ("a.xlsx", xlsx(("name",), ("A",))[:-30], "not an XLSX file"),
        ("a.csv", xlsx(("name",), ("A",)), "is not UTF-8"),
    ],
    ids=lambda given: given if isinstance(given, str) else "",
)
def test_a_file_that_cannot_be_used_is_refused_with_the_reason(
    name: str, content: bytes, why: str
) -> None:
    assert why in refusal(name, content)


def test_rows_are_limited() -> None:
    content = csv_bytes(("name",), [("A",)] * 10)
    assert len(read_table("a.csv", content, max_rows=10).rows) == 10
    assert refusal("a.csv", content, max_rows=9) == "The file has more than 9 rows. Split it."


def test_an_archive_that_unpacks_to_gigabytes_is_refused_unread() -> None:
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("xl/worksheets/sheet1.xml", b"0" * (101 * 2**20))
    assert bomb.tell() < 2**20
    assert "too large when unpacked" in refusal("a.xlsx", bomb.getvalue())
    many = io.BytesIO()
    with zipfile.ZipFile(many, "w") as packed:
        for n in range(501):
            packed.writestr(f"{n}", b"")
    assert "too large when unpacked" in refusal("a.xlsx", many.getvalue())


def test_xml_that_grows_by_entities_or_is_broken_is_refused() -> None:
    laughs = b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "ha">'
    laughs += b"".join(
        f'<!ENTITY b{n} "{f"&b{n - 1};" * 10}">'.encode().replace(b"b0;", b"b;")
        for n in range(1, 10)
    )
    laughs += b"]><worksheet><sheetData><row><c><v>&b9;</v></c></row></sheetData></worksheet>"
    sound = xlsx(("name",), ("A",))
    for part in (laughs, b"<worksheet", b"", b"\x00" * 100):
        assert "not a sound XLSX" in refusal(
            "a.xlsx", repacked(sound, "xl/worksheets/sheet1.xml", part)
        )
    assert "not a sound XLSX" in refusal("a.xlsx", repacked(sound, "xl/workbook.xml", laughs))


def test_a_sheet_that_lies_about_its_size_is_read_as_it_is() -> None:
    sound = xlsx(("name", "value"), ("A", 1))
    with zipfile.ZipFile(io.BytesIO(sound)) as packed:
        sheet = packed.read("xl/worksheets/sheet1.xml")
    assert b'<dimension ref="A1:B2"' in sheet
    lying = sheet.replace(b"A1:B2", b"A1:A1")
    table = read_table("a.xlsx", repacked(sound, "xl/worksheets/sheet1.xml", lying))
    assert table.rows[0].text("value") == "1"
    far = sheet.replace(b'<row r="2"', b'<row r="1048576"').replace(b'"A2"', b'"A1048576"')
    far = far.replace(b'"B2"', b'"B1048576"')
    [row] = read_table("a.xlsx", repacked(sound, "xl/worksheets/sheet1.xml", far)).rows
    assert (row.number, row.text("name")) == (MAX_LINES, "A"), "blank rows do not count (i8)"


# ------------------------------------------------------------------ what a cell says


@pytest.mark.parametrize(
    ("cell", "number"),
    [
        ("1.5", "1.5"),
        (" -0.0001 ", "-0.0001"),
        ("1e3", "1000"),
        (".5", "0.5"),
        (7, "7"),
        (0.1 + 0.2, "0.3"),
        ("99999999999.9999", "99999999999.9999"),
    ],
    ids=str,
)
def test_b1_a_number_is_read_exactly(cell: Any, number: str) -> None:
    assert number_of(cell) == Decimal(number)


@pytest.mark.parametrize(
    "cell",
    [
        "NaN", "Infinity", "-inf", "1e20", "1e999999999", "0.00001", "1,5", "1 000", "1_000", "٣",
        "=1+1", "1234567890123456", "", "five", True, None, datetime(2026, 1, 31, tzinfo=UTC),
        1e300, 0.12345, "9" * 5000,
    ],
    ids=lambda cell: str(cell)[:20],
)  # fmt: skip
def test_b1_what_is_no_number_of_the_wire_is_none_in_a_file(cell: Any) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        number_of(cell)


@pytest.mark.parametrize(
    ("cell", "at"),
    [
        ("2026-01-31", datetime(2026, 1, 31, tzinfo=UTC)),
        ("2026-01-31T08:30:00Z", datetime(2026, 1, 31, 8, 30, tzinfo=UTC)),
        (" 2026-01-31 08:30:00+02:00 ", datetime(2026, 1, 31, 6, 30, tzinfo=UTC)),
        (date(2026, 1, 31), datetime(2026, 1, 31, tzinfo=UTC)),
        (datetime(2026, 1, 31, 8), datetime(2026, 1, 31, 8, tzinfo=UTC)),
    ],
    ids=str,
)
def test_a_time_without_a_zone_is_utc_and_a_day_is_its_beginning(cell: Any, at: datetime) -> None:
    assert time_of(cell) == at


@pytest.mark.parametrize(
    "cell",
    ["31.01.2026", "yesterday", "2026-02-30", "", "0001-01-01T00:00:00+14:00", 5, True, None],
)
def test_what_is_no_time_is_refused(cell: Any) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        time_of(cell)


# ------------------------------------------------------------------ writing

FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "'=1", "''=1", "=cmd|' /C calc'!A0"]


@pytest.mark.parametrize("text", FORMULAS)
def test_text_that_starts_like_a_formula_is_text_and_comes_back_as_it_was(text: str) -> None:
    columns, rows = ("name", "value"), [(text, Decimal("-5.5"))]
    exported = csv_bytes(columns, rows).decode("utf-8-sig")
    cell = exported.split("\n", 1)[1]
    assert cell.lstrip('"').startswith("'")
    assert cell.rstrip().endswith(",-5.5")  # a negative number is a number
    sheet = load_workbook(io.BytesIO(xlsx_bytes(columns, rows))).active
    assert (sheet["A2"].data_type, sheet["B2"].value) == ("s", -5.5)
    assert sheet["A2"].value.startswith("'")
    files = {"a.csv": csv_bytes(columns, rows), "a.xlsx": xlsx_bytes(columns, rows)}
    for name, content in files.items():
        assert read_table(name, content).rows[0].cells["name"] == text


@settings(max_examples=100, database=None)
@given(st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=20))
def test_whatever_text_is_exported_as_csv_is_what_is_imported(text: str) -> None:
    content = csv_bytes(("a", "b"), [("x", text)])
    assert read_table("a.csv", content).rows[0].cells["b"] == text


def test_times_and_numbers_are_such_in_a_spreadsheet() -> None:
    at = datetime(2026, 1, 31, 8, 30, tzinfo=UTC)
    content = xlsx_bytes(("time", "value"), [(at, Decimal("99999999999.9999"))])
    row = read_table("a.xlsx", content).rows[0]
    assert time_of(row.cells["time"]) == at
    assert number_of(row.cells["value"]) == Decimal("99999999999.9999")
    plain = csv_bytes(("time", "value"), [(at, Decimal("7.0000"))])
    assert plain.decode("utf-8-sig") == "time,value\r\n2026-01-31T08:30:00Z,7\r\n"


# ------------------------------------------------------------------ bombs (row s7)


def part(name: str, xml: bytes) -> bytes:
    """A sound file with this part instead of its own, packed."""
    return repacked(xlsx(("name",), ("A",)), name, xml)


def megabytes(xml: bytes, size: float) -> bytes:
    return xml * int(size * 2**20 / len(xml))


NOISE = random.Random(7).randbytes(2**20).hex().encode()


@pytest.mark.parametrize(
    ("name", "xml", "why"),
    [
        ("xl/styles.xml", megabytes(b"<xf/>", 90), "too large when unpacked"),
        ("xl/styles.xml", megabytes(b"<xf/>", 4.1), "too large when unpacked"),
        ("xl/styles.xml", b"<xf/>" * 200_001, "more than 100,000 elements"),
        ("xl/theme/theme1.xml", b"<a/>" * 200_001, "more than 100,000 elements"),
        ("xl/sharedStrings.xml", megabytes(b"<si/>", 25), "too large when unpacked"),
        ("xl/sharedStrings.xml", b"<si/>" * 2_000_001, "more than 1,000,000 elements"),
        ("xl/worksheets/sheet1.xml", megabytes(b"<c/>", 65), "too large when unpacked"),
        ("xl/worksheets/sheet1.xml", b" " * 2**21, "packed too tightly"),
        ("xl/worksheets/sheet1.xml", b"<row>" + b"<c>" * 2**19 + NOISE, "not a sound XLSX"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_s7_a_part_that_unpacks_to_too_much_is_refused_before_it_is_parsed(
    name: str, xml: bytes, why: str
) -> None:
    tight = "too tightly" in why
    content = part(name, xml if tight else xml + NOISE)
    assert why in refusal("a.xlsx", content)


def test_s7_entries_that_share_their_bytes_count_each() -> None:
    """A zip may name the same packed bytes many times."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("a.xml", NOISE)
        [entry] = packed.filelist
        for n in range(60):
            again = copy(entry)
            again.filename = again.orig_filename = f"{n:05}"
            packed.filelist.append(again)
    assert "too large when unpacked" in refusal("a.xlsx", file.getvalue())


@pytest.mark.parametrize(
    "content",
    [
        b"," * (5 * 2**20),
        b"name\n" + b'"' * (5 * 2**20 - 5),
        b"name\n" + b'"",' * (5 * 2**20 // 3 - 2),
        b"name\n" + b"\n" * (5 * 2**20 - 5),
        b"a" * (5 * 2**20),
        b"a;" * (5 * 2**19),
    ],
    ids=["commas", "quotes", "empty cells", "empty lines", "one word", "columns"],
)
def test_s7_a_csv_bomb_is_refused_within_a_second(content: bytes) -> None:
    began = time_module.process_time()
    assert refusal("a.csv", content)
    assert time_module.process_time() - began < 3  # 0.1 to 0.6 s


# ------------------------------------------------------------------ in a process of its own


def take_memory() -> int:
    return len([b"x" * 2**20 for _ in range(500)])


def take_time() -> None:
    while True:
        pass


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_s7_what_is_called_apart_returns_and_raises_as_if_it_were_not() -> None:
    table = call_apart(read_table, "a.csv", b"name\nA", megabytes=100, seconds=5)
    assert [row.cells for row in table.rows] == [{"name": "A"}]
    with pytest.raises(Unreadable, match="empty"):
        call_apart(read_table, "a.csv", b"", megabytes=100, seconds=5)
    assert len(call_apart(os.urandom, 2**22, megabytes=100, seconds=5)) == 2**22


@pytest.mark.parametrize(
    ("function", "why"), [(take_memory, "100 MB"), (take_time, "1 seconds"), (die, "too much")]
)
def test_s7_what_takes_too_much_ends_its_own_process_alone(function: Any, why: str) -> None:
    with pytest.raises(TookTooMuch, match=why):
        call_apart(function, megabytes=100, seconds=1)


def test_the_limits_are_those_of_the_documentation() -> None:
    assert (files.MAX_ROWS, MAX_BYTES) == (50_000, 5 * 2**20)
