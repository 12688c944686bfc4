"""The state of a process that is alone."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

from sync.delivery.budgets import Account, LocalBudgets, Refusal
from sync.protocol.limits import WINDOW, SlidingWindow


class MemoryState:
    """The state of one process, for one process."""

    shared = False
    away = False

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._slots: dict[str, set[str]] = defaultdict(set)
        self._messages: dict[str, SlidingWindow] = {}
        self._present: dict[str, dict[str, float]] = {}
        self._forget_at = 0.0
        self._budgets = LocalBudgets(clock)

    async def take_slot(self, user_id: str, connection_id: str, limit: int) -> bool:
        slots = self._slots[user_id]
        if connection_id not in slots and len(slots) >= limit:
            return False
        slots.add(connection_id)
        return True

    async def free_slot(self, user_id: str, connection_id: str) -> None:
        slots = self._slots.get(user_id)
        if slots is not None:
            slots.discard(connection_id)
            if not slots:
                del self._slots[user_id]
                self._forget_messages()

    def _forget_messages(self) -> None:
        """Of users that are gone, and not at once: on coming back they have what they had sent."""
        now = self._clock()
        if now < self._forget_at:
            return
        self._forget_at = now + WINDOW
        for user_id, messages in list(self._messages.items()):
            if user_id not in self._slots and messages.is_empty(now):
                del self._messages[user_id]

    async def lease(self, presences: Iterable[tuple[str, str]], seconds: float) -> bool:
        until = self._clock() + seconds
        for presence_key, connection_id in presences:
            self._present.setdefault(presence_key, {})[connection_id] = until
        return True

    async def release(self, presence_key: str, connection_id: str) -> int | None:
        self._present.get(presence_key, {}).pop(connection_id, None)
        return self._count(presence_key)

    async def present(self, presence_keys: Sequence[str]) -> list[int | None]:
        return [self._count(presence_key) for presence_key in presence_keys]

    async def holders(self, presence_key: str) -> list[str] | None:
        return list(self._present[presence_key]) if self._count(presence_key) else []

    def _count(self, presence_key: str) -> int:
        now = self._clock()
        there = {
            c: until for c, until in self._present.get(presence_key, {}).items() if until > now
        }
        if there:
            self._present[presence_key] = there
        else:
            self._present.pop(presence_key, None)
        return len(there)

    def slots_of(self, user_id: str) -> int:
        return len(self._slots.get(user_id, ()))

    async def renewal_due(self, seconds: float) -> bool:
        await asyncio.sleep(seconds)
        return False

    async def renew_slots(self, slots: Iterable[tuple[str, str]]) -> bool:
        return True

    async def hit(self, user_id: str, limit: int, window: float) -> float:
        messages = self._messages.get(user_id)
        if messages is None:
            messages = self._messages[user_id] = SlidingWindow(limit, window)
        return messages.hit(self._clock())

    def spend_at_once(self, organization_id: str, accounts: Sequence[Account], units: int) -> bool:
        return self._budgets.spend(accounts, units) is None

    async def spend(
        self, organization_id: str, accounts: Sequence[Account], units: int
    ) -> Refusal | None:
        return self._budgets.spend(accounts, units)
