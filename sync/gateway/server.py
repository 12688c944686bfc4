"""uvicorn's WebSocket protocol with what the outbox needs: raw writes, and an orderly end.

And with what keeps one client from costing the others anything: frames are paid for as they are
read (`sync.gateway.intake`), fragments joined, pongs held back from who does not take them.
"""

from __future__ import annotations

import asyncio
import socket
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import (  # type: ignore[attr-defined]  # `apply_mask`, in C where it can be
    Frame,
    apply_mask,
)
from websockets.http11 import Request
from websockets.protocol import Protocol, State

from sync.delivery import send_loop
from sync.delivery.outbox import WRITE_BYTES, Watcher
from sync.gateway.frames import MASKED, WHOLE_BINARY, WHOLE_TEXT, bounds_of, is_utf8
from sync.gateway.handshake import Handshake
from sync.gateway.inbox import Inbox, Switch
from sync.gateway.intake import Intake, Receiver
from sync.protocol.close_codes import CloseCode

# What the kernel takes for a client that does not read comes on top of our own queue. By default
# it grows to some 4 MB a connection, which hides a slow client for long.
SEND_BUFFER_BYTES = 256 * 1024
# And of that, so much that it has not sent yet: nothing can overtake it, and it hides for seconds
# whether the client reads (TCP_NOTSENT_LOWAT).
UNSENT_BYTES = 32 * 1024
# H2: everything has ended 10 s after SIGTERM. What a client has sent by then is read for some of
# it, requests under way have most of it, then comes the close frame, and who does not take that is
# cut off.
READ_SECONDS = 3.0
DRAIN_SECONDS = 6.5
CUT_OFF_SECONDS = 1.0
# Messages of a connection that may wait to be served; of large ones, one.
MAX_WAITING = 16
LARGE_BYTES = 16 * 1024
# A part of a frame that is smaller costs as much as a frame.
TINY_BYTES = 512
# How long one that has flooded us may take to read why it is closed.
LINGER_SECONDS = 2.0


