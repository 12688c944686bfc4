"""How collaboration appears on the wire: what is captured, and whose topics show it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any, ClassVar

from bos.ids import uuids
from bos.models import User
from collaboration import erasing, handlers, messages, pins, presence  # noqa: F401 -- they register themselves
from collaboration.models import Annotation, Invitation, Participant, Session
from collaboration.payloads import annotation_data, created_payload, joined_payload, role_of
from collaboration.retention import forget_sessions
from collaboration.services.sessions import READ_OF_SESSIONS, followable_by
from collaboration.usage import count_notes
from sync.eventlog.capture import Change, Synced, emit, follow_changes, register
from sync.eventlog.retention import forget_regularly
from sync.protocol.identity import Actor, Principal
from sync.protocol.times import wire_time
from sync.protocol.topics import Audience, Shown, TopicKind, register_snapshot, register_topic

Live = tuple[str, dict[str, Any]] | None


class SyncedSession(Synced[Session]):
    model = Session
    entity_type = "session"
    tracked: ClassVar[frozenset[str]] = frozenset(
        {"organization_id", "invitation_only", "host_id", "ended_at"}
    )
    ignored: ClassVar[frozenset[str]] = frozenset({"empty_since", "end_reason"})

    def data(self, row: Session) -> dict[str, Any]:
        return {
            "id": str(row.pk),
            "title": row.title,
            "hostId": str(row.host_id),
            "activeSpace": row.active_space,
            "maxParticipants": row.max_participants,
            "invitationOnly": row.invitation_only,
            "createdAt": wire_time(row.created_at),
            "endedAt": None if row.ended_at is None else wire_time(row.ended_at),
        }

    def audience(self, row: Session) -> Audience:
        """One open to the organization is announced on its topic, while it runs (C1, V7)."""
        announced = not row.invitation_only and row.ended_at is None
        organization = str(row.organization_id) if announced else None
        return Audience(organization=organization, session=str(row.pk))

    def kind(self, change: Change[Session]) -> str:
        """Ended, it is gone; those who follow it are shown what is left of it behind that."""
        return "deleted" if _ends(change) else change.kind

    def live(self, change: Change[Session], actor: Actor) -> Live:
        row = change.row
        if change.kind == "created":
            return "SESSION_CREATED", created_payload(row)
        if change.kind == "deleted" or _ends(change):
            return "SESSION_ENDED", _ended_payload(row, actor)
        return None

    def recorded(self, changes: Sequence[Change[Session]], actor: Actor) -> None:
        for change in changes:
            if _ends(change):
                self._show_what_is_left(change.row)
            if change.before is not None and change.after is not None and change.touches("host_id"):
                self._show_roles(change.before, change.after)

    @staticmethod
    def _show_what_is_left(session: Session) -> None:
        """Its followers go on seeing it, with its notes; nobody is invited to it any more."""
        emit(SyncedSession(), _seen_anew(session))
        invitations = Invitation.objects.filter(session=session).select_related("session")
        emit(SyncedInvitation(), *map(_seen_anew, invitations))

    @staticmethod
    def _show_roles(before: Session, after: Session) -> None:
        """The role stands in what is shown of the participants: of who had it, and who has it."""
        concerned = Participant.objects.filter(
            session=after, user_id__in=(before.host_id, after.host_id), left_at=None
        )
        emit(SyncedParticipant(), *map(_seen_anew, concerned.select_related("user", "session")))


class SyncedInvitation(Synced[Invitation]):
    """Sends invitations to the invited user's own topic."""

    model = Invitation
    entity_type = "invitation"

    def organization_id(self, row: Invitation) -> str:
        return str(row.session.organization_id)

    def data(self, row: Invitation) -> dict[str, Any]:
        return {"id": str(row.pk), "sessionId": str(row.session_id), "title": row.session.title}

    def audience(self, row: Invitation) -> Audience:
        return Audience(user=str(row.user_id))

    def kind(self, change: Change[Invitation]) -> str:
        """Invitations are to running sessions (decision V7)."""
        return "deleted" if change.row.session.ended_at is not None else change.kind

    def live(self, change: Change[Invitation], actor: Actor) -> Live:
        session = change.row.session
        if self.kind(change) == "created":
            return "SESSION_CREATED", created_payload(session)
        if change.kind == "updated" and session.ended_at is not None and not _is_in(change.row):
            return "SESSION_ENDED", _ended_payload(session, actor)
        return None


class SyncedParticipant(Synced[Participant]):
    model = Participant
    entity_type = "participant"
    tracked: ClassVar[frozenset[str]] = frozenset({"session_id", "user_id", "left_at"})

    def organization_id(self, row: Participant) -> str:
        return str(row.session.organization_id)

    def concerns(self, change: Change[Participant]) -> bool:
        already_left = change.kind == "deleted" and change.row.left_at is not None
        return not change.row.silent and not already_left

    def kind(self, change: Change[Participant]) -> str:
        """A user that has left is gone for the others, and new on coming back."""
        if change.kind == "deleted" or change.row.left_at is not None:
            return "deleted"
        came_back = change.before is not None and change.before.left_at is not None
        return "created" if came_back else change.kind

    def data(self, row: Participant) -> dict[str, Any]:
        return {"id": str(row.pk)} | joined_payload(row)

    def audience(self, row: Participant) -> Audience:
        return Audience(session=str(row.session_id))

    def live(self, change: Change[Participant], actor: Actor) -> Live:
        row = change.row
        who = {"sessionId": str(row.session_id), "userId": str(row.user_id)}
        match self.kind(change):
            case "created":
                return "SESSION_JOINED", joined_payload(row)
            case "deleted":
                left = {"userName": row.user.name, "role": row.left_role or role_of(row)}
                left["leftAt"] = wire_time(row.left_at)
                reason = {"reason": row.left_reason} if row.left_reason else {}
                return "SESSION_LEFT", who | left | reason
            case _:
                presence = _presence(who["sessionId"], who["userId"], row.state, role_of(row))
                return "PARTICIPANT_UPDATE", presence


