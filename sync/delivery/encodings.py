"""From an event of the log to the frames that go out, once for all with the same encoding.

An encoding is JSON or MessagePack, written as raw bytes or sent through ASGI. An event is encoded
at most once for each encoding and process, whatever the number of connections.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from functools import cached_property
from typing import Any, Protocol

import msgspec

from sync.eventlog.log import LoggedEvent
from sync.protocol import codecs
from sync.protocol.envelope import encode
from sync.protocol.messages import Deletion, SyncDelete, SyncUpdate
from sync.protocol.times import wire_time_us

Frames = Any
"""Taken by an outbox of the encoding: bytes of ready frames (raw), or a list of ASGI messages."""

_mirrored: set[str] = set()
"""Entities that go out as SYNC_* when they change, also where another type tells of it (V3)."""


def add_mirrored(entity_type: str) -> None:
    _mirrored.add(entity_type)


class Encoding(Protocol):
    raw: bool
    """Whether its frames are bytes, which a `RawOutbox` takes."""

    def encode(self, *messages: bytes) -> Frames:
        """Return these JSON messages as frames, in order."""
        ...


def frame(opcode: int, payload: bytes) -> bytes:
    """Return a WebSocket frame as a server sends it: whole, unmasked (RFC 6455, section 5.2)."""
    size = len(payload)
    first = 0x80 | opcode
    if size < 126:
        return bytes((first, size)) + payload
    if size < 1 << 16:
        return struct.pack("!BBH", first, 126, size) + payload
    return struct.pack("!BBQ", first, 127, size) + payload


class RawJson:
    raw = True

    def encode(self, *messages: bytes) -> bytes:
        return b"".join([frame(0x1, message) for message in messages])


class RawMessagePack:
    raw = True

    def encode(self, *messages: bytes) -> bytes:
        return b"".join([frame(0x2, codecs.json_to_msgpack(message)) for message in messages])


class AsgiJson:
    raw = False

    def encode(self, *messages: bytes) -> list[dict[str, Any]]:
        return [{"type": "websocket.send", "text": message.decode()} for message in messages]


class AsgiMessagePack:
    raw = False

    def encode(self, *messages: bytes) -> list[dict[str, Any]]:
        return [
            {"type": "websocket.send", "bytes": codecs.json_to_msgpack(message)}
            for message in messages
        ]


class AsgiBinaryJson:
    """For a client that writes JSON in binary frames (decision W3)."""

    raw = False

    def encode(self, *messages: bytes) -> list[dict[str, Any]]:
        return [{"type": "websocket.send", "bytes": message} for message in messages]


class RawBinaryJson:
    raw = True

    def encode(self, *messages: bytes) -> bytes:
        return b"".join([frame(0x2, message) for message in messages])


_ENCODINGS: dict[tuple[bool, str], Encoding] = {
    (True, "text"): RawJson(),
    (True, "binary"): RawBinaryJson(),
    (True, "msgpack"): RawMessagePack(),
    (False, "text"): AsgiJson(),
    (False, "binary"): AsgiBinaryJson(),
    (False, "msgpack"): AsgiMessagePack(),
}


def encoding(*, raw: bool, wire_format: str) -> Encoding:
    """wire_format: 'text' (JSON), 'binary' (JSON in binary frames) or 'msgpack'."""
    return _ENCODINGS[raw, wire_format]


def broadcast(event: LoggedEvent) -> list[bytes]:
    """Return the live frames for all receivers (decision V3): its own type first, then SYNC_*.

    What has no type of its own goes out as SYNC_*, so that no mirror keeps what is gone (V8).
    """
    messages = []
    if event.live_type:
        messages.append(_live(event, request_id=None))
    if event.entity_type in _mirrored or not event.live:
        messages.append(sync_message(event))
    return messages


def types_of(event: LoggedEvent) -> tuple[str, ...]:
    """The types of the messages that `broadcast` makes, in order."""
    types: tuple[str, ...] = (event.live_type,) if event.live_type else ()
    if event.entity_type in _mirrored or not event.live:
        types += (sync_type(event),)
    return types


def sync_type(event: LoggedEvent) -> str:
    """Return the type of the message that `sync_message` makes."""
    return "SYNC_DELETE" if event.change_type == "deleted" else "SYNC_UPDATE"


def own_copy(
    event: LoggedEvent,
    request_id: str | None,
    *,
    subscribed: bool,
    shared: Sequence[bytes] = (),
) -> Sequence[bytes]:
    """Return the requester's copy: the resulting message with their requestId (decision E3).

    shared: what `broadcast` has made of the event, if it has.
    """
    if not event.live_type:
        return (shared or broadcast(event)) if subscribed else ()
    messages = [_live(event, request_id=request_id)]
    if subscribed and event.entity_type in _mirrored:
        messages.append(shared[-1] if shared else sync_message(event))
    return messages


class Run:
    """Events that are delivered together: each encoded once for each encoding, if at all."""

    def __init__(self, events: Sequence[LoggedEvent]) -> None:
        self.events = events
        self._frames: dict[Encoding, Frames] = {}
        self._frames_each: dict[Encoding, list[Frames]] = {}

    @cached_property
    def messages(self) -> list[list[bytes]]:
        """The messages that `broadcast` makes, of each event."""
        return [broadcast(event) for event in self.events]

    def frames(self, encoding: Encoding) -> Frames:
        """Return those of all the events, in order."""
        found = self._frames.get(encoding)
        if found is None:
            messages = [message for each in self.messages for message in each]
            found = self._frames[encoding] = encoding.encode(*messages)
        return found

    def frames_each(self, encoding: Encoding) -> list[Frames]:
        """Return those of each event."""
        found = self._frames_each.get(encoding)
        if found is None:
            found = [encoding.encode(*messages) for messages in self.messages]
            self._frames_each[encoding] = found
        return found


def _live(event: LoggedEvent, *, request_id: str | None) -> bytes:
    return encode(
        event.live_type,
        live_payload(event),
        request_id=request_id,
        timestamp=wire_time_us(event.at_us),
    )


def live_payload(event: LoggedEvent) -> bytes:
    """Return the payload of its own type, with what every sync message says, too (decision V8).

    It was encoded before the event had its place in the order.
    """
    entity = ""
    if event.has_topics():
        entity = (
            f'"entityType":"{event.entity_type}","entityId":"{event.entity_id}",'
            f'"changeType":"{event.change_type}",'
        )  # an answer to one connection shows nothing that others see
    return f'{event.live[:-1]},{entity}"sequence":{event.sequence}}}'.encode()


def sync_message(event: LoggedEvent) -> bytes:
    """The event as SYNC_UPDATE or SYNC_DELETE: live and in every replay alike."""
    timestamp = wire_time_us(event.at_us)
    return encode(sync_type(event), sync_payload(event), timestamp=timestamp)


def sync_payload(event: LoggedEvent) -> bytes:
    """Return the payload of that message."""
    payload: SyncUpdate | SyncDelete
    if event.change_type == "deleted":
        deleted = msgspec.json.decode(event.data, type=Deletion)
        payload = SyncDelete(
            event.entity_type,
            event.entity_id,
            deleted.deleted_by,
            deleted.deleted_at,
            event.sequence,
        )
    else:
        payload = SyncUpdate(
            event.entity_type,
            event.entity_id,
            "created" if event.change_type == "created" else "updated",
            msgspec.Raw(event.data.encode()),
            event.actor_id,
            event.sequence,
        )
    return codecs.to_json(payload)
