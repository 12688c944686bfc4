"""Invitations and mentions leave the socket (decisions B7, C8)."""

from __future__ import annotations

from bos.ids import canonical_uuids
from bos.models import Choice, Notification, User
from bos.outside.sources import Category, Withheld
from bos.permissions import principal_of
from bos.things import may_see
from collaboration.models import Annotation, Session
from collaboration.services.notes import MENTION
from collaboration.services.sessions import INVITES, is_followable_by


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


def _require_mention(notification: Notification) -> None:
    """Raises Withheld where the note mentions its user no more, or they may not see it now."""
    ids = canonical_uuids([str(notification.data.get("annotationId", ""))])
    notes = Annotation.objects.of(notification.organization_id).filter(pk__in=ids)
    note = notes.select_related("session", "thing").first()
    if note is None or str(notification.user_id) not in note.mentions:
        raise Withheld("The note is not there any more, or mentions the person no more.")
    if not _may_see(notification.user, note):
        raise Withheld("The person may not see the note any more.")


def _may_see(user: User, note: Annotation) -> bool:
    if note.thing is not None:
        return may_see(user, note.thing.entity_type, str(note.thing.entity_id))
    return note.session is not None and is_followable_by(principal_of(user), note.session)


MENTIONS = Category(
    name="mention",
    title="Mentions in notes",
    reason="a note mentions you",
    email=Choice.AT_ONCE,
    notifications=frozenset({MENTION}),
    require=_require_mention,
)
CATEGORIES = [INVITATIONS, MENTIONS]
