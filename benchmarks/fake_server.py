"""A server that misbehaves on demand: the load client must notice whatever this one does wrong.

Not a WebSocket implementation: just what the load client sends and needs.
"""

import asyncio
import base64
import contextlib
import hashlib
import itertools
import json
import os
import struct
import threading
from collections.abc import Callable, Iterator
from typing import Any

from benchmarks.servers import Target

KPI = "kpi-1"
CHANNEL = "organization:1"

Deliver = Callable[[int, int, list[bytes]], list[bytes]]
"""(subscriber, event, its two messages) -> the messages that subscriber is sent

A cursor has one message, and its event is its number among its sender's.
"""


def honest(subscriber: int, event: int, messages: list[bytes]) -> list[bytes]:
    return messages


def frame(message: bytes) -> bytes:
    size = len(message)
    if size < 126:
        return b"\x81" + bytes([size]) + message
    if size < 65536:
        return b"\x81\x7e" + struct.pack("!H", size) + message
    return b"\x81\x7f" + struct.pack("!Q", size) + message


def event_messages(event: int, sequence: int, padding: int = 0) -> list[bytes]:
    updated = {"kpiId": KPI, "value": event, "note": "x" * padding, "sequence": sequence}
    synced = {
        "entityType": "kpi",
        "entityId": KPI,
        "data": {"value": float(event)},
        "sequence": sequence,
    }
    return [
        json.dumps({"payload": updated, "type": "KPI_UPDATED"}).encode(),
        json.dumps({"type": "SYNC_UPDATE", "payload": synced}, separators=(",", ":")).encode(),
    ]


class FakeServer:
    def __init__(self, deliver: Deliver, *, padding: int, piece_bytes: int | None) -> None:
        self.deliver, self.padding, self.piece_bytes = deliver, padding, piece_bytes
        self.subscribers: list[asyncio.StreamWriter] = []
        self.room: list[asyncio.StreamWriter] = []
        self.sequences = itertools.count(1000)
        self.pongs = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer), contextlib.suppress(asyncio.IncompleteReadError, OSError):
            await self._upgrade(reader, writer)
            while True:
                self._answer(json.loads(await self._read_message(reader)), writer)

    async def _upgrade(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = (await reader.readuntil(b"\r\n\r\n")).decode()
        key = request.partition("Sec-WebSocket-Key: ")[2].partition("\r\n")[0]
        digest = hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()
        writer.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Protocol: bos-v1\r\nSec-WebSocket-Accept: "
            + base64.b64encode(digest)
            + b"\r\n\r\n"
        )

    async def _read_message(self, reader: asyncio.StreamReader) -> bytes:
        head = await reader.readexactly(2)
        size = head[1] & 127
        if size == 126:
            size = int.from_bytes(await reader.readexactly(2), "big")
        mask = await reader.readexactly(4)
        return bytes(byte ^ mask[i % 4] for i, byte in enumerate(await reader.readexactly(size)))

    def _answer(self, request: dict[str, Any], writer: asyncio.StreamWriter) -> None:
        reply = {"requestId": request.get("requestId"), "payload": request.get("payload", {})}
        match request["type"]:
            case "AUTH":
                self._send(writer, json.dumps({"type": "PING"}).encode())
                self._send(writer, json.dumps(reply | {"type": "AUTH_SUCCESS"}).encode())
            case "SUBSCRIBE":
                self.subscribers.append(writer)
                self._send(writer, json.dumps(reply | {"type": "SUBSCRIBED"}).encode())
            case "PING":
                self._send(writer, json.dumps(reply | {"type": "PONG"}).encode())
            case "PONG":
                self.pongs += 1
            case "SESSION_CREATE" | "SESSION_JOIN" as type_:
                self.room.append(writer)
                reply["type"] = "SESSION_CREATED" if type_ == "SESSION_CREATE" else "SESSION_JOINED"
                self._send(writer, json.dumps(reply | {"payload": {"sessionId": "room"}}).encode())
            case "CURSOR_MOVE":
                self._show(request, writer)
            case "KPI_UPDATE":
                self._send(writer, json.dumps(reply | {"type": "KPI_UPDATED"}).encode())
                self._broadcast(request["payload"]["value"])

    def _send(self, writer: asyncio.StreamWriter, message: bytes) -> None:
        writer.write(frame(message))

    def _show(self, cursor: dict[str, Any], sender: asyncio.StreamWriter) -> None:
        number = cursor["payload"]["position"]["x"]
        messages = [json.dumps(cursor).encode()]
        for participant, writer in enumerate(self.room):
            if writer is not sender:
                writer.write(b"".join(map(frame, self.deliver(participant, number, messages))))

    def _broadcast(self, event: int) -> None:
        messages = event_messages(event, next(self.sequences), self.padding)
        for subscriber, writer in enumerate(self.subscribers):
            blob = b"".join(map(frame, self.deliver(subscriber, event, messages)))
            piece = self.piece_bytes or len(blob) or 1
            for start in range(0, len(blob), piece):
                writer.write(blob[start : start + piece])


@contextlib.contextmanager
def fake_server(
    deliver: Deliver = honest, *, padding: int = 0, piece_bytes: int | None = None
) -> Iterator[Target]:
    """Serve in a thread of this process.

    padding: characters added to each KPI_UPDATED. piece_bytes: written so many bytes at a time.
    """
    server, loop = (
        FakeServer(deliver, padding=padding, piece_bytes=piece_bytes),
        asyncio.new_event_loop(),
    )
    listener = loop.run_until_complete(asyncio.start_server(server.serve, "127.0.0.1", 0))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield Target(
            port=listener.sockets[0].getsockname()[1],
            root_pid=os.getpid(),
            tokens=["token"],
            publisher_tokens=["token"],
            channel=CHANNEL,
            kpis=[KPI],
            frames_per_event=2,
        )
        assert server.pongs, "the client never answered PING"
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.run_until_complete(_end(listener))
        loop.close()


async def _end(listener: asyncio.Server) -> None:
    listener.close()
    connections = asyncio.all_tasks() - {asyncio.current_task()}
    for connection in connections:
        connection.cancel()
    await asyncio.gather(*connections, return_exceptions=True)
    await asyncio.sleep(0.1)  # A closed transport lets go of its socket a turn of the loop later.
