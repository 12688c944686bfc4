"""uvicorn's WebSocket protocol with what the outbox needs: raw writes, and an orderly end."""

from __future__ import annotations

import asyncio
import socket
from typing import Any, cast

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request

from sync.closes import CloseCode
from sync.outbox import Watcher

# What the kernel takes for a client that does not read comes on top of our own queue. By default
# it grows to some 4 MB a connection, which hides a slow client for long.
SEND_BUFFER_BYTES = 256 * 1024
# H2: everything has ended 10 s after SIGTERM. What a client has sent by then is read for some of
# it, requests under way have most of it, then comes the close frame, and who does not take that is
# cut off.
READ_SECONDS = 3.0
DRAIN_SECONDS = 6.5
CUT_OFF_SECONDS = 1.0
# Messages of a connection that may wait to be served; of large ones, one.
MAX_WAITING = 16
LARGE_BYTES = 16 * 1024


class RawWebSocketProtocol(WebSocketsSansIOProtocol):
    """Adds scope['extensions']['bos.raw'], a `sync.outbox.RawTransport`: this object itself."""

    heard_at = 0.0
    _watcher: Watcher | None = None
    _drained: asyncio.Event | None = None
    _broken = False
    """The client has broken the protocol: what it sends from then on is thrown away."""

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        raw_socket = transport.get_extra_info("socket")
        if raw_socket is not None and raw_socket.family in (socket.AF_INET, socket.AF_INET6):
            raw_socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)

    def data_received(self, data: bytes) -> None:
        self.heard_at = self.loop.time()
        if not self._broken:
            super().data_received(data)

    def handle_parser_exception(self) -> None:
        """Close with a code that arrives.

        uvicorn would close the socket at once. With something in it that was not read the system
        resets the connection then, and a client that still sends never sees the close frame.
        """
        assert self.conn.close_sent is not None
        closed = {"code": self.conn.close_sent.code, "reason": self.conn.close_sent.reason}
        cast(Any, self.queue).put_nowait({"type": "websocket.disconnect", **closed})
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = self._broken = True
        if self.transport.can_write_eof():
            self.transport.write_eof()
        if self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()
        self.close_timer = self.loop.call_later(self.close_timeout, self.transport.close)

    def send_receive_event_to_app(self) -> None:
        """Stop reading when some messages wait, not at each one: that is two system calls."""
        message = b"".join(self.frames)
        self.frames = []
        if self.close_sent:
            return
        received: dict[str, Any] = {"type": "websocket.receive"}
        if self.curr_msg_data_type == "bytes":
            received["bytes"] = message
        else:
            try:
                received["text"] = message.decode()
            except UnicodeDecodeError:  # our parent logs it with a traceback, as an error of ours
                self.conn.send_close(CloseCode.INVALID_DATA)
                self.handle_parser_exception()
                return
        cast(Any, self.queue).put_nowait(received)
        large = len(message) > LARGE_BYTES
        if not self.read_paused and (large or self.queue.qsize() >= MAX_WAITING):
            self.read_paused = True
            self.transport.pause_reading()

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if hasattr(self, "scope"):
            extensions: dict[Any, Any] = cast(Any, self.scope)["extensions"]
            extensions["bos.raw"] = self

    # -------------------------------------------------------------- RawTransport

    def write(self, frames: bytes) -> None:
        # Never behind a close frame.
        if not self.close_sent and not self.transport.is_closing():
            self.transport.write(frames)

    def buffered(self) -> int:
        return self.transport.get_write_buffer_size()

    def watch(self, watcher: Watcher) -> None:
        self._watcher = watcher

    async def wait_written(self) -> None:
        while not self.disconnected and self.transport.get_write_buffer_size():
            self._drained = self._drained or asyncio.Event()
            self._drained.clear()
            try:
                await asyncio.wait_for(self._drained.wait(), 0.2)
            except TimeoutError:
                continue

    def abort(self) -> None:
        """End it without waiting for the client to take what was written: it does not."""
        self.transport.abort()

    # -------------------------------------------------------------- from the transport

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._watcher is not None:
            self._watcher.pause()

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._watcher is not None:
            self._watcher.resume()
        if self._drained is not None:
            self._drained.set()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self._watcher is not None:
            self._watcher.end()
        self._watcher = None
        if self._drained is not None:
            self._drained.set()

    # -------------------------------------------------------------- the end

    def shutdown(self) -> None:
        """Let the request under way finish, then close with 1012 (decision H2).

        uvicorn would send the close frame at once, and the answer could not follow it.
        """
        if self.close_sent or not self.handshake_complete:
            super().shutdown()
            return
        until = self.loop.time() + READ_SECONDS
        cast(Any, self.queue).put_nowait({"type": "websocket.drain", "until": until})
        self.loop.call_later(DRAIN_SECONDS, self._shutdown_now)

    def _shutdown_now(self) -> None:
        if not self.disconnected:
            super().shutdown()
            self.loop.call_later(CUT_OFF_SECONDS, self.abort)
