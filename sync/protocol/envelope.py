"""The envelope around every message: what came in, and what goes out (decisions E1 to E3).

Decoding takes two steps, because an ERROR about a bad payload carries the envelope's requestId.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import UNSET, Meta, UnsetType

from sync.protocol.answers import NEVER_MALFORMED
from sync.protocol.codecs import (
    LIGHT_BYTES,
    Misread,
    Weigh,
    convert,
    from_json,
    from_msgpack,
    is_plain,
    readable_request_id,
    to_json,
)
from sync.protocol.errors import InvalidMessage
from sync.protocol.times import parse_time, wire_now

P = TypeVar("P")
RequestId = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=128,
        description=(
            "Random (a UUID): it belongs to one request of the user for ten minutes, on whatever "
            "connection or device. Numbers that begin again after a reload are used."
        ),
    ),
]


class Envelope(msgspec.Struct, rename="camel"):
    """A message as a client sends it. Unknown extra fields are ignored."""

    type: Annotated[str, Meta(min_length=1, max_length=64)]
    payload: dict[str, Any] | UnsetType = UNSET
    request_id: RequestId | None = None
    timestamp: Annotated[str, Meta(max_length=64)] | None = None
    version: str | None = None

    def payload_as(self, struct: builtins.type[P]) -> P:
        payload = {} if self.payload is UNSET else self.payload
        return convert(payload, struct, path="payload")


class _Plain(Envelope, forbid_unknown_fields=True):
    """An envelope as nearly all clients write it."""


_decode_plain = msgspec.json.Decoder(_Plain, float_hook=Decimal).decode


class Outbound(msgspec.Struct, rename="camel", omit_defaults=True):
    """A message as the server sends it. `payload` is encoded already: many share it."""

    type: str
    payload: msgspec.Raw | UnsetType = UNSET
    request_id: str | UnsetType = UNSET
    timestamp: str = ""


class MalformedEnvelope(InvalidMessage):
    """The message is not well formed; carries the requestId where it could be read."""

    def __init__(self, error: InvalidMessage, request_id: str | None) -> None:
        super().__init__(str(error.details["field"]), str(error.details["reason"]))
        self.request_id = request_id


def decode_json(text: str | bytes, weigh: Weigh | None = None) -> Envelope:
    """Raises MalformedEnvelope, and whatever `weigh` raises (`codecs.from_json`)."""
    body = text.encode() if isinstance(text, str) else text
    if len(body) <= LIGHT_BYTES and (plain := _read_plain(body)) is not None:
        return plain
    return _decode(from_json, body, weigh, nothing=b"null")


def _read_plain(body: bytes) -> Envelope | None:
    """Read a small message in one step, which takes half as long; None where anything in it is
    unusual, be it right or wrong: it is for `_decode` to say which."""
    if b"null" in body or not is_plain(body):
        return None
    try:
        plain = _decode_plain(body)
        _check(plain)
    except (msgspec.MsgspecError, ValueError, RecursionError, InvalidOperation, InvalidMessage):
        return None
    return Envelope(plain.type, plain.payload, plain.request_id, plain.timestamp, plain.version)


def decode_msgpack(packed: bytes, weigh: Weigh | None = None) -> Envelope:
    """As `decode_json`."""
    return _decode(from_msgpack, packed, weigh, nothing=b"\xc0")


def _decode(
    read: Callable[[bytes, Weigh | None], Any],
    frame: bytes,
    weigh: Weigh | None,
    *,
    nothing: bytes,
) -> Envelope:
    """nothing: what `null` is written as, and most messages have none of."""
    value: Any = None
    try:
        value = read(frame, weigh)
        if not isinstance(value, dict):
            raise InvalidMessage("", "a message is an object")
        if nothing in frame:
            value = without_nulls(value)
        envelope = convert(value, Envelope)
        _check(envelope)
    except InvalidMessage as error:
        if isinstance(error, Misread):
            value = error.read
        type_ = value.get("type") if isinstance(value, dict) else None
        if isinstance(type_, str) and type_ in NEVER_MALFORMED:
            return Envelope(type_)
        raise MalformedEnvelope(error, _readable_request_id(value)) from None
    return envelope


def _check(envelope: Envelope) -> None:
    """Raises InvalidMessage for another version, or a timestamp that is no time."""
    if envelope.version is not None and not _is_version_1(envelope.version):
        raise InvalidMessage("version", "only version 1.x is spoken here")
    if envelope.timestamp is not None:
        parse_time(envelope.timestamp, field="timestamp")


def without_nulls(value: Any) -> Any:
    """The same message where `null` is as if missing (decision E1): C#, Kotlin and Go write it for
    every field that is not set. In a list it stands for an item, which cannot be missing."""
    match value:
        case dict():
            return {key: without_nulls(item) for key, item in value.items() if item is not None}
        case list():
            return [without_nulls(item) for item in value]
    return value


def _is_version_1(version: str) -> bool:
    major, dot, minor = version.partition(".")
    return major == "1" and (not dot or minor.replace(".", "0").isdecimal())


def _readable_request_id(value: Any) -> str | None:
    return readable_request_id(value.get("requestId")) if isinstance(value, dict) else None


def encode(
    type_: str,
    payload: bytes | None = None,
    *,
    request_id: str | None = None,
    timestamp: str | None = None,
) -> bytes:
    """A message as JSON text; `payload` is JSON already."""
    return to_json(
        Outbound(
            type=type_,
            payload=UNSET if payload is None else msgspec.Raw(payload),
            request_id=UNSET if request_id is None else request_id,
            timestamp=timestamp or wire_now(),
        )
    )
