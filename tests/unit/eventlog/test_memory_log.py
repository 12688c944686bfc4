"""The double of the log answers as the log does: what is proved on it holds of the database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest
from django.db import transaction

from sync.eventlog import log
from sync.eventlog.log import Head, LoggedEvent
from sync.eventlog.port import Log
from sync.models import Event, StreamHead
from sync.protocol.errors import SyncRefused
from sync.protocol.topics import Topic
from sync.testing import MemoryLog

HOME, EMPTY = "memory-home", "memory-empty"
TOPICS = [Topic("kpi", "k"), Topic("organization", HOME)]


@pytest.fixture
def both(database: None) -> Iterator[tuple[MemoryLog, Log]]:
    """Twelve events, the first three pruned, in memory and in the database."""
    memory = MemoryLog()
    for n in range(12):
        topics = [f"organization:{HOME}"] if n % 4 == 0 else ["kpi:k"] if n % 2 else ["kpi:other"]
        memory.append(HOME, topics=topics, entity_id=str(n))
    memory.prune(HOME, 3)
    with transaction.atomic():
        for event in memory.read(HOME, after=0, upto=99, limit=99):
            Event.objects.create(**msgspec.structs.asdict(event))
        head = msgspec.structs.asdict(memory.head(HOME))
        StreamHead.objects.create(organization_id=HOME, **head)
        yield memory, log
        transaction.set_rollback(True)


def outcome(ask: Callable[[Log], Any], of: Log) -> Any:
    try:
        return ask(of)
    except SyncRefused as refused:
        return refused.code


@pytest.mark.parametrize("after", [0, 3, 5, 11, 12])
@pytest.mark.parametrize("limit", [1, 4, 99])
def test_v4_both_read_alike(both: tuple[MemoryLog, Log], after: int, limit: int) -> None:
    memory, database = both

    def answers(of: Log) -> list[list[LoggedEvent] | int]:
        return [
            of.read(HOME, after=after, upto=11, limit=limit),
            of.read_topics(HOME, TOPICS, after=after, upto=11, limit=limit),
            of.count_topics(HOME, TOPICS, after=after, upto=11),
            of.read_topics(HOME, [], after=after, upto=11, limit=limit),
            of.read(EMPTY, after=after, upto=11, limit=limit),
        ]

    assert answers(memory) == answers(database)
    assert memory.find(HOME, after) == database.find(HOME, after)


def test_v2_both_have_the_same_heads(both: tuple[MemoryLog, Log]) -> None:
    memory, database = both
    assert memory.heads([HOME, EMPTY]) == database.heads([HOME, EMPTY])
    assert memory.head(EMPTY) == database.head(EMPTY) == Head()


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("offset_us", [-1, 0, 1])
@pytest.mark.parametrize("sequence", [1, 3, 4, 8, 12])
def test_v5_both_resume_behind_the_same_event_or_refuse_alike(
    both: tuple[MemoryLog, Log], sequence: int, offset_us: int, exact: bool
) -> None:
    memory, database = both
    head = memory.head(HOME)
    at_us = 1_000_000 + (sequence - 1) * 1000 + offset_us

    def resume(of: Log) -> int:
        return of.sequence_before(HOME, at_us, exact=exact, end=head)

    if at_us <= head.at_us:  # the future is the clock's: the double has none
        assert outcome(resume, memory) == outcome(resume, database)


def test_w7_both_move_on_behind_what_was_seen_and_keep_nothing(
    both: tuple[MemoryLog, Log],
) -> None:
    for one in both:
        assert one.start_over(HOME, seen=20, seen_at_us=5)
        moved = one.head(HOME)
        assert moved.sequence == moved.pruned_sequence > 20
        assert moved.at_us == moved.pruned_at_us > 1_000_000
        assert not one.start_over(HOME, seen=20, seen_at_us=5)
