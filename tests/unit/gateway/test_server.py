"""Frames as they come in, without a socket: wherever they are cut, the messages are the same."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from uvicorn.config import Config
from uvicorn.server import ServerState
from websockets.datastructures import Headers
from websockets.http11 import Request

from sync.conf import sync_settings
from sync.gateway.server import RawWebSocketProtocol
from tests.support.frames import BINARY, CONTINUATION, PING, TEXT, frame
from tests.unit.gateway.test_http_server import Clock, Pipe

HANDSHAKE = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
}
LARGEST = sync_settings().max_unauthenticated_bytes


class Socket:
    """An open WebSocket. `messages` are those that its application would receive."""

    def __init__(self) -> None:
        async def application(scope: Any, receive: Any, send: Any) -> None: ...

        config = Config(application, lifespan="off", log_config=None, ws_per_message_deflate=False)
        config.load()
        self.pipe = Pipe()
        loop: Any = Time()
        transport: Any = self.pipe
        self.protocol = RawWebSocketProtocol(config, ServerState(), {}, _loop=loop)
        self.protocol.connection_made(transport)
        self.protocol.shake_hands(Request("/v1/ws", Headers(HANDSHAKE)))
        self.protocol.conn.send_response(self.protocol.response)
        self.protocol.conn.data_to_send()
        self.protocol.handshake_complete = True
        self.messages()

    def messages(self) -> list[Any]:
        queue: Any = self.protocol.queue
        return [queue.get_nowait() for _ in range(queue.qsize())]

    def close_code(self) -> int | None:
        return next((m["code"] for m in self.messages() if m["type"].endswith("disconnect")), None)


class Time(Clock):
    """A clock that stands still."""

    def time(self) -> float:
        return self.now


def received(payload: bytes, *, text: bool) -> dict[str, Any]:
    key, value = ("text", payload.decode()) if text else ("bytes", payload)
    return {"type": "websocket.receive", key: value}


sizes = st.sampled_from([0, 1, 125, 126, 127, 600, 5_000])
texts = st.builds(lambda size, char: char.encode() * size, sizes, st.sampled_from("aü€"))


@st.composite
def conversations(draw: st.DrawFn) -> tuple[bytes, list[dict[str, Any]]]:
    """Frames one after the other, and the messages that they are."""
    stream, messages = b"", []
    for payload in draw(st.lists(texts, min_size=1, max_size=5)):
        text = draw(st.booleans())
        kind = TEXT if text else BINARY
        cuts = sorted(draw(st.lists(st.integers(0, len(payload)), max_size=2)))
        parts = [payload[a:b] for a, b in zip([0, *cuts], [*cuts, len(payload)], strict=True)]
        for number, part in enumerate(parts):
            if draw(st.booleans()):
                stream += frame(PING, b"p")
            is_last = number == len(parts) - 1
            stream += frame(kind if not number else CONTINUATION, part, fin=is_last)
        messages.append(received(payload, text=text))
    return stream, messages


@settings(max_examples=150)
@given(conversation=conversations(), data=st.data())
def test_w3_the_messages_are_the_same_wherever_the_stream_is_cut(
    conversation: tuple[bytes, list[dict[str, Any]]], data: st.DataObject
) -> None:
    stream, expected = conversation
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    socket = Socket()
    for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        socket.protocol.data_received(stream[a:b])
    assert socket.messages() == expected


def test_w3_the_messages_are_the_same_where_every_byte_comes_by_itself() -> None:
    stream = frame(TEXT, b"a" * 126) + frame(PING, b"p") + frame(BINARY, b"b")
    socket = Socket()
    for byte in stream:
        socket.protocol.data_received(bytes([byte]))
    assert socket.messages() == [received(b"a" * 126, text=True), received(b"b", text=False)]


@pytest.mark.parametrize(("more", "code"), [(0, None), (1, 1009)])
def test_w4_a_frame_may_have_the_largest_size_and_not_a_byte_more(
    more: int, code: int | None
) -> None:
    socket = Socket()
    socket.protocol.data_received(frame(BINARY, b"x" * (LARGEST + more)))
    assert socket.close_code() == code


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (frame(TEXT, b"\xff"), 1007),
        (frame(TEXT, b"a", masked=False), 1002),
        (frame(CONTINUATION, b"a"), 1002),
        (frame(TEXT, b"a", fin=False) + frame(TEXT, b"b"), 1002),
        (b"\xc1" + frame(TEXT, b"a")[1:], 1002),
        (frame(0x3, b"a"), 1002),
    ],
    ids=["no UTF-8", "not masked", "continues nothing", "not continued", "reserved bit", "opcode"],
)
def test_w6_what_breaks_the_protocol_is_found_by_its_code(sent: bytes, code: int) -> None:
    socket = Socket()
    socket.protocol.data_received(frame(TEXT, b"before") + sent + frame(TEXT, b"behind"))
    messages = socket.messages()
    assert messages[0] == received(b"before", text=True)
    assert [m.get("code") for m in messages[1:]] == [code]


def test_bytes_whose_handshake_another_protocol_has_read_are_refused() -> None:
    """uvicorn's own hands the request on as bytes: they would be taken for frames."""
    protocol = Socket().protocol
    stranger = RawWebSocketProtocol(protocol.config, ServerState(), {}, _loop=protocol.loop)
    stranger.connection_made(protocol.transport)
    with pytest.raises(RuntimeError, match="http_server:HttpProtocol"):
        stranger.data_received(b"GET /v1/ws HTTP/1.1\r\n")
