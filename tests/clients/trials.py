"""The trial of a client that is cut off each second: what it is to do, and what must come of it."""

from __future__ import annotations

import asyncio
from asyncio import Future
from collections import Counter
from itertools import groupby
from typing import Any

from kpis.models import KpiValue
from tests.support.cast import PASSWORD, Cast
from tests.support.client import Client
from tests.support.cutting import CuttingProxy
from tests.support.server import Server
from tests.support.waiting import until

SEEN, OWN = 1000, 500
"""Changes by others, and own requests."""
FIRST = 1001
"""The first value that is set; see tests/clients/trial.js."""
TOGETHER = 25
BUSY = 20.0
Said = dict[str, Any]


def task(cast: Cast) -> Said:
    """Return what the client is to do: as mia, watch one KPI and set another."""
    return {
        "watched": str(cast.home.revenue.pk),
        "set": str(cast.home.margin.pk),
        "seen": SEEN,
        "own": OWN,
        "email": cast.mia.email,
        "password": PASSWORD,
    }


async def change(server: Server, cast: Cast, way: CuttingProxy) -> None:
    """Change the KPI that is watched, as somebody whose connection is whole.

    The client is cut at least twice meanwhile, however quick the machine is.
    """
    kpi = str(cast.home.revenue.pk)
    async with await Client.connect(server, cast.alice) as alice:
        for first in range(1, SEEN + 1, TOGETHER):
            if first in (SEEN // 4 + 1, SEEN // 2 + 1):
                await _cut_again(way)
            values = range(first, min(first + TOGETHER, SEEN + 1))
            for value in values:
                payload = {"kpiId": kpi, "value": value}
                await alice.send("KPI_UPDATE", payload, request_id=f"{kpi}-{value}")
            for value in values:
                answer = await alice.answer(f"{kpi}-{value}")
                assert answer["type"] == "KPI_UPDATED", answer


async def _cut_again(way: CuttingProxy) -> None:
    before = way.cuts
    await until(lambda: way.cuts > before, within=BUSY)


async def result_of(running: Future[Said], way: CuttingProxy) -> Said:
    """Wait for the client, which is cut each second as long as that leaves it time to come back."""
    await asyncio.wait({running}, timeout=BUSY)
    way.stop_cutting()  # a machine may be too busy for a sign-in and a sync in one second
    return await running


async def assert_nothing_is_lost_or_doubled(result: Said, cast: Cast) -> None:
    """Look at what the client has seen, done, and shows."""
    assert result["problems"] == []
    assert len(result["events"]) == SEEN
    assert result["events"] == sorted(set(result["events"]))
    # Each is in the store when it is told, or already followed by later ones of the same step.
    assert result["shown"] == sorted(result["shown"])
    assert result["shown"][-1] == SEEN
    own = range(FIRST, FIRST + OWN)
    assert result["answered"] == list(own)
    values = KpiValue.objects.filter(kpi=cast.home.margin).values_list("value", flat=True)
    made = Counter([int(value) async for value in values])
    assert [value for value in own if made[value] != 1] == []
    assert result["store"] == result["fresh"]
    assert result["store"]["kpi"][str(cast.home.revenue.pk)]["value"] == SEEN
    lives = [state for state, _ in groupby(result["states"]) if state == "live"]
    assert len(lives) > 2, result["states"]
