"""How collaboration appears on the wire: what is captured, and whose topics show it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from functools import partial
from typing import Any, ClassVar, cast

from msgspec import UNSET

from bos.feature import Feature
from bos.ids import canonical_uuids, wire_id
from bos.models import User
from collaboration import (
    erasing,
    handlers,
    hosting,
    keeping,
    looking,
    messages,
    online,
    outside,
    own_data,
    pins,
    presence,
    replay,
    rooms,
    usage,
)
from collaboration.away import AWAY
from collaboration.entities import (
    AnnotationData,
    EndReason,
    InvitationData,
    LeaveReason,
    ParticipantData,
    ParticipantState,
    SessionData,
)
from collaboration.errors import SessionFull, SessionNotFound
from collaboration.messages import (
    AnnotationDeleted,
    ParticipantUpdate,
    SessionEnded,
    SessionLeft,
)
from collaboration.models import Annotation, Invitation, NotedThing, Participant, Session
from collaboration.panels import PANELS
from collaboration.payloads import (
    annotation_created,
    annotation_data,
    annotation_updated,
    participant_data,
    role_of,
    session_created,
    session_data,
    session_joined,
)
from collaboration.retention import prune_sessions
from collaboration.services import on_things
from collaboration.services.sessions import OPEN_TO_ALL, READ_OF_SESSIONS, followed_by
from collaboration.timeline import NOTES as NOTES_OF_THINGS
from collaboration.words import WORDS
from sync.eventlog.capture import Change, EntitySync, Live, append_events
from sync.eventlog.fast_sql import Lock, hold_rows
from sync.protocol.identity import Actor, Principal
from sync.protocol.times import wire_time
from sync.protocol.topics import Audience, SnapshotEntity, TopicKind


class SessionSync(EntitySync[Session]):
    model = Session
    entity_type = "session"
    mirrored = False
    shape = SessionData
    watched_fields: ClassVar[frozenset[str]] = frozenset(
        {"organization_id", "invitation_only", "host_id", "ended_at"}
    )
    ignored: ClassVar[frozenset[str]] = frozenset({"empty_since", "end_reason"})

    def data(self, row: Session) -> SessionData:
        return session_data(row)

    def audience(self, row: Session) -> Audience:
        """One open to the organization is announced on its topic, while it runs (C1, V7)."""
        announced = not row.invitation_only and row.ended_at is None
        organization = str(row.organization_id) if announced else None
        return Audience(organization=organization, session=str(row.pk))

    def change_type(self, change: Change[Session]) -> str:
        """Ended, it is gone; those who follow it are shown what is left of it after that."""
        return "deleted" if _ends(change) else change.kind

    def live(self, change: Change[Session], actor: Actor) -> Live:
        row = change.row
        if change.kind == "created":
            return session_created(row)
        if change.kind == "deleted" or _ends(change):
            return _ended(row, actor)
        return None

    def after_append(self, changes: Sequence[Change[Session]], actor: Actor) -> None:
        for change in changes:
            if _ends(change):
                self._show_what_is_left(change.row)
            if change.before is not None and change.after is not None and change.touches("host_id"):
                self._show_roles(change.before, change.after)

    @staticmethod
    def _show_what_is_left(session: Session) -> None:
        """Its followers go on seeing it, with its notes; nobody is invited to it any more."""
        append_events(SessionSync(), _seen_anew(session))
        invitations = Invitation.objects.filter(session=session).select_related("session")
        append_events(InvitationSync(), *map(_seen_anew, invitations))

    @staticmethod
    def _show_roles(before: Session, after: Session) -> None:
        """The role stands in what is shown of the participants: of who had it, and who has it."""
        concerned = Participant.objects.filter(
            session=after, user_id__in=(before.host_id, after.host_id), left_at=None
        )
        append_events(
            ParticipantSync(), *map(_seen_anew, concerned.select_related("user", "session"))
        )


class InvitationSync(EntitySync[Invitation]):
    """Sends invitations to the invited user's own topic."""

    model = Invitation
    entity_type = "invitation"
    mirrored = False
    shape = InvitationData

    def organization_id(self, row: Invitation) -> str:
        return str(row.session.organization_id)

    def data(self, row: Invitation) -> InvitationData:
        return InvitationData(
            id=str(row.pk), session_id=str(row.session_id), title=row.session.title
        )

    def audience(self, row: Invitation) -> Audience:
        return Audience(user=str(row.user_id))

    def change_type(self, change: Change[Invitation]) -> str:
        """Invitations are to running sessions (decision V7)."""
        return "deleted" if change.row.session.ended_at is not None else change.kind

    def live(self, change: Change[Invitation], actor: Actor) -> Live:
        session = change.row.session
        if self.change_type(change) == "created":
            return session_created(session)
        if change.kind == "updated" and session.ended_at is not None and not _is_in(change.row):
            return _ended(session, actor)
        return None


