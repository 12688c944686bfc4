"""Every change is one event, in order, from whatever source it came (decisions V1 to V3)."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest
from django.db import OperationalError, connection, connections, transaction
from django.db.models import F
from django.test.utils import CaptureQueriesContext

from bos.models import Department, Employee, Organization
from kpis.archive.services import kpis_archive
from kpis.models import Kpi, KpiValue, Visibility
from sync.eventlog import log
from sync.eventlog.log import LoggedEvent
from sync.models import Event, StreamHead
from sync.protocol.identity import Actor, acting
from sync.protocol.times import now_us
from tests.conftest import BACKEND
from tests.support import doors
from tests.support.cast import Cast
from tests.support.client import Client
from tests.support.locks import on_connections_of_its_own, while_open
from tests.support.server import Server


def events_of(cast: Cast, change: Callable[[], Any]) -> list[LoggedEvent]:
    """The events that this change has written, in order."""
    id_ = cast.home.id
    before = log.head(id_).sequence
    change()
    return log.read(id_, after=before, upto=log.head(id_).sequence, limit=1000)


def told(events: list[LoggedEvent]) -> list[tuple[str, str]]:
    return [(event.entity_type, event.change_type) for event in events]


# ------------------------------------------------------------------ V1: every door


async def test_v1_a_websocket_update_is_one_event_with_its_author(
    server: Server, cast: Cast
) -> None:
    before = log.head(cast.home.id).sequence
    async with await Client.connect(server, cast.mia) as mia:
        answer = await mia.set_value(cast.home.revenue, 0.1)
        [event] = log.read(cast.home.id, after=before, upto=before + 100, limit=100)
        assert told([event]) == [("kpi", "updated")]
        assert (event.actor_id, event.source) == (cast.mia.id, "websocket")
        assert event.origin == mia.session_id
        assert answer["payload"]["sequence"] == event.sequence == before + 1


def test_v1_a_save_is_one_event(cast: Cast) -> None:
    kpi = cast.home.revenue

    def save() -> None:
        kpi.name = "Renamed"
        kpi.save()

    [event] = events_of(cast, save)
    assert told([event]) == [("kpi", "updated")]
    assert (event.actor_id, event.source) == ("system", "system")


def test_v1_whoever_acts_is_the_author_of_the_event(cast: Cast) -> None:
    with acting(Actor(user_id=cast.alice.id, source="rest")):
        [event] = events_of(cast, lambda: _save(cast.home.sales, name="Renamed"))
    assert (event.actor_id, event.source) == (cast.alice.id, "rest")


def test_v1_a_save_that_changes_nothing_is_no_event_and_leaves_no_trace(cast: Cast) -> None:
    stored = Kpi.objects.get(pk=cast.home.revenue.pk)
    assert events_of(cast, Kpi.objects.get(pk=stored.pk).save) == []
    assert Kpi.objects.get(pk=stored.pk).updated_at == stored.updated_at


@pytest.mark.parametrize(
    ("door", "expected"),
    [
        (lambda house: doors.kpis_bulk_created(house, 0, 0), [("kpi", "created")] * 4),
        (
            lambda house: Kpi.objects.of(house.id).update(target=F("value") + 1),
            [("kpi", "updated")] * 2,
        ),
        (
            lambda house: Kpi.objects.bulk_update(
                [Kpi(pk=kpi.pk, value=n) for n, kpi in enumerate(Kpi.objects.of(house.id))],
                ["value"],
            ),
            [("kpi", "updated")] * 2,
        ),
        (lambda house: doors.kpi_edited_in_the_admin(house, 0, 3), [("kpi", "updated")]),
        (lambda house: doors.kpis_edited_in_the_admins_list(house, 0, 3), [("kpi", "updated")]),
        # Hidden: deleted for the organization, updated for the department.
        (
            lambda house: doors.kpis_hidden_by_an_admin_action(house, 1, 1),
            [("kpi", "deleted"), ("kpi", "updated")],
        ),
        (lambda house: doors.kpis_archived_by_an_admin_action(house, 0, 0), [("kpi", "deleted")]),
        # Archived, and then erased, of which no client is told.
        (
            lambda house: doors.kpis_deleted_as_a_queryset(house, 0, 0),
            [("kpi", "deleted")] * 2,
        ),
        (
            lambda house: Organization.objects.filter(pk=house.id).update(name="New"),
            [("organization", "updated")],
        ),
        (
            lambda house: Kpi.objects.update_or_create(
                organization_id=house.id, name="Revenue", defaults={"value": 3}
            ),
            [("kpi", "updated")],
        ),
        (
            lambda house: Employee.objects.get_or_create(organization_id=house.id, name="Nobody"),
            [("employee", "created")],
        ),
        # Employees leave their department: gone for it, updated for the organization.
        (
            lambda house: doors.dissolve(Department.objects.of(house.id).get(name="Support")),
            [("employee", "deleted"), ("employee", "updated"), ("department", "deleted")],
        ),
    ],
    ids=[
        "bulk_create",
        "queryset update with an expression",
        "bulk_update",
        "admin form",
        "list_editable",
        "admin action",
        "admin archive action",
        "queryset delete",
        "update of an organization",
        "update_or_create",
        "get_or_create",
        "what was in a department",
    ],
)
def test_v1_each_row_that_a_door_changes_is_an_event(
    cast: Cast, door: Callable[[doors.House], Any], expected: list[tuple[str, str]]
) -> None:
    house = doors.House(cast)
    assert told(events_of(cast, lambda: door(house))) == expected


def test_v1_a_cascade_writes_an_event_for_every_row_that_goes(cast: Cast) -> None:
    events = events_of(cast, cast.home.organization.delete)
    deleted = {event.entity_id for event in events if event.change_type == "deleted"}
    home = cast.home
    assert {str(row.pk) for row in (home.support, home.revenue, home.margin)} <= deleted


@pytest.mark.parametrize("door", doors.DOORS, ids=lambda door: door.__name__)
def test_v1_what_is_rolled_back_is_no_event(cast: Cast, door: doors.Door) -> None:
    house = doors.House(cast)
    assert events_of(cast, lambda: doors.rolled_back(house, [(door, 0, 0)])) == []


def test_v1_a_rolled_back_savepoint_is_no_event_and_the_rest_is(cast: Cast) -> None:
    house = doors.House(cast)
    steps = [(doors.organization_renamed, 0, 0), (doors.kpi_saved, 0, 0), (doors.kpi_saved, 1, 1)]
    events = events_of(cast, lambda: doors.with_a_rolled_back_savepoint(house, steps))
    assert told(events) == [("organization", "updated"), ("kpi", "updated")]


def test_v1_an_event_outside_of_a_transaction_is_refused(cast: Cast) -> None:
    event: Any = None
    with pytest.raises(transaction.TransactionManagementError):
        log.append(event)


def test_v1_a_row_that_moves_to_another_organization_is_deleted_for_the_old_one(
    cast: Cast,
) -> None:
    kpi = Kpi.objects.create(organization=cast.home.organization, name="Moves", value=1)
    before = log.head(cast.other.id).sequence

    def move() -> None:
        kpi.organization = cast.other.organization
        kpi.save()

    [gone] = events_of(cast, move)
    assert gone.change_type == "deleted"
    assert gone.topics() == [f"organization:{cast.home.id}", f"kpi:{kpi.pk}"]
    [come] = log.read(cast.other.id, after=before, upto=before + 10, limit=10)
    assert (come.topic("organization"), come.entity_id) == (cast.other.id, str(kpi.pk))


# ------------------------------------------------------------------ what an event says


def test_s4_a_save_of_a_stale_copy_does_not_tell_the_organization_what_was_hidden(
    cast: Cast,
) -> None:
    stale = Kpi.objects.get(pk=cast.home.revenue.pk)
    Kpi.objects.filter(pk=stale.pk).update(visibility=Visibility.DEPARTMENT, name="Hidden")

    def save() -> None:
        stale.value = Decimal(5)
        stale.save(update_fields=["value"])

    [event] = events_of(cast, save)
    assert event.topic("organization") is None
    assert '"Hidden"' in event.data


def test_b1_what_is_rounded_is_rounded_alike_in_the_event_and_in_the_row(cast: Cast) -> None:
    kpi = cast.home.revenue
    for value in ("0.00005", "0.00015", "-0.00005", "2.5", 0.1):
        kpi.value = value
        [event] = events_of(cast, kpi.save)
        stored = Kpi.objects.get(pk=kpi.pk).value
        assert stored is not None
        assert f'"value":{_json(stored)},' in event.data


def _json(value: Decimal) -> str:
    return str(int(value)) if value == int(value) else repr(float(value))


async def test_v3_each_change_goes_out_under_its_types(server: Server, cast: Cast) -> None:
    home = cast.home
    employee = Employee.objects.of(home.organization.pk).get(user=cast.bob.user)
    changes: list[tuple[Callable[[], Any], list[tuple[str, str | None]]]] = [
        (
            lambda: _save(home.revenue, value=7),
            [("KPI_UPDATED", "updated"), ("SYNC_UPDATE", "updated")],
        ),
        (lambda: _save(home.revenue, name="Turnover"), [("SYNC_UPDATE", "updated")]),
        (
            lambda: _save(home.support, name="Help"),
            [("DEPARTMENT_UPDATED", "updated"), ("SYNC_UPDATE", "updated")],
        ),
        (
            lambda: _save(employee, title="Captain"),
            [("EMPLOYEE_UPDATED", "updated"), ("SYNC_UPDATE", "updated")],
        ),
        (lambda: _save(home.organization, name="House"), [("SYNC_UPDATE", "updated")]),
        (
            lambda: Employee.objects.create(organization=home.organization, name="New"),
            [("SYNC_UPDATE", "created")],
        ),
        (
            lambda: Department.objects.create(organization=home.organization, name="New"),
            [("SYNC_UPDATE", "created")],
        ),
        (
            lambda: Kpi.objects.create(organization=home.organization, name="New", value=1),
            [("SYNC_UPDATE", "created")],
        ),
        (
            lambda: kpis_archive(Kpi.objects.of(home.id).filter(name="New")),
            [("SYNC_DELETE", None)],
        ),
    ]
    async with (
        await Client.connect(server, cast.mia) as mia,
        await Client.connect(server, cast.alice) as alice,
    ):
        sequence = (await alice.subscribe(home.topic))["payload"]["sequence"]
        for change, _ in changes:
            change()
        await mia.set_value(home.margin, 1)  # what came before it has been delivered with it
        got = await alice.settle()
    expected = [frame for _, frames in changes for frame in frames]
    assert [(m["type"], m["payload"].get("changeType")) for m in got] == expected
    numbers = [message["payload"]["sequence"] for message in got]
    at = 0
    for _, frames in changes:
        sequence += 1
        # Both frames of one event carry the same sequence, and none is left out.
        assert numbers[at : at + len(frames)] == [sequence] * len(frames)
        at += len(frames)


def _save(row: Any, **values: Any) -> None:
    for name, value in values.items():
        setattr(row, name, value)
    row.save()


# ------------------------------------------------------------------ order


def _writer(cast: Cast, seed: int, written: list[int], failures: list[BaseException]) -> None:
    dice = random.Random(seed)
    organization = cast.home.organization
    try:
        for _ in range(30):
            count = dice.randrange(1, 4)
            try:
                with transaction.atomic():
                    Employee.objects.bulk_create(
                        Employee(organization=organization, name=str(seed)) for _ in range(count)
                    )
                    if dice.randrange(3) == 0:
                        raise doors.RolledBack
                written.append(count)
            except doors.RolledBack:
                pass
            except OperationalError:  # SQLite has one writer, and patience has an end
                assert BACKEND == "sqlite"
    except BaseException as error:
        failures.append(error)
    finally:
        connections.close_all()


def _reader(cast: Cast, done: threading.Event, failures: list[BaseException]) -> None:
    """Whenever one looks, the log is there up to its end: order of commits, and no gap."""
    try:
        while not done.is_set():
            rows = Event.objects.filter(organization_id=cast.home.id).order_by("sequence")
            found = list(rows.values_list("sequence", flat=True))
            assert found == list(range(1, len(found) + 1))
    except BaseException as error:
        failures.append(error)
    finally:
        connections.close_all()


def test_v1_sequences_have_no_gaps_and_are_in_commit_order_under_concurrent_writers(
    cast: Cast,
) -> None:
    written: list[int] = []
    failures: list[BaseException] = []
    done = threading.Event()
    before = log.head(cast.home.id).sequence
    reader = threading.Thread(target=_reader, args=(cast, done, failures))
    writers = [
        threading.Thread(target=_writer, args=(cast, seed, written, failures)) for seed in range(4)
    ]
    for thread in (reader, *writers):
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    reader.join()
    assert not failures
    events = log.read(cast.home.id, after=0, upto=10_000, limit=10_000)
    assert [event.sequence for event in events] == list(range(1, before + sum(written) + 1))
    times = [event.at_us for event in events]
    assert times == sorted(set(times))


def test_v1_times_rise_strictly_also_when_the_clock_steps_back(cast: Cast) -> None:
    future_us = now_us() + 3_600_000_000
    # As if the clock had been an hour ahead when the last event was written.
    StreamHead.objects.filter(pk=cast.home.id).update(at_us=future_us)
    for n in range(3):
        Kpi.objects.of(cast.home.organization.pk).update(target=n)
    times = [e.at_us for e in log.read(cast.home.id, after=0, upto=10_000, limit=10_000)]
    assert times[-6:] == [future_us + n for n in range(1, 7)]


@pytest.mark.skipif(BACKEND != "postgres", reason="SQLite has one writer at a time")
def test_v1_a_row_moved_into_an_updates_filter_meanwhile_is_not_changed_without_an_event(
    cast: Cast,
) -> None:
    home = cast.home
    held = Kpi.objects.create(organization=home.organization, department=home.support, name="Held")
    moving = home.revenue

    def move() -> None:
        Kpi.objects.filter(pk=moving.pk).update(department=home.support)

    def move_in_another_transaction() -> None:
        with ThreadPoolExecutor(1) as pool:
            pool.submit(on_connections_of_its_own, move).result()

    while_open(
        lambda: Kpi.objects.select_for_update().get(pk=held.pk),
        lambda: Kpi.objects.filter(department=home.support).update(target=77),
        then=move_in_another_transaction,
    )
    stored = Kpi.objects.get(pk=moving.pk)
    [last] = [
        event
        for event in log.read(home.id, after=0, upto=10_000, limit=10_000)
        if event.entity_id == str(moving.pk)
    ][-1:]
    assert f'"target":{_json(stored.target or Decimal(0))},' in last.data


# ------------------------------------------------------------------ B1: history


async def test_b1_every_door_keeps_the_value_with_its_time_and_author(
    server: Server, cast: Cast
) -> None:
    kpi, house = cast.home.revenue, doors.House(cast)
    before = KpiValue.objects.filter(kpi=kpi).count()
    async with await Client.connect(server, cast.mia) as mia:
        await mia.set_value(kpi, 1)
    kpi.refresh_from_db()
    _save(kpi, value=2)
    Kpi.objects.filter(pk=kpi.pk).update(value=F("value") + 1)
    Kpi.objects.bulk_update([Kpi(pk=kpi.pk, value=4)], ["value"])
    kpi.value = F("value") + 1
    kpi.save(update_fields=["value"])
    doors.admin_change(house.browser, kpi, value="6")
    doors.admin_edit_list(house.browser, [kpi], Decimal(7))
    _save(kpi, value=7, name="Renamed")
    made = Kpi.objects.bulk_create(
        [Kpi(organization=cast.home.organization, name="Made", value="2.5")]
    )
    rows = KpiValue.objects.filter(kpi=kpi).order_by("pk")[before:]
    kept = [(int(row.value), row.actor_id) for row in rows]
    alice, system = cast.alice.id, "system"
    assert kept == [
        (1, cast.mia.id), (2, system), (3, system), (4, system), (5, system), (6, alice), (7, alice)
    ]  # fmt: skip
    times = [row.at for row in rows]
    assert times == sorted(times)
    assert [row.value for row in KpiValue.objects.filter(kpi=made[0])] == [Decimal("2.5")]


def test_b1_the_values_of_many_kpis_are_kept_each_and_at_once(cast: Cast) -> None:
    organization = cast.home.organization
    made = Kpi.objects.bulk_create(
        [Kpi(organization=organization, name=f"Made {n}", value=n) for n in range(30)]
    )
    table = KpiValue._meta.db_table
    with CaptureQueriesContext(connection) as captured:
        Kpi.objects.filter(pk__in=[kpi.pk for kpi in made]).update(value=F("value") + 100)
    assert sum(f'INSERT INTO "{table}"' in query["sql"] for query in captured) == 1
    for n, kpi in enumerate(made):
        kept = KpiValue.objects.filter(kpi=kpi).order_by("pk")
        assert [(row.value, row.actor_id) for row in kept] == [(n, "system"), (n + 100, "system")]
