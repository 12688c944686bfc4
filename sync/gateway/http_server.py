"""uvicorn's HTTP protocol with bounds on what one request may cost before it is served (s8, w10).

A head and a body have so much time and so many bytes; who keeps to neither gets 408, 413, 414 or
431 and is cut off. uvicorn itself keeps what is silent, slow or endless.
"""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from http import HTTPStatus
from typing import Any, ClassVar

import httptools
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from websockets.datastructures import Headers
from websockets.http11 import Request

from sync.conf import sync_settings
from sync.gateway.cors import cors_headers
from sync.gateway.handshake import Handshake, path_of, read_handshake
from sync.gateway.intake import TurnedAway, block_of, gate
from sync.gateway.server import RawWebSocketProtocol

logger = logging.getLogger("bos.sync")

MAX_HEADERS = 100
# The handshake of a WebSocket is read again by `websockets`, which takes lines of 8 kB.
MAX_LINE_BYTES = 8 * 1024 - len(": \r\n")
# So much is read at once, and not the 256 kB that a read may bring: they may be 14,000 requests.
PIECE_BYTES = 16 * 1024
# Requests that were sent without waiting for an answer, and wait themselves. No browser does so.
MAX_PIPELINED = 8
# A body brings so much in each `request_timeout`, or is given up.
PROGRESS_BYTES = 64 * 1024
# How long an answer may wait without the client taking any of it.
UNREAD_SECONDS = 30.0
WEBSOCKET = b"websocket"
# How long what still comes is thrown away after a refusal: a reset would take the refusal along.
LINGER_SECONDS = 2.0
# A handshake that is turned away hears so after this long: clients that come back at once, with
# thousands of sockets, would have the server do nothing but refuse. So many wait for it at most.
TURNED_AWAY_SECONDS = 1.0
MOST_HELD_BACK = 4_000


