"""Plays the real days of the demo series forward, as a client like any other: with `bos_client`.

Finds the KPIs by name in a snapshot, and sends KPI_UPDATEs. Whatever is lost on the way, the client
sends again, so each update is made once.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import islice

from bos_client import PasswordSession, connect
from bos_client.protocol import KpiUpdate
from kpis.demo.series import Series


@dataclass(frozen=True, slots=True)
class Update:
    """One value of one day, and where it is to go."""

    day: date
    kpi_id: str
    name: str
    value: Decimal


class NothingToPlay(Exception):
    """The account sees none of the demo KPIs."""


@dataclass(slots=True)
class Player:
    """url: of the server, `http://127.0.0.1:8000`. rate: updates a second."""

    url: str
    email: str
    password: str
    rate: float
    total: int = 0
    """How many updates there are to play, once the first has been made."""

    async def play(self, series: list[Series], days: int) -> AsyncIterator[tuple[Update, int]]:
        """Send every update in order; yields each with the sequence it was committed under.

        Raises BosError, at once where there is no server; ValueError where the address is none.
        """
        token = PasswordSession(self.url, self.email, self.password)
        async with connect(self.url, token=token) as client:
            await client.live(patient=False)
            assert client.user is not None, "signed in"
            await client.subscribe(f"organization:{client.user.organization_id}")
            ids = {kpi.name: kpi.id for kpi in client.store.kpis.values()}
            updates = list(_updates(series, days, ids))
            self.total = len(updates)
            for update in updates:
                request = KpiUpdate(kpi_id=update.kpi_id, value=float(update.value))
                answer = await client.request(request)
                yield update, answer.sequence
                await asyncio.sleep(1 / self.rate)


def _updates(series: list[Series], days: int, ids: dict[str, str]) -> Iterator[Update]:
    played = [one for one in series if one.name in ids]
    if not played:
        raise NothingToPlay("none of the demo KPIs is visible to this account")
    # Day by day, as it happened: all KPIs of a day before the next day.
    for day_of_each in islice(zip(*(one.values for one in played), strict=True), days or None):
        for one, (day, value) in zip(played, day_of_each, strict=True):
            yield Update(day, ids[one.name], one.name, value)
