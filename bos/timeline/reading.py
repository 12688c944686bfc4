"""Read the line of time of a thing: what all lanes know of it, merged, a page at a time."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from bos.adminsite.phrases import GONE, OUTSIDE, subject
from bos.history.page import author_names
from bos.messages import Timeline, TimelineRequest
from bos.models import Organization
from bos.things import find_visible
from bos.timeline.lanes import Asked, Entry, lanes, subjects
from sync.eventlog.threads import reading
from sync.protocol.errors import InvalidMessage, Unauthorized
from sync.protocol.identity import SYSTEM, Principal
from sync.protocol.times import EPOCH, parse_time

_CURSOR = re.compile(r"(-?[0-9]{1,18})\.([0-9]{1,4})")
_MICROSECOND = timedelta(microseconds=1)


class Place(NamedTuple):
    """A place on the line: after so many of those of this time.

    passed: as a cursor says it, which anybody may write: all these are read once more.
    """

    at: datetime
    passed: int

    @classmethod
    def of(cls, cursor: str) -> Place:
        """Raises InvalidMessage for what no answer has had."""
        match = _CURSOR.fullmatch(cursor)
        try:
            if match is not None:
                return cls(EPOCH + int(match[1]) * _MICROSECOND, int(match[2]))
        except OverflowError:
            pass
        raise InvalidMessage("payload.cursor", "Expected the cursor of an answer")

    @property
    def cursor(self) -> str:
        return f"{(self.at - EPOCH) // _MICROSECOND}.{self.passed}"


def place_of(request: TimelineRequest) -> Place | None:
    """Return where the page begins, None for the first one. Raises InvalidMessage."""
    return None if request.cursor is None else Place.of(request.cursor)


def timeline_of(principal: Principal, request: TimelineRequest) -> Timeline:
    """Return a page of the line. Raises Unauthorized for a thing that may not be seen, is archived
    or does not exist: nobody learns which."""
    begin = _time_of(request.from_, "from")
    end = _time_of(request.to, "to")
    if begin is not None and end is not None and end < begin:
        raise InvalidMessage("payload.to", "It is before `from`")
    if unknown := set(request.about or ()) - subjects():
        known = ", ".join(sorted(subjects()))
        raise InvalidMessage("payload.about", f"{min(unknown)!r} is none of {known}")
    place = place_of(request)
    until = place.at if place is not None else None if end is None else end - _MICROSECOND
    passed = 0 if place is None else place.passed
    with reading():
        found = find_visible(principal, request.entity.type, request.entity.id)
        if found is None or found[0].place(found[1]).archived:
            raise Unauthorized(field="entity")
        asked = Asked(principal, *found, begin, until, request.limit + passed + 1)
        entries = sorted(_entries(asked, request.about), key=lambda entry: entry[:2], reverse=True)
        # Some of those that were told of may be gone.
        first = min(passed, _count(entries, until))
        shown = entries[first : first + request.limit]
        _name_actors(shown, principal)
    answer = Timeline(
        entity=request.entity,
        items=[entry.item for entry in shown],
        complete=first + len(shown) == len(entries),
    )
    if not answer.complete:
        last = shown[-1].at
        answer.cursor = Place(last, _count(entries[: first + len(shown)], last)).cursor
    return answer


def _time_of(text: str | None, name: str) -> datetime | None:
    """Raises InvalidMessage for what is no time, or is of the year 0 or 10000 in UTC."""
    if text is None:
        return None
    at = parse_time(text, field=f"payload.{name}")
    try:
        at = at.astimezone(UTC)
        _ = at - _MICROSECOND
    except OverflowError:
        reason = "Expected a time of the years 1 to 9999 in UTC"
        raise InvalidMessage(f"payload.{name}", reason) from None
    return at


def _entries(asked: Asked, about: list[str] | None) -> Iterable[Entry]:
    for lane in lanes(about):
        yield from lane.read(asked)


def _count(entries: Iterable[Entry], at: datetime | None) -> int:
    return sum(entry.at == at for entry in entries)


def _name_actors(entries: Iterable[Entry], principal: Principal) -> None:
    """Say the names of those who have done it, also of those who have left; of no other tenant."""
    items: list[Any] = [e.item for e in entries if getattr(e.item, "actor_id", None) is not None]
    tenant = Organization(pk=UUID(principal.organization_id))
    names = author_names({item.actor_id for item in items}, tenant)
    for item in items:
        name = names[item.actor_id]
        nameless = item.actor_id == SYSTEM.user_id or name in (GONE, OUTSIDE)
        item.actor_name = subject(name) if nameless else name
