"""Which web pages may connect (decision W5)."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable
from functools import lru_cache
from urllib.parse import urlsplit

from django.http.request import validate_host

_DEFAULT_PORTS = {"http": 80, "https": 443}
_NOT_OF_PAGES = {"ws": "http", "wss": "https"}
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_Origin = tuple[str, str, int]
"""Scheme, host, port; 0 where a scheme knows none."""


def origin_allowed(
    origin: bytes | None,
    host: bytes | None,
    scheme: str,
    *,
    more: Iterable[str],
    hosts: Iterable[str],
) -> bool:
    """Whether a handshake with this Origin header is served.

    origin: None where there is none: a native app, which has no cookies that a page could abuse.
    host and scheme: what the request was sent to ('ws' or 'wss'). more: further allowed origins.
    hosts: names that are this server's, as in ALLOWED_HOSTS; another site whose name leads here
    (DNS rebinding) is of the same origin as the Host that its page asks for.
    """
    if origin is None:
        return True
    try:
        parsed = parse_origin(origin.decode("latin-1"))
    except ValueError:
        return False
    if is_named(origin, more):
        return True
    web_scheme = "https" if scheme == "wss" else "http"
    try:
        own = parse_origin(f"{web_scheme}://{(host or b'').decode('latin-1')}")
    except ValueError:
        return False
    return parsed == own and validate_host(_with_brackets(parsed[1]), hosts)


def is_named(origin: bytes, allowed: Iterable[str]) -> bool:
    """Whether this Origin header is one of these origins; 'null' never is."""
    try:
        return parse_origin(origin.decode("latin-1")) in _parsed(tuple(allowed))
    except ValueError:
        return False


@lru_cache(maxsize=8)
def _parsed(origins: tuple[str, ...]) -> frozenset[_Origin]:
    """Return the origins that the settings name; the checks at start have refused others."""
    parsed = set[_Origin]()
    for origin in origins:
        with contextlib.suppress(ValueError):
            parsed.add(parse_origin(origin))
    return frozenset(parsed)


def _with_brackets(hostname: str) -> str:
    """ALLOWED_HOSTS names IPv6 addresses as addresses of pages do."""
    return f"[{hostname}]" if ":" in hostname else hostname


def parse_origin(origin: str) -> _Origin:
    """Return an origin in the form that all ways to write it have in common.

    Of web pages, and of pages that an app or an extension brings along: `capacitor://localhost`,
    `tauri://localhost`, `chrome-extension://<id>`. Raises ValueError with the reason where it is
    none that a page could have, or one of many pages: 'null' is that of every file and sandbox.
    """
    if not _SCHEME.match(origin):
        raise ValueError("an origin is a scheme, :// and a host, and `null` is nobody's own")
    if not origin.isascii() or any(character <= " " for character in origin):
        raise ValueError("an origin is of ASCII characters (xn--...), without blanks")
    parts = urlsplit(origin)  # ValueError: brackets that are not closed
    if parts.scheme in _NOT_OF_PAGES:
        raise ValueError(f"pages are of {_NOT_OF_PAGES[parts.scheme]}://, whatever they connect to")
    if parts.path or "?" in origin or "#" in origin or "@" in parts.netloc:
        raise ValueError("only a port may follow the host: no path, not even a `/`")
    if not parts.hostname or "*" in parts.netloc:
        raise ValueError("it names one host, without `*`")
    port = parts.port  # ValueError: no number, or too large
    default = _DEFAULT_PORTS.get(parts.scheme, 0)
    return parts.scheme, parts.hostname, default if port is None else port
