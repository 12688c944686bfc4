"""Sessions and annotations as messages and snapshots show them."""

from __future__ import annotations

from typing import Any, cast

from collaboration.entities import (
    AnnotationData,
    ContentType,
    EntityRef,
    ParticipantRole,
    ParticipantState,
    Position,
)
from collaboration.messages import SessionCreated, SessionJoined
from collaboration.models import Annotation, Participant, Session
from sync.protocol.identity import SYSTEM
from sync.protocol.times import wire_time


def session_created(session: Session) -> SessionCreated:
    return SessionCreated(
        session_id=str(session.pk),
        host_id=str(session.host_id),
        title=session.title,
        active_space=session.active_space,
        participants=[str(session.host_id)],
        created_at=wire_time(session.created_at),
        max_participants=session.max_participants,
        invitation_only=session.invitation_only,
    )


def role_of(participant: Participant) -> ParticipantRole:
    return "host" if participant.session.host_id == participant.user_id else "participant"


def session_joined(participant: Participant) -> SessionJoined:
    return SessionJoined(**participant_fields(participant))


def participant_fields(participant: Participant) -> dict[str, Any]:
    """Return what SESSION_JOINED and the entity both have, by their Python names."""
    return {
        "session_id": str(participant.session_id),
        "user_id": str(participant.user_id),
        "user_name": participant.user.name,
        "state": cast(ParticipantState, participant.state),
        "role": role_of(participant),
        "joined_at": wire_time(participant.joined_at),
    }


def annotation_data(row: Annotation) -> AnnotationData:
    return AnnotationData(id=str(row.pk), **annotation_fields(row))


def annotation_fields(row: Annotation) -> dict[str, Any]:
    """Return what the live messages of a note and the entity both have, by their Python names."""
    return {
        "session_id": str(row.session_id),
        "author_id": SYSTEM.user_id if row.author is None else str(row.author_id),
        "author_name": "System" if row.author is None else row.author.name,
        "position": Position(row.x, row.y, row.z),
        "content": row.content,
        "content_type": cast(ContentType, row.content_type),
        "entity": EntityRef(row.entity_type, row.entity_id) if row.entity_type else None,
        "parent_id": None if row.parent_id is None else str(row.parent_id),
        "revision": row.revision,
        "created_at": wire_time(row.created_at),
        "updated_at": wire_time(row.updated_at),
    }
