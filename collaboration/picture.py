"""A session as one sees it who joins: who is there, and the notes that fit into a message."""

from __future__ import annotations

from typing import cast

from django.db.models import QuerySet

from collaboration.entities import AnnotationData, ParticipantState
from collaboration.errors import SessionNotFound
from collaboration.messages import (
    JoinedSession,
    NotesRequest,
    NotesRequestPayload,
    PresentParticipant,
    SessionJoined,
)
from collaboration.models import Annotation, Participant, Session
from collaboration.payloads import annotation_data, role_of
from sync.delivery.outbox import most_of_a_frame
from sync.eventlog import log
from sync.eventlog.threads import reading
from sync.protocol.codecs import to_json
from sync.protocol.identity import Principal
from sync.protocol.times import wire_time

# Read at once: they may be 40 kB each.
NOTES_A_TIME = 100


def read_joined(principal: Principal, session_id: str) -> tuple[int, SessionJoined]:
    """The session as it is, and the last event that is in this picture.

    Raises SessionNotFound where the principal is no participant any more.
    """
    with reading():
        head = log.head(principal.organization_id)
        session = Session.objects.of(principal.organization_id).filter(pk=session_id).first()
        taking_part = Participant.objects.select_related("session")
        own = taking_part.filter(session=session, user_id=principal.user_id).first()
        if session is None or own is None:
            raise SessionNotFound(sessionId=session_id)
        joined = SessionJoined(
            session_id=session_id,
            user_id=principal.user_id,
            user_name=principal.name,
            state=cast(ParticipantState, own.state),
            role=role_of(own),
            joined_at=wire_time(own.joined_at),
            session=_picture(session),
            entity_type="participant",
            entity_id=str(own.pk),
            change_type="created",
            sequence=head.sequence,
        )
    return head.sequence, joined


def _picture(session: Session) -> JoinedSession:
    of_session = Annotation.objects.filter(session=session)
    picture = JoinedSession(
        session_id=str(session.pk),
        title=session.title,
        host_id=str(session.host_id),
        active_space=session.active_space,
        max_participants=session.max_participants,
        created_at=wire_time(session.created_at),
        participants=_participants(session),
        annotations=[],
        annotation_count=of_session.count(),
        annotations_complete=True,
    )
    picture.annotations = _newest(of_session, room=most_of_a_frame() - _size_of(picture))
    if len(picture.annotations) < picture.annotation_count:
        # The rest comes page by page, at the client's pace.
        channels = [f"session:{session.pk}"]
        picture.annotations_complete = False
        picture.annotations_rest = NotesRequest("SYNC_REQUEST", NotesRequestPayload(channels))
    return picture


def _participants(session: Session) -> list[PresentParticipant]:
    present = Participant.objects.filter(session=session, left_at=None).select_related("user")
    return [
        PresentParticipant(
            user_id=str(one.user_id),
            user_name=one.user.name,
            state=cast(ParticipantState, one.state),
            role="host" if one.user_id == session.host_id else "participant",
            joined_at=wire_time(one.joined_at),
            cursor=None,
        )
        for one in present
    ]


def _newest(notes: QuerySet[Annotation], *, room: int) -> list[AnnotationData]:
    """Those of them that fit into so many bytes, oldest first."""
    fitting: list[AnnotationData] = []
    newest = notes.order_by("-created_at", "-pk").select_related("author")
    for annotation in newest.iterator(chunk_size=NOTES_A_TIME):
        shown = annotation_data(annotation)
        room -= _size_of(shown) + 1
        if room < 0:
            break
        fitting.append(shown)
    return fitting[::-1]


def _size_of(shown: JoinedSession | AnnotationData) -> int:
    """In bytes, which a character may have four of."""
    return len(to_json(shown))
