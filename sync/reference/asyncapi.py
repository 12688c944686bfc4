"""The protocol as an AsyncAPI 3.1 document, made of the message structs themselves.

`manage.py protocol_docs` writes it to docs/asyncapi.json, and `sync.reference.markdown` makes
docs/messages.md of it: neither can say anything that the code does not do.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, get_args

import msgspec
from django.apps import apps

from sync.gateway.consumer import SUBPROTOCOL
from sync.gateway.routing import ENDPOINT
from sync.protocol import errors, registry
from sync.protocol.close_codes import CloseCode
from sync.protocol.envelope import Envelope
from sync.protocol.errors import ErrorCode, ProtocolError, SyncErrorCode
from sync.protocol.messages import SyncUpdate
from sync.reference.answers import message_key, operations
from sync.reference.entities import entities, shows_always, sync_update_type
from sync.reference.examples import EVENT_FIELDS, examples
from sync.reference.schemas import REF, SOURCE, Schema, one_of, schemas_of

VERSION = "1.0.0"
CHANNEL = "v1ws"

# What a client does about an error; each code's meaning is its exception's own docstring.
ACTIONS: dict[str, str] = {
    ErrorCode.INVALID_MESSAGE_FORMAT: "Correct it; `details` names the field and the reason.",
    ErrorCode.AUTHENTICATION_REQUIRED: "Send `AUTH`, then the message again.",
    ErrorCode.INVALID_TOKEN: "Sign in again over REST and send `AUTH`.",
    ErrorCode.TOKEN_EXPIRED: "Get a new token from `/auth/refresh` and send `AUTH`.",
    ErrorCode.UNAUTHORIZED: "Do not repeat it: the user is not allowed to, or it does not exist.",
    ErrorCode.INVALID_CHANNEL: "Name it `kind:id`; `details.channel` says which one is meant.",
    ErrorCode.SUBSCRIPTION_FAILED: "Unsubscribe from others first, or try again later.",
    ErrorCode.RATE_LIMIT_EXCEEDED: (
        "Wait `details.retryAfter` seconds, then send it again; where there is none, make room:"
        " `details.scope` names what there is too much of."
    ),
    ErrorCode.INTERNAL_SERVER_ERROR: "Send it again with the same `requestId`, ever more slowly."
    " Where `details.outcome` is `unknown` it may have been done: look first if it had no"
    " `requestId`.",
    ErrorCode.NOT_FOUND: "Do not repeat it: what `details` names does not exist (any more).",
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
    def subject(self) -> registry.Subject | None:
        """The entity that it shows live, beside sync messages."""
        return None if self.from_client else registry.subjects.get(self.name)

    @property
    def has_payload(self) -> bool:
        return bool(self.struct.__struct_fields__)


def entries() -> list[Entry]:
    """Every message of the registry: what clients send first, each part by name."""
    requests = [
        Entry(name, request.struct, True, served=request.handler is not None)
        for name, request in registry.client_messages.items()
    ]
    events = [Entry(name, struct, False) for name, struct in registry.server_messages.items()]
    return sorted(requests + events, key=lambda entry: (not entry.from_client, entry.name))


def described(type_: type) -> str:
    """The type's own docstring in one line, without the sources it names."""
    return SOURCE.sub("", " ".join((type_.__dict__.get("__doc__") or "").split()))


def error_actions() -> dict[str, str]:
    """Return what a client does about each code of an ERROR."""
    return ACTIONS | {code: error.action for code, error in errors.declared.items()}


def error_meanings() -> dict[str, str]:
    """Return the meaning of each code of an ERROR: the message it comes with by default."""
    meanings: dict[str, str] = {}
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
    structs = [entry.struct for entry in entries() if entry.struct is not SyncUpdate]
    found = schemas_of([*structs, sync_update_type(), Envelope])
    _tell_entities_apart(found)
    actions, meanings = error_actions(), error_meanings()
    found["ErrorCode"]["description"] = "Every `code` of an ERROR."
    found["ErrorCode"]["enum"] = sorted(actions)
    found["ErrorDetails"]["properties"] |= {
        name: {"type": "string", "description": "An opaque id."}
        for name in sorted(errors.declared_ids)
    }
    found["ErrorCode"]["x-codes"] = {
        code: {"meaning": meanings[code], "action": action} for code, action in actions.items()
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


def _tell_entities_apart(schemas: dict[str, Schema]) -> None:
    """Say of each message which entity types it is about, and of SYNC_UPDATE what it is of each."""
    updates = [struct.__name__ for struct in get_args(sync_update_type())]
    about = {"title": "SyncUpdate", "description": described(SyncUpdate)}
    schemas["SyncUpdate"] = one_of(updates, by="entityType", **about)
    of_messages = {
        entry.struct.__name__: (entry.subject.entities, entry.subject.changes)
        for entry in entries()
        if entry.subject is not None
    }
    for entry in entries():
        if not entry.from_client and shows_always(entry.name):
            schemas[entry.struct.__name__]["required"] += EVENT_FIELDS
    every = tuple(entity.name for entity in entities())
    for name, (types, changes) in {**of_messages, "SyncDelete": (every, ())}.items():
        fields = schemas[name]["properties"]
        fields["entityType"] |= {"title": f"{name}EntityType", "enum": sorted(types)}
        if changes:
            fields["changeType"]["enum"] = sorted(changes)


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
    title = f"{entry.struct.__name__}Message"
    return {
        "title": title,
        "type": "object",
        "properties": properties,
        "required": sorted(required),
    }


# ------------------------------------------------------------------ the document


def document() -> dict[str, Any]:
    components = schemas()
    envelope = components.pop("Envelope")
    messages = {entry.key: _message(entry, components, envelope) for entry in entries()}
    return {
        "asyncapi": "3.1.0",
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


def _message(entry: Entry, components: dict[str, Schema], envelope: Schema) -> dict[str, Any]:
    entity = {"types": list(entry.subject.entities), "id": "entityId"} if entry.subject else None
    return ({"x-entity": entity} if entity else {}) | {
        "name": entry.name,
        "title": entry.name,
        "summary": entry.description,
        "tags": [{"name": entry.area}],
        "payload": _message_schema(entry, envelope),
        "correlationId": {"location": "$message.payload#/requestId"},
        "examples": [{"payload": one} for one in examples(entry, components)],
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
