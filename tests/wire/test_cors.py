"""Pages of other origins: what they may ask of /auth and /api, and read of the answers (c1, D4)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.conftest import ANOTHER_ORIGIN, ServeFixture
from tests.support.cast import PASSWORD, Cast
from tests.support.http import Answer, answer_of, fetch
from tests.support.rest import an_address
from tests.support.server import Server

HISTORY = "/api/kpis/history"
STRANGERS = (
    "null",
    "http://app.example",
    f"{ANOTHER_ORIGIN}:8443",
    f"{ANOTHER_ORIGIN}.evil.example",
    "https://evilapp.example",
    "https://sub.app.example",
    f"{ANOTHER_ORIGIN}/",
    f"{ANOTHER_ORIGIN}, https://evil.example",
    "https://évil.example",
    "",
)


def readable(answer: Answer, origin: str = ANOTHER_ORIGIN) -> bool:
    """Whether a browser lets a page of this origin read the answer; never with cookies."""
    assert "access-control-allow-credentials" not in answer.headers
    assert answer.headers["vary"] == "Origin", "a cache must not give it to another origin"
    allowed = answer.headers.get("access-control-allow-origin")
    assert allowed in (None, origin)
    return allowed is not None


async def ask(
    server: Server, path: str, *, origin: str = ANOTHER_ORIGIN, body: Any = None, **headers: str
) -> Answer:
    return await fetch(server, path, body=body, headers={"Origin": origin, **headers})


async def preflight(server: Server, path: str, origin: str = ANOTHER_ORIGIN) -> Answer:
    headers = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    return await fetch(server, path, method="OPTIONS", headers=headers)


async def test_c1_a_page_of_an_allowed_origin_signs_in_and_reads(
    impatient: Server, cast: Cast
) -> None:
    for path in ("/auth/token", "/auth/refresh/", HISTORY, "/api/not/there"):
        asked = await preflight(impatient, path)
        assert (asked.status, readable(asked)) == (204, True)
        assert asked.headers["access-control-allow-methods"] == "GET, POST"
        allowed = "Authorization, Content-Type, Idempotency-Key, If-None-Match"
        assert asked.headers["access-control-allow-headers"] == allowed
    body = {"email": cast.bob.email, "password": PASSWORD}
    answer = await ask(impatient, "/auth/token", body=body)
    assert (answer.status, readable(answer)) == (200, True)
    answer = await ask(impatient, HISTORY, Authorization=f"Bearer {answer.json()['access']}")
    assert (answer.status, readable(answer)) == (200, True)


@pytest.mark.parametrize("origin", STRANGERS)
async def test_c1_nobody_else_is_let_in(impatient: Server, cast: Cast, origin: str) -> None:
    asked = await preflight(impatient, "/auth/token", origin)
    assert (asked.status, readable(asked)) == (403, False)
    answer = await ask(impatient, HISTORY, origin=origin, Authorization=f"Bearer {cast.bob.token}")
    assert (answer.status, readable(answer)) == (200, False)  # the token decides, as in a script


async def test_c1_two_origins_in_one_request_are_none(impatient: Server) -> None:
    text = f"GET {HISTORY} HTTP/1.1\r\nHost: 127.0.0.1:{impatient.port}\r\nConnection: close\r\n"
    text += f"Origin: {ANOTHER_ORIGIN}\r\n" * 2
    assert not readable(await by_hand(impatient, f"{text}\r\n"))


async def test_c1_pages_and_the_admin_are_nobody_elses(impatient: Server) -> None:
    for path in ("/", "/admin/login/", "/healthz", "/authors", "/apis"):
        answer = await ask(impatient, path)
        assert "access-control-allow-origin" not in answer.headers, path


async def by_hand(server: Server, text: str) -> Answer:
    async with asyncio.timeout(20):
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(text.encode())
        answer = answer_of(await reader.read())
        writer.close()
    return answer


@pytest.mark.usefixtures("quick_hashes")
async def test_c1_a_page_reads_why_it_is_refused(impatient: Server, cast: Cast) -> None:
    """By the views, and by what stands before them."""
    wrong = {"email": f"not-{cast.bob.email}", "password": "no"}
    somewhere = {"X-Forwarded-For": an_address()}
    refused = await ask(impatient, "/auth/token", body=wrong, **somewhere)
    assert (refused.status, readable(refused)) == (401, True)
    for _ in range(10):
        refused = await ask(impatient, "/auth/token", body=wrong, **somewhere)
    assert (refused.status, readable(refused)) == (429, True)
    assert "Retry-After" in refused.headers["access-control-expose-headers"]
    assert int(refused.headers["retry-after"]) > 0

    head = f"POST /auth/token HTTP/1.1\r\nHost: x\r\nOrigin: {ANOTHER_ORIGIN}\r\n"
    for more, status in (
        ("Content-Length: 99999999\r\n\r\n", 413),
        (f"X: {'x' * 9000}\r\n\r\n", 431),
        ("Content-Length: no\r\n\r\n", 400),
    ):
        answer = await by_hand(impatient, head + more)
        assert (answer.status, readable(answer)) == (status, True)
    assert (await by_hand(impatient, "nonsense\r\n\r\n")).status == 400


async def test_c1_a_page_reads_that_the_server_is_busy(serve: ServeFixture) -> None:
    server = serve(
        BOS_ALLOWED_ORIGINS=ANOTHER_ORIGIN, BOS_HTTP_CONCURRENCY="1", BOS_HTTP_WAITING="1"
    )
    answers = await asyncio.gather(*(ask(server, HISTORY) for _ in range(20)))
    busy = [answer for answer in answers if answer.status == 503]
    assert busy
    assert all(map(readable, answers))
