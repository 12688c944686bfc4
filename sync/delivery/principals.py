"""The users that tokens name, looked up many at a time."""

from __future__ import annotations

from collections.abc import Sequence

from sync.delivery.gathering import Gathered
from sync.eventlog.threads import in_database
from sync.protocol.authenticator import Claims, authenticator
from sync.protocol.identity import Principal

# A query takes so many, and a user who comes with many connections once.
MOST = 500
# Of a look-up the query is the smaller part: the way to its thread and back is most. Those who come
# within so many seconds of a busy time share one.
PAUSE = 0.005


class PrincipalLoader:
    """Looks users up as they are in the database now.

    Nothing is kept: a user who was deactivated is refused from that commit on, also by a process
    that has not heard of it yet, and only the database knows.
    """

    def __init__(self) -> None:
        self._gathered = Gathered(_load, most=MOST, pause=PAUSE)

    async def load(self, claims: Claims) -> Principal | None:
        return await self._gathered.ask(claims)


async def _load(claims: list[Claims]) -> Sequence[Principal | None]:
    return await in_database(authenticator().load, claims)
