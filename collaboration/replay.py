"""A session as it was, page by page: its events, and what the KPIs showed meanwhile.

What it shows of the session is for those who may follow it (decision C7). KPIs are those that the
asker may see now, wherever the session was: what somebody may not see is not told by the past.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID

import msgspec
from django.utils import timezone

from bos.ids import canonical_uuids
from bos.things import Past, PastValue, thing_of
from collaboration.entities import AnnotationData, ParticipantData
from collaboration.errors import SessionNotFound
from collaboration.keeping import COLUMNS
from collaboration.messages import (
    Replay,
    ReplayedEvent,
    ReplayedKpi,
    ReplayedPerson,
    ReplayedSession,
    ReplayedValue,
    ReplayRequest,
    SessionEnded,
    SessionLeft,
)
from collaboration.models import KeptEvent, Participant, Session
from collaboration.services.sessions import followed_by
from sync.delivery.outbox import most_of_a_frame
from sync.eventlog.threads import in_database, reading
from sync.gateway.dispatcher import Context, Reply
from sync.models import Event
from sync.protocol.answers import Answer
from sync.protocol.codecs import wire_number
from sync.protocol.errors import InvalidMessage
from sync.protocol.identity import Principal
from sync.protocol.messages import Deletion
from sync.protocol.registry import handles
from sync.protocol.times import EPOCH, wire_time
from sync.protocol.topics import column_of

MICROSECOND = timedelta(microseconds=1)
UNTIL_LOGGED = timedelta(seconds=10)
"""The event of an end is logged after the time that it tells, by the length of a transaction."""
MOST_PEOPLE = 200
ROWS_A_TIME = 100
"""Notes in them may be 40 kB each."""
_PLACE = re.compile(r"(\d{1,17})\.(\d{1,17})\.([0-9a-f]{32}|)\.(\d{1,17})\.(\d{1,18})")


def _of_replay(request: ReplayRequest) -> int:
    """20, and 1 for each 10 of a page."""
    return 20 + request.limit // 10


@handles(
    ReplayRequest,
    answers=[Answer.reply(Replay)],
    errors=[SessionNotFound],
    cost=_of_replay,
    only_reads=True,
)
async def replay_request(context: Context, request: ReplayRequest) -> Reply:
    principal = context.principal
    async with context.hub.readings.turn(principal.organization_id):
        return Reply(await in_database(read_page, principal, request))


# ------------------------------------------------------------------ where a page begins


@dataclass(slots=True)
class _Place:
    """How far each list has come. until: the end of what is played back, of the first page on."""

    until: datetime
    sequence: int = -1
    kpi: UUID | None = None
    value: tuple[datetime, int] | None = None

    @classmethod
    def parse(cls, text: str) -> _Place:
        """Raises InvalidMessage where it is none that the server has given."""
        found = _PLACE.fullmatch(text)
        if found is None:
            raise InvalidMessage("payload.after", "Expected `next` of another page")
        until, sequence, kpi, at, number = found.groups()
        value = (_time(int(at)), int(number)) if int(at) else None
        return cls(_time(int(until)), int(sequence) - 1, UUID(kpi) if kpi else None, value)

    def __str__(self) -> str:
        at, number = self.value or (EPOCH, 0)
        kpi = "" if self.kpi is None else self.kpi.hex
        return f"{_us(self.until)}.{self.sequence + 1}.{kpi}.{_us(at)}.{number}"


def _time(us: int) -> datetime:
    return EPOCH + timedelta(microseconds=us)


def _us(at: datetime) -> int:
    return (at - EPOCH) // MICROSECOND


# ------------------------------------------------------------------ a page


def read_page(principal: Principal, request: ReplayRequest) -> Replay:
    """Read a page, all of it at one moment. Raises SessionNotFound, also for who may not read it;
    InvalidMessage."""
    place = None if request.after is None else _Place.parse(request.after)
    with reading():
        ids = canonical_uuids([request.session_id])
        session = followed_by(principal).filter(pk__in=ids).select_related("host").first()
        if session is None:
            raise SessionNotFound(sessionId=request.session_id)
        until = session.ended_at or (timezone.now() if place is None else place.until)
        place = place or _Place(until)
        place.until = until
        return _page(principal, session, place, request.limit)


def _page(principal: Principal, session: Session, place: _Place, limit: int) -> Replay:
    record, clock = _Record(session), _Clock(session.created_at)
    rows, is_rest = record.rows(after=place.sequence, until=place.until, limit=limit)
    kpis, changes = _values(principal, session.created_at, place, limit)
    goes_on = not is_rest or max(len(kpis), len(changes)) == limit
    if rows:
        place.sequence = rows[-1].sequence
    if kpis:
        place.kpi = kpis[-1].thing_id
    if changes:
        place.value = changes[-1].shown_at, changes[-1].number
    first = record.first()
    return Replay(
        session=_shown(session),
        from_=wire_time(session.created_at),
        to=wire_time(place.until),
        complete=first is not None and first.begins,
        kept_from=None if first is None else wire_time(_time(first.at_us)),
        events=[told for row in rows for told in _told(row, clock)],
        kpis=[ReplayedKpi(str(one.thing_id), wire_number(one.value)) for one in kpis],
        changes=[
            ReplayedValue(
                str(one.thing_id),
                cast(float, wire_number(one.value)),
                wire_time(one.shown_at),
                clock.offset(one.shown_at),
            )
            for one in changes
        ],
        next=str(place) if goes_on else None,
    )


def _shown(session: Session) -> ReplayedSession:
    others = Participant.objects.filter(session=session).exclude(user=session.host_id)
    names = others.order_by("joined_at", "pk").values_list("user_id", "user__name")
    return ReplayedSession(
        session_id=str(session.pk),
        title=session.title,
        host_id=str(session.host_id),
        active_space=session.active_space,
        created_at=wire_time(session.created_at),
        ended_at=None if session.ended_at is None else wire_time(session.ended_at),
        people=[
            ReplayedPerson(str(user_id), name)
            for user_id, name in [(session.host_id, session.host.name), *names[:MOST_PEOPLE]]
        ],
    )


def _values(
    principal: Principal, since: datetime, place: _Place, limit: int
) -> tuple[list[PastValue], list[PastValue]]:
    past = _past()
    if past is None:
        return [], []
    kpis = past.at(principal, since, after=place.kpi, limit=limit)
    changes = past.between(principal, since, place.until, after=place.value, limit=limit)
    return kpis, changes


def _past() -> Past | None:
    thing = thing_of("kpi")
    return None if thing is None else thing.past


class _Clock:
    """Times as milliseconds since the session began, as `from` says it: in whole seconds."""

    def __init__(self, begin: datetime) -> None:
        self._begin = begin.replace(microsecond=0)

    def offset(self, at: datetime) -> int:
        return max(0, (at - self._begin) // timedelta(milliseconds=1))


# ------------------------------------------------------------------ the session's events


class _Row(msgspec.Struct):
    """An event of the session, from the log or from what is kept of it."""

    sequence: int
    at_us: int
    entity_type: str
    entity_id: str
    change_type: str
    data: str
    live_type: str
    live: str

    @property
    def begins(self) -> bool:
        return self.entity_type == "session" and self.change_type == "created"


class _Record:
    """The events of a session: the older ones are kept apart, all before those of the log."""

    def __init__(self, session: Session) -> None:
        column = column_of("session")
        organization_id = str(session.organization_id)
        self._session = session
        self._sources: Sequence[Any] = (
            KeptEvent.objects.filter(session=session),
            Event.objects.filter(**{column: str(session.pk)}, organization_id=organization_id),
        )

    def first(self) -> _Row | None:
        return next(self._read(1), None)

    def rows(self, *, after: int, until: datetime, limit: int) -> tuple[list[_Row], bool]:
        """Return those behind `after` that fit into a page, and whether these are the rest.

        They go up to the end: what is done with its notes later is not of the meeting.
        """
        last = self._end()
        conditions: dict[str, Any] = {"at_us__lte": _us(until)}
        if last is not None:
            conditions = {"sequence__lte": last}
        rows: list[_Row] = []
        room = most_of_a_frame() // 2  # the other half is for values
        for row in self._read(limit, sequence__gt=after, **conditions):
            room -= len(row.data.encode())
            if rows and room < 0:
                return rows, False
            rows.append(row)
        return rows, len(rows) < limit

    def _end(self) -> int | None:
        """Return the sequence of the event that tells of the end, None where there is none."""
        if self._session.ended_at is None:
            return None
        by = _us(self._session.ended_at + UNTIL_LOGGED)
        told = self._read(1, entity_type="session", live_type="SESSION_ENDED", at_us__lte=by)
        return next((row.sequence for row in told), None)

    def _read(self, limit: int, **conditions: Any) -> Iterator[_Row]:
        for source in self._sources:
            rows = source.filter(**conditions).order_by("sequence").values_list(*COLUMNS)
            for row in rows[:limit].iterator(chunk_size=ROWS_A_TIME):
                limit -= 1
                yield _Row(*row)


assert _Row.__struct_fields__ == COLUMNS


# ------------------------------------------------------------------ what an event tells


class _Host(msgspec.Struct, rename="camel"):
    """The part of a session that changes while it runs."""

    host_id: str


def _told(row: _Row, clock: _Clock) -> Iterator[ReplayedEvent]:
    """Yield what the event tells; nothing of one that an older version has written otherwise."""
    tell = _TELL.get((row.entity_type, row.change_type))
    if tell is None:
        return
    at = _time(row.at_us)
    event = ReplayedEvent("host", wire_time(at), clock.offset(at), row.sequence)
    try:
        tell(row, event)
    except msgspec.DecodeError:
        return
    yield event


def _session_started(row: _Row, event: ReplayedEvent) -> None:
    event.kind = "started"
    event.user_id = msgspec.json.decode(row.data, type=_Host).host_id


def _session_changed(row: _Row, event: ReplayedEvent) -> None:
    event.user_id = msgspec.json.decode(row.data, type=_Host).host_id


def _session_ended(row: _Row, event: ReplayedEvent) -> None:
    ended = msgspec.json.decode(row.live, type=SessionEnded)
    event.kind, event.user_id = "ended", ended.ended_by
    event.reason = ended.reason


def _joined(row: _Row, event: ReplayedEvent) -> None:
    _participant_changed(row, event)
    event.kind = "joined"


def _participant_changed(row: _Row, event: ReplayedEvent) -> None:
    shown = msgspec.json.decode(row.data, type=ParticipantData)
    event.kind, event.user_id, event.user_name = "state", shown.user_id, shown.user_name
    event.state, event.role = shown.state, shown.role


def _left(row: _Row, event: ReplayedEvent) -> None:
    left = msgspec.json.decode(row.live, type=SessionLeft)
    event.kind, event.user_id, event.user_name = "left", left.user_id, left.user_name
    event.role = left.role
    event.reason = left.reason


def _noted(row: _Row, event: ReplayedEvent) -> None:
    event.kind, event.note = "note", msgspec.json.decode(row.data, type=AnnotationData)


def _note_deleted(row: _Row, event: ReplayedEvent) -> None:
    event.kind, event.annotation_id = "noteDeleted", row.entity_id
    event.user_id = msgspec.json.decode(row.data, type=Deletion).deleted_by


_TELL = {
    ("session", "created"): _session_started,
    ("session", "updated"): _session_changed,
    ("session", "deleted"): _session_ended,
    ("participant", "created"): _joined,
    ("participant", "updated"): _participant_changed,
    ("participant", "deleted"): _left,
    ("annotation", "created"): _noted,
    ("annotation", "updated"): _noted,
    ("annotation", "deleted"): _note_deleted,
}
