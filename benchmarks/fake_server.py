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
PUBLISH_PATH = "/publish"
ENTITIES = 100
"""KPIs that a snapshot shows"""

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


def snapshot_message(number: int) -> bytes:
    payload = {"entityType": "kpi", "entityId": f"kpi-{number}", "changeType": "snapshot"}
    return json.dumps({"type": "SYNC_UPDATE", "payload": payload | {"data": {}}}).encode()


class FakeServer:
    def __init__(
        self, deliver: Deliver, *, padding: int, piece_bytes: int | None, dialect: str
    ) -> None:
        self.deliver, self.padding, self.piece_bytes = deliver, padding, piece_bytes
        self.dialect = dialect
        self.subscribers: list[asyncio.StreamWriter] = []
        self.rooms: dict[str, list[asyncio.StreamWriter]] = {}
        self.log: list[tuple[int, int]] = []
        """(value, sequence) of each KPI_UPDATE"""
        self.asked = itertools.count()
        self.sequences = itertools.count(1000)
        self.pongs = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer), contextlib.suppress(asyncio.IncompleteReadError, OSError):
            path = await self._upgrade(reader, writer)
            if self.dialect == "raw" and path != PUBLISH_PATH:
                self.subscribers.append(writer)
            if self.dialect == "socketio":
                writer.write(frame(b'0{"sid":"1"}') + frame(b"2"))
            while True:
                self._take(await self._read_message(reader), writer)

    def _take(self, message: bytes, writer: asyncio.StreamWriter) -> None:
        if self.dialect == "bos":
            self._answer(json.loads(message), writer)
        elif self.dialect == "raw":
            self._pass_on(message)
        elif message == b"3":
            self.pongs += 1
        elif message == b"40":
            writer.write(frame(b'40{"sid":"2"}'))
        else:
            self._answer(json.loads(message[2:])[1], writer)

    def _pass_on(self, message: bytes) -> None:
        event = int(json.loads(message)["payload"]["data"]["value"])
        for subscriber, writer in enumerate(self.subscribers):
            self._send_all(writer, self.deliver(subscriber, event, [message]))

    async def _upgrade(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> str:
        """Answer the request; its path."""
        request = (await reader.readuntil(b"\r\n\r\n")).decode()
        key = request.partition("Sec-WebSocket-Key: ")[2].partition("\r\n")[0]
        digest = hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()
        writer.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Protocol: bos-v1\r\nSec-WebSocket-Accept: "
            + base64.b64encode(digest)
            + b"\r\n\r\n"
        )
        return request.split()[1]

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
            case "SESSION_CREATE":
                session_id = f"room-{len(self.rooms)}"
                self.rooms[session_id] = [writer]
                created = {"type": "SESSION_CREATED", "payload": {"sessionId": session_id}}
                self._send(writer, json.dumps(reply | created).encode())
            case "SESSION_JOIN":
                self._join(request, reply, writer)
            case "SYNC_REQUEST":
                self._replay(request["payload"].get("lastSequence"), reply, writer)
            case "CURSOR_MOVE":
                self._show(request, writer)
            case "KPI_UPDATE":
                self._update(request["payload"]["value"], reply, writer)

    def _join(
        self, request: dict[str, Any], reply: dict[str, Any], writer: asyncio.StreamWriter
    ) -> None:
        room = self.rooms[request["payload"]["sessionId"]]
        told = json.dumps({"type": "SESSION_JOINED", "payload": {"userId": "u"}}).encode()
        for participant, other in enumerate(room):
            self._send_all(other, self.deliver(participant, len(room), [told]))
        room.append(writer)
        session = {"title": "[,]", "participants": [{"userId": "a,b]"} for _ in room]}
        joined = {"type": "SESSION_JOINED", "payload": {"session": session}}
        self._send(writer, json.dumps(reply | joined).encode())

    def _replay(
        self, after: int | None, reply: dict[str, Any], writer: asyncio.StreamWriter
    ) -> None:
        """Send what came after this number of the log, or without one the entities."""
        asker = next(self.asked)
        if after is None:
            messages = [(number, snapshot_message(number)) for number in range(ENTITIES)]
        else:
            missed = [(value, sequence) for value, sequence in self.log if sequence > after]
            messages = [(value, event_messages(value, number)[1]) for value, number in missed]
        for event, message in messages:
            self._send_all(writer, self.deliver(asker, event, [message]))
        self._send(writer, json.dumps(reply | {"type": "SYNC_COMPLETE"}).encode())

    def _update(self, value: int, reply: dict[str, Any], writer: asyncio.StreamWriter) -> None:
        sequence = next(self.sequences)
        self.log.append((value, sequence))
        payload = reply["payload"] | {"sequence": sequence}
        updated = reply | {"type": "KPI_UPDATED", "payload": payload}
        self._send(writer, json.dumps(updated).encode())
        self._broadcast(value, sequence)

    def _send(self, writer: asyncio.StreamWriter, message: bytes) -> None:
        self._send_all(writer, [message])

    def _send_all(self, writer: asyncio.StreamWriter, messages: list[bytes]) -> None:
        blob = b"".join(map(self._packed, messages))
        piece = self.piece_bytes or len(blob) or 1
        for start in range(0, len(blob), piece):
            writer.write(blob[start : start + piece])

    def _packed(self, message: bytes) -> bytes:
        return frame(b'42["m",%s]' % message if self.dialect == "socketio" else message)

    def _show(self, cursor: dict[str, Any], sender: asyncio.StreamWriter) -> None:
        number = cursor["payload"]["position"]["x"]
        messages = [json.dumps(cursor).encode()]
        room = self.rooms[cursor["payload"]["sessionId"]]
        for participant, writer in enumerate(room):
            if writer is not sender:
                self._send_all(writer, self.deliver(participant, number, messages))

    def _broadcast(self, event: int, sequence: int) -> None:
        messages = event_messages(event, sequence, self.padding)
        for subscriber, writer in enumerate(self.subscribers):
            self._send_all(writer, self.deliver(subscriber, event, messages))


@contextlib.contextmanager
def fake_server(
    deliver: Deliver = honest,
    *,
    padding: int = 0,
    piece_bytes: int | None = None,
    dialect: str = "bos",
) -> Iterator[Target]:
    """Serve in a thread of this process.

    padding: characters added to each KPI_UPDATED. piece_bytes: written so many bytes at a time.
    """
    server, loop = (
        FakeServer(deliver, padding=padding, piece_bytes=piece_bytes, dialect=dialect),
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
            bystander_tokens=["token"],
            channel=CHANNEL,
            kpis=[KPI],
            frames_per_event=2 if dialect == "bos" else 1,
            dialect=dialect,
            publish_path=PUBLISH_PATH if dialect == "raw" else "",
            on_server_core=False,
        )
        assert server.pongs or dialect == "raw", "the client never answered PING"
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
