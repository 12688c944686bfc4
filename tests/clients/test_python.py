"""The client for Python against real servers: what the protocol promises, as an application sees
it."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection
from websockets.asyncio.server import serve as serve_sockets

from bos_client import (
    CertificateError,
    Client,
    ClosedError,
    GivenUp,
    NotBosError,
    PasswordSession,
    RequestRefused,
    SignInError,
    State,
    StoredSession,
    Timeout,
    connect,
)
from bos_client.protocol import KpiUpdate, KpiUpdated, Position, ServerMessage, SyncUpdateMessage
from bos_client.wire import Malformed, Unknown, decode, to_wire
from kpis.models import KpiValue
from tests.support.cast import PASSWORD, Cast, Person
from tests.support.client import Client as Plain
from tests.support.cutting import cutting
from tests.support.mirror import snapshot
from tests.support.server import Server
from tests.support.services import free_port
from tests.support.waiting import until

UPDATES, OWN = 1000, 500


def client_of(server: Server, person: Person, url: str = "", **options: Any) -> Client:
    return connect(url or server.url, token=person.token, **options)


async def set_value(person: Plain, kpi: Any, value: float) -> None:
    await person.send(
        "KPI_UPDATE", {"kpiId": str(kpi.pk), "value": value}, request_id=uuid.uuid4().hex
    )


def mirrored(client: Client) -> dict[tuple[str, str], Any]:
    """Return the store as plain values, by type and id."""
    types = (
        "organization",
        "department",
        "employee",
        "kpi",
        "alert",
        "insight",
        "report",
        "session",
    )
    more = ("invitation", "participant", "annotation", "notification")
    return {
        (type_, id_): to_wire(entity)
        for type_ in (*types, *more)
        for id_, entity in client.store.all(type_).items()
    }


# ------------------------------------------------------------------ losses


@pytest.mark.timeout(180)
async def test_k3_cut_each_second_nothing_is_lost_and_nothing_comes_twice(
    unlimited: Server, cast: Cast
) -> None:
    """1,000 updates of others, each seen once and in order; 500 own, each acted on once."""
    seen: list[tuple[int, float]] = []
    revenue, margin = str(cast.home.revenue.pk), str(cast.home.margin.pk)

    def hear(message: ServerMessage) -> None:
        payload: Any = getattr(message, "payload", None)
        if getattr(payload, "entity_id", None) == revenue:
            value = payload.data.value if isinstance(message, SyncUpdateMessage) else payload.value
            seen.append((payload.sequence, value))

    with cutting(unlimited.url) as proxy:
        async with client_of(unlimited, cast.alice, proxy.url) as client:
            client.on_message(hear)
            await client.subscribe(cast.home.topic, f"department:{cast.home.sales.pk}")
            async with await Plain.connect(unlimited, cast.mia) as other:

                async def update() -> None:
                    for n in range(UPDATES):
                        await set_value(other, cast.home.revenue, n)
                        await asyncio.sleep(0.004)  # over several cuts

                async def own() -> list[KpiUpdated]:
                    asked = (KpiUpdate(kpi_id=margin, value=n) for n in range(OWN))
                    return await asyncio.gather(*(client.request(request) for request in asked))

                _, answers = await asyncio.gather(update(), own())
                await until(lambda: len(seen) >= UPDATES, within=60)
            proxy.stop_cutting()
            await client.live()
            assert proxy.cuts >= 3
            async with await Plain.connect(unlimited, cast.alice) as fresh:
                department = f"department:{cast.home.sales.pk}"
                expected, sequence = await snapshot(fresh, cast.home.topic, department)
            await until(lambda: (client.sequence or 0) >= sequence, within=30)
            assert mirrored(client) == expected
    assert [value for _, value in seen] == [float(n) for n in range(UPDATES)]
    assert [sequence for sequence, _ in seen] == sorted({sequence for sequence, _ in seen})
    assert [answer.value for answer in answers] == [float(n) for n in range(OWN)]
    made = KpiValue.objects.filter(kpi_id=cast.home.margin.pk, actor_id=cast.alice.id)
    assert await asyncio.to_thread(made.count) == OWN
