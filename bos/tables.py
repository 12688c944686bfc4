"""Tables that people exchange: CSV and XLSX, read with suspicion and written without formulas."""

from __future__ import annotations

import csv
import io
import logging
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

from bos.figures import plain_number
from sync.codecs import exact_number

log = logging.getLogger("bos.tables")

MAX_BYTES = 5 * 2**20
# A few MB of XLSX can be gigabytes of XML, and of XML a hundred times as much of Python's objects:
# 50,000 rows of 20 columns are about 40 MB in a sheet. Whatever stays within these bounds and takes
# too much none the less ends with the process that reads it (`bos.apart`).
MAX_UNPACKED_BYTES = 80 * 2**20
MAX_SHEET_BYTES = 64 * 2**20
MAX_STRINGS_BYTES = 24 * 2**20
MAX_PART_BYTES = 4 * 2**20
MAX_ELEMENTS = 100_000
"""Of a part that is no sheet. Excel itself has 65,490 cell formats at most."""
MAX_STRINGS = 1_000_000
"""Elements of the shared strings: two or more are one string."""
# What packs so well says nothing; sheets pack 10 to 30 times.
MAX_RATIO = 200
MAX_ZIP_ENTRIES = 500
MAX_ROWS = 50_000
MAX_COLUMNS = 50
MAX_CELL = 5_000
DELIMITERS = ",;\t"
# A spreadsheet takes text that starts so for a formula, which may call programs and send data.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
GUARD = "'"

# Letters in a Decimal (NaN, Infinity) and thousands are refused, huge exponents are not computed.
NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
FIRST_YEAR, LAST_YEAR = 1900, 2200

Cell = str | int | float | bool | datetime | date | None


class Unreadable(Exception):
    """The file as a whole cannot be used; the text says why to who has chosen it."""


@dataclass(frozen=True, slots=True)
class Row:
    """number: as a spreadsheet counts, the header being 1. cells: by column."""

    number: int
    cells: dict[str, Cell]

    def text(self, column: str) -> str:
        """The cell as text, '' where there is none."""
        value = self.cells.get(column)
        if value is None:
            return ""
        if isinstance(value, float) and value.is_integer():
            return str(int(value))  # a spreadsheet's 7 is a 7.0
        return str(value).strip()


@dataclass(frozen=True, slots=True)
class Table:
    columns: tuple[str, ...]
    rows: list[Row]

    def require(self, *columns: str) -> None:
        """Raises Unreadable where one of these columns is missing."""
        missing = [column for column in columns if column not in self.columns]
        if missing:
            raise Unreadable(
                f"Columns are missing: {', '.join(missing)}. "
                f"The file's first row has: {', '.join(self.columns)}."
            )


# ------------------------------------------------------------------ reading


def read_table(name: str, content: bytes, *, max_rows: int = MAX_ROWS) -> Table:
    """The rows of a CSV or XLSX file. Raises Unreadable."""
    if not content.strip():
        raise Unreadable("The file is empty.")
    if len(content) > MAX_BYTES:
        raise Unreadable(too_large(len(content)))
    lines = _xlsx_lines(content) if kind_of(name) == "xlsx" else _csv_lines(content)
    header = next(lines, None)
    columns = _columns(header or ())
    rows = []
    for number, line in enumerate(lines, 2):
        if number - 1 > max_rows:
            raise Unreadable(f"The file has more than {max_rows:,} rows. Divide it.")
        if any(cell not in (None, "") for cell in line):
            rows.append(Row(number, _cells(number, columns, line)))
    if not rows:
        raise Unreadable("The file has no rows below its first one.")
    return Table(columns, rows)


def kind_of(name: str) -> str:
    """'csv' or 'xlsx', by the file's name. Raises Unreadable."""
    extension = name.rpartition(".")[2].lower()
    if extension not in ("csv", "xlsx"):
        raise Unreadable("Only .csv and .xlsx files can be imported.")
    return extension


def too_large(size: int) -> str:
    megabytes, limit = size / 2**20, MAX_BYTES // 2**20
    return f"The file has {megabytes:.1f} MB; at most {limit} MB can be imported."


