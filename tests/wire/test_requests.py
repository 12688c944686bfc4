"""Limits of a request before it is served: time, bytes, places (s8, w10)."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterator

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus

from tests.support.cast import Cast
from tests.support.client import Client
from tests.support.server import Server, serving

SECONDS = 1.0
BODY = 100_000
HEAD = 65_536
LINE = 8_188


@pytest.fixture(scope="module")
def brief(database: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Waits a second for a request, and takes 100 kB of it."""
    log = tmp_path_factory.mktemp("brief") / "log"
    limits = {"BOS_REQUEST_TIMEOUT": str(SECONDS), "BOS_MAX_BODY_BYTES": str(BODY)}
    with serving(log, limits) as running:
        yield running
    assert "Traceback" not in log.read_text()


class Wire:
    """A TCP connection that says what it is told."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def status(self) -> int:
        """Of the next answer, whose body is read as well; 0 where the connection ends."""
        async with asyncio.timeout(10):
            with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
                head = (await self.reader.readuntil(b"\r\n\r\n")).lower()
                for line in head.split(b"\r\n"):
                    if line.startswith(b"content-length:"):
                        await self.reader.readexactly(int(line.split(b":")[1]))
                return int(head.split()[1])
        return 0

    async def ended(self) -> bytes:
        """Return what still comes, until the server ends it."""
        async with asyncio.timeout(10):
            return await self.reader.read()


@contextlib.asynccontextmanager
async def dial(server: Server, *said: bytes) -> AsyncIterator[Wire]:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b"".join(said))
    try:
        yield Wire(reader, writer)
    finally:
        writer.close()


def request(*headers: bytes, line: bytes = b"GET /healthz HTTP/1.1") -> bytes:
    return b"\r\n".join([line, b"Host: 127.0.0.1", *headers, b"", b""])


def handshake(*headers: bytes, line: bytes = b"GET /v1/ws HTTP/1.1") -> bytes:
    key = b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
    upgrade = (b"Upgrade: websocket", b"Connection: Upgrade", b"Sec-WebSocket-Version: 13", key)
    return request(*upgrade, *headers, line=line)


def post(*headers: bytes, body: bytes = b"") -> bytes:
    kind = b"Content-Type: application/json"
    return request(kind, *headers, line=b"POST /auth/token HTTP/1.1") + body


def padded(head: bytes, size: int) -> bytes:
    """The head with as many headers more as make it so many bytes."""
    lines = head.removesuffix(b"\r\n")
    while (left := size - len(lines) - 2) > 0:
        # None of them shorter than its name.
        filling = min(left, 8_000) if left < 8_000 or left > 8_100 else 4_000
        lines += b"X: " + b"x" * (filling - 5) + b"\r\n"
    return lines + b"\r\n"


# ------------------------------------------------------------------ heads


@pytest.mark.parametrize("head", [request, handshake], ids=["request", "handshake"])
async def test_s8_a_head_of_64_kb_is_served_and_one_byte_more_is_not(
    server: Server, head: object
) -> None:
    assert callable(head)
    whole = padded(head(), HEAD)
    assert len(whole) == HEAD
    async with dial(server, whole) as wire:
        assert await wire.status() in (101, 200)
    async with dial(server, padded(head(), HEAD + 1)) as wire:
        assert await wire.status() == 431
        assert await wire.ended() == b""


@pytest.mark.parametrize("head", [request, handshake], ids=["request", "handshake"])
@pytest.mark.parametrize(
    ("headers", "served"),
    [
        ([b"Cookie: " + b"x" * (LINE - 6)], True),
        ([b"Cookie: " + b"x" * (LINE - 5)], False),
        ([b"Cookie: " + b"x" * 9_000], False),
        ([b"X-%d: 1" % n for n in range(140)], False),
    ],
    ids=["8_kb", "8_kb_and_a_byte", "9_kb", "140"],
)
async def test_w10_a_line_that_is_too_long_or_too_many_lines_are_answered_with_431(
    server: Server, head: object, headers: list[bytes], served: bool
) -> None:
    assert callable(head)
    async with dial(server, head(*headers)) as wire:
        status = await wire.status()
        assert status in (101, 200) if served else status == 431


async def test_s8_100_headers_are_served_and_one_more_is_not(server: Server) -> None:
    for count, status in ((99, 200), (100, 431)):
        headers = [b"X-%d: 1" % n for n in range(count)]  # and Host
        async with dial(server, request(*headers)) as wire:
            assert await wire.status() == status


async def test_s8_a_header_without_an_end_is_not_kept(server: Server) -> None:
    async with dial(server, request()[:-2], b"Cookie: ") as wire:
        with contextlib.suppress(ConnectionError):
            for _ in range(200):
                wire.writer.write(b"x" * 100_000)
                await wire.writer.drain()
        assert await wire.status() in (431, 0)


@pytest.mark.parametrize(
    "said",
    [
        handshake(b"Transfer-Encoding: chunked") + b"0\r\n\r\n",
        handshake(b"Content-Length: 5") + b"hello",
        handshake(b"X: \xff\xfe", line=b"GET /v1/ws?\xc3\xa9 HTTP/1.1"),
        handshake(line=b"POST /v1/ws HTTP/1.1"),
        handshake().replace(b"dGhlIHNhbXBsZSBub25jZQ==", b"no key"),
        handshake().replace(b"Version: 13", b"Version: 8"),
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),  # TLS
        b"nonsense\r\n\r\n",
    ],
    ids=["chunked", "body", "not_ascii", "post", "key", "version", "tls", "nonsense"],
)
async def test_w10_what_is_no_handshake_is_answered_and_ended(server: Server, said: bytes) -> None:
    async with dial(server, said) as wire:
        assert 400 <= await wire.status() < 500
        await wire.ended()


async def test_w16_a_handshake_behind_a_request_that_is_not_answered_yet_is_not_served(
    server: Server,
) -> None:
    """The answer would stand between the frames."""
    async with dial(server, request() + handshake()) as wire:
        assert await wire.status() == 200
        assert await wire.ended() == b""


async def test_w16_a_handshake_behind_a_request_that_is_answered_is_served(server: Server) -> None:
    async with dial(server, request()) as wire:
        assert await wire.status() == 200
        wire.writer.write(handshake())
        assert await wire.status() == 101


async def test_s8_a_path_that_is_too_long_is_answered_with_414(server: Server) -> None:
    for size, status in ((LINE, 404), (LINE + 1, 414)):
        line = b"GET /" + b"x" * (size - 1) + b" HTTP/1.1"
        async with dial(server, request(line=line)) as wire:
            assert await wire.status() == status


# ------------------------------------------------------------------ time


UNFINISHED = [
    (b"", 0),
    (b"\r\n", 0),
    (b"G", 408),
    (request()[:-2], 408),
    (handshake()[:-2], 408),
    (post(b"Content-Length: 100"), 408),
    (post(b"Content-Length: 100", body=b"{"), 408),
    (post(b"Transfer-Encoding: chunked", body=b"5\r\n{"), 408),
    (request() + request()[:-2], 408),
]


async def test_s8_what_is_not_finished_in_time_is_ended(brief: Server) -> None:
    async def end_of(said: bytes) -> tuple[int, bytes]:
        async with dial(brief, said) as wire:
            if said.startswith(request()):
                assert await wire.status() == 200
            return await wire.status(), await wire.ended()

    began = time.monotonic()
    ends = await asyncio.gather(*(end_of(said) for said, _ in UNFINISHED))
    assert ends == [(status, b"") for _, status in UNFINISHED]
    assert time.monotonic() - began >= SECONDS * 0.9


async def test_s8_one_that_dribbles_is_ended_as_well(brief: Server) -> None:
    async with dial(brief, post(b"Content-Length: 1000")) as wire:

        async def dribble() -> None:
            while True:
                wire.writer.write(b" ")
                await asyncio.sleep(0.1)  # the pace is what is tested

        dribbling = asyncio.create_task(dribble())
        assert await wire.status() == 408
        dribbling.cancel()


async def test_s8_a_thousand_silent_connections_are_ended_and_others_served_meanwhile(
    brief: Server,
) -> None:
    silent = [await asyncio.open_connection("127.0.0.1", brief.port) for _ in range(400)]
    async with dial(brief, request()) as wire:
        assert await wire.status() == 200
    async with asyncio.timeout(10):
        for reader, _ in silent:
            assert await reader.read() == b""
    for _, writer in silent:
        writer.close()


# ------------------------------------------------------------------ bodies


async def test_s8_a_body_that_says_it_is_too_big_is_refused_before_it_is_sent(
    brief: Server,
) -> None:
    for size, status in ((BODY, 400), (BODY + 1, 413)):
        async with dial(brief, post(b"Content-Length: %d" % size)) as wire:
            if status == 400:
                wire.writer.write(b"{" * size)
            assert await wire.status() == status


async def test_s8_a_body_that_does_not_say_so_is_counted(brief: Server) -> None:
    chunk = b"2710\r\n" + b"{" * 10_000 + b"\r\n"
    for more, status in ((b"", 400), (b"1\r\n{\r\n", 413)):
        said = post(b"Transfer-Encoding: chunked", body=chunk * 10 + more + b"0\r\n\r\n")
        async with dial(brief, said) as wire:
            assert await wire.status() == status


async def test_s8_whoever_sends_on_hears_that_it_was_too_big(brief: Server) -> None:
    async with dial(brief, post(b"Content-Length: 400000000")) as wire:
        with contextlib.suppress(ConnectionError):
            for _ in range(100):
                wire.writer.write(b"{" * 100_000)
                await wire.writer.drain()
        assert await wire.status() == 413


async def test_s8_many_requests_at_once_are_not_all_taken(server: Server) -> None:
    async with dial(server, request() * 5) as wire:
        assert [await wire.status() for _ in range(5)] == [200] * 5
    async with dial(server, request() * 5_000) as wire:
        answers = 0
        while await wire.status() == 200:
            answers += 1
        assert 1 <= answers < 50


# ------------------------------------------------------------------ places


async def wait_at_the_door(server: Server, address: str) -> ClientConnection:
    headers = {"X-Forwarded-For": address}
    return await connect(server.ws, additional_headers=headers, ping_interval=None)


async def test_s8_the_51st_socket_of_an_address_waits_outside_until_one_signs_in(
    server: Server, cast: Cast
) -> None:
    here, elsewhere = "2001:db8:5:1::%x", "2001:db8:5:2::1"
    async with contextlib.AsyncExitStack() as sockets:
        waiting = [
            await sockets.enter_async_context(await wait_at_the_door(server, here % n))
            for n in range(50)
        ]
        with pytest.raises(InvalidStatus) as turned_away:
            await wait_at_the_door(server, here % 50)
        assert turned_away.value.response.status_code == 429
        assert int(turned_away.value.response.headers["Retry-After"]) == 10
        await sockets.enter_async_context(await wait_at_the_door(server, elsewhere))
        await Client(waiting[0]).sign_in(cast.bob)
        await sockets.enter_async_context(await wait_at_the_door(server, here % 51))
        # And one that leaves makes room, too.
        await waiting[1].close()
        await sockets.enter_async_context(await wait_at_the_door(server, here % 52))


async def test_s8_a_handshake_for_an_address_that_is_not_served_keeps_no_place(
    server: Server,
) -> None:
    headers = {"X-Forwarded-For": "2001:db8:5:3::1"}
    for _ in range(50):
        with pytest.raises(InvalidStatus):
            await connect(server.ws.replace("/v1/ws", "/v1/other"), additional_headers=headers)
    async with await wait_at_the_door(server, headers["X-Forwarded-For"]):
        pass


async def test_s8_one_that_talks_to_the_application_while_it_is_told_to_go_is_no_fault(
    server: Server,
) -> None:
    """A refusal and a PING that crosses it; the server's log must hold no traceback."""
    async with dial(server, handshake(b"Origin: https://evil.example")) as wire:
        wire.writer.write(b"\x89\x80\0\0\0\0" * 100)
        assert await wire.status() == 403
        with contextlib.suppress(ConnectionError):
            await wire.ended()
    for _ in range(20):  # one that goes before it is answered
        async with dial(server, handshake()):
            pass
    async with dial(server, handshake()) as wire:
        wire.writer.write(b"\x83\x80\0\0\0\0" * 100)
        assert await wire.status() in (101, 0)
    async with dial(server, request(b"Accept: application/json")) as wire:
        assert await wire.status() == 200
