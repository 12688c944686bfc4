"""The messages of collaboration: sessions, annotations, cursors, and who is online."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from collaboration.entities import (
    ActiveSpace,
    AnnotationData,
    AuthorName,
    ContentType,
    EndReason,
    EntityRef,
    LeaveReason,
    Mentions,
    Nobody,
    NoteText,
    ParticipantRole,
    ParticipantState,
    Position,
    SessionData,
    SessionTitle,
)
from sync.protocol.messages import NotYet, Time, UserName
from sync.protocol.registry import EntityMessage, Message, Request, WireId, message

Content = Annotated[str, Meta(min_length=1, max_length=10_000, examples=["Look at March"])]
MentionedUsers = Annotated[list[WireId], Meta(max_length=20)]
NotesSession = Annotated[WireId | None, Meta(examples=["760f576a-fe62-5963-8e2a-283a0f6422b6"])]

PageAfter = Annotated[
    Annotated[str, Meta(max_length=160)] | None, Meta(examples=["1795986909000000.42..0.0"])
]

# ------------------------------------------------------------------ from a client


@message("SESSION_CREATE")
class SessionCreate(Request):
    """Start a session and be its host."""

    title: Annotated[str, Meta(min_length=1, max_length=200, examples=["Q4 planning"])]
    active_space: Annotated[str, Meta(min_length=1, max_length=100, examples=["dashboard"])]
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


@message("SESSION_INVITE")
class SessionInvite(Request):
    """Invite further users. By the host, and by managers and admins who take part.

    Who has been invited before, or takes part, is told nothing again.
    """

    session_id: WireId
    user_ids: Annotated[list[WireId], Meta(min_length=1, max_length=100)]


@message("SESSION_HAND_OVER")
class SessionHandOver(Request):
    """Make a participant the host instead of oneself, and stay. By the host."""

    session_id: WireId
    new_host_id: WireId


@message("SESSION_END")
class SessionEnd(Request):
    """End a session for everybody. By its host, and by admins."""

    session_id: WireId


@message("ANNOTATION_CREATE")
class AnnotationCreate(Request, kw_only=True):
    """Pin a note to a point of the shared space: in a session, or on a thing.

    In a session with `sessionId`, which may have ended for a reply. Without it, on `entity` itself,
    a KPI (`kpi`) or a department (`department`): users who may follow that see the note. A reply is
    where its parent is. mentions: users who may see it; each of them gets a NOTIFICATION.
    """

    session_id: NotesSession = None
    position: Position
    content: Content
    content_type: ContentType
    entity: EntityRef | None = None
    parent_id: WireId | None = None
    mentions: MentionedUsers = msgspec.field(default_factory=list)

    def __post_init__(self) -> None:
        if self.session_id is None and self.entity is None:
            raise ValueError("Expected `sessionId` or `entity` - at `$.sessionId`")


@message("ANNOTATION_UPDATE")
class AnnotationUpdate(Request):
    """Change any of a note's fields. By its author or the session's host.

    unpin: from then on it is pinned to no entity; a note on a thing stays there. mentions:
    instead of those there were; users who are mentioned anew get a NOTIFICATION.
    """

    annotation_id: WireId
    session_id: WireId | None = None
    position: Position | UnsetType = UNSET
    content: Content | UnsetType = UNSET
    content_type: ContentType | UnsetType = UNSET
    entity: EntityRef | UnsetType = UNSET
    unpin: bool = False
    mentions: MentionedUsers | UnsetType = UNSET

    def __post_init__(self) -> None:
        if self.unpin and self.entity is not UNSET:
            raise ValueError("Expected either `entity` or `unpin` - at `$.unpin`")


@message("ANNOTATION_DELETE")
class AnnotationDelete(Request):
    """Remove a note and its replies. By its author or the session's host, and by admins where it is
    on a thing or of a session that has ended.

    More than a hundred replies are removed about a hundred at a time, with others' changes in
    between. If the connection is lost meanwhile, send it again to remove the rest.
    """

    annotation_id: WireId
    session_id: WireId | None = None


@message("ANNOTATION_RESOLVE")
class AnnotationResolve(Request):
    """Mark a note as resolved, or as open again. By its author, the session's host, managers."""

    annotation_id: WireId
    resolved: bool
    session_id: WireId | None = None


@message("CURSOR_MOVE")
class CursorMove(Request):
    """Show where you point and what you look at; at most ten times a second."""

    session_id: WireId
    position: Position
    focused_entity: EntityRef | None = None


@message("LOOKING")
class Looking(Request):
    """Say what you look at now: a KPI (`kpi`) or a department (`department`) that you may see;
    null: at none any more. It holds until the next one, or the end of the connection."""

    entity: EntityRef | None = None


