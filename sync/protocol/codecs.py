"""JSON and MessagePack: bytes to plain values and back, refusing what decision E4 refuses.

Both give the same values for the same message, so everything above this module knows one form.
"""

from __future__ import annotations

import decimal
import json
import math
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any, TypeVar

import msgspec

from sync.conf import sync_settings
from sync.protocol.errors import InvalidMessage
from sync.protocol.items import json_items, msgpack_items

T = TypeVar("T")
Weigh = Callable[[int], None]
LIGHT_BYTES = 256
"""A frame of so many is read whatever is in it: in 0.1 ms."""
MAX_DEPTH = 32
MANY_DIGITS = 400
"""More are read as infinity where a refused message is read again: no number has so many."""
MOST_OF_A_TEXT = 200
"""Characters of a refused field's name and of the reason: both come from the client."""
SIGNIFICANT_DIGITS = 15
INTEGER_DIGITS = 19
"""A longer number fits into no integer of ours."""
_AT_PATH = re.compile(r" - at `\$\.?([^`]*)`$")
_MISSING = re.compile(r"missing required field `([^`]+)`")
# normalize() rounds to the context's precision: room for every digit that fits into a message.
EXACT = decimal.Context(prec=2**20, Emax=decimal.MAX_EMAX, Emin=decimal.MIN_EMIN)
_SIGNIFICANT = decimal.Context(
    prec=SIGNIFICANT_DIGITS,
    Emax=decimal.MAX_EMAX,
    Emin=decimal.MIN_EMIN,
    traps=[decimal.Inexact],
)

# float_hook: a number stays the digits that were sent, until something decides about rounding.
_decode_json = msgspec.json.Decoder(float_hook=Decimal).decode
_encode_json = msgspec.json.Encoder().encode
_encode_msgpack = msgspec.msgpack.Encoder().encode


class Misread(InvalidMessage):
    """The frame is refused; `read` is what could be read of it all the same, or None."""

    def __init__(self, field: str, reason: str, read: Any = None) -> None:
        super().__init__(field, reason)
        self.read = read


class _Heading(msgspec.Struct, rename="camel"):
    """The part that is read of a message that is refused: everything else is passed over."""

    request_id: str | None = None


class _Kind(msgspec.Struct):
    type: str = ""


_json_heading = msgspec.json.Decoder(_Heading).decode
_msgpack_heading = msgspec.msgpack.Decoder(_Heading).decode
_json_kind = msgspec.json.Decoder(_Kind).decode
_msgpack_kind = msgspec.msgpack.Decoder(_Kind).decode


def type_of(frame: bytes, *, packed: bool) -> str:
    """The type of a message that waits to be read; empty where it cannot be."""
    try:
        return (_msgpack_kind if packed else _json_kind)(frame).type
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return ""


def request_id_of(frame: bytes, *, packed: bool) -> str | None:
    """The requestId of a message that is refused before it is read, where it can be found."""
    try:
        heading = (_msgpack_heading if packed else _json_heading)(frame)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return readable_request_id(heading.request_id)


def _weigh(frame: bytes, weigh: Weigh | None, *, packed: bool) -> None:
    """Raises Misread where it has too many items, and whatever `weigh` raises."""
    if len(frame) <= LIGHT_BYTES:
        return
    limit = sync_settings().max_message_items
    items = (msgpack_items if packed else json_items)(frame, limit)
    if items > limit:
        request_id = request_id_of(frame, packed=packed)
        raise Misread("", f"more than {limit} values", {"requestId": request_id})
    if weigh is not None:
        weigh(items)


def from_json(text: bytes, weigh: Weigh | None = None) -> Any:
    """Plain values of a JSON text; decimals as Decimal. Raises Misread.

    weigh: is told of how many values they are, before they are made; may refuse them.
    """
    _weigh(text, weigh, packed=False)
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
    if not is_plain(text):
        _refuse_what_is_not_allowed(value)
    return value


def is_plain(text: bytes) -> bool:
    """Whether nothing in a JSON text that can be read could be refused all the same (E4)."""
    return text.count(b"{") + text.count(b"[") <= MAX_DEPTH and b"\\u0000" not in text


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


def from_msgpack(packed: bytes, weigh: Weigh | None = None) -> Any:
    """Plain values of a MessagePack message; floats as Decimal. As `from_json`."""
    _weigh(packed, weigh, packed=True)
    try:
        value = msgspec.msgpack.decode(packed)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Misread("", f"not MessagePack: {error}") from None
    return _refuse_what_is_not_allowed(value)


