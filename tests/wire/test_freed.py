"""A connection that has ended takes no memory: nothing waits for a garbage collection (w9)."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import uvloop
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle
from uvicorn.server import ServerState
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus
from websockets.server import ServerProtocol
from websockets.typing import Origin

from sync.delivery.hub import hub
from sync.delivery.raw_outbox import RawOutbox
from sync.gateway.connection import Connection
from sync.gateway.http_server import HttpProtocol
from sync.gateway.intake import Intake
from sync.gateway.server import RawWebSocketProtocol
from tests.support.cast import Cast
from tests.support.client import Client
from tests.support.waiting import until

WATCHED = (
    *(HttpProtocol, RequestResponseCycle, RawWebSocketProtocol, ServerProtocol),
    *(Connection, RawOutbox, Intake),
)
Talk = Callable[[ClientConnection, Cast], Awaitable[None]]


def alive() -> list[object]:
    return [one for one in gc.get_objects() if issubclass(type(one), WATCHED)]


async def say_nothing(socket: ClientConnection, cast: Cast) -> None:
    return


async def sign_in(socket: ClientConnection, cast: Cast) -> None:
    client = Client(socket)
    await client.sign_in(cast.bob)
    await client.subscribe(cast.home.topic)
    assert await client.settle() == []


async def be_malformed(socket: ClientConnection, cast: Cast) -> None:
    client = Client(socket)
    for _ in range(10):
        await client.send_raw("[]")
    assert (await client.closed())[0] == 4400


async def break_the_protocol(socket: ClientConnection, cast: Cast) -> None:
    socket.transport.write(b"\x83\x80\0\0\0\0")
    assert (await Client(socket).closed())[0] == 1002


async def flood(socket: ClientConnection, cast: Cast) -> None:
    socket.transport.write(b"\x89\x80\0\0\0\0" * 10_000)
    assert (await Client(socket).closed())[0] == 4429


async def vanish(socket: ClientConnection, cast: Cast) -> None:
    await Client(socket).sign_in(cast.bob)
    socket.transport.abort()


TALKS = [say_nothing, sign_in, be_malformed, break_the_protocol, flood, vanish]


@pytest.mark.parametrize("talk", TALKS)
def test_w9_a_closed_connection_is_freed_at_once(cast: Cast, talk: Talk) -> None:
    uvloop.run(_open_and_close(cast, talk))


async def _open_and_close(cast: Cast, talk: Talk) -> None:
    """In this process, where one can look."""
    config = Config(
        "bos.asgi:application",
        http=HttpProtocol,
        ws=RawWebSocketProtocol,
        ws_per_message_deflate=False,
        lifespan="off",
        log_config=None,
    )
    config.load()
    state = ServerState()

    def protocol() -> asyncio.Protocol:
        kind: Any = config.http_protocol_class
        made: asyncio.Protocol = kind(config=config, server_state=state, app_state={})
        return made

    server = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    hub()  # it hides from us what is there before it (`sync.garbage`)
    gc.collect()
    gc.disable()
    try:
        before = alive()
        async with connect(
            f"ws://127.0.0.1:{port}/v1/ws", ping_interval=None, compression=None
        ) as socket:
            await Client(socket).ask("PING")
            assert len(alive()) >= len(before) + 4
            await talk(socket, cast)
        await until(lambda: len(alive()) <= len(before), within=10)
        await _refuse_a_request(port)
        for path, origin in (("/elsewhere", None), ("/v1/ws", Origin("https://evil.example"))):
            with pytest.raises(InvalidStatus):
                await connect(f"ws://127.0.0.1:{port}{path}", origin=origin)
        await until(lambda: len(alive()) <= len(before), within=10)
    finally:
        gc.enable()
        hub().end()
        server.close()


async def _refuse_a_request(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /" + b"x" * 10_000 + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    assert b" 414 " in await reader.read()
    writer.close()
