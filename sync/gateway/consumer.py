"""The Channels consumer: a shell between ASGI and a connection's state.

It overrides the receive loop of Channels, which hops to the process's one database thread for
every message (django/channels#1371 and #2132), and it listens to no channel layer: the hub does,
once for all connections of the process.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextvars import copy_context
from secrets import token_hex
from typing import Any

from channels.consumer import AsyncConsumer
from django.conf import settings

from sync import about, metrics
from sync.conf import sync_settings
from sync.delivery.asgi_outbox import AsgiOutbox
from sync.delivery.hub import Hub, hub
from sync.delivery.outbox import Outbox
from sync.delivery.raw_outbox import RawOutbox
from sync.gateway.connection import Connection
from sync.gateway.dispatcher import Admitted, admit, is_ping, serve
from sync.gateway.intake import Intake, RawTransport, TurnedAway, block_of, gate
from sync.gateway.origin import origin_allowed
from sync.protocol.close_codes import CloseCode

logger = logging.getLogger("bos.sync")

SUBPROTOCOL = "bos-v1"
ABNORMAL = 1006
# A client may close with any code; these are what we close with, and what RFC 6455 gives meaning.
CODES = frozenset({*map(int, CloseCode), 1000, 1001, 1003, 1005, ABNORMAL, 1008})
CLOSES = metrics.counter(
    "bos_closes",
    "WebSockets that have ended, by close `code`: 1006 without a close frame, 1005 with one that"
    " says none, `other` where the client has its own.",
    "code",
    known=sorted(map(str, CODES)),
)
# Messages of our own in the queue, beside ASGI's. A FRAME waits to be read, a REQUEST that was read
# already to be served, and QUIET is what follows when the client has sent no more.
FRAME, REQUEST, QUIET = "bos.frame", "bos.request", "bos.quiet"
# A frame of so few may be a PING.
BEAT_BYTES = 512
QUIET_SECONDS = 0.05
# A PING waits so long for what came before it (H1). Nearly all is served sooner, and answered
# before it; a heartbeat has ten seconds.
OVERTAKE_SECONDS = 0.25
Frame = tuple[bytes, bool]
"""A message's bytes, and whether they are text."""
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class GatewayConsumer(AsyncConsumer):
    """Serves /v1/ws."""

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        await receive()  # websocket.connect
        raw: RawTransport | None = scope.get("extensions", {}).get("bos.raw")
        intake = raw.intake if raw is not None else Intake()
        if intake.slot is None:  # our own server asks before it makes anything
            address = (scope.get("client") or (None,))[0]
            slot = gate().enter(address, time.monotonic())
            if isinstance(slot, TurnedAway):
                _log_refusal("too many", address)
                await _turn_away(scope, send, slot)
                return
            intake.slot = slot
        try:
            await self._serve(scope, receive, send, raw, intake)
        finally:
            intake.leave()

    @staticmethod
    async def _serve(
        scope: dict[str, Any],
        receive: Receive,
        send: Send,
        raw: RawTransport | None,
        intake: Intake,
    ) -> None:
        offered = scope.get("subprotocols") or []
        permitted = _may_connect(scope)
        if not permitted or (offered and SUBPROTOCOL not in offered):
            reason = "subprotocol" if permitted else "origin"
            _log_refusal(reason, (scope.get("client") or (None,))[0])
            await send({"type": "websocket.close"})
            return
        subprotocol = SUBPROTOCOL if offered else None
        await send({"type": "websocket.accept", "subprotocol": subprotocol})
        # The handshake's headers would be kept for as long as the connection lives.
        scope.clear()
        await _Socket(hub(), receive, send, raw, intake).serve()


def _log_refusal(reason: str, address: str | None) -> None:
    extra = {"reason": reason, "address": block_of(address), "often": True}
    logger.info("handshake refused", extra=extra)


async def _turn_away(scope: dict[str, Any], send: Send, turned: TurnedAway) -> None:
    """Refuse the handshake, and say when to come back where the server can (Daphne says 403)."""
    if "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close"})
        return
    headers = [(b"Retry-After", b"%d" % turned.retry_after), (b"Content-Type", b"text/plain")]
    await send(
        {"type": "websocket.http.response.start", "status": turned.status, "headers": headers}
    )
    await send({"type": "websocket.http.response.body", "body": TurnedAway.TEXT})


