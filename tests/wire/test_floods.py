"""A client that sends more than is worth reading is cut off; nobody else notices (s1, w1, w9)."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from typing import Any

import msgspec
import pytest

from sync.protocol.close_codes import CloseCode
from tests.conftest import ServeFixture
from tests.support.cast import Cast
from tests.support.client import Client, error_of
from tests.support.frames import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    RawSocket,
    frame,
    head,
)
from tests.support.server import Server
from tests.unit.protocol.test_shapes import MSGPACK

FRAMES = 100_000
LIMIT = 16_384
# Of a busy machine; a flood that was read would have taken seconds, and 20 of these messages 10.
NOTICED = 2.0
FLOODS = {
    "continuations": frame(TEXT, b"{", fin=False) + frame(CONTINUATION, b"", fin=False) * FRAMES,
    "pings": frame(PING, b"") * FRAMES,
    "pongs": frame(PONG, b"") * FRAMES,
    "heartbeats": frame(TEXT, b'{"type":"PONG"}') * (FRAMES // 4),
}


def elsewhere() -> str:
    """An address of its own: before AUTH all connections of one pay from the same account."""
    return f"2001:db8:{uuid.uuid4().hex[:4]}:{uuid.uuid4().hex[:4]}::1"


async def slowest_ping(bystander: Client, until: asyncio.Task[Any]) -> float:
    """How long one of the heartbeats took at most that were sent meanwhile."""
    slowest = 0.0
    while not until.done():
        began = time.monotonic()
        assert (await bystander.ask("PING"))["type"] == "PONG"
        slowest = max(slowest, time.monotonic() - began)
        await asyncio.sleep(0.005)  # without a pause these were a flood themselves
    return slowest


async def sign_in(raw: RawSocket, cast: Cast) -> None:
    auth = {"type": "AUTH", "payload": {"token": cast.vera.token}}
    raw.send(frame(TEXT, json.dumps(auth).encode()))
    assert json.loads((await raw.receive())[1])["type"] == "AUTH_SUCCESS"


async def refusal(raw: RawSocket) -> tuple[dict[str, Any] | None, int]:
    """The last message before the close frame, and its code."""
    said = None
    while True:
        opcode, payload = await raw.receive()
        if opcode == CLOSE:
            return said, int.from_bytes(payload[:2])
        if opcode == TEXT:
            said = json.loads(payload)


@pytest.mark.parametrize("signed_in", [False, True], ids=["before_auth", "signed_in"])
@pytest.mark.parametrize("kind", FLOODS)
async def test_w1_a_flood_of_frames_is_closed_with_4429_and_nobody_notices(
    server: Server, cast: Cast, kind: str, signed_in: bool
) -> None:
    async with (
        await Client.connect(server, cast.bob) as bystander,
        await RawSocket.connect(server, elsewhere()) as raw,
    ):
        if signed_in:
            await sign_in(raw, cast)
        raw.send(FLOODS[kind])
        flood = asyncio.create_task(refusal(raw))
        assert await slowest_ping(bystander, flood) < NOTICED
        said, code = await flood
        assert code == CloseCode.TOO_MANY
        assert said is not None
        assert error_of(said) == ("RATE_LIMIT_EXCEEDED", {"closeCode": 4429})
        assert await raw.reader.read() == b""  # the server has said its last


async def test_w1_frames_behind_the_end_are_cut_off_as_well(server: Server) -> None:
    async with await RawSocket.connect(server, elsewhere()) as raw:
        raw.send(*[frame(TEXT, b"[]")] * 10)
        assert await raw.close_code() == CloseCode.MALFORMED
        raw.send(frame(PING, b"") * 10_000)
        began = time.monotonic()
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            while True:
                await raw.receive()
        assert time.monotonic() - began < 5


async def test_w1_signing_in_again_and_again_is_paid_for(server: Server, cast: Cast) -> None:
    async with await Client.connect(server, cast.bob) as bob:
        for n in range(200):
            await bob.send("AUTH", {"token": cast.bob.token}, request_id=f"a{n}")
        code, before = await bob.closed()
    assert code == CloseCode.TOO_MANY
    assert sum(message["type"] == "AUTH_SUCCESS" for message in before) < 200


async def test_w1_a_burst_of_a_thousand_frames_is_served(server: Server, cast: Cast) -> None:
    async with await Client.connect(server, cast.bob) as bob:
        for n in range(1_000):
            await bob.send("PING", request_id=f"p{n}")
        for n in range(1_000):
            assert (await bob.expect("PONG"))["requestId"] == f"p{n}"


@pytest.mark.parametrize("signed_in", [False, True], ids=["before_auth", "signed_in"])
async def test_s1_heartbeats_full_of_values_are_paid_by_their_values(
    server: Server, cast: Cast, signed_in: bool
) -> None:
    """Small enough for AUTH, outside of L1, and each takes as long as a hundred others."""
    heavy = b"\x83\xa4type\xa4PONG\xa7payload\x81\xa1a\xdc\x26\xac" + b"\x90" * 9_900
    heavy += b"\xa1x\xc0"
    async with (
        await Client.connect(server, cast.bob) as bystander,
        await RawSocket.connect(server, elsewhere()) as raw,
    ):
        if signed_in:
            await sign_in(raw, cast)
        raw.send(frame(BINARY, heavy) * 100)
        flood = asyncio.create_task(raw.close_code())
        assert await slowest_ping(bystander, flood) < NOTICED
        assert await flood == CloseCode.TOO_MANY


# ------------------------------------------------------------------ w9: memory


async def test_w9_fragments_of_a_byte_take_no_more_than_the_message(
    serve: ServeFixture, cast: Cast
) -> None:
    server = serve(BOS_FRAMES_PER_SECOND="100000", BOS_HANDSHAKES_PER_SECOND="1000000")
    fragments = 200_000
    text = b'{"type":"PING","requestId":"r"' + b" " * fragments + b"}"
    async with await RawSocket.connect(server, elsewhere()) as raw:
        await sign_in(raw, cast)
        before_kb = server.resident_kb()
        raw.send(frame(TEXT, text[:30], fin=False))
        raw.send(frame(CONTINUATION, b" ", fin=False) * fragments, frame(PING, b"read"))
        assert await raw.receive() == (PONG, b"read")
        assert server.resident_kb() - before_kb < 4 * 1024
        raw.send(frame(CONTINUATION, b"}"))
        assert json.loads((await raw.receive())[1])["type"] == "PONG"
        # Pings by one who reads no pongs: 12 MB of them.
        raw.writer.transport.pause_reading()  # type: ignore[attr-defined]  # a socket's
        before_kb = server.resident_kb()
        for _ in range(100):
            raw.send(frame(PING, b"p" * 125) * 1_000)
            await raw.writer.drain()
        async with await Client.connect(server, cast.bob) as bystander:
            assert await bystander.settle() == []
        assert server.resident_kb() - before_kb < 4 * 1024
        raw.writer.transport.resume_reading()  # type: ignore[attr-defined]  # a socket's
        raw.send(frame(PING, b"last"))
        while (await raw.receive()) != (PONG, b"last"):
            pass


# ------------------------------------------------------------------ s1: sizes


def ping_of(size: int) -> bytes:
    empty = b'{"type":"PING","requestId":"r","filling":""}'
    return empty[:-2] + b"x" * (size - len(empty)) + empty[-2:]


async def test_s1_before_auth_a_message_of_16_kb_is_served_and_one_byte_more_is_not(
    server: Server, cast: Cast
) -> None:
    async with await RawSocket.connect(server, elsewhere()) as raw:
        raw.send(frame(TEXT, ping_of(LIMIT)))
        assert json.loads((await raw.receive())[1])["type"] == "PONG"
        raw.send(frame(TEXT, b"{", fin=False), head(CONTINUATION, LIMIT))
        assert await raw.close_code() == CloseCode.TOO_BIG
    async with await RawSocket.connect(server, elsewhere()) as raw:
        raw.send(head(BINARY, LIMIT + 1))  # refused before it is sent
        assert await raw.close_code() == CloseCode.TOO_BIG
    async with await RawSocket.connect(server, elsewhere()) as raw:
        await sign_in(raw, cast)
        raw.send(frame(TEXT, ping_of(LIMIT + 1)))
        assert json.loads((await raw.receive())[1])["type"] == "PONG"


async def test_s1_megabytes_of_the_worst_shape_are_not_noticed_and_their_bytes_are_counted(
    server: Server, cast: Cast
) -> None:
    filling = b"\xa1x\xc6" + (900_000).to_bytes(4, "big") + bytes(900_000)
    worst = b"\x83\xa4type\xa4PING\xa7payload\x81\xa1f" + MSGPACK["floats"] + filling
    assert 900_000 < len(worst) < 2**20
    async with (
        await Client.connect(server, cast.bob) as bystander,
        await Client.connect(server, cast.mia, speech="msgpack") as mia,
    ):

        async def send() -> list[Any]:
            for _ in range(9):
                await mia.send_raw(worst)
            return [await mia.receive() for _ in range(9)]

        sending = asyncio.create_task(send())
        assert await slowest_ping(bystander, sending) < NOTICED
        codes = [error_of(answer)[0] for answer in await sending]
        assert codes == ["INVALID_MESSAGE_FORMAT"] * 8 + ["RATE_LIMIT_EXCEEDED"]


async def test_s1_bytes_of_a_minute_are_limited_told_and_at_three_times_the_end(
    serve: ServeFixture, cast: Cast
) -> None:
    server = serve(BOS_BYTES_PER_MINUTE="2000", BOS_MAX_MESSAGE_BYTES="2000")
    async with await Client.connect(server, cast.bob) as bob:
        await bob.send_raw(ping_of(1100).decode())
        assert (await bob.expect("PONG"))["requestId"] == "r"
        for _ in range(3):
            await bob.send_raw(ping_of(1500).decode())
        answers = [await bob.receive() for _ in range(4)]
        code, details = error_of(answers[0])
        assert (code, answers[0]["requestId"]) == ("RATE_LIMIT_EXCEEDED", "r")
        assert (details["limit"], details["scope"]) == (2000, "bytes")
        assert 1 <= details["retryAfter"] <= 60
        assert answers[1]["type"] == "RATE_LIMIT"
        await bob.send_raw(ping_of(1023).decode())  # a small one is not refused
        assert (await bob.expect("PONG"))["requestId"] == "r"
        await bob.send_raw(ping_of(1500).decode())
        close_code, before = await bob.closed()
    assert close_code == CloseCode.TOO_MANY
    assert ("RATE_LIMIT_EXCEEDED", {"closeCode": 4429}) in [
        error_of(message) for message in before if message["type"] == "ERROR"
    ]


async def test_s1_too_many_items_are_refused_with_the_request_id(
    server: Server, cast: Cast
) -> None:
    async with await Client.connect(server, cast.bob) as bob:
        for body in (json.dumps, msgspec.msgpack.encode):
            message = {"type": "PING", "requestId": "many", "payload": {"a": [0] * 10_000}}
            await bob.send_raw(body(message))
            answer = await bob.expect("ERROR")
            assert answer["requestId"] == "many"
            assert error_of(answer) == (
                "INVALID_MESSAGE_FORMAT",
                {"field": "", "reason": "more than 10000 values"},
            )