class ParticipantSync(EntitySync[Participant]):
    model = Participant
    entity_type = "participant"
    mirrored = False
    shape = ParticipantData
    watched_fields: ClassVar[frozenset[str]] = frozenset({"session_id", "user_id", "left_at"})

    def organization_id(self, row: Participant) -> str:
        return str(row.session.organization_id)

    def is_event(self, change: Change[Participant]) -> bool:
        already_left = change.kind == "deleted" and change.row.left_at is not None
        return not change.row.silent and not already_left

    def change_type(self, change: Change[Participant]) -> str:
        """A user that has left is gone for the others, and new on coming back."""
        if change.kind == "deleted" or change.row.left_at is not None:
            return "deleted"
        came_back = change.before is not None and change.before.left_at is not None
        return "created" if came_back else change.kind

    def data(self, row: Participant) -> ParticipantData:
        return participant_data(row)

    def audience(self, row: Participant) -> Audience:
        return Audience(session=str(row.session_id))

    def live(self, change: Change[Participant], actor: Actor) -> Live:
        row = change.row
        match self.change_type(change):
            case "created":
                return session_joined(row)
            case "deleted":
                return SessionLeft(
                    session_id=str(row.session_id),
                    user_id=str(row.user_id),
                    user_name=row.user.name,
                    role=row.left_role or role_of(row),
                    left_at=wire_time(row.left_at),
                    reason=cast(LeaveReason, row.left_reason) if row.left_reason else UNSET,
                )
            case _:
                return ParticipantUpdate(
                    session_id=str(row.session_id),
                    user_id=str(row.user_id),
                    state=cast(ParticipantState, row.state),
                    role=role_of(row),
                )


class AnnotationSync(EntitySync[Annotation]):
    model = Annotation
    entity_type = "annotation"
    mirrored = False
    shape = AnnotationData
    watched_fields: ClassVar[frozenset[str]] = frozenset({"session_id", "thing_id"})
    related: ClassVar[tuple[str, ...]] = ("session", "thing")

    def organization_id(self, row: Annotation) -> str:
        return str(row.place.organization_id)

    def is_event(self, change: Change[Annotation]) -> bool:
        """A thing may be hidden, or archived, since it was read: who sees it is looked up.

        Hiding waits for this lock, or this for that: one of them sees what the other has done. Of a
        thing that is gone, its notes have been told to be.
        """
        if change.row.thing_id is None or change.fields <= on_things.KNOWN:
            return True
        if change.kind == "updated":  # else the count of its notes has been changed
            hold_rows(NotedThing, [change.row.thing_id], Lock.CHANGE, wait=True)
        noted = NotedThing.objects.filter(pk=change.row.thing_id).first()
        if noted is None:
            return False
        for row in (change.before, change.after):
            if row is not None and row.thing_id == noted.pk:
                row.thing = noted
        return True

    def data(self, row: Annotation) -> AnnotationData:
        return annotation_data(row)

    def audience(self, row: Annotation) -> Audience:
        if row.thing is not None:
            return on_things.topics_of(row.thing)
        return Audience(session=str(row.session_id))

    def live(self, change: Change[Annotation], actor: Actor) -> Live:
        row = change.row
        match change.kind:
            case "created":
                return annotation_created(row)
            case "deleted":
                return AnnotationDeleted(
                    annotation_id=str(row.pk),
                    session_id=wire_id(row.session_id),
                    deleted_by=actor.user_id,
                    deleted_at=wire_time(),
                )
            case _:
                return annotation_updated(row, actor.user_id)


def _ends(change: Change[Session]) -> bool:
    before = change.before
    ended = change.kind == "updated" and change.row.ended_at is not None
    return ended and change.touches("ended_at") and (before is None or before.ended_at is None)


def _ended(session: Session, actor: Actor) -> SessionEnded:
    return SessionEnded(
        session_id=str(session.pk),
        ended_by=actor.user_id,
        ended_at=wire_time(session.ended_at),
        reason=cast(EndReason, session.end_reason or "admin"),
    )


def _is_in(invitation: Invitation) -> bool:
    """Whether the invited takes part: then the session's own topic tells them of its end."""
    own = Participant.objects.filter(session=invitation.session_id, user=invitation.user_id)
    return own.filter(left_at=None).exists()


def _seen_anew(row: Any) -> Change[Any]:
    """The row is as it was, but what is shown of it is not."""
    return Change("updated", row, row, on_things.SHOWN)


def _show_names(changes: Iterable[Change[User]]) -> None:
    """A participant and a note show somebody's name: where that changes, so do they."""
    for change in changes:
        if change.kind != "updated" or not change.touches("name"):
            continue
        present = Participant.objects.filter(user=change.row, left_at=None)
        append_events(
            ParticipantSync(), *map(_seen_anew, present.select_related("user", "session"))
        )
        notes = Annotation.objects.filter(author=change.row)
        on_things.hold_things_of(notes)
        related = ("author", *AnnotationSync.related)
        append_events(AnnotationSync(), *map(_seen_anew, notes.select_related(*related)))


# ------------------------------------------------------------------ topics


def _may_follow(principal: Principal, ids: Collection[str]) -> set[str]:
    found = followed_by(principal).filter(pk__in=canonical_uuids(ids))
    return {str(pk) for pk in found.values_list("pk", flat=True)} & set(ids)


