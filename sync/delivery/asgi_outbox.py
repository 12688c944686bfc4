"""The outbox of one client where the server offers nothing but ASGI's `send`: Daphne."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

from sync.delivery.outbox import do_nothing


class AsgiOutbox:
    """Messages sent one at a time through ASGI's `send`, under any server.

    How much a client leaves unread is the server's business here; Daphne does not tell.
    """

    __slots__ = (
        "_ahead",
        "_idle",
        "_limit",
        "_send",
        "_size",
        "_task",
        "_waiting",
        "ended",
        "on_flood",
        "on_lag",
        "on_overflow",
    )

    def __init__(self, send: Callable[[Any], Awaitable[None]], limit: int) -> None:
        self._send = send
        self._limit = limit
        self._waiting: deque[dict[str, Any]] = deque()
        self._size = 0
        self._ahead = 0
        """So many of those that wait first were pushed ahead."""
        self.ended = False
        self._task: asyncio.Task[None] | None = None
        self._idle = asyncio.Event()
        self._idle.set()
        self.on_lag: Callable[[], None] = do_nothing
        self.on_overflow: Callable[[], None] = do_nothing
        self.on_flood: Callable[[], None] = do_nothing

    def push(self, frames: list[dict[str, Any]]) -> None:
        if self.ended:
            return
        added = sum(map(_size, frames))
        self._waiting.extend(frames)
        self._size += added
        if self._task is None or self._task.done():
            self._idle.clear()
            self._task = asyncio.get_running_loop().create_task(self._write())
        if self._size > self._limit // 2:
            full = self._size > self._limit and self._size - added > self._limit * 3 // 4
            asyncio.get_running_loop().call_soon(self.on_overflow if full else self.on_lag)

    async def _write(self) -> None:
        # One send at a time: servers may reorder two that are not awaited.
        try:
            while self._waiting and not self.ended:
                message = self._waiting.popleft()
                self._ahead = max(0, self._ahead - 1)
                self._size -= _size(message)
                await self._send(message)
        except Exception:  # the client has gone: the consumer is told by `receive`
            self.ended = True
        finally:
            self._idle.set()

    def push_ahead(self, frames: list[dict[str, Any]]) -> None:
        if self.ended:
            return
        if not self._waiting:
            self.push(frames)
        else:
            for at, message in enumerate(frames, self._ahead):
                self._waiting.insert(at, message)
            self._size += sum(map(_size, frames))
        self._ahead += len(frames)

    def unread(self) -> int:
        return self._size

    def is_filling(self) -> bool:
        return self._size > self._limit // 4

    def push_latest(self, topic: str, key: str, frames: list[dict[str, Any]]) -> None:
        self.push(frames)  # what ASGI's `send` has been given cannot be taken back

    def forget_latest(self, topic: str) -> None:
        return None

    def flush(self) -> None:
        return None

    def is_drained(self) -> bool:
        return self._idle.is_set()

    async def drained(self) -> bool:
        await self._idle.wait()
        return not self.ended

    async def flushed(self) -> None:
        await self._idle.wait()

    def drop(self) -> None:
        self._waiting.clear()
        self._size = self._ahead = 0

    def end(self) -> None:
        self.ended = True
        self.drop()
        self.on_lag = self.on_overflow = self.on_flood = do_nothing


def _size(message: dict[str, Any]) -> int:
    text = message.get("text")
    return len(message["bytes"]) if text is None else len(text.encode())
