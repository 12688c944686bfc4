"""Payloads that clients write in other ways: `null` for missing (w13), 5.0 for 5 (w16)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from sync.protocol.envelope import Envelope, MalformedEnvelope, decode_json, decode_msgpack
from sync.protocol.errors import InvalidMessage
from sync.protocol.registry import Request, client_messages
from sync.reference.asyncapi import Entry, entries, schemas
from sync.reference.examples import example
from sync.reference.schemas import Schema, resolved

COMPONENTS = schemas()
SENT = {entry.name: entry for entry in entries() if entry.from_client}
Place = tuple[str, ...]
"""Names of a field and of what it is in, from the payload on."""


def decoded(message: Any, *, packed: bool) -> Envelope:
    if packed:
        return decode_msgpack(msgspec.msgpack.encode(message))
    return decode_json(json.dumps(message))


def read(type_: str, payload: Any, *, packed: bool = False) -> Request:
    message = {"type": type_, "payload": payload}
    return decoded(message, packed=packed).payload_as(client_messages[type_].struct)


def valid(entry: Entry) -> dict[str, Any]:
    """A payload that is accepted, with all of its fields but those that exclude each other."""
    payload: dict[str, Any] = example(entry, COMPONENTS).get("payload", {})
    for name, schema in properties(entry.struct.__name__).items():
        if name not in payload and name != "unpin":
            payload[name] = filled(name, resolved(schema, COMPONENTS))
    if "contentType" in payload:
        payload["contentType"] = "text"
    return payload


def filled(name: str, schema: Schema) -> Any:
    schema = resolved(schema, COMPONENTS)
    if "anyOf" in schema:
        return filled(name, schema["anyOf"][0])
    if "enum" in schema:
        return schema["enum"][0]
    match schema.get("type"):
        case "object":
            inner = schema["properties"].items()
            return {key: filled(key, value) for key, value in inner}
        case "array":
            return [filled(name, schema["items"])]
        case "integer":
            return max(schema.get("minimum", 1), 1)
        case "number":
            return 12.5
        case "boolean":
            return True
    return "2025-01-20T10:30:00Z" if schema.get("format") == "date-time" else "text"


def properties(struct: str) -> dict[str, Schema]:
    fields: dict[str, Schema] = COMPONENTS.get(struct, {}).get("properties", {})
    return fields


def fields(*kinds: str) -> Iterator[tuple[str, Place, bool]]:
    """(type, where a field is, whether it may be missing) of all of them; or of some kinds."""
    for type_, entry in sorted(SENT.items()):
        for place, schema, required in _of(COMPONENTS.get(entry.struct.__name__, {}), ()):
            if not kinds or schema.get("type") in kinds:
                yield type_, place, not required


def _of(schema: Schema, at: Place) -> Iterator[tuple[Place, Schema, bool]]:
    for name, found in schema.get("properties", {}).items():
        inner = resolved(found, COMPONENTS)
        if "anyOf" in inner:
            inner = resolved(inner["anyOf"][0], COMPONENTS)
        yield (*at, name), inner, name in schema.get("required", ())
        yield from _of(inner, (*at, name))


ALL_FIELDS, INTEGERS = list(fields()), list(fields("integer"))


def having(payload: Any, place: Place, value: Any) -> Any:
    """A copy of the payload with this value there."""
    name, *rest = place
    return payload | {name: having(payload[name], tuple(rest), value) if rest else value}


def lacking(payload: Any, place: Place) -> Any:
    name, *rest = place
    if rest:
        return payload | {name: lacking(payload[name], tuple(rest))}
    return {key: value for key, value in payload.items() if key != name}


@pytest.mark.parametrize("packed", [False, True], ids=["json", "msgpack"])
@pytest.mark.parametrize(("type_", "place", "optional"), ALL_FIELDS, ids=str)
def test_w13_null_is_as_if_missing_in_every_field_of_every_message(
    type_: str, place: Place, optional: bool, packed: bool
) -> None:
    payload = valid(SENT[type_])
    assert read(type_, payload, packed=packed)
    null, missing = having(payload, place, None), lacking(payload, place)
    if optional:
        assert read(type_, null, packed=packed) == read(type_, missing, packed=packed)
        return
    told = []
    for refused in (null, missing):
        with pytest.raises(InvalidMessage) as error:
            read(type_, refused, packed=packed)
        told.append(error.value.details)
    assert told[0] == told[1]


@pytest.mark.parametrize("packed", [False, True], ids=["json", "msgpack"])
@pytest.mark.parametrize("type_", sorted(SENT))
def test_w13_null_is_as_if_missing_in_every_field_of_the_envelope(type_: str, packed: bool) -> None:
    message = {"type": type_, "payload": valid(SENT[type_])}
    nulls = dict.fromkeys(("requestId", "timestamp", "version", "somethingElse"))
    assert decoded(message | nulls, packed=packed) == decoded(message, packed=packed)
    without = decoded({"type": type_, "payload": None}, packed=packed)
    assert without == decoded({"type": type_}, packed=packed)
    if not SENT[type_].has_payload:
        assert without.payload_as(client_messages[type_].struct) is not None


def test_w13_null_in_a_list_stands_for_an_item_and_is_refused() -> None:
    with pytest.raises(InvalidMessage) as error:
        read("SUBSCRIBE", {"channels": [None]})
    assert error.value.details["field"] == "payload.channels[0]"


@pytest.mark.parametrize(
    "more",
    [
        *({"payload": value} for value in (None, [], "", 5, {"a": "\0"}, [[None]])),
        *({"timestamp": value} for value in (None, 5, "now", "")),
        *({"requestId": value} for value in (None, 7, "", "x" * 129)),
        *({"version": value} for value in (None, 1, "2.0")),
    ],
)
@pytest.mark.parametrize("packed", [False, True], ids=["json", "msgpack"])
def test_w13_a_pong_is_a_sign_of_life_whatever_else_it_says(more: Any, packed: bool) -> None:
    assert decoded({"type": "PONG"} | more, packed=packed).type == "PONG"


@pytest.mark.parametrize("written", ["5.0", "5.000", "0.5e1", "50e-1", "5"])
@pytest.mark.parametrize(("type_", "place", "_"), INTEGERS, ids=str)
def test_w16_an_integer_may_be_written_as_a_decimal_that_is_whole(
    type_: str, place: Place, _: bool, written: str
) -> None:
    payload = having(valid(SENT[type_]), place, 5)
    expected = read(type_, payload)
    text = json.dumps({"type": type_, "payload": having(payload, place, "@")})
    message = decode_json(text.replace('"@"', written))
    assert message.payload_as(client_messages[type_].struct) == expected
    assert read(type_, having(payload, place, 5.0), packed=True) == expected


@pytest.mark.parametrize("written", ["5.5", "1e400", "1e20", "-1.0", '"5"', "true", "0.1"])
@pytest.mark.parametrize(("type_", "place", "_"), INTEGERS, ids=str)
def test_w16_any_other_number_for_an_integer_is_refused(
    type_: str, place: Place, _: bool, written: str
) -> None:
    text = json.dumps({"type": type_, "payload": having(valid(SENT[type_]), place, "@")})
    with pytest.raises((InvalidMessage, MalformedEnvelope)) as error:
        decode_json(text.replace('"@"', written)).payload_as(client_messages[type_].struct)
    assert error.value.details["field"] == ".".join(("payload", *place))


def test_w16_a_sequence_of_sixteen_digits_is_read_whole() -> None:
    """As a log has that was put back."""
    message = '{"type": "SYNC_REQUEST", "payload": {"channels": ["kpi:1"], "lastSequence": %s}}'
    struct = client_messages["SYNC_REQUEST"].struct
    asked: Any = decode_json(message % "1764000000000001.0").payload_as(struct)
    assert asked.last_sequence == 1_764_000_000_000_001
