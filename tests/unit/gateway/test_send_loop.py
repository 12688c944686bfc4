"""Frames for many clients alike, over real sockets: in C past the transports, and through them."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass
from typing import Any

import pytest
import uvloop
from django.conf import settings
from django.test import override_settings
from uvicorn.config import Config
from uvicorn.server import ServerState

from sync.conf import sync_settings
from sync.delivery import send_loop
from sync.delivery.flusher import Flusher
from sync.delivery.raw_outbox import RawOutbox, RawOutboxes
from sync.gateway.server import RawWebSocketProtocol
from tests.support.waiting import until

CLIENTS = 3
QUEUE = 2**20
FRAME = b"x" * 1000
ROUNDS, A_ROUND = 60, 25
"""More bytes than the sockets hold for a client that does not read, 25 kB at a time."""
Contexts = tuple[ssl.SSLContext, ssl.SSLContext]
Run = Callable[[Coroutine[Any, Any, None]], None]
LOOPS = pytest.mark.parametrize("run", [uvloop.run, asyncio.run], ids=["uvloop", "asyncio"])


@pytest.fixture(params=["compiled", "pure"])
def in_c(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether sockets are written to in C; on either way the same must come of it."""
    if request.param == "compiled" and not send_loop.in_use():
        pytest.skip("the loop in C was not compiled")
    if request.param == "pure":
        monkeypatch.setattr(send_loop, "_compiled", False)
    return bool(request.param == "compiled")


@dataclass
class Room:
    """Clients that are pushed to together, each by a socket of its own."""

    group: RawOutboxes
    outboxes: list[RawOutbox]
    protocols: list[RawWebSocketProtocol]
    readers: list[asyncio.StreamReader]
    writers: list[asyncio.StreamWriter]

    async def got(self, at: int, size: int) -> bytes:
        return await asyncio.wait_for(self.readers[at].readexactly(size), 10)


async def _application(scope: Any, receive: Any, send: Any) -> None:
    """Nobody shakes hands."""


@contextlib.asynccontextmanager
async def open_room(tls: Contexts | None = None) -> AsyncIterator[Room]:
    loop = asyncio.get_running_loop()
    config = Config(_application, lifespan="off", log_config=None, ws_per_message_deflate=False)
    config.load()
    served, asked = tls or (None, None)
    protocols: list[RawWebSocketProtocol] = []

    def protocol() -> RawWebSocketProtocol:
        protocols.append(RawWebSocketProtocol(config, ServerState(), {}))
        return protocols[-1]

    listening = await loop.create_server(protocol, "127.0.0.1", 0, ssl=served)
    port = listening.sockets[0].getsockname()[1]
    pairs = [
        await asyncio.open_connection("127.0.0.1", port, ssl=asked, limit=2**12)
        for _ in range(CLIENTS)
    ]
    await until(lambda: sum(hasattr(one, "intake") for one in protocols) == CLIENTS, within=5)
    flusher = Flusher(loop, 0.001)
    outboxes = [RawOutbox(one, flusher, QUEUE) for one in protocols]
    # Each to its own reader: they are accepted in whatever order.
    for number, outbox in enumerate(outboxes):
        outbox.push(bytes((number,)))
        outbox.flush()
    numbers = [(await reader.readexactly(1))[0] for reader, _ in pairs]
    pairs = [pair for _, pair in sorted(zip(numbers, pairs, strict=True), key=lambda of: of[0])]
    try:
        yield Room(
            RawOutboxes(outboxes),
            outboxes,
            protocols,
            [reader for reader, _ in pairs],
            [writer for _, writer in pairs],
        )
    finally:
        for one in protocols:
            one.transport.abort()
        for _, writer in pairs:
            writer.transport.abort()
        listening.close()
        await asyncio.sleep(0.01)  # they end in the loop's next turns, of which nobody is told


@LOOPS
def test_l3_each_gets_what_all_get_and_its_own_in_the_order_of_the_pushes(
    run: Run, in_c: bool
) -> None:
    async def play() -> None:
        async with open_room() as room:
            await until(lambda: not any(one.buffered() for one in room.protocols), within=5)
            assert [one.free_socket() >= 0 for one in room.protocols] == [in_c] * CLIENTS
            room.group.push(b"a")
            room.outboxes[0].push(b"own")
            room.group.push(b"b", [room.outboxes[1]])
            room.outboxes[1].push_ahead(b"beat")
            room.group.push_latest("topic", "key", b"p")
            room.outboxes[2].forget_latest("topic")
            room.group.push(b"c")
            expected = (b"aownbcp", b"abeatcp", b"abc")
            assert [await room.got(at, len(of)) for at, of in enumerate(expected)] == [*expected]

    run(play())


