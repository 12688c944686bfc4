"""Frames: from bytes to structs and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from bos_client.errors import ProtocolError
from bos_client.protocol import FRAMES, SHAPES, ServerMessage
from bos_client.structs import Request, Signal

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_ENTITY_TYPES = {entity_type for entity_type, _ in SHAPES}


@dataclass(frozen=True, slots=True)
class Unknown:
    """A message of a type, or about an entity, that a newer server has."""

    type: str
    sequence: int | None


class Malformed(ProtocolError):
    """A frame that lacks what it must have. request_id: of the request that it answers, or ""."""

    def __init__(self, message: str, *, request_id: str = "") -> None:
        super().__init__(message)
        self.request_id = request_id


class _Body(msgspec.Struct, rename="camel"):
    entity_type: Any = ""
    sequence: Any = None
    data: Any = None


class _Head(msgspec.Struct, rename="camel"):
    type: str
    payload: msgspec.Raw | UnsetType = UNSET
    request_id: Any = ""


_frames: msgspec.json.Decoder[ServerMessage] = msgspec.json.Decoder(ServerMessage)
_heads = msgspec.json.Decoder(_Head)
_encoder = msgspec.json.Encoder()


def decode(frame: str | bytes) -> ServerMessage | Unknown:
    """Return the message. Raises Malformed."""
    try:
        return _frames.decode(frame)
    except UNREADABLE as error:
        return _unknown(frame, str(error))


def _unknown(frame: str | bytes, why: str) -> Unknown:
    """Tell a message that is new from one that is wrong. Raises Malformed."""
    try:
        head = _heads.decode(frame)
    except UNREADABLE as error:
        raise Malformed(f"The server sent something that is no message: {error}") from None
    body = _body(head.payload)
    sequence = body.sequence if isinstance(body.sequence, int) else None
    if head.type not in FRAMES or (head.type == "SYNC_UPDATE" and _is_new(body)):
        return Unknown(head.type, sequence)
    request_id = head.request_id if isinstance(head.request_id, str) else ""
    raise Malformed(f"{head.type} from the server: {why}", request_id=request_id)


def _body(payload: msgspec.Raw | UnsetType) -> _Body:
    try:
        return msgspec.json.decode(payload or b"{}", type=_Body)
    except UNREADABLE:
        return _Body()


def _is_new(body: _Body) -> bool:
    if not isinstance(body.entity_type, str) or not body.entity_type:
        return False
    kinds = {kind for entity_type, kind in SHAPES if entity_type == body.entity_type}
    kind = body.data.get("kind", "") if isinstance(body.data, dict) else ""
    return body.entity_type not in _ENTITY_TYPES or ("" not in kinds and kind not in kinds)


def encode(payload: Request[Any] | Signal, request_id: str | None = None) -> bytes:
    """Return the frame of a message of the client."""
    message: dict[str, Any] = {"type": payload.TYPE}
    if payload.__struct_fields__:
        message["payload"] = payload
    if request_id is not None:
        message["requestId"] = request_id
    return _encoder.encode(message)


def to_wire(value: Any) -> Any:
    """Return a struct as plain values, by the names on the wire."""
    return msgspec.to_builtins(value)
