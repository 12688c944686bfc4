"""The attackers' tools: raw frames, sockets without manners, many requests at once."""

import asyncio
import base64
import contextlib
import json
import os
import struct
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import Any

from benchmarks.abuse.stage import ATTACKER, Stage

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
MASK = b"\0\0\0\0"


def frame(opcode: int, payload: bytes, *, fin: bool = True) -> bytes:
    """A client's frame with a mask of zeros."""
    first, size = opcode | (0x80 if fin else 0), len(payload)
    if size < 126:
        head = bytes((first, 0x80 | size))
    elif size < 1 << 16:
        head = struct.pack("!BBH", first, 0x80 | 126, size)
    else:
        head = struct.pack("!BBQ", first, 0x80 | 127, size)
    return head + MASK + payload


def text(message: dict[str, Any]) -> bytes:
    return frame(TEXT, json.dumps(message).encode())


class Attacker:
    """Counts what it did and what came of it: {"closed 4429": 3, "http 503": 12}."""

    def __init__(self, stage: Stage, seconds: float) -> None:
        self.stage = stage
        self.until = time.monotonic() + seconds
        self.tally: defaultdict[str, float] = defaultdict(float)

    @property
    def going(self) -> bool:
        return time.monotonic() < self.until

    @property
    def left(self) -> float:
        """Seconds until time is up."""
        return max(0.0, self.until - time.monotonic())

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.stage.port, local_addr=(ATTACKER, 0))

    async def socket(self, token: str | None = None) -> "RawSocket":
        reader, writer = await self.connect()
        key = base64.b64encode(os.urandom(16)).decode()
        writer.write(
            f"GET /v1/ws HTTP/1.1\r\nHost: 127.0.0.1:{self.stage.port}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n"
            "Sec-WebSocket-Protocol: bos-v1\r\n\r\n".encode()
        )
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 30)
        if b" 101 " not in head:
            writer.close()
            raise Refused(f"http {head.split()[1].decode()}")
        socket = RawSocket(self, reader, writer)
        if token is not None:
            await socket.send(text({"type": "AUTH", "payload": {"token": token}}))
            await socket.message()
        return socket

    async def many(self, count: int, what: Callable[[], Awaitable[None]]) -> None:
        """Run so many of these at once, each again and again, until time is up."""

        async def one() -> None:
            while self.going:
                try:
                    await what()
                except Refused as refused:
                    self.tally[str(refused)] += 1
                    await asyncio.sleep(0.05)
                except (OSError, EOFError, TimeoutError) as error:
                    self.tally[type(error).__name__] += 1
                    await asyncio.sleep(0.05)

        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.left):
                await asyncio.gather(*(one() for _ in range(count)))

    async def http(self, method: str, path: str, body: bytes = b"", **headers: str) -> int:
        """The status of one request."""
        reader, writer = await self.connect()
        lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{self.stage.port}\r\n"
            f"Connection: close\r\nContent-Length: {len(body)}\r\n{lines}\r\n"
        )
        try:
            writer.write(head.encode() + body)
            status = int((await asyncio.wait_for(reader.readline(), 60)).split()[1])
            while await reader.read(1 << 16):
                pass
        except IndexError:
            raise ConnectionResetError from None
        finally:
            writer.close()
        self.tally[f"http {status}"] += 1
        return status


class Refused(Exception):
    """The server said no; the text is for the tally."""


class RawSocket:
    def __init__(
        self, attacker: Attacker, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._attacker = attacker
        self._reader = reader
        self._writer = writer

    async def send(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def receive(self) -> tuple[int, bytes]:
        first, second = await self._reader.readexactly(2)
        size = second & 0x7F
        if size == 126:
            (size,) = struct.unpack("!H", await self._reader.readexactly(2))
        elif size == 127:
            (size,) = struct.unpack("!Q", await self._reader.readexactly(8))
        return first & 0xF, await self._reader.readexactly(size)

    async def message(self) -> dict[str, Any]:
        """The next message. Raises Refused where the server closes instead."""
        while True:
            opcode, payload = await self.receive()
            if opcode == CLOSE:
                (code,) = struct.unpack("!H", payload[:2]) if payload else (1005,)
                raise Refused(f"closed {code}")
            if opcode == TEXT:
                message: dict[str, Any] = json.loads(payload)
                return message

    async def read_all(self) -> None:
        """Read and count until the server closes."""
        while True:
            answer = await self.message()
            kind = answer["type"]
            if kind == "ERROR":
                kind = answer["payload"]["code"]
            self._attacker.tally[kind] += 1

    def close(self) -> None:
        self._writer.transport.abort()
