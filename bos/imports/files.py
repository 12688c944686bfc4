"""Tables that people exchange: CSV and XLSX, read with suspicion and written without formulas."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from itertools import chain, islice
from typing import Any

from bos.adminsite.numbers import plain_number
from bos.imports.cells import (
    ERRORS,
    MAY_BE_THOUSANDS,
    NUMBER,
    Ambiguous,
    Cell,
    Unreadable,
    guarded,
    is_blank,
    text_of,
    unguarded,
)
from bos.imports.workbooks import Sheet, workbook_bytes, workbook_sheet
from bos.texts import cut, one_form

MAX_BYTES = 5 * 2**20
MAX_ROWS = 50_000
MAX_LINES = 2**20
"""With the blank ones: so many a spreadsheet has."""
MAX_COLUMNS = 50
MAX_CELL = 5_000
HEADER_WITHIN = 10
"""Lines in which the header is looked for: above it there may be a title."""
DELIMITERS = ",;\t"
SEPARATOR_LINE = re.compile(r'"?sep=([,;\t|])"?(?:\r\n|\r|\n|\Z)', re.IGNORECASE)
"""How some say to Excel what separates the cells; it is no line of the table."""
UNSTORABLE = re.compile("[\0\ud800-\udfff]")
"""PostgreSQL refuses the one, UTF-8 the other."""
SHOWN_NAMES, SHOWN_NAME = 10, 40


class NoRows(Unreadable):
    """There is a line that names the columns, and nothing below it."""

    def __init__(self, columns: tuple[str, ...]) -> None:
        super().__init__(columns)
        self.columns = columns

    def __str__(self) -> str:
        return "The file has no rows below the one that names the columns."


@dataclass(frozen=True, slots=True)
class Row:
    """number: as a spreadsheet counts, from 1. cells: by column."""

    number: int
    cells: dict[str, Cell]

    def text(self, column: str) -> str:
        """The cell as text, '' where there is none."""
        return text_of(self.cells.get(column))


@dataclass(frozen=True, slots=True)
class Table:
    """notes: sentences about how the file was read, for the user who has chosen it.

    unread: one that names sheets which were not read; '' where there are none.
    """

    columns: tuple[str, ...]
    rows: list[Row]
    header_row: int = 1
    notes: list[str] = field(default_factory=list)
    unread: str = ""

    def refused(self, why: str) -> Unreadable:
        """Refuse the file, and say which sheets were not read: the columns may be there."""
        return Unreadable(f"{why} {self.unread}".rstrip())

    def require(self, *columns: str) -> None:
        """Raises Unreadable where one of these columns is missing."""
        missing = [column for column in columns if column not in self.columns]
        if missing:
            raise self.refused(
                f"Columns are missing: {', '.join(missing)}. "
                f"Row {self.header_row} of the file has: {_listed(self.columns)}."
            )


def _listed(names: Collection[str]) -> str:
    shown = [cut(name, SHOWN_NAME) for name in islice(names, SHOWN_NAMES)]
    more = len(names) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


# ------------------------------------------------------------------ reading


def read_table(
    name: str, content: bytes, *, max_rows: int = MAX_ROWS, known: Collection[str] = ()
) -> Table:
    """The rows of a CSV or XLSX file. Raises Unreadable.

    known: the columns that are wanted: cells of others are left out, and a title above the row that
    names these is passed over. Without them the first line is the header, and all cells are read.
    """
    if not content.strip():
        raise Unreadable("The file is empty.")
    if len(content) > MAX_BYTES:
        raise Unreadable(too_large(len(content)))
    if kind_of(name) == "xlsx":
        sheet = workbook_sheet(content, max_columns=MAX_COLUMNS)
    else:
        sheet = _csv_sheet(content, frozenset(known))
    try:
        return _table(sheet, max_rows, frozenset(known))
    except Unreadable as error:
        raise (Unreadable(f"{error} {sheet.which}") if sheet.unread else error) from None


def _table(sheet: Sheet, max_rows: int, known: frozenset[str]) -> Table:
    header_row, header, lines = _header(sheet.lines, known)
    columns = _columns(header)
    rows: list[Row] = []
    for number, line in enumerate(lines, header_row + 1):
        if number > MAX_LINES:
            raise Unreadable(f"The file has more than {MAX_LINES:,} lines. Split it.")
        if _is_empty(line):
            continue
        if len(rows) == max_rows:
            raise Unreadable(f"The file has more than {max_rows:,} rows. Split it.")
        rows.append(Row(number, _cells(number, columns, line, known)))
    if not rows:
        raise NoRows(columns)
    if sheet.dot_may_group:
        _mark_ambiguous(rows)
    notes = [sheet.which] if sheet.which else []
    if header_row > 1:
        notes.append(f"Row {header_row} names the columns; what is above it was not read.")
    return Table(columns, rows, header_row, notes, sheet.which if sheet.unread else "")


def kind_of(name: str) -> str:
    """'csv' or 'xlsx', by the file's name. Raises Unreadable."""
    extension = name.rpartition(".")[2].lower()
    if extension not in ("csv", "xlsx"):
        raise Unreadable("Only .csv and .xlsx files can be imported.")
    return extension


def too_large(size: int) -> str:
    megabytes, limit = size / 2**20, MAX_BYTES // 2**20
    return f"The file has {megabytes:.1f} MB; at most {limit} MB can be imported."


# ------------------------------------------------------------------ the header


