"""JSON and MessagePack: bytes to plain values and back, refusing what decision E4 refuses.

Both give the same values for the same message, so everything above this module knows one form.
"""

from __future__ import annotations

import decimal
import math
import re
from decimal import Decimal
from typing import Any, TypeVar

import msgspec

from sync.errors import InvalidMessage

T = TypeVar("T")
MAX_DEPTH = 32
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
_AT_PATH = re.compile(r" - at `\$\.?([^`]*)`$")
_MISSING = re.compile(r"missing required field `([^`]+)`")
# normalize() rounds to the context's precision: room for every digit that fits into a message.
_EXACT = decimal.Context(prec=2**20, Emax=decimal.MAX_EMAX, Emin=decimal.MIN_EMIN)

# float_hook: a number stays the digits that were sent, until something decides about rounding.
_decode_json = msgspec.json.Decoder(float_hook=Decimal).decode
_encode_json = msgspec.json.Encoder().encode
_encode_msgpack = msgspec.msgpack.Encoder().encode


def from_json(text: bytes) -> Any:
    """Plain values of a JSON text; decimals as Decimal. Raises InvalidMessage."""
    if text.count(b"{") + text.count(b"[") > MAX_DEPTH and _json_depth(text) > MAX_DEPTH:
        raise InvalidMessage("", f"nested deeper than {MAX_DEPTH}")
    if b"\\u0000" in text and _NUL.search(text):
        raise InvalidMessage("", "a NUL character")
    try:
        return _decode_json(text)
    except decimal.InvalidOperation:  # an exponent of twenty digits
        raise InvalidMessage("", "a number out of range") from None
    # RecursionError and UnicodeDecodeError: msgspec on deep nesting and on broken UTF-8.
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidMessage("", f"not JSON: {error}") from None


def _json_depth(text: bytes) -> int:
    depth = deepest = 0
    for byte in _STRING.sub(b"", text):
        if byte in b"{[":
            depth += 1
            deepest = max(deepest, depth)
            if deepest > MAX_DEPTH:
                break
        elif byte in b"}]":
            depth -= 1
    return deepest


def from_msgpack(packed: bytes) -> Any:
    """Plain values of a MessagePack message; floats as Decimal. Raises InvalidMessage."""
    try:
        value = msgspec.msgpack.decode(packed)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidMessage("", f"not MessagePack: {error}") from None
    return _like_json(value, "", 0)


def _like_json(value: Any, path: str, depth: int) -> Any:
    """The value as JSON would have given it; refuses what JSON cannot say."""
    match value:
        case bool() | None | int():
            return value
        case str():
            if "\0" in value:
                raise InvalidMessage(path, "a NUL character")
            return value
        case float():
            if not math.isfinite(value):
                raise InvalidMessage(path, "not a finite number")
            return Decimal(repr(value))
        case dict() | list() if depth >= MAX_DEPTH:
            raise InvalidMessage("", f"nested deeper than {MAX_DEPTH}")
        case list():
            return [_like_json(item, f"{path}[{i}]", depth + 1) for i, item in enumerate(value)]
        case dict():
            return {
                _key(key, path): _like_json(item, f"{path}.{key}".lstrip("."), depth + 1)
                for key, item in value.items()
            }
        case _:
            raise InvalidMessage(path, f"{type(value).__name__} has no JSON form")


def _key(key: object, path: str) -> str:
    if not isinstance(key, str) or "\0" in key:
        raise InvalidMessage(path, "keys are strings without NUL")
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
    _, digits, exponent = number.normalize(_EXACT).as_tuple()
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
