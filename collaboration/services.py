"""What can be done in sessions. Everything runs inside the caller's transaction.

Whoever changes a session or who is in it locks the session's row first: SESSION_FULL and the one
host are decided there, on whatever process the requests come in.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from django.db import connection
from django.db.models import Q
from django.utils import timezone

from bos.models import Notification, Role, User
from bos.permissions import has_role, uuids
from collaboration.models import (
    Annotation,
    ContentType,
    Invitation,
    Participant,
    Session,
    State,
    Vouch,
)
from collaboration.usage import (
    require_room_for_note,
    require_room_for_session,
    size_of,
    use,
)
from sync.errors import NotFound, SessionFull, SessionNotFound, Unauthorized
from sync.principal import Principal
from sync.rights import AccessChange, Reads
from sync.writer import Row

TIMEOUT = "timeout"
"""Why a participant has left who has not left: nothing was seen of the connection for too long."""


def may_take_part(principal: Principal) -> bool:
    """Members and above join, create and annotate; viewers read (decision S3)."""
    return has_role(principal, Role.MEMBER)


def followable_by(principal: Principal) -> Q:
    """Sessions whose topic the principal may follow: host, participants, invited (S2).

    Who has left is still one of its participants: the notes are his, too, tomorrow.
    """
    return (
        Q(host_id=principal.user_id)
        | Q(participants__user_id=principal.user_id)
        | Q(invitations__user_id=principal.user_id)
    )


def _its_followers(before: Session, after: Session | None) -> AccessChange:
    return AccessChange(topics=(f"session:{before.pk}",))


def _the_person(before: Participant | Invitation, after: object) -> AccessChange:
    return AccessChange(users=(str(before.user_id),))


READ_OF_SESSIONS = (
    Reads(Session, frozenset({"organization_id", "host_id"}), _its_followers),
    Reads(Participant, frozenset({"session_id", "user_id"}), _the_person),
    Reads(Invitation, frozenset({"session_id", "user_id"}), _the_person),
)
"""What `followable_by` reads."""


def _locked(principal: Principal, session_id: str) -> Session:
    """The running session, locked. Raises SessionNotFound: ended, unknown, another tenant's."""
    session: Session | None = (
        Session.objects.of(principal.organization_id)
        .select_for_update(no_key=True)
        .filter(pk__in=uuids([session_id]), ended_at=None)
        .first()
    )
    if session is None:
        raise SessionNotFound(sessionId=session_id)
    return session


def rows_of_session(session_id: str) -> list[Row]:
    """What every change in a session locks (see `sync.writer`)."""
    return [(Session, id_) for id_ in uuids([session_id])]


def rows_of_annotation(organization_id: str, annotation_id: str) -> list[Row]:
    """The same, of an annotation's session; none where there is no such annotation."""
    of_tenant = Annotation.objects.filter(session__organization_id=organization_id)
    found = of_tenant.filter(pk__in=uuids([annotation_id]))
    return [(Session, id_) for id_ in found.values_list("session_id", flat=True)]


def _locked_if_free(session_id: UUID | str) -> Session | None:
    """The running session, locked; None where it has ended, or somebody is at it.

    For what is looked at again a moment later anyway: a process that was halted in the middle of
    one session must not keep the others from being looked after. SQLite has no rows to lock.
    """
    skip = connection.features.has_select_for_update_skip_locked
    free = Session.objects.select_for_update(no_key=True, skip_locked=skip)
    found: Session | None = free.filter(pk=session_id, ended_at=None).first()
    return found


def _present(session: Session) -> Any:
    return Participant.objects.filter(session=session, left_at=None)


def _own_place(session: Session, principal: Principal) -> Participant:
    """Raises Unauthorized for who is not in the session now."""
    own: Participant | None = _present(session).filter(user_id=principal.user_id).first()
    if own is None:
        raise Unauthorized(sessionId=str(session.pk))
    return own


# ------------------------------------------------------------------ sessions


def session_create(
    principal: Principal,
    *,
    title: str,
    active_space: str,
    max_participants: int,
    invite_user_ids: Collection[str],
) -> Session:
    """Start a session, be its host and invite; with invitations it is open to those only (C1).

    Raises Unauthorized, and starts nothing, where anybody invited is not of the organization;
    RateLimitExceeded where there are too many sessions or invitations.
    """
    if not may_take_part(principal):
        raise Unauthorized
    invited = _members(principal, invite_user_ids)
    require_room_for_session(principal, invited=len(invited))
    session = Session(
        organization_id=principal.organization_id,
        host_id=principal.user_id,
        title=title,
        active_space=active_space,
        max_participants=max_participants,
        # Whoever names only himself wants to be alone at first.
        invitation_only=bool(invite_user_ids),
    )
    session.save(force_insert=True)
    now = timezone.now()
    host = Participant(session=session, user_id=principal.user_id, joined_at=now, state_since=now)
    host.silent = True
    host.save(force_insert=True)
    for user in invited:
        Invitation(session=session, user=user).save(force_insert=True)
        Notification(
            organization_id=principal.organization_id,
            user=user,
            category="session_invitation",
            title=f"{principal.name} invites you to “{title}”"[:200],
            message=f"Join the session in {active_space}.",
            data={"sessionId": str(session.pk), "hostId": principal.user_id},
        ).save(force_insert=True)
    return session


