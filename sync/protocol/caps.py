"""How much of something there may be at once: what a client meets, with its `scope` in the ERROR.

Limits of what is done in a minute are `sync.delivery.budgets` and `sync.protocol.limits`; here
waiting helps only where somebody ends, reads or deletes what there is.
"""

from __future__ import annotations

from dataclasses import dataclass

from sync.protocol.errors import RateLimitExceeded

_caps: dict[str, Cap] = {}


@dataclass(frozen=True, slots=True)
class Cap:
    """scope: names it to a client. remedy: what makes room, to people."""

    scope: str
    what: str
    remedy: str

    def require(self, *, there: int, limit: int, more: int = 1) -> None:
        """Raises RateLimitExceeded where `more` than are there would be more than the limit."""
        if there + more > limit:
            text = f"There are as many {self.what} as there may be. {self.remedy}"
            raise RateLimitExceeded(text, limit=limit, scope=self.scope)


def add_cap(cap: Cap) -> None:
    _caps[cap.scope] = cap


def caps() -> list[Cap]:
    return sorted(_caps.values(), key=lambda cap: cap.scope)
