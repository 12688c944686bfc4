"""The protocol document's own examples, types, error codes and clients (retyped as data)."""

from __future__ import annotations

import asyncio
import json
from enum import StrEnum
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest

from kpis.archive.services import kpis_archive
from sync.protocol.envelope import decode_json
from sync.protocol.errors import error_codes
from sync.protocol.registry import ALIASES, client_messages, resolve, server_messages
from tests.conftest import ServeFixture
from tests.support.cast import Cast
from tests.support.client import Client, Message, error_of
from tests.support.server import Server

DOCUMENT: dict[str, Any] = json.loads(
    (Path(__file__).parents[1] / "data" / "protocol_examples.json").read_text(encoding="utf-8")
)
BY_TYPE = {example["type"]: example for example in DOCUMENT["server"]}


def named(examples: list[Message]) -> dict[str, Any]:
    return {"argvalues": examples, "ids": [example["type"] for example in examples]}


# ------------------------------------------------------------------ as data


@pytest.mark.parametrize("example", **named(DOCUMENT["client"]))
def test_e1_a_client_example_of_the_document_is_a_request_of_ours(example: Message) -> None:
    envelope = decode_json(json.dumps(example))
    request, _ = resolve(envelope.type)
    payload = msgspec.to_builtins(envelope.payload_as(request.struct), str_keys=True)
    for name, value in example.get("payload", {}).items():
        assert name in payload
        assert payload[name] == value or isinstance(value, float | dict)


@pytest.mark.parametrize("example", **named(DOCUMENT["server"]))
def test_e2_a_server_example_of_the_document_has_the_fields_of_our_message(
    example: Message,
) -> None:
    fields = {
        field.encode_name: field
        for field in msgspec.structs.fields(server_messages[example["type"]])
    }
    for name, value in example.get("payload", {}).items():
        assert name in fields, name
        if value != "ERROR_CODE":
            _check_type(value, fields[name].type)


def _check_type(value: Any, type_: Any) -> None:
    if msgspec.Raw in (type_, *get_args(type_)):
        assert isinstance(value, dict)
    elif any(isinstance(choice, StrEnum) for choice in get_args(type_)):
        assert value in get_args(type_)  # msgspec writes such literals, but does not read them
    else:
        msgspec.convert(value, type_)


def test_e5_every_type_of_the_documents_tables_is_served_in_its_direction() -> None:
    for type_, direction in DOCUMENT["tables"].items():
        if direction in ("client", "both"):
            resolve(type_)
        if direction in ("server", "both"):
            assert type_ in server_messages, type_


def test_e5_every_type_of_the_documents_appendix_is_served() -> None:
    for type_ in DOCUMENT["appendix"]:
        assert type_ in server_messages or ALIASES.get(type_, type_) in client_messages, type_
        if type_ in client_messages:
            resolve(type_)


def test_e6_the_documents_error_codes_are_ours_and_ours_are_one_more() -> None:
    assert {*DOCUMENT["errorCodes"], "NOT_FOUND"} == error_codes()


# ------------------------------------------------------------------ over the wire


def shape(value: Any) -> Any:
    """Return what a client relies on: names and JSON types."""
    match value:
        case dict():
            return {name: shape(inner) for name, inner in value.items()}
        case list():
            return [shape(value[0])] if value else []
        case bool() | None:
            return type(value).__name__
        case int() | float():
            return "number"
        case _:
            return type(value).__name__


def assert_like_the_document(message: Message) -> None:
    """Every field of the example is there, under its name and of its type; more are allowed."""
    example = dict(BY_TYPE[message["type"]])
    example.pop("requestId", None)
    _assert_within(shape(example), shape(message), message["type"])


def _assert_within(expected: Any, got: Any, path: str) -> None:
    if isinstance(expected, dict):
        assert isinstance(got, dict), path
        for name, inner in expected.items():
            assert name in got, f"{path}.{name}"
            _assert_within(inner, got[name], f"{path}.{name}")
    else:
        assert got == expected, path