def _members(principal: Principal, user_ids: Collection[str]) -> list[User]:
    wanted = set(user_ids) - {principal.user_id}
    members = User.objects.of(principal.organization_id).filter(
        pk__in=uuids(wanted), is_active=True
    )
    found = list(members)
    if len(found) != len(wanted):
        raise Unauthorized(field="inviteUserIds")
    return found


def session_join(principal: Principal, session_id: str) -> Session:
    """Take part, come back, or join with another device (decision C2).

    Raises SessionNotFound, also for who may not know of it; SessionFull; Unauthorized (viewers).
    """
    session = _locked(principal, session_id)
    own: Participant | None = Participant.objects.filter(
        session=session, user_id=principal.user_id
    ).first()
    if own is None and not _is_open_to(session, principal):
        raise SessionNotFound(sessionId=session_id)
    if not may_take_part(principal):
        raise Unauthorized(sessionId=session_id)
    if own is None or own.left_at is not None:
        if _present(session).count() >= session.max_participants:
            raise SessionFull(sessionId=session_id, limit=session.max_participants)
        _enter(own or Participant(session=session, user_id=principal.user_id), timezone.now())
    elif own.state != State.ACTIVE:
        _set_state(own, State.ACTIVE)
    _note_presence(session)
    return session


def _is_open_to(session: Session, principal: Principal) -> bool:
    if not session.invitation_only:
        return True
    return Invitation.objects.filter(session=session, user_id=principal.user_id).exists()


def _enter(own: Participant, joined_at: datetime) -> None:
    own.state, own.state_since = State.ACTIVE, timezone.now()
    own.joined_at, own.left_at, own.left_reason = joined_at, None, ""
    own.save()


def session_leave(principal: Principal, session_id: str, *, new_host_id: str | None) -> None:
    """Leave; a host hands on to `new_host_id`, or the session ends (decision C3).

    Raises SessionNotFound; Unauthorized for who is not in it, or names a host without being one;
    NotFound where the new host is not in it.
    """
    session = _locked(principal, session_id)
    own = _own_place(session, principal)
    is_host = str(session.host_id) == principal.user_id
    heir: Participant | None = None
    if new_host_id is not None:
        if not is_host:
            raise Unauthorized(sessionId=session_id)
        others = _present(session).exclude(pk=own.pk)
        heir = others.filter(user_id__in=uuids([new_host_id])).first()
        if heir is None:
            raise NotFound(field="newHostId")
    # Who has handed on leaves as a participant: nothing keeps him, as it keeps a host whose session
    # ends with his leaving.
    own.left_role = "host" if is_host and heir is None else "participant"
    _leave(own)
    if heir is not None:
        _hand_on(session, heir)
    elif is_host:
        session_end(session, reason="host_left")
    _note_presence(session)


def _leave(own: Participant, *, reason: str = "") -> None:
    own.left_at = timezone.now()
    own.left_reason = reason
    own.save(update_fields=["left_at", "left_reason"])


def _hand_on(session: Session, heir: Participant) -> None:
    session.host_id = heir.user_id
    session.save(update_fields=["host"])


def session_end(session: Session, *, reason: str) -> None:
    """End a running session; reason: 'host_left', 'empty' or 'admin'."""
    if session.ended_at is not None:
        return
    session.ended_at = timezone.now()
    session.end_reason = reason
    session.save(update_fields=["ended_at", "end_reason"])


def _note_presence(session: Session) -> None:
    """Keep `empty_since`: when nobody is connected any more, and not while somebody is."""
    if session.ended_at is not None:
        return
    somebody = _present(session).exclude(state=State.DISCONNECTED).exists()
    if somebody == (session.empty_since is None):
        return
    session.empty_since = None if somebody else timezone.now()
    session.save(update_fields=["empty_since"])


# ------------------------------------------------------------------ presence


def _set_state(participant: Participant, state: State) -> None:
    participant.state = state
    participant.state_since = timezone.now()
    participant.save(update_fields=["state", "state_since"])