class HttpProtocol(HttpToolsProtocol):
    """One connection, from its first byte to its end or to its upgrade."""

    _timer: asyncio.TimerHandle | None = None
    """Runs while a request is waited for: its head, then its body."""
    _unread_timer: asyncio.TimerHandle | None = None
    _refused = False
    """Answered with a refusal; what still comes is thrown away."""
    _upgraded = False
    """The connection is a WebSocket now, and another protocol's."""
    _is_upgrade: bool | None = None
    """Whether the request asks for a WebSocket: known from the end of its head."""
    _in_head = True
    _has_begun = False
    _head_left = 0
    _headers_left = 0
    _body_bytes = 0
    _body_bytes_before = 0
    """At the last look at the time."""
    _unread_bytes = 0
    _held_back: ClassVar[set[HttpProtocol]] = set()
    """Those of this process that are turned away, and have not been told yet."""
    _answering: RequestResponseCycle | None = None
    """The request whose turn it is; `cycle` is the one that was read last."""

    # -------------------------------------------------------------- from the transport

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._wait_for_request()
        self._start_timer()

    def data_received(self, data: bytes) -> None:
        if self._timer is None:  # the next request of a connection that was kept
            self._start_timer()
        while data and not self._refused:
            piece = data[: min(PIECE_BYTES, self._head_left) if self._in_head else PIECE_BYTES]
            data = data[len(piece) :]
            if self._in_head:
                self._head_left -= len(piece)
            self._parse(piece)
            if self._upgraded:
                return
            if self._in_head and self._head_left <= 0:
                self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
            elif len(self.pipeline) > MAX_PIPELINED:
                self._refuse(HTTPStatus.TOO_MANY_REQUESTS)

    def _parse(self, data: bytes) -> None:
        """As our parent does; but after an upgrade to what is not spoken here the parser stops,
        and the body would be lost (w4): such a request is read again without it."""
        self._unset_keepalive_if_required()
        while not self._refused:
            try:
                self.parser.feed_data(data)
                return
            except httptools.HttpParserError:
                self._refuse(HTTPStatus.BAD_REQUEST)
            except httptools.HttpParserUpgrade as upgrade:
                if self._should_upgrade():
                    self.handle_websocket_upgrade()
                    return
                if self.parser.get_method() == b"CONNECT":
                    self._refuse(HTTPStatus.METHOD_NOT_ALLOWED)
                    return
                data = self._head_without_upgrade() + data[upgrade.args[0] :]
                self.parser = httptools.HttpRequestParser(self)

    def _head_without_upgrade(self) -> bytes:
        version = self.parser.get_http_version().encode()
        lines = [b"%s %s HTTP/%s" % (self.parser.get_method(), self.url, version)]
        lines += [b"%s: %s" % header for header in self.headers if header[0] != b"upgrade"]
        self._headers_left = MAX_HEADERS
        return b"\r\n".join(lines) + b"\r\n\r\n"

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timers()
        self._held_back.discard(self)
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._unread_bytes = self.transport.get_write_buffer_size()
        self._unread_timer = self.loop.call_later(UNREAD_SECONDS, self._on_unread)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._unread_timer is not None:
            self._unread_timer.cancel()
            self._unread_timer = None

    def _on_unread(self) -> None:
        before, self._unread_bytes = self._unread_bytes, self.transport.get_write_buffer_size()
        if self._unread_bytes >= before:
            self.transport.abort()
        else:
            self._unread_timer = self.loop.call_later(UNREAD_SECONDS, self._on_unread)

    # -------------------------------------------------------------- from the parser

    def on_message_begin(self) -> None:
        self._has_begun = True
        self._is_upgrade = None
        if self._timer is None:  # it came after another one
            self._start_timer()
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        if len(self.url) > MAX_LINE_BYTES:
            self._refuse(HTTPStatus.REQUEST_URI_TOO_LONG)

    def on_header(self, name: bytes, value: bytes) -> None:
        super().on_header(name, value)
        self._headers_left -= 1
        if self._headers_left < 0 or len(name) + len(value) > MAX_LINE_BYTES:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)

    def on_headers_complete(self) -> None:
        if self._refused or self._is_read_again():
            return
        for name, value in self.headers:
            if name == b"content-length" and int(value) > sync_settings().max_body_bytes:
                self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
                return
        self._in_head = False
        super().on_headers_complete()
        self._stop_timer()
        self._start_timer()  # for the body

    def on_body(self, body: bytes) -> None:
        if self._refused:
            return
        self._body_bytes += len(body)
        if self._body_bytes > sync_settings().max_body_bytes:
            self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
            return
        super().on_body(body)

    def on_message_complete(self) -> None:
        if self._refused or self._is_read_again():
            return
        super().on_message_complete()
        self._stop_timer()
        self._wait_for_request()

    def _is_read_again(self) -> bool:
        return bool(self.parser.should_upgrade()) and not self._should_upgrade()

    def _should_upgrade(self) -> bool:
        if self._is_upgrade is None:
            self._is_upgrade = self.parser.get_method() == b"GET" and super()._should_upgrade()
        return self._is_upgrade

    def _get_upgrade(self) -> bytes | None:
        """The upgrade that is asked for, WebSocket where that is among several.

        RFC 9110, sections 5.3 and 7.8: either header is a list, and may take several lines (w16).
        """
        if b"upgrade" not in self._tokens(b"connection"):
            return None
        wanted = self._tokens(b"upgrade")
        return WEBSOCKET if WEBSOCKET in wanted else next(iter(wanted), None)

    def _tokens(self, header: bytes) -> list[bytes]:
        values = [value.split(b",") for name, value in self.headers if name == header]
        return [token.strip().lower() for tokens in values for token in tokens]

    def handle_websocket_upgrade(self) -> None:
        """Hand the connection on, with the request as it was read here.

        uvicorn would write its head anew for the library to parse: 14 % of what it cost to connect,
        by a profile.
        """
        if self._refused:
            return
        self._stop_timers()
        target = self._target()
        # Behind a request whose answer is still to come: that would stand between the frames.
        if target is None or self._is_answering():
            self._refuse(HTTPStatus.BAD_REQUEST)
            return
        # Before anything is made for it: a handshake that is refused costs as much as another.
        address = self._client_host()
        slot = gate().enter(address, self.loop.time())
        if isinstance(slot, TurnedAway):
            self._turn_away(slot, address)
            return
        self.connections.discard(self)
        protocol = RawWebSocketProtocol(self.config, self.server_state, self.app_state)
        protocol.take_over(self)
        protocol.intake.slot = slot
        handshake = self._handshake()
        if handshake is not None:
            protocol.begin(target, handshake)
        else:
            protocol.shake_hands(self._request(target))
        self.transport.set_protocol(protocol)
        self._upgraded = True
        # It holds this object, and this object it: freed by a collection only.
        self.parser = None  # type: ignore[assignment]  # not asked again

    def _target(self) -> str | None:
        """The path that is asked for; None where this is no request for an upgrade."""
        for name, value in self.headers:
            if name == b"transfer-encoding" or (name == b"content-length" and int(value)):
                return None  # a body, where frames are to come
        target = path_of(self.url)
        return target.decode() if target is not None and target.isascii() else None

    def _handshake(self) -> Handshake | None:
        """The handshake where it is as it should be; else the library says what is wrong."""
        if self.parser.get_http_version() != "1.1" or self.config.ws_per_message_deflate:
            return None
        return read_handshake(self.headers)

    def _request(self, target: str) -> Request:
        """The request for an upgrade, with the only one that is spoken here, for the library."""
        headers = Headers()
        for name, value in self.headers:
            if name not in (b"upgrade", b"connection"):
                headers[name.decode("ascii")] = value.decode("latin-1")
        headers["upgrade"] = "websocket"
        headers["connection"] = "Upgrade"
        return Request(target, headers, "GET", f"HTTP/{self.parser.get_http_version()}")

    def _client_host(self) -> str | None:
        """Return the client's address, by a trusted proxy's word where there is one."""
        host = None if self.client is None else self.client[0]
        app = self.app
        if isinstance(app, ProxyHeadersMiddleware) and host in app.trusted_hosts:
            named = [value for name, value in self.headers if name == b"x-forwarded-for"]
            if named:
                forwarded = b", ".join(named).decode("latin-1")
                return app.trusted_hosts.get_trusted_client_address(forwarded)[0] or host
        return host

    # -------------------------------------------------------------- time

    def _wait_for_request(self) -> None:
        self._in_head = True
        self._has_begun = False
        self._head_left = sync_settings().max_header_bytes
        self._headers_left = MAX_HEADERS
        self._body_bytes = self._body_bytes_before = 0

    def _start_timer(self) -> None:
        self._timer = self.loop.call_later(sync_settings().request_timeout, self._on_time)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _stop_timers(self) -> None:
        self._stop_timer()
        if self._unread_timer is not None:
            self._unread_timer.cancel()
            self._unread_timer = None

    def _on_time(self) -> None:
        """The request has not come in time; or it is we who have not read it."""
        progress = self._body_bytes - self._body_bytes_before
        if self.flow.read_paused or (self._in_head and self._is_answering()):
            self._start_timer()
        elif not self._in_head and progress >= PROGRESS_BYTES:
            self._body_bytes_before = self._body_bytes
            self._start_timer()
        elif self._has_begun:
            self._refuse(HTTPStatus.REQUEST_TIMEOUT)
        else:
            self.transport.close()

    # -------------------------------------------------------------- refusing

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._answering = cycle
        super()._start_asgi_task(cycle, app)

    def _is_answering(self) -> bool:
        return self._answering is not None and not self._answering.response_complete

    def send_400_response(self, msg: str) -> None:
        self._refuse(HTTPStatus.BAD_REQUEST)

    def _refuse(self, status: HTTPStatus) -> None:
        """Answer with this status and end the connection, so that the answer can be read."""
        if self._refused:
            return
        self._refused = True
        self._stop_timer()
        answering = self._answering
        if answering is not None and answering.response_complete:
            if answering is self.cycle and not self._in_head:  # answered before it was all there
                self.transport.close()
                return
        elif answering is not None:
            if self._in_head or answering is not self.cycle:
                # It is another request's turn, which is answered; after it there is no more.
                answering.keep_alive = False
                self.pipeline.clear()
                return
            answering.disconnected = True  # whoever waits for the body hears that it will not come
            answering.message_event.set()
            if answering.response_started:
                self.transport.close()
                return
        body = f"{status.phrase}.\n".encode()
        head = (
            f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: text/plain\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n"
        )
        self.transport.write(head.encode() + self._cors_lines() + b"\r\n" + body)
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.flow.resume_reading()
        self._timer = self.loop.call_later(LINGER_SECONDS, self.transport.close)

    def _turn_away(self, turned: TurnedAway, address: str | None) -> None:
        """Refuse a handshake, and say when to come back; nothing more of it is to come."""
        extra = {"reason": "too many", "address": block_of(address), "often": True}
        logger.info("handshake refused", extra=extra)
        self._refused = True
        if len(self._held_back) >= MOST_HELD_BACK:
            self._tell_turned_away(turned)
            return
        self._held_back.add(self)
        tell = partial(self._tell_turned_away, turned)
        self._timer = self.loop.call_later(TURNED_AWAY_SECONDS, tell)

    def _tell_turned_away(self, turned: TurnedAway) -> None:
        head = (
            f"HTTP/1.1 {turned.status} {HTTPStatus(turned.status).phrase}\r\n"
            f"Retry-After: {turned.retry_after}\r\nContent-Type: text/plain\r\n"
            f"Content-Length: {len(TurnedAway.TEXT)}\r\nConnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + TurnedAway.TEXT)
        self.transport.close()

    def _cors_lines(self) -> bytes:
        """A page may read why it is refused, as far as its request has come in."""
        if not self._has_begun:
            return b""
        path = self.url.decode("latin-1").partition("?")[0]
        return b"".join(b"%b: %b\r\n" % pair for pair in cors_headers(path, self.headers))
