"""Read a cell of a file: a number, a percent, a time, or text that must not become a formula.

Numbers have a decimal point and nothing else between their digits. What may be read in two ways is
refused, not guessed.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from decimal import Decimal
from math import isfinite

from bos.adminsite.numbers import plain_number
from sync.protocol.codecs import exact_number


class Unreadable(Exception):
    """The file as a whole cannot be used; the text says why to the user who has chosen it."""


class Percent(float):
    """A number that a spreadsheet shows as percent: 0.98 is shown, and meant, as 98 %."""


class Ambiguous(str):
    """Digits that are a fraction or thousands, `1.234`, in a file that does not show which."""

    __slots__ = ()


Cell = str | int | float | bool | datetime | date | time | timedelta | None

# Letters in a Decimal (NaN, Infinity) and thousands are refused, huge exponents are not computed.
NUMBER = re.compile(
    r"\s*(?P<number>[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?)"
    r"\s*(?P<percent>[%\uff05\ufe6a]?)\s*"
)
MAY_BE_THOUSANDS = re.compile(r"\s*[+-]?[1-9][0-9]{0,2}\.[0-9]{3}\s*[%\uff05\ufe6a]?\s*")
"""Only with three digits after the point, and no zero before it, it can be a separator."""
PERCENT_UNITS = frozenset({"%", "percent", "per cent", "pct", "pct."})
FIRST_YEAR, LAST_YEAR = 1900, 2200
DAY = re.compile(r"\d{4}-\d{2}-\d{2}|\d{8}|\d{4}-?W\d{2}(-?\d)?", re.ASCII)
"""A day without a time, in the ways in which `fromisoformat` takes it."""
ERRORS = frozenset(
    ("#N/A", "#REF!", "#DIV/0!", "#VALUE!", "#NAME?", "#NUM!", "#NULL!", "#SPILL!", "#CALC!")
)
"""Shown by a spreadsheet instead of a result."""


def text_of(cell: Cell) -> str:
    """The cell as a person reads it, '' where it is empty."""
    if cell is None:
        return ""
    if isinstance(cell, Percent):
        return f"{plain_number(_exactly(cell) * 100)} %"
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))  # a spreadsheet's 7 is a 7.0
    return str(cell).strip()


def is_blank(cell: Cell) -> bool:
    return cell is None or (isinstance(cell, str) and (not cell or cell.isspace()))


# ------------------------------------------------------------------ numbers


def is_percent(unit: str) -> bool:
    """Whether a number in this unit is one of percents."""
    return unicodedata.normalize("NFKC", unit).strip().lower() in PERCENT_UNITS


def number_of(cell: Cell, *, unit: str = "") -> Decimal:
    """The number, by the same rule as on the wire (decision B1).

    unit: of what the number is for. A percent is a number of percents, `98 %` is 98, and belongs
    nowhere else. Raises ValueError.
    """
    if isinstance(cell, Ambiguous):
        text = re.sub(r"[^0-9.+-]", "", cell)
        whole = text.replace(".", "")
        raise ValueError(f"“{cell}” may be {whole} or {text}. Write {whole}, or {text}0")
    if isinstance(cell, str):
        return _written_number(cell, unit)
    if isinstance(cell, Percent):
        _refuse_percent_of(unit, text_of(cell))
        return exact_number(_exactly(cell) * 100)
    if isinstance(cell, date | time | timedelta):
        raise ValueError(f"Expected a number; the cell is formatted as a time and says {cell}")
    return exact_number(_exactly(cell) if isinstance(cell, float) else cell)


def _exactly(number: float) -> Decimal:
    """A spreadsheet calculates with more digits than it shows, and than it means."""
    if not isfinite(number):
        raise ValueError(f"“{number}” is not a number. Write it like 1234.5")
    return Decimal(f"{number:.15g}")


def _written_number(text: str, unit: str) -> Decimal:
    found = NUMBER.fullmatch(text)
    if found is None:
        raise ValueError(f"“{text[:40]}” is not a number. Write it like 1234.5")
    if found["percent"]:
        _refuse_percent_of(unit, text[:40].strip())
    return exact_number(Decimal(found["number"]))


def _refuse_percent_of(unit: str, shown: str) -> None:
    if not is_percent(unit):
        its = f"“{unit}”" if unit else "none"
        raise ValueError(f"{shown} is a percent, and the KPI's unit is {its}. Write a number")


# ------------------------------------------------------------------ times


def time_of(cell: Cell, *, zone: tzinfo = UTC) -> datetime:
    """The time in UTC; a day is its beginning. zone: of what names none. Raises ValueError."""
    if isinstance(cell, str):
        cell = _written_time(cell.strip())
    elif isinstance(cell, date) and not isinstance(cell, datetime):
        cell = datetime.combine(cell, time.min)
    if isinstance(cell, int | float) and not isinstance(cell, bool):
        raise ValueError(f"{text_of(cell)} is a number. Format the cell as a date")
    if not isinstance(cell, datetime):
        raise ValueError("Expected a date or a time")
    if not FIRST_YEAR <= cell.year < LAST_YEAR:
        raise ValueError(f"Expected a time between {FIRST_YEAR} and {LAST_YEAR}")
    return (cell.replace(tzinfo=zone) if cell.tzinfo is None else cell).astimezone(UTC)


def _written_time(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        how = "2026-01-31 or 2026-01-31T08:30:00Z"
        raise ValueError(f"“{text[:40]}” is not a time. Write it like {how}") from None


def is_day(cell: Cell) -> bool:
    """Whether the cell says a day, and no time of it.

    A spreadsheet has midnight for a day; where times are asked for, it may mean that.
    """
    if isinstance(cell, str):
        return DAY.fullmatch(cell.strip()) is not None
    if isinstance(cell, datetime):
        return cell.time() == time.min
    return isinstance(cell, date)


# ------------------------------------------------------------------ text that is no formula

GUARD = "'"
# A spreadsheet takes text that begins so for a formula, which may call programs and send data;
# some take wide and small forms for the same (what NFKC makes these of), and dashes for a minus.
FORMULA_STARTS = frozenset("=+-@\u2010\u2011\u2012\u2013\u2014\u2015\u2212")
# Some pass over blanks and over what is invisible before it.
PASSED_OVER = re.compile(
    r"[\s'\x00-\x20\x7f-\xa0\u00ad\u034f\u061c\u115f\u1160\u180e\u200b-\u200f\u2028-\u202f"
    r"\u2060-\u206f\u2800\u3164\ufeff\uffa0\ufff9-\ufffb]*"
)
# Opened with another list separator, a text falls into cells here; each may begin like a formula.
SEPARATORS = re.compile(r"([,;|\t\r\n])")
HARMLESS = re.compile(r"[A-Za-z0-9 _.:/()%&]*")
"""Most texts hold nothing of all that, and need no second look."""


def guarded(text: str) -> str:
    """With apostrophes before what a spreadsheet would run; `unguarded` takes them off again.

    Where one goes does not depend on those that are there: so what goes out comes back as it was,
    also with apostrophes of its own.
    """
    if HARMLESS.fullmatch(text):
        return text
    parts = SEPARATORS.split(text)
    guarded_parts = (GUARD + part if _is_formula(part) else part for part in parts[1:])
    head = GUARD if _begins_badly(text) else ""
    return "".join((head, parts[0], *guarded_parts))


def unguarded(text: str) -> str:
    if GUARD not in text:
        return text
    if text.startswith(GUARD) and _begins_badly(text):
        text = text[1:]
    parts = SEPARATORS.split(text)
    bare = (part[1:] if part[:1] == GUARD and _is_formula(part) else part for part in parts[1:])
    return "".join((parts[0], *bare))


def _begins_badly(text: str) -> bool:
    begins_blank = text.lstrip(GUARD).startswith(("\t", "\r", "\n"))
    return begins_blank or _is_formula(text) or text.lstrip(GUARD) in ERRORS


def _is_formula(text: str) -> bool:
    at = PASSED_OVER.match(text)
    first = text[at.end() if at else 0 :][:1]
    return bool(first) and unicodedata.normalize("NFKC", first)[0] in FORMULA_STARTS
