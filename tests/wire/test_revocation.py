"""Losing one channel while connected: UNSUBSCRIBED access_revoked (decision A5)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connections

from bos.models import Department, Employee
from kpis.models import Kpi, Visibility
from tests.support import doors
from tests.support.cast import Cast
from tests.support.client import Client, Message, error_of
from tests.support.server import Server

WITHIN = 2.0
"""Decision A5, for changes by another process; our own take a moment."""

Change = Callable[[Cast], Any]


def _employee(cast: Cast) -> Employee:
    return Employee.objects.get(user=cast.bob.user)


def _save(row: Any, **values: Any) -> None:
    for name, value in values.items():
        setattr(row, name, value)
    row.save()


def employee_moved(cast: Cast) -> None:
    _save(_employee(cast), department=cast.home.support)


def employee_moved_as_a_queryset(cast: Cast) -> None:
    Employee.objects.filter(user=cast.bob.user).update(department=None)


def employee_moved_in_the_admin(cast: Cast) -> None:
    admin = doors.browser(cast.alice)
    doors.admin_change(admin, _employee(cast), department=str(cast.home.support.pk))


def employee_deleted(cast: Cast) -> None:
    _employee(cast).delete()


def employee_of_somebody_else(cast: Cast) -> None:
    _save(_employee(cast), user=None)


@pytest.mark.parametrize(
    "change",
    [
        employee_moved,
        employee_moved_as_a_queryset,
        employee_moved_in_the_admin,
        employee_deleted,
        employee_of_somebody_else,
    ],
    ids=lambda change: change.__name__,
)
async def test_a5_who_leaves_a_department_loses_its_channel_and_its_restricted_kpis(
    server: Server, cast: Cast, change: Change
) -> None:
    home = cast.home
    lost = sorted([f"department:{home.sales.pk}", f"kpi:{home.margin.pk}"])
    async with (
        await Client.connect(server, cast.bob) as bob,
        await Client.connect(server, cast.mia) as mia,
    ):
        await bob.subscribe(*lost, f"kpi:{home.revenue.pk}")
        change(cast)
        revoked = await _unsubscribed(bob, within=WITHIN)
        assert revoked["payload"] == {"channels": lost, "reason": "access_revoked"}
        await mia.set_value(home.margin, 99)
        shown = await mia.set_value(home.revenue, 5)
        # The connection lives, and what may still be seen still comes.
        got = await bob.settle()
        assert [m["payload"]["sequence"] for m in got] == [shown["payload"]["sequence"]] * 2
        code, _ = error_of(await bob.ask("SUBSCRIBE", {"channels": [lost[0]]}))
        assert code == "UNAUTHORIZED"
        assert (await bob.sync(lost[0], lastSequence=0))[0]["payload"]["code"] == "UNAUTHORIZED"


async def _unsubscribed(client: Client, *, within: float = 10) -> Message:
    while True:
        message = await client.receive(within)
        if message["type"] == "UNSUBSCRIBED":
            return message


async def test_a5_a_department_put_elsewhere_is_lost_by_those_who_were_above(
    server: Server, cast: Cast
) -> None:
    home = cast.home
    hidden = Kpi.objects.create(
        organization=home.organization,
        department=home.support,
        name="Hidden",
        visibility=Visibility.DEPARTMENT,
    )
    lost = sorted([f"department:{home.support.pk}", f"kpi:{hidden.pk}"])
    async with (
        await Client.connect(server, cast.bob) as bob,
        await Client.connect(server, cast.vera) as vera,
        await Client.connect(server, cast.mia) as mia,
    ):
        await bob.subscribe(*lost, f"department:{home.sales.pk}")
        await vera.subscribe(*lost)
        _save(home.support, parent=None)
        revoked = await _unsubscribed(bob, within=WITHIN)
        assert revoked["payload"] == {"channels": lost, "reason": "access_revoked"}
        await mia.set_value(hidden, 1)
        await vera.expect("DEPARTMENT_UPDATED")
        await vera.expect("SYNC_UPDATE")
        await vera.expect("KPI_UPDATED")
        assert await bob.settle() == []


def kpi_restricted(cast: Cast) -> None:
    _save(Kpi.objects.get(pk=cast.home.revenue.pk), visibility=Visibility.DEPARTMENT)


def kpi_restricted_by_an_admin_action(cast: Cast) -> None:
    admin = doors.browser(cast.alice)
    doors.admin_action(admin, "show_to_department_only", [cast.home.revenue])


def kpi_restricted_as_a_queryset(cast: Cast) -> None:
    Kpi.objects.filter(pk=cast.home.revenue.pk).update(visibility=Visibility.DEPARTMENT, value=77)


def kpi_restricted_and_set_at_once(cast: Cast) -> None:
    _save(
        Kpi.objects.get(pk=cast.home.revenue.pk),
        visibility=Visibility.DEPARTMENT,
        value=77,
        name="Secret",
    )


@pytest.mark.parametrize(
    "change",
    [
        kpi_restricted,
        kpi_restricted_by_an_admin_action,
        kpi_restricted_as_a_queryset,
        kpi_restricted_and_set_at_once,
    ],
    ids=lambda change: change.__name__,
)
async def test_a5_a_kpi_that_may_no_longer_be_seen_is_unsubscribed_and_tells_nothing_more(
    server: Server, cast: Cast, change: Change
) -> None:
    home = cast.home
    topic = f"kpi:{home.revenue.pk}"
    async with (
        await Client.connect(server, cast.vera) as vera,
        await Client.connect(server, cast.mia) as mia,
    ):
        await vera.subscribe(topic, home.topic)
        change(cast)
        await mia.set_value(home.revenue, 99)
        await mia.set_value(home.margin, 1)  # all that was before it has been delivered
        got = await vera.settle()
    assert [m["type"] for m in got] == ["UNSUBSCRIBED", "SYNC_DELETE"]
    assert got[0]["payload"] == {"channels": [topic], "reason": "access_revoked"}
    assert got[1]["payload"]["entityId"] == str(home.revenue.pk)


async def test_a5_a_restricted_kpi_that_moves_is_lost_by_its_old_department(
    server: Server, cast: Cast
) -> None:
    home = cast.home
    other = Department.objects.create(organization=home.organization, name="Other")
    topic = f"kpi:{home.margin.pk}"
    async with (
        await Client.connect(server, cast.bob) as bob,
        await Client.connect(server, cast.mia) as mia,
    ):
        await bob.subscribe(topic, f"department:{home.sales.pk}")
        Kpi.objects.filter(pk=home.margin.pk).update(department=other)
        await mia.set_value(home.margin, 99)
        got = await bob.settle()
    assert [m["type"] for m in got] == ["UNSUBSCRIBED", "SYNC_DELETE"]
    assert got[0]["payload"]["channels"] == [topic]


@pytest.mark.parametrize("speech", ["text", "msgpack"])
@pytest.mark.parametrize("kind", ["kpi", "department"])
@pytest.mark.parametrize("alone", [True, False], ids=["alone", "with_the_organization"])
async def test_v3_who_follows_what_is_deleted_is_told_so_once_and_then_unsubscribed(
    server: Server, cast: Cast, kind: str, alone: bool, speech: str
) -> None:
    home = cast.home
    row: Kpi | Department = home.revenue if kind == "kpi" else home.support
    topic = f"{kind}:{row.pk}"
    async with await Client.connect(server, cast.mia, speech=speech) as mia:
        await mia.subscribe(topic, *([] if alone else [home.topic]))
        entity_id = str(row.pk)
        doors.erase(row) if isinstance(row, Kpi) else doors.dissolve(row)
        got = await _until(mia, "UNSUBSCRIBED")
        got += await mia.settle()
    told = [m for m in got if m["payload"].get("entityId") == entity_id]
    assert [m["type"] for m in told] == ["SYNC_DELETE"]
    revoked = next(m for m in got if m["type"] == "UNSUBSCRIBED")
    assert revoked["payload"] == {"channels": [topic], "reason": "access_revoked"}
    assert got.index(told[0]) < got.index(revoked)


async def _until(client: Client, type_: str) -> list[Message]:
    got = [await client.receive(WITHIN)]
    while got[-1]["type"] != type_:
        got.append(await client.receive(WITHIN))
    return got


async def test_a5_who_keeps_his_rights_notices_nothing_while_they_are_looked_at(
    impatient: Server, cast: Cast
) -> None:
    """The user subscribes, and renews the token, while what they follow is asked about."""
    home = cast.home
    departments = (home.support.pk, home.sales.pk)
    async with (
        await Client.connect(impatient, cast.bob) as busy,
        await Client.connect(impatient, cast.bob) as renewing,
    ):
        await renewing.subscribe(home.topic)
        moving = asyncio.create_task(asyncio.to_thread(_move_often, cast, departments, 60))
        while not moving.done():
            assert (await busy.ask("SUBSCRIBE", {"channels": [home.topic]}))["type"] == "SUBSCRIBED"
            answer = await busy.ask("UNSUBSCRIBE", {"channels": [home.topic]})
            assert answer["type"] == "UNSUBSCRIBED"
            await renewing.sign_in(cast.bob)
        await moving
        for client in (busy, renewing):
            unasked = [*client.seen(), *await client.settle()]
            assert not [m for m in unasked if m["payload"].get("reason") == "access_revoked"]


def _move_often(cast: Cast, departments: tuple[Any, Any], times: int) -> None:
    try:
        for n in range(times):
            Employee.objects.filter(user=cast.bob.user).update(department=departments[n % 2])
    finally:
        connections.close_all()


async def test_a5_an_owner_who_is_replaced_loses_a_restricted_kpi(
    server: Server, cast: Cast
) -> None:
    topic = f"kpi:{cast.home.margin.pk}"
    Kpi.objects.filter(pk=cast.home.margin.pk).update(owner=cast.vera.user)
    async with await Client.connect(server, cast.vera) as vera:
        await vera.subscribe(topic)
        Kpi.objects.filter(pk=cast.home.margin.pk).update(owner=None)
        revoked = await _unsubscribed(vera, within=WITHIN)
        assert revoked["payload"]["channels"] == [topic]


async def test_a5_what_is_withdrawn_while_values_are_set_lets_no_restricted_frame_through(
    server: Server, cast: Cast
) -> None:
    """In any order of frames, none behind the restriction reaches the user who lost the right."""
    home = cast.home
    topic = f"kpi:{home.revenue.pk}"
    async with (
        await Client.connect(server, cast.vera) as vera,
        await Client.connect(server, cast.mia) as mia,
    ):
        await vera.subscribe(topic, home.topic)
        for n in range(20):
            await mia.send("KPI_UPDATE", {"kpiId": str(home.revenue.pk), "value": n})
        kpi_restricted(cast)
        for n in range(20):
            await mia.send("KPI_UPDATE", {"kpiId": str(home.revenue.pk), "value": 100 + n})
        for _ in range(40):
            await mia.expect("KPI_UPDATED")
        got = await vera.settle()
    at = [m["type"] for m in got].index("UNSUBSCRIBED")
    assert [m["type"] for m in got[at:]] == ["UNSUBSCRIBED", "SYNC_DELETE"]
    last = got[-1]["payload"]["sequence"]
    assert all(m["payload"]["sequence"] < last for m in got[:at])


async def test_a5_nobody_else_hears_of_it(server: Server, cast: Cast) -> None:
    topic = f"kpi:{cast.home.revenue.pk}"
    async with (
        await Client.connect(server, cast.bob) as bob,
        await Client.connect(server, cast.mia) as mia,
    ):
        await bob.subscribe(topic, cast.home.topic)
        kpi_restricted(cast)
        await mia.set_value(cast.home.revenue, 5)
        types = [m["type"] for m in await bob.settle()]
        # Of sales, they see it still: gone from the organization, there on its own channel.
        assert types == ["SYNC_DELETE", "SYNC_UPDATE", "KPI_UPDATED", "SYNC_UPDATE"]
