"""The protocol as an AsyncAPI 3.0 document, made of the message structs themselves.

`manage.py protocol_docs` writes it to docs/asyncapi.json, and `sync.reference.markdown` makes
docs/messages.md of it: neither can say anything that the code does not do.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from inspect import cleandoc
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import msgspec
from django.apps import apps

from sync.gateway.consumer import SUBPROTOCOL
from sync.gateway.routing import ENDPOINT
from sync.protocol import registry
from sync.protocol.close_codes import CloseCode
from sync.protocol.envelope import Envelope
from sync.protocol.errors import ErrorCode, ProtocolError, SyncErrorCode
from sync.protocol.registry import EntityMessage
from sync.reference.answers import message_key, operations

Schema = dict[str, Any]

VERSION = "1.0.0"
CHANNEL = "v1ws"
EXAMPLE_TIME = "2026-01-20T10:30:00Z"
REF = "#/components/schemas/"
EVENT_FIELDS = EntityMessage.__struct_encode_fields__
"""Not required, as an answer to one connection has none of them; every event has."""
# For who reads the code; a reader of the document has no use for it.
_SOURCE = re.compile(r"\s*\((?:decisions? [^)]*|[A-Z]\d+(?:, [A-Z]\d+)*)\)")

# What a client does about an error; each code's meaning is its exception's own docstring.
ACTIONS: dict[ErrorCode, str] = {
    ErrorCode.INVALID_MESSAGE_FORMAT: "Mend the message; `details` names the field and the reason.",
    ErrorCode.AUTHENTICATION_REQUIRED: "Send `AUTH`, then the message again.",
    ErrorCode.INVALID_TOKEN: "Sign in again over REST and send `AUTH`.",
    ErrorCode.TOKEN_EXPIRED: "Get a new token from `/auth/refresh` and send `AUTH`.",
    ErrorCode.UNAUTHORIZED: "Do not repeat it: the user may not, or the thing is not there.",
    ErrorCode.INVALID_CHANNEL: "Name it `kind:id`; `details.channel` says which one is meant.",
    ErrorCode.SUBSCRIPTION_FAILED: "Unsubscribe from others first, or try again later.",
    ErrorCode.SESSION_NOT_FOUND: "Choose another session: this one has ended or never was.",
    ErrorCode.SESSION_FULL: "Wait until somebody leaves; `details.limit` is its size.",
    ErrorCode.RATE_LIMIT_EXCEEDED: (
        "Wait `details.retryAfter` seconds, then send it again; where there is none, make room:"
        " `details.scope` says of what there is too much."
    ),
    ErrorCode.INTERNAL_SERVER_ERROR: "Send it again with the same `requestId`, ever more slowly."
    " Where `details.outcome` is `unknown` it may have been done: look first if it had no"
    " `requestId`.",
    ErrorCode.NOT_FOUND: "Do not repeat it: what `details` names is not there (any more).",
}
SYNC_ACTIONS: dict[SyncErrorCode, str] = {
    SyncErrorCode.SYNC_HISTORY_EXPIRED: "Ask for a snapshot: send neither cursor.",
    SyncErrorCode.SYNC_TIMESTAMP_IN_FUTURE: "Ask for a snapshot: the cursor is not of this server.",
    SyncErrorCode.UNAUTHORIZED: "Leave out the channel that `details` names.",
    SyncErrorCode.INVALID_CHANNEL: "Name it `kind:id`.",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One message in one direction. PING, PONG and others have one in each."""

    name: str
    struct: type[msgspec.Struct]
    from_client: bool
    served: bool = True
    """Whether there is a handler for it."""

    @property
    def key(self) -> str:
        return message_key(self.name, from_client=self.from_client)

    @property
    def area(self) -> str:
        """The feature that owns it, in words."""
        config = apps.get_containing_app_config(self.struct.__module__)
        assert config is not None
        return str(config.verbose_name)

    @property
    def description(self) -> str:
        return described(self.struct)

    @property
    def shown(self) -> registry.Shown | None:
        """The entity that it shows live, beside sync messages."""
        return None if self.from_client else registry.shown.get(self.name)

    @property
    def has_payload(self) -> bool:
        return bool(self.struct.__struct_fields__)


