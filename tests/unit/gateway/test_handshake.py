"""A handshake that is answered here is one that the library would answer alike (W1)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from websockets.datastructures import Headers
from websockets.http11 import Request
from websockets.server import ServerProtocol

from sync.gateway.handshake import path_of, read_handshake

KEY = b"dGhlIHNhbXBsZSBub25jZQ=="
PLAIN = [(b"sec-websocket-key", KEY), (b"sec-websocket-version", b"13")]
NAMES = [
    b"origin",
    b"sec-websocket-key",
    b"sec-websocket-version",
    b"sec-websocket-protocol",
    b"sec-websocket-extensions",
]
VALUES = [
    *(KEY, KEY[:-1], KEY[1:], b"AAAAAAAAAAAAAAAAAAAAAB==", b"!" * 22 + b"==", b"AAAA"),
    *(b"13", b"12", b"13, 13", b"", b"https://a.example"),
    *(b"bos-v1", b"a, bos-v1", b"a,,b", b"a b", b'"a"', b"a;b", b"a ,b", b",", b"a\xfc"),
    b"permessage-deflate",
]


def by_library(headers: list[tuple[bytes, bytes]]) -> tuple[int, str | None]:
    """Return the status of the library's answer, and its Sec-WebSocket-Accept."""
    given = Headers({"Upgrade": "websocket", "Connection": "Upgrade"})
    for name, value in headers:
        given[name.decode()] = value.decode("latin-1")
    response = ServerProtocol().accept(Request("/v1/ws", given))
    return response.status_code, response.headers.get("Sec-WebSocket-Accept")


@given(
    st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(VALUES)), max_size=3), st.booleans()
)
@example([(b"sec-websocket-protocol", b"a")] * 2, True)
@example([(b"origin", b"https://a.example")] * 2, True)
@example([(b"sec-websocket-protocol", b"a,,b")], True)
def test_w1_a_handshake_is_answered_here_only_as_the_library_would(
    more: list[tuple[bytes, bytes]], plain: bool
) -> None:
    headers = PLAIN + more if plain else more
    found = read_handshake(headers)
    if found is not None:
        assert by_library(headers) == (101, found.accept.decode())


@pytest.mark.parametrize("offered", [None, b"bos-v1", b"other , bos-v1"])
def test_w1_a_plain_one_is_answered_here(offered: bytes | None) -> None:
    """The key and its answer are those of RFC 6455, section 1.3."""
    protocols: Any = [] if offered is None else [(b"sec-websocket-protocol", offered)]
    found = read_handshake([*PLAIN, *protocols, (b"origin", b"https://a.example")])
    assert found is not None
    assert found.offered == (
        [] if offered is None else offered.decode().replace(" ", "").split(",")
    )
    assert found.response("bos-v1", [(b"server", b"x")]) == (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nserver: x\r\n"
        b"Sec-WebSocket-Protocol: bos-v1\r\n\r\n"
    )


@pytest.mark.parametrize(
    ("url", "path"),
    [
        (b"/v1/ws", b"/v1/ws"),
        (b"/v1/ws?a=b", b"/v1/ws?a=b"),
        (b"http://a.example/v1/ws?a=b", b"/v1/ws?a=b"),
        (b"http://a.example", b"/"),
        (b"", None),
    ],
)
def test_w16_the_path_is_the_targets_without_its_host(url: bytes, path: bytes | None) -> None:
    assert path_of(url) == path
