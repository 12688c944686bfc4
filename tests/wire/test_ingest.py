"""Values that come by REST while others are connected (decision D2)."""

from __future__ import annotations

import asyncio
from typing import Any

from kpis.models import KpiValue
from tests.support.cast import Cast
from tests.support.client import Client
from tests.support.machines import make_machine
from tests.support.rest import rest
from tests.support.server import Server


async def send(server: Server, token: str, values: list[Any], **headers: str) -> tuple[int, Any]:
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    body = {"values": values}
    return await rest(server, "POST", "/api/v1/values", body=body, token=token, headers=named)


async def test_d2_a_follower_sees_the_values_live_each_once_and_no_history(
    server: Server, cast: Cast
) -> None:
    machine = make_machine(cast.home.organization)
    async with await Client.connect(server, machine) as client:
        await client.subscribe(cast.home.topic)
        past = {"kpi": "revenue", "value": 1, "at": "2026-01-31T08:30:00Z"}
        assert (await send(server, machine.token, [past]))[0] == 200
        values = [past | {"value": 2}, {"kpi": "revenue", "value": 3}]
        status, told = await send(server, machine.token, values)
        shown = await client.expect("KPI_UPDATED")
        assert (status, shown["payload"]["value"]) == (200, 3)
        assert shown["payload"]["sequence"] == told["sequence"]
        assert shown["payload"]["updatedBy"] == machine.id
        assert [m["type"] for m in await client.settle()] == ["SYNC_UPDATE"]


async def test_d2_of_simultaneous_requests_with_one_key_one_has_an_effect(
    server: Server, cast: Cast
) -> None:
    machine = make_machine(cast.home.organization)
    for n in range(3):
        values = [{"kpi": "revenue", "value": 500 + n}]
        answers = await asyncio.gather(
            *(send(server, machine.token, values, Idempotency_Key=f"key {n}") for _ in range(4))
        )
        assert [status for status, _ in answers] == [200] * 4
        assert all(told == answers[0][1] for _, told in answers)
        assert KpiValue.objects.filter(kpi=cast.home.revenue, value=500 + n).count() == 1
