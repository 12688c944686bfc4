"""The protocol's reference, made from the message structs: AsyncAPI 3 and a page to read."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from sync import registry
from sync.closes import CloseCode
from sync.errors import ErrorCode, SyncErrorCode

_REF = "#/components/schemas/{name}"
Json = dict[str, Any]


def document() -> Json:
    """An AsyncAPI 3.0 document of everything that goes over /v1/ws."""
    requests, events = _requests(), dict(sorted(registry.events.items()))
    structs = [*requests.values(), *events.values()]
    _, components = msgspec.json.schema_components(structs, ref_template=_REF)
    messages = {f"client.{name}": _message(name, struct) for name, struct in requests.items()}
    messages |= {f"server.{name}": _message(name, struct) for name, struct in events.items()}
    channel_messages = {key: {"$ref": f"#/components/messages/{key}"} for key in messages}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "BOS WebSocket",
            "version": "1.0.0",
            "description": "Client and server send each other messages in one envelope.",
        },
        "defaultContentType": "application/json",
        "servers": {"local": {"host": "127.0.0.1:8000", "protocol": "ws"}},
        "channels": {"ws": {"address": "/v1/ws", "messages": channel_messages}},
        "operations": {
            "receive": _operation(
                "receive", [key for key in messages if key.startswith("client.")]
            ),
            "send": _operation("send", [key for key in messages if key.startswith("server.")]),
        },
        "components": {"messages": messages, "schemas": dict(sorted(components.items()))},
        "x-error-codes": [str(code) for code in ErrorCode],
        "x-sync-error-codes": [str(code) for code in SyncErrorCode],
        "x-close-codes": {
            str(int(code)): {"reason": code.reason, "reconnect": code.reconnect}
            for code in CloseCode
        },
    }


def _requests() -> dict[str, type[registry.Request]]:
    return {name: request.struct for name, request in sorted(registry.requests.items())}


def _operation(action: str, keys: list[str]) -> Json:
    return {
        "action": action,
        "channel": {"$ref": "#/channels/ws"},
        "messages": [{"$ref": f"#/channels/ws/messages/{key}"} for key in keys],
    }


def _message(name: str, struct: type[msgspec.Struct]) -> Json:
    envelope: Json = {
        "type": "object",
        "required": ["type"],
        "properties": {
            "type": {"const": name},
            "requestId": {"type": "string", "minLength": 1, "maxLength": 128},
            "timestamp": {"type": "string", "format": "date-time"},
            "version": {"type": "string"},
        },
    }
    if struct.__struct_fields__:
        envelope["properties"]["payload"] = {"$ref": _REF.format(name=struct.__name__)}
        envelope["required"].append("payload")
    return {"name": name, "summary": _meaning(struct), "payload": envelope}


def _meaning(struct: type[msgspec.Struct]) -> str:
    inherited = {base.__doc__ for base in struct.__mro__[1:]}
    doc = struct.__doc__ or ""
    return "" if doc in inherited else " ".join(doc.split())


# ------------------------------------------------------------------ the page


def page() -> str:
    """The reference as Markdown."""
    described = document()
    schemas = described["components"]["schemas"]
    parts = [_INTRODUCTION, "## From a client\n"]
    parts += [_section(name, struct, schemas) for name, struct in _requests().items()]
    parts.append("## From the server\n")
    parts += [_section(name, struct, schemas) for name, struct in sorted(registry.events.items())]
    parts += [_errors(), _closes()]
    return "\n".join(parts)


_INTRODUCTION = """# Messages

Made by `make docs` from the structs in the code; do not edit.

Every message is `{"type", "payload", "requestId", "timestamp", "version"}`. A reply carries the
`requestId` of its request; a broadcast carries it in the requester's own copy only. Times are
RFC 3339 in UTC with whole seconds. Text frames are JSON, binary frames MessagePack (or JSON, if
they begin with `{`); the server speaks as the AUTH that it accepted did. Fields that are not
listed are ignored.
"""


def _section(name: str, struct: type[msgspec.Struct], schemas: Json) -> str:
    lines = [f"### {name}\n"]
    if meaning := _meaning(struct):
        lines.append(f"{meaning}\n")
    schema = schemas.get(struct.__name__, {})
    fields: Json = schema.get("properties", {})
    if fields:
        required = set(schema.get("required", ()))
        lines += ["| field | type | |", "|---|---|---|"]
        lines += [
            f"| `{field}` | {_type(kind)} | {'required' if field in required else ''} |"
            for field, kind in fields.items()
        ]
        lines.append("")
    return "\n".join(lines)


def _type(schema: Json) -> str:
    """A JSON schema in a few words: `string, 1 to 128`."""
    if "$ref" in schema:
        return str(schema["$ref"].rsplit("/", 1)[1])
    if "anyOf" in schema:
        return " or ".join(_type(option) for option in schema["anyOf"])
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    kind = str(schema.get("format") or schema.get("type") or "any")
    if kind == "array":
        kind = f"array of {_type(schema.get('items', {}))}"
    low = schema.get("minLength", schema.get("minItems", schema.get("minimum")))
    high = schema.get("maxLength", schema.get("maxItems", schema.get("maximum")))
    if low is not None and high is not None:
        return f"{kind}, {low} to {high}"
    return kind if high is None else f"{kind}, at most {high}"


def _errors() -> str:
    codes = "\n".join(f"- `{code}`" for code in ErrorCode)
    sync_codes = ", ".join(f"`{code}`" for code in SyncErrorCode)
    return f"## Error codes\n\n{codes}\n\nOf SYNC_ERROR: {sync_codes}.\n"


def _closes() -> str:
    rows = "\n".join(
        f"| {int(code)} | {code.reason} | {'yes' if code.reconnect else 'no'} |"
        for code in CloseCode
    )
    return f"## Close codes\n\n| code | why | the client reconnects |\n|---|---|---|\n{rows}\n"


def rendered() -> dict[str, str]:
    """File name below docs/ and its text."""
    text = json.dumps(document(), indent=1, ensure_ascii=False) + "\n"
    return {"asyncapi.json": text, "messages.md": page()}
