"""Sessions and annotations as messages and snapshots show them."""

from __future__ import annotations

from typing import cast

from msgspec.structs import astuple

from bos.ids import wire_id
from collaboration.entities import (
    AnnotationData,
    ContentType,
    EntityRef,
    ParticipantData,
    ParticipantRole,
    ParticipantState,
    Position,
    SessionData,
)
from collaboration.messages import (
    AnnotationCreated,
    AnnotationUpdated,
    SessionCreated,
    SessionJoined,
)
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


def session_data(row: Session) -> SessionData:
    return SessionData(
        id=str(row.pk),
        title=row.title,
        host_id=str(row.host_id),
        active_space=row.active_space,
        max_participants=row.max_participants,
        invitation_only=row.invitation_only,
        created_at=wire_time(row.created_at),
        ended_at=None if row.ended_at is None else wire_time(row.ended_at),
    )


def role_of(participant: Participant) -> ParticipantRole:
    return "host" if participant.session.host_id == participant.user_id else "participant"


def session_joined(row: Participant) -> SessionJoined:
    return SessionJoined(
        session_id=str(row.session_id),
        user_id=str(row.user_id),
        user_name=row.user.name,
        state=cast(ParticipantState, row.state),
        role=role_of(row),
        joined_at=wire_time(row.joined_at),
    )


def participant_data(row: Participant) -> ParticipantData:
    return ParticipantData(
        id=str(row.pk),
        session_id=str(row.session_id),
        user_id=str(row.user_id),
        user_name=row.user.name,
        state=cast(ParticipantState, row.state),
        role=role_of(row),
        joined_at=wire_time(row.joined_at),
    )


def annotation_data(row: Annotation) -> AnnotationData:
    return AnnotationData(
        id=str(row.pk),
        session_id=wire_id(row.session_id),
        author_id=SYSTEM.user_id if row.author is None else str(row.author_id),
        author_name="System" if row.author is None else row.author.name,
        position=Position(row.x, row.y, row.z),
        content=row.content,
        content_type=cast(ContentType, row.content_type),
        entity=EntityRef(row.entity_type, row.entity_id) if row.entity_type else None,
        parent_id=wire_id(row.parent_id),
        revision=row.revision,
        created_at=wire_time(row.created_at),
        updated_at=wire_time(row.updated_at),
        mentions=row.mentions,
        resolved_at=None if row.resolved_at is None else wire_time(row.resolved_at),
        resolved_by=wire_id(row.resolved_by_id),
        entity_archived=row.thing is not None and row.thing.archived,
    )


# The live messages of a note begin with the fields of the entity, in its order.
_OF_NOTE = ("annotation_id", *AnnotationData.__struct_fields__[1:])
assert AnnotationCreated.__struct_fields__[: len(_OF_NOTE)] == _OF_NOTE
assert AnnotationUpdated.__struct_fields__[: len(_OF_NOTE) + 1] == (*_OF_NOTE, "updated_by")


def annotation_created(row: Annotation) -> AnnotationCreated:
    return AnnotationCreated(*astuple(annotation_data(row)))


def annotation_updated(row: Annotation, updated_by: str) -> AnnotationUpdated:
    fields = (*astuple(annotation_data(row)), updated_by)
    return AnnotationUpdated(*fields)