def entries() -> list[Entry]:
    """Every message of the registry: what clients send first, each part by name."""
    requests = [
        Entry(name, request.struct, True, served=request.handler is not None)
        for name, request in registry.requests.items()
    ]
    events = [Entry(name, struct, False) for name, struct in registry.events.items()]
    return sorted(requests + events, key=lambda entry: (not entry.from_client, entry.name))


def described(type_: type) -> str:
    """The type's own docstring in one line, without the sources it names."""
    return _SOURCE.sub("", " ".join((type_.__dict__.get("__doc__") or "").split()))


def error_meanings() -> dict[ErrorCode, str]:
    """Return the meaning of each code of an ERROR: the message it comes with by default."""
    meanings: dict[ErrorCode, str] = {}
    for error in _subclasses(ProtocolError):
        if "code" in error.__dict__:
            meanings.setdefault(error.code, described(error))
    return meanings


def _subclasses(error: type[ProtocolError]) -> Iterator[type[ProtocolError]]:
    for subclass in error.__subclasses__():
        yield subclass
        yield from _subclasses(subclass)


# ------------------------------------------------------------------ schemas


def schemas() -> dict[str, Schema]:
    """JSON Schemas of all payloads and of what they are made of, by the struct's name."""
    structs = [entry.struct for entry in entries()]
    _, components = msgspec.json.schema_components(
        [*structs, Envelope], ref_template=REF + "{name}"
    )
    found = {name: _tidy(schema) for name, schema in components.items()}
    found["ErrorCode"]["x-codes"] = {
        code: {"meaning": meaning, "action": ACTIONS[code]}
        for code, meaning in error_meanings().items()
    }
    found["SyncErrorCode"]["x-codes"] = {
        code: {"action": SYNC_ACTIONS[code]} for code in SYNC_ACTIONS
    }
    found["CloseCode"] = {
        "title": "CloseCode",
        "description": "Why the server closes a connection, and whether the client comes back.",
        "type": "integer",
        "enum": sorted(int(code) for code in CloseCode),
        "x-codes": {
            str(int(code)): {
                "reason": code.reason,
                "reconnect": code.reconnect,
                "error": None if code.error is None else str(code.error),
            }
            for code in CloseCode
        },
    }
    return found


def _tidy(value: Any) -> Any:
    """Without sources in descriptions; nothing beside a $ref, where it would be ignored."""
    if isinstance(value, list):
        return [_tidy(item) for item in value]
    if not isinstance(value, dict):
        return value
    tidy = {key: _tidy(item) for key, item in value.items()}
    if isinstance(tidy.get("description"), str):
        # Python 3.13 takes the indentation from docstrings, 3.11 does not.
        tidy["description"] = cleandoc(_SOURCE.sub("", tidy["description"]))
    if "$ref" in tidy and len(tidy) > 1:
        tidy["allOf"] = [{"$ref": tidy.pop("$ref")}]
    return tidy


def resolved(schema: Schema, components: dict[str, Schema]) -> Schema:
    """The schema that a reference names."""
    return components[schema["$ref"].removeprefix(REF)] if "$ref" in schema else schema


def _message_schema(entry: Entry, envelope: Schema) -> Schema:
    """The envelope with this type and payload."""
    properties: Schema = {
        "type": {"const": entry.name},
        "requestId": envelope["properties"]["requestId"],
        "timestamp": {"type": "string", "format": "date-time"},
    }
    required = ["type"]
    if entry.has_payload:
        properties["payload"] = {"$ref": REF + entry.struct.__name__}
        required.append("payload")
    if entry.from_client:
        properties["version"] = {"type": "string", "default": "1.0"}
    else:
        required.append("timestamp")
        properties["requestId"] = {"type": "string"}
    return {"type": "object", "properties": properties, "required": sorted(required)}


