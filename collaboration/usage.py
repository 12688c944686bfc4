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

from collaboration.models import Annotation, Invitation, NotedThing, NoteUsage, Session
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
NOTES = Cap(
    "notes",
    "notes in the session, or on the KPI or department",
    remedy="Delete some, or start another session.",
)
NOTE_BYTES = Cap(
    "noteBytes",
    "bytes of notes in the session, on the KPI or department, or in the organization",
    remedy="Delete some of the notes, or sessions that have ended.",
)
# So often the organization's sum is looked at: it takes a row for each of its sessions and things.
LOOK_EVERY = 2**20


def require_room_for_session(principal: Principal, *, invited: int) -> None:
    """Raises RateLimitExceeded where one session, or so many invitations, would be too many."""
    running = Session.objects.of(principal.organization_id).filter(ended_at=None)
    hosted = running.filter(host_id=principal.user_id)
    SESSIONS.require(there=hosted.count(), limit=settings.USER_SESSIONS)
    SESSIONS.require(there=running.count(), limit=settings.ORGANIZATION_SESSIONS)
    require_room_for_invitations(principal.organization_id, principal.user_id, more=invited)
    require_bytes_in_organization(principal.organization_id, more=0)


def require_room_for_invitations(
    organization_id: UUID | str, host_id: UUID | str, *, more: int
) -> None:
    """host_id: of the session to which so many are invited. Raises RateLimitExceeded."""
    if not more:
        return
    running = Session.objects.of(organization_id).filter(ended_at=None)
    for sessions, limit in (
        (running.filter(host_id=host_id), settings.USER_INVITATIONS),
        (running, settings.ORGANIZATION_INVITATIONS),
    ):
        pending = Invitation.objects.filter(session__in=sessions).count()
        INVITATIONS.require(there=pending, limit=limit, more=more)


def require_room_for_note(place: Session | NotedThing, *, more: int, is_new: bool) -> None:
    """more: bytes. Raises RateLimitExceeded."""
    if isinstance(place, NotedThing):
        usage: Any = NotedThing.objects.filter(pk=place.pk).first() or place
        limits = settings.THING_NOTES, settings.THING_NOTE_BYTES
    else:
        usage = NoteUsage.objects.filter(session=place).first() or NoteUsage(session=place)
        limits = settings.SESSION_NOTES, settings.SESSION_NOTE_BYTES
    if is_new:
        NOTES.require(there=usage.notes, limit=limits[0])
    NOTE_BYTES.require(there=usage.bytes, limit=limits[1], more=more)
    if usage.bytes // LOOK_EVERY != (usage.bytes + more) // LOOK_EVERY:
        require_bytes_in_organization(place.organization_id, more=more)


def require_bytes_in_organization(organization_id: UUID | str, *, more: int) -> None:
    """Raises RateLimitExceeded where so many bytes more are too many."""
    there = 0
    for rows in (
        NoteUsage.objects.filter(session__organization_id=organization_id),
        NotedThing.objects.of(organization_id),
    ):
        there += rows.aggregate(total=Sum("bytes"))["total"] or 0
    NOTE_BYTES.require(there=there, limit=settings.ORGANIZATION_NOTE_BYTES, more=more)


def size_of(content: str) -> int:
    return len(content.encode())


def count_notes(changes: Sequence[Change[Annotation]]) -> None:
    """Follow what becomes of notes, in their transaction."""
    came: dict[tuple[UUID | None, UUID | None], list[int]] = defaultdict(lambda: [0, 0])
    for change in changes:
        sign = {"created": 1, "deleted": -1}.get(change.kind, 0)
        of_place = came[change.row.session_id, change.row.thing_id]
        of_place[0] += sign
        of_place[1] += sign * size_of(change.row.content)
    for (session_id, thing_id), (notes, size) in came.items():
        if not notes and not size:
            continue
        if session_id is not None:
            _use_in_session(session_id, notes=notes, size=size)
        elif thing_id is not None:
            _use_on_thing(thing_id, notes=notes, size=size)


def use(place: Session | NotedThing, *, size: int) -> None:
    """Count what a note has grown or shrunk by."""
    if isinstance(place, NotedThing):
        _use_on_thing(place.pk, size=size)
    else:
        _use_in_session(place.pk, size=size)


def _use_in_session(session_id: UUID, *, notes: int = 0, size: int) -> None:
    rows: Any = NoteUsage.objects.filter(pk=session_id)
    if not rows.update(notes=F("notes") + notes, bytes=F("bytes") + size) and notes > 0:
        # A session's own row is locked by whoever pins the first note.
        NoteUsage.objects.create(session_id=session_id, notes=notes, bytes=size)


def _use_on_thing(thing_id: UUID, *, notes: int = 0, size: int) -> None:
    rows = NotedThing.objects.filter(pk=thing_id)
    rows.update(notes=F("notes") + notes, bytes=F("bytes") + size)
