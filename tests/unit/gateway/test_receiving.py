"""Messages that are served where they are read, and those that wait their turn (H1, E4, W6)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import msgspec
import pytest
from uvicorn.config import Config
from uvicorn.server import ServerState

from sync import about
from sync.delivery.hub import Hub
from sync.gateway.connection import Connection
from sync.gateway.consumer import OVERTAKE_SECONDS, _Socket
from sync.gateway.dispatcher import MAX_CHANGES, Context, Reply, admit
from sync.gateway.handshake import read_handshake
from sync.gateway.server import RawWebSocketProtocol
from sync.protocol import registry
from sync.protocol.errors import NotFound
from sync.protocol.messages import Auth
from sync.protocol.registry import Message, Request
from sync.testing import Clock, FakeOutbox, MemoryLog, principal
from tests.support.frames import BINARY, CLOSE, TEXT, frame
from tests.unit.gateway.test_http_server import Pipe

HEADERS = [
    (b"host", b"127.0.0.1"),
    (b"sec-websocket-version", b"13"),
    (b"sec-websocket-key", b"AAAAAAAAAAAAAAAAAAAAAA=="),
]


class Ask(Request):
    n: int


class Told(Message):
    n: int


class Line(Pipe):
    """A transport that keeps what is written, and breaks when it is told."""

    breaks = False

    def write(self, data: bytes) -> None:
        if self.breaks:
            raise ConnectionError("the transport's fault")
        super().write(data)


class World:
    """A connection that has been accepted, and a client that writes frames."""

    def __init__(self) -> None:
        self.line = Line()
        self.socket: Any = None
        self.ended = asyncio.Event()
        config = Config(
            self._application,
            interface="asgi3",
            lifespan="off",
            log_config=None,
            ws_per_message_deflate=False,
        )
        config.load()
        loop, transport = asyncio.get_running_loop(), self.line
        self.protocol = RawWebSocketProtocol(config, ServerState(), {}, _loop=loop)
        self.protocol.connection_made(transport)
        handshake = read_handshake(HEADERS)
        assert handshake is not None
        self.protocol.begin("/v1/ws", handshake)

    async def _application(self, scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        self.line.written = b""
        hub, raw = Hub(log=MemoryLog(), clock=Clock()), scope["extensions"]["bos.raw"]
        self.socket = _Socket(hub, receive, send, raw, raw.intake)
        await self.socket.serve()
        self.ended.set()

    @property
    def connection(self) -> Connection:
        connection: Connection = self.socket._connection
        return connection

    def send(self, *messages: object) -> None:
        """Send these messages in one piece, each as it is or as JSON text."""
        self.protocol.data_received(
            b"".join(
                frame(BINARY, each) if isinstance(each, bytes) else frame(TEXT, _text(each))
                for each in messages
            )
        )

    def told(self) -> list[Any]:
        """Return what was answered since this was last asked for: (type, requestId or n)."""
        written, self.line.written = self.line.written, b""
        told = []
        while written:
            first, size, start = written[0], written[1], 2
            if size == 126:
                size, start = int.from_bytes(written[2:4]), 4
            body, written = written[start : start + size], written[start + size :]
            decode = json.loads if body[:1] == b"{" else msgspec.msgpack.decode
            if first != 0x80 | CLOSE:
                message = decode(body)
                payload = message.get("payload", {})
                what = payload.get("n", payload.get("code", message.get("requestId")))
                told.append((message["type"], what))
        return told

    async def settle(self) -> list[Any]:
        """Let everything run that can, and return what was answered."""
        for _ in range(10):
            await asyncio.sleep(0)
        return self.told()


def _text(message: object) -> bytes:
    return message.encode() if isinstance(message, str) else json.dumps(message).encode()


def ping(id_: str) -> dict[str, object]:
    return {"type": "PING", "requestId": id_}


def ask(n: int, type_: str = "TEST_ASK") -> dict[str, object]:
    return {"type": type_, "requestId": str(n), "payload": {"n": n}}


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    await world.settle()
    world.connection.authenticated(principal(), now=0, wall=0)
    yield world
    world.line.breaks = False
    world.protocol.connection_lost(None)
    await world.ended.wait()


@pytest.fixture
def requests() -> Iterator[dict[str, registry.RequestType]]:
    """Two requests of the tests' own: TEST_ASK may wait, TEST_NOW is served at once."""
    made = {}
    for name in ("TEST_ASK", "TEST_NOW"):
        registry.add_message(registry.message(name)(type(name, (Ask,), {})))
        made[name] = registry.client_messages[name]
    registry.add_message(registry.message("TEST_TOLD")(Told))

    async def tell(context: Context, message: Ask) -> Reply:
        return Reply(Told(message.n))

    def tell_now(context: Context, message: Ask) -> Reply:
        return Reply(Told(message.n))

    made["TEST_ASK"].handler = tell
    made["TEST_NOW"].handler, made["TEST_NOW"].at_once = tell_now, True
    registry.FREQUENT.add("TEST_NOW")
    yield made
    registry.FREQUENT.discard("TEST_NOW")
    for name in made:
        del registry.client_messages[name]
    del registry.server_messages["TEST_TOLD"]