def participant_missing(session_id: str, user_id: str) -> None:
    """No process sees the participant: `disconnected`, where somebody is not at the session."""
    if _locked_if_free(session_id) is not None:
        only_from = {State.ACTIVE, State.IDLE}
        participant_set_state(session_id, user_id, State.DISCONNECTED, only_from=only_from)


def participant_set_state(
    session_id: str, user_id: str, state: State, *, only_from: Collection[State]
) -> bool:
    """Move a participant to this state, if he is present in one of `only_from`; whether he was."""
    session = (
        Session.objects.select_for_update(no_key=True).filter(pk=session_id, ended_at=None).first()
    )
    if session is None:
        return False
    participant = _present(session).filter(user_id=user_id, state__in=only_from).first()
    if participant is None:
        return False
    _set_state(participant, state)
    _note_presence(session)
    return True


def participant_return(session_id: str, user_id: str, state: State) -> bool:
    """Undo what was said of a participant who is connected all the same (decision C4).

    `disconnected` becomes `state` again; who has left by timeout is let in again as if they had
    always been there, but for a host's role that has passed. Who left in another way has left.
    False where the session has filled up meanwhile: there is no place any more.
    """
    session = _locked_if_free(session_id)
    own = Participant.objects.filter(session_id=session_id, user_id=user_id).first()
    if session is None or own is None:
        return True
    if own.left_at is not None:
        if own.left_reason != TIMEOUT:
            return True
        if _present(session).count() >= session.max_participants:
            return False
        _enter(own, own.joined_at)
    elif own.state != State.DISCONNECTED:
        return True
    if own.state != state:
        _set_state(own, state)
    _note_presence(session)
    return True


def vouch(places: Collection[str], seconds: float) -> None:
    """For so long, nobody at these places is missing, whatever Redis knows."""
    now = timezone.now()
    until = now + timedelta(seconds=seconds)
    # Sorted: two processes that vouch for the same people lock the rows in one order.
    Vouch.objects.bulk_create(
        [Vouch(place=place, until=until) for place in sorted(set(places))],
        update_conflicts=True,
        unique_fields=["place"],
        update_fields=["until"],
    )
    Vouch.objects.filter(until__lt=now - timedelta(days=1)).delete()


def vouched() -> set[str]:
    return set(Vouch.objects.filter(until__gt=timezone.now()).values_list("place", flat=True))


Place = tuple[str, str]
"""A participant: session id, user id."""


def present_participants() -> dict[Place, str]:
    """Whoever should be connected somewhere now, with the id of their organization."""
    rows = Participant.objects.filter(left_at=None, session__ended_at=None)
    connected = rows.exclude(state=State.DISCONNECTED)
    fields = connected.values_list("session_id", "user_id", "session__organization_id")
    return {(str(session_id), str(user_id)): str(of) for session_id, user_id, of in fields}


def overdue_participants(grace: float) -> list[tuple[str, str]]:
    """(organization id, id) of participants who have been disconnected for longer than this."""
    long_ago = timezone.now() - timedelta(seconds=grace)
    rows = Participant.objects.filter(
        left_at=None, session__ended_at=None, state=State.DISCONNECTED, state_since__lt=long_ago
    )
    found = rows.values_list("session__organization_id", "pk")
    return [(str(organization_id), str(pk)) for organization_id, pk in found]


def participant_time_out(participant_id: str, grace: float) -> None:
    """He did not come back: he has left, and a host's role passes to the longest present."""
    session_id = Participant.objects.filter(pk=participant_id).values_list("session_id").first()
    if session_id is None:
        return
    session = _locked_if_free(session_id[0])
    long_ago = timezone.now() - timedelta(seconds=grace)
    participant = Participant.objects.filter(
        pk=participant_id, left_at=None, state=State.DISCONNECTED, state_since__lt=long_ago
    ).first()
    if session is None or participant is None:
        return
    _leave(participant, reason=TIMEOUT)
    if participant.user_id == session.host_id:
        heirs = _present(session).exclude(state=State.DISCONNECTED).order_by("joined_at")
        heir = heirs.first() or _present(session).order_by("joined_at").first()
        if heir is not None:
            _hand_on(session, heir)
    _note_presence(session)


def empty_sessions(since: datetime) -> list[tuple[str, UUID]]:
    """(organization id, id) of running sessions in which nobody has been connected since then."""
    running = Session.objects.filter(ended_at=None, empty_since__lt=since)
    found = running.values_list("organization_id", "pk")
    return [(str(organization_id), pk) for organization_id, pk in found]