# ------------------------------------------------------------------ examples


def example(entry: Entry, components: dict[str, Schema]) -> dict[str, Any]:
    """A message as it may look: what must be there, and `...` for free text."""
    message: dict[str, Any] = {"type": entry.name}
    if entry.has_payload:
        message["payload"] = _object(components[entry.struct.__name__], components)
    if entry.from_client:
        message["requestId"] = "req-1"
    else:
        message["timestamp"] = EXAMPLE_TIME
    return message


def _object(schema: Schema, components: dict[str, Schema]) -> dict[str, Any]:
    properties: dict[str, Schema] = schema.get("properties", {})
    shown = [name for name in properties if name in (*schema.get("required", ()), *EVENT_FIELDS)]
    return {name: _value(name, properties[name], components) for name in shown}


def _value(name: str, schema: Schema, components: dict[str, Schema]) -> Any:
    schema = resolved(schema, components)
    if "enum" in schema:
        return schema["enum"][0]
    if "anyOf" in schema:
        return _value(name, schema["anyOf"][0], components)
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
    if schema.get("format") == "date":
        return "2025-01-20"
    if schema.get("format") == "date-time":
        return EXAMPLE_TIME
    if name == "channel":
        return f"kpi:{_id('kpiId')}"
    if name == "lastSyncTimestamp":
        return EXAMPLE_TIME.replace("Z", ".000000Z")
    return _id(name) if name == "id" or name.endswith("Id") else "..."


def _id(name: str) -> str:
    """The same for the same field, in every message."""
    return str(uuid5(NAMESPACE_URL, f"bos-example/{name}"))


# ------------------------------------------------------------------ the document


def document() -> dict[str, Any]:
    components = schemas()
    messages = {entry.key: _message(entry, components) for entry in entries()}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "BOS WebSocket protocol",
            "version": VERSION,
            "description": (
                "Text frames carry JSON; binary frames carry the same messages in MessagePack, or "
                "JSON in UTF-8. The first message is AUTH. Generated from the message structs."
            ),
        },
        "defaultContentType": "application/json",
        "servers": {
            "development": {"host": "127.0.0.1:8000", "protocol": "ws"},
            "production": {
                "host": "{host}",
                "protocol": "wss",
                "variables": {"host": {"description": "Behind a proxy that speaks TLS 1.3."}},
            },
        },
        "channels": {
            CHANNEL: {
                "address": ENDPOINT,
                "messages": {key: {"$ref": f"#/components/messages/{key}"} for key in messages},
                "bindings": {"ws": _binding()},
            }
        },
        "operations": operations(CHANNEL),
        "components": {"messages": messages, "schemas": components},
    }


def _message(entry: Entry, components: dict[str, Schema]) -> dict[str, Any]:
    entity = {"types": list(entry.shown.entities), "id": "entityId"} if entry.shown else None
    return ({"x-entity": entity} if entity else {}) | {
        "name": entry.name,
        "title": entry.name,
        "summary": entry.description,
        "tags": [{"name": entry.area}],
        "payload": _message_schema(entry, components["Envelope"]),
        "correlationId": {"location": "$message.payload#/requestId"},
        "examples": [{"payload": example(entry, components)}],
    }


def _binding() -> dict[str, Any]:
    protocol = {"type": "string", "const": SUBPROTOCOL}
    return {
        "method": "GET",
        "headers": {"type": "object", "properties": {"Sec-WebSocket-Protocol": protocol}},
        "bindingVersion": "0.1.0",
    }


def document_text() -> str:
    """The document as it is written: the same text for the same messages."""
    return json.dumps(document(), indent=1, sort_keys=True, ensure_ascii=False) + "\n"
