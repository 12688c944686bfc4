"""Starting, joining, leaving and ending sessions. Everything runs in the caller's transaction.

A change of a session or of its participants locks the session's row first: SESSION_FULL and the
one host are decided there, on whatever process the requests come in.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from django.db import DEFAULT_DB_ALIAS, connection
from django.db.models import Count, Q, QuerySet
from django.utils import timezone

from bos.entities import NotificationSubject
from bos.ids import canonical_uuids
from bos.models import Notification, Role, User
from bos.permissions import has_role
from collaboration.errors import SessionFull, SessionNotFound
from collaboration.models import (
    Invitation,
    Participant,
    Session,
    State,
)
from collaboration.usage import (
    require_room_for_session,
)
from sync.eventlog.fast_sql import insert_row, lock_row, update_row
from sync.eventlog.prepared import Prepared
from sync.eventlog.writer import Row
from sync.protocol.errors import NotFound, Unauthorized
from sync.protocol.identity import Principal
from sync.protocol.rights import AccessChange, Reads

INVITES = "session_invitation"
"""Category of the notifications that tell of an invitation."""
INVITES_TO = " invites you to “"
TIMEOUT = "timeout"
"""Why a participant has left who has not left: nothing was seen of the connection for too long."""
_COLUMNS = [field.attname for field in Participant._meta.concrete_fields]


def may_take_part(principal: Principal) -> bool:
    """Members and above join, create and annotate; viewers read (decision S3)."""
    return has_role(principal, Role.MEMBER)


OPEN_TO_ALL = Q(ended_at=None, invitation_only=False)
"""Sessions that are announced to their organization: they run, and anybody may join (C1, V7)."""


def followable_by(principal: Principal) -> Q:
    """Sessions whose topic the principal may follow: host, participants, invited (S2).

    Somebody who has left is still one of its participants: the notes are theirs, too, tomorrow.
    """
    return (
        Q(host_id=principal.user_id)
        | Q(participants__user_id=principal.user_id)
        | Q(invitations__user_id=principal.user_id)
    )


def followed_by(principal: Principal) -> QuerySet[Session]:
    """Sessions of the principal's organization whose topic they may follow, each once."""
    of_tenant = Session.objects.of(principal.organization_id)
    return of_tenant.filter(followable_by(principal)).order_by().distinct()


def _its_followers(before: Session, after: Session | None) -> AccessChange:
    return AccessChange(topics=(f"session:{before.pk}",))


def _the_person(before: Participant | Invitation, after: object) -> AccessChange:
    return AccessChange(users=(str(before.user_id),))


READ_OF_SESSIONS = (
    Reads(Session, frozenset({"organization_id", "host_id"}), _its_followers),
    Reads(Participant, frozenset({"session_id", "user_id"}), _the_person),
    Reads(Invitation, frozenset({"session_id", "user_id"}), _the_person),
)
"""Read by `followable_by`."""


def locked(principal: Principal, session_id: str, *, or_ended: bool = False) -> Session:
    """The running session, locked. Raises SessionNotFound: ended, unknown, another tenant's."""
    for id_ in canonical_uuids([session_id]):
        session = lock_row(Session, id_, organization_id=principal.organization_id)
        if session is not None and (or_ended or session.ended_at is None):
            return session
    raise SessionNotFound(sessionId=session_id)


def is_followable_by(principal: Principal, session: Session) -> bool:
    own = Session.objects.of(principal.organization_id).filter(followable_by(principal))
    return bool(own.filter(pk=session.pk).exists())


def is_known_to(principal: Principal, session: Session) -> bool:
    """Whether the principal may know that the session is there."""
    return not session.invitation_only or is_followable_by(principal, session)


def rows_of_session(session_id: str) -> list[Row]:
    """Return the rows that every change in a session locks (see `sync.eventlog.writer`)."""
    return [(Session, id_) for id_ in canonical_uuids([session_id])]


