"""Messages as they may look: true to life, and valid by their schemas."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_URL, uuid5

from sync.protocol.registry import EntityMessage
from sync.protocol.topics import kinds
from sync.reference.schemas import Schema, resolved

if TYPE_CHECKING:
    from sync.reference.asyncapi import Entry

EXAMPLE_TIME = "2026-01-20T10:30:00Z"
EXAMPLE_EXPIRY = "2026-01-20T11:30:00Z"
EVENT_FIELDS = EntityMessage.__struct_encode_fields__
"""Every event has them, and names its entity's id and kind. Not required where an answer to one
connection has none of them."""


USERS = {"authorId", "deletedBy", "endedBy", "hostId", "ownerId", "updatedBy"}
"""Fields whose value is a user's id."""


def example(entry: Entry, components: dict[str, Schema]) -> dict[str, Any]:
    """Return the first of `examples`."""
    return examples(entry, components)[0]


def example_of(schema: Schema, components: dict[str, Schema]) -> Any:
    """Return a value as it may look by this schema."""
    return _value("", schema, components)


def examples(entry: Entry, components: dict[str, Schema]) -> list[dict[str, Any]]:
    """Return messages as they may look; one of each struct that the payload may be."""
    payloads: list[Any] = [None]
    if entry.has_payload:
        schema = components[entry.struct.__name__]
        variants = [resolved(one, components) for one in schema.get("oneOf", [schema])]
        of_events = (*EVENT_FIELDS, entry.subject.named, "kind") if entry.subject else ()
        payloads = [_object(variant, components, of_events) for variant in variants]
    return [_message(entry, payload) for payload in payloads]


def _message(entry: Entry, payload: dict[str, Any] | None) -> dict[str, Any]:
    message: dict[str, Any] = {"type": entry.name}
    if payload is not None:
        message["payload"] = payload
    if entry.from_client:
        message["requestId"] = "5f0c1a52-8a53-4d0b-9f5d-3f1f4f7c2b6e"
    else:
        message["timestamp"] = EXAMPLE_TIME
    return message


def _object(
    schema: Schema, components: dict[str, Schema], besides: Sequence[str] = ()
) -> dict[str, Any]:
    """Return what must be there, and of the rest what has an example of its own.

    besides: names of other fields that are shown though they may be missing.
    """
    must = (*schema.get("required", ()), *besides)
    values = {
        name: _value(name, field, components)
        for name, field in schema.get("properties", {}).items()
        if name in must or "examples" in field
    }
    if "entityType" in values and "entityId" in values:
        values["entityId"] = _id(f"{values['entityType']}Id")
        if "data" in values and "id" in values["data"]:
            values["data"]["id"] = values["entityId"]
    if values.keys() == {"type", "id"}:
        values["id"] = _id(f"{values['type']}Id")
    return values


def _value(name: str, schema: Schema, components: dict[str, Schema]) -> Any:
    if "examples" in schema:
        return schema["examples"][0]
    schema = resolved(schema, components)
    if "enum" in schema:
        return schema["enum"][0]
    for union in ("allOf", "anyOf", "oneOf"):
        if union in schema:
            return _value(name, schema[union][0], components)
    match schema.get("type"):
        case "object":
            return _object(schema, components)
        case "array":
            return [_value(name.removesuffix("s"), schema["items"], components)]
        case "integer":
            return max(schema.get("minimum", 0), 42 if name == "sequence" else 1)
        case "number":
            return 12.5
        case "boolean":
            return False
        case _:
            return _text(name, schema)


def _text(name: str, schema: Schema) -> str:
    match schema.get("format"):
        case "date":
            return EXAMPLE_TIME[:10]
        case "date-time":
            return EXAMPLE_EXPIRY if name == "expiresAt" else EXAMPLE_TIME
    if name == "channel":
        kind = next(iter(kinds()))
        return f"{kind}:{_id(f'{kind}Id')}"
    if name == "id" or name.endswith("Id") or name in USERS:
        return _id("userId" if name in USERS else name)
    raise ValueError(f"{name} of {schema} needs an example: Meta(examples=[...])")


def _id(name: str) -> str:
    """Return the same for the same field, in every message."""
    return str(uuid5(NAMESPACE_URL, f"bos-example/{name}"))
