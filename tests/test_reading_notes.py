"""Notes on KPIs and departments, as they are read by GET (decisions C8, D3)."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client as Browser

from bos.models import Department, Employee, Role
from bos.service.keys import Scope
from kpis.archive.services import kpis_archive
from kpis.models import Kpi, Visibility
from tests.support.cast import Cast, Person
from tests.support.client import Client
from tests.support.furnished import make_note, make_session
from tests.support.machines import make_machine
from tests.support.mirror import snapshot
from tests.support.server import Server
from tests.wire.test_notes_on_things import notes_in, pin

NOTES = "/api/v1/annotations"


def read(person: Person, path: str = NOTES) -> dict[str, Any]:
    answer = Browser().get(path, headers={"Authorization": f"Bearer {person.token}"})
    assert answer.status_code == 200, answer.content
    return {item["id"]: item for item in answer.json()["items"]}


def status(person: Person, note: Any) -> int:
    path, headers = f"{NOTES}/{note.pk}", {"Authorization": f"Bearer {person.token}"}
    return Browser().get(path, headers=headers).status_code


def test_c8_whoever_sees_a_thing_reads_its_notes_and_nobody_else(cast: Cast) -> None:
    """For a viewer in support, a member in sales, a manager, an admin, machines and strangers."""
    home = cast.home
    things = (home.revenue, home.margin, home.sales, home.support)
    notes = {thing: pin(cast.mia, thing) for thing in things}
    machine = make_machine(home.organization, role=Role.VIEWER, scopes=[Scope.READ])
    seen_by: list[tuple[Person, set[Any]]] = [
        (cast.vera, {home.revenue, home.support}),
        (cast.bob, set(things)),
        (cast.mia, set(things)),
        (cast.alice, set(things)),
        (machine, {home.revenue}),
        (cast.charlie, set()),
    ]
    for person, seen in seen_by:
        assert set(read(person)) == {str(notes[thing].pk) for thing in seen}, person.email
        for thing, note in notes.items():
            assert status(person, note) == (200 if thing in seen else 404)
            kind = "kpi" if isinstance(thing, Kpi) else "department"
            found = read(person, f"{NOTES}?entity={kind}:{thing.pk}")
            assert set(found) == ({str(note.pk)} if thing in seen else set())


def lost_department(cast: Cast) -> None:
    Employee.objects.filter(user=cast.bob.user).delete()


def restricted_elsewhere(cast: Cast) -> None:
    other = Department.objects.create(organization=cast.home.organization, name="Other")
    Kpi.objects.filter(pk=cast.home.margin.pk).update(department=other)


@pytest.mark.parametrize("loses", [lost_department, restricted_elsewhere])
def test_c8_who_loses_a_thing_reads_its_notes_no_more(cast: Cast, loses: Any) -> None:
    note = pin(cast.mia, cast.home.margin)
    assert str(note.pk) in read(cast.bob)
    loses(cast)
    assert str(note.pk) not in read(cast.bob)
    assert status(cast.bob, note) == 404
    assert str(note.pk) in read(cast.mia)


def test_c8_notes_that_meetings_pinned_to_a_thing_are_told_from_those_on_it(cast: Cast) -> None:
    revenue = cast.home.revenue
    own, session = pin(cast.mia, revenue), make_session(cast.mia, cast.bob)
    met = make_note(session, cast.mia, entity_type="kpi", entity_id=str(revenue.pk))
    about = f"{NOTES}?entity=kpi:{revenue.pk}"
    assert set(read(cast.bob, about)) == {str(own.pk), str(met.pk)}
    assert set(read(cast.bob, f"{about}&inSession=true")) == {str(met.pk)}
    assert set(read(cast.bob, f"{about}&inSession=false")) == {str(own.pk)}
    assert read(cast.vera, f"{about}&inSession=true") == {}


def test_c8_an_owner_reads_the_notes_of_a_restricted_kpi(cast: Cast) -> None:
    note = pin(cast.mia, cast.home.margin)
    assert not read(cast.vera)
    Kpi.objects.filter(pk=cast.home.margin.pk).update(owner=cast.vera.user)
    assert set(read(cast.vera)) == {str(note.pk)}


def test_c8_notes_of_an_archived_kpi_are_read_as_they_were_and_say_so(cast: Cast) -> None:
    open_, hidden = pin(cast.mia, cast.home.revenue), pin(cast.mia, cast.home.margin)
    kpis_archive([cast.home.revenue, cast.home.margin])
    for person, notes in ((cast.vera, [open_]), (cast.bob, [open_, hidden]), (cast.charlie, [])):
        found = read(person)
        assert set(found) == {str(note.pk) for note in notes}
        assert all(note["entityArchived"] for note in found.values())


def test_s2_notes_stay_where_they_were_written_when_their_kpi_moves(cast: Cast) -> None:
    """The other organization gets the KPI, and nothing of what was said about it."""
    note = pin(cast.mia, cast.home.revenue, "Only for those at home")
    Kpi.objects.filter(pk=cast.home.revenue.pk).update(
        organization=cast.other.organization, department=None, visibility=Visibility.ORGANIZATION
    )
    assert read(cast.charlie) == {}
    assert status(cast.charlie, note) == 404
    for person in (cast.vera, cast.mia):
        assert set(read(person)) == {str(note.pk)}


async def test_d3_notes_on_things_are_read_as_snapshots_show_them(
    server: Server, cast: Cast
) -> None:
    home = cast.home
    for thing in (home.revenue, home.margin, home.sales, home.support):
        pin(cast.mia, thing, mentions=[cast.mia.id])
    kpis_archive([home.revenue])
    departments = [(cast.vera, [home.support]), (cast.bob, [home.sales, home.support])]
    for person, own in departments:
        topics = [home.topic, *(f"department:{department.pk}" for department in own)]
        async with await Client.connect(server, person) as client:
            shown, _ = await snapshot(client, *topics)
        assert read(person) == notes_in(shown)
