"""Lanes of a line of time: each knows of one kind of what happens to things (`bos.feature`)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from django.db.models import Q

from bos.things import Thing
from bos.timeline.items import TimelineItem
from sync.protocol.identity import Principal


class Entry(NamedTuple):
    """order: of those of one time, the greater is the later; of no other entry of the thing."""

    at: datetime
    order: str
    item: TimelineItem


@dataclass(frozen=True, slots=True)
class Asked:
    """The part of a thing's time that is asked for: the `most` newest with begin <= at <= until."""

    principal: Principal
    thing: Thing
    row: Any
    begin: datetime | None
    until: datetime | None
    most: int

    def is_of(self, entity_type: str) -> bool:
        return self.thing.entity_type == entity_type

    def newest(self, rows: Any, at: str) -> list[Any]:
        """Return the newest of these rows by this field, which may be null: then it is none."""
        within = Q(**{f"{at}__isnull": False})
        if self.begin is not None:
            within &= Q(**{f"{at}__gte": self.begin})
        if self.until is not None:
            within &= Q(**{f"{at}__lte": self.until})
        return list(rows.filter(within).order_by(f"-{at}", "-pk")[: self.most])

    def with_the_one_before(self, rows: Any, at: str) -> list[tuple[Any, Any]]:
        """Return the newest of these rows by this field, each with the one before it, or None."""
        if self.until is not None:
            rows = rows.filter(**{f"{at}__lte": self.until})
        found: list[Any] = list(rows.order_by(f"-{at}", "-pk")[: self.most + 1])
        pairs = zip(found, [*found, None][1:], strict=True)
        return [
            (row, before)
            for row, before in list(pairs)[: self.most]
            if self.begin is None or getattr(row, at) >= self.begin
        ]


@dataclass(frozen=True, slots=True)
class Lane:
    """A part of the time of things, which one feature knows.

    about: what its entries are about; several lanes may be about the same. read: yields what
    happened to a thing of a kind that it knows, in any order; nothing of others.
    """

    about: str
    label: str
    read: Callable[[Asked], Iterable[Entry]]


_lanes: list[Lane] = []


def add_lane(lane: Lane) -> None:
    _lanes.append(lane)


def lanes(about: Collection[str] | None) -> list[Lane]:
    """Return those that are about one of these; None: all."""
    return [lane for lane in _lanes if about is None or lane.about in about]


def subjects() -> set[str]:
    """Return all that lanes are about."""
    return {lane.about for lane in _lanes}