def session_end_if_empty(session_id: UUID, since: datetime) -> None:
    session = _locked_if_free(session_id)
    if session is not None and session.empty_since is not None and session.empty_since < since:
        session_end(session, reason="empty")


# ------------------------------------------------------------------ annotations


def annotation_create(
    principal: Principal,
    session_id: str,
    *,
    position: tuple[float, float, float],
    content: str,
    content_type: str,
    entity: tuple[str, str] | None,
    parent_id: str | None,
) -> Annotation:
    """Pin a note.

    Raises SessionNotFound, Unauthorized (not in it), NotFound (the parent), RateLimitExceeded where
    there are too many notes.
    """
    session = _locked(principal, session_id)
    _own_place(session, principal)
    require_room_for_note(session, more=size_of(content), is_new=True)
    parent = None
    if parent_id is not None:
        parent = Annotation.objects.filter(session=session, pk__in=uuids([parent_id])).first()
        if parent is None:
            raise NotFound(field="parentId")
    x, y, z = position
    entity_type, entity_id = entity or ("", "")
    annotation = Annotation(
        session=session,
        author_id=principal.user_id,
        parent=parent,
        x=x,
        y=y,
        z=z,
        content=content,
        content_type=content_type,
        entity_type=entity_type,
        entity_id=entity_id,
    )
    annotation.save(force_insert=True)
    return annotation


def annotation_pin(
    organization_id: str,
    session_id: str,
    *,
    about: str,
    position: dict[str, float],
    content: str,
    entity: tuple[str, str],
) -> Annotation | None:
    """Pin a note of the system's into a running session: once for what it is `about`.

    about: id of what the note tells of. Several processes may ask for the same note: its id is made
    of what it is about, and whoever comes second finds it there (None).
    """
    session = (
        Session.objects.of(organization_id)
        .select_for_update(no_key=True)
        .filter(pk__in=uuids([session_id]), ended_at=None)
        .first()
    )
    if session is None:
        return None
    id_ = uuid5(session.pk, about)
    if Annotation.objects.filter(pk=id_).exists():
        return None
    entity_type, entity_id = entity
    annotation = Annotation(
        id=id_,
        session=session,
        content=content,
        content_type=ContentType.TEXT,
        entity_type=entity_type,
        entity_id=entity_id,
        **position,
    )
    annotation.save(force_insert=True)
    return annotation


def annotation_update(
    principal: Principal, annotation_id: str, session_id: str | None, changes: dict[str, Any]
) -> Annotation:
    """Change some of its fields. By its author or the session's host (decision C5).

    Raises RateLimitExceeded where it grows and there are too many bytes of notes.
    """
    annotation = _changeable(principal, annotation_id, session_id)
    if "content" in changes:
        more = size_of(changes["content"]) - size_of(annotation.content)
        if more > 0:
            require_room_for_note(annotation.session, more=more, is_new=False)
        use(annotation.session_id, size=more)
    for field, value in changes.items():
        setattr(annotation, field, value)
    annotation.revision += 1
    annotation.save(update_fields=[*changes, "revision", "updated_at"])
    return annotation


def annotation_delete(principal: Principal, annotation_id: str, session_id: str | None) -> None:
    """Delete a note with its replies. By its author or the session's host."""
    _changeable(principal, annotation_id, session_id).delete()


def _changeable(principal: Principal, annotation_id: str, session_id: str | None) -> Annotation:
    """The annotation, its session locked.

    Raises Unauthorized for what one may not see or change, NotFound for what is not there in a
    session that one may see, SessionNotFound where the session has ended or is none of ours.
    """
    of_tenant = Annotation.objects.filter(session__organization_id=principal.organization_id)
    found = of_tenant.filter(pk__in=uuids([annotation_id])).first()
    if session_id is not None:
        session = _locked(principal, session_id)
        _own_place(session, principal)
        if found is None or found.session_id != session.pk:
            raise NotFound(annotationId=annotation_id)
    elif found is None:
        raise Unauthorized(annotationId=annotation_id)
    else:
        session = _session_of(principal, found)
        _own_place(session, principal)
    if principal.user_id not in (str(found.author_id), str(session.host_id)):
        raise Unauthorized(annotationId=annotation_id)
    return found


def _session_of(principal: Principal, annotation: Annotation) -> Session:
    visible = Session.objects.of(principal.organization_id).filter(
        followable_by(principal), pk=annotation.session_id
    )
    if not visible.exists():
        raise Unauthorized(annotationId=str(annotation.pk))
    return _locked(principal, str(annotation.session_id))


def names_of(user_ids: Iterable[Any]) -> dict[Any, str]:
    return dict(User.objects.filter(pk__in=set(user_ids)).values_list("pk", "name"))
