"""From a frame to an answer (E1 to E7, L1, W6), on the kernel's own doubles."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from sync.conf import sync_settings
from sync.delivery.hub import Hub
from sync.gateway.connection import Connection
from sync.gateway.dispatcher import Context, Reply, handle, is_ping
from sync.protocol import registry
from sync.protocol.close_codes import CloseCode
from sync.protocol.errors import NotFound
from sync.protocol.registry import Message, Request
from sync.testing import Clock, FakeOutbox, MemoryLog, Sent, principal


class Ask(Request):
    size: int


class Told(Message):
    size: int


WHEN = "2026-11-01T00:00:00Z"


class World:
    """A connection and a feature of one request, ASK, whose handler the test replaces."""

    def __init__(self) -> None:
        self.outbox = FakeOutbox()
        self.hub = Hub(log=MemoryLog(), clock=Clock())
        self.closes: list[CloseCode] = []
        self.connection = Connection(
            "c", self.outbox, raw=False, now=0, on_close=self.closes.append
        )

    def sign_in(self) -> World:
        self.connection.authenticated(principal(), now=0, wall=0)
        return self

    async def send(self, frame: str | bytes, now: float = 1.0) -> list[Sent]:
        await handle(self.connection, self.hub, frame, now)
        return self.outbox.take()

    async def ask(self, type_: str, payload: object = None, *, now: float = 1.0) -> list[Sent]:
        message: dict[str, object] = {
            "type": type_,
            "timestamp": "2026-11-01T00:00:00Z",
            "requestId": "r",
        }
        if payload is not None:
            message["payload"] = payload
        return await self.send(json.dumps(message), now)


@pytest.fixture
async def world() -> World:
    return World()


@pytest.fixture
def asked() -> Iterator[registry.RequestType]:
    """A request type of the test's own."""
    registry.add_message(registry.message("TEST_ASK")(Ask))
    registry.add_message(registry.message("TEST_TOLD")(Told))
    request = registry.client_messages["TEST_ASK"]

    async def tell(context: Context, message: Ask) -> Reply:
        return Reply(Told(message.size))

    request.handler = tell
    yield request
    del registry.client_messages["TEST_ASK"], registry.server_messages["TEST_TOLD"]


def refusal(messages: list[Sent]) -> tuple[str, str | None]:
    [message] = messages
    assert message["type"] == "ERROR"
    return message["payload"]["code"], message.get("requestId")


async def test_e3_an_answer_carries_the_request_id(
    world: World, asked: registry.RequestType
) -> None:
    [answer] = await world.sign_in().ask("TEST_ASK", {"size": 3})
    assert (answer["type"], answer["payload"]) == ("TEST_TOLD", {"size": 3})
    assert answer["requestId"] == "r"


@pytest.mark.parametrize(
    ("frame", "code", "request_id"),
    [
        ("not JSON", "INVALID_MESSAGE_FORMAT", None),
        ("[]", "INVALID_MESSAGE_FORMAT", None),
        ('{"type":"NO_SUCH","requestId":"r"}', "INVALID_MESSAGE_FORMAT", "r"),
        ('{"type":"TEST_TOLD","requestId":"r"}', "INVALID_MESSAGE_FORMAT", "r"),
        ('{"type":"TEST_ASK","requestId":"r","payload":{}}', "INVALID_MESSAGE_FORMAT", "r"),
        (b"\x81\xff", "INVALID_MESSAGE_FORMAT", None),
    ],
)
async def test_e4_whatever_cannot_be_read_is_answered_and_the_connection_stays(
    world: World,
    asked: registry.RequestType,
    frame: str | bytes,
    code: str,
    request_id: str | None,
) -> None:
    world.sign_in()
    assert refusal(await world.send(frame)) == (code, request_id)
    assert (await world.ask("TEST_ASK", {"size": 1}))[0]["type"] == "TEST_TOLD"
    assert world.closes == []


async def test_a1_before_auth_a_request_is_refused_and_a_ping_is_answered(
    world: World, asked: registry.RequestType
) -> None:
    assert refusal(await world.ask("TEST_ASK", {"size": 1})) == ("AUTHENTICATION_REQUIRED", "r")
    [pong] = await world.ask("PING")
    assert (pong["type"], pong["timestamp"]) == ("PONG", "2026-11-01T00:00:00Z")


async def test_a3_behind_the_end_of_the_token_a_request_is_refused(
    world: World, asked: registry.RequestType
) -> None:
    world.sign_in()
    world.connection.subscriber.expire()
    assert refusal(await world.ask("TEST_ASK", {"size": 1})) == ("TOKEN_EXPIRED", "r")
    assert [message["type"] for message in await world.ask("PING")] == ["PONG"]