def _may_connect(scope: dict[str, Any]) -> bool:
    headers = dict(scope["headers"])
    return origin_allowed(
        headers.get(b"origin"),
        headers.get(b"host"),
        scope.get("scheme", "ws"),
        more=sync_settings().allowed_origins,
        hosts=settings.ALLOWED_HOSTS,
    )


def _taken(message: dict[str, Any]) -> Frame | None:
    """The frame of a message in the queue, ASGI's or ours, for what asks first."""
    if message["type"] == FRAME:
        frame: Frame | None = message.pop("frame", None)
        return frame
    text: str | None = message.get("text")
    return (message["bytes"], False) if text is None else (text.encode(), True)


def _has_ended(code: CloseCode) -> None:
    return None


class _Socket:
    """One accepted WebSocket: reads frames one at a time, keeps time, closes."""

    __slots__ = (
        "_about",
        "_closed_by",
        "_closing",
        "_code",
        "_connected_at",
        "_connection",
        "_hub",
        "_loop",
        "_queued",
        "_raw",
        "_read_until",
        "_reading",
        "_receive",
        "_send",
        "_timer",
    )

    def __init__(
        self,
        hub_: Hub,
        receive: Receive,
        send: Send,
        raw: RawTransport | None,
        intake: Intake,
    ) -> None:
        self._hub = hub_
        self._receive = receive
        self._send = send
        self._raw = raw
        self._loop = asyncio.get_running_loop()
        self._reading = False
        """Nothing is being served, and the server does not end."""
        self._queued = 0
        """Messages from `take` on their way through the queue."""
        self._closing: asyncio.Task[None] | None = None
        self._connected_at = self._loop.time()
        self._closed_by = "client"
        self._code = 0
        self._read_until: float | None = None
        """When reading ends, where the server does."""
        limit = sync_settings().send_queue_bytes
        id_ = token_hex(16)  # a UUID's making takes three times as long
        about.begin(connection=id_)
        self._about = copy_context()
        """Where lines of the log say which connection they are about."""
        outbox: Outbox = (
            RawOutbox(raw, hub_.flusher, limit) if raw is not None else AsgiOutbox(send, limit)
        )
        self._connection = Connection(
            id_,
            outbox,
            raw=raw is not None,
            now=self._loop.time(),
            on_close=self._begin_close,
            intake=intake,
        )
        self._timer = hub_.deadlines.call_at(self._connection.next_deadline(), self._on_time)

    async def serve(self) -> None:
        connection = self._connection
        self._hub.add(connection.subscriber)
        logger.debug("connected")
        if self._raw is not None:
            self._raw.receiver = self
        try:
            while True:
                # While the server ends, only as long as the client goes on.
                self._reading = self._read_until is None
                message = await (self._receive() if self._reading else self._next())
                self._reading = False
                if message["type"] == "websocket.disconnect":
                    # 1005: the close frame has none. 1006: there was no close frame.
                    self._code = self._code or message.get("code") or ABNORMAL
                    break
                if message["type"] == "websocket.drain":
                    self._read_until = message["until"]
                elif message["type"] == QUIET:
                    await self._drain()
                elif not connection.closing:
                    await self._handle(message)
        except Exception:
            self._fail()
        finally:
            await self._end()

    def _fail(self) -> None:
        """A fault of our own, as it is raised just now."""
        logger.exception("connection failed")
        self._connection.close(CloseCode.SERVER_FAULT)

    def take(self, body: bytes, is_text: bool, now: float) -> dict[str, Any] | None:
        """Serve a message at once where nothing comes before it, or return what is to be queued."""
        connection = self._connection
        if connection.closing:
            return None
        if self._queued or not self._reading:
            self._queued += 1
            message = {"type": FRAME, "frame": (body, is_text)}
            if len(body) <= BEAT_BYTES and b"PING" in body:
                self._loop.call_later(OVERTAKE_SECONDS, self._overtake, message)
            return message
        admitted = self._admit(body, is_text, now)
        if admitted is None:
            return None
        self._queued += 1
        return {"type": REQUEST, "request": admitted}

    def _admit(self, body: bytes, is_text: bool, now: float) -> Admitted | None:
        """Called by the protocol: nothing that fails in here may be raised there."""
        try:
            return self._about.run(admit, self._connection, self._hub, body, is_text, now)
        except Exception:
            self._about.run(self._fail)
            return None

    async def _handle(self, message: dict[str, Any]) -> None:
        """Serve what has waited in the queue, ours or the server's."""
        connection = self._connection
        now = self._loop.time()
        connection.touch(now)
        connection.busy = True
        if message["type"] in (FRAME, REQUEST):
            self._queued -= 1
        try:
            if message["type"] == REQUEST:
                await serve(connection, self._hub, message.pop("request"))
            elif (frame := _taken(message)) is not None:  # else it has been answered meanwhile
                await self._serve_frame(frame, now)
        finally:
            connection.busy = False
        if connection.deadline_moved:
            connection.deadline_moved = False
            self._on_time()

    async def _serve_frame(self, frame: Frame, now: float) -> None:
        body, is_text = frame
        if self._raw is None and not self._may_send(body, now):
            return
        admitted = admit(self._connection, self._hub, body, is_text, now)
        if admitted is not None:
            await serve(self._connection, self._hub, admitted)

    def _overtake(self, message: dict[str, Any]) -> None:
        """Answer a PING although what came before it takes long."""
        connection = self._connection
        if not connection.busy or connection.closing or "frame" not in message:
            return
        body, is_text = message["frame"]
        if is_ping(body, is_text):
            del message["frame"]
            subscriber = connection.subscriber
            spoken = subscriber.encoding
            self._admit(body, is_text, self._loop.time())
            subscriber.encoding = spoken  # an AUTH that is being served is answered in its own (W3)

    async def _next(self) -> dict[str, Any]:
        """Return what comes next; where the server ends, QUIET once the client has sent no more.

        A frame may wait in the system for our reading it. A busy loop finds its timers due before
        it has looked at its sockets, so nothing must come twice.
        """
        assert self._read_until is not None
        for _ in range(2):
            if self._loop.time() >= self._read_until:  # it does not stop
                break
            try:
                async with asyncio.timeout(QUIET_SECONDS):
                    return await self._receive()
            except TimeoutError:
                continue
        self._read_until = None
        return {"type": QUIET}

    def _may_send(self, body: bytes, now: float) -> bool:
        """Under other servers, that read whole messages: what ours asks for each frame."""
        connection = self._connection
        if len(body) > connection.intake.max_message_bytes:
            connection.close(CloseCode.TOO_BIG)
        elif not connection.intake.pay(1, now):
            connection.flooded()
        return not connection.closing

    async def _drain(self) -> None:
        """The server ends: let changes under way be committed and answered first."""
        connection = self._connection
        while connection.changes:
            await asyncio.wait(connection.changes)
        subscriber = connection.subscriber
        if subscriber.feed is not None:
            await subscriber.feed.settled(subscriber)
        connection.close(CloseCode.SERVER_RESTART)

    def _on_time(self) -> None:
        if self._connection.closing:
            self._timer.cancel()
            return
        if self._raw is not None:
            self._connection.touch(self._raw.heard_at)
        self._connection.on_deadline(self._loop.time())
        self._timer = self._hub.deadlines.move(self._timer, self._connection.next_deadline())

    # -------------------------------------------------------------- closing

    def _begin_close(self, code: CloseCode) -> None:
        self._code, self._closed_by = int(code), "server"
        logger.info("closing", extra={"code": self._code})
        self._closing = self._loop.create_task(self._close_with(code))

    async def _close_with(self, code: CloseCode) -> None:
        """Write what waits and the close frame; give a slow client some time to read them."""
        try:
            async with asyncio.timeout(sync_settings().close_patience):
                await self._connection.subscriber.outbox.flushed()
                await self._send(
                    {"type": "websocket.close", "code": int(code), "reason": code.reason}
                )
                if self._raw is not None:
                    await self._raw.wait_written()
        except TimeoutError:
            if self._raw is not None:
                self._raw.abort()
        except Exception:  # the client has gone
            logger.debug("close not sent")

    async def _end(self) -> None:
        connection = self._connection
        subscriber = connection.subscriber
        subscriber.closing = True
        if self._raw is not None:
            self._raw.receiver = None
        connection.intake.leave()  # now: the client may connect again at once
        self._timer.cancel()
        subscriber.outbox.end()
        await self._hub.remove(subscriber)
        if self._closing is not None:
            await self._closing
        # This object's own method: with it, neither would be freed before a collection.
        subscriber.on_close = _has_ended
        CLOSES.add(1, str(self._code) if self._code in CODES else "other")
        seconds = round(self._loop.time() - self._connected_at, 1)
        logger.info("closed", extra={"code": self._code, "by": self._closed_by, "seconds": seconds})