@message("PRESENCE_REQUEST")
class PresenceRequest(Request):
    """Ask who is online. after: `next` of the answer before, where that had one."""

    after: Annotated[WireId | None, Meta(examples=["6c7ca71d-da20-5b1c-ade5-5f1b6c95181b"])] = None


@message("REPLAY_REQUEST")
class ReplayRequest(Request):
    """Ask for what happened in a session, page by page: to play it back. Also of one that runs.

    By its host, participants and the invited. after: `next` of the page before; limit: the most of
    each kind in a page.
    """

    session_id: WireId
    after: PageAfter = None
    limit: Annotated[int, Meta(ge=1, le=1_000, examples=[500])] = 500


# ------------------------------------------------------------------ from the server


class Cursor(Message):
    """Where a participant points, and what they look at."""

    position: Position
    focused_entity: EntityRef | None = None


class PresentParticipant(Message):
    """Somebody who takes part in the session that is joined; `cursor` where it was seen last."""

    user_id: str
    user_name: UserName
    state: ParticipantState
    role: ParticipantRole
    joined_at: Time
    cursor: Cursor | None


class NotesRequestPayload(Message):
    """The session's channel, without a cursor: all that it shows."""

    channels: list[str]


class NotesRequest(Message):
    """The request by which all notes of a session come; send it as it is, with a requestId."""

    type: Literal["SYNC_REQUEST"]
    payload: NotesRequestPayload


@message("SESSION_CREATED", shows=["session", "invitation"], changes=["created"])
class SessionCreated(EntityMessage):
    """A session was started. To its host, the invited, or the organization if it is open.

    An invited user's copy shows their invitation, everybody else's the session.
    """

    session_id: str
    host_id: str
    title: SessionTitle
    active_space: ActiveSpace
    participants: Annotated[
        list[str], Meta(examples=[["6c7ca71d-da20-5b1c-ade5-5f1b6c95181b"]], description="Users.")
    ]
    created_at: Time
    max_participants: Annotated[int, Meta(examples=[50])]
    invitation_only: bool


class JoinedSession(Message):
    """A session as the user sees it who joins.

    annotations: the newest that fit into the message, oldest first; annotationCount: how many there
    are.
    """

    session_id: str
    title: SessionTitle
    host_id: str
    active_space: ActiveSpace
    max_participants: Annotated[int, Meta(examples=[50])]
    created_at: Time
    participants: list[PresentParticipant]
    annotations: list[AnnotationData]
    annotation_count: int
    annotations_complete: bool
    annotations_rest: NotesRequest | UnsetType = UNSET


@message("SESSION_JOINED", shows=["participant"], changes=["created"])
class SessionJoined(EntityMessage):
    """Somebody joined; the joiner's own copy also carries the session as it is.

    `session.annotations` has the newest notes that fit into half a megabyte. Where
    `session.annotationsComplete` is false, send `session.annotationsRest`: all notes come, page by
    page.
    """

    session_id: str
    user_id: str
    user_name: UserName
    state: ParticipantState
    role: ParticipantRole
    joined_at: Time
    session: JoinedSession | UnsetType = UNSET


@message("SESSION_LEFT", shows=["participant"], changes=["deleted"])
class SessionLeft(EntityMessage):
    """Somebody left; `reason` is there if their lost connection did not come back in time."""

    session_id: str
    user_id: str
    user_name: UserName
    role: ParticipantRole
    left_at: Time
    reason: LeaveReason | UnsetType = UNSET


@message("SESSION_ENDED", shows=["session", "invitation"], changes=["deleted"])
class SessionEnded(EntityMessage):
    """The session is over; its annotations stay. It is gone for those who follow the organization,
    and so is the invitation for invited users, who get this message on `user:`."""

    session_id: str
    ended_by: str
    ended_at: Time
    reason: EndReason


@message("SESSION_INVITED")
class SessionInvited(Message):
    """These users were invited: those that had not been before, and do not take part."""

    session_id: str
    user_ids: Annotated[list[str], Meta(examples=[["6c7ca71d-da20-5b1c-ade5-5f1b6c95181b"]])]


@message("SESSION_HANDED_OVER")
class SessionHandedOver(Message):
    """The session has another host; PARTICIPANT_UPDATE of both, and SYNC_UPDATE, tell everybody."""

    session_id: str
    host_id: str


@message("PARTICIPANT_UPDATE", shows=["participant"], changes=["updated"])
class ParticipantUpdate(EntityMessage):
    """A participant's state or role has changed."""

    session_id: str
    user_id: str
    state: ParticipantState
    role: ParticipantRole


class _Note(EntityMessage):
    annotation_id: str
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


@message("ANNOTATION_CREATED", shows=["annotation"], named="annotationId", changes=["created"])
class AnnotationCreated(_Note):
    """A note was pinned to a point of the shared space, or to a thing."""


