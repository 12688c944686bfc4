"""The user that a token names: the port to the project's users, looked up many at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

from django.utils.module_loading import import_string

from sync.conf import sync_settings
from sync.database import in_database
from sync.principal import Principal


@dataclass(frozen=True, slots=True)
class Claims:
    """What a valid access token says. expires_at: seconds since the epoch.

    sign_in_id: which sign-in it has come of; empty for a token that does not say.
    """

    user_id: str
    organization_id: str
    token_version: int
    expires_at: float
    sign_in_id: str = ""

    @classmethod
    def of(cls, principal: Principal) -> Claims:
        return cls(
            principal.user_id,
            principal.organization_id,
            principal.token_version,
            principal.expires_at,
            principal.sign_in_id,
        )


class Authenticator(Protocol):
    def verify(self, token: str) -> Claims:
        """Without the database. Raises TokenInvalid or TokenExpired."""
        ...

    def load(self, claims: Sequence[Claims]) -> list[Principal | None]:
        """The principals as they are now, in one query; None where a token no longer holds."""
        ...

    def hold(self, claims: Sequence[Claims], *, wait: bool) -> list[Principal | None]:
        """Return who the users are now, and stay until the open transaction ends.

        wait: for who changes them just now; otherwise these are None, too.
        """
        ...


@lru_cache(maxsize=1)
def authenticator() -> Authenticator:
    found: Authenticator = import_string(sync_settings().authenticator)
    return found


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
