"""The endpoint, its handshake, frames of either kind, sizes and close codes (W1 to W6)."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import Any

import msgspec
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from sync.protocol.close_codes import CloseCode
from tests.conftest import AN_APPS_ORIGIN, ANOTHER_ORIGIN
from tests.support.cast import Cast
from tests.support.client import Client, error_of
from tests.support.frames import BINARY, CONTINUATION, PING, PONG, TEXT, RawSocket, frame, head
from tests.support.server import Server

LIMIT = 1_048_576


async def handshake(url: str, **options: Any) -> tuple[int, str | None]:
    """The status of the handshake, and the subprotocol that was chosen."""
    try:
        async with connect(url, **options) as socket:
            return 101, socket.subprotocol
    except InvalidStatus as refused:
        return refused.response.status_code, None


# ------------------------------------------------------------------ W1, W2: the handshake


@pytest.mark.parametrize("path", ["/", "/v1", "/v1/ws/", "/v1/ws/1", "/v2/ws", "/v1/WS", "/ws"])
async def test_w1_any_other_path_is_refused_in_the_handshake(server: Server, path: str) -> None:
    url = f"ws://127.0.0.1:{server.port}{path}"
    assert await handshake(url, subprotocols=["bos-v1"]) == (403, None)


async def test_w1_a_query_does_not_matter(server: Server) -> None:
    assert await handshake(f"{server.ws}?v=1", subprotocols=["bos-v1"]) == (101, "bos-v1")


@pytest.mark.parametrize(
    ("offered", "answer"),
    [
        (["bos-v1"], (101, "bos-v1")),
        (["bos-v2", "bos-v1"], (101, "bos-v1")),
        (["bos-v1", "bos-v2"], (101, "bos-v1")),
        (None, (101, None)),
        (["bos-v2"], (403, None)),
        (["BOS-V1", "graphql-ws"], (403, None)),
    ],
)
async def test_w2_bos_v1_is_selected_and_only_others_are_refused(
    server: Server, offered: Any, answer: tuple[int, str | None]
) -> None:
    assert await handshake(server.ws, subprotocols=offered) == answer


# ------------------------------------------------------------------ W3: kinds of frames


@pytest.mark.parametrize(
    ("encode", "kind"),
    [
        (lambda message: json.dumps(message), "text"),
        (lambda message: json.dumps(message).encode(), "binary"),
        (lambda message: msgspec.msgpack.encode(message), "msgpack"),
    ],
    ids=["text", "binary", "msgpack"],
)
async def test_w3_the_server_speaks_as_the_frame_that_carried_auth(
    server: Server, cast: Cast, encode: Any, kind: str
) -> None:
    async with await Client.connect(server) as client:
        await client.socket.send(encode({"type": "AUTH", "payload": {"token": cast.bob.token}}))
        frames = [await client.socket.recv()]
        # Whatever kind a later frame is of, it is understood and answered in the first one.
        ping = {"type": "PING", "requestId": "p"}
        for sent in (json.dumps(ping), json.dumps(ping).encode(), msgspec.msgpack.encode(ping)):
            await client.socket.send(sent)
            frames.append(await client.socket.recv())
    assert [kind_of(received) for received in frames] == [kind] * 4
    assert [decoded(received)["type"] for received in frames] == ["AUTH_SUCCESS", *["PONG"] * 3]
    assert decoded(frames[1])["requestId"] == "p"


def kind_of(received: str | bytes) -> str:
    if isinstance(received, str):
        return "text"
    return "binary" if received[:1] == b"{" else "msgpack"


def decoded(received: str | bytes) -> Any:
    if isinstance(received, str) or kind_of(received) == "binary":
        return json.loads(received)
    return msgspec.msgpack.decode(received)


async def test_w3_before_auth_each_frame_is_answered_in_its_own_kind(
    server: Server, cast: Cast
) -> None:
    ping = {"type": "PING"}
    async with await Client.connect(server) as client:
        for sent in (msgspec.msgpack.encode(ping), json.dumps(ping), json.dumps(ping).encode()):
            await client.socket.send(sent)
            assert kind_of(await client.socket.recv()) == kind_of(sent)
        # A failed AUTH decides nothing.
        await client.socket.send(msgspec.msgpack.encode({"type": "AUTH", "payload": {"token": ""}}))
        assert kind_of(await client.socket.recv()) == "msgpack"
        await client.sign_in(cast.bob)
        await client.socket.send(msgspec.msgpack.encode(ping))
        assert kind_of(await client.socket.recv()) == "text"


async def test_w3_events_reach_each_client_in_the_kind_it_speaks(
    server: Server, cast: Cast
) -> None:
    topic = f"kpi:{cast.home.revenue.pk}"
    async with (
        await Client.connect(server, cast.bob, speech="msgpack") as packed,
        await Client.connect(server, cast.vera) as plain,
        await Client.connect(server, cast.mia) as mia,
    ):
        await packed.subscribe(topic)
        await plain.subscribe(topic)
        await mia.set_value(cast.home.revenue, 0.1)
        first, second = await packed.socket.recv(), await plain.socket.recv()
    assert (kind_of(first), kind_of(second)) == ("msgpack", "text")
    assert decoded(first) == decoded(second)
    assert decoded(first)["payload"]["value"] == 0.1


# ------------------------------------------------------------------ W4: sizes


def message_of(size: int) -> str:
    """A PING of exactly so many bytes."""
    empty = json.dumps({"type": "PING", "requestId": "big", "filling": ""})
    return empty.replace('""', f'"{"x" * (size - len(empty))}"')


def pieces(text: str) -> list[str]:
    return [text[at : at + 100_000] for at in range(0, len(text), 100_000)]


@pytest.mark.parametrize("fragmented", [False, True], ids=["whole", "in_fragments"])
async def test_w4_a_message_of_1048576_bytes_is_served(
    server: Server, cast: Cast, fragmented: bool
) -> None:
    text = message_of(LIMIT)
    assert len(text) == LIMIT
    async with await Client.connect(server, cast.bob) as client:
        await client.socket.send(pieces(text) if fragmented else text)
        assert (await client.expect("PONG"))["requestId"] == "big"


@pytest.mark.parametrize("fragmented", [False, True], ids=["whole", "in_fragments"])
@pytest.mark.parametrize("binary", [False, True], ids=["text", "binary"])
async def test_w4_one_byte_more_closes_with_1009(
    server: Server, cast: Cast, fragmented: bool, binary: bool
) -> None:
    text = message_of(LIMIT + 1)
    parts: list[Any] = [p.encode() for p in pieces(text)] if binary else pieces(text)
    whole: Any = text.encode() if binary else text
    async with await Client.connect(server, cast.bob) as client:
        with contextlib.suppress(ConnectionClosed):  # it need not be sent to its end
            await client.socket.send(parts if fragmented else whole)
        code, before = await client.closed()
    assert (code, before) == (1009, [])


async def test_w4_what_is_too_big_is_refused_before_it_is_sent(server: Server) -> None:
    async with await RawSocket.connect(server) as raw:
        raw.send(head(TEXT, LIMIT + 1))
        assert await raw.close_code() == CloseCode.TOO_BIG
    async with await RawSocket.connect(server) as raw:
        raw.send(frame(BINARY, b"{" + b" " * (LIMIT - 1), fin=False), head(CONTINUATION, 1))
        assert await raw.close_code() == CloseCode.TOO_BIG


async def test_w4_a_client_that_sends_on_hears_that_it_was_too_big(server: Server) -> None:
    async with await RawSocket.connect(server) as raw:
        raw.send(head(TEXT, 16 * LIMIT), b" " * 16 * LIMIT)
        async with asyncio.timeout(10):
            await raw.writer.drain()
        assert await raw.close_code() == CloseCode.TOO_BIG
        assert await raw.reader.read() == b""  # the server says no more, and waits for us


# ------------------------------------------------------------------ W5: origins


async def test_w5_a_page_of_this_host_may_connect(server: Server) -> None:
    assert await handshake(server.ws, origin=server.url) == (101, None)
    assert await handshake(server.ws, origin=server.url.upper().replace("HTTP", "http")) == (
        101,
        None,
    )


async def test_w5_a_page_whose_own_name_leads_here_is_refused(server: Server) -> None:
    """Its Origin and the Host that it asks for are the same (DNS rebinding)."""
    for name, status in (("localhost", 101), ("evil.example", 403)):
        answer = await handshake(
            f"ws://{name}:{server.port}/v1/ws",
            host="127.0.0.1",
            origin=f"http://{name}:{server.port}",
        )
        assert answer[0] == status, name


async def test_w5_without_an_origin_a_native_app_may_connect(server: Server) -> None:
    assert await handshake(server.ws) == (101, None)


@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "",
        "https://evil.example",
        "http://127.0.0.1",  # the port is another
        "http://127.0.0.1:1",
        "https://127.0.0.1:{port}",  # the scheme is another
        "http://localhost:{port}",  # the name is another
        "http://127.0.0.1:{port}.evil.example",
        "http://127.0.0.1:{port}@evil.example",
        "http://evil.example@127.0.0.1:{port}",
        "http://127.0.0.1:{port}/path",
        "file://127.0.0.1:{port}",
        "127.0.0.1:{port}",
        "http://127.0.0.1:{port} https://evil.example",
        "http://127.0.0.1:99999999",
    ],
)
async def test_w5_another_origin_is_refused(server: Server, origin: str) -> None:
    told = origin.format(port=server.port)
    answer = await handshake(server.ws, additional_headers={"Origin": told})
    assert answer == (403, None)


async def test_w5_a_configured_origin_is_allowed_and_one_like_it_is_not(
    impatient: Server,
) -> None:
    url = impatient.ws
    assert await handshake(url, origin=ANOTHER_ORIGIN) == (101, None)
    assert await handshake(url, origin=f"{ANOTHER_ORIGIN}:443") == (101, None)
    assert await handshake(url, origin=AN_APPS_ORIGIN) == (101, None)
    assert await handshake(url, origin=impatient.url) == (101, None)
    for other in ("http://app.example", "https://app.example:8443", "https://x.app.example"):
        assert await handshake(url, origin=other) == (403, None)


async def test_w5_a_cookie_does_not_sign_anybody_in(server: Server, cast: Cast) -> None:
    cookie = {"Cookie": f"token={cast.bob.token}; sessionid=1"}
    async with await Client.connect(server, additional_headers=cookie) as client:
        answer = await client.ask("SUBSCRIBE", {"channels": [cast.home.topic]})
        assert error_of(answer)[0] == "AUTHENTICATION_REQUIRED"


# ------------------------------------------------------------------ W6: protocol violations


@pytest.mark.parametrize(
    "frames",
    [
        frame(TEXT, b"{}", masked=False),
        frame(0x3, b"reserved opcode"),
        frame(CONTINUATION, b"of nothing"),
        frame(TEXT, b"{", fin=False) + frame(TEXT, b"}"),
        frame(PING, b"x" * 126),
        frame(PING, b"", fin=False),
        bytes((frame(TEXT, b"")[0] | 0x40,)) + frame(TEXT, b"")[1:],
    ],
    ids=[
        "unmasked",
        "reserved_opcode",
        "continuation_of_nothing",
        "text_within_text",
        "long_ping",
        "ping_in_fragments",
        "reserved_bit",
    ],
)
async def test_w6_a_violation_of_the_protocol_is_closed_with_1002(
    server: Server, frames: bytes
) -> None:
    async with await RawSocket.connect(server) as raw:
        raw.send(frames)
        assert await raw.close_code() == CloseCode.PROTOCOL_ERROR


@pytest.mark.parametrize(
    "frames",
    [
        frame(TEXT, b'{"type": "\xff"}'),
        frame(TEXT, b'{"type": "\xed\xa0\x80"}'),  # a surrogate
        frame(TEXT, b'{"\xc3', fin=False) + frame(CONTINUATION, b"}"),
    ],
    ids=["invalid", "surrogate", "cut_off"],
)
async def test_w6_a_text_that_is_not_utf_8_is_closed_with_1007(
    server: Server, frames: bytes
) -> None:
    async with await RawSocket.connect(server) as raw:
        raw.send(frames)
        assert await raw.close_code() == CloseCode.INVALID_DATA


async def test_w6_a_character_may_be_cut_between_fragments(server: Server) -> None:
    text = json.dumps({"type": "PING", "requestId": "é"}, ensure_ascii=False).encode()
    at = text.index("é".encode()) + 1
    async with await RawSocket.connect(server) as raw:
        # Control frames may come in between.
        raw.send(frame(TEXT, text[:at], fin=False), frame(PING, b"now"))
        raw.send(frame(CONTINUATION, text[at:]))
        assert await raw.receive() == (PONG, b"now")
        opcode, payload = await raw.receive()
        assert (opcode, json.loads(payload)["requestId"]) == (TEXT, "é")


async def test_w6_a_clients_own_close_is_answered_with_its_code(server: Server) -> None:
    async with await Client.connect(server) as client:
        await client.socket.close(1000)
        assert client.socket.close_code == 1000


@pytest.mark.parametrize("code", [code for code in CloseCode if code >= 4000], ids=str)
def test_w6_every_44xx_and_45xx_close_has_an_error_that_says_why(code: CloseCode) -> None:
    assert code.error is not None
    assert code.reason


def test_w6_a_client_reconnects_but_after_1002_1007_4400_and_4403() -> None:
    stay_away = {int(code) for code in CloseCode if not code.reconnect}
    assert stay_away == {1002, 1007, 4400, 4403}


async def test_w6_one_clients_violation_leaves_the_others_alone(server: Server, cast: Cast) -> None:
    async with await Client.connect(server, cast.bob) as bob:
        raws = [await RawSocket.connect(server) for _ in range(5)]
        for raw in raws:
            raw.send(frame(0x3, b""))
        codes = await asyncio.gather(*(raw.close_code() for raw in raws))
        for raw in raws:
            raw.writer.close()
        assert codes == [1002] * 5
        assert await bob.settle() == []
