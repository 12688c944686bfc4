"""Cells that were fetched, made into the very rows that systems send (`kpis.ingest`)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from math import isfinite

from bos.imports.cells import NUMBER, Ambiguous, number_of, text_of, time_of
from kpis.connectors.databases import Cells
from kpis.connectors.source import Source
from kpis.ingest.values import Parsed, Refused, Row

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EPOCH_TEXT = re.compile(r"-?[0-9]{9,14}(\.[0-9]+)?")
"""Shorter ones are days: 20260131."""
MILLISECONDS_FROM = 10**11
"""As seconds that is the year 5138; as milliseconds, 1973."""
LARGEST = Decimal(10) ** 15
LONGEST_NAME = 200


def parsed(source: Source, found: Sequence[Cells]) -> Parsed:
    """Return the rows, and which of them cannot be used. An index is a number of a row, from 1."""
    told = Parsed(count=len(found))
    for index, (kpi, value, at) in enumerate(found, 1):
        name = source.kpi or text_of(kpi)[:LONGEST_NAME]  # type: ignore[arg-type]  # anything
        if not name:
            told.refused.append(Refused(index, "kpi", "missing"))
            continue
        try:
            number = _number(value, source.decimals)
        except ValueError as error:
            told.refused.append(Refused(index, "value", str(error)))
            continue
        try:
            time = _time(at)
        except ValueError as error:
            told.refused.append(Refused(index, "at", str(error)))
            continue
        told.rows.append(Row(index, name, number, time))
    return told


def _number(cell: object, decimals: int | None) -> Decimal:
    """Return the number, rounded where that is wanted. Raises ValueError (decision B1)."""
    if isinstance(cell, str) and not isinstance(cell, Ambiguous):
        found = NUMBER.fullmatch(cell)
        if found is not None and not found["percent"]:
            cell = Decimal(found["number"])
    elif isinstance(cell, float) and isfinite(cell):
        cell = Decimal(f"{cell:.15g}")
    if decimals is not None and isinstance(cell, Decimal) and cell.copy_abs() < LARGEST:
        cell = round(cell, decimals)
    return number_of(cell)  # type: ignore[arg-type]  # whatever else it is, is refused


def _time(cell: object) -> datetime | None:
    """Return when it was measured; None: now. Raises ValueError."""
    if cell is None or cell == "":
        return None
    if isinstance(cell, str) and EPOCH_TEXT.fullmatch(cell.strip()):
        cell = Decimal(cell.strip())
    if isinstance(cell, int | float | Decimal) and not isinstance(cell, bool):
        try:
            seconds = float(cell)
            cell = EPOCH + timedelta(
                seconds=seconds / 1000 if abs(seconds) >= MILLISECONDS_FROM else seconds
            )
        except OverflowError:
            raise ValueError("Expected a date or a time") from None
    return time_of(cell)  # type: ignore[arg-type]  # whatever else it is, is refused
