"""Sum up notes and sessions for people who were away: see `bos.away`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bos.adminsite.phrases import shortened
from bos.away.summaries import (
    MOST_LINES,
    Happened,
    Stretch,
    Summary,
    are_of_others,
    decoded,
    last_of,
)
from bos.messages import AwayNote, AwayNotes, AwaySession, AwaySessions
from collaboration.entities import AnnotationData, SessionData
from collaboration.messages import SessionEnded
from sync.eventlog.log import LoggedEvent
from sync.protocol.registry import name_of

ENDED = name_of(SessionEnded)


def _sum_up_notes(stretch: Stretch) -> AwayNotes | None:
    """Tell of those that others wrote, as they are now; of a deleted one nothing."""
    told = {
        happened.id: last_of(happened.of("created", "updated"))
        for happened in stretch.of_entities()
        if are_of_others(happened.of("created")) and not happened.is_gone
    }
    events = stretch.read(list(told.values())[:MOST_LINES])
    newest = sorted(events.values(), key=lambda event: -event.sequence)
    notes = (decoded(event.data, AnnotationData) for event in newest)
    lines = [_note(note, stretch.principal.user_id) for note in notes if note is not None]
    return AwayNotes(count=len(told), lines=lines) if told else None


def _note(note: AnnotationData, user_id: str) -> AwayNote:
    return AwayNote(
        annotation_id=note.id,
        session_id=note.session_id,
        parent_id=note.parent_id,
        author_id=note.author_id,
        author_name=note.author_name,
        content=shortened(note.content),
        content_type=note.content_type,
        entity_type=None if note.entity is None else note.entity.type,
        entity_id=None if note.entity is None else note.entity.id,
        mentions_me=user_id in note.mentions,
        created_at=note.created_at,
    )


@dataclass(frozen=True, slots=True)
class _Met:
    """A session that others opened or ended.

    shown, ended: the sequences of the last event that shows it, and of its end, where there is one.
    """

    shown: int | None
    ended: int | None


def _met(happened: Happened) -> _Met | None:
    opened, ended = happened.of("created"), happened.of("deleted", live_type=ENDED)
    if not are_of_others(opened) and not are_of_others(ended):
        return None
    if happened.is_gone and not ended:  # it was made private
        return None
    shown = happened.of("created", "updated")
    return _Met(last_of(shown) if shown else None, last_of(ended) if ended else None)


def _sum_up_sessions(stretch: Stretch) -> AwaySessions | None:
    told = [met for happened in stretch.of_entities() if (met := _met(happened)) is not None]
    of_lines = told[:MOST_LINES]
    wanted = {at for met in of_lines for at in (met.shown, met.ended) if at is not None}
    events = stretch.read(wanted)
    unseen = [met.ended for met in of_lines if met.shown is None and met.ended is not None]
    before = stretch.before(unseen, kind="session")
    lines: list[AwaySession] = []
    for met in of_lines:
        end = None if met.ended is None else events[met.ended]
        if met.shown is not None:
            lines += _session(events[met.shown], end)
        elif end is not None and end.sequence in before:
            lines += _session(before[end.sequence], end)
    return AwaySessions(count=len(told), lines=lines) if told else None


def _session(event: LoggedEvent, end: LoggedEvent | None) -> Iterator[AwaySession]:
    """Yield the line of a session, or none where its event cannot be read."""
    session = decoded(event.data, SessionData)
    if session is None:
        return
    ended = None if end is None else decoded(end.live, SessionEnded)
    yield AwaySession(
        session_id=session.id,
        title=session.title,
        host_id=session.host_id,
        created_at=session.created_at,
        ended_at=session.ended_at if ended is None else ended.ended_at,
    )


AWAY = [
    Summary("notes", "annotation", _sum_up_notes),
    Summary("sessions", "session", _sum_up_sessions),
]