@LOOPS
def test_l3_one_that_does_not_read_keeps_nobody_waiting_and_loses_nothing(
    run: Run, in_c: bool
) -> None:
    """Its queue holds the rest, behind a frame that its socket has taken in part."""

    async def play() -> None:
        async with open_room() as room:
            sent, waited = b"", False
            for number in range(ROUNDS):
                frames = [bytes((number, at)) * 500 for at in range(A_ROUND)]
                for frame in frames:
                    room.group.push(frame)
                sent += b"".join(frames)
                for at in (1, 2):
                    assert await room.got(at, A_ROUND * 1000) == b"".join(frames)
                if not waited and room.protocols[0].buffered():
                    waited = True  # less than makes its queue wait: the next goes after it
                    assert room.protocols[0].free_socket() < 0
            assert waited
            assert room.outboxes[0].unread() > 0
            assert [outbox.unread() for outbox in room.outboxes[1:]] == [0, 0]
            assert await room.got(0, len(sent)) == sent
            await until(lambda: room.outboxes[0].unread() == 0, within=5)
            room.group.push(b"on")
            assert [await room.got(at, 2) for at in range(CLIENTS)] == [b"on"] * CLIENTS

    run(play())


@LOOPS
def test_v4_one_that_goes_costs_the_others_nothing_and_its_socket_is_written_to_no_more(
    run: Run, in_c: bool
) -> None:
    async def play() -> None:
        async with open_room() as room:
            room.writers[0].transport.abort()
            room.protocols[1].transport.abort()  # the server has not looked again since
            for _ in range(3):
                room.group.push(b"on")
                assert await room.got(2, 2) == b"on"
            assert room.protocols[1].free_socket() < 0
            await until(lambda: room.outboxes[0].ended and room.outboxes[1].ended, within=5)

    run(play())


@LOOPS
def test_w1_what_is_encrypted_never_goes_past_its_transport(run: Run, in_c: bool) -> None:
    def context(purpose: int) -> ssl.SSLContext:
        made = ssl.SSLContext(purpose)
        made.check_hostname, made.verify_mode = False, ssl.CERT_NONE
        made.maximum_version = ssl.TLSVersion.TLSv1_2
        made.set_ciphers("aNULL:@SECLEVEL=0")  # needs no certificate
        return made

    async def play() -> None:
        tls = context(ssl.PROTOCOL_TLS_SERVER), context(ssl.PROTOCOL_TLS_CLIENT)
        async with open_room(tls) as room:
            assert {one.free_socket() for one in room.protocols} == {-1}
            room.group.push(b"secret")
            assert [await room.got(at, 6) for at in range(CLIENTS)] == [b"secret"] * CLIENTS

    run(play())


@pytest.mark.skipif(not send_loop.in_use(), reason="the loop in C was not compiled")
def test_l3_the_loop_in_c_tells_what_was_taken_of_full_and_broken_sockets() -> None:
    pairs = [socket.socketpair() for _ in range(4)]
    free, full, gone, closed = (ours for ours, _ in pairs)
    full.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        while full.send(b"x" * 4096):
            pass
    pairs[2][1].close()
    number = closed.detach()
    socket.close(number)
    sockets = [full.fileno(), free.fileno(), gone.fileno(), number]
    assert send_loop.send_to_all(sockets, b"frames") == [(0, 0), (2, 0), (3, 0)]
    assert pairs[1][1].recv(1) == b"x"
    assert pairs[0][1].recv(100) == b"frames"
    assert send_loop.send_to_all([], b"frames") == []
    for wrong in ([-1], [2**40], ["1"]):
        with pytest.raises((ValueError, TypeError, OverflowError)):
            send_loop.send_to_all(wrong, b"frames")  # type: ignore[arg-type]  # that is refused
    for pair in pairs:
        for each in pair:
            each.close()


def test_l3_without_a_compiler_all_goes_through_the_transports(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """And so it does where it is switched off."""
    monkeypatch.setattr(send_loop, "_compiled", True)
    with override_settings(SYNC=settings.SYNC | {"send_loop": False}):
        sync_settings.cache_clear()
        assert not send_loop.in_use()
    sync_settings.cache_clear()
    monkeypatch.setattr(send_loop, "_compiled", False)
    assert not send_loop.in_use()
