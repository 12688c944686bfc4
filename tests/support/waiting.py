"""Waiting for what tells nobody that it has happened: a row of another process, a page, a file."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from inspect import isawaitable
from typing import TypeVar, overload

T = TypeVar("T")


@overload
async def until(
    ask: Callable[[], Awaitable[T | None]], *, within: float, every: float = 0.05
) -> T: ...


@overload
async def until(ask: Callable[[], T | None], *, within: float, every: float = 0.05) -> T: ...


async def until(
    ask: Callable[[], T | Awaitable[T | None] | None], *, within: float, every: float = 0.05
) -> T:
    """Ask again and again; the first answer that is true. TimeoutError after so many seconds."""
    async with asyncio.timeout(within):
        while True:
            answer = ask()
            if isawaitable(answer):
                answer = await answer
            if answer:
                return answer
            await asyncio.sleep(every)
