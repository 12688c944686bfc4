"""A host's acts in a session that runs: inviting, handing over, ending it.

Everything runs in the caller's transaction, and locks the session's row first.
"""

from __future__ import annotations

from collections.abc import Collection

from bos.models import Role
from bos.permissions import has_role
from collaboration.errors import SessionNotFound
from collaboration.models import Invitation, Session
from collaboration.services.sessions import (
    hand_on,
    heir_of,
    invite,
    is_known_to,
    locked,
    members,
    own_participant,
    present,
    session_end,
)
from collaboration.usage import require_room_for_invitations
from sync.protocol.errors import Unauthorized
from sync.protocol.identity import Principal


def _known(principal: Principal, session_id: str) -> Session:
    """Return the running session, locked. Raises SessionNotFound, also for those who may not know
    of it."""
    session = locked(principal, session_id)
    if not is_known_to(principal, session):
        raise SessionNotFound(sessionId=session_id)
    return session


def _is_host(principal: Principal, session: Session) -> bool:
    return str(session.host_id) == principal.user_id


def session_invite(principal: Principal, session_id: str, user_ids: Collection[str]) -> list[str]:
    """Invite those who have not been invited and do not take part; return who that is.

    Raises SessionNotFound; Unauthorized, inviting nobody, for others than the host and the managers
    who take part, and where somebody is not of the organization; RateLimitExceeded.
    """
    session = _known(principal, session_id)
    own_participant(session, principal)
    if not (_is_host(principal, session) or has_role(principal, Role.MANAGER)):
        raise Unauthorized(sessionId=session_id)
    asked = members(principal, user_ids, field="userIds")
    there = set(Invitation.objects.filter(session=session).values_list("user_id", flat=True))
    there |= set(present(session).values_list("user_id", flat=True))
    new = [user for user in asked if user.pk not in there]
    require_room_for_invitations(session.organization_id, session.host_id, more=len(new))
    invite(session, new, principal)
    return [str(user.pk) for user in new]


def session_hand_over(principal: Principal, session_id: str, new_host_id: str) -> None:
    """Make another participant the host.

    Raises SessionNotFound; Unauthorized for others than the host; NotFound where the new one does
    not take part.
    """
    session = _known(principal, session_id)
    if not _is_host(principal, session):
        raise Unauthorized(sessionId=session_id)
    hand_on(session, heir_of(session, new_host_id))


def session_end_for_all(principal: Principal, session_id: str) -> None:
    """End the session. Raises SessionNotFound; Unauthorized for others than the host and admins."""
    if has_role(principal, Role.ADMIN):
        session = locked(principal, session_id)
    else:
        session = _known(principal, session_id)
    if _is_host(principal, session):
        session_end(session, reason="host_ended")
    elif has_role(principal, Role.ADMIN):
        session_end(session, reason="admin")
    else:
        raise Unauthorized(sessionId=session_id)
