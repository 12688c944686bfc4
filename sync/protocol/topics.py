"""Topics: what the protocol document calls channels, `kind:id` (decisions S1, S2).

A feature registers each kind it owns with who may follow it and what a snapshot of it shows.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

from sync.protocol.errors import InvalidChannel
from sync.protocol.identity import Principal
from sync.protocol.registry import EntityData
from sync.protocol.rights import Reads, add_reads

# The columns of the log that hold the topics of an event, each indexed with the sequence: an event
# costs an entry in the index of each column that it fills, and none in the others.
TOPIC_COLUMNS = tuple(f"topic_{place}" for place in range(1, 9))
_NAME = re.compile(r"([a-z][a-z0-9_]{0,31}):([A-Za-z0-9._-]{1,64})\Z")


class Topic(NamedTuple):
    kind: str
    id: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.id}"

    @classmethod
    def parse(cls, name: str) -> Topic:
        """Raises InvalidChannel, which names the channel."""
        match = _NAME.match(name)
        if match is None or match[1] not in _kinds:
            raise InvalidChannel(channel=name[:200])
        return cls(match[1], match[2])


class Audience:
    """The topics that an event concerns: at most one topic of each kind.

    `Audience(shop="17", user=None)`: ids by kind; None is as if missing.
    """

    __slots__ = ("columns",)
    columns: tuple[str | None, ...]
    """The ids as the log's columns hold them."""

    def __init__(self, **ids: str | None) -> None:
        """Raises ValueError for a kind that no feature declares."""
        columns: list[str | None] = [None] * len(TOPIC_COLUMNS)
        for kind, id_ in ids.items():
            declared = _kinds.get(kind)
            if declared is None:
                raise ValueError(f"no feature declares the topic kind {kind!r}")
            columns[declared.column - 1] = id_
        self.columns = tuple(columns)

    def without(self, other: Audience) -> Audience | None:
        """Return the topics that are not the other's, None where there are none."""
        rest = Audience()
        rest.columns = tuple(
            id_ if id_ != of_other else None
            for id_, of_other in zip(self.columns, other.columns, strict=True)
        )
        return rest if any(id_ is not None for id_ in rest.columns) else None


class SnapshotEntity(NamedTuple):
    """One entity as a snapshot shows it."""

    entity_type: str
    entity_id: str
    data: EntityData


Authorizer = Callable[[Principal, Collection[str]], Collection[str]]
Snapshot = Callable[[str, Collection[str]], Iterable[SnapshotEntity]]
"""Called with an organization's id and ids of topics. It is not told who asks: one picture is sent
to all who may follow these topics."""


@dataclass(frozen=True, slots=True)
class TopicKind:
    """A kind of topics: clients follow `name:id`, and an event concerns at most one of them.

    name: a lower-case word. column: which of the log's topic columns is its own, from 1 to 8; it
    stays the same for as long as there are events: each of them was written into it.
    authorize: which of these ids the principal may follow; one query for all of them.
    reads: all the rows that it reads for that. Without any it needs no database, so no hop to a
    thread is made for it; and nobody's access changes but by what the authenticator reads.
    """

    name: str
    column: int
    authorize: Authorizer
    reads: tuple[Reads, ...] = ()

    def __post_init__(self) -> None:
        if _NAME.match(f"{self.name}:1") is None:
            raise ValueError(f"{self.name!r}: a topic kind is a lower-case word")
        if not 1 <= self.column <= len(TOPIC_COLUMNS):
            raise ValueError(f"{self.name!r}: there are the columns 1 to {len(TOPIC_COLUMNS)}")


_kinds: dict[str, TopicKind] = {}
_snapshots: dict[str, list[Snapshot]] = {}
_claimed: list[tuple[str, str]] = []
"""The columns that kinds have claimed, in order, and how the names of their topics begin."""


def add_kind(kind: TopicKind) -> None:
    _kinds[kind.name] = kind
    _claimed.append((column_of(kind.name), f"{kind.name}:"))
    _claimed.sort()
    add_reads(*kind.reads)


def add_snapshot(kind: str, snapshot: Snapshot) -> None:
    """Each feature adds what it shows on topics of this kind, in the order of their features."""
    _snapshots.setdefault(kind, []).append(snapshot)


def kinds() -> dict[str, TopicKind]:
    """Return the kinds by name, in the order of their columns."""
    return {kind.name: kind for kind in sorted(_kinds.values(), key=lambda kind: kind.column)}


def column_of(kind: str) -> str:
    return TOPIC_COLUMNS[_kinds[kind].column - 1]


def names_of(event: Any) -> list[str]:
    """Return the names of the topics that an event concerns, by its columns. Nobody can follow what
    no feature claims."""
    return [
        begin + id_ for column, begin in _claimed if (id_ := getattr(event, column)) is not None
    ]


def authorize(principal: Principal, topics: Iterable[Topic]) -> set[Topic]:
    """Those of these topics that the principal may follow now. Queries the database."""
    return {
        Topic(kind, id_)
        for kind, ids in _ids_of(topics).items()
        for id_ in _kinds[kind].authorize(principal, ids)
    }


def needs_database(topics: Iterable[Topic]) -> bool:
    return any(_kinds[topic.kind].reads for topic in topics)


def snapshot(organization_id: str, topics: Iterable[Topic]) -> list[SnapshotEntity]:
    """All that these topics show, each entity once, in the order the features give."""
    ids_of = _ids_of(topics)
    shown: dict[tuple[str, str], SnapshotEntity] = {}
    for kind in kinds():
        for show in _snapshots.get(kind, ()) if kind in ids_of else ():
            for entity in show(organization_id, ids_of[kind]):
                shown.setdefault((entity.entity_type, entity.entity_id), entity)
    return list(shown.values())


def _ids_of(topics: Iterable[Topic]) -> dict[str, list[str]]:
    ids_of: dict[str, list[str]] = {}
    for topic in topics:
        ids_of.setdefault(topic.kind, []).append(topic.id)
    return ids_of
