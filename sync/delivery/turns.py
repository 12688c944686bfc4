"""So many at once and no more, and of one organization fewer: the others need not wait for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Turns:
    """Lets in those who wait in the order of coming, an organization's after its own others."""

    def __init__(self, at_once: int, *, of_one: int) -> None:
        self._all = asyncio.Semaphore(at_once)
        self._of_one = of_one
        self._by_owner: dict[str, _Places] = {}

    @asynccontextmanager
    async def turn(self, owner: str) -> AsyncIterator[None]:
        """Wait for a place, and keep it for the block. owner: id of the organization."""
        places = self._by_owner.get(owner)
        if places is None:
            places = self._by_owner[owner] = _Places(self._of_one)
        places.users += 1
        try:
            # Its own first: what waits there takes no place from the others.
            async with places.free, self._all:
                yield
        finally:
            places.users -= 1
            if not places.users:
                del self._by_owner[owner]


class _Places:
    __slots__ = ("free", "users")

    def __init__(self, places: int) -> None:
        self.free = asyncio.Semaphore(places)
        self.users = 0
