"""Reads of the log, packed bytes and turns, which clients share that sync in a process.

After a restart or a cut of the network all clients of an organization miss the same: they are
served by a few reads, and in turns, so that the others notice nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from itertools import count
from typing import Any, Generic, TypeVar

from sync.delivery.clock import TimeSource
from sync.delivery.pages import Pages
from sync.delivery.pictures import Pictures
from sync.delivery.tails import Tails
from sync.delivery.turns import Turns
from sync.eventlog.port import Log

T = TypeVar("T")

SENDING = 8
"""So many clients are sent a page between two looks of the loop at everybody else's messages: it
takes 0.05 to 0.1 ms each."""
SENDING_OF_ONE = 4


class SharedReads(Generic[T]):
    """Reads of which all who ask for the same before it begins have one together."""

    def __init__(self) -> None:
        self._reads: dict[Hashable, _Read[T]] = {}
        self._asked = count(1)

    async def read(self, key: Hashable, read: Callable[[], Awaitable[T]]) -> T:
        """Return the result of a `read` for this key that began after this was called."""
        asked = next(self._asked)
        shared = self._reads.setdefault(key, _Read())
        shared.users += 1
        try:
            async with shared.reading:
                if shared.began < asked:
                    began = next(self._asked)
                    shared.result = await read()
                    shared.began = began
                return shared.result
        finally:
            shared.users -= 1
            if not shared.users:
                del self._reads[key]


class _Read(Generic[T]):
    __slots__ = ("began", "reading", "result", "users")
    result: T

    def __init__(self) -> None:
        self.reading = asyncio.Lock()
        self.began = 0
        self.users = 0


class SharedSyncs:
    """Of a process: of one hub."""

    def __init__(self, log: Log, clock: TimeSource, readings: Turns) -> None:
        """readings: taken for each read that takes long."""
        self.starts: SharedReads[Any] = SharedReads()
        self.pages = Pages(log, clock, readings)
        self.pictures = Pictures(log, clock, readings)
        self.tails = Tails(log, clock, readings)
        self.sending = Turns(SENDING, of_one=SENDING_OF_ONE)
        """Taken for each page that is sent."""

    def forget(self) -> None:
        """Drop what is kept and was not asked for lately."""
        self.pages.forget()
        self.pictures.forget()
        self.tails.forget()