def locked_if_free(session_id: UUID | str) -> Session | None:
    """The running session, locked; None where it has ended, or somebody is at it.

    For what is looked at again a moment later anyway: a process that was halted in the middle of
    one session must not keep the others from being looked after. SQLite has no rows to lock.
    """
    skip = connection.features.has_select_for_update_skip_locked
    free = Session.objects.select_for_update(no_key=True, skip_locked=skip)
    found: Session | None = free.filter(pk=session_id, ended_at=None).first()
    return found


def present(session: Session) -> QuerySet[Participant]:
    return Participant.objects.filter(session=session, left_at=None)


def to_change(participants: QuerySet[Participant]) -> QuerySet[Participant]:
    """Lock, then read: a participant also goes by changes that lock no session."""
    return participants.select_for_update(no_key=True, of=("self",))


def own_participant(session: Session, principal: Principal, *, change: bool = False) -> Participant:
    """change: it is going to be changed. Raises Unauthorized for who is not in it now."""
    rows = present(session).filter(user_id=principal.user_id)
    own = (to_change(rows) if change else rows).first()
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
    invited = members(principal, invite_user_ids, field="inviteUserIds")
    require_room_for_session(principal, invited=len(invited))
    session = Session(
        organization_id=principal.organization_id,
        host_id=principal.user_id,
        title=title,
        active_space=active_space,
        max_participants=max_participants,
        # A host who invites only themselves wants to be alone at first.
        invitation_only=bool(invite_user_ids),
    )
    session.save(force_insert=True)
    now = timezone.now()
    host = Participant(session=session, user_id=principal.user_id, joined_at=now, state_since=now)
    host.silent = True
    host.save(force_insert=True)
    invite(session, invited, principal)
    return session


def invite(session: Session, users: Collection[User], principal: Principal) -> None:
    """Invite these users, and notify each of them. principal: the user who invites."""
    for user in users:
        Invitation(session=session, user=user).save(force_insert=True)
        Notification(
            organization_id=principal.organization_id,
            user=user,
            category=INVITES,
            title=f"{principal.name}{INVITES_TO}{session.title}”"[:200],
            message=f"Join the session in {session.active_space}.",
            data=NotificationSubject(
                session_id=str(session.pk), host_id=str(session.host_id)
            ).stored(),
        ).save(force_insert=True)


def members(principal: Principal, user_ids: Collection[str], *, field: str) -> list[User]:
    """Return these users of the principal's organization, without the principal.

    Raises Unauthorized, which names the field of the request, where one of them is none.
    """
    wanted = set(user_ids) - {principal.user_id}
    members = (
        User.objects.of(principal.organization_id)
        .people()
        .filter(pk__in=canonical_uuids(wanted), is_active=True)
    )
    found = list(members)
    if len(found) != len(wanted):
        raise Unauthorized(field=field)
    return found


# Many join at once, after a restart or when a meeting begins: these are asked for each of them.
_own_rows = Prepared(
    lambda session, user: (
        Participant.objects.filter(session_id=session, user_id=user)
        .order_by()
        .select_for_update(no_key=True)
        .values_list(*_COLUMNS)
    ),
    *("session", "user"),
)
_present = Prepared(
    lambda session: (
        Participant.objects.filter(session_id=session, left_at=None)
        .order_by()
        .values("session_id")
        .annotate(count=Count("pk"))
        .values_list("count")
    ),
    "session",
)
_invitations = Prepared(
    lambda session, user: Invitation.objects.filter(session_id=session, user_id=user).values_list(
        "pk"
    ),
    *("session", "user"),
)


def session_join(principal: Principal, session_id: str) -> Participant:
    """Take part, come back, or join with another device (decision C2).

    Raises SessionNotFound, also for who may not know of it; SessionFull; Unauthorized (viewers).
    """
    session = locked(principal, session_id)
    own = _own_row(session, principal)
    if own is None and not _is_open_to(session, principal):
        raise SessionNotFound(sessionId=session_id)
    if not may_take_part(principal):
        raise Unauthorized(sessionId=session_id)
    if own is None or own.left_at is not None:
        if sum(count for (count,) in _present(session=session.pk)) >= session.max_participants:
            raise SessionFull(sessionId=session_id, limit=session.max_participants)
        own = own or Participant(session=session, user=_user(principal))
        enter(own, timezone.now())
    elif own.state != State.ACTIVE:
        set_state(own, State.ACTIVE)
    note_presence(session, somebody=True)
    return own