def _show_sessions(organization_id: str, ids: Collection[str]) -> Iterable[SnapshotEntity]:
    sessions = Session.objects.of(organization_id).filter(pk__in=canonical_uuids(ids))
    participants = Participant.objects.filter(session__in=sessions, left_at=None)
    annotations = Annotation.objects.filter(session__in=sessions).order_by("created_at")
    yield from SessionSync().snapshot(sessions)
    yield from ParticipantSync().snapshot(participants.select_related("user", "session"))
    yield from AnnotationSync().snapshot(annotations.select_related("author"))


def _show_in_organization(organization_id: str, ids: Collection[str]) -> Iterable[SnapshotEntity]:
    open_to_all = Session.objects.of(organization_id).filter(OPEN_TO_ALL)
    yield from SessionSync().snapshot(open_to_all.filter(organization_id__in=ids))
    yield from _show_notes_on("organization", organization_id, ids)


def _show_invitations(organization_id: str, ids: Collection[str]) -> Iterable[SnapshotEntity]:
    invitations = Invitation.objects.filter(
        user_id__in=ids,
        session__organization_id=organization_id,
        session__ended_at=None,
    )
    return InvitationSync().snapshot(invitations.select_related("session"))


def _show_notes_on(
    kind: str, organization_id: str, ids: Collection[str]
) -> Iterable[SnapshotEntity]:
    return AnnotationSync().snapshot(on_things.shown_on(kind, organization_id, ids))


feature = Feature(
    entities=[SessionSync(), InvitationSync(), ParticipantSync(), AnnotationSync()],
    messages=[
        messages.SessionCreate,
        messages.SessionJoin,
        messages.SessionLeave,
        messages.SessionInvite,
        messages.SessionHandOver,
        messages.SessionEnd,
        messages.AnnotationCreate,
        messages.AnnotationUpdate,
        messages.AnnotationDelete,
        messages.AnnotationResolve,
        messages.CursorMove,
        messages.ReplayRequest,
        messages.SessionCreated,
        messages.SessionJoined,
        messages.SessionLeft,
        messages.SessionEnded,
        messages.SessionInvited,
        messages.SessionHandedOver,
        messages.ParticipantUpdate,
        messages.AnnotationCreated,
        messages.AnnotationUpdated,
        messages.AnnotationDeleted,
        messages.CursorMoved,
        messages.Looking,
        messages.PresenceRequest,
        messages.Looked,
        messages.Presence,
        messages.Replay,
    ],
    errors=[SessionNotFound, SessionFull],
    error_ids=["sessionId", "annotationId"],
    # The document calls these types 'Bidirectional' (E5).
    aliases={
        "SESSION_CREATED": "SESSION_CREATE",
        "SESSION_JOINED": "SESSION_JOIN",
        "SESSION_LEFT": "SESSION_LEAVE",
        "ANNOTATION_CREATED": "ANNOTATION_CREATE",
        "ANNOTATION_UPDATED": "ANNOTATION_UPDATE",
        "ANNOTATION_DELETED": "ANNOTATION_DELETE",
    },
    handlers=[
        handlers.session_create,
        handlers.session_join,
        handlers.session_leave,
        hosting.session_invite,
        hosting.session_hand_over,
        hosting.session_end,
        handlers.annotation_create,
        handlers.annotation_update,
        handlers.annotation_delete,
        handlers.annotation_resolve,
        handlers.cursor_move,
        online.looking_at,
        online.presence_request,
        replay.replay_request,
    ],
    topics=[TopicKind("session", column=5, authorize=_may_follow, reads=READ_OF_SESSIONS)],
    snapshots={
        "session": _show_sessions,
        "organization": _show_in_organization,
        "department": partial(_show_notes_on, "department"),
        "kpi": partial(_show_notes_on, "kpi"),
        "user": _show_invitations,
    },
    on_change={Annotation: usage.count_notes, User: _show_names},
    on_delivered={
        "insight": pins.pin_anomaly,
        "participant": presence.participant_changed,
        "session": presence.session_changed,
    },
    on_ephemeral=[rooms.remember],
    on_revoked=[presence.access_lost, looking.access_lost],
    on_disconnect=[presence.leave_rooms, looking.look_away],
    on_renewal=[looking.renew],
    companions=[presence.keep_presence],
    message_categories=outside.CATEGORIES,
    caps=[usage.SESSIONS, usage.INVITATIONS, usage.NOTES, usage.NOTE_BYTES],
    retention={"sessions": prune_sessions},
    keepers=[keeping.keep_events],
    traces={
        "sessions": erasing.sessions_with,
        "notes": erasing.notes_by,
        "resolved notes": erasing.notes_resolved_by,
        "mentions in notes": erasing.mentions_of,
    },
    exports=own_data.EXPORTS,
    erasers=[erasing.erase],
    renames={
        "participant": erasing.rename_participant,
        "annotation": erasing.rename_author,
        "notification": erasing.rename_sender,
    },
    panels=PANELS,
    words=WORDS,
    away=AWAY,
    going={"notes on it": on_things.notes_on_departments},
    attachments=[on_things.NOTES],
    lanes=[NOTES_OF_THINGS],
)
