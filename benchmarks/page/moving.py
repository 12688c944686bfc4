"""Have twenty people point in a meeting, and numbers change."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import math
import time
from collections.abc import AsyncIterator, Sequence

from bos_client import connect
from bos_client.client import Client
from bos_client.protocol import EntityRef, KpiUpdate, Position
from bos_client.sessions import Session

POINTS_PER_SECOND = 10
UPDATES_PER_SECOND = 20
NOTES = 50


@contextlib.asynccontextmanager
async def meeting(url: str, tokens: Sequence[str], kpis: Sequence[str]) -> AsyncIterator[str]:
    """A session in which all of them point ten times a second, and KPIs change; yields its id."""
    async with contextlib.AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(connect(url, token=token)) for token in tokens]
        first = await clients[0].create_session("A meeting", max_participants=len(tokens) + 2)
        others = [await client.join_session(first.id) for client in clients[1:]]
        for number in range(NOTES):
            await _annotate(number, first, kpis)
        work = [_point(n, session) for n, session in enumerate([first, *others])]
        tasks = [asyncio.create_task(each) for each in (*work, _change(clients[0], kpis))]
        try:
            yield first.id
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def _annotate(number: int, session: Session, kpis: Sequence[str]) -> None:
    place = Position(x=float(number % 10), y=1.0, z=float(number // 10))
    pinned = EntityRef(type="kpi", id=kpis[number * 7]) if number % 2 else None
    await session.annotate(f"Note {number}: look at March", place, entity=pinned)


async def _point(number: int, session: Session) -> None:
    async for step in _every(1 / POINTS_PER_SECOND):
        angle = number + step / 20
        session.move_cursor(Position(x=6 * math.cos(angle), y=1.0, z=6 * math.sin(angle)))


async def _change(client: Client, kpis: Sequence[str]) -> None:
    async for step in _every(1 / UPDATES_PER_SECOND):
        await client.request(KpiUpdate(kpi_id=kpis[step * 7 % len(kpis)], value=float(step)))


async def _every(seconds: float) -> AsyncIterator[int]:
    """Count so often, however long the work takes each time."""
    begun = time.monotonic()
    for step in itertools.count():
        yield step
        await asyncio.sleep(max(0, begun + (step + 1) * seconds - time.monotonic()))
