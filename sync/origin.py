"""Which web pages may connect (decision W5)."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

from django.http.request import validate_host

_DEFAULT_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}
_Origin = tuple[str, str, int]


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
    parsed = _parse(origin.decode("latin-1"))
    if parsed is None:
        return False
    web_scheme = "https" if scheme == "wss" else "http"
    own = _parse(f"{web_scheme}://{(host or b'').decode('latin-1')}")
    if parsed == own and validate_host(_with_brackets(parsed[1]), hosts):
        return True
    return parsed in {_parse(allowed) for allowed in more}


def _with_brackets(hostname: str) -> str:
    """ALLOWED_HOSTS names IPv6 addresses as addresses of pages do."""
    return f"[{hostname}]" if ":" in hostname else hostname


def _parse(origin: str) -> _Origin | None:
    """(scheme, host, port); None for 'null' and whatever else is not an origin."""
    try:
        parts = urlsplit(origin)
        port = parts.port or _DEFAULT_PORTS[parts.scheme]
    except (ValueError, KeyError):
        return None
    if not parts.hostname or parts.path or parts.query or parts.fragment or parts.username:
        return None
    return parts.scheme, parts.hostname.lower(), port
