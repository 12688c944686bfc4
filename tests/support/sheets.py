"""XLSX files as people and their programs make them."""

from __future__ import annotations

import io
from typing import Any

from openpyxl import Workbook


def xlsx(*rows: tuple[Any, ...]) -> bytes:
    """One sheet with these rows."""
    return workbook({"Sheet": rows})


def workbook(
    sheets: dict[str, Any], *, hidden: tuple[str, ...] = (), formats: dict[str, str] | None = None
) -> bytes:
    """Sheets by name. formats: {"B2": "0%"}, of every sheet."""
    book = Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
        for cell, number_format in (formats or {}).items():
            sheet[cell].number_format = number_format
        sheet.sheet_state = "hidden" if name in hidden else "visible"
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()
