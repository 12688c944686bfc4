"""The port to the project's users: what a token says, and who its user is now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Protocol

from django.utils.module_loading import import_string

from sync.conf import sync_settings
from sync.protocol.identity import Principal


@dataclass(frozen=True, slots=True)
class Claims:
    """The claims of a valid access token. expires_at: seconds since the epoch.

    sign_in_id: which sign-in it has come of; empty for a token that does not say.
    secret: the proof that came with it, where only `load` can look at that; the user and the
    organization are empty then, and the principal says which they are.
    """

    user_id: str
    organization_id: str
    token_version: int
    expires_at: float
    sign_in_id: str = ""
    secret: str = field(default="", repr=False)

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
        """Return the principals as they are now; None where a token no longer holds."""
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
