"""A session as one sees it who joins: who is there, and the notes that fit into a message."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from collaboration.entities import AnnotationData
from collaboration.errors import SessionNotFound
from collaboration.messages import (
    JoinedSession,
    NotesRequest,
    NotesRequestPayload,
    PresentParticipant,
    SessionJoined,
)
from collaboration.models import Annotation, Participant, Session
from collaboration.payloads import annotation_data
from sync.delivery.hub import Hub
from sync.delivery.outbox import most_of_a_frame
from sync.eventlog import log
from sync.eventlog.prepared import Prepared
from sync.eventlog.threads import in_database, reading
from sync.protocol.codecs import to_json
from sync.protocol.identity import Principal
from sync.protocol.times import wire_time

# Read at once: they may be 40 kB each.
NOTES_A_TIME = 100
SESSIONS_AT_ONCE = 8
"""Read in one transaction: one takes half a millisecond, with many notes some twenty."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A running session as it is; `users`: those that asked and are there, as (participant's id,
    what is shown).

    sequence: the last event that is in it.
    """

    sequence: int
    session: JoinedSession
    users: dict[str, tuple[str, PresentParticipant]]

    def of(self, principal: Principal) -> SessionJoined:
        """Return the answer to a user who has joined; no cursors are in it yet.

        Raises SessionNotFound where they are no participant any more.
        """
        if principal.user_id not in self.users:
            raise SessionNotFound(sessionId=self.session.session_id)
        id_, own = self.users[principal.user_id]
        return SessionJoined(
            session_id=self.session.session_id,
            user_id=principal.user_id,
            user_name=principal.name,
            state=own.state,
            role=own.role,
            joined_at=own.joined_at,
            session=self.session,
            entity_type="participant",
            entity_id=id_,
            change_type="created",
            sequence=self.sequence,
        )


@dataclass(eq=False, slots=True)
class _Asked:
    """Sessions to be read at one moment; the users that ask, by session."""

    users: dict[str, set[str]] = field(default_factory=dict)
    reading: asyncio.Task[dict[str, Picture]] | None = None


_asked: dict[tuple[Hub, str], _Asked] = {}
"""Pictures that are still to be read, by organization."""


async def picture_for(principal: Principal, session_id: str, *, hub: Hub) -> Picture:
    """Read the session when it is its organization's turn; once for all that ask until then.

    What any of them has committed before asking is in it. Raises SessionNotFound.
    """
    key = hub, principal.organization_id
    asked = _asked.get(key)
    if asked is None or (session_id not in asked.users and len(asked.users) == SESSIONS_AT_ONCE):
        asked = _asked[key] = _Asked()
        asked.reading = asyncio.create_task(_read(key, asked))
    assert asked.reading is not None
    asked.users.setdefault(session_id, set()).add(principal.user_id)
    pictures = await asyncio.shield(asked.reading)
    if session_id not in pictures:
        raise SessionNotFound(sessionId=session_id)
    return pictures[session_id]


async def _read(key: tuple[Hub, str], asked: _Asked) -> dict[str, Picture]:
    hub, organization_id = key
    async with hub.readings.turn(organization_id):
        if _asked.get(key) is asked:  # others are read after it, where it was full
            del _asked[key]  # those that ask from now on may have changed it after this was read
        return await in_database(read_pictures, organization_id, asked.users)


_FIELDS = ("pk", "user_id", "user__name", "state", "joined_at")
_present = Prepared(
    lambda session: Participant.objects.filter(session_id=session, left_at=None).values_list(
        *_FIELDS
    ),
    "session",
)
_sessions = Prepared(
    lambda organization, session: (
        Session.objects.of(organization)
        .filter(pk=session, ended_at=None)
        .order_by()
        .values_list("title", "host_id", "active_space", "max_participants", "created_at")
    ),
    *("organization", "session"),
)
_has_notes = Prepared(
    lambda session: Annotation.objects.filter(session_id=session).order_by().values_list("pk")[:1],
    "session",
)


def read_pictures(organization_id: str, users: Mapping[str, Collection[str]]) -> dict[str, Picture]:
    """Read these sessions at one moment, each for its users; those that run, by id."""
    with reading():
        head = log.head(organization_id)
        read = (_read_picture(organization_id, head.sequence, *asked) for asked in users.items())
        return {picture.session.session_id: picture for picture in read if picture is not None}


def _read_picture(
    organization_id: str, sequence: int, session_id: str, user_ids: Collection[str]
) -> Picture | None:
    found = _sessions(organization=organization_id, session=session_id)
    if not found:
        return None
    title, host_id, active_space, max_participants, created_at = found[0]
    there = [_participant(row, host_id) for row in _present(session=session_id)]
    users = {shown.user_id: (id_, shown) for id_, shown in there if shown.user_id in user_ids}
    picture = JoinedSession(
        session_id=session_id,
        title=title,
        host_id=str(host_id),
        active_space=active_space,
        max_participants=max_participants,
        created_at=wire_time(created_at),
        participants=[shown for _, shown in there],
        annotations=[],
        annotation_count=0,
        annotations_complete=True,
    )
    if _has_notes(session=session_id):
        _add_notes(picture)
    return Picture(sequence, picture, users)


def _participant(row: Sequence[Any], host_id: UUID) -> tuple[str, PresentParticipant]:
    id_, user_id, name, state, joined_at = row
    shown = PresentParticipant(
        user_id=str(user_id),
        user_name=name,
        state=state,
        role="host" if user_id == host_id else "participant",
        joined_at=wire_time(joined_at),
        cursor=None,
    )
    return str(id_), shown


def _add_notes(picture: JoinedSession) -> None:
    of_session = Annotation.objects.filter(session_id=picture.session_id)
    picture.annotation_count = of_session.count()
    picture.annotations = _newest(of_session, room=most_of_a_frame() - _size_of(picture))
    if len(picture.annotations) < picture.annotation_count:
        # The rest comes page by page, at the client's pace.
        channels = [f"session:{picture.session_id}"]
        picture.annotations_complete = False
        picture.annotations_rest = NotesRequest("SYNC_REQUEST", NotesRequestPayload(channels))


def _newest(notes: QuerySet[Annotation], *, room: int) -> list[AnnotationData]:
    """Those of them that fit into so many bytes, oldest first."""
    fitting: list[AnnotationData] = []
    newest = notes.order_by("-created_at", "-pk").select_related("author")
    for annotation in newest.iterator(chunk_size=NOTES_A_TIME):
        shown = annotation_data(annotation)
        room -= _size_of(shown) + 1
        if room < 0:
            break
        fitting.append(shown)
    return fitting[::-1]


def _size_of(shown: JoinedSession | AnnotationData) -> int:
    """In bytes, which a character may have four of."""
    return len(to_json(shown))
