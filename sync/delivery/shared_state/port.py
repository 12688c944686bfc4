"""The hub's interface to the state that processes share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from sync.delivery.budgets import Account, Refusal

LEASE_SECONDS = 45.0
RENEW_SECONDS = 15.0


class SharedState(Protocol):
    shared: bool
    """Whether other processes see it, too."""

    @property
    def away(self) -> bool:
        """Whether some of it did not answer when it was last asked: each process goes by itself."""
        ...

    async def take_slot(self, user_id: str, connection_id: str, limit: int) -> bool:
        """Take one of the user's slots for connections; False where none is free."""
        ...

    async def free_slot(self, user_id: str, connection_id: str) -> None: ...

    async def renewal_due(self, seconds: float) -> bool:
        """Wait so many seconds; less where something could not be kept, and True then: all that is
        leased here must be told again."""
        ...

    async def renew_slots(self, slots: Iterable[tuple[str, str]]) -> bool:
        """Keep these slots, each (user, connection), for another LEASE_SECONDS.

        False where that could not be kept for all of them.
        """
        ...

    async def hit(self, user_id: str, limit: int, window: float) -> float:
        """Count a message of the user; 0 if within the limit, else seconds until one would be."""
        ...

    def spend_at_once(self, organization_id: str, accounts: Sequence[Account], units: int) -> bool:
        """`spend` where nobody need be asked; False, and nothing taken, where it is not so."""
        ...

    async def spend(
        self, organization_id: str, accounts: Sequence[Account], units: int
    ) -> Refusal | None:
        """Take units of work from all of these accounts of an organization, or from none: why not,
        then."""
        ...

    async def lease(self, presences: Iterable[tuple[str, str]], seconds: float) -> bool:
        """For so long, count these as present, unless told again.

        presences: (presence key, connection). False where that could not be kept for all of them.
        """
        ...

    async def release(self, presence_key: str, connection_id: str) -> int | None:
        """Take a connection away; how many are still there, None if nobody knows now."""
        ...

    async def present(self, presence_keys: Sequence[str]) -> list[int | None]:
        """Return how many connections are present under each key; None where nobody knows."""
        ...

    async def holders(self, presence_key: str) -> list[str] | None:
        """Return the connections that are present under this key; None if that is not known."""
        ...
