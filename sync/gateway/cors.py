"""Which of HTTP's answers the pages of other origins may read (decision D4).

Only those of the origins that may open a WebSocket, too, and never with cookies: no answer carries
`Access-Control-Allow-Credentials`, so that a browser neither sends nor stores any for such a page.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sync.conf import sync_settings
from sync.gateway.origin import is_named

Headers = list[tuple[bytes, bytes]]

# What a page may read besides the body and the few headers that every page may.
EXPOSED = (
    b"Content-Disposition, ETag, Idempotent-Replay, Last-Sequence, Link, Retry-After, Thinned,"
    b" WWW-Authenticate"
)
PREFLIGHT: Headers = [
    (b"Access-Control-Allow-Methods", b"GET, POST"),
    (
        b"Access-Control-Allow-Headers",
        b"Authorization, Content-Type, Idempotency-Key, If-None-Match",
    ),
    # An origin that is allowed no longer is asked for again after so many seconds.
    (b"Access-Control-Max-Age", b"600"),
]


def is_shared(path: str) -> bool:
    """Whether pages of other origins have any business at this address."""
    return f"{path}/".startswith(("/auth/", "/api/"))


def is_preflight(scope: Mapping[str, Any]) -> bool:
    """Whether a browser asks on behalf of a page what that page may ask."""
    names = {name for name, _ in scope["headers"]}
    asks = {b"origin", b"access-control-request-method"}
    return scope["method"] == "OPTIONS" and is_shared(scope["path"]) and asks <= names


def cors_headers(path: str, request_headers: Iterable[tuple[bytes, bytes]]) -> Headers:
    """Return the headers of the answer for the page that has sent this request.

    request_headers: names in lower case, as ASGI has them.
    """
    if not is_shared(path):
        return []
    headers = [(b"Vary", b"Origin")]
    if (origin := allowed_origin(request_headers)) is not None:
        headers += [
            (b"Access-Control-Allow-Origin", origin),
            (b"Access-Control-Expose-Headers", EXPOSED),
        ]
    return headers


def allowed_origin(request_headers: Iterable[tuple[bytes, bytes]]) -> bytes | None:
    """The other origin that this request comes from, as it stands there, if it is allowed."""
    origins = [value for name, value in request_headers if name == b"origin"]
    if len(origins) == 1 and is_named(origins[0], sync_settings().allowed_origins):
        return origins[0]
    return None
