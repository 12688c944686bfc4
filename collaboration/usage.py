"""How much there may be of sessions, invitations and notes, and how much there is (row s6).

Notes are counted as they come and go, from whatever source. The sums are kept: adding up the
contents of a session for each note would cost more than the note.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import F, Sum

from collaboration.models import Annotation, Invitation, NoteUsage, Session
from sync.eventlog.capture import Change
from sync.protocol.caps import Cap
from sync.protocol.identity import Principal

SESSIONS = Cap(
    "sessions",
    "running sessions, hosted by the user or in the organization",
    remedy="End some of them.",
)
INVITATIONS = Cap(
    "invitations",
    "invitations to running sessions, of the user's as host or of the organization",
    remedy="End some of the sessions, or invite fewer.",
)
NOTES = Cap("notes", "notes in the session", remedy="Delete some, or start another session.")
NOTE_BYTES = Cap(
    "noteBytes",
    "bytes of notes in the session or in the organization",
    remedy="Delete some of the notes, or sessions that have ended.",
)
# So often the organization's sum is looked at: it takes a row for each of its sessions.
LOOK_EVERY = 2**20


def require_room_for_session(principal: Principal, *, invited: int) -> None:
    """Raises RateLimitExceeded where one session, or so many invitations, would be too many."""
    running = Session.objects.of(principal.organization_id).filter(ended_at=None)
    hosted = running.filter(host_id=principal.user_id)
    SESSIONS.require(there=hosted.count(), limit=settings.USER_SESSIONS)
    SESSIONS.require(there=running.count(), limit=settings.ORGANIZATION_SESSIONS)
    if invited:
        for sessions, limit in (
            (hosted, settings.USER_INVITATIONS),
            (running, settings.ORGANIZATION_INVITATIONS),
        ):
            pending = Invitation.objects.filter(session__in=sessions).count()
            INVITATIONS.require(there=pending, limit=limit, more=invited)
    _require_bytes_in_organization(principal.organization_id, more=0)


def require_room_for_note(session: Session, *, more: int, is_new: bool) -> None:
    """more: bytes. Raises RateLimitExceeded."""
    usage = NoteUsage.objects.filter(session=session).first() or NoteUsage(session=session)
    if is_new:
        NOTES.require(there=usage.notes, limit=settings.SESSION_NOTES)
    NOTE_BYTES.require(there=usage.bytes, limit=settings.SESSION_NOTE_BYTES, more=more)
    if usage.bytes // LOOK_EVERY != (usage.bytes + more) // LOOK_EVERY:
        _require_bytes_in_organization(session.organization_id, more=more)


def _require_bytes_in_organization(organization_id: UUID | str, *, more: int) -> None:
    of_organization = NoteUsage.objects.filter(session__organization_id=organization_id)
    there = of_organization.aggregate(bytes=Sum("bytes"))["bytes"] or 0
    NOTE_BYTES.require(there=there, limit=settings.ORGANIZATION_NOTE_BYTES, more=more)


def size_of(content: str) -> int:
    return len(content.encode())


def count_notes(changes: Sequence[Change[Annotation]]) -> None:
    """Follow what becomes of notes, in their transaction."""
    came: dict[UUID, list[int]] = defaultdict(lambda: [0, 0])
    for change in changes:
        sign = {"created": 1, "deleted": -1}.get(change.kind, 0)
        of_session = came[change.row.session_id]
        of_session[0] += sign
        of_session[1] += sign * size_of(change.row.content)
    for session_id, (notes, size) in came.items():
        if notes or size:
            use(session_id, notes=notes, size=size)


def use(session_id: UUID, *, notes: int = 0, size: int) -> None:
    rows: Any = NoteUsage.objects.filter(pk=session_id)
    if not rows.update(notes=F("notes") + notes, bytes=F("bytes") + size) and notes > 0:
        # A session's own row is locked by whoever pins the first note.
        NoteUsage.objects.create(session_id=session_id, notes=notes, bytes=size)