def _header(
    lines: Iterator[Sequence[Cell]], known: frozenset[str]
) -> tuple[int, Sequence[Cell], Iterator[Sequence[Cell]]]:
    """The number of the header's row, the header, and the lines below it.

    It is the first line, or the first one with known names where that has none: two of them, or
    nothing else. By one alone a row of cells might be taken for it.
    """
    first = list(islice(lines, HEADER_WITHIN))
    place = 0
    for at, line in enumerate(first):
        names = {name for name in _names(line) if name}
        found = len(names & known)
        if found and (at == 0 or found > 1 or found == len(names)):
            place = at
            break
    header = first[place] if first else ()
    return place + 1, header, chain(first[place + 1 :], lines)


def _names(line: Sequence[Cell]) -> list[str]:
    """As columns are called: `Time (UTC)`, with whatever blanks, is `time`."""
    texts = (one_form(text_of(cell)[:MAX_CELL]).lower() for cell in line[: MAX_COLUMNS + 1])
    return [text.removesuffix("(utc)").strip().replace(" ", "_") for text in texts]


def column_name(text: str) -> str:
    """Return a column's name as it is in `Table.columns`."""
    return _names([text])[0]


def _columns(header: Sequence[Cell]) -> tuple[str, ...]:
    if any("\0" in cell for cell in header if isinstance(cell, str)):
        raise Unreadable(f"The first row is not text: {NOT_UTF8}")
    names = _names(header)
    while names and not names[-1]:
        names.pop()
    if not any(names):
        raise Unreadable("The first row must name the columns; it is empty.")
    if len(names) > MAX_COLUMNS:
        raise Unreadable(f"The file has more than {MAX_COLUMNS} columns.")
    twice = sorted({name for name in names if name and names.count(name) > 1})
    if twice:
        raise Unreadable(f"Columns that occur twice: {_listed(twice)}.")
    return tuple(names)


# ------------------------------------------------------------------ cells


def _cells(
    number: int, columns: Sequence[str], line: Sequence[Cell], known: frozenset[str]
) -> dict[str, Cell]:
    if not _is_empty(line[len(columns) :]):
        raise Unreadable(f"Row {number} has more cells than there are column names.")
    cells: dict[str, Cell] = {}
    for column, cell in zip(columns, line, strict=False):
        if not column or (known and column not in known):
            continue
        cells[column] = _checked(number, column, cell) if isinstance(cell, str) else cell
    return cells


def _is_empty(line: Sequence[Cell]) -> bool:
    """Of a million lines most may be so: of those of a spreadsheet each cell is None."""
    return line.count(None) == len(line) or all(map(is_blank, line))


def _checked(number: int, column: str, text: str) -> str:
    why = ""
    if len(text) > MAX_CELL:
        why = f"more than {MAX_CELL:,} characters"
    elif UNSTORABLE.search(text):
        why = "is not text"
    elif text[:1] == "#" and text in ERRORS:
        why = f"the cell shows an error, {text}"
    if why:
        raise Unreadable(f"Row {number}, {cut(column, SHOWN_NAME)}: {why}.")
    return unguarded(text)


def _mark_ambiguous(rows: Iterable[Row]) -> None:
    """Mark what may be thousands, in columns without a number whose point can be nothing else."""
    points: set[str] = set()
    doubtful: list[tuple[dict[str, Cell], str, str]] = []
    for row in rows:
        for column, cell in row.cells.items():
            if not isinstance(cell, str) or "." not in cell:
                continue
            if MAY_BE_THOUSANDS.fullmatch(cell):
                doubtful.append((row.cells, column, cell))
            elif column not in points and NUMBER.fullmatch(cell):
                points.add(column)
    for cells, column, cell in doubtful:
        if column not in points:
            cells[column] = Ambiguous(cell)


# ------------------------------------------------------------------ CSV

NOT_UTF8 = "it may be UTF-16. Save the file as “CSV UTF-8”."


def _csv_sheet(content: bytes, known: frozenset[str]) -> Sheet:
    """Where commas separate cells, points separate decimals; elsewhere they may group digits."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise Unreadable("The file is UTF-16. Save it as “CSV UTF-8”.")
    try:
        text = content.decode().lstrip("\ufeff")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise Unreadable(f"Line {line} is not UTF-8. Save the file as “CSV UTF-8”.") from None
    told = SEPARATOR_LINE.match(text)
    if told:
        text = text[told.end() :]
    delimiter = told[1] if told else _delimiter(text, known)
    return Sheet(_csv_lines(text, delimiter), dot_may_group=delimiter != ",")


def _delimiter(text: str, known: frozenset[str]) -> str:
    """Return the delimiter that finds most known names near the top; else, most cells."""
    lines = text.lstrip().split("\n", HEADER_WITHIN)[:HEADER_WITHIN]
    tops = [line[: MAX_COLUMNS * MAX_CELL] for line in lines]

    def fits(delimiter: str) -> tuple[int, int]:
        split = (_names([cell.strip(' "\r') for cell in line.split(delimiter)]) for line in tops)
        return max(len(known.intersection(names)) for names in split), tops[0].count(delimiter)

    return max(DELIMITERS, key=fits)


def _csv_lines(text: str, delimiter: str) -> Iterator[Sequence[Cell]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        yield from reader
    except csv.Error as error:
        raise Unreadable(f"Line {reader.line_num} is not CSV: {error}.") from None


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
    return workbook_bytes(columns, rows, text=_as_text)


def _as_text(cell: Any) -> str:
    if isinstance(cell, str):
        return guarded(cell)
    if cell is None:
        return ""
    if isinstance(cell, datetime):
        return cell.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(cell, Decimal):
        return plain_number(cell)
    return str(cell) if isinstance(cell, int | float) else guarded(str(cell))
