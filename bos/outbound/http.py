"""Requests to addresses that people have typed in: never into the server's own network (D5).

A name is resolved once, what it resolves to is looked at, and that very address is connected to; so
it is for each redirect. What comes back is read up to a bound of bytes and of time.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import requests
from django.conf import settings
from requests_hardened import Config, Manager
from requests_hardened.ip_filter import InvalidIPAddress, filter_host

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
        address: str = filter_host(host, port, allow_loopback=False)
        return address.strip("[]")
    except InvalidIPAddress as error:
        raise AddressRefused(INSIDE) from error
    except (OSError, UnicodeError) as error:  # those of requests are OSErrors
        raise AddressRefused(f"The host “{host}” cannot be found.") from error


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

    redirects: how many are followed; 0 returns the first one as the answer.
    Raises AddressRefused, and OutboundError where no answer came in time or it was too long.
    """
    if urlsplit(address).scheme not in ("http", "https"):
        raise AddressRefused("An address begins with https:// or http:// and names a host.")
    ends_at = time.monotonic() + seconds
    manager = Manager(
        Config(
            ip_filter_enable=not settings.OUTBOUND_INSIDE,
            ip_filter_allow_loopback_ips=False,
            never_redirect=not redirects,
            default_timeout=(seconds, seconds),
            user_agent_override="BOS",
        )
    )
    with manager.get_session() as session:
        session.trust_env = False  # no proxy and no password of the environment's
        session.max_redirects = redirects or 1  # where none is followed it looks at the first
        try:
            with session.request(
                method, address, headers=dict(headers or {}), data=body, params=params, stream=True
            ) as response:
                content = _content(response, ends_at, most_bytes)
                return Answer(response.status_code, dict(response.headers), content)
        except InvalidIPAddress as error:
            raise AddressRefused(INSIDE) from error
        except requests.Timeout as error:
            raise OutboundError(f"No answer within {seconds:g} seconds.") from error
        except requests.TooManyRedirects as error:
            raise OutboundError(f"It was redirected more than {redirects} times.") from error
        except requests.exceptions.SSLError as error:
            raise OutboundError("The certificate of the receiver does not hold.") from error
        except requests.ConnectionError as error:
            raise OutboundError("The receiver cannot be reached, or hung up.") from error
        except (requests.RequestException, UnicodeError) as error:
            raise OutboundError("This is no address that a request can be sent to.") from error


def _content(response: requests.Response, ends_at: float, most_bytes: int) -> bytes:
    """Raises OutboundError where it is longer, or comes too slowly."""
    read = bytearray()
    for chunk in response.iter_content(CHUNK):
        read += chunk
        if len(read) > most_bytes:
            raise OutboundError(f"The answer is longer than {most_bytes:,} bytes.")
        if time.monotonic() > ends_at:
            raise OutboundError("The answer came too slowly.")
    return bytes(read)
