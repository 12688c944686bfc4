"""Requests of HTTP: so many at once, and what they leave behind (s2)."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings
from django.db import connection, connections, transaction

from bos.models import Import, SpentToken
from bos.web import http
from bos.web.health import FRESH, PATIENCE, Probe
from bos.web.http import Answer, Busy, Lane
from bos.web.turns import Turns
from sync.eventlog.threads import READERS
from sync.eventlog.writer import WRITERS
from tests.conftest import ServeFixture
from tests.support.cast import PASSWORD, Cast
from tests.support.doors import browser, form
from tests.support.http import Answer as Answered
from tests.support.http import fetch
from tests.support.numbers import BEARER
from tests.support.server import Server, serving
from tests.support.waiting import until

APPLICATION = "bos-crowd"
# Threads of requests, passwords, readers, writers, the health check, metrics, and one beside.
MOST_CONNECTIONS = settings.HTTP_CONCURRENCY + settings.HASHES_AT_ONCE + READERS + WRITERS + 3


@dataclass(frozen=True, slots=True)
class Held:
    """The resources that a server process holds."""

    connections: int
    descriptors: int
    threads: int
    kilobytes: int


def held_by(server: Server, backend: str) -> Held:
    pid = server.process.pid
    files = []
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            files.append(str(link.readlink()))
    if backend == "postgres":
        with connections["default"].cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE application_name = %s", [APPLICATION]
            )
            (opened,) = cursor.fetchone()
    else:
        opened = files.count(str(settings.DATABASES["default"]["NAME"]))
    threads = len(list(Path(f"/proc/{pid}/task").iterdir()))
    return Held(opened, len(files), threads, server.resident_kb())


async def crowd(server: Server, cast: Cast, *, each: int) -> Counter[tuple[str, int]]:
    """Several kinds of requests, so many of each at once; how many had which path and status."""
    session = browser(cast.alice).cookies["sessionid"].value
    cookie = {"Cookie": f"sessionid={session}"}
    bearer = {"Authorization": f"Bearer {cast.bob.token}"}
    wrong = {"email": f"not-{cast.bob.email}", "password": "x"}
    right = {"email": cast.bob.email, "password": PASSWORD}

    async def request(path: str, headers: Any, body: Any) -> tuple[str, int]:
        return path, (await fetch(server, path, headers=headers, body=body)).status

    requests = [
        request(path, headers, body)
        for path, headers, body in (
            ("/", None, None),
            ("/admin/kpis/kpi/", cookie, None),
            ("/api/kpis/history", bearer, None),
            ("/auth/token", None, right),
            ("/auth/token", None, wrong),
        )
        for _ in range(each)
    ]
    return Counter(await asyncio.gather(*requests))


async def test_s2_two_hundred_requests_at_once_leave_a_small_fixed_number_of_everything(
    serve: ServeFixture, cast: Cast, backend: str
) -> None:
    # Their room is measured in requests, not in seconds: none is refused for having waited.
    server = serve(PGAPPNAME=APPLICATION, BOS_HTTP_WAITING="1000")
    await crowd(server, cast, each=2)
    before = held_by(server, backend)
    health: list[int] = []
    done = asyncio.Event()

    async def watch_health() -> None:
        while not done.is_set():
            health.append((await fetch(server, "/healthz")).status)
            # Nor do those who watch over it wait for what they watch (O1).
            health.append((await fetch(server, "/metrics", headers=BEARER)).status)

    watching = asyncio.create_task(watch_health())
    try:
        statuses = await crowd(server, cast, each=40)
        # Passwords and histories have rooms of their own, which are small.
        of = {path: {s for p, s in statuses if p == path} for path, _ in statuses}
        assert of.pop("/auth/token") <= {200, 401, 429, 503}, statuses
        assert 200 in (histories := of.pop("/api/kpis/history")), statuses
        assert histories <= {200, 503}, statuses
        assert set().union(*of.values()) == {200}, statuses
    finally:
        done.set()
        await watching
    assert set(health) == {200}
    await until(lambda: held_by(server, backend).connections <= MOST_CONNECTIONS, within=5)
    after = held_by(server, backend)
    assert after.threads <= before.threads + MOST_CONNECTIONS
    # A connection to SQLite is three files: the database, the log, and what is shared of it.
    assert after.descriptors <= before.descriptors + 3 * MOST_CONNECTIONS
    assert after.kilobytes <= before.kilobytes + 60_000, (before, after)


@contextlib.contextmanager
def nobody_refreshes(backend: str) -> Iterator[None]:
    """A client that wants a new pair of tokens waits, until this ends."""
    with transaction.atomic():
        if backend == "postgres":
            with connections["default"].cursor() as cursor:
                cursor.execute(f'LOCK TABLE "{SpentToken._meta.db_table}" IN EXCLUSIVE MODE')
        yield


async def refresh(server: Server, cast: Cast, address: str) -> Answered:
    """Ask for new tokens, as a client of this address behind the proxy."""
    body = {"refresh": cast.bob.refresh_token}
    return await fetch(server, "/auth/refresh", body=body, headers={"X-Forwarded-For": address})


async def test_s2_one_address_leaves_room_for_the_others(
    serve: ServeFixture, cast: Cast, backend: str
) -> None:
    server = serve(BOS_HTTP_CONCURRENCY="1", BOS_HTTP_WAITING="3")
    with nobody_refreshes(backend):
        asking = [asyncio.create_task(refresh(server, cast, "192.0.2.1")) for _ in range(4)]
        [refused], waiting = await asyncio.wait(
            asking, return_when=asyncio.FIRST_COMPLETED, timeout=3
        )
        assert refused.result().status == 503
        other = asyncio.create_task(refresh(server, cast, "192.0.2.2"))
        # One more of theirs is refused, so the other's has come before it.
        assert (await refresh(server, cast, "192.0.2.1")).status == 503
        assert not other.done()
    assert [(await request).status for request in (*waiting, other)] == [200] * 4


async def test_s2_one_request_more_than_may_wait_is_told_to_come_back(
    serve: ServeFixture, cast: Cast, backend: str
) -> None:
    server = serve(BOS_HTTP_CONCURRENCY="1", BOS_HTTP_WAITING="3")
    room = 4
    with nobody_refreshes(backend):
        asking = [
            asyncio.create_task(refresh(server, cast, address))
            for address in ("192.0.2.1", "192.0.2.2", "192.0.2.1", "192.0.2.2", "192.0.2.3")
        ]
        [first, *more], waiting = await asyncio.wait(
            asking, return_when=asyncio.FIRST_COMPLETED, timeout=3
        )
        assert (more, len(waiting)) == ([], room)
        refused = first.result()
        assert refused.status == 503
        assert refused.json()["code"] == "SERVER_BUSY"
        assert int(refused.headers["retry-after"]) == refused.json()["details"]["retryAfter"]
        # A page is told in words; what needs no database or is asked by machines is served.
        page = await fetch(server, "/")
        assert (page.status, page.headers["content-type"]) == (503, "text/plain")
        assert int(page.headers["retry-after"]) > 0
        assert (await fetch(server, "/healthz")).status == 200
        assert (await fetch(server, "/static/bos/pages.css")).status == 200
    answers = [await request for request in waiting]
    assert [answer.status for answer in answers] == [200] * room
    assert (await fetch(server, "/")).status == 200


async def test_s2_the_schema_may_be_asked_for_by_many_at_once(serve: ServeFixture) -> None:
    server = serve()
    answers = await asyncio.gather(*(fetch(server, "/api/schema") for _ in range(16)))
    assert {answer.status for answer in answers} == {200}
    assert len({answer.body for answer in answers}) == 1


async def test_s2_bodies_that_do_not_come_and_answers_that_nobody_reads_hold_no_thread(
    server: Server,
) -> None:
    """Nor is it our fault that the one who asked has gone: the log holds no traceback."""
    host = f"Host: 127.0.0.1:{server.port}\r\n"
    half = f"POST /auth/token HTTP/1.1\r\n{host}Content-Length: 100\r\n\r\n{{".encode()
    unread = f"GET /api/schema HTTP/1.1\r\n{host}\r\n".encode() * 20
    async with contextlib.AsyncExitStack() as stack:
        for n in range(3 * settings.HTTP_CONCURRENCY):
            # A small window: what is sent soon waits in the server.
            wire = socket.socket()
            wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            wire.connect(("127.0.0.1", server.port))
            wire.sendall(half if n % 2 else unread)
            stack.callback(wire.close)
        for path in ("/", "/healthz", "/api/schema"):
            assert (await fetch(server, path)).status == 200


# ------------------------------------------------------------------ a lane by itself

OK = Answer(200, [], b"")


def after(release: threading.Event) -> Answer:
    release.wait()
    return OK


def record(called: list[Answer]) -> Answer:
    called.append(OK)
    return OK


async def stays() -> None:
    await asyncio.Event().wait()


async def leaves() -> None:
    return None


async def test_s2_a_request_waits_no_longer_than_its_patience() -> None:
    release = threading.Event()
    lane = Lane("test", 1, waiting=5, patience=0.05)
    under_way = asyncio.create_task(lane.run(partial(after, release), stays()))
    await asyncio.sleep(0)
    try:
        with pytest.raises(Busy):
            await lane.run(lambda: OK, stays())
    finally:
        release.set()
    # What is begun is not given up.
    assert await under_way == OK
    assert await lane.run(lambda: OK, stays()) == OK


async def test_s2_those_that_find_no_place_hear_so_later_as_many_as_may_be_held_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(http, "MOST_HELD_BACK", 2)
    monkeypatch.setattr(http, "BUSY_SECONDS", 0.05)
    release = threading.Event()
    lane = Lane("test", 1, waiting=0)
    under_way = asyncio.create_task(lane.run(partial(after, release), stays()))
    await asyncio.sleep(0)
    try:
        others = [asyncio.create_task(lane.run(lambda: OK, stays())) for _ in range(3)]
        for _ in range(3):
            await asyncio.sleep(0)
        assert [other.done() for other in others] == [False, False, True]
        told = await asyncio.gather(*others, return_exceptions=True)
        assert [type(one) for one in told] == [Busy] * 3
    finally:
        release.set()
    assert await under_way == OK


@pytest.mark.parametrize("waits_for", ["the database", "a lock", "nothing"])
def test_s2_one_page_works_at_a_time_while_others_wait(database: None, waits_for: str) -> None:
    turns, order = Turns(most_wait=10), list[str]()
    inside, release = threading.Event(), threading.Event()

    def held(execute: Any = None, *statement: Any) -> Any:
        inside.set()
        assert release.wait(10)
        return execute(*statement) if execute else None

    def first() -> None:
        with turns.taken():
            if waits_for == "the database":
                # The innermost wrapper stands for it: it runs where a statement does.
                with connection.execute_wrapper(held), connection.cursor() as cursor:
                    cursor.execute("SELECT 1")
            elif waits_for == "a lock":
                with turns.given_back():
                    held()
            else:
                held()
            order.append("first")
        connection.close()

    def second() -> None:
        with turns.taken():
            order.append("second")

    threads = [threading.Thread(target=first), threading.Thread(target=second)]
    threads[0].start()
    assert inside.wait(10)
    threads[1].start()
    if waits_for != "nothing":
        threads[1].join(10)
    release.set()
    for thread in threads:
        thread.join(10)
    assert order == (["first", "second"] if waits_for == "nothing" else ["second", "first"])


def test_s2_a_page_whose_turn_does_not_come_works_beside_the_one_that_has_it() -> None:
    turns = Turns(most_wait=0.01)
    inside, release = threading.Event(), threading.Event()

    def first() -> None:
        with turns.taken():
            inside.set()
            assert release.wait(10)

    thread = threading.Thread(target=first)
    thread.start()
    assert inside.wait(10)
    with turns.taken():
        pass
    release.set()
    thread.join(10)
    with turns.taken():  # and gives back nothing that is another's
        assert not turns._turn.acquire(blocking=False)


def test_s2_a_page_of_many_statements_waits_no_longer_than_one_of_few(database: None) -> None:
    turns = Turns(most_wait=0.1)
    inside, release = threading.Event(), threading.Event()

    def works_for_long() -> None:
        with turns.taken():
            inside.set()
            assert release.wait(30)

    thread = threading.Thread(target=works_for_long)
    thread.start()
    assert inside.wait(10)
    began = time.monotonic()
    with turns.taken(), connection.cursor() as cursor:
        for _ in range(30):
            cursor.execute("SELECT 1")
    took = time.monotonic() - began
    release.set()
    thread.join(10)
    assert took < 1  # and 3.1, if it had waited as long each time


def test_s2_a_turn_that_is_taken_within_a_turn_is_given_back(database: None) -> None:
    turns = Turns(most_wait=0.01)

    def asks(execute: Any, *statement: Any) -> Any:
        if statement[0] == "SELECT 1":
            with connection.cursor() as cursor:
                cursor.execute("SELECT 2")
        return execute(*statement)

    with turns.taken(), turns.taken():
        assert turns._turn.locked()
        with connection.execute_wrapper(asks), connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        assert turns._turn.locked()
    assert not turns._turn.locked()


async def test_s2_a_client_that_leaves_gives_up_its_place() -> None:
    release = threading.Event()
    called: list[Answer] = []
    lane = Lane("test", 1, waiting=1)
    under_way = asyncio.create_task(lane.run(partial(after, release), stays()))
    await asyncio.sleep(0)
    try:
        for _ in range(3):  # each at the only place to wait at
            assert await lane.run(partial(record, called), leaves()) is None
    finally:
        release.set()
    assert await under_way == OK
    assert called == []


def test_s2_the_health_of_a_database_is_asked_once_for_all_who_want_to_know() -> None:
    asked: list[float] = []

    def ask() -> bool:
        asked.append(time.monotonic())
        return True

    probe = Probe(ask)
    until_then = time.monotonic() + 2 * FRESH
    count = 0
    while time.monotonic() < until_then:
        assert probe.holds()
        count += 1
    assert count > 100
    assert len(asked) <= 3


def test_s2_a_database_that_does_not_answer_is_told_of_in_bounded_time() -> None:
    answer = threading.Event()
    probe = Probe(answer.wait)
    started = time.monotonic()
    assert not probe.holds()
    first = time.monotonic() - started
    assert PATIENCE <= first < PATIENCE + 1
    for _ in range(100):  # nobody else waits for what is late already
        assert not probe.holds()
    assert time.monotonic() - started < first + 0.5
    answer.set()
    while not probe.holds():
        assert time.monotonic() - started < first + 1


# ------------------------------------------------------------------ may requests be sent here?


async def test_o1_a_server_whose_schema_is_there_is_ready(server: Server) -> None:
    answer = await fetch(server, "/readyz")
    assert (answer.status, answer.json()) == (
        200,
        {"status": "ready", "reasons": [], "degraded": []},
    )


async def test_o1_a_server_that_nobody_uses_says_that_redis_is_away(serve: ServeFixture) -> None:
    server = serve(REDIS_URL="redis://127.0.0.1:1/0")
    for _ in range(2):
        answer = await fetch(server, "/readyz")
        assert (answer.status, answer.json()["degraded"]) == (200, ["redis away"])


@pytest.mark.once("sqlite")
async def test_o1_j4_a_server_whose_migrations_are_not_applied_is_not_ready(
    database: None, tmp_path: Path
) -> None:
    """`serve` does not start then; another ASGI server does."""
    empty = {"DATABASE_URL": f"sqlite:///{tmp_path / 'empty.sqlite3'}", "REDIS_URL": ""}
    with serving(tmp_path / "log", empty, by="daphne") as server:
        assert (await fetch(server, "/healthz")).status == 200
        answer = await fetch(server, "/readyz")
        assert (answer.status, answer.json()["reasons"]) == (503, ["migrations not applied"])


async def test_f7_a_request_for_a_foreign_host_is_one_line_of_the_log(server: Server) -> None:
    host = f"{uuid4().hex}.example"
    assert (await fetch(server, "/healthz", headers={"Host": host})).status == 400
    await server.logged(host)
    lines = server.log.read_text().splitlines()
    [at] = [n for n, line in enumerate(lines) if host in line]
    assert "error=DisallowedHost" in lines[at]
    assert not lines[at + 1 :] or lines[at + 1].startswith("20")  # the next line begins with a date


# ------------------------------------------------------------------ bodies and upgrades


def posted(kind: str, path: str, body: bytes, *, upgrade: str, bearer: str = "") -> list[bytes]:
    """A POST in the pieces in which it is sent; its body in chunks, or with its length."""
    lines = [f"POST {path} HTTP/1.1", "Host: 127.0.0.1", "Content-Type: application/json"]
    if upgrade:
        lines += ["Connection: Upgrade, HTTP2-Settings", f"Upgrade: {upgrade}"]
    if kind == "length":
        return [_head(*lines, f"Content-Length: {len(body)}"), body]
    half = len(body) // 2
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(c), c) for c in (body[:half], body[half:], b""))
    return [_head(*lines, "Transfer-Encoding: chunked"), chunks[:3], chunks[3:]]


def _head(*lines: str) -> bytes:
    return "\r\n".join((*lines, "", "")).encode()


async def answers_of(server: Server, pieces: list[bytes], *, count: int = 1) -> list[bytes]:
    """The status lines of so many answers."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    read = b""
    try:
        async with asyncio.timeout(10):
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0)  # a read of its own, mostly
            while read.count(b"HTTP/1.1 ") < count:
                more = await reader.read(2**16)
                assert more, read
                read += more
    finally:
        writer.close()
    return [part.split(b"\r\n")[0] for part in read.split(b"HTTP/1.1 ")[1:]]


@pytest.mark.parametrize("joined", [True, False], ids=["whole", "pieces"])
@pytest.mark.parametrize("upgrade", ["", "h2c", "TLS/1.0", "websocket", "h2c, websocket", "x/1"])
@pytest.mark.parametrize("kind", ["length", "chunked"])
async def test_w4_a_posts_body_is_read_whatever_it_would_be_upgraded_to(
    server: Server, cast: Cast, kind: str, upgrade: str, joined: bool
) -> None:
    body = json.dumps({"refresh": cast.bob.refresh_token}).encode()
    pieces = posted(kind, "/auth/refresh", body, upgrade=upgrade)
    # What comes behind it on the same connection is served, too.
    pieces.append(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    sent = [b"".join(pieces)] if joined else pieces
    assert await answers_of(server, sent, count=2) == [b"200 OK", b"200 OK"]


@pytest.mark.parametrize("kind", ["length", "chunked"])
@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/auth/token", {"email": "{email}", "password": PASSWORD}),
        ("/auth/token/", {"email": "{email}", "password": PASSWORD}),
        ("/auth/logout", {"refresh": "{refresh}"}),
    ],
)
async def test_w4_right_credentials_are_taken_in_chunks(
    server: Server, cast: Cast, kind: str, path: str, body: dict[str, str]
) -> None:
    person = cast.mia
    known = {"{email}": person.email, "{refresh}": person.refresh_token}
    text = json.dumps({name: known.get(value, value) for name, value in body.items()}).encode()
    (status,) = await answers_of(server, posted(kind, path, text, upgrade="h2c"))
    assert status.startswith(b"20")


async def test_w4_a_file_is_uploaded_in_chunks(server: Server, cast: Cast) -> None:
    session = browser(cast.alice)
    page = session.get("/admin/bos/import/add/")
    cookies = "; ".join(f"{name}={morsel.value}" for name, morsel in session.cookies.items())
    fields = {**form(page, kind="employees"), "csrfmiddlewaretoken": page.context["csrf_token"]}
    fields = {name: value for name, value in fields.items() if name != "file"}
    parts = [
        f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    ]
    parts.append(
        '--b\r\nContent-Disposition: form-data; name="file"; filename="e.csv"\r\n'
        "Content-Type: text/csv\r\n\r\nname\nAda\n\r\n--b--\r\n"
    )
    body = "".join(parts).encode()
    head, *chunks = posted("chunked", "/admin/bos/import/add/", body, upgrade="")
    kind = b"multipart/form-data; boundary=b\r\nCookie: " + cookies.encode()
    pieces = [head.replace(b"application/json", kind), *chunks]
    (status,) = await answers_of(server, pieces)
    assert status == b"302 Found"
    assert Import.objects.filter(organization=cast.home.organization).count() == 1


HANDSHAKE = ("Host: 127.0.0.1", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")
PLAIN = ("Connection: Upgrade", "Upgrade: websocket")


@pytest.mark.parametrize(
    ("target", "lines"),
    [
        ("/v1/ws", ("Connection: keep-alive", *PLAIN)),
        ("/v1/ws", (*PLAIN, "Connection: keep-alive")),
        ("/v1/ws", ("CONNECTION: UPGRADE,keep-alive", "uPGRADE: WebSocket")),
        ("/v1/ws", ("Connection: Upgrade", "Upgrade: h2c, websocket")),
        ("/v1/ws", ("Connection: Upgrade", "Upgrade: h2c", "Upgrade: websocket")),
        ("http://127.0.0.1/v1/ws", PLAIN),
        ("HTTP://127.0.0.1:80/v1/ws?a=b", PLAIN),
    ],
)
async def test_w16_a_handshake_may_be_written_in_any_way_that_http_allows(
    server: Server, target: str, lines: tuple[str, ...]
) -> None:
    head = _head(f"GET {target} HTTP/1.1", *HANDSHAKE, "Sec-WebSocket-Version: 13", *lines)
    assert await answers_of(server, [head]) == [b"101 Switching Protocols"]


@pytest.mark.parametrize("target", ["http://[127/v1/ws", "http://127.0.0.1", "//v1/ws", "*"])
async def test_w16_a_target_that_is_no_address_of_ours_is_refused(
    server: Server, target: str
) -> None:
    head = _head(f"GET {target} HTTP/1.1", *HANDSHAKE, "Sec-WebSocket-Version: 13", *PLAIN)
    assert (await answers_of(server, [head]))[0][:3] in (b"400", b"403", b"404")


async def test_w4_a_tunnel_is_refused(server: Server) -> None:
    (status,) = await answers_of(server, [_head("CONNECT a:1 HTTP/1.1", "Host: a:1")])
    assert status == b"405 Method Not Allowed"
