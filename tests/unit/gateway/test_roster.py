"""The roster of connected users is told of newcomers in slices (row A4)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import pytest

from sync.delivery.hub import Hub
from sync.delivery.leases import LEASES_AT_ONCE
from sync.delivery.shared_state.memory import MemoryState
from sync.gateway import roster
from sync.testing import FakeClient, MemoryLog
from tests.support.waiting import until


class SlowState(MemoryState):
    """Answers a lease when it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0
        self.answers = asyncio.Event()

    async def lease(self, presences: Iterable[tuple[str, str]], seconds: float) -> bool:
        self.asked += 1
        await self.answers.wait()
        return await super().lease(presences, seconds)


async def test_a4_who_goes_while_newcomers_are_told_of_is_not_on_the_roster(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(roster, "ROUND", 0)
    state = SlowState()
    hub = Hub(log=MemoryLog())
    hub.state = state
    clients = [FakeClient(f"c{n}") for n in range(LEASES_AT_ONCE + 1)]
    for client in clients:
        roster.signed_in(client)
    telling = asyncio.create_task(roster.tell_newcomers(hub))
    try:
        await until(lambda: state.asked, within=10, every=0)
        await roster.take_off(hub, clients[-1])
        state.answers.set()
        await until(lambda: state.asked > 1, within=10, every=0)
        leases = await state.holders("connected:o")
        assert leases is not None
        assert len(leases) == LEASES_AT_ONCE
    finally:
        telling.cancel()
        for client in clients:
            await roster.take_off(hub, client)
