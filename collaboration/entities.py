"""Sessions and all that is in them, as clients keep it: one struct an entity type."""

from __future__ import annotations

from math import isfinite
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from sync.protocol.messages import NotYet, Time, UserName
from sync.protocol.registry import EntityData, WireId

ContentType = Annotated[
    Literal["text", "markdown", "link", "image", "audio", "drawing"], Meta(examples=["text"])
]
ParticipantState = Literal["active", "idle", "disconnected"]
LeaveReason = Literal["timeout"]
EndReason = Literal["host_left", "host_ended", "empty", "admin"]
ParticipantRole = Literal["host", "participant"]
SessionTitle = Annotated[str, Meta(examples=["Q4 planning"])]
ActiveSpace = Annotated[str, Meta(examples=["dashboard"])]
AuthorName = Annotated[str, Meta(examples=["Mia Park"], description="`System` without an author.")]
NoteText = Annotated[str, Meta(examples=["Look at March"])]
Nobody = Annotated[str | None, Meta(examples=[None])]
Mentions = Annotated[
    list[str],
    Meta(
        examples=[["6c7ca71d-da20-5b1c-ade5-5f1b6c95181b"]],
        description="Users whom the note mentions.",
    ),
]


class Position(msgspec.Struct, rename="camel"):
    """A point in the shared space: {"x": 1.5, "y": 0.8, "z": -2.0}, metres."""

    x: Annotated[float, Meta(examples=[1.5])]
    y: Annotated[float, Meta(examples=[0.8])]
    z: Annotated[float, Meta(examples=[-2.0])]

    def __post_init__(self) -> None:
        if isfinite(self.x) and isfinite(self.y) and isfinite(self.z):
            return  # written out: it is made for every note and cursor that is sent
        axis = next(axis for axis in ("x", "y", "z") if not isfinite(getattr(self, axis)))
        raise ValueError(f"Expected a finite number - at `$.{axis}`")


class EntityRef(msgspec.Struct, rename="camel"):
    """The entity that a note is pinned to or a user looks at: {"type": "kpi", "id": "kpi-123"}."""

    type: Annotated[str, Meta(min_length=1, max_length=32, examples=["kpi"])]
    id: WireId


class SessionData(EntityData):
    """A session. Shown by `session:`, and by `organization:` while it runs and is open to all."""

    title: SessionTitle
    host_id: str
    active_space: ActiveSpace
    max_participants: Annotated[int, Meta(examples=[50])]
    invitation_only: bool
    created_at: Time
    ended_at: NotYet


class InvitationData(EntityData):
    """An invitation to a session that runs. Shown by `user:`."""

    session_id: str
    title: SessionTitle


class ParticipantData(EntityData):
    """A user who takes part in a session. Shown by `session:`."""

    session_id: str
    user_id: str
    user_name: UserName
    state: ParticipantState
    role: ParticipantRole
    joined_at: Time


class AnnotationData(EntityData):
    """A note at a point of the shared space. One of a session is shown by `session:`; one on a KPI
    by what shows the KPI, and where that is archived still by `organization:` or `department:`; one
    on a department by `department:`.

    sessionId: null for one on a thing, which is its `entity` then. entityArchived: the thing that
    it is on is archived.
    """

    session_id: str | None
    author_id: str
    author_name: AuthorName
    position: Position
    content: NoteText
    content_type: ContentType
    entity: EntityRef | None
    parent_id: str | None
    revision: int
    created_at: Time
    updated_at: Time
    mentions: Mentions
    resolved_at: NotYet
    resolved_by: Nobody
    entity_archived: bool
