"""The messages of collaboration: sessions, annotations, cursors."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from sync.protocol.messages import Time
from sync.protocol.registry import EntityMessage, Message, Request, WireId, message

Content = Annotated[str, Meta(min_length=1, max_length=10_000)]
ContentType = Literal["text", "markdown", "link", "image", "audio", "drawing"]
ParticipantState = Literal["active", "idle", "disconnected"]


class Position(msgspec.Struct, rename="camel"):
    """A point in the shared space: {"x": 1.5, "y": 0.8, "z": -2.0}, metres."""

    x: float
    y: float
    z: float

    def __post_init__(self) -> None:
        for axis in ("x", "y", "z"):
            if not math.isfinite(getattr(self, axis)):
                raise ValueError(f"Expected a finite number - at `$.{axis}`")


class EntityRef(msgspec.Struct, rename="camel"):
    """The entity that a note is pinned to or a user looks at: {"type": "kpi", "id": "kpi-123"}."""

    type: Annotated[str, Meta(min_length=1, max_length=32)]
    id: WireId


# ------------------------------------------------------------------ from a client


@message("SESSION_CREATE")
class SessionCreate(Request):
    """Start a session and be its host."""

    title: Annotated[str, Meta(min_length=1, max_length=200)]
    active_space: Annotated[str, Meta(min_length=1, max_length=100)]
    invite_user_ids: Annotated[list[WireId], Meta(max_length=100)] = msgspec.field(
        default_factory=list
    )
    max_participants: Annotated[int, Meta(ge=2, le=200)] = 50


@message("SESSION_JOIN")
class SessionJoin(Request):
    """Take part in a session, come back to it, or join with another device."""

    session_id: WireId


@message("SESSION_LEAVE")
class SessionLeave(Request):
    """Leave; a host names who takes over, or ends the session by leaving."""

    session_id: WireId
    new_host_id: WireId | None = None


@message("ANNOTATION_CREATE")
class AnnotationCreate(Request):
    """Pin a note to a point of the shared space."""

    session_id: WireId
    position: Position
    content: Content
    content_type: ContentType
    entity: EntityRef | None = None
    parent_id: WireId | None = None


@message("ANNOTATION_UPDATE")
class AnnotationUpdate(Request):
    """Change any of a note's fields. By its author or the session's host.

    unpin: from then on it is pinned to no entity.
    """

    annotation_id: WireId
    session_id: WireId | None = None
    position: Position | UnsetType = UNSET
    content: Content | UnsetType = UNSET
    content_type: ContentType | UnsetType = UNSET
    entity: EntityRef | UnsetType = UNSET
    unpin: bool = False

    def __post_init__(self) -> None:
        if self.unpin and self.entity is not UNSET:
            raise ValueError("Expected either `entity` or `unpin` - at `$.unpin`")


@message("ANNOTATION_DELETE")
class AnnotationDelete(Request):
    """Remove a note and its replies. By its author or the session's host.

    Of more than a hundred replies some hundred go at once, and others' changes between. Sent again
    where the connection was lost meanwhile, it removes the rest.
    """

    annotation_id: WireId
    session_id: WireId | None = None


@message("CURSOR_MOVE")
class CursorMove(Request):
    """Where one points and what one looks at; at most ten times a second."""

    session_id: WireId
    position: Position
    focused_entity: EntityRef | None = None


# ------------------------------------------------------------------ from the server


class Participant(Message):
    user_id: str
    user_name: str
    state: ParticipantState
    role: Literal["host", "participant"]
    joined_at: Time
    cursor: dict[str, Any] | None = None


@message("SESSION_CREATED", shows=["session", "invitation"])
class SessionCreated(EntityMessage):
    """A session was started. To its host, the invited, or the organization if it is open.

    An invited user's copy shows their invitation, everybody else's the session.
    """

    session_id: str
    host_id: str
    title: str
    active_space: str
    participants: list[str]
    created_at: Time
    max_participants: int
    invitation_only: bool


@message("SESSION_JOINED", shows=["participant"])
class SessionJoined(EntityMessage):
    """Somebody joined; the joiner's own copy also carries the session as it is.

    Of its notes those newest ones that fit into a message of half a megabyte. Where
    `session.annotationsComplete` is false, `session.annotationsRest` is the request by which all of
    them come, page by page.
    """

    session_id: str
    user_id: str
    user_name: str
    state: ParticipantState
    role: Literal["host", "participant"]
    joined_at: Time
    session: dict[str, Any] | UnsetType = UNSET


@message("SESSION_LEFT", shows=["participant"])
class SessionLeft(EntityMessage):
    """Somebody left; `reason` says so where a lost connection did not come back in time."""

    session_id: str
    user_id: str
    user_name: str
    role: Literal["host", "participant"]
    left_at: Time
    reason: Literal["timeout"] | UnsetType = UNSET


@message("SESSION_ENDED", shows=["session", "invitation"])
class SessionEnded(EntityMessage):
    """The session is over; its annotations stay. It is gone for those who follow the organization,
    and so is an invitation to it for the invited, who are told on `user:`."""

    session_id: str
    ended_by: str
    ended_at: Time
    reason: Literal["host_left", "empty", "admin"]


@message("PARTICIPANT_UPDATE", shows=["participant"])
class ParticipantUpdate(EntityMessage):
    """A participant's state or role is another now."""

    session_id: str
    user_id: str
    state: ParticipantState
    role: Literal["host", "participant"]


@message("ANNOTATION_CREATED", shows=["annotation"], named="annotationId")
class AnnotationCreated(EntityMessage):
    """A note was pinned to a point of the shared space."""

    annotation_id: str
    session_id: str
    author_id: str
    author_name: str
    position: Position
    content: str
    content_type: ContentType
    created_at: Time
    revision: int
    updated_at: Time
    entity: EntityRef | None = None
    parent_id: str | None = None


@message("ANNOTATION_UPDATED", shows=["annotation"], named="annotationId")
class AnnotationUpdated(AnnotationCreated):
    """A note was changed; `revision` counts its changes."""

    updated_by: str = ""


@message("ANNOTATION_DELETED", shows=["annotation"], named="annotationId")
class AnnotationDeleted(EntityMessage):
    """A note is gone."""

    annotation_id: str
    session_id: str
    deleted_by: str
    deleted_at: Time


@message("CURSOR_MOVE")
class CursorMoved(Message):
    """Where another participant points; never one's own, and not kept."""

    user_id: str
    position: Position
    session_id: str
    focused_entity: EntityRef | None = None
