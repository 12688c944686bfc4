"""A row is read behind its lock before it is changed, as others may have changed it (row w2).

On PostgreSQL: SQLite has one writer, and nobody to wait for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import ObjectDoesNotExist
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from bos.models import Employee
from bos.permissions import principal_of
from collaboration.errors import SessionNotFound
from collaboration.models import Annotation, Participant, Session
from collaboration.services import notes, sessions
from kpis.models import ReportSchedule, Rhythm
from sync.models import Event
from sync.protocol.errors import NotFound, Unauthorized
from tests.support import doors
from tests.support.cast import Cast, Person
from tests.support.locks import while_open


@pytest.fixture
def note(cast: Cast) -> Annotation:
    """A note of bob's, in a session with mia."""
    session = Session.objects.create(
        organization=cast.home.organization, host=cast.bob.user, title="t", active_space="s"
    )
    now = timezone.now()
    for person in (cast.bob, cast.mia):
        Participant.objects.create(
            session=session, user=person.user, joined_at=now, state_since=now
        )
    return Annotation.objects.create(
        session=session, author=cast.bob.user, x=0, y=0, z=0, content="c", content_type="text"
    )


def in_one_transaction(function: Callable[..., Any], *arguments: Any, **more: Any) -> Any:
    with transaction.atomic():
        return function(*arguments, **more)


def edit(by: Person, note: Annotation, content: str) -> Callable[[], Annotation]:
    change = {"content": content}
    return lambda: in_one_transaction(
        notes.annotation_update, principal_of(by.user), str(note.pk), None, change
    )


def delete(by: Person, note: Annotation) -> Callable[[], None]:
    return lambda: in_one_transaction(
        notes.annotation_delete, principal_of(by.user), str(note.pk), None
    )


def deletions(row: Any) -> int:
    return Event.objects.filter(entity_id=str(row.pk), change_type="deleted").count()


def test_w2_two_edits_of_a_note_at_once_have_consecutive_revisions(
    cast: Cast, note: Annotation
) -> None:
    edited = while_open(edit(cast.bob, note, "one"), edit(cast.bob, note, "other"))
    assert (edited.revision, edited.content) == (3, "other")


def test_w2_an_edit_behind_a_deletion_finds_no_note(cast: Cast, note: Annotation) -> None:
    id_ = note.pk
    with pytest.raises(NotFound):
        while_open(delete(cast.bob, note), edit(cast.bob, note, "late"))
    assert not Annotation.objects.filter(pk=id_).exists()


def test_w2_of_two_deletions_one_is_told_and_the_other_finds_no_note(
    cast: Cast, note: Annotation
) -> None:
    with pytest.raises(NotFound):
        while_open(delete(cast.bob, note), delete(cast.bob, note))
    assert deletions(note) == 1


def test_w2_an_edit_behind_a_deletion_in_the_admin_finds_no_note(
    cast: Cast, note: Annotation
) -> None:
    with pytest.raises(NotFound):
        while_open(Annotation.objects.filter(pk=note.pk).delete, edit(cast.bob, note, "late"))


@pytest.mark.parametrize("whole", [True, False], ids=["session", "participant"])
def test_w2_who_leaves_behind_a_deletion_is_refused(
    cast: Cast, note: Annotation, whole: bool
) -> None:
    session = note.session
    assert session is not None
    rows: Any = Session.objects.filter(pk=session.pk)
    if not whole:
        rows = Participant.objects.filter(session=session, user=cast.mia.user)

    def leave() -> None:
        principal = principal_of(cast.mia.user)
        in_one_transaction(sessions.session_leave, principal, str(session.pk), new_host_id=None)

    with pytest.raises((Unauthorized, SessionNotFound)):
        while_open(rows.delete, leave)


@pytest.mark.parametrize("by_queryset", [True, False], ids=["queryset", "row"])
def test_w2_a_row_that_two_delete_at_once_is_told_of_once(cast: Cast, by_queryset: bool) -> None:
    employee = Employee.objects.get(user=cast.vera.user)
    rows = Employee.objects.filter(pk=employee.pk)
    again = rows.delete if by_queryset else Employee.objects.get(pk=employee.pk).delete
    while_open(rows.delete, again)
    assert deletions(employee) == 1


def test_w2_a_row_that_was_deleted_meanwhile_does_not_come_back_by_being_saved(
    cast: Cast,
) -> None:
    known = Employee.objects.get(user=cast.vera.user)
    known.name = "Back again"
    with pytest.raises(ObjectDoesNotExist):
        while_open(Employee.objects.filter(pk=known.pk).delete, known.save)
    assert not Employee.objects.filter(pk=known.pk).exists()


def test_w2_a_form_does_not_write_over_what_it_does_not_show(cast: Cast) -> None:
    """Or the report of the day would be made once more."""
    schedule = ReportSchedule.objects.create(
        organization=cast.home.organization, rhythm=Rhythm.DAILY
    )
    browser, today = doors.browser(cast.alice), timezone.now().date()
    address = reverse("admin:kpis_reportschedule_change", args=[schedule.pk])
    posted = doors.form(browser.get(address), format="xlsx")
    rows = ReportSchedule.objects.filter(pk=schedule.pk)
    answer = while_open(
        lambda: rows.update(last_made_on=today), lambda: browser.post(address, posted)
    )
    assert answer.status_code == 302
    assert rows.values_list("format", "last_made_on").get() == ("xlsx", today)
