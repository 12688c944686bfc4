"""A proxy between us and PostgreSQL that counts answers, and loses that of a COMMIT."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Iterator
from enum import Enum, auto

# As psycopg sends it: a simple query, by itself.
COMMIT = b"Q\x00\x00\x00\x0bCOMMIT\x00"
# What ends the answer to each message of that kind, whatever it holds.
READY = b"Z\x00\x00\x00\x05"
CHUNK = 65536


class Cut(Enum):
    """Where a COMMIT's connection ends.

    PASSED: once it has gone on to PostgreSQL. ANSWERED: when its answer has come back here.
    SWALLOWED: before PostgreSQL gets it.
    """

    PASSED = auto()
    ANSWERED = auto()
    SWALLOWED = auto()


class Proxy:
    """plan: what is done to the next COMMITs; None lets one through, as when it is empty.

    open: whether new connections are passed on. shuts: whether a cut ends that, too. answers: how
    many have been passed on, one a round trip.
    """

    def __init__(self, host: str, port: int) -> None:
        self.plan: deque[Cut | None] = deque()
        self.open = True
        self.shuts = False
        self.cuts = self.answers = 0
        self.port = 0
        self._behind = (host, port)

    async def serve(self) -> asyncio.Server:
        server = await asyncio.start_server(self._pass_on, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        return server

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self.open:
            writer.transport.abort()
            return
        answers, onwards = await asyncio.open_connection(*self._behind)
        back = asyncio.create_task(self._pass_back(answers, writer))
        try:
            while data := await reader.read(CHUNK):
                cut = self.plan.popleft() if data == COMMIT and self.plan else None
                if cut is not None:
                    await self._cut(cut, onwards, answers, back)
                    break
                onwards.write(data)
        except ConnectionError:
            pass  # as good as its end
        finally:
            back.cancel()
            writer.transport.abort()
            onwards.close()

    async def _pass_back(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        end = b""
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(CHUNK):
                self.answers += (end + data).count(READY)
                end = data[1 - len(READY) :]
                writer.write(data)
        writer.close()

    async def _cut(
        self,
        cut: Cut,
        onwards: asyncio.StreamWriter,
        answers: asyncio.StreamReader,
        back: asyncio.Task[None],
    ) -> None:
        self.cuts += 1
        self.open = not self.shuts
        back.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await back
        if cut is not Cut.SWALLOWED:
            onwards.write(COMMIT)
            await onwards.drain()
        if cut is Cut.ANSWERED:
            await answers.read(CHUNK)


@contextlib.contextmanager
def proxy_to(host: str, port: int) -> Iterator[Proxy]:
    """Runs on a thread of its own, so that a test may wait for what goes through it."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    proxy = Proxy(host, port)
    server = asyncio.run_coroutine_threadsafe(proxy.serve(), loop).result()
    try:
        yield proxy
    finally:
        asyncio.run_coroutine_threadsafe(_end(server), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _end(server: asyncio.Server) -> None:
    server.close()  # first: a connection that is made meanwhile would outlive the loop
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
