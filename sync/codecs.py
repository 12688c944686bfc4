"""JSON and MessagePack: bytes to plain values and back, refusing what decision E4 refuses.

Both give the same values for the same message, so everything above this module knows one form.
"""

from __future__ import annotations

import decimal
import json
import math
import re
from decimal import Decimal
from typing import Any, TypeVar

import msgspec

from sync.errors import InvalidMessage

T = TypeVar("T")
MAX_DEPTH = 32
MANY_DIGITS = 400
"""More are read as infinity where a refused message is read again: no number has so many."""
MOST_OF_A_FIELD = 200
_AT_PATH = re.compile(r" - at `\$\.?([^`]*)`$")
_MISSING = re.compile(r"missing required field `([^`]+)`")
# normalize() rounds to the context's precision: room for every digit that fits into a message.
EXACT = decimal.Context(prec=2**20, Emax=decimal.MAX_EMAX, Emin=decimal.MIN_EMIN)

# float_hook: a number stays the digits that were sent, until something decides about rounding.
_decode_json = msgspec.json.Decoder(float_hook=Decimal).decode
_encode_json = msgspec.json.Encoder().encode
_encode_msgpack = msgspec.msgpack.Encoder().encode


class Misread(InvalidMessage):
    """The frame is refused; `read` is what could be read of it all the same, or None."""

    def __init__(self, field: str, reason: str, read: Any = None) -> None:
        super().__init__(field, reason)
        self.read = read


def from_json(text: bytes) -> Any:
    """Plain values of a JSON text; decimals as Decimal. Raises Misread."""
    try:
        value = _decode_json(text)
    # RecursionError and UnicodeDecodeError: msgspec on deep nesting and on broken UTF-8.
    # InvalidOperation: an exponent of twenty digits.
    except (
        msgspec.MsgspecError,
        UnicodeDecodeError,
        RecursionError,
        decimal.InvalidOperation,
    ) as error:
        raise _why_not_json(text, error) from None
    # Few messages have what could be refused now; only these are gone through.
    if text.count(b"{") + text.count(b"[") > MAX_DEPTH or b"\\u0000" in text:
        _refuse_what_is_not_allowed(value)
    return value


def _why_not_json(text: bytes, error: Exception) -> Misread:
    """Read again what is refused as a whole: where it is wrong, and the requestId of the answer."""
    try:
        value = json.loads(text, parse_int=_int, parse_float=_float, parse_constant=_float)
    except (ValueError, RecursionError):
        return Misread("", f"not JSON: {error or 'nested too deep'}")
    try:
        _refuse_what_is_not_allowed(value)
    except Misread as misread:
        return misread
    return Misread("", f"not JSON: {error}", value)


def _int(digits: str) -> int | float:
    return int(digits) if len(digits) < MANY_DIGITS else math.inf


def _float(digits: str) -> Decimal | float:
    try:
        return Decimal(digits)
    except decimal.InvalidOperation:
        return math.inf


def from_msgpack(packed: bytes) -> Any:
    """Plain values of a MessagePack message; floats as Decimal. Raises Misread."""
    try:
        value = msgspec.msgpack.decode(packed)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Misread("", f"not MessagePack: {error}") from None
    return _refuse_what_is_not_allowed(value)


def _refuse_what_is_not_allowed(value: Any) -> Any:
    """The value as our own JSON gives it. Raises Misread with the value and where it is wrong."""
    try:
        return _like_json(value, "", 0)
    except InvalidMessage as error:
        field, reason = error.details["field"], error.details["reason"]
        raise Misread(str(field)[:MOST_OF_A_FIELD], str(reason), value) from None


def _like_json(value: Any, path: str, depth: int) -> Any:
    """The value as JSON would have given it; refuses what JSON cannot say."""
    match value:
        case bool() | None | int():
            return value
        case str():
            _check_text(value, path)
            return value
        case Decimal() if value.is_finite():
            return value
        case float() if math.isfinite(value):
            return Decimal(repr(value))
        case float() | Decimal():
            raise InvalidMessage(path, "not a finite number")
        case dict() | list() if depth >= MAX_DEPTH:
            raise InvalidMessage(path, f"nested deeper than {MAX_DEPTH}")
        case list():
            return [_like_json(item, f"{path}[{i}]", depth + 1) for i, item in enumerate(value)]
        case dict():
            return {
                _key(key, path): _like_json(item, f"{path}.{key}".lstrip("."), depth + 1)
                for key, item in value.items()
            }
        case _:
            raise InvalidMessage(path, f"{type(value).__name__} has no JSON form")


def _check_text(text: str, path: str) -> None:
    if "\0" in text:
        raise InvalidMessage(path, "a NUL character")
    if not is_unicode(text):
        raise InvalidMessage(path, "a lone surrogate")


def is_unicode(text: str) -> bool:
    """Whether it can be sent: a lone surrogate is half a character."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _key(key: object, path: str) -> str:
    if not isinstance(key, str):
        raise InvalidMessage(path, "keys are strings")
    _check_text(key, path)
    return key


def convert(value: Any, type_: type[T], *, path: str = "") -> T:
    """A plain value as this struct. Raises InvalidMessage with the field that is wrong."""
    try:
        return msgspec.convert(value, type_)
    except (msgspec.ValidationError, OverflowError) as error:
        raise InvalidMessage(*_explain(str(error), path)) from None


def _explain(message: str, path: str) -> tuple[str, str]:
    inner = ""
    # An error of a struct's own check has its place in the struct first, then the struct's.
    while found := _AT_PATH.search(message):
        inner = f"{inner}.{found.group(1)}".strip(".")
        message = message[: found.start()]
    if found := _MISSING.search(message):
        inner = f"{inner}.{found.group(1)}".lstrip(".")
        message = "required field is missing"
    return ".".join(part for part in (path, inner) if part), message


def exact_number(value: object) -> Decimal:
    """The number that was sent, exactly. Raises ValueError where it is none (decision B1).

    Below 10**15 in size, at most 15 significant digits, at most 4 of them decimals: what every
    JSON client's float and both databases hold without rounding.
    """
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise ValueError("Expected a number")
    number = Decimal(value)
    if number.copy_abs() >= Decimal(10) ** 15:  # abs() rounds, and overflows
        raise ValueError("Expected a number below 10^15 in size")
    if number == 0:
        return Decimal(0)
    _, digits, exponent = number.normalize(EXACT).as_tuple()
    assert isinstance(exponent, int)
    if len(digits) > 15:
        raise ValueError("Expected at most 15 significant digits")
    if exponent < -4:
        raise ValueError("Expected at most 4 decimals")
    return number


def wire_number(value: Decimal | None) -> int | float | None:
    """An exact number as JSON and MessagePack carry it.

    A float of at most 15 significant digits prints as the digits it was made of.
    """
    if value is None:
        return None
    whole = int(value)
    return whole if whole == value else float(value)


def to_json(value: Any) -> bytes:
    return _encode_json(value)


def json_text(value: Any) -> str:
    return _encode_json(value).decode()


def to_msgpack(value: Any) -> bytes:
    return _encode_msgpack(value)


def json_to_msgpack(text: bytes) -> bytes:
    """The same message in MessagePack: for the few connections that asked for it."""
    return _encode_msgpack(msgspec.json.decode(text))
