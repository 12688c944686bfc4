"""Answers to who reads: bounded, and not sent again where the caller has them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

from django.http import HttpResponse, HttpResponseNotModified
from django.utils.http import parse_etags
from rest_framework.request import Request

from sync.protocol.codecs import to_json

MOST_BYTES = 2 * 2**20
"""Of an answer: a thousand notes of 40 kB each would be 40 MB. What is left is on the next page."""
LAST_SEQUENCE = "Last-Sequence"
"""The header that says up to which event of the log an answer is."""


class Room:
    """The room that an answer has for its parts; the first one always fits."""

    def __init__(self, most: int = MOST_BYTES) -> None:
        self._left = most
        self._is_empty = True

    def takes(self, part: bytes) -> bool:
        """Whether it fits, and is counted from then on."""
        left = self._left - len(part) - 1
        if left < 0 and not self._is_empty:
            return False
        self._left, self._is_empty = left, False
        return True


def page_of(request: Request, items: Iterable[bytes], following: str | None) -> HttpResponse:
    """Return `{"items": [...], "next": ...}`.

    items: as JSON. following: the cursor of the page after it, where there is one.
    """
    address = None if following is None else address_with(request, cursor=following)
    body = b'{"items":[' + b",".join(items) + b'],"next":' + to_json(address) + b"}"
    return answer(request, body, {} if address is None else {"Link": link_to(address)})


def address_with(request: Request, **parameters: str) -> str:
    """Return this address with other values of some parameters; without the host, which a proxy
    may name otherwise."""
    query = request.query_params.copy()
    for name, value in parameters.items():
        query[name] = value
    return f"{request.path}?{query.urlencode()}"


def link_to(address: str) -> str:
    return f'<{address}>; rel="next"'


def answer(
    request: Request,
    body: bytes,
    headers: Mapping[str, str] | None = None,
    *,
    content_type: str = "application/json",
) -> HttpResponse:
    """Return the body; 304 where the caller has it already, by its ETag."""
    etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    response: HttpResponse
    if _has(request, etag):
        response = HttpResponseNotModified()
    else:
        response = HttpResponse(body, content_type=content_type)
    for name, value in (headers or {}).items():
        response[name] = value
    response["ETag"] = etag
    return response


def _has(request: Request, etag: str) -> bool:
    given = parse_etags(request.headers.get("If-None-Match", ""))
    # Weak or not: a proxy that compresses makes them weak (RFC 9110, 13.1.2).
    return "*" in given or etag in {one.removeprefix("W/") for one in given}
