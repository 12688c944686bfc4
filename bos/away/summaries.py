"""A stretch of the log as each feature sums it up (see `away` of `bos.feature.Feature`)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import msgspec

from sync.eventlog import summing
from sync.eventlog.log import LoggedEvent
from sync.eventlog.summing import Sum
from sync.protocol.identity import Principal
from sync.protocol.registry import Message
from sync.protocol.topics import Topic, authorize

T = TypeVar("T")
MOST_LINES = 100
"""Of each kind; a count says how many there are."""


class Sight:
    """Which events a principal may see: the topic kinds are asked, as for a subscription."""

    def __init__(self, principal: Principal) -> None:
        self._principal = principal
        self._asked: dict[str, bool] = {}

    def sums(self, sums: Collection[Sum]) -> list[Sum]:
        self._look(sum_.topics for sum_ in sums)
        return [sum_ for sum_ in sums if self._follows(sum_.topics)]

    def events(self, events: Mapping[int, LoggedEvent]) -> dict[int, LoggedEvent]:
        self._look(event.topics() for event in events.values())
        return {at: event for at, event in events.items() if self._follows(event.topics())}

    def _look(self, audiences: Iterable[Collection[str]]) -> None:
        audiences = list(audiences)
        # Most concern the organization: of these the other topics need not be asked about.
        self._ask({n for names in audiences for n in names if n.startswith("organization:")})
        self._ask({n for names in audiences if not self._follows(names) for n in names})

    def _follows(self, names: Iterable[str]) -> bool:
        return any(self._asked.get(name, False) for name in names)

    def _ask(self, names: set[str]) -> None:
        names -= self._asked.keys()
        allowed = authorize(self._principal, map(Topic.parse, names)) if names else ()
        self._asked |= dict.fromkeys(names, False) | dict.fromkeys(map(str, allowed), True)


@dataclass(frozen=True, slots=True)
class Stretch:
    """Events of one organization's log, as one user is told of them.

    sums: those of one entity type that the user may see, the newest first.
    """

    principal: Principal
    sums: list[Sum]
    sight: Sight

    def of_entities(self) -> Iterator[Happened]:
        """Yield what has happened to each entity, the newest first."""
        of: dict[str, list[Sum]] = {}
        for sum_ in self.sums:
            of.setdefault(sum_.entity_id, []).append(sum_)
        return (Happened(id_, sums) for id_, sums in of.items())

    def read(self, sequences: Collection[int]) -> dict[int, LoggedEvent]:
        """Read these events, which are of the sums."""
        return summing.read_at(self.principal.organization_id, sequences)

    def before(self, sequences: Collection[int], *, kind: str) -> dict[int, LoggedEvent]:
        """Read what the entities of these events were before, where the user may see that: see
        `summing.read_before`."""
        found = summing.read_before(self.principal.organization_id, sequences, kind=kind)
        return self.sight.events(found)


@dataclass(frozen=True, slots=True)
class Happened:
    """All that has happened to one entity."""

    id: str
    sums: list[Sum] = field(repr=False)

    def of(self, *change_types: str, live_type: str | None = None) -> list[Sum]:
        return [
            sum_
            for sum_ in self.sums
            if sum_.change_type in change_types and live_type in (None, sum_.live_type)
        ]

    @property
    def is_gone(self) -> bool:
        """Whether its deletion is the last that the user may see of it."""
        return max(self.sums, key=lambda sum_: sum_.last).change_type == "deleted"


def decoded(text: str, type_: type[T]) -> T | None:
    """Read what an event says; None where it is of an older version, which did not say all this."""
    try:
        return msgspec.json.decode(text, type=type_)
    except msgspec.DecodeError:
        return None


def first_of(sums: Iterable[Sum]) -> int:
    return min(sum_.first for sum_ in sums)


def last_of(sums: Iterable[Sum]) -> int:
    return max(sum_.last for sum_ in sums)


def are_of_others(sums: Iterable[Sum]) -> bool:
    """Whether somebody else than the user has a part in it; also false of nothing."""
    return any(sum_.others for sum_ in sums)


@dataclass(frozen=True, slots=True)
class Summary:
    """How the events of an entity type are summed up.

    part: the field of AWAY that it fills. sum_up: returns that part, None where there is nothing to
    tell; it reads as much for many events as for few.
    """

    part: str
    entity_type: str
    sum_up: Callable[[Stretch], Message | None]


_summaries: list[Summary] = []


def add_summary(summary: Summary) -> None:
    _summaries.append(summary)


def all_summaries() -> list[Summary]:
    return list(_summaries)