async def test_e2_what_the_server_sends_has_the_shape_of_the_documents_examples(
    server: Server, cast: Cast
) -> None:
    home = cast.home
    async with (
        await Client.connect(server, cast.alice) as alice,
        await Client.connect(server) as bob,
    ):
        got = [await bob.ask("AUTH", {"token": "JWT_ACCESS_TOKEN"}), await bob.sign_in(cast.bob)]
        got.append(await bob.subscribe(home.topic))
        got.append(await bob.ask("PING"))
        got.append(await alice.set_value(home.revenue, 1250000.5))
        got += await bob.settle()
        got += await bob.sync(home.topic, lastSyncTimestamp="2025-01-20T11:00:00Z")
        kpis_archive([home.revenue])
        got.append((await bob.sync(home.topic, lastSequence=got[-1]["payload"]["lastSequence"]))[1])
        bob.seen()

        invited = {"inviteUserIds": [cast.bob.id]}
        ask = {"title": "Q4 Planning Session", "activeSpace": "dashboard"} | invited
        got.append(await alice.ask("SESSION_CREATE", ask))
        session = {"sessionId": got[-1]["payload"]["sessionId"]}
        got.append(await bob.ask("SESSION_JOIN", session))
        [annotation] = [e for e in DOCUMENT["client"] if e["type"] == "ANNOTATION_CREATE"]
        note = annotation["payload"] | session
        got.append(await bob.ask("ANNOTATION_CREATE", note))
        alice.seen()
        [cursor] = [e for e in DOCUMENT["client"] if e["type"] == "CURSOR_MOVE"]
        await bob.send("CURSOR_MOVE", cursor["payload"] | session)
        while (moved := await alice.receive())["type"] != "CURSOR_MOVE":
            pass
        got.append(moved)
        got.append(await bob.ask("SESSION_LEAVE", session))
        got.append(await bob.ask("SUBSCRIBE", {"channels": ["organization:123"]}))
    seen = {message["type"] for message in got}
    told_elsewhere = {"TOKEN_EXPIRED", "PING"}
    assert set(BY_TYPE) - told_elsewhere <= seen
    for message in got:
        if message["type"] == "ERROR":
            assert message["payload"]["code"] in error_codes()
            assert isinstance(message["payload"]["message"], str)
        elif message["type"] in BY_TYPE and message.get("payload", {}).get("entityType") in (
            None,
            "kpi",
        ):
            assert_like_the_document(message)


async def test_e1_the_documents_javascript_client_is_served_byte_for_byte(
    server: Server, cast: Cast
) -> None:
    sent = DOCUMENT["javascript"]
    async with await Client.connect(server, subprotocols=["bos-v1"]) as client:
        assert client.socket.subprotocol == "bos-v1"
        await client.socket.send(sent["AUTH"].replace("%TOKEN%", cast.bob.token))
        assert (await client.expect("AUTH_SUCCESS"))["payload"]["userId"] == cast.bob.id
        await client.socket.send(sent["SUBSCRIBE"])
        refused = [error_of(await client.receive()) for _ in range(2)]
        channels = {"organization:123", "department:456"}
        assert {details["channel"] for _, details in refused} == channels
        assert {code for code, _ in refused} == {"UNAUTHORIZED"}
        assert await client.settle() == []


async def test_w2_the_documents_swift_client_is_served_without_a_subprotocol(
    serve: ServeFixture, cast: Cast
) -> None:
    """Foundation puts an object's fields in any order."""
    server = serve(BOS_HEARTBEAT_INTERVAL="1.1", BOS_HEARTBEAT_TIMEOUT="1")
    await asyncio.gather(*(_be_the_swift_client(server, cast, order) for order in range(2)))


async def _be_the_swift_client(server: Server, cast: Cast, order: int) -> None:
    sent = DOCUMENT["swift"]
    async with await Client.connect(server, subprotocols=None, heartbeat=False) as client:
        assert client.socket.subprotocol is None
        await client.socket.send(sent["AUTH"][order].replace("%TOKEN%", cast.bob.token))
        await client.expect("AUTH_SUCCESS")
        await client.socket.send(sent["SUBSCRIBE"][order])
        assert error_of(await client.receive())[0] == "UNAUTHORIZED"
        for _ in range(2):  # unanswered, the first would be the last
            ping = await client.expect("PING")
            assert_like_the_document(ping)
            await client.socket.send(sent["PONG"][order])
