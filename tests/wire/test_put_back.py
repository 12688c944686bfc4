"""A database that is put back to an older state has forgotten events that were delivered (w7)."""

from __future__ import annotations

import asyncio
import contextlib

import pytest
from django.core.management import call_command
from django.db import connections, transaction

from kpis.models import KpiValue
from sync.eventlog import log, retention
from sync.models import Event, StreamHead
from sync.protocol.times import now_us, wire_cursor
from tests.conftest import BACKEND, ServeFixture
from tests.support.cast import Cast
from tests.support.client import Client, Message, error_of, sequences
from tests.support.server import Server

LOST = 8
# Some seconds of patience for a busy machine; the heads are compared once a second.
SOON = 5.0


async def put_back(organization_id: str) -> None:
    """The last events have never been, as in a backup that was made before them."""
    await asyncio.to_thread(_put_back, organization_id)


def _put_back(organization_id: str) -> None:
    try:
        with transaction.atomic():
            head = StreamHead.objects.select_for_update().get(pk=organization_id)
            end = head.sequence - LOST
            Event.objects.filter(organization_id=organization_id, sequence__gt=end).delete()
            kept = Event.objects.get(organization_id=organization_id, sequence=end)
            head.sequence, head.at_us = end, kept.at_us
            head.save()
    finally:
        connections.close_all()


async def _set_often(client: Client, cast: Cast, times: int = 10) -> Message:
    for n in range(times):
        answer = await client.set_value(cast.home.revenue, n)
    return answer


async def _assert_expired(client: Client, cast: Cast, **cursor: object) -> None:
    (refusal,) = await client.sync(cast.home.topic, **cursor)
    assert (refusal["type"], refusal["payload"]["code"]) == ("SYNC_ERROR", "SYNC_HISTORY_EXPIRED")


async def test_w7_a_log_that_is_put_back_closes_its_clients_and_goes_on_behind_what_they_saw(
    server: Server, cast: Cast
) -> None:
    async with (
        await Client.connect(server, cast.mia) as mia,
        await Client.connect(server, cast.bob) as bob,
        await Client.connect(server, cast.charlie) as stranger,
    ):
        await bob.subscribe(cast.home.topic)
        seen = (await _set_often(mia, cast))["payload"]["sequence"]
        synced = (await mia.sync(cast.home.topic, lastSequence=seen))[-1]["payload"]
        await put_back(cast.home.id)
        for client in (mia, bob):
            assert (await client.closed(SOON))[0] == 1012
        await server.logged("log was put back")
        await stranger.settle()  # another organization's clients notice nothing
    async with (
        await Client.connect(server, cast.mia) as mia,
        await Client.connect(server, cast.bob) as bob,
    ):
        await bob.subscribe(cast.home.topic)
        for old in (seen, seen - LOST, seen - LOST - 1):
            await _assert_expired(bob, cast, lastSequence=old)
        await _assert_expired(bob, cast, lastSyncTimestamp=synced["lastSyncTimestamp"])
        snapshot = (await bob.sync(cast.home.topic))[-1]["payload"]
        own = (await _set_often(mia, cast, 1))["payload"]
        assert own["sequence"] == snapshot["lastSequence"] + 1 > seen
        assert (await bob.until("KPI_UPDATED"))["payload"] == own
        await bob.settle()
        for cursor in ("lastSequence", "lastSyncTimestamp"):
            missed = await bob.sync(cast.home.topic, **{cursor: snapshot[cursor]})
            assert sequences(missed) == [own["sequence"]]


async def test_w7_no_request_behind_it_is_left_without_an_answer_or_a_close(
    server: Server, cast: Cast
) -> None:
    async with await Client.connect(server, cast.mia) as mia:
        await _set_often(mia, cast)
        await put_back(cast.home.id)
        for n in range(LOST):
            payload = {"kpiId": str(cast.home.revenue.pk), "value": 1000 + n}
            with contextlib.suppress(Exception):  # closed meanwhile
                await mia.send("KPI_UPDATE", payload, request_id=f"behind-{n}")
        code, _ = await mia.closed(SOON)
        assert code == 1012
    async with await Client.connect(server, cast.mia) as mia:
        for n in range(LOST):
            payload = {"kpiId": str(cast.home.revenue.pk), "value": 1000 + n}
            await mia.send("KPI_UPDATE", payload, request_id=f"behind-{n}")
            answer = await mia.answer(f"behind-{n}")
            assert (answer["type"], answer["payload"]["value"]) == ("KPI_UPDATED", 1000 + n)
    made = KpiValue.objects.filter(kpi=cast.home.revenue, value__gte=1000)
    assert sorted(int(value.value) for value in made) == [1000 + n for n in range(LOST)]


async def test_w7_a_request_whose_outcome_was_put_back_is_told_so(
    server: Server, cast: Cast
) -> None:
    payload = {"kpiId": str(cast.home.revenue.pk), "value": 7}
    async with await Client.connect(server, cast.mia) as mia:
        await _set_often(mia, cast)
        await mia.send("KPI_UPDATE", payload, request_id="forgotten")
        await mia.answer("forgotten")
        await put_back(cast.home.id)
        assert (await mia.closed(SOON))[0] == 1012
    async with await Client.connect(server, cast.mia) as mia:
        await mia.send("KPI_UPDATE", payload, request_id="forgotten")
        code, details = error_of(await mia.answer("forgotten"))
        assert (code, details["field"]) == ("NOT_FOUND", "requestId")


@pytest.mark.skipif(BACKEND != "postgres", reason="several processes need Redis")
async def test_w7_the_clients_of_every_process_start_anew(serve: ServeFixture, cast: Cast) -> None:
    async with (
        await Client.connect(serve(), cast.mia) as mia,
        await Client.connect(serve(), cast.bob) as bob,
        await Client.connect(serve(), cast.alice) as alice,
    ):
        await bob.subscribe(cast.home.topic)
        await _set_often(mia, cast)
        await put_back(cast.home.id)
        # One process finds the number that it has delivered given once more, the others the log
        # moved on behind all that they know.
        ends = await asyncio.gather(*(client.closed(SOON) for client in (mia, bob, alice)))
        assert [code for code, _ in ends] == [1012] * 3


async def test_w7_the_operator_tells_of_a_database_that_was_put_back_while_nobody_served(
    server: Server, serve: ServeFixture, cast: Cast
) -> None:
    async with await Client.connect(server, cast.mia) as mia:
        seen = (await _set_often(mia, cast))["payload"]["sequence"]
    before = wire_cursor(now_us())
    await asyncio.to_thread(_told_by_the_operator)
    moved = log.head(cast.home.id)
    assert moved.sequence == moved.pruned_sequence < 2**53
    async with await Client.connect(serve(), cast.mia) as mia:
        # Also a cursor of what was forgotten, that the log had never reached again.
        for old in (seen, seen + 1000):
            await _assert_expired(mia, cast, lastSequence=old)
        await _assert_expired(mia, cast, lastSyncTimestamp=before)
        assert (await _set_often(mia, cast, 1))["payload"]["sequence"] == moved.sequence + 1
    # What is pruned later does not make old cursors good again.
    retention.prune_events_of(cast.home.id, moved.at_us)
    assert log.head(cast.home.id).pruned_sequence == moved.sequence


def _told_by_the_operator() -> None:
    try:
        call_command("restored", verbosity=0)
    finally:
        connections.close_all()
