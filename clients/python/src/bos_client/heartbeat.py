"""Whether the other end is there: asked regularly, doubted soon, given up later."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

EVERY = 30.0
DOUBT = 3.0
PATIENCE = 10.0


class Heartbeat:
    """ask: send a PING. doubt: say that nothing comes. give_up: end the connection."""

    def __init__(
        self,
        pace: float,
        *,
        ask: Callable[[], None],
        doubt: Callable[[], None],
        give_up: Callable[[], None],
    ) -> None:
        self._pace = pace
        self._ask, self._doubt, self._give_up = ask, doubt, give_up
        self._something = asyncio.Event()

    def heard(self) -> None:
        """Say that something has come: whatever it is, the other end is there."""
        self._something.set()

    async def beat(self) -> None:
        """Ask again and again, until nothing comes any more."""
        while True:
            await asyncio.sleep(EVERY * self._pace)
            self._something.clear()
            self._ask()
            if await self._hears(DOUBT):
                continue
            self._doubt()
            if not await self._hears(PATIENCE - DOUBT):
                self._give_up()
                return

    async def _hears(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds * self._pace):
                await self._something.wait()
        except TimeoutError:
            return False
        return True