def _columns(header: Sequence[Cell]) -> tuple[str, ...]:
    names = ["" if cell is None else str(cell).strip().lower() for cell in header]
    names = [name.replace(" ", "_") for name in names]
    while names and not names[-1]:
        names.pop()
    if not any(names):
        raise Unreadable("The first row must name the columns; it is empty.")
    if len(names) > MAX_COLUMNS:
        raise Unreadable(f"The file has more than {MAX_COLUMNS} columns.")
    twice = sorted({name for name in names if name and names.count(name) > 1})
    if twice:
        raise Unreadable(f"Columns are there twice: {', '.join(twice)}.")
    return tuple(names)


def _cells(number: int, columns: Sequence[str], line: Sequence[Cell]) -> dict[str, Cell]:
    if any(cell not in (None, "") for cell in line[len(columns) :]):
        raise Unreadable(f"Row {number} has more cells than the first row has names.")
    cells: dict[str, Cell] = {}
    for column, cell in zip(columns, line, strict=False):
        if isinstance(cell, str):
            cell = _checked(number, column, cell)
        if column:
            cells[column] = cell
    return cells


def _checked(number: int, column: str, text: str) -> str:
    if len(text) > MAX_CELL:
        raise Unreadable(f"Row {number}, {column}: more than {MAX_CELL:,} characters.")
    # Neither can be stored: PostgreSQL refuses the one, UTF-8 the other.
    if any(character == "\0" or "\ud800" <= character <= "\udfff" for character in text):
        raise Unreadable(f"Row {number}, {column}: is not text.")
    return text[1:] if text.startswith(GUARD) and _is_formula(text) else text


def _is_formula(text: str) -> bool:
    """Also with guards before it: what goes out with one more must come back as it was."""
    return text.lstrip(GUARD).startswith(FORMULA_STARTS)