async def test_e4_a_handlers_error_is_the_answer_and_its_fault_is_no_secret_told(
    world: World, asked: registry.RequestType
) -> None:
    async def fail(context: Context, message: Ask) -> None:
        raise NotFound(field="size") if message.size else ValueError("secret")

    asked.handler = fail
    world.sign_in()
    assert refusal(await world.ask("TEST_ASK", {"size": 1})) == ("NOT_FOUND", "r")
    [answer] = await world.ask("TEST_ASK", {"size": 0})
    assert refusal([answer]) == ("INTERNAL_SERVER_ERROR", "r")
    assert "secret" not in json.dumps(answer)
    assert world.closes == []


async def test_w6_the_tenth_malformed_message_in_a_row_closes_and_a_good_one_begins_anew(
    world: World, asked: registry.RequestType
) -> None:
    world.sign_in()
    for _ in range(9):
        await world.send("[]")
    await world.ask("TEST_ASK", {"size": 1})
    for _ in range(9):
        await world.send("[]")
    assert world.closes == []
    await world.send("[]")
    assert world.closes == [CloseCode.MALFORMED]


async def test_l1_the_101st_message_of_a_minute_is_refused_and_told_once_and_not_served(
    world: World, asked: registry.RequestType
) -> None:
    served: list[int] = []

    async def serve(context: Context, message: Ask) -> None:
        served.append(message.size)

    asked.handler = serve
    limit = sync_settings().messages_per_minute
    world.sign_in()
    for n in range(limit):
        assert await world.ask("TEST_ASK", {"size": n}) == []
    refused = [await world.ask("TEST_ASK", {"size": limit + n}) for n in range(2)]
    assert [[m["type"] for m in messages] for messages in refused] == [
        ["ERROR", "RATE_LIMIT"],
        ["ERROR"],
    ]
    assert served == list(range(limit))
    assert await world.ask("TEST_ASK", {"size": 0}, now=62.0) == []


async def test_s6_a_request_costs_what_its_payload_says(
    world: World, asked: registry.RequestType
) -> None:
    asked.cost = lambda message: message.size
    world.sign_in()
    most = sync_settings().user_work_per_minute
    assert (await world.ask("TEST_ASK", {"size": most - 1}))[0]["type"] == "TEST_TOLD"
    answers = await world.ask("TEST_ASK", {"size": 2})
    error = answers[0]["payload"]
    assert (error["code"], error["details"]["limit"]) == ("RATE_LIMIT_EXCEEDED", most)


async def test_e7_what_is_no_change_waits_for_the_changes_before_it(
    world: World, asked: registry.RequestType
) -> None:
    committed, order = asyncio.Event(), list[str]()

    async def commit() -> None:
        await committed.wait()
        order.append("committed")

    async def change(context: Context, message: Ask) -> Any:
        order.append("asked")
        return asyncio.create_task(commit()) if message.size else None

    asked.handler = change
    world.sign_in()
    asked.pipelined = True
    await world.ask("TEST_ASK", {"size": 1})
    asked.pipelined = False
    second = asyncio.create_task(world.ask("TEST_ASK", {"size": 0}))
    await asyncio.sleep(0)
    assert (order, second.done()) == (["asked"], False)
    committed.set()
    await second
    assert order == ["asked", "committed", "asked"]
    assert world.connection.changes == set()


async def test_e7_a_change_that_fails_is_answered_when_it_does(
    world: World, asked: registry.RequestType
) -> None:
    async def change(context: Context, message: Ask) -> Any:
        return asyncio.create_task(fail())

    async def fail() -> None:
        raise NotFound(field="size")

    asked.handler = change
    assert await world.sign_in().ask("TEST_ASK", {"size": 1}) == []
    for _ in range(3):
        await asyncio.sleep(0)
    assert refusal(world.outbox.take()) == ("NOT_FOUND", "r")


@pytest.mark.parametrize("packed", [False, True])
async def test_w3_the_answer_before_auth_is_of_the_frames_own_kind(
    world: World, packed: bool
) -> None:
    message = {"type": "PING", "timestamp": "2026-11-01T00:00:00Z"}
    frame = msgspec.msgpack.encode(message) if packed else json.dumps(message)
    body = frame if isinstance(frame, bytes) else frame.encode()
    assert is_ping(body, not packed)
    before = world.connection.subscriber.encoding
    world.outbox.push_ahead = lambda frames: None  # type: ignore[method-assign]  # nothing is sent
    await world.send(frame)
    assert (world.connection.subscriber.encoding is before) is not packed
