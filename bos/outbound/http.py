"""Requests to addresses that people have typed in: never into the server's own network (D5).

A name is resolved once, what it resolves to is looked at, and that very address is connected to; so
it is for each redirect. What comes back is read up to a bound of bytes and of time.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Mapping
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import Any, Self
from urllib.parse import urlsplit

import requests
from django.conf import settings
from requests_hardened import Config, Manager
from requests_hardened.ip_filter import InvalidIPAddress, filter_host
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

SECONDS = 10.0
"""Patience with a receiver, from the connection to the last byte."""
ANSWER_BYTES = 2**16
"""Read of an answer, unless the caller says otherwise."""
ADDRESS_LENGTH = 2_000
CHUNK = 2**14


class OutboundError(Exception):
    """The request got no answer; its text says why, in words for people."""


class AddressRefused(OutboundError):
    """The address is none, or inside the network: trying again changes nothing by itself."""


@dataclass(frozen=True, slots=True)
class Answer:
    """status: of HTTP. content: at most as many bytes as were asked for."""

    status: int
    headers: Mapping[str, str]
    content: bytes


def require_outside(address: str) -> None:
    """Raises AddressRefused unless the address is HTTP or HTTPS and leads out of the network.

    Resolves its name, so call it where somebody saves an address. `request` looks again: names
    change what they mean.
    """
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise AddressRefused(f"This is no address: {error}.") from error
    if parts.scheme not in ("http", "https") or not host or len(address) > ADDRESS_LENGTH:
        raise AddressRefused("An address begins with https:// or http:// and names a host.")
    if parts.username is not None or parts.password is not None:
        raise AddressRefused("An address may not hold a name and password: they would be shown.")
    if settings.OUTBOUND_INSIDE:
        return
    outside_address(host, port or (443 if parts.scheme == "https" else 80))


def outside_address(host: str, port: int) -> str:
    """Return the address that a host's name means now, where that is outside of the network.

    Connect to that very address: asked again, the name may mean another one. Where
    `BOS_OUTBOUND_INSIDE` opens the network, it is not looked at. Raises AddressRefused.
    """
    try:
        if settings.OUTBOUND_INSIDE:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            return str(found[0][4][0])
        address: str = filter_host(host, port, allow_loopback=False).strip("[]")
        _require_no_detour(address)
        return address
    except InvalidIPAddress as error:
        raise AddressRefused(INSIDE) from error
    except (OSError, UnicodeError) as error:  # those of requests are OSErrors
        raise AddressRefused(f"The host “{host}” cannot be found.") from error


def _require_no_detour(address: str) -> None:
    """Raises AddressRefused for ranges that the library lets through, and some networks route."""
    ip = ip_address(address)
    if any(ip in network for network in DETOURS):
        raise AddressRefused(INSIDE)


DETOURS = tuple(map(ip_network, ("fec0::/10", "::/96", "::ffff:0:0:0/96")))
"""Site-local addresses, and two forms of IPv4 ones in IPv6, all of them given up long ago."""
INSIDE = "This address is inside the server's own network."


def request(
    method: str,
    address: str,
    *,
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
    params: Mapping[str, str] | None = None,
    seconds: float = SECONDS,
    most_bytes: int = ANSWER_BYTES,
    redirects: int = 0,
) -> Answer:
    """Send one request, and return the answer whatever its status.

    most_bytes: of the answer's content; 0 where the status is enough, and nothing of it is read.
    redirects: how many are followed; 0 returns the first one as the answer, without content.
    Raises AddressRefused, and OutboundError where no answer came in time or it was too long.
    """
    if urlsplit(address).scheme not in ("http", "https"):
        raise AddressRefused("An address begins with https:// or http:// and names a host.")
    with _session(seconds, redirects) as session, _Deadline(seconds) as deadline:
        try:
            with session.request(
                method, address, headers=dict(headers or {}), data=body, params=params, stream=True
            ) as response:
                content = _content(response, most_bytes) if most_bytes else b""
                answer = Answer(response.status_code, dict(response.headers), content)
        except (requests.RequestException, UnicodeError) as error:
            if deadline.is_over:
                raise OutboundError(_too_late(seconds)) from error
            raise _in_words(error, seconds, redirects) from error
        if deadline.is_over:  # by that it has ended, perhaps in the middle of a header
            raise OutboundError(_too_late(seconds))
        return answer


def _session(seconds: float, redirects: int) -> requests.Session:
    manager = Manager(
        Config(
            ip_filter_enable=not settings.OUTBOUND_INSIDE,
            ip_filter_allow_loopback_ips=False,
            never_redirect=not redirects,
            default_timeout=(seconds, seconds),
            user_agent_override="BOS",
        )
    )
    session: requests.Session = manager.get_session()
    session.trust_env = False  # no proxy and no password of the environment's
    session.max_redirects = redirects or 1  # where none is followed it looks at the first
    session.hooks["response"] = [_leave_content_of_redirect]
    for adapter in session.adapters.values():
        assert isinstance(adapter, requests.adapters.HTTPAdapter)
        adapter.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}
    return session


def _leave_content_of_redirect(response: requests.Response, **_: Any) -> None:
    """Without this the library reads all of it, however much that is, before it looks further."""
    if response.is_redirect:
        response._content = b""
        response.close()


def _in_words(error: Exception, seconds: float, redirects: int) -> OutboundError:
    match error:
        case InvalidIPAddress():
            return AddressRefused(INSIDE)
        case requests.Timeout():
            return OutboundError(_too_late(seconds))
        case requests.TooManyRedirects():
            return OutboundError(f"It was redirected more than {redirects} times.")
        case requests.exceptions.SSLError():
            return OutboundError("The certificate of the receiver does not hold.")
        case requests.ConnectionError() | requests.exceptions.ChunkedEncodingError():
            return OutboundError("The receiver cannot be reached, or hung up.")
    return OutboundError("This is no address that a request can be sent to.")


def _too_late(seconds: float) -> str:
    return f"No answer within {seconds:g} seconds."


def _content(response: requests.Response, most_bytes: int) -> bytes:
    """Raises OutboundError where it is longer."""
    read = bytearray()
    for chunk in response.iter_content(CHUNK):
        read += chunk
        if len(read) > most_bytes:
            raise OutboundError(f"The answer is longer than {most_bytes:,} bytes.")
    return bytes(read)


# ------------------------------------------------------------------ the end of a request's time


class _Deadline:
    """Ends the connections of a request when its time is over.

    The timeout of a socket is about its next byte: by that, a receiver that sends one every few
    seconds, of a header perhaps, is never too late.
    """

    def __init__(self, seconds: float) -> None:
        self.is_over = False
        self._lock = threading.Lock()
        self._connections: list[socket.socket] = []
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        self._before = _deadline.set(self)
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        _deadline.reset(self._before)
        self._timer.cancel()
        with self._lock:
            for connection in self._connections:
                connection.close()
            self._connections.clear()

    def watch(self, connection: socket.socket) -> None:
        """End this connection, too, when the time is over."""
        with self._lock:
            # Its own descriptor: TLS takes the socket's away.
            self._connections.append(connection.dup())
        if self.is_over:
            self._end()

    def _end(self) -> None:
        with self._lock:
            self.is_over = True
            for connection in self._connections:
                with suppress(OSError):  # it has ended by itself
                    connection.shutdown(socket.SHUT_RDWR)


_deadline: ContextVar[_Deadline] = ContextVar("deadline of a request")


def _require_allowed(host: str) -> None:
    """host: an address, as the library has looked at it."""
    if not settings.OUTBOUND_INSIDE:
        _require_no_detour(host.strip("[]"))


class _Connection(HTTPConnection):
    def _new_conn(self) -> socket.socket:
        _require_allowed(self.host)
        made = super()._new_conn()
        _deadline.get().watch(made)
        return made


class _SecureConnection(HTTPSConnection):
    def _new_conn(self) -> socket.socket:
        _require_allowed(self.host)
        made = super()._new_conn()
        _deadline.get().watch(made)
        return made


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection
