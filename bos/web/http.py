"""HTTP by Django, on a few threads of our own.

Django's own ASGI handler makes a thread for each request, and each thread a database connection
that outlives it: a hundred requests at once take all that PostgreSQL has. Here a request has one
thread of a fixed number for as long as it is worked at, from the first middleware to the last, and
none while its body comes in and its answer goes out, which a slow client could draw out.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import io
import os
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from tempfile import SpooledTemporaryFile
from typing import IO, Any, NamedTuple

from django.conf import settings
from django.core import signals
from django.core.exceptions import RequestAborted
from django.core.handlers.asgi import ASGIHandler, get_script_prefix
from django.http import FileResponse, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.urls import set_script_prefix

from bos.web import metrics
from bos.web.turns import Turns, turns
from sync.gateway.cors import PREFLIGHT, allowed_origin, cors_headers, is_preflight
from sync.gateway.intake import block_of

Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]

PATIENCE = 10.0
"""Seconds that a request waits for a thread."""
RETRY_AFTER = 2
"""Seconds after which a client is told to try again: most of what waits now is done by then."""
BUSY_SECONDS = 1.0
MOST_HELD_BACK = 1_000
"""So many clients that find no place hear so after this time: those that ask again at once would
have the server do little but refuse, and all others wait for that."""
CHUNK = 2**16
PASSWORDS_WAITING = 20
"""Behind 20 others on two threads somebody waits some seconds: no longer than they would to try
again."""
HEALTH = frozenset({"/healthz", "/readyz"})
PASSWORDS = frozenset(
    {
        "/auth/token",
        "/account/login",
        "/account/password/change",
        "/account/reauthenticate",
        "/admin/password_change",
    }
)
BY_A_LINK = "/account/password/set/"
"""Below it, too, passwords are hashed: see `bos.people.views`."""
IN_MEMORY = 2**20
"""Bytes of an answer that is made little by little; what is longer waits in a file to be sent."""


class Busy(Exception):
    """As many requests are worked at and wait as may."""


class Lane:
    """Some threads, and the requests that wait for one of them.

    An address has three quarters of the room at most: what one client asks for at once never
    turns all others away.
    """

    def __init__(
        self,
        name: str,
        threads: int,
        *,
        waiting: int,
        patience: float = PATIENCE,
        turns: Turns | None = None,
    ) -> None:
        self._turns = turns
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._most = threads + waiting
        self._most_each = max(1, self._most - self._most // 4)
        self._patience = patience
        self._held_back = 0
        self._addresses = Counter[str]()
        self._taken: set[Future[Answer]] = set()

    async def run(
        self, call: Callable[[], Answer], gone: Coroutine[Any, Any, None], *, address: str = ""
    ) -> Answer | None:
        """Call this on a thread; None where the client has gone meanwhile.

        Raises Busy where too many wait already, or it would have to wait too long.
        """
        if len(self._taken) >= self._most or self._addresses[address] >= self._most_each:
            gone.close()
            await self._hold_back()
            raise Busy
        taken = self._threads.submit(self._work, call)
        self._taken.add(taken)
        taken.add_done_callback(self._taken.discard)
        self._addresses[address] += 1
        try:
            return await self._done(taken, gone)
        finally:
            self._addresses[address] -= 1
            if not self._addresses[address]:
                del self._addresses[address]

    def _work(self, call: Callable[[], Answer]) -> Answer:
        if self._turns is None:
            return call()
        with self._turns.taken():
            return call()

    async def _hold_back(self) -> None:
        if self._held_back < MOST_HELD_BACK:
            self._held_back += 1
            try:
                await asyncio.sleep(BUSY_SECONDS)
            finally:
                self._held_back -= 1

    async def _done(self, taken: Future[Answer], gone: Coroutine[Any, Any, None]) -> Answer | None:
        answer, leaving = asyncio.wrap_future(taken), asyncio.ensure_future(gone)
        either: set[asyncio.Future[Any]] = {answer, leaving}
        try:
            await asyncio.wait(either, timeout=self._patience, return_when=asyncio.FIRST_COMPLETED)
            # What is begun cannot be stopped.
            begun = answer.done() or not taken.cancel()
            if not begun and not leaving.done():
                raise Busy
            done = await answer if begun else None
            return None if leaving.done() else done
        finally:
            leaving.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await leaving


class Answer(NamedTuple):
    """body: a file where it was made little by little, and may be long."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes | IO[bytes]


class HttpApplication(ASGIHandler):
    """Django as an ASGI application of HTTP.

    What needs no database, or must be answered when all else is busy, has threads of its own.
    """

    def __init__(self) -> None:
        super().__init__()
        # Nothing in the chain awaits, so that it needs to change threads nowhere.
        self.load_middleware(is_async=False)
        self._pages = Lane(
            "bos-http", settings.HTTP_CONCURRENCY, waiting=settings.HTTP_WAITING, turns=turns
        )
        self._files = Lane("bos-file", 2, waiting=1_000)
        self._health = Lane("bos-health", 1, waiting=1_000)
        # Asked by one, four times a minute: what is asked more often is no scrape.
        self._metrics = Lane("bos-numbers", 1, waiting=10)
        # A third of a second of a core each: who only wants a page must not wait for them.
        self._passwords = Lane("bos-password", settings.HASHES_AT_ONCE, waiting=PASSWORDS_WAITING)

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """Serve one request."""
        cors = cors_headers(scope["path"], scope["headers"])
        if is_preflight(scope):
            await _send(_preflight(scope, cors), send)
            return
        try:
            body = await self.read_body(receive)
        except RequestAborted:
            return
        try:
            answer = await self._answer(scope, body, receive)
        except Busy:
            answer = _busy(scope["path"])
        finally:
            body.close()
        if answer is not None:
            answer.headers.extend(cors)
            # The client may have gone: uvicorn does not notice it for a request behind another one.
            with contextlib.suppress(OSError, RuntimeError):
                await _send(answer, send)

    async def _answer(self, scope: dict[str, Any], body: Any, receive: Receive) -> Answer | None:
        """None where the client has gone meanwhile. Raises Busy."""
        if metrics.is_asked(scope):
            if (refused := metrics.refuse(scope)) is not None:
                return _answer_of(refused)
            return await self._metrics.run(lambda: _answer_of(metrics.page(scope)), _gone(receive))
        scope = _with_length(scope, body)
        call = partial(contextvars.copy_context().run, self._respond, scope, body)
        lane = self._lane(scope["method"], scope["path"])
        host, _ = scope.get("client") or (None, 0)
        return await lane.run(call, _gone(receive), address=block_of(host))

    def _lane(self, method: str, path: str) -> Lane:
        if path in HEALTH:
            return self._health
        if method == "POST" and (path.rstrip("/") in PASSWORDS or path.startswith(BY_A_LINK)):
            return self._passwords
        return self._files if path.startswith(settings.STATIC_URL) else self._pages

    def _respond(self, scope: dict[str, Any], body: Any) -> Answer:
        """Everything that Django does for a request; on one thread."""
        set_script_prefix(get_script_prefix(scope))
        signals.request_started.send(sender=type(self), scope=scope)
        request, refused = self.create_request(scope, body)
        response: HttpResponseBase
        if request is None:
            assert refused is not None, "create_request makes one of them"
            response = refused
        else:
            response = self.get_response(request)
        response._handler_class = type(self)  # type: ignore[attr-defined]  # for its signal
        try:
            # A streamed answer, too: its iterator belongs to this thread.
            content = _spooled(response) if _is_long(response) else b"".join(response)
        finally:
            response.close()  # the signal closes connections that are too old
        cookies = [("Set-Cookie", cookie.output(header="")) for cookie in response.cookies.values()]
        headers = [
            (name.encode("ascii"), value.strip().encode("latin1"))
            for name, value in (*response.items(), *cookies)
        ]
        return Answer(response.status_code, headers, content)


def _is_long(response: HttpResponseBase) -> bool:
    """Whether an answer is made little by little; files of ours are short."""
    return response.streaming and not isinstance(response, FileResponse)


def _spooled(response: HttpResponseBase) -> IO[bytes]:
    """Gather an answer where it does not need memory for all of it."""
    body: IO[bytes] = SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115  # closed when sent
    try:
        for piece in response:
            body.write(piece)
        body.seek(0)
    except BaseException:
        body.close()
        raise
    return body


def _with_length(scope: dict[str, Any], body: Any) -> dict[str, Any]:
    """The request with its body's length where that came in chunks: Django's forms and DRF take a
    body without one for empty."""
    headers = scope["headers"]
    if any(name == b"content-length" for name, _ in headers):
        return scope
    length = body.seek(0, os.SEEK_END)
    body.seek(0)
    return (
        {**scope, "headers": [*headers, (b"content-length", b"%d" % length)]} if length else scope
    )


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def refusal(path: str, *, code: str, message: str, status: int = 503) -> HttpResponse:
    """In JSON for programs, in words for people; when to try again, where that helps."""
    response = HttpResponse(f"{message}\n", content_type="text/plain", status=status)
    if path.startswith(("/api/", "/auth/")):
        body: dict[str, Any] = {"code": code, "message": message}
        if status == 503:
            body["details"] = {"retryAfter": RETRY_AFTER}
        response = JsonResponse(body, status=status)
    if status == 503:
        response["Retry-After"] = str(RETRY_AFTER)
    response["Cache-Control"] = "no-store"
    return response


def _busy(path: str) -> Answer:
    message = "The server is busy. Please try again in a moment."
    return _answer_of(refusal(path, code="SERVER_BUSY", message=message))


def _answer_of(response: HttpResponse) -> Answer:
    """One that no middleware has seen."""
    response["Content-Length"] = str(len(response.content))
    headers = [(name.encode(), value.encode()) for name, value in response.items()]
    return Answer(response.status_code, headers, response.content)


def _preflight(scope: Mapping[str, Any], cors: list[tuple[bytes, bytes]]) -> Answer:
    """Whether a page may ask this is decided by its origin alone, not by what is there."""
    if allowed_origin(scope["headers"]) is not None:
        return Answer(204, [*cors, *PREFLIGHT], b"")
    body = b'{"code":"ORIGIN_NOT_ALLOWED","message":"Pages of this origin may not call this."}'
    return Answer(403, [*cors, (b"Content-Type", b"application/json")], body)


async def _send(answer: Answer, send: Send) -> None:
    start = {"type": "http.response.start", "status": answer.status, "headers": answer.headers}
    await send(start)
    body = io.BytesIO(answer.body) if isinstance(answer.body, bytes) else answer.body
    with body:
        while chunk := body.read(CHUNK):
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body"})
