"""XLSX files: their first visible sheet, read row by row with suspicion, and files of our own."""

from __future__ import annotations

import io
import logging
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from math import isfinite
from typing import Any

from bos.imports.cells import FIRST_YEAR, Cell, Percent, Unreadable

logger = logging.getLogger("bos.tables")

# A few MB of XLSX can be gigabytes of XML, and of XML a hundred times as much of Python's objects:
# 50,000 rows of 20 columns are about 40 MB in a sheet. Whatever stays within these bounds and takes
# too much none the less ends with the process that reads it (`bos.imports.apart`).
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
SHOWN_SHEETS = 5

NO_PART_OF_A_FORMAT = re.compile(r'"[^"]*"|\\.|_.|\*.|\[[^\]]*\]')
"""Text, fillers, colours and conditions: a % in them is only shown, and multiplies nothing."""
WITHOUT_RESULT = re.compile(
    rb'<c (?![^>]*t="str")[^>]*>\s*<f(?:[^>]*/>|[^>]*>[^<]*</f>)\s*(?:<v\s*/>|<v></v>)?\s*</c>'
)
"""A cell of a formula that nobody has calculated: it would be read as an empty one."""
ESCAPED = re.compile("_x00([01][0-9A-Fa-f])_")
"""How a sheet writes what XML cannot hold."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """A file's part that is read, by lines. dot_may_group: `1.234` may be a thousand in it."""

    lines: Iterator[Sequence[Cell]]
    dot_may_group: bool
    name: str = ""
    """'' in a file that has no sheets."""
    unread: tuple[str, ...] = field(default=())
    """Other sheets, as they are told of."""

    @property
    def which(self) -> str:
        """A sentence that says what was read and what was not; '' where the file is all."""
        if not self.name:
            return ""
        others = ", ".join(self.unread[:SHOWN_SHEETS])
        if len(self.unread) > SHOWN_SHEETS:
            others += f" and {len(self.unread) - SHOWN_SHEETS} more"
        return f"Sheet “{self.name}” was read" + (f"; not read: {others}." if others else ".")


# ------------------------------------------------------------------ reading


def workbook_sheet(content: bytes, *, max_columns: int) -> Sheet:
    """The first visible sheet; of wider rows one column more than these. Raises Unreadable."""
    from openpyxl import load_workbook  # here: with numpy, a fifth of every process's start

    _refuse_bomb(content)
    try:
        book = load_workbook(io.BytesIO(content), read_only=True, data_only=True, keep_links=False)
        sheets: list[Any] = list(book.worksheets)
        read = next((sheet for sheet in sheets if sheet.sheet_state == "visible"), sheets[0])
        xml = book._archive.read(read._worksheet_path)
    except MemoryError:
        raise
    except Exception as error:
        raise _unsound(error) from None
    if b"<f" in xml and WITHOUT_RESULT.search(xml):
        raise Unreadable(
            "The file has formulas without results. Open it in a spreadsheet, and save it there."
        )
    unread = tuple(_told(sheet) for sheet in sheets if sheet is not read)
    lines = _lines(book, read, max_columns + 1)
    return Sheet(lines, dot_may_group=True, name=read.title, unread=unread)


def _told(sheet: Any) -> str:
    return f"“{sheet.title}”" + ("" if sheet.sheet_state == "visible" else " (hidden)")


def _unsound(error: Exception) -> Unreadable:
    """openpyxl raises whatever a broken part of the file leads to."""
    logger.info("file not read", extra={"error": type(error).__name__})
    return Unreadable("The file cannot be read: it is not a sound XLSX file.")


def _lines(book: Any, sheet: Any, columns: int) -> Iterator[Sequence[Cell]]:
    try:
        percents = _percent_styles(book)
        _unescape(sheet._shared_strings)
        # What the file says of its own size may be wrong.
        sheet.reset_dimensions()
        # Cells know their formats, and take a quarter longer than their values alone.
        for row in sheet.iter_rows(max_col=columns, values_only=not percents):
            yield [_meant(cell, percents) for cell in row] if percents else row
    except MemoryError:
        raise
    except Exception as error:
        raise _unsound(error) from None


def _unescape(strings: list[str]) -> None:
    for place, text in enumerate(strings):
        if "_x00" in text:
            strings[place] = ESCAPED.sub(lambda found: chr(int(found[1], 16)), text)


def _percent_styles(book: Any) -> set[int]:
    """Which of the workbook's styles show percents: most have none."""
    from openpyxl.styles.numbers import BUILTIN_FORMATS, BUILTIN_FORMATS_MAX_SIZE

    own = dict(enumerate(book._number_formats, BUILTIN_FORMATS_MAX_SIZE))
    shown = {**BUILTIN_FORMATS, **own}
    percents = {n for n, text in shown.items() if "%" in NO_PART_OF_A_FORMAT.sub("", text)}
    return {n for n, style in enumerate(book._cell_styles) if style.numFmtId in percents}


def _meant(cell: Any, percents: set[int]) -> Cell:
    value: Cell = cell.value
    if cell.data_type != "n" or not isinstance(value, int | float):
        return value
    return Percent(value) if cell._style_id in percents and isfinite(value) else value


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


# ------------------------------------------------------------------ writing

TIME_FORMAT = "yyyy-mm-dd hh:mm:ss.000"
"""A spreadsheet's times are as fine as a millisecond."""


def workbook_bytes(
    columns: Sequence[str], rows: Iterable[Sequence[Cell | Decimal]], *, text: Any
) -> bytes:
    """Numbers are numbers and times are times in UTC, which their header says; all else is text.

    text: makes text of a cell that is neither. No text is taken for a formula, a link or a number.
    """
    import xlsxwriter  # here: few processes write a file

    file = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    times: set[int] = set()
    with xlsxwriter.Workbook(file, options) as book:
        sheet = book.add_worksheet("Export")
        time_format = book.add_format({"num_format": TIME_FORMAT, "align": "left"})
        for number, row in enumerate(rows, 1):
            for column, cell in enumerate(row):
                if isinstance(cell, datetime) and cell.year >= FIRST_YEAR:
                    times.add(column)
                    utc = cell.astimezone(UTC).replace(tzinfo=None)
                    sheet.write_datetime(number, column, utc, time_format)
                elif isinstance(cell, Decimal | int | float):
                    sheet.write_number(number, column, cell)
                elif cell is not None:
                    sheet.write_string(number, column, text(cell))
        bold = book.add_format({"bold": True})
        for column, name in enumerate(columns):
            sheet.write_string(0, column, f"{name} (UTC)" if column in times else name, bold)
        for column in times:
            sheet.set_column(column, column, 22)
        sheet.freeze_panes(1, 0)
    return file.getvalue()
