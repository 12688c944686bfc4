"""The envelope around every message: what came in, and what goes out (decisions E1 to E3).

Decoding takes two steps, because an ERROR about a bad payload carries the envelope's requestId.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import UNSET, Meta, UnsetType

from sync.codecs import (
    Misread,
    Weigh,
    convert,
    from_json,
    from_msgpack,
    readable_request_id,
    to_json,
)
from sync.errors import InvalidMessage
from sync.times import wire_now

P = TypeVar("P")
WireTime = Annotated[datetime, Meta(tz=True)]
RequestId = Annotated[str, Meta(min_length=1, max_length=128)]


class Envelope(msgspec.Struct, rename="camel"):
    """A message as a client sends it. Unknown extra fields are ignored."""

    type: Annotated[str, Meta(min_length=1, max_length=64)]
    payload: dict[str, Any] | UnsetType = UNSET
    request_id: RequestId | None = None
    timestamp: str | None = None
    version: str | None = None

    def payload_as(self, struct: builtins.type[P]) -> P:
        payload = {} if self.payload is UNSET else self.payload
        return convert(payload, struct, path="payload")


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
    return _decode(from_json, text.encode() if isinstance(text, str) else text, weigh)


def decode_msgpack(packed: bytes, weigh: Weigh | None = None) -> Envelope:
    """As `decode_json`."""
    return _decode(from_msgpack, packed, weigh)


def _decode(
    read: Callable[[bytes, Weigh | None], Any], frame: bytes, weigh: Weigh | None
) -> Envelope:
    value: Any = None
    try:
        value = read(frame, weigh)
        if not isinstance(value, dict):
            raise InvalidMessage("", "a message is an object")
        envelope = convert(value, Envelope)
        if envelope.version is not None and not _is_version_1(envelope.version):
            raise InvalidMessage("version", "only version 1.x is spoken here")
        if envelope.timestamp is not None:
            _check_timestamp(envelope.timestamp)
    except Misread as error:
        raise MalformedEnvelope(error, _readable_request_id(error.read)) from None
    except InvalidMessage as error:
        raise MalformedEnvelope(error, _readable_request_id(value)) from None
    return envelope


def _is_version_1(version: str) -> bool:
    major, dot, minor = version.partition(".")
    return major == "1" and (not dot or minor.replace(".", "0").isdecimal())


def _check_timestamp(timestamp: str) -> None:
    try:
        moment = msgspec.convert(timestamp, WireTime)
    except msgspec.ValidationError:
        moment = None
    if moment is None:
        raise InvalidMessage("timestamp", "Expected an RFC 3339 time with its offset")


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