Requests = dict[str, registry.RequestType]


# ------------------------------------------------------------------ at once


async def test_h1_a_ping_is_answered_before_its_reading_ends(world: World) -> None:
    world.send(ping("a"), ping("b"))
    assert world.told() == [("PONG", "a"), ("PONG", "b")]
    world.send(msgspec.msgpack.encode(ping("c")))
    assert world.told() == [("PONG", "c")]


async def test_w3_before_auth_it_is_answered_in_its_own_kind() -> None:
    world = World()
    await world.settle()
    world.send(msgspec.msgpack.encode(ping("a")))
    assert world.line.written[:1] == b"\x82"
    assert world.told() == [("PONG", "a")]
    world.protocol.connection_lost(None)
    await world.ended.wait()


async def test_e4_so_is_a_refusal(world: World) -> None:
    world.send("{", ping("a"), "[]")
    refused = ("ERROR", "INVALID_MESSAGE_FORMAT")
    assert world.told() == [refused, ("PONG", "a"), refused]


async def test_w6_the_tenth_malformed_message_closes_and_nothing_behind_it_is_served(
    world: World,
) -> None:
    world.send(*["{"] * 9)
    assert [type_ for type_, _ in world.told()] == ["ERROR"] * 9
    world.send("{", ping("a"))
    assert world.connection.closing
    assert [type_ for type_, _ in await world.settle()] == ["ERROR", "ERROR"]
    assert world.protocol.close_sent


async def test_e4_a_handler_that_fails_at_once_is_answered_and_the_next_is_served(
    world: World, requests: Requests
) -> None:
    def fail(context: Context, message: Ask) -> Reply:
        raise NotFound(field="n") if message.n else ValueError("secret")

    requests["TEST_NOW"].handler = fail
    world.send(ask(1, "TEST_NOW"), ask(0, "TEST_NOW"), ping("a"))
    assert world.told() == [
        ("ERROR", "NOT_FOUND"),
        ("ERROR", "INTERNAL_SERVER_ERROR"),
        ("PONG", "a"),
    ]


