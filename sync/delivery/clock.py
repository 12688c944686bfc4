"""The time of what delivery waits for; `sync.testing.Clock` is one that a test moves on."""

from __future__ import annotations

import asyncio
from typing import Protocol


class TimeSource(Protocol):
    def time(self) -> float:
        """Return the time in seconds; it never steps back."""
        ...

    async def sleep(self, seconds: float) -> None: ...


class LoopTime:
    """The running event loop's."""

    def __init__(self) -> None:
        self.time = asyncio.get_running_loop().time
        self.sleep = asyncio.sleep
