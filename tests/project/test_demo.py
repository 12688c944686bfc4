"""The demo: what seed_demo makes, and how simulate plays it."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator
from functools import partial
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import override_settings
from django.utils import timezone

from bos.models import Role, User
from kpis.demo.series import flights
from kpis.models import Kpi, KpiValue
from sync.models import Event
from tests.conftest import ServeFixture
from tests.support.cast import Person
from tests.support.client import Client
from tests.support.server import ROOT, Server
from tests.support.services import free_port

Seed = dict[str, Any]
UNLIMITED = {"BOS_MESSAGES_PER_MINUTE": "100000", "BOS_USER_MESSAGES_PER_MINUTE": "100000"}


def seed_demo(*options: str) -> Seed:
    output = StringIO()
    call_command("seed_demo", "--json", *options, stdout=output)
    seeded: Seed = json.loads(output.getvalue())
    return seeded


@pytest.fixture(scope="module")
def seeded(database: None) -> Seed:
    """The demo, whose accounts nobody else signs in to.

    Other tests run what the docs show as well, with accounts of these addresses and this password.
    """
    User.objects.filter(email__endswith="@harbor.example").update(is_active=False)
    with override_settings(DEBUG=True):
        return seed_demo()


# ------------------------------------------------------------------ seed_demo


def test_seed_demo_prints_the_accounts_and_ids_of_the_demo(seeded: Seed) -> None:
    first, second, *_ = seeded["organizations"]
    assert len(first["departments"]) >= 4
    assert {user["role"] for user in first["users"]} == set(Role.values)
    assert {user["role"] for user in second["users"]} == set(Role.values)
    members = [user for user in first["users"] if user["role"] == "member"]
    assert len({member["departmentId"] for member in members}) >= 2
    assert len(first["kpis"]) >= 12
    assert second["kpis"]
    assert {kpi["visibility"] for kpi in first["kpis"]} == {"organization", "department"}
    for organization in (first, second):
        assert set(organization) == {"id", "name", "departments", "users", "kpis"}
        departments = {department["id"] for department in organization["departments"]}
        people = {user["id"] for user in organization["users"]}
        for department in organization["departments"]:
            assert set(department) == {"id", "name"}
        for user in organization["users"]:
            assert set(user) == {"id", "email", "password", "name", "role", "departmentId"}
            assert user["departmentId"] in departments
        assert User.objects.get(pk=user["id"]).check_password(user["password"])
        for kpi in organization["kpis"]:
            assert set(kpi) == {"id", "name", "departmentId", "visibility", "ownerId"}
            assert kpi["departmentId"] in departments
            assert kpi["ownerId"] is None or kpi["ownerId"] in people


def test_seed_demo_gives_every_kpi_its_real_history_up_to_its_value(seeded: Seed) -> None:
    now = timezone.now()
    for organization in seeded["organizations"]:
        for kpi in organization["kpis"]:
            values = KpiValue.objects.filter(kpi_id=kpi["id"]).order_by("-at")
            assert values.count() > 300
            assert values[0].at < now
            days = {value.at.date() for value in values}
            assert len(days) == values.count()
    for series in flights(now.date()):
        kpi = Kpi.objects.get(organization_id=seeded["organizations"][0]["id"], name=series.name)
        kept = KpiValue.objects.filter(kpi=kpi).order_by("at").values_list("value", flat=True)
        assert [value for _, value in series.values] == list(kept)


def test_seed_demo_refuses_where_debug_is_off_unless_forced_and_again_it_changes_nothing(
    settings: Any, seeded: Seed
) -> None:
    settings.DEBUG = False
    before = (Event.objects.count(), KpiValue.objects.count(), User.objects.count())
    with pytest.raises(CommandError, match="--force"):
        call_command("seed_demo", stdout=StringIO())
    assert seed_demo("--force") == seeded
    assert (Event.objects.count(), KpiValue.objects.count(), User.objects.count()) == before


def test_seed_demo_keeps_what_was_changed_but_the_passwords(settings: Any, seeded: Seed) -> None:
    settings.DEBUG = True
    [user] = [u for u in seeded["organizations"][1]["users"] if u["role"] == "viewer"]
    kpi = Kpi.objects.get(pk=seeded["organizations"][1]["kpis"][0]["id"])
    changed = User.objects.get(pk=user["id"])
    changed.set_password("another one 1234")
    changed.save()
    Kpi.objects.filter(pk=kpi.pk).update(value=5)
    seed_demo()
    assert User.objects.get(pk=user["id"]).check_password(user["password"])
    assert Kpi.objects.get(pk=kpi.pk).value == 5


# ------------------------------------------------------------------ simulate


@pytest.fixture
def demo_values(seeded: Seed) -> Iterator[None]:
    """The demo KPIs have their values back afterwards, and no more history than before."""
    kpis = list(Kpi.objects.filter(pk__in=[k["id"] for k in seeded["organizations"][0]["kpis"]]))
    last = KpiValue.objects.latest("pk").pk
    yield
    Kpi.objects.bulk_update(kpis, ["value"])
    KpiValue.objects.filter(pk__gt=last, kpi__in=kpis).delete()


@pytest.mark.timeout(180)
@pytest.mark.once("sqlite")
async def test_simulate_plays_every_real_day_once_and_in_order_to_other_clients(
    serve: ServeFixture, seeded: Seed, demo_values: None
) -> None:
    server = serve(UNLIMITED)
    harbor = seeded["organizations"][0]
    # Played is what the organization's channel shows.
    series = [each for each in flights(timezone.now().date()) if each.visibility == "organization"]
    ids = {kpi["name"]: kpi["id"] for kpi in harbor["kpis"]}
    [admin] = [user for user in harbor["users"] if user["role"] == "admin"]
    one = series[0]
    plays = [
        # A whole year of one KPI, and some days of all of them, which alternate day by day.
        (["--kpi", one.name], [(ids[one.name], value) for _, value in one.values]),
        (
            ["--days", "4"],
            [(ids[each.name], each.values[day][1]) for day in range(4) for each in series],
        ),
    ]
    async with await Client.connect(server, Person(User.objects.get(pk=admin["id"]))) as client:
        await client.subscribe(f"organization:{harbor['id']}")
        for arguments, expected in plays:
            playing = await asyncio.create_subprocess_exec(
                *(sys.executable, "manage.py", "simulate", f"--url={server.url}", "--rate=100000"),
                *arguments,
                cwd=ROOT,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.PIPE,
            )
            done = asyncio.create_task(playing.communicate())
            got: list[dict[str, Any]] = []
            while len(got) < 2 * len(expected):
                coming = asyncio.create_task(client.receive(60))
                await asyncio.wait({coming, done}, return_when=asyncio.FIRST_COMPLETED)
                if done.done() and playing.returncode:
                    coming.cancel()
                    break
                got.append(await coming)
            _, errors = await done
            assert playing.returncode == 0, errors.decode()
            assert await client.settle() == []
            assert [m["type"] for m in got] == ["KPI_UPDATED", "SYNC_UPDATE"] * len(expected)
            values = [(kpi_id, float(value)) for kpi_id, value in expected]
            live, mirrored = got[::2], got[1::2]
            assert [(m["payload"]["kpiId"], m["payload"]["value"]) for m in live] == values
            assert [
                (m["payload"]["entityId"], m["payload"]["data"]["value"]) for m in mirrored
            ] == values
            numbers = [m["payload"]["sequence"] for m in live]
            assert numbers == [m["payload"]["sequence"] for m in mirrored]
            assert numbers == list(range(numbers[0], numbers[0] + len(expected)))


def test_simulate_says_what_is_wrong(seeded: Seed) -> None:
    for arguments in (("--rate", "0"), ("--kpi", "no such KPI"), ("--url", "ftp://127.0.0.1")):
        with pytest.raises(CommandError):
            call_command("simulate", *arguments, stdout=StringIO())


def test_k3_simulate_says_what_it_needs_where_the_client_is_not_installed(
    seeded: Seed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "bos_client", None)  # as if there were none
    with pytest.raises(CommandError, match=r"pip install \./clients/python"):
        call_command("simulate", stdout=StringIO())


@pytest.mark.timeout(20)
def test_simulate_says_at_once_that_there_is_no_server(seeded: Seed) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(CommandError, match=f"{url}.*refused"):
        call_command("simulate", "--url", url, stdout=StringIO())


async def test_simulate_tries_a_wrong_password_once(server: Server, seeded: Seed) -> None:
    with pytest.raises(CommandError, match="INVALID_CREDENTIALS"):
        await asyncio.to_thread(
            partial(
                call_command,
                *("simulate", f"--url={server.url}", "--password=wrong"),
                stdout=StringIO(),
            )
        )
