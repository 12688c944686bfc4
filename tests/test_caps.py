"""How much there may be at once, and how long it is kept (row s6)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from bos.models import Notification
from bos.permissions import principal_of
from bos.services import prune_notifications
from collaboration.models import Annotation, Invitation, NoteUsage, Session
from collaboration.retention import prune_sessions
from collaboration.services.notes import (
    annotation_create,
    annotation_delete,
    annotation_update,
)
from collaboration.services.sessions import session_create, session_end
from sync.eventlog.log import head
from sync.models import Event
from sync.protocol.errors import ErrorDetails, RateLimitExceeded
from sync.protocol.topics import column_of
from tests.support.cast import Cast, Person


def start(person: Person, *invited: Person) -> Session:
    with transaction.atomic():
        return session_create(
            principal_of(person.user),
            title="t",
            active_space="s",
            max_participants=9,
            invite_user_ids=[one.id for one in invited],
        )


def end(session: Session) -> None:
    with transaction.atomic():
        session_end(session, reason="admin")


def pin(person: Person, session: Session, content: str) -> Annotation:
    with transaction.atomic():
        return annotation_create(
            principal_of(person.user),
            str(session.pk),
            position=(0, 0, 0),
            content=content,
            content_type="text",
            entity=None,
            parent_id=None,
        )


def refused(action: Callable[[], Any]) -> ErrorDetails:
    """Return the details; there is no time to wait for."""
    with pytest.raises(RateLimitExceeded) as error:
        action()
    return error.value.details


def test_s6_a_user_hosts_so_many_sessions_and_no_more(cast: Cast, settings: Any) -> None:
    settings.USER_SESSIONS = 2
    first = start(cast.bob)
    start(cast.bob)
    assert refused(lambda: start(cast.bob)) == {"limit": 2, "scope": "sessions"}
    start(cast.mia)
    end(first)
    start(cast.bob)


def test_s6_an_organization_has_so_many_sessions_and_no_more(cast: Cast, settings: Any) -> None:
    settings.ORGANIZATION_SESSIONS = 2
    for person in (cast.bob, cast.mia):
        start(person)
    assert refused(lambda: start(cast.alice)) == {"limit": 2, "scope": "sessions"}
    start(cast.charlie)


def test_s6_invitations_to_running_sessions_are_counted_and_refused_whole(
    cast: Cast, settings: Any
) -> None:
    settings.USER_INVITATIONS, settings.ORGANIZATION_INVITATIONS = 3, 5
    first = start(cast.bob, cast.mia, cast.vera)
    too_many = refused(lambda: start(cast.bob, cast.mia, cast.vera))
    assert too_many == {"limit": 3, "scope": "invitations"}
    assert Invitation.objects.filter(session__host=cast.bob.user).count() == 2
    assert Notification.objects.filter(user=cast.vera.user).count() == 1
    start(cast.bob, cast.vera)
    start(cast.mia, cast.vera, cast.bob)
    of_all = refused(lambda: start(cast.alice, cast.vera))
    assert of_all == {"limit": 5, "scope": "invitations"}
    end(first)
    start(cast.alice, cast.vera)


def test_s6_a_session_has_so_many_notes_and_bytes_of_them(cast: Cast, settings: Any) -> None:
    settings.SESSION_NOTES, settings.SESSION_NOTE_BYTES = 3, 10
    session = start(cast.bob)
    long = pin(cast.bob, session, "é" * 4)
    too_large = refused(lambda: pin(cast.bob, session, "abc"))
    assert too_large == {"limit": 10, "scope": "noteBytes"}
    short = pin(cast.bob, session, "ab")
    principal = principal_of(cast.bob.user)

    def grow() -> None:
        with transaction.atomic():
            annotation_update(principal, str(short.pk), None, {"content": "abc"})

    assert refused(grow)["scope"] == "noteBytes"
    with transaction.atomic():
        annotation_update(principal, str(long.pk), None, {"content": "é"})
    grow()
    pin(cast.bob, session, "c")
    assert refused(lambda: pin(cast.bob, session, "d")) == {"limit": 3, "scope": "notes"}
    with transaction.atomic():
        annotation_delete(principal, str(long.pk), None)
    pin(cast.bob, session, "d")


def test_s6_notes_are_counted_by_whatever_door_they_come_and_go(cast: Cast) -> None:
    session = start(cast.bob)
    top = pin(cast.bob, session, "abc")
    place = {"session": session, "author": cast.bob.user, "x": 0, "y": 0, "z": 0}
    Annotation.objects.create(**place, content="reply", content_type="text", parent=top)
    Annotation.objects.bulk_create(
        Annotation(**place, content="é", content_type="text") for _ in range(3)
    )
    usage = NoteUsage.objects.filter(session=session)
    assert usage.values_list("notes", "bytes").get() == (5, 14)
    top.delete()
    assert usage.values_list("notes", "bytes").get() == (3, 6)
    session.delete()
    assert not usage.exists()


def test_s6_an_organization_has_so_many_bytes_of_notes(cast: Cast, settings: Any) -> None:
    settings.ORGANIZATION_NOTE_BYTES = 5
    sessions = [start(cast.bob), start(cast.bob)]
    for session in sessions:
        pin(cast.bob, session, "abc")
    assert refused(lambda: start(cast.bob)) == {"limit": 5, "scope": "noteBytes"}
    NoteUsage.objects.filter(session=sessions[0]).update(bytes=2**20 - 1)
    settings.ORGANIZATION_NOTE_BYTES = 2**20 + 3
    assert refused(lambda: pin(cast.bob, sessions[0], "ab"))["scope"] == "noteBytes"
    pin(cast.bob, sessions[0], "a")


# ------------------------------------------------------------------ how long it is kept


def test_s6_sessions_are_forgotten_a_year_after_their_end_with_what_they_hold(cast: Cast) -> None:
    now = timezone.now()
    running, recent, old = (start(cast.bob, cast.vera) for _ in range(3))
    for session in (running, recent, old):
        top = pin(cast.bob, session, "note")
        Annotation.objects.create(
            session=session, parent=top, content="reply", content_type="text", x=0, y=0, z=0
        )
    Session.objects.filter(pk=running.pk).update(created_at=now - timedelta(days=999))
    Session.objects.filter(pk=recent.pk).update(ended_at=now - timedelta(days=364))
    Session.objects.filter(pk=old.pk).update(ended_at=now - timedelta(days=366))
    before = head(cast.home.id).sequence
    assert prune_sessions() >= 1
    left = Session.objects.of(cast.home.id)
    assert set(left) == {running, recent}
    assert Annotation.objects.filter(session__in=left).count() == 4
    assert Invitation.objects.filter(session__in=left).count() == 2
    gone = Event.objects.filter(organization_id=cast.home.id, sequence__gt=before)
    assert set(gone.values_list("change_type", flat=True)) == {"deleted"}
    told = sorted(gone.exclude(entity_type="participant").values_list("entity_type", flat=True))
    assert told == ["annotation", "annotation", "invitation", "session"]


def test_s6_notifications_are_forgotten_when_they_are_old_or_too_many(
    cast: Cast, settings: Any
) -> None:
    settings.USER_NOTIFICATIONS = 3
    now = timezone.now()

    def notify(title: str, days: float, *, read: float | None = None) -> None:
        read_at = None if read is None else now - timedelta(days=read)
        row = Notification.objects.create(
            organization=cast.home.organization,
            user=cast.vera.user,
            category="c",
            title=title,
            read_at=read_at,
        )
        Notification.objects.filter(pk=row.pk).update(created_at=now - timedelta(days=days))

    for title, days, read in [
        ("read long ago", 40, 31),
        ("read", 40, 29),
        ("old", 181, None),
        ("fourth", 179, None),
        ("third", 3, None),
        ("second", 2, None),
        ("first", 1, None),
    ]:
        notify(title, days, read=read)
    before = head(cast.home.id).sequence
    prune_notifications()
    left = Notification.objects.filter(user=cast.vera.user).order_by("created_at")
    assert [row.title for row in left] == ["read", "third", "second", "first"]
    told = Event.objects.filter(organization_id=cast.home.id, sequence__gt=before)
    assert set(told.values_list("change_type", column_of("user"))) == {("deleted", cast.vera.id)}
    assert told.count() == 3
