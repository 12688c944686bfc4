"""A connection of the server double: a handshake and a WebSocket, or a request of HTTP."""

from __future__ import annotations

import asyncio
import http
import socket
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from patterns import Json
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import State
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

SUBPROTOCOL = Subprotocol("bos-v1")
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: what is not sent is dropped, and the peer is told so
_HEAD_END = b"\r\n\r\n"


class Server(Protocol):
    """The part of the double that a connection tells of what comes."""

    sockets: set[Connection]

    @property
    def stir(self) -> Callable[[], None]: ...

    def arrived(self, connection: Connection, request: Request) -> None: ...

    def called(self, connection: Connection, method: str, path: str, body: bytes) -> None: ...

    def heard(self, connection: Connection, data: bytes) -> None: ...


@dataclass(eq=False)
class Received:
    """A frame from the client."""

    message: dict[str, Json]
    at: float
    connection: Connection
    routine: bool
    taken: bool = False
    """Whether an `expect` or `gather` step has asked for it."""
    seen: bool = False
    """Whether a `seen` step has asked for it."""

    @property
    def type(self) -> str:
        return str(self.message["type"])

    @property
    def payload(self) -> dict[str, Json]:
        payload = self.message.get("payload")
        return payload if isinstance(payload, dict) else {}


@dataclass(eq=False)
class Call:
    """An HTTP request from the client."""

    path: str
    body: Json
    at: float
    connection: Connection
    taken: bool = False


@dataclass(eq=False)
class Arrival:
    """A handshake of a new connection."""

    connection: Connection
    request: Request
    at: float
    answered: bool = False
    taken: bool = False


class Connection(asyncio.Protocol):
    """A TCP connection: a handshake and a WebSocket, or a request of HTTP."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.transport: asyncio.Transport | None = None
        self.websocket = ServerProtocol(subprotocols=[SUBPROTOCOL], max_size=1 << 20)
        self.open = False
        self.deaf = False
        self.gone = False
        self.left_at = 0.0
        self.authenticated = False
        self.expired = False
        self.syncing = False
        self.token = ""  # of the last AUTH
        self.followed: set[str] = set()
        self.asked: set[str] = set()  # of these the client has or wants a picture
        self.waiting: list[dict[str, Json]] = []  # events, until the sync or a new AUTH is over
        self._head = b""
        self._parts = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.server.sockets.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.open = False
        self.gone = True
        self.left_at = time.monotonic()
        self.server.sockets.discard(self)
        self.server.stir()

    def eof_received(self) -> bool:
        return False

    def data_received(self, data: bytes) -> None:
        if self.open:
            self.websocket.receive_data(data)
            self._read_frames()
            return
        self._head += data
        if _HEAD_END in self._head:
            self._read_head()

    # ------------------------------------------------------------------ the way in

    def _read_head(self) -> None:
        head, _, body = self._head.partition(_HEAD_END)
        first, *lines = head.decode("latin-1").split("\r\n")
        method, path, _ = first.split(" ", 2)
        headers = {
            name.strip().lower(): value.strip()
            for name, _, value in (line.partition(":") for line in lines)
        }
        if "upgrade" in headers:
            data, self._head = self._head, b""
            self.websocket.receive_data(data)
            for event in self.websocket.events_received():
                if isinstance(event, Request):
                    self.server.arrived(self, event)
            return
        if len(body) < int(headers.get("content-length", "0")):
            return
        self._head = b""
        self.server.called(self, method, path, body)

    def _read_frames(self) -> None:
        for event in self.websocket.events_received():
            if isinstance(event, Frame):
                self._read_frame(event)
        self.flush()

    def _read_frame(self, frame: Frame) -> None:
        if frame.opcode not in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
            return
        self._parts += bytes(frame.data)
        if frame.fin:
            whole, self._parts = self._parts, b""
            self.server.heard(self, whole)

    # ------------------------------------------------------------------ the way out

    def accept(self, request: Request, subprotocol: str) -> None:
        """Answer the handshake with 101, and with this subprotocol."""
        response = self.websocket.accept(request)
        if subprotocol != SUBPROTOCOL:
            del response.headers["Sec-WebSocket-Protocol"]
            response.headers["Sec-WebSocket-Protocol"] = subprotocol
        self.websocket.send_response(response)
        self.open = self.websocket.state is State.OPEN
        self.flush()

    def answer(self, status: int, headers: dict[str, str], body: str) -> None:
        """Answer with HTTP, and close."""
        data = body.encode()
        lines = {"Content-Type": "application/json" if body[:1] == "{" else "text/html"} | headers
        lines |= {"Content-Length": str(len(data)), "Connection": "close"}
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        phrase = http.HTTPStatus(status).phrase
        if self.transport is not None and not self.deaf:
            self.transport.write(f"HTTP/1.1 {status} {phrase}\r\n{head}\r\n".encode() + data)
            self.transport.close()

    def send_text(self, text: str) -> None:
        """Send a text frame, if the connection is still there."""
        if self.open and self.websocket.state is State.OPEN:
            self.websocket.send_text(text.encode())
            self.flush()

    def close(self, code: int, reason: str) -> None:
        """Send a close frame."""
        if self.open and self.websocket.state is State.OPEN:
            self.websocket.send_close(code, reason)
            self.flush()

    def cut(self) -> None:
        """Reset the connection: the client learns it at once, and nothing more."""
        self.open = False
        if self.transport is None:
            return
        plug: socket.socket | None = self.transport.get_extra_info("socket")
        if plug is not None and not self.transport.is_closing():
            plug.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.transport.abort()

    def flush(self) -> None:
        """Write what the protocol has to say."""
        for data in self.websocket.data_to_send():
            if self.deaf or self.transport is None or self.transport.is_closing():
                continue
            if data:
                self.transport.write(data)
            else:
                self.transport.close()