def _csv_lines(content: bytes) -> Iterator[Sequence[Cell]]:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise Unreadable("The file is UTF-16. Save it as “CSV UTF-8”.")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise Unreadable(f"Line {line} is not UTF-8. Save the file as “CSV UTF-8”.") from None
    first = text.lstrip().partition("\n")[0]
    delimiter = max(DELIMITERS, key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        yield from reader
    except csv.Error as error:
        raise Unreadable(f"Line {reader.line_num} is not CSV: {error}.") from None


def _xlsx_lines(content: bytes) -> Iterator[Sequence[Cell]]:
    from openpyxl import load_workbook  # here: with numpy, a fifth of every process's start

    _refuse_bomb(content)
    try:
        book = load_workbook(io.BytesIO(content), read_only=True, data_only=True, keep_links=False)
        sheet: Any = book.worksheets[0]
        # What the file says of its own size may be wrong.
        sheet.reset_dimensions()
        yield from sheet.iter_rows(values_only=True, max_col=MAX_COLUMNS + 1)
    except MemoryError:
        raise
    except Exception as error:  # openpyxl raises whatever a broken part of the file leads to
        log.info("file not read", extra={"error": type(error).__name__})
        raise Unreadable("The file cannot be read: it is not a sound XLSX file.") from None


def _refuse_bomb(content: bytes) -> None:
    """Look at all parts before anything is made of them."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            entries = packed.infolist()
            # zipfile gives no more of an entry than it announces, so what is announced counts.
            if len(entries) > MAX_ZIP_ENTRIES or _unpacked(entries) > MAX_UNPACKED_BYTES:
                limit = MAX_UNPACKED_BYTES // 2**20
                raise Unreadable(f"The file is too large when unpacked: at most {limit} MB.")
            for entry in entries:
                _refuse_large_part(packed, entry)
    except (zipfile.BadZipFile, zlib.error, ValueError, OSError, NotImplementedError, RuntimeError):
        raise Unreadable("The file cannot be read: it is not an XLSX file.") from None


def _unpacked(entries: Iterable[zipfile.ZipInfo]) -> int:
    return sum(entry.file_size for entry in entries)


def _refuse_large_part(packed: zipfile.ZipFile, entry: zipfile.ZipInfo) -> None:
    """Sheets are read row by row, and need no count; whatever else there is, is read whole."""
    name = entry.filename.lower()
    is_sheet, is_strings = "worksheets/" in name, "sharedstrings" in name
    limit = MAX_SHEET_BYTES if is_sheet else MAX_STRINGS_BYTES if is_strings else MAX_PART_BYTES
    if entry.file_size > limit:
        raise Unreadable(
            f"The file is too large when unpacked: {name} has more than {limit // 2**20} MB."
        )
    if entry.file_size > max(MAX_RATIO * entry.compress_size, 2**20):
        raise Unreadable("The file cannot be read: it is packed too tightly for a table.")
    elements = MAX_STRINGS if is_strings else MAX_ELEMENTS
    if not is_sheet and packed.read(entry).count(b"<") > 2 * elements:
        raise Unreadable(
            f"The file cannot be read: {name} has more than {elements:,} elements. Save the table "
            "alone, without its formats."
        )


# ------------------------------------------------------------------ what a cell says


def number_of(cell: Cell) -> Decimal:
    """The number, by the same rule as on the wire (decision B1). Raises ValueError."""
    if isinstance(cell, float):
        # A spreadsheet calculates with more digits than it shows, and than it means.
        cell = f"{cell:.15g}"
    if isinstance(cell, str):
        if not NUMBER.fullmatch(cell.strip()):
            raise ValueError(f"“{cell[:40]}” is not a number. Write it like 1234.5")
        return exact_number(Decimal(cell.strip()))
    return exact_number(cell)


def time_of(cell: Cell) -> datetime:
    """The time, in UTC where nothing else is said; a day is its beginning. Raises ValueError."""
    if isinstance(cell, str):
        cell = _written_time(cell.strip())
    elif isinstance(cell, date) and not isinstance(cell, datetime):
        cell = datetime.combine(cell, time.min)
    if not isinstance(cell, datetime):
        raise ValueError("Expected a date or a time")
    if not FIRST_YEAR <= cell.year < LAST_YEAR:
        raise ValueError(f"Expected a time between {FIRST_YEAR} and {LAST_YEAR}")
    return cell.replace(tzinfo=UTC) if cell.tzinfo is None else cell.astimezone(UTC)


def _written_time(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        how = "2026-01-31 or 2026-01-31T08:30:00Z"
        raise ValueError(f"“{text[:40]}” is not a time. Write it like {how}") from None


# ------------------------------------------------------------------ writing


def csv_bytes(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> bytes:
    """UTF-8 with a mark that Excel needs to see that it is."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(columns)
    writer.writerows([_as_text(cell) for cell in row] for row in rows)
    return text.getvalue().encode("utf-8-sig")


def xlsx_bytes(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> bytes:
    """Numbers and times as such; text is never taken for a formula or a link."""
    import xlsxwriter  # here: few processes write a file

    file = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(file, options) as book:
        sheet = book.add_worksheet("Export")
        time_format = book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
        sheet.write_row(0, 0, columns, book.add_format({"bold": True}))
        sheet.freeze_panes(1, 0)
        for number, row in enumerate(rows, 1):
            for column, cell in enumerate(row):
                if isinstance(cell, datetime) and not cell.microsecond:
                    utc = cell.astimezone(UTC).replace(tzinfo=None)
                    sheet.write_datetime(number, column, utc, time_format)
                elif isinstance(cell, Decimal | int | float):
                    sheet.write_number(number, column, cell)
                elif cell is not None:  # a spreadsheet's own times have no microseconds
                    sheet.write_string(number, column, _as_text(cell))
    return file.getvalue()


def _as_text(cell: Any) -> str:
    if cell is None:
        return ""
    if isinstance(cell, datetime):
        return cell.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(cell, Decimal):
        return plain_number(cell)
    return str(cell) if isinstance(cell, int | float) else guarded(str(cell))


def guarded(text: str) -> str:
    """With an apostrophe before what a spreadsheet would run; `read_table` takes it off again."""
    return GUARD + text if _is_formula(text) else text
