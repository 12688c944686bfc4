"""A network that can be broken, for those who use its address: to PostgreSQL, or to a server."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(slots=True, eq=False)
class _Path:
    near: asyncio.StreamWriter
    far: asyncio.StreamWriter
    swallowed: bool = False


class Network:
    """Passes bytes on between a port of its own and what is at this URL."""

    def __init__(self, url: str) -> None:
        self._real = urlsplit(url)
        self._listening: asyncio.Server | None = None
        self._paths: set[_Path] = set()
        self._swallows = False
        self._port = 0

    @property
    def url(self) -> str:
        """The same through this network."""
        user, at, _ = self._real.netloc.rpartition("@")
        return self._real._replace(netloc=f"{user}{at}127.0.0.1:{self._port}").geturl()

    async def join(self) -> None:
        """Let new connections be made, and what they send pass."""
        self._swallows = False
        if self._listening is None:
            self._listening = await asyncio.start_server(self._pass, "127.0.0.1", self._port)
            self._port = self._listening.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        """End all connections, and refuse new ones."""
        if self._listening is not None:
            self._listening.close()
            self._listening = None
        for path in list(self._paths):
            path.near.transport.abort()
            path.far.transport.abort()
        while self._paths:  # each ends by itself now
            await asyncio.sleep(0.01)

    def swallow(self) -> None:
        """Acknowledge everything and pass nothing on, now and on what is connected by then.

        Neither end hears of it: a network that is half open.
        """
        self._swallows = True
        for path in self._paths:
            path.swallowed = True

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far = await asyncio.open_connection(self._real.hostname, self._real.port)
        except OSError:
            writer.close()
            return
        path = _Path(writer, far, self._swallows)
        self._paths.add(path)
        await asyncio.gather(_pump(path, reader, far), _pump(path, far_reader, writer))
        self._paths.discard(path)


async def _pump(path: _Path, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(2**16):
            if not path.swallowed:
                writer.write(data)
                await writer.drain()
    writer.close()


@contextlib.asynccontextmanager
async def network(url: str = "") -> AsyncIterator[Network]:
    """A network that is whole, until somebody breaks it; to the tests' database, or to this URL."""
    made = Network(url or os.environ["DATABASE_URL"])
    await made.join()
    try:
        yield made
    finally:
        await made.cut()
