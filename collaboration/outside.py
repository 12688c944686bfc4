"""Invitations leave the socket (decision B7)."""

from __future__ import annotations

from bos.ids import canonical_uuids
from bos.models import Choice, Notification
from bos.outside.sources import Category, Withheld
from collaboration.models import Session
from collaboration.services.sessions import INVITES


def _require_running(notification: Notification) -> None:
    """Raises Withheld where the session is over, or its user is not invited any more."""
    ids = canonical_uuids([str(notification.data.get("sessionId", ""))])
    sessions = Session.objects.of(notification.organization_id).filter(pk__in=ids, ended_at=None)
    if not sessions.filter(invitations__user=notification.user_id).exists():
        raise Withheld("The session is over, or the invitation was taken back.")


INVITATIONS = Category(
    name="invitation",
    title="Invitations to sessions",
    reason="somebody has invited you",
    email=Choice.AT_ONCE,
    notifications=frozenset({INVITES}),
    require=_require_running,
)