@message("ANNOTATION_UPDATED", shows=["annotation"], named="annotationId", changes=["updated"])
class AnnotationUpdated(_Note):
    """A note was changed or resolved; `revision` counts that. Or the thing that it is on is seen by
    others now, is archived or restored: `revision` is as it was."""

    updated_by: str


@message("ANNOTATION_DELETED", shows=["annotation"], named="annotationId", changes=["deleted"])
class AnnotationDeleted(EntityMessage):
    """A note is gone."""

    annotation_id: str
    session_id: str | None
    deleted_by: str
    deleted_at: Time


@message("CURSOR_MOVE")
class CursorMoved(Message):
    """Where another participant points; never one's own, and not kept."""

    user_id: str
    position: Position
    session_id: str
    focused_entity: EntityRef | None = None


class Someone(Message):
    """A user, by name."""

    user_id: str
    user_name: UserName


class LookingAt(Message):
    """A user, and what they look at."""

    user_id: str
    user_name: UserName
    entity: EntityRef


class SessionPresence(Message):
    """A running session, and how many take part; which users, where one may join or follow it."""

    session: SessionData
    count: Annotated[int, Meta(examples=[1])]
    participants: list[Someone]


@message("LOOKING")
class Looked(Message):
    """Somebody looks at an entity now, or no longer: told on its own channel, and not kept. The
    answer to a request repeats it.

    looking: false where that user looks at it on no device any more. An end that is lost with a
    killed server is not told: see PRESENCE.
    """

    user_id: str
    user_name: UserName
    entity: EntityRef | None
    looking: bool


@message("PRESENCE")
class Presence(Message):
    """Which users are online, a thousand at a time, in the order of their ids.

    In the first answer also what they look at, of what one may see, and the sessions that run and
    one may know of: the first thousand, and the newest hundred. No event tells of a change: ask
    again, some times a minute. Who came or went a moment ago may be missing or there; who was
    connected to a killed server is there for up to 45 s. complete: false where the server knows
    only of its own connections now.
    """

    online: list[Someone]
    next: Annotated[str | None, Meta(examples=[None])]
    complete: bool
    looking: list[LookingAt]
    sessions: list[SessionPresence]


# ------------------------------------------------------------------ a session played back

Offset = Annotated[
    int, Meta(examples=[90_500], description="Milliseconds since `from`: order and pace.")
]
ReplayedReason = Literal["timeout", "host_left", "host_ended", "empty", "admin"]
PastNumber = Annotated[float, Meta(examples=[95.0])]


class ReplayedPerson(Message):
    """Somebody who has taken part, under the name that they have now."""

    user_id: str
    user_name: UserName


class ReplayedSession(Message):
    """The session that is played back, as it is now. people: its host, and the first 200 others who
    have taken part."""

    session_id: str
    title: SessionTitle
    host_id: str
    active_space: ActiveSpace
    created_at: Time
    ended_at: NotYet
    people: list[ReplayedPerson]


class ReplayedEvent(Message):
    """Something that happened in the session.

    `started` and `host`: `userId` is the host from then on. `joined`, `left` and `state`: of a
    participant; `reason` where the connection was lost. `note`: a note was created, changed or
    resolved, and is `note` from then on, with its content of then. `noteDeleted`: it is
    `annotationId`, by `userId`. `ended`: by `userId`.
    """

    kind: Literal["started", "host", "joined", "left", "state", "note", "noteDeleted", "ended"]
    at: Time
    offset: Offset
    sequence: int
    user_id: str | UnsetType = UNSET
    user_name: UserName | UnsetType = UNSET
    state: ParticipantState | UnsetType = UNSET
    role: ParticipantRole | UnsetType = UNSET
    reason: ReplayedReason | UnsetType = UNSET
    note: AnnotationData | UnsetType = UNSET
    annotation_id: str | UnsetType = UNSET


class ReplayedKpi(Message):
    """The value that a KPI showed when the session began."""

    kpi_id: str
    value: Annotated[PastNumber | None, Meta(examples=[95.0])]


class ReplayedValue(Message):
    """A value that a KPI showed from then on."""

    kpi_id: str
    value: PastNumber
    at: Time
    offset: Offset


@message("REPLAY")
class Replay(Message):
    """A page of what happened in a session between `from` and `to`, its end or now.

    Each list goes on in the next page, in its order; together they are the whole. kpis, changes:
    of the KPIs that the requester may see now, as people saw them then: a value that was measured
    earlier counts from when it came. complete: false where the first events of the session are not
    kept; they are since `keptFrom`, null where none is. next: send it as `after`; null in the last
    page.
    """

    session: ReplayedSession
    from_: Time = msgspec.field(name="from")
    to: Time
    complete: bool
    kept_from: NotYet
    events: list[ReplayedEvent]
    kpis: list[ReplayedKpi]
    changes: list[ReplayedValue]
    next: Annotated[str | None, Meta(examples=[None])]
