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
    away: bool
    """Whether it did not answer when it was last asked: each process goes by itself."""

    async def take_slot(self, user_id: str, connection_id: str, limit: int) -> bool:
        """Take one of the user's connection places; False where none is free."""
        ...

    async def free_slot(self, user_id: str, connection_id: str) -> None: ...

    async def renewal_due(self) -> None:
        """Wait until places must be renewed: soon, where something could not be kept."""
        ...

    async def renew_places(self, places: Iterable[tuple[str, str]]) -> None:
        """Keep these (user, connection) places for another LEASE_SECONDS."""
        ...

    async def hit(self, user_id: str, limit: int, window: float) -> float:
        """Count a message of the user; 0 if within the limit, else seconds until one would be."""
        ...

    def spend_at_once(self, place: str, accounts: Sequence[Account], units: int) -> bool:
        """`spend` where nobody need be asked; False, and nothing taken, where it is not so."""
        ...

    async def spend(self, place: str, accounts: Sequence[Account], units: int) -> Refusal | None:
        """Take units of work from all of these accounts, or from none: why not, then.

        place: the same for accounts that are asked for together.
        """
        ...

    async def lease(self, presences: Iterable[tuple[str, str]], seconds: float) -> bool:
        """For so long, count these (place, connection) as present, unless told again.

        False where that could not be kept for all of them.
        """
        ...

    async def release(self, place: str, connection_id: str) -> int | None:
        """Take a connection away; how many are still there, None if nobody knows now."""
        ...

    async def present(self, places: Sequence[str]) -> list[int] | None:
        """How many connections are at each place; None if nobody knows."""
        ...

    async def holders(self, place: str) -> list[str] | None:
        """Return the connections at this place; None if that is not known."""
        ...
