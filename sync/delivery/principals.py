"""The users that tokens name, looked up many at a time."""

from __future__ import annotations

import asyncio

from sync.eventlog.threads import in_database
from sync.protocol.authenticator import Claims, authenticator
from sync.protocol.identity import Principal


class PrincipalLoader:
    """Looks users up: who signs in while a look-up runs shares the next one.

    After a restart everybody signs in at once, and a query each would be most of the work.
    """

    def __init__(self) -> None:
        self._waiting: list[tuple[Claims, asyncio.Future[Principal | None]]] = []
        self._running: asyncio.Task[None] | None = None

    async def load(self, claims: Claims) -> Principal | None:
        future: asyncio.Future[Principal | None] = asyncio.get_running_loop().create_future()
        self._waiting.append((claims, future))
        if self._running is None or self._running.done():
            self._running = asyncio.ensure_future(self._run())
        return await future

    async def _run(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            try:
                found = await in_database(authenticator().load, [claims for claims, _ in batch])
            except Exception as error:
                for _, future in batch:
                    if not future.done():
                        future.set_exception(error)
                continue
            for (_, future), principal in zip(batch, found, strict=True):
                if not future.done():
                    future.set_result(principal)
