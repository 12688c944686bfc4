"""Ask many questions at a time: after a restart everybody signs in at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

Q = TypeVar("Q")
A = TypeVar("A")


class Gathered(Generic[Q, A]):
    """Gathers the questions that come while others are being answered, for the next round trip.

    answer: answers some questions together, in their order; what it raises, each of them gets.
    most: so many at once. pause: seconds to wait for more where several came together the last
    time; one that is alone never waits.
    """

    def __init__(
        self,
        answer: Callable[[list[Q]], Awaitable[Sequence[A]]],
        *,
        most: int,
        pause: float = 0.0,
    ) -> None:
        self._answer = answer
        self._most = most
        self._pause = pause
        self._waiting: list[tuple[Q, asyncio.Future[A]]] = []
        self._running: asyncio.Task[None] | None = None

    async def ask(self, question: Q) -> A:
        future: asyncio.Future[A] = asyncio.get_running_loop().create_future()
        self._waiting.append((question, future))
        if self._running is None or self._running.done():
            self._running = asyncio.ensure_future(self._run())
        return await future

    async def _run(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
            try:
                answers = await self._answer([question for question, _ in batch])
                answered = list(zip(batch, answers, strict=True))
            except Exception as error:
                for _, future in batch:
                    if not future.done():
                        future.set_exception(error)
            else:
                for (_, future), answer in answered:
                    if not future.done():
                        future.set_result(answer)
            if self._pause and len(batch) > 1:
                await asyncio.sleep(self._pause)