class _Place:
    """Where a value is: its key in what it is in. Written out only where something is refused.

    A path written for every item would cost the length of the keys times the number of items.
    """

    __slots__ = ("container", "depth", "key")

    def __init__(self, container: _Place | None, key: str | int) -> None:
        self.container = container
        self.depth: int = 1 if container is None else container.depth + 1
        self.key = key

    def __str__(self) -> str:
        """`payload.position[0].x`, without more than a person would read."""
        keys: list[str] = []
        place: _Place | None = self
        while place is not None:
            key = place.key
            keys.append(f"[{key}]" if isinstance(key, int) else f".{key[:MOST_OF_A_TEXT]}")
            place = place.container
        return "".join(reversed(keys)).lstrip(".")


def _refuse_what_is_not_allowed(value: Any) -> Any:
    """The value as our own JSON gives it. Raises Misread with the value and where it is wrong."""
    try:
        return _like_json(value, None)
    except InvalidMessage as error:
        field, reason = error.details["field"], error.details["reason"]
        raise Misread(str(field)[:MOST_OF_A_TEXT], str(reason), value) from None


def _like_json(value: Any, place: _Place | None) -> Any:
    """The value as JSON would have given it; refuses what JSON cannot say."""
    match value:
        case bool() | None | int():
            return value
        case str():
            _check_text(value, place)
            return value
        case Decimal() if value.is_finite():
            return value
        case float() if math.isfinite(value):
            return Decimal(repr(value))
        case float() | Decimal():
            raise _refused(place, "not a finite number")
        case dict() | list() if place is not None and place.depth >= MAX_DEPTH:
            raise _refused(place, f"nested deeper than {MAX_DEPTH}")
        case list():
            return [_like_json(item, _Place(place, i)) for i, item in enumerate(value)]
        case dict():
            return {
                _key(key, place): _like_json(item, _Place(place, key))
                for key, item in value.items()
            }
        case _:
            raise _refused(place, f"{type(value).__name__} has no JSON form")


def _refused(place: _Place | None, reason: str) -> InvalidMessage:
    return InvalidMessage("" if place is None else str(place), reason)


def _check_text(text: str, place: _Place | None) -> None:
    if "\0" in text:
        raise _refused(place, "a NUL character")
    if not is_unicode(text):
        raise _refused(place, "a lone surrogate")


def readable_request_id(request_id: object) -> str | None:
    """A requestId that an answer may carry, or None."""
    if not isinstance(request_id, str) or not 1 <= len(request_id) <= 128:
        return None
    return request_id if is_unicode(request_id) and "\0" not in request_id else None


def is_unicode(text: str) -> bool:
    """Whether it can be sent: a lone surrogate is half a character."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _key(key: object, place: _Place | None) -> str:
    if not isinstance(key, str):
        raise _refused(place, "keys are strings")
    _check_text(key, place)
    return key


def convert(value: Any, type_: type[T], *, path: str = "") -> T:
    """A plain value as this struct. Raises InvalidMessage with the field that is wrong."""
    try:
        try:
            return msgspec.convert(value, type_)
        except msgspec.ValidationError:
            # Some write 5.0 where an integer is expected: what knows only floats.
            return msgspec.convert(_whole_numbers(value), type_)
    except (msgspec.ValidationError, OverflowError) as error:
        raise InvalidMessage(*_explain(str(error), path)) from None


def _whole_numbers(value: Any) -> Any:
    """The value with integers for decimals that are whole: 5.0, 1e2."""
    match value:
        case dict():
            return {key: _whole_numbers(item) for key, item in value.items()}
        case list():
            return [_whole_numbers(item) for item in value]
        case Decimal() if value.adjusted() < INTEGER_DIGITS and value == int(value):
            return int(value)
    return value


def _explain(message: str, path: str) -> tuple[str, str]:
    inner = ""
    # An error of a struct's own check has its place in the struct first, then the struct's.
    while found := _AT_PATH.search(message):
        inner = f"{inner}.{found.group(1)}".strip(".")
        message = message[: found.start()]
    if found := _MISSING.search(message):
        inner = f"{inner}.{found.group(1)}".lstrip(".")
        message = "required field is missing"
    field = ".".join(part for part in (path, inner) if part)
    return field[:MOST_OF_A_TEXT], message[:MOST_OF_A_TEXT]


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
    try:
        # First this: a tuple of all the digits of a megabyte takes long to make.
        number = _SIGNIFICANT.plus(number)
    except decimal.Inexact:
        raise ValueError("Expected at most 15 significant digits") from None
    exponent = number.normalize(EXACT).as_tuple().exponent
    assert isinstance(exponent, int)
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


def json_to_msgpack(text: bytes) -> bytes:
    """The same message in MessagePack: for the few connections that asked for it."""
    return _encode_msgpack(msgspec.json.decode(text))
