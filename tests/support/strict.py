"""Check frames by the registry: no field more than declared, none less, each of its type."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any, cast

import msgspec

from sync.protocol import errors, registry
from sync.protocol.messages import SyncUpdate
from sync.reference.entities import shows_always, sync_update_type
from sync.reference.examples import EVENT_FIELDS

_ENVELOPE = {"type", "payload", "requestId", "timestamp"}
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


class Undeclared(AssertionError):
    """The server has sent something that no struct declares."""


def decode(frame: str | bytes) -> dict[str, Any]:
    """Return the message of a frame, JSON or MessagePack. Raises Undeclared."""
    packed = isinstance(frame, bytes) and frame[:1] != b"{"
    message: Any = msgspec.msgpack.decode(cast(bytes, frame)) if packed else json.loads(frame)
    try:
        _check(message)
    except (msgspec.ValidationError, AssertionError) as error:
        raise Undeclared(f"{error}: {message}") from error
    assert isinstance(message, dict)
    return message


def _check(message: dict[str, Any]) -> None:
    assert message.keys() <= _ENVELOPE, f"more than {sorted(_ENVELOPE)}"
    name, time = message["type"], message["timestamp"]
    assert isinstance(time, str)
    # A PONG gives back what the client has written.
    assert name == "PONG" or _TIME.fullmatch(time), "no time"
    struct = registry.server_messages.get(name)
    assert struct is not None, "no type of the server's"
    assert ("payload" in message) == bool(struct.__struct_fields__), "a payload, or none"
    if "payload" in message:
        _check_payload(name, message["payload"])


def _check_payload(name: str, payload: Any) -> None:
    read = msgspec.convert(payload, _type_of(name))
    # What is declared comes back as it was; what is not was passed over on reading.
    declared = msgspec.to_builtins(read)
    if "details" in declared:  # and what features declare besides
        ids = {key: payload["details"].get(key) for key in errors.declared_ids}
        declared["details"] |= {key: id_ for key, id_ in ids.items() if isinstance(id_, str)}
    assert declared == payload, f"only {declared} is declared"
    shown = registry.subjects.get(name)
    if shows_always(name):
        assert payload.keys() >= set(EVENT_FIELDS), "an event without its entity"
    if shown is not None and "entityType" in payload:
        assert payload["entityType"] in shown.entities, f"of {shown.entities}"
        assert payload["changeType"] in shown.changes, f"of {shown.changes}"
        assert not shown.named or payload.get(shown.named) == payload["entityId"], shown.named


@cache
def _type_of(name: str) -> Any:
    return (
        sync_update_type()
        if registry.server_messages[name] is SyncUpdate
        else registry.server_messages[name]
    )
