"""Export what is stored about a person in sessions (decision D6)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

import msgspec

from bos.ids import wire_id
from bos.models import User
from bos.people.exporting import Export, ExportRow, stream
from collaboration.keeping import kept_of
from collaboration.models import Annotation, Invitation, Participant, Session
from sync.protocol.times import EPOCH


class Hosted(ExportRow):
    id: str
    title: str
    space: str
    created_at: datetime
    ended_at: datetime | None


def sessions(user: User) -> Iterator[ExportRow]:
    for row in stream(Session.objects.filter(host=user).order_by("created_at")):
        yield Hosted(
            id=str(row.pk),
            title=row.title,
            space=row.active_space,
            created_at=row.created_at,
            ended_at=row.ended_at,
        )


class Participation(ExportRow):
    session_id: str
    title: str
    joined_at: datetime
    left_at: datetime | None
    left_reason: str


def participations(user: User) -> Iterator[ExportRow]:
    rows = Participant.objects.filter(user=user).select_related("session")
    for row in stream(rows.order_by("joined_at")):
        yield Participation(
            session_id=str(row.session_id),
            title=row.session.title,
            joined_at=row.joined_at,
            left_at=row.left_at,
            left_reason=row.left_reason,
        )


class InvitedTo(ExportRow):
    session_id: str
    title: str


def invitations(user: User) -> Iterator[ExportRow]:
    for row in stream(Invitation.objects.filter(user=user).select_related("session")):
        yield InvitedTo(session_id=str(row.session_id), title=row.session.title)


class Note(ExportRow):
    id: str
    session_id: str | None
    content: str
    content_type: str
    x: float
    y: float
    z: float
    entity_type: str
    entity_id: str
    revision: int
    created_at: datetime
    updated_at: datetime


def notes(user: User) -> Iterator[ExportRow]:
    for row in stream(Annotation.objects.filter(author=user).order_by("created_at")):
        yield Note(
            id=str(row.pk),
            session_id=wire_id(row.session_id),
            content=row.content,
            content_type=row.content_type,
            x=row.x,
            y=row.y,
            z=row.z,
            entity_type=row.entity_type,
            entity_id=row.entity_id,
            revision=row.revision,
            created_at=row.created_at,
            updated_at=row.updated_at,
        )


class Resolved(ExportRow):
    id: str
    resolved_at: datetime | None


def resolved_notes(user: User) -> Iterator[ExportRow]:
    for row in stream(Annotation.objects.filter(resolved_by=user).order_by("resolved_at")):
        yield Resolved(id=str(row.pk), resolved_at=row.resolved_at)


class InSession(ExportRow):
    """An event of a session that shows the person, kept for its replay."""

    session_id: str
    at: datetime
    about: str
    id: str
    kind: str
    content: str


class _Told(msgspec.Struct):
    content: str = ""


def kept_events(user: User) -> Iterator[ExportRow]:
    for row in stream(kept_of(user)):
        told = msgspec.json.decode(row.data or "{}", type=_Told)
        yield InSession(
            session_id=str(row.session_id),
            at=EPOCH + timedelta(microseconds=row.at_us),
            about=row.entity_type,
            id=row.entity_id,
            kind=row.change_type,
            content=told.content,
        )


EXPORTS: Mapping[str, Export] = {
    "sessions": Export(sessions, ("collaboration.Session.host",)),
    "participations": Export(participations, ("collaboration.Participant.user",)),
    "invitations": Export(invitations, ("collaboration.Invitation.user",)),
    "notes": Export(notes, ("collaboration.Annotation.author",)),
    "inSessions": Export(kept_events, ("collaboration.KeptEvent.user_id",)),
    "resolvedNotes": Export(resolved_notes, ("collaboration.Annotation.resolved_by",)),
}
