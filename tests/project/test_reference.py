"""Files that are generated from the structs: names for every type, valid examples, types for
TypeScript; and the tests' client, which takes nothing else."""

from __future__ import annotations

import copy
import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from jsonschema import Draft202012Validator

from sync.eventlog.capture import registered
from sync.protocol import registry
from sync.protocol.registry import EntityData
from sync.reference import asyncapi
from sync.reference.entities import entities
from sync.reference.examples import EXAMPLE_TIME
from sync.reference.typescript import Untyped, type_of, typescript_text
from tests.lint import ENVIRONMENT, tool_of
from tests.support.strict import Undeclared, decode

DOCUMENT = asyncapi.document()
MESSAGES: dict[str, Any] = DOCUMENT["components"]["messages"]
SCHEMAS: dict[str, Any] = DOCUMENT["components"]["schemas"]
EXAMPLES = [
    pytest.param(key, example["payload"], id=f"{key}-{n}")
    for key, message in MESSAGES.items()
    for n, example in enumerate(message["examples"])
]
SENT = [param for param in EXAMPLES if str(param.values[0]).startswith("server.")]
DENO = tool_of("deno")


# ------------------------------------------------------------------ examples


@pytest.mark.parametrize(("key", "example"), EXAMPLES)
def test_an_example_is_valid_by_its_schema_and_says_something(key: str, example: Any) -> None:
    schema = MESSAGES[key]["payload"] | {"components": DOCUMENT["components"]}
    Draft202012Validator(schema).validate(example)
    assert "..." not in json.dumps(example)
    if key.startswith("server."):
        assert decode(json.dumps(example)) == example


def test_an_example_is_true_to_life() -> None:
    """Notes with text are of that type, an id is of what it says, and nothing has expired."""
    found = [one for param in EXAMPLES for one in objects(param.values[1])]
    assert {one["contentType"] for one in found if "contentType" in one} == {"text"}
    ids = {name: value for one in found for name, value in one.items() if name.endswith("Id")}
    named = [one for one in found if one.keys() == {"type", "id"}]
    assert named
    assert all(one["id"] == ids[f"{one['type']}Id"] for one in named)
    expiring = [one for one in found if "expiresAt" in one]
    assert len(expiring) == 3  # AUTH_SUCCESS, REPORT_GENERATED, SYNC_UPDATE of a report
    assert all(one["expiresAt"] > one.get("createdAt", EXAMPLE_TIME) for one in expiring)


def test_v8_sync_update_has_an_example_of_each_entity_type_that_is_captured() -> None:
    sent = {synced.entity_type for synced in registered().values() if synced.shape is not None}
    assert {synced.entity_type for synced in registered().values()} - sent == {"user"}
    payloads = [one["payload"]["payload"] for one in MESSAGES["server.SYNC_UPDATE"]["examples"]]
    assert [payload["entityType"] for payload in payloads] == [e.name for e in entities()]
    assert {payload["entityType"] for payload in payloads} == sent
    for payload in payloads:
        assert payload["data"]["id"] == payload["entityId"]


def test_v8_every_entity_that_a_message_tells_of_is_one_that_is_mirrored() -> None:
    named = {name for shown in registry.subjects.values() for name in shown.entities}
    assert named <= {entity.name for entity in entities()}


def test_v8_every_struct_of_an_entity_has_an_id_and_is_always_sent_whole() -> None:
    for entity in entities():
        for shape in entity.shapes:
            assert issubclass(shape, EntityData)
            assert shape.__struct_config__.omit_defaults is False
            optional = [field.name for field in msgspec.structs.fields(shape) if not field.required]
            assert optional == [], shape


# ------------------------------------------------------------------ names


def nested(schema: Any) -> Iterator[dict[str, Any]]:
    """This schema and all within it."""
    if not isinstance(schema, dict):
        return
    yield schema
    for part in ("allOf", "anyOf", "oneOf"):
        for one in schema.get(part, ()):
            yield from nested(one)
    yield from nested(schema.get("items"))
    for inner in schema.get("properties", {}).values():
        yield from nested(inner)


def is_type(schema: dict[str, Any]) -> bool:
    """Whether a generator makes a type of it."""
    several = [one for one in schema.get("anyOf", ()) if one.get("type") != "null"]
    return (
        schema.get("type") == "object"
        or not schema.keys().isdisjoint({"enum", "oneOf", "allOf"})
        or len(several) > 1
    )


def test_a_generator_finds_no_schema_without_a_name() -> None:
    everything = [*SCHEMAS.values(), *(message["payload"] for message in MESSAGES.values())]
    found = [schema for whole in everything for schema in nested(whole) if is_type(schema)]
    assert len(found) > len(SCHEMAS)
    assert [schema for schema in found if not schema.get("title")] == []


