"""Sessions and annotations as messages and snapshots show them."""

from __future__ import annotations

from typing import Any, Literal

from collaboration.models import Annotation, Participant, Session
from sync.protocol.identity import SYSTEM
from sync.protocol.times import wire_time


def created_payload(session: Session) -> dict[str, Any]:
    return {
        "sessionId": str(session.pk),
        "hostId": str(session.host_id),
        "title": session.title,
        "activeSpace": session.active_space,
        "participants": [str(session.host_id)],
        "createdAt": wire_time(session.created_at),
        "maxParticipants": session.max_participants,
        "invitationOnly": session.invitation_only,
    }


def role_of(participant: Participant) -> Literal["host", "participant"]:
    return "host" if participant.session.host_id == participant.user_id else "participant"


def joined_payload(participant: Participant) -> dict[str, Any]:
    return {
        "sessionId": str(participant.session_id),
        "userId": str(participant.user_id),
        "userName": participant.user.name,
        "state": participant.state,
        "role": role_of(participant),
        "joinedAt": wire_time(participant.joined_at),
    }


def annotation_data(row: Annotation) -> dict[str, Any]:
    return {
        "id": str(row.pk),
        "sessionId": str(row.session_id),
        "authorId": SYSTEM.user_id if row.author is None else str(row.author_id),
        "authorName": "System" if row.author is None else row.author.name,
        "position": row.position,
        "content": row.content,
        "contentType": row.content_type,
        "entity": row.entity,
        "parentId": None if row.parent_id is None else str(row.parent_id),
        "revision": row.revision,
        "createdAt": wire_time(row.created_at),
        "updatedAt": wire_time(row.updated_at),
    }