class SyncedAnnotation(Synced[Annotation]):
    model = Annotation
    entity_type = "annotation"
    tracked: ClassVar[frozenset[str]] = frozenset({"session_id"})

    def organization_id(self, row: Annotation) -> str:
        return str(row.session.organization_id)

    def data(self, row: Annotation) -> dict[str, Any]:
        return annotation_data(row)

    def audience(self, row: Annotation) -> Audience:
        return Audience(session=str(row.session_id))

    def live(self, change: Change[Annotation], actor: Actor) -> Live:
        row = change.row
        if change.kind == "deleted":
            return "ANNOTATION_DELETED", {
                "annotationId": str(row.pk),
                "sessionId": str(row.session_id),
                "deletedBy": actor.user_id,
                "deletedAt": wire_time(),
            }
        payload = annotation_data(row)
        payload["annotationId"] = payload.pop("id")
        if change.kind == "created":
            return "ANNOTATION_CREATED", payload
        return "ANNOTATION_UPDATED", payload | {"updatedBy": actor.user_id}


def _ends(change: Change[Session]) -> bool:
    before = change.before
    ended = change.kind == "updated" and change.row.ended_at is not None
    return ended and change.touches("ended_at") and (before is None or before.ended_at is None)


def _ended_payload(session: Session, actor: Actor) -> dict[str, Any]:
    return {
        "sessionId": str(session.pk),
        "endedBy": actor.user_id,
        "endedAt": wire_time(session.ended_at),
        "reason": session.end_reason or "admin",
    }


def _is_in(invitation: Invitation) -> bool:
    """Whether the invited takes part: then the session's own topic tells them of its end."""
    own = Participant.objects.filter(session=invitation.session_id, user=invitation.user_id)
    return own.filter(left_at=None).exists()


def _seen_anew(row: Any) -> Change[Any]:
    """The row is as it was, but what is shown of it is not."""
    return Change("updated", row, row, frozenset({"shown"}))


def _presence(session_id: str, user_id: str, state: str, role: str) -> dict[str, Any]:
    return {"sessionId": session_id, "userId": user_id, "state": state, "role": role}


for synced in (SyncedSession(), SyncedInvitation(), SyncedParticipant(), SyncedAnnotation()):
    register(synced)


def _show_names(changes: Iterable[Change[User]]) -> None:
    """A participant and a note show somebody's name: where that changes, so do they."""
    for change in changes:
        if change.kind != "updated" or not change.touches("name"):
            continue
        present = Participant.objects.filter(user=change.row, left_at=None)
        emit(SyncedParticipant(), *map(_seen_anew, present.select_related("user", "session")))
        notes = Annotation.objects.filter(author=change.row)
        emit(SyncedAnnotation(), *map(_seen_anew, notes.select_related("author", "session")))


follow_changes(Annotation, count_notes)
follow_changes(User, _show_names)

# ------------------------------------------------------------------ topics


def _may_follow(principal: Principal, ids: Collection[str]) -> set[str]:
    of_tenant = Session.objects.of(principal.organization_id)
    found = of_tenant.filter(followable_by(principal), pk__in=uuids(ids))
    return {str(pk) for pk in found.values_list("pk", flat=True)} & set(ids)


def _show_sessions(principal: Principal, ids: Collection[str]) -> Iterable[Shown]:
    sessions = Session.objects.of(principal.organization_id).filter(pk__in=uuids(ids))
    participants = Participant.objects.filter(session__in=sessions, left_at=None)
    annotations = Annotation.objects.filter(session__in=sessions).order_by("created_at")
    yield from _shown(SyncedSession(), sessions)
    yield from _shown(SyncedParticipant(), participants.select_related("user", "session"))
    yield from _shown(SyncedAnnotation(), annotations.select_related("author"))


def _show_open_sessions(principal: Principal, ids: Collection[str]) -> Iterable[Shown]:
    of_organization = Session.objects.of(principal.organization_id)
    running = of_organization.filter(ended_at=None)
    return _shown(SyncedSession(), running.filter(organization_id__in=ids, invitation_only=False))


def _show_invitations(principal: Principal, ids: Collection[str]) -> Iterable[Shown]:
    invitations = Invitation.objects.filter(
        user_id__in=ids,
        session__organization_id=principal.organization_id,
        session__ended_at=None,
    )
    return _shown(SyncedInvitation(), invitations.select_related("session"))


def _shown(synced: Synced[Any], rows: Iterable[Any]) -> Iterable[Shown]:
    for row in rows:
        yield Shown(synced.entity_type, str(row.pk), synced.data(row))


register_topic("session", TopicKind(_may_follow, reads=READ_OF_SESSIONS))
register_snapshot("session", _show_sessions)
register_snapshot("organization", _show_open_sessions)
register_snapshot("user", _show_invitations)

# ------------------------------------------------------------------ housekeeping

forget_regularly("sessions", forget_sessions)
