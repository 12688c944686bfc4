"""docs/protocol.ts: the types of what is sent, for clients in TypeScript.

Made of the same schemas as AsyncAPI, by hand: a generator from elsewhere would need Node wherever
the tests run. A schema that says nothing of its fields is refused, so there is no `any` in them.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable
from typing import Any

from sync.reference.asyncapi import Entry, entries, schemas
from sync.reference.schemas import Schema, name_of

HEAD = """// Written by `make docs` from the message structs; docs/messages.md says what they mean.
// `type` says which message of the server it is; `payload.entityType`, which SYNC_UPDATE.
"""
SIMPLE = {
    "string": "string",
    "number": "number",
    "integer": "number",
    "boolean": "boolean",
    "null": "null",
}
LINE = 100


class Untyped(ValueError):
    """A schema says nothing of what is in it."""


def typescript_text() -> str:
    components = schemas()
    del components["Envelope"]  # each message has its own
    of_payloads = [
        _declaration(name, schema)
        for name, schema in sorted(components.items())
        if schema.get("properties") != {}
    ]
    messages = entries()
    return "\n".join(
        [
            HEAD,
            *of_payloads,
            *(_message(entry) for entry in messages),
            _union("ClientMessage", (e for e in messages if e.from_client), "What clients send."),
            _union(
                "ServerMessage", (e for e in messages if not e.from_client), "What servers send."
            ),
        ]
    )


def _declaration(name: str, schema: Schema) -> str:
    about = _comment(str(schema.get("description", "")))
    if "properties" in schema or schema.get("type") == "object":
        return f"{about}export interface {name} {_object(name, schema)}\n"
    members = type_of(name, schema).split(" | ")
    return f"{about}export type {name} =" + "".join(f"\n  | {one}" for one in members) + ";\n"


def type_of(name: str, schema: Schema) -> str:
    """Return the schema as a TypeScript type.

    name: whose schema it is. Raises Untyped where nothing is said of a value.
    """
    if "$ref" in schema:
        return name_of(schema)
    if "enum" in schema:
        return " | ".join(json.dumps(value) for value in schema["enum"])
    for union in ("allOf", "oneOf", "anyOf"):
        if union in schema:
            return " | ".join(dict.fromkeys(type_of(name, one) for one in schema[union]))
    match schema.get("type"):
        case "array":
            return f"Array<{type_of(name, schema.get('items', {}))}>"
        case "object":
            return _object(name, schema)
        case str(simple):
            return SIMPLE[simple]
    raise Untyped(f"{name}: {schema}")


def _object(name: str, schema: Schema) -> str:
    required = schema.get("required", ())
    if "properties" not in schema:
        raise Untyped(f"{name}: an object, but of what?")
    lines = []
    for field, inner in schema["properties"].items():
        optional = "" if field in required else "?"
        about = _comment(str(inner.get("description", "")), indent="  ")
        lines.append(f"{about}  {field}{optional}: {type_of(f'{name}.{field}', inner)};\n")
    return "{\n" + "".join(lines) + "}"


def _message(entry: Entry) -> str:
    fields: list[tuple[str, Any]] = [("type", json.dumps(entry.name))]
    if entry.has_payload:
        fields.append(("payload", entry.struct.__name__))
    fields += [("requestId?", "string"), ("timestamp" + "?" * entry.from_client, "string")]
    if entry.from_client:
        fields.append(("version?", "string"))
    lines = "".join(f"  {name}: {type_};\n" for name, type_ in fields)
    return f"export interface {entry.struct.__name__}Message {{\n{lines}}}\n"


def _union(name: str, of: Iterable[Entry], about: str) -> str:
    members = "".join(f"\n  | {entry.struct.__name__}Message" for entry in of)
    return f"{_comment(about)}export type {name} ={members};\n"


def _comment(text: str, indent: str = "") -> str:
    if not text:
        return ""
    text = text.replace("*/", "* /")
    if len(text) + len(indent) + 7 <= LINE:
        return f"{indent}/** {text} */\n"
    lines = textwrap.wrap(" ".join(text.split()), LINE - 3 - len(indent))
    return f"{indent}/**\n" + "".join(f"{indent} * {line}\n" for line in lines) + f"{indent} */\n"
