"""clients/javascript/src/protocol.ts: the types of what is sent, for clients in TypeScript.

Beside the types it has in data what a client needs of the declarations while it runs: which message
answers a request, and which fields there must be. Made of the same schemas as AsyncAPI, by hand: a
generator from elsewhere would need Node wherever the tests run. A schema that says nothing of its
fields is refused, so there is no `any` in them.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable
from typing import Any

import msgspec

from sync.protocol import registry
from sync.protocol.answers import Answer, AnswerKind
from sync.protocol.registry import RequestType
from sync.protocol.registry import name_of as wire_name
from sync.reference.asyncapi import Entry, entries, schemas
from sync.reference.entities import entities
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
            *_maps(messages),
            *_data(messages, components),
        ]
    )


# ------------------------------------------------------------------ what answers a request


def _maps(messages: list[Entry]) -> Iterable[str]:
    """Give the types by the names of messages: of requests, of their answers, of entities."""
    asked = [registry.client_messages[e.name] for e in messages if e.from_client]
    yield _map("Requests", "The payload of each request.", (_asked(one) for one in asked))
    answered = [(one.name, _final(one)) for one in asked if _final(one)]
    yield _map(
        "Replies",
        "The payload of what answers a request that is served: the last message that is sure to"
        " come. A request that is not here gets no answer.",
        ((name, _payloads(answer.message for answer in final)) for name, final in answered),
    )
    yield _map(
        "Entities",
        "What a client keeps of each entity type.",
        ((one.name, " | ".join(shape.__name__ for shape in one.shapes)) for one in entities()),
    )


def _asked(request: RequestType) -> tuple[str, str]:
    return request.name, _payloads([request.struct])


def _payloads(structs: Iterable[type[msgspec.Struct]]) -> str:
    names = (one.__name__ if one.__struct_fields__ else "undefined" for one in structs)
    return " | ".join(dict.fromkeys(names))


def _final(request: RequestType) -> list[Answer]:
    """Return the answers that end the request and say that it was served."""
    return [
        answer
        for answer in request.answers
        if answer.ends and not answer.codes and answer.kind is not AnswerKind.NOTICE
    ]


def _map(name: str, about: str, of: Iterable[tuple[str, str]]) -> str:
    members = "".join(f"  {key}: {type_};\n" for key, type_ in of)
    return f"{_comment(about)}export interface {name} {{\n{members}}}\n"


# ------------------------------------------------------------------ data


def _data(messages: list[Entry], components: dict[str, Schema]) -> Iterable[str]:
    """Give what a client looks up while it runs."""
    requests = [registry.client_messages[e.name] for e in messages if e.from_client]
    yield _lists(
        "ANSWERS",
        "The messages with its requestId that say that a request was served.",
        {
            one.name: list(dict.fromkeys(wire_name(answer.message) for answer in _final(one)))
            for one in requests
        },
    )
    later = [one.name for one in requests if any(a.kind is AnswerKind.NOTICE for a in one.answers)]
    yield (
        _comment("Requests that a worker answers: what has failed is told by another message.")
        + f"export const ANSWERED_LATER: Array<string> = {json.dumps(later)};\n"
    )
    yield _lists(
        "REQUIRED",
        "The fields that the payload of each message of a server has, whatever it tells.",
        {e.name: _required(e, components) for e in messages if not e.from_client},
    )
    yield _lists(
        "FIELDS",
        "The fields of each entity type, `type:kind` where it has kinds: all are there.",
        {
            _shape_key(entity.name, shape): list(components[shape.__name__]["properties"])
            for entity in entities()
            for shape in entity.shapes
        },
    )


def _required(entry: Entry, components: dict[str, Schema]) -> list[str]:
    schema = components[entry.struct.__name__]
    union = schema.get("oneOf") or schema.get("anyOf")
    if union:  # SYNC_UPDATE: alike but for `data`
        schema = components[name_of(union[0])]
    return list(schema.get("required", ()))


def _shape_key(name: str, shape: type[msgspec.Struct]) -> str:
    tag = shape.__struct_config__.tag
    return name if tag is None else f"{name}:{tag}"


def _lists(name: str, about: str, of: dict[str, list[str]]) -> str:
    lines = "".join(f"  {json.dumps(key)}: {json.dumps(of[key])},\n" for key in of)
    type_ = "{ [name: string]: Array<string> | undefined }"
    return f"{_comment(about)}export const {name}: {type_} = {{\n{lines}}};\n"


# ------------------------------------------------------------------ types


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
    # Declared where there is none, too: so it can be read before the type is known.
    has = entry.has_payload
    fields.append(("payload", entry.struct.__name__) if has else ("payload?", "undefined"))
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