async def test_w6_a_fault_of_our_own_closes_with_1011_and_is_not_the_protocols(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.line.breaks = True
    world.send(ping("a"), ping("b"))
    assert world.connection.closing
    world.line.breaks = False
    await world.settle()
    assert world.protocol.conn.close_sent is not None
    assert world.protocol.conn.close_sent.code == 1011
    assert "connection failed" in caplog.text


async def test_what_is_served_at_once_is_logged_as_its_connections(
    world: World, requests: Requests
) -> None:
    seen: list[about.Fields] = []
    requests["TEST_NOW"].handler = lambda context, message: seen.append(about.fields())
    world.send(ask(1, "TEST_NOW"))
    assert [fields["connection"] for fields in seen] == [world.connection.id]


# ------------------------------------------------------------------ in its turn


async def test_h1_a_ping_is_answered_after_what_was_sent_before_it(
    world: World, requests: Requests
) -> None:
    world.send(ask(1), ping("a"), ask(2, "TEST_NOW"), ask(3), ping("b"))
    assert world.told() == []
    assert await world.settle() == [
        ("TEST_TOLD", 1),
        ("PONG", "a"),
        ("TEST_TOLD", 2),
        ("TEST_TOLD", 3),
        ("PONG", "b"),
    ]
    world.send(ping("c"))
    assert world.told() == [("PONG", "c")]


async def test_h1_also_where_it_comes_by_itself_before_that_is_begun_or_has_ended(
    world: World, requests: Requests
) -> None:
    go_on = asyncio.Event()

    async def wait(context: Context, message: Ask) -> Reply:
        await go_on.wait()
        return Reply(Told(message.n))

    requests["TEST_ASK"].handler = wait
    world.send(ask(1))
    world.send(ping("a"))
    assert world.told() == []
    assert await world.settle() == []
    world.send(ping("b"))
    go_on.set()
    assert await world.settle() == [("TEST_TOLD", 1), ("PONG", "a"), ("PONG", "b")]


async def test_h1_a_ping_overtakes_what_takes_longer_and_is_answered_once(
    world: World, requests: Requests
) -> None:
    go_on, answered = asyncio.Event(), asyncio.Event()

    async def wait(context: Context, message: Ask) -> Reply:
        await go_on.wait()
        return Reply(Told(message.n))

    requests["TEST_ASK"].handler = wait
    world.send(ask(1), ping("a"))
    asyncio.get_running_loop().call_later(OVERTAKE_SECONDS, answered.set)
    await answered.wait()
    assert await world.settle() == [("PONG", "a")]
    go_on.set()
    assert await world.settle() == [("TEST_TOLD", 1)]


async def test_w3_a_ping_that_overtakes_an_auth_leaves_its_answer_in_its_own_kind(
    requests: Requests, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on, answered = asyncio.Event(), asyncio.Event()

    async def wait(context: Context, message: Auth) -> Reply:
        await go_on.wait()
        return Reply(Told(1))

    monkeypatch.setattr(registry.client_messages["AUTH"], "handler", wait)
    world = World()
    await world.settle()
    world.send(
        {"type": "AUTH", "payload": {"token": "t"}},
        msgspec.msgpack.encode(ping("a")),
    )
    asyncio.get_running_loop().call_later(OVERTAKE_SECONDS, answered.set)
    await answered.wait()
    assert world.line.written[:1] == b"\x82"
    assert await world.settle() == [("PONG", "a")]
    go_on.set()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert world.line.written[:1] == b"\x81"
    assert await world.settle() == [("TEST_TOLD", 1)]
    world.protocol.connection_lost(None)
    await world.ended.wait()


async def test_l2_the_61st_frequent_request_of_a_second_is_counted_and_waits_its_turn(
    world: World, requests: Requests
) -> None:
    for n in range(60):
        world.send(ask(n, "TEST_NOW"))
    assert len(world.told()) == 60
    world.send(ask(60, "TEST_NOW"))
    assert world.told() == []
    assert await world.settle() == [("TEST_TOLD", 60)]


@pytest.mark.parametrize(
    ("changes", "pipelined", "is_served"),
    [
        (0, False, True),
        (1, False, False),
        (MAX_CHANGES - 1, True, True),
        (MAX_CHANGES, True, False),
    ],
)
async def test_e7_what_must_follow_changes_under_way_is_not_served_at_once(
    requests: Requests, changes: int, pipelined: bool, is_served: bool
) -> None:
    outbox = FakeOutbox()
    connection = Connection("c", outbox, raw=False, now=0, on_close=lambda code: None)
    connection.authenticated(principal(), now=0, wall=0)
    requests["TEST_NOW"].pipelined = pipelined
    committed = asyncio.Event()
    connection.changes.update(asyncio.ensure_future(committed.wait()) for _ in range(changes))
    hub = Hub(log=MemoryLog(), clock=Clock())
    left = admit(connection, hub, _text(ask(1, "TEST_NOW")), True, 1.0)
    assert (left is None, outbox.types()) == (is_served, ["TEST_TOLD"] if is_served else [])
    committed.set()
    # A heartbeat follows nothing.
    assert admit(connection, hub, _text(ping("a")), True, 1.0) is None
    assert outbox.types() == ["PONG"]


def test_a_handler_is_a_coroutine_function_or_is_at_once() -> None:
    async def waits(context: Context, message: Ask) -> None: ...

    def never_waits(context: Context, message: Ask) -> None: ...

    registry.handles(Ask, answers=[])(waits)
    registry.handles(Ask, answers=[], at_once=True)(never_waits)
    with pytest.raises(TypeError, match="waits"):
        registry.handles(Ask, answers=[], at_once=True)(waits)
    with pytest.raises(TypeError, match="never_waits"):
        registry.handles(Ask, answers=[])(never_waits)