def test_sync_update_is_told_by_its_entity_type_and_an_insight_by_its_kind() -> None:
    update = SCHEMAS["SyncUpdate"]
    assert update["discriminator"] == "entityType"
    told = {}
    for one in update["oneOf"]:
        fields = SCHEMAS[one["$ref"].rpartition("/")[2]]["properties"]
        (name,) = fields["entityType"]["enum"]
        told[name] = fields["data"]
    assert set(told) == {entity.name for entity in entities()}
    assert told["kpi"] == {"$ref": "#/components/schemas/KpiData"}
    assert told["insight"]["discriminator"] == "kind"


# ------------------------------------------------------------------ TypeScript


def code_of(text: str) -> str:
    """Without comments and strings."""
    without = re.sub(r"/\*.*?\*/|//.*?$", "", text, flags=re.DOTALL | re.MULTILINE)
    return re.sub(r'"[^"]*"', '""', without)


def test_the_types_for_typescript_leave_nothing_open() -> None:
    code = code_of(typescript_text())
    assert re.findall(r"\b(any|object|unknown|Record|never|Object|\{\})(?!\w)", code) == []
    names = re.findall(r"^export (?:interface|type) (\w+)", code, re.MULTILINE)
    assert len(names) == len(set(names))
    assert set(re.findall(r"[:<|=] ?([A-Z]\w+)", code)) - {"Array"} <= set(names)
    for message in MESSAGES.values():
        assert message["payload"]["title"] in names


@pytest.mark.parametrize(
    "open_", [{}, {"type": "object"}, {"type": "array"}, {"anyOf": [{}, {"type": "null"}]}]
)
def test_a_type_that_says_nothing_of_its_fields_is_refused(open_: dict[str, Any]) -> None:
    with pytest.raises(Untyped, match=r"Kpi\.value"):
        type_of("Kpi.value", open_)


@pytest.mark.skipif(DENO is None, reason="no TypeScript compiler here")
def test_a_client_in_typescript_tells_entities_apart(tmp_path: Path) -> None:
    (tmp_path / "protocol.ts").write_text(typescript_text())
    (tmp_path / "client.ts").write_text(
        """import type { ClientMessage, ServerMessage } from "./protocol.ts";
        export function value(message: ServerMessage): number | null {
          return message.type === "SYNC_UPDATE" && message.payload.entityType === "kpi"
            ? message.payload.data.value : null;
        }
        export function shown(message: ServerMessage): string {
          return message.type === "ALERT" ? message.payload.entityId : message.type;
        }
        export const follow = (channels: string[]): ClientMessage => (
          { type: "SUBSCRIBE", payload: { channels } }
        );"""
    )
    command = [str(DENO), "check", "--quiet", "--no-remote", "client.ts"]
    environ = os.environ | ENVIRONMENT
    done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()


# ------------------------------------------------------------------ the tests' client


def encoded(message: Any) -> list[str | bytes]:
    """As JSON in a text frame, in a binary one, and as MessagePack."""
    text = msgspec.json.encode(message)
    return [text.decode(), text, msgspec.msgpack.encode(message)]


def objects(value: Any) -> Iterator[dict[str, Any]]:
    """All objects within the payload."""
    if isinstance(value, dict):
        yield value
        for inner in value.values():
            yield from objects(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from objects(inner)


@pytest.mark.parametrize(("key", "example"), SENT)
def test_the_tests_client_takes_what_is_declared_and_nothing_more(key: str, example: Any) -> None:
    for frame in encoded(example):
        assert decode(frame) == example
    for n in range(len(list(objects(example)))):
        more = copy.deepcopy(example)
        list(objects(more))[n]["undeclared"] = "x"
        for frame in encoded(more):
            with pytest.raises(Undeclared):
                decode(frame)


def test_the_tests_client_would_have_seen_employee_updated_with_an_undeclared_user_id() -> None:
    [message] = [p.values[1] for p in SENT if p.values[0] == "server.EMPLOYEE_UPDATED"]
    assert isinstance(message, dict)
    for changes, why in (
        ({"accountId": "x"}, "is declared"),
        ({"userId": 7}, "Expected `str | null`, got `int`"),
        ({"entityType": "kpi"}, "of .*employee"),
        ({"changeType": "created"}, "of .*updated"),
        ({"employeeId": "another"}, "employeeId"),
    ):
        for frame in encoded(message | {"payload": message["payload"] | changes}):
            with pytest.raises(Undeclared, match=why):
                decode(frame)
    without = {name: v for name, v in message["payload"].items() if name != "userId"}
    for frame in encoded(message | {"payload": without}):
        with pytest.raises(Undeclared, match="missing required field `userId`"):
            decode(frame)