def _own_row(session: Session, principal: Principal) -> Participant | None:
    """The principal's row, locked, in the session or not in it any more; None for who never was."""
    for row in _own_rows(session=session.pk, user=principal.user_id):
        own: Participant = Participant.from_db(DEFAULT_DB_ALIAS, _COLUMNS, row)
        own.session, own.user = session, _user(principal)
        return own
    return None


def _user(principal: Principal) -> User:
    """The user, of whom so much has been read; Django reads what else is asked for."""
    values = (UUID(principal.user_id), principal.name)
    user: User = User.from_db(DEFAULT_DB_ALIAS, ["id", "name"], values)
    return user


def _is_open_to(session: Session, principal: Principal) -> bool:
    if not session.invitation_only:
        return True
    return bool(_invitations(session=session.pk, user=principal.user_id))


def enter(own: Participant, joined_at: datetime) -> None:
    own.state, own.state_since = State.ACTIVE, timezone.now()
    own.joined_at, own.left_at, own.left_reason = joined_at, None, ""
    if own._state.adding:
        insert_row(own)
    else:
        own.save()


def session_leave(principal: Principal, session_id: str, *, new_host_id: str | None) -> None:
    """Leave; a host hands on to `new_host_id`, or the session ends (decision C3).

    Raises SessionNotFound; Unauthorized for who is not in it, or names a host without being one;
    NotFound where the new host is not in it.
    """
    session = locked(principal, session_id)
    own = own_participant(session, principal, change=True)
    is_host = str(session.host_id) == principal.user_id
    heir: Participant | None = None
    if new_host_id is not None:
        if not is_host:
            raise Unauthorized(sessionId=session_id)
        heir = heir_of(session, new_host_id)
    # A host who has handed on leaves as a participant: nothing keeps them, as it keeps one whose
    # session ends with their leaving.
    own.left_role = "host" if is_host and heir is None else "participant"
    leave(own)
    if heir is not None:
        hand_on(session, heir)
    elif is_host:
        session_end(session, reason="host_left")
    note_presence(session)


def heir_of(session: Session, user_id: str) -> Participant:
    """Return the participant who is to be the host. Raises NotFound where there is none, or it is
    the host already."""
    others = present(session).exclude(user_id=session.host_id)
    heir = others.filter(user_id__in=canonical_uuids([user_id])).first()
    if heir is None:
        raise NotFound(field="newHostId")
    return heir


def leave(own: Participant, *, reason: str = "") -> None:
    own.left_at = timezone.now()
    own.left_reason = reason
    own.save(update_fields=["left_at", "left_reason"])


def hand_on(session: Session, heir: Participant) -> None:
    session.host_id = heir.user_id
    session.save(update_fields=["host"])


def session_end(session: Session, *, reason: str) -> None:
    """End a running session; reason: see EndReason."""
    if session.ended_at is not None:
        return
    session.ended_at = timezone.now()
    session.end_reason = reason
    session.save(update_fields=["ended_at", "end_reason"])


def set_state(participant: Participant, state: State) -> None:
    """participant: as it is in the database, locked."""
    participant.state = state
    participant.state_since = timezone.now()
    update_row(participant, "state", "state_since")


def note_presence(session: Session, *, somebody: bool | None = None) -> None:
    """Keep `empty_since`: when nobody is connected any more, and not while somebody is.

    somebody: whether there is, where that is known; otherwise it is looked up.
    """
    if session.ended_at is not None:
        return
    if somebody is None:
        somebody = present(session).exclude(state=State.DISCONNECTED).exists()
    if somebody == (session.empty_since is None):
        return
    session.empty_since = None if somebody else timezone.now()
    session.save(update_fields=["empty_since"])
