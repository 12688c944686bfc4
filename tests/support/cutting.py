"""A proxy to a server that cuts every connection again and again, whatever is under way."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Iterator
from urllib.parse import urlsplit

NO_GOODBYE = struct.pack("ii", 1, 0)
"""SO_LINGER: what has not been sent is thrown away, and the other end gets a reset."""
CHUNK = 2**16
LOOK = 0.05
"""How often a proxy that does not cut looks whether it is to."""


class CuttingProxy:
    """Passes bytes on between a port of its own and what is at `url`.

    every: after so many seconds all connections that there are are reset; None: not yet.
    cuts: how many connections have been reset.
    """

    def __init__(self, url: str, *, every: float | None) -> None:
        self._behind = urlsplit(url)
        self._every = every
        self._writers: set[asyncio.StreamWriter] = set()
        self._paths: set[asyncio.Task[None]] = set()
        self.port = 0
        self.cuts = 0

    @property
    def url(self) -> str:
        """Return the address of what is behind, through this proxy."""
        return self._behind._replace(netloc=f"127.0.0.1:{self.port}").geturl()

    def start_cutting(self, every: float) -> None:
        """Cut from now on. May be called from any thread."""
        self._every = every

    def stop_cutting(self) -> None:
        """Leave the connections alone from now on. May be called from any thread."""
        self._every = None

    async def serve(self) -> asyncio.Server:
        """Listen on a free port, and begin to cut."""
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        return server

    async def cut_regularly(self) -> None:
        """Cut all connections, again and again, while it is told to."""
        while True:
            await asyncio.sleep(self._every or LOOK)
            if self._every is not None:
                self.cut()

    def cut(self) -> None:
        """Reset all connections, both of their ends."""
        for writer in self._writers:
            peer: socket.socket = writer.get_extra_info("socket")
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_GOODBYE)
            writer.transport.abort()
        self.cuts += len(self._writers) // 2

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        path = asyncio.create_task(self._pass_on(reader, writer))
        self._paths.add(path)
        path.add_done_callback(self._paths.discard)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            answers, onwards = await asyncio.open_connection(
                self._behind.hostname, self._behind.port
            )
        except OSError:
            writer.transport.abort()
            return
        both = {writer, onwards}
        self._writers |= both
        try:
            await asyncio.gather(_pump(reader, onwards), _pump(answers, writer))
        finally:
            self._writers -= both


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(CHUNK):
            writer.write(data)
            await writer.drain()
    writer.close()


@contextlib.contextmanager
def cutting(url: str, *, every: float | None = 1.0) -> Iterator[CuttingProxy]:
    """Serve on a thread of its own, so that a test may wait for what goes through it."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    proxy = CuttingProxy(url, every=every)
    server = asyncio.run_coroutine_threadsafe(proxy.serve(), loop).result()
    asyncio.run_coroutine_threadsafe(proxy.cut_regularly(), loop)
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
