"""WebSocket frames written by hand: what no well-behaved client library sends."""

from __future__ import annotations

import asyncio
import base64
import os
import struct
from typing import Self

from tests.support.server import Server

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA


def frame(opcode: int, payload: bytes, *, fin: bool = True, masked: bool = True) -> bytes:
    """A client's frame (RFC 6455, section 5.2); the mask is zero, so the payload is readable."""
    return head(opcode, len(payload), fin=fin, masked=masked) + payload


def head(opcode: int, size: int, *, fin: bool = True, masked: bool = True) -> bytes:
    """A frame's beginning: it promises `size` bytes."""
    first, mask = opcode | (0x80 if fin else 0), 0x80 if masked else 0
    if size < 126:
        start = bytes((first, mask | size))
    elif size < 1 << 16:
        start = struct.pack("!BBH", first, mask | 126, size)
    else:
        start = struct.pack("!BBQ", first, mask | 127, size)
    return start + (bytes(4) if masked else b"")


class RawSocket:
    """A TCP connection that has shaken hands and sends whatever it is told."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def connect(cls, server: Server, address: str = "127.0.0.1") -> Self:
        """address: whom it comes from, as a front proxy says; what it may send is counted by it."""
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        key = base64.b64encode(os.urandom(16)).decode()
        writer.write(
            f"GET /v1/ws HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n"
            f"Sec-WebSocket-Protocol: bos-v1\r\nX-Forwarded-For: {address}\r\n\r\n".encode()
        )
        answer = await reader.readuntil(b"\r\n\r\n")
        assert b" 101 " in answer, answer
        return cls(reader, writer)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.writer.close()

    def send(self, *frames: bytes) -> None:
        self.writer.write(b"".join(frames))

    async def receive(self) -> tuple[int, bytes]:
        """The next frame: its opcode and its payload."""
        async with asyncio.timeout(30):
            first, second = await self.reader.readexactly(2)
            size = second & 0x7F
            if size == 126:
                (size,) = struct.unpack("!H", await self.reader.readexactly(2))
            elif size == 127:
                (size,) = struct.unpack("!Q", await self.reader.readexactly(8))
            return first & 0xF, await self.reader.readexactly(size)

    async def close_code(self) -> int:
        """The code of the close frame, whatever comes before it."""
        while True:
            opcode, payload = await self.receive()
            if opcode == CLOSE:
                return int.from_bytes(payload[:2])
