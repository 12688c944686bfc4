"""Read the values of a request: JSON, NDJSON or CSV to rows, and what is wrong with the others.

Pure: which KPIs there are is found out later. Numbers are exact: no float is made on the way.
"""

from __future__ import annotations

import codecs
import csv
import decimal
import io
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from typing import Any

import msgspec

from bos.imports.cells import FIRST_YEAR, LAST_YEAR, number_of
from sync.protocol.codecs import exact_number
from sync.protocol.errors import InvalidMessage
from sync.protocol.times import parse_time

MOST_VALUES = 10_000


class Format(StrEnum):
    """The form of a body, by its media type."""

    JSON = "application/json"
    NDJSON = "application/x-ndjson"
    CSV = "text/csv"


class Unreadable(Exception):
    """The body as a whole cannot be used; the text says why."""


class TooMany(Exception):
    """There are more values than one request may bring."""


@dataclass(frozen=True, slots=True)
class Row:
    """A value as it was sent. index: its place among the values, from 0. at: None for now."""

    index: int
    kpi: str
    value: Decimal
    at: datetime | None


@dataclass(frozen=True, slots=True)
class Refused:
    """field: `kpi`, `value`, `at`, or whatever else was sent; empty where it is all of it."""

    index: int
    field: str
    reason: str


@dataclass(slots=True)
class Parsed:
    """count: how many values there are, good or not."""

    rows: list[Row] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    count: int = 0


class _Refusal(Exception):
    def __init__(self, field: str, reason: str) -> None:
        super().__init__(reason)
        self.field, self.reason = field, reason


def parse(body: bytes, format_: Format) -> Parsed:
    """Raises Unreadable, or TooMany before any of them is looked at."""
    return _read(*_ITEMS[format_](body.removeprefix(codecs.BOM_UTF8)))


def _read(items: Sequence[Any], row_of: Callable[[int, Any], Row]) -> Parsed:
    if len(items) > MOST_VALUES:
        raise TooMany
    parsed = Parsed(count=len(items))
    for index, item in enumerate(items):
        try:
            parsed.rows.append(row_of(index, item))
        except _Refusal as refusal:
            parsed.refused.append(Refused(index, refusal.field, refusal.reason))
    return parsed


# ------------------------------------------------------------------ JSON


class _Body(msgspec.Struct, forbid_unknown_fields=True):
    values: list[msgspec.Raw]


class _Value(msgspec.Struct, forbid_unknown_fields=True):
    """An unknown field is refused: `time` for `at`, and a value of last year would be today's."""

    kpi: str
    value: Any
    """Any: msgspec would round to a float before anybody could look at the digits."""
    at: str | None = None


_decode_body = msgspec.json.Decoder(_Body).decode
_decode_value = msgspec.json.Decoder(_Value, float_hook=Decimal).decode
_AT_FIELD = re.compile(r"(.*) - at `\$\.?([a-z]*)[^`]*`$", re.DOTALL)
_NAMED = re.compile(r"Object (?:missing required|contains unknown) field `([^`]*)`")
MOST_OF_A_NAME = 40

_NOT_JSON = (UnicodeDecodeError, RecursionError, msgspec.DecodeError)


def _items_of_json(body: bytes) -> tuple[Sequence[Any], Callable[[int, Any], Row]]:
    try:
        return _decode_body(body).values, _row_of_json
    except msgspec.ValidationError as error:
        raise Unreadable(f'Expected {{"values": [...]}}: {error}.') from None
    except _NOT_JSON:
        raise Unreadable("The body is not JSON.") from None


def _items_of_lines(body: bytes) -> tuple[Sequence[Any], Callable[[int, Any], Row]]:
    return [line for line in body.split(b"\n") if line and not line.isspace()], _row_of_json


def _row_of_json(index: int, item: bytes | msgspec.Raw) -> Row:
    try:
        sent = _decode_value(item)
    except msgspec.ValidationError as error:
        raise _refusal_of(error) from None
    except decimal.InvalidOperation:  # an exponent that not even a Decimal has
        raise _Refusal("value", "Expected a number with a smaller exponent") from None
    except _NOT_JSON:
        raise _Refusal("", "not JSON") from None
    try:
        value = exact_number(sent.value)
    except ValueError as error:
        raise _Refusal("value", str(error)) from None
    return Row(index, sent.kpi, value, _time_of(sent.at))


def _refusal_of(error: msgspec.ValidationError) -> _Refusal:
    text = str(error)
    if named := _NAMED.match(text):
        is_missing = "missing" in text[: named.start(1)]
        name = named[1][:MOST_OF_A_NAME]
        return _Refusal(name, "missing" if is_missing else "unknown field")
    found = _AT_FIELD.match(text)
    return _Refusal(found[2], found[1]) if found else _Refusal("", text)


# ------------------------------------------------------------------ CSV

COLUMNS = ("kpi", "value", "at")


def _items_of_csv(body: bytes) -> tuple[Sequence[Any], Callable[[int, Any], Row]]:
    try:
        lines = csv.reader(io.StringIO(body.decode(), newline=""), strict=True)
        rows = [row for row in lines if row]
    except UnicodeDecodeError:
        raise Unreadable("The CSV is not UTF-8.") from None
    except csv.Error as error:
        raise Unreadable(f"The body is not CSV: {error}.") from None
    columns = [cell.strip().lower() for cell in rows[0]] if rows else []
    if not {"kpi", "value"} <= set(columns) <= set(COLUMNS) or len(set(columns)) < len(columns):
        raise Unreadable("The first line names the columns: kpi,value or kpi,value,at.")

    def row_of(index: int, cells: Sequence[str]) -> Row:
        if len(cells) != len(columns):
            raise _Refusal("", f"expected {len(columns)} cells, there are {len(cells)}")
        sent = dict(zip(columns, map(str.strip, cells), strict=True))
        try:
            value = number_of(sent["value"], unit="")
        except ValueError as error:
            raise _Refusal("value", str(error)) from None
        return Row(index, sent["kpi"], value, _time_of(sent.get("at") or None))

    return rows[1:], row_of


# ------------------------------------------------------------------ times


LONGEST_TIME = len("2026-01-31T10:00:00.123456789+00:00")
"""Of what is remembered; more digits of the second may follow."""


def _time_of(text: str | None) -> datetime | None:
    if text is None:
        return None
    return _known_time(text) if len(text) <= LONGEST_TIME else _read_time(text)


@lru_cache(maxsize=1024)  # values of many KPIs are mostly of few times
def _known_time(text: str) -> datetime:
    return _read_time(text)


def _read_time(text: str) -> datetime:
    try:
        at = parse_time(text, field="at")
    except InvalidMessage as error:
        raise _Refusal("at", str(error.details["reason"])) from None
    if not FIRST_YEAR <= at.year < LAST_YEAR:
        raise _Refusal("at", f"Expected a time between {FIRST_YEAR} and {LAST_YEAR}")
    return at.astimezone(UTC)


_ITEMS: dict[Format, Callable[[bytes], tuple[Sequence[Any], Callable[[int, Any], Row]]]] = {
    Format.JSON: _items_of_json,
    Format.NDJSON: _items_of_lines,
    Format.CSV: _items_of_csv,
}


def shown(refused: Sequence[Refused], *, most: int | None = None) -> list[dict[str, Any]]:
    """Return these as they are sent: in the order of the values, `most` of them."""
    return list(_as_sent(sorted(refused, key=lambda one: one.index)[:most]))


def _as_sent(refused: Sequence[Refused]) -> Iterator[dict[str, Any]]:
    for one in refused:
        yield {"index": one.index, "field": one.field, "reason": one.reason}
