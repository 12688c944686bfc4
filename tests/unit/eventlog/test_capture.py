"""Each change of a row is an event, from whatever source (V1, S4); nothing here is committed."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from django.db import connection, models, transaction

from bos.models import Department
from kpis.models import Kpi, Visibility
from sync.eventlog.log import PendingEvent
from sync.protocol.identity import Actor, acting
from sync.protocol.topics import Audience
from tests.support.cast import Cast, make_cast


@pytest.fixture(scope="module")
def module_cast(database: None) -> Cast:
    return make_cast()


@pytest.fixture
def cast(module_cast: Cast) -> Iterator[Cast]:
    """One cast for all tests of the file: each is rolled back."""
    with transaction.atomic():
        yield module_cast
        transaction.set_rollback(True)


def events_of(change: Callable[[], object]) -> list[PendingEvent]:
    connection.run_on_commit.clear()
    change()
    return [hook for _, hook, *_ in connection.run_on_commit if isinstance(hook, PendingEvent)]


def told(events: list[PendingEvent]) -> list[tuple[str, str]]:
    return [(event.entity_type, event.change_type) for event in events]


def rows(cast: Cast) -> models.QuerySet[Kpi]:
    kpis: models.QuerySet[Kpi] = Kpi.objects.filter(organization=cast.home.organization)
    return kpis


def saved(cast: Cast, **fields: object) -> Callable[[], None]:
    def save() -> None:
        kpi = Kpi.objects.get(pk=cast.home.revenue.pk)
        for name, value in fields.items():
            setattr(kpi, name, value)
        kpi.save()

    return save


def test_v1_a_save_is_one_event_of_its_author_and_nothing_else_is(cast: Cast) -> None:
    with acting(Actor(cast.alice.id, "rest")):
        [event] = events_of(saved(cast, name="Renamed"))
    assert (event.entity_type, event.entity_id, event.change_type) == (
        *("kpi", str(cast.home.revenue.pk)),
        "updated",
    )
    assert (event.organization_id, event.actor.user_id) == (cast.home.id, cast.alice.id)
    assert '"name":"Renamed"' in event.data
    assert events_of(saved(cast, name="Renamed")) == []


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda kpis: kpis.update(target=7), [("kpi", "updated")] * 2),
        (lambda kpis: kpis.update(target=models.F("target")), []),
        (
            lambda kpis: Kpi.objects.bulk_update(
                [Kpi(pk=k.pk, value=1234) for k in kpis], ["value"]
            ),
            [("kpi", "updated")] * 2,
        ),
        (
            lambda kpis: Kpi.objects.bulk_create(
                Kpi(organization=k.organization, department=k.department, name=f"{k.name} 2")
                for k in list(kpis)
            ),
            [("kpi", "created")] * 2,
        ),
        (lambda kpis: kpis.none().update(target=7), []),
    ],
    ids=["update", "update to the same", "bulk_update", "bulk_create", "update of none"],
)
def test_v1_a_querysets_method_is_an_event_for_each_row_that_it_changes(
    cast: Cast,
    change: Callable[[models.QuerySet[Kpi]], object],
    expected: list[tuple[str, str]],
) -> None:
    assert told(events_of(lambda: change(rows(cast)))) == expected


def test_s4_a_row_that_is_hidden_is_deleted_for_those_who_saw_it_and_updated_for_the_rest(
    cast: Cast,
) -> None:
    events = events_of(saved(cast, visibility=Visibility.DEPARTMENT))
    department, kpi = str(cast.home.sales.pk), str(cast.home.revenue.pk)
    assert {event.change_type: event.audience.columns for event in events} == {
        "deleted": Audience(organization=cast.home.id).columns,
        "updated": Audience(department=department, kpi=kpi).columns,
    }
    deleted = next(event for event in events if event.change_type == "deleted")
    assert set(deleted.data.split('"')[1::4]) == {"deletedBy", "deletedAt"}  # nothing of the row


def test_v1_a_deletion_is_an_event_and_of_what_has_gone_already_there_is_none(cast: Cast) -> None:
    made = Department.objects.create(organization=cast.home.organization, name="Passing")
    first, second = (Department.objects.get(pk=made.pk) for _ in range(2))
    assert ("department", "deleted") in told(events_of(first.delete))
    assert events_of(second.delete) == []


def test_v1_a_rolled_back_savepoint_is_no_event_and_the_rest_is(cast: Cast) -> None:
    def change() -> None:
        saved(cast, name="Kept")()
        with transaction.atomic():
            saved(cast, name="Rolled back")()
            transaction.set_rollback(True)

    [event] = events_of(change)
    assert '"name":"Kept"' in event.data


def test_a5_a_change_that_rights_hang_on_carries_the_look_at_them(cast: Cast) -> None:
    [event] = events_of(saved(cast, name="Renamed"))
    assert event.access == ""
    assert any(event.access for event in events_of(saved(cast, visibility=Visibility.DEPARTMENT)))