class RawWebSocketProtocol(WebSocketsSansIOProtocol):
    """Adds this object itself as scope['extensions']['bos.raw'], an `outbox.RawTransport`."""

    # Its dictionary is as full as it may be: one entry more in there is 0.7 kB a connection.
    __slots__ = (
        "_broken",
        "_drained",
        "_handshake",
        "_has_shaken",
        "_head",
        "_lacking",
        "_pong",
        "_socket",
        "_watcher",
        "heard_at",
        "intake",
        "receiver",
    )
    heard_at: float
    intake: Intake
    receiver: Receiver | None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.queue, self.writable = cast(Any, Inbox()), cast(Any, Switch())

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._set_up(transport)

    def take_over(self, http: HttpToolsProtocol) -> None:
        """Go on with the connection whose request `http` has read, and whose addresses it knows."""
        self.connections.add(self)
        self.transport, self.server, self.client = http.transport, http.server, http.client
        self.scheme = "wss" if http.scheme == "https" else "ws"
        self._set_up(http.transport)

    def _set_up(self, transport: Any) -> None:
        self.intake = Intake()
        self.heard_at, self.receiver = 0.0, None
        self._watcher: Watcher | None = None
        self._socket = -1  # its number, where it may be written to past the transport
        self._drained: asyncio.Event | None = None
        # Before hands are shaken, and from a breach of the protocol or a flood on, nothing is read.
        self._broken = True
        self._has_shaken = False
        self._handshake: Handshake | None = None  # not answered by the application yet
        self._pong = b""  # the latest, for a client that does not read
        self._head = b""  # the first bytes of a frame whose size they do not tell yet
        self._lacking = 0  # bytes of a frame to come, of which the library has the others
        raw_socket = transport.get_extra_info("socket")
        if raw_socket is not None and raw_socket.family in (socket.AF_INET, socket.AF_INET6):
            raw_socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
            if hasattr(socket, "TCP_NOTSENT_LOWAT"):  # Linux and macOS
                raw_socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_BYTES)
            if send_loop.in_use() and transport.get_extra_info("sslcontext") is None:
                self._socket = raw_socket.fileno()
        transport.set_write_buffer_limits(high=WRITE_BYTES)

    # -------------------------------------------------------------- what comes in

    def data_received(self, data: bytes) -> None:
        self.heard_at = now = self.loop.time()
        if self._broken:
            if not self._has_shaken:  # uvicorn's own would hand the request on as if it were frames
                raise RuntimeError("the handshake is read by sync.gateway.http_server:HttpProtocol")
            return
        self._read(data, now)

    def begin(self, target: str, handshake: Handshake) -> None:
        """Have the application asked about a handshake, which is well formed."""
        self._expect_frames()
        self._handshake = handshake
        self.handshake_initiated = True
        self.scope = cast(Any, handshake.scope_of(self, target))
        cast(Any, self.queue).put_nowait({"type": "websocket.connect"})
        task = self.loop.create_task(self.run_asgi())
        task.add_done_callback(self.on_task_complete)
        self.tasks.add(task)
        self._broken = False

    def shake_hands(self, request: Request) -> None:
        """Have the library answer the request, which `sync.gateway.http_server` has read."""
        self._expect_frames()
        self.handle_connect(request)
        self._broken = self.close_sent  # it was no handshake

    def _expect_frames(self) -> None:
        """Have the library parse frames: it would wait for the request first."""
        conn: Any = self.conn
        conn.parser = Protocol.parse(conn)
        next(conn.parser)
        self._has_shaken = True

    def _read(self, data: bytes, now: float) -> None:
        """Pay for each frame, then take it; the library gets what is not one whole message.

        A small frame takes 3.7 us by it and 1.4 us without; most frames are whole messages.
        """
        if self._head:
            data, self._head = self._head + data, b""
        at, end = 0, len(data)
        if self._lacking:
            at = min(self._lacking, end)
            self._lacking -= at
            self._parse(data[:at], now, is_begun=True)
        while at < end and not self._broken:
            bounds = bounds_of(data, at)
            if bounds is None:
                self._head = data[at:]
                if not self.intake.pay(1, now):
                    self._flooded()
                return
            start, stop = bounds
            if stop <= end and self._is_whole_message(data[at], data[at + 1], stop - start):
                if self.intake.pay(1, now):
                    message = apply_mask(data[start:stop], data[start - 4 : start])
                    self._take(message, data[at] == WHOLE_TEXT)
                else:
                    self._flooded()
            else:
                self._parse(data[at:stop], now)
                self._lacking = max(0, stop - end)
            at = stop

    def _is_whole_message(self, first: int, second: int, size: int) -> bool:
        conn = self.conn
        return (
            first in (WHOLE_TEXT, WHOLE_BINARY)
            and second >= MASKED
            and size <= self.intake.max_message_bytes
            and conn.current_size is None  # nothing but a continuation may follow
            and conn.state is State.OPEN
        )

    def _parse(self, part: bytes, now: float, *, is_begun: bool = False) -> None:
        """Have the library take a frame, or a part of one. is_begun: it has been paid for."""
        if (not is_begun or len(part) < TINY_BYTES) and not self.intake.pay(1, now):
            self._flooded()
            return
        conn = self.conn
        conn.max_message_size = self.intake.max_message_bytes
        conn.receive_data(part)
        if conn.parser_exc is not None:
            self.handle_parser_exception()
        else:
            self.handle_events()

    def _flooded(self) -> None:
        """Read no more; close with 4429, as long as there is somebody to tell."""
        self._broken = True
        if self._watcher is None or self.close_sent or self.conn.close_rcvd is not None:
            self.transport.abort()
        else:
            self._watcher.flood()

    def handle_parser_exception(self) -> None:
        """Close with a code that arrives.

        uvicorn would close the socket at once. With something in it that was not read the system
        resets the connection then, and a client that still sends never sees the close frame.
        """
        if self.conn.close_sent is None:  # the handshake has not ended, or has been given up
            self._broken = True
            self.transport.abort()
            return
        closed = {"code": self.conn.close_sent.code, "reason": self.conn.close_sent.reason}
        cast(Any, self.queue).put_nowait({"type": "websocket.disconnect", **closed})
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self._say_no_more(self.close_timeout)

    def _say_no_more(self, seconds: float) -> None:
        """End our half, throw away what still comes, and end the other after so many seconds."""
        self._broken = True
        if self.transport.can_write_eof():
            self.transport.write_eof()
        if self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()
        self.close_timer = self.loop.call_later(seconds, self.transport.close)

    def handle_cont(self, event: Frame) -> None:
        """Join it to what came before: a list of a million fragments of a byte takes 50 MB."""
        message: Any = self.frames[0]
        if isinstance(message, bytes):
            message = bytearray(message)
        message += event.data
        self.frames = [message]
        if event.fin:
            self.send_receive_event_to_app()

    def handle_ping(self) -> None:
        """Answer; a client that does not read gets the latest pong when it does (L3).

        RFC 6455, section 5.5.3, lets the others be left out.
        """
        answers = self.conn.data_to_send()
        if self.writable.is_set() or self.conn.close_rcvd is not None:
            self.transport.write(b"".join(answers))
        elif answers:
            self._pong = answers[-1]

    def send_receive_event_to_app(self) -> None:
        """Take a message that the library has put together."""
        message = b"".join(self.frames)
        self.frames = []
        self._take(message, self.curr_msg_data_type == "text")

    def _take(self, body: bytes, is_text: bool) -> None:
        """Give a message to the connection; what it cannot serve at once waits in the queue."""
        if self.close_sent:
            return
        if is_text and not is_utf8(body):
            # Our parent logs it with a traceback, as an error of ours.
            self.conn.send_close(CloseCode.INVALID_DATA)
            self.handle_parser_exception()
            return
        if self.receiver is None:
            message: Any = {"type": "websocket.receive"}
            message |= {"text": body.decode()} if is_text else {"bytes": body}
        else:
            message = self.receiver.take(body, is_text, self.heard_at)
            if message is None:
                return
        self.queue.put_nowait(message)
        # When some wait, not at each one: that is two system calls.
        large = len(body) > LARGE_BYTES
        if not self.read_paused and (large or self.queue.qsize() >= MAX_WAITING):
            self.read_paused = True
            self.transport.pause_reading()

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if hasattr(self, "scope"):
            extensions: dict[Any, Any] = cast(Any, self.scope)["extensions"]
            extensions["bos.raw"] = self

    async def send(self, message: Any) -> None:
        if message["type"] == "websocket.accept" and self._handshake is not None:
            self._accept(self._handshake, message)
            return
        await super().send(message)
        match message["type"]:
            case "websocket.accept":
                # Both would be kept, with their headers, for as long as the connection lives.
                self.request = self.response = None  # type: ignore[assignment]  # not asked again
            case "websocket.close" if self._broken and self.close_timer is not None:
                self.close_timer.cancel()
                self._say_no_more(LINGER_SECONDS)
            case "websocket.http.response.body":
                # A refusal ends the handshake; uvicorn would log that it has not ended.
                self.handshake_complete = True

    def _accept(self, handshake: Handshake, message: Any) -> None:
        self._handshake = None
        if self.disconnected:
            raise ClientDisconnected
        if not self.transport.is_closing():
            more = [*self.default_headers, *message.get("headers", ())]
            self.transport.write(handshake.response(message.get("subprotocol"), more))
            self.conn.state = State.OPEN
            self.handshake_complete = True
            self.start_keepalive()

    # -------------------------------------------------------------- RawTransport

    def write(self, frames: bytes) -> None:
        # Never after a close frame.
        if not self.close_sent and not self.transport.is_closing():
            self.transport.write(frames)

    def buffered(self) -> int:
        return self.transport.get_write_buffer_size()

    def free_socket(self) -> int:
        # What waits in the transport goes first; the number of a closed socket may be another's.
        transport = self.transport
        if self.close_sent or transport.is_closing() or transport.get_write_buffer_size():
            return -1
        return self._socket

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
        if self._pong:
            self.write(self._pong)
            self._pong = b""
        if self._watcher is not None:
            self._watcher.resume()
        if self._drained is not None:
            self._drained.set()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.intake.leave()
        if self._watcher is not None:
            self._watcher.end()
        self._watcher = self.receiver = None
        if self._drained is not None:
            self._drained.set()
        # The parser, a generator, holds the frame reader, and that the parser: freed only by a
        # collection, which comes rarely here.
        conn: Any = self.conn
        conn.parser = conn.parser_exc = None
        if hasattr(self, "scope"):  # it holds this object where nobody has taken it over
            cast(Any, self.scope).get("extensions", {}).pop("bos.raw", None)
        self._broken = True

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
