"""Topics: what the protocol document calls channels, `kind:id` (decisions S1, S2).

A feature registers each kind it owns with who may follow it and what a snapshot of it shows.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import NamedTuple

from sync.protocol.errors import InvalidChannel
from sync.protocol.identity import Principal
from sync.protocol.registry import EntityData
from sync.protocol.rights import Reads, register_reads

_NAME = re.compile(r"(organization|department|kpi|user|session):([A-Za-z0-9._-]{1,64})\Z")
KINDS = ("organization", "department", "kpi", "user", "session")


class Topic(NamedTuple):
    kind: str
    id: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.id}"

    @classmethod
    def parse(cls, name: str) -> Topic:
        """Raises InvalidChannel, which names the channel."""
        match = _NAME.match(name)
        if match is None:
            raise InvalidChannel(channel=name[:200])
        return cls(*match.groups())


@dataclass(frozen=True, slots=True)
class Audience:
    """The topics that an event concerns: at most one topic of each kind."""

    organization: str | None = None
    department: str | None = None
    kpi: str | None = None
    user: str | None = None
    session: str | None = None

    def topics(self) -> frozenset[str]:
        pairs = ((kind, getattr(self, kind)) for kind in KINDS)
        return frozenset(f"{kind}:{id_}" for kind, id_ in pairs if id_ is not None)


class Shown(NamedTuple):
    """One entity as a snapshot shows it."""

    entity_type: str
    entity_id: str
    data: EntityData


Authorizer = Callable[[Principal, Collection[str]], Collection[str]]
Snapshot = Callable[[Principal, Collection[str]], Iterable[Shown]]


@dataclass(frozen=True, slots=True)
class TopicKind:
    """authorize: which of these ids the principal may follow; one query for all of them.

    reads: all the rows that it reads for that. Without any it needs no database, so no hop to a
    thread is made for it; and nobody's access changes but by what the authenticator reads.
    """

    authorize: Authorizer
    reads: tuple[Reads, ...] = ()


_kinds: dict[str, TopicKind] = {}
_snapshots: dict[str, list[Snapshot]] = {kind: [] for kind in KINDS}


def register_topic(kind: str, topic_kind: TopicKind) -> None:
    if kind not in KINDS:
        raise ValueError(f"the protocol has no channel kind {kind!r}")
    if kind in _kinds:
        raise ValueError(f"channel kind {kind!r} is registered twice")
    _kinds[kind] = topic_kind
    register_reads(*topic_kind.reads)


def register_snapshot(kind: str, snapshot: Snapshot) -> None:
    """Each feature adds what it shows on topics of this kind, in the order of registration."""
    _snapshots[kind].append(snapshot)


def kinds() -> dict[str, TopicKind]:
    return dict(_kinds)


def authorize(principal: Principal, topics: Iterable[Topic]) -> set[Topic]:
    """Those of these topics that the principal may follow now. Queries the database."""
    ids_of: dict[str, list[str]] = {}
    for topic in topics:
        ids_of.setdefault(topic.kind, []).append(topic.id)
    return {
        Topic(kind, id_)
        for kind, ids in ids_of.items()
        if kind in _kinds
        for id_ in _kinds[kind].authorize(principal, ids)
    }


def needs_database(topics: Iterable[Topic]) -> bool:
    return any(topic.kind in _kinds and _kinds[topic.kind].reads for topic in topics)


def snapshot(principal: Principal, topics: Iterable[Topic]) -> list[Shown]:
    """All that these topics show, each entity once, in the order the features give."""
    ids_of: dict[str, list[str]] = {}
    for topic in topics:
        ids_of.setdefault(topic.kind, []).append(topic.id)
    shown: dict[tuple[str, str], Shown] = {}
    for kind in KINDS:
        for show in _snapshots[kind] if kind in ids_of else ():
            for entity in show(principal, ids_of[kind]):
                shown.setdefault((entity.entity_type, entity.entity_id), entity)
    return list(shown.values())
