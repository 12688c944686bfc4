"""The user of a connection (principal), and the cause of a change and its source (actor)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace

EVENTS = "events"
"""The scope that AUTH needs: to follow what happens."""
WRITE = "write"
"""The scope that requests need which change something, or have work done."""


@dataclass(frozen=True, slots=True)
class Principal:
    """An authenticated user of one organization, as the token and the database said at AUTH."""

    user_id: str
    organization_id: str
    name: str
    role: str
    token_version: int
    expires_at: float
    """Seconds since the epoch: `exp` of the access token."""
    sign_in_id: str = ""
    """Ended, the token holds no more; empty where it does not say which sign-in it has come of."""
    scopes: frozenset[str] | None = None
    """Of a machine's key, the only uses it is for; None: everything that the role may do."""

    def has_scope(self, scope: str) -> bool:
        return self.scopes is None or scope in self.scopes


@dataclass(frozen=True, slots=True)
class Actor:
    """The user or the system that changed something.

    origin and request_id: the connection and the request it came by, where it came by one; the
    resulting message carries the requestId in that connection's own copy only (decision E3).
    """

    user_id: str
    source: str
    origin: str = ""
    request_id: str = ""

    def besides(self) -> Actor:
        """The same, of what it has changed besides: no answer to the request."""
        return replace(self, origin="", request_id="")


SYSTEM = Actor(user_id="system", source="system")
_actor: ContextVar[Actor] = ContextVar("actor", default=SYSTEM)


def current_actor() -> Actor:
    """The actor in this thread or task; the system where nobody said."""
    return _actor.get()


@contextmanager
def acting(actor: Actor) -> Iterator[None]:
    """Everything changed in this block was done by this actor."""
    token = _actor.set(actor)
    try:
        yield
    finally:
        _actor.reset(token)
