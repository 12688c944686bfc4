"""Events that a feed keeps of those it has delivered, for subscribers that are paused."""

from __future__ import annotations

import pytest

from sync.delivery.recent import MOST_CHARACTERS, MOST_EVENTS, Recent
from sync.testing import MemoryLog


def kept(count: int, *, characters: int = 0, log: MemoryLog | None = None) -> Recent:
    log, recent = log or MemoryLog(), Recent()
    for _ in range(count):
        live = "x" * characters
        recent.note(log.append("o", topics=["kpi:k"], entity_type="kpi", live=live))
    return recent


def sequences(recent: Recent, after: int, limit: int = 10) -> list[int]:
    return [event.sequence for event in recent.after(after, limit=limit)]


def test_v2_what_follows_an_event_is_what_was_noted_after_it() -> None:
    recent = kept(3)
    assert sequences(recent, 0) == [1, 2, 3]
    assert sequences(recent, 1, limit=1) == [2]
    assert sequences(recent, 3) == []


@pytest.mark.parametrize(("count", "first"), [(MOST_EVENTS, 1), (MOST_EVENTS + 1, 2)])
def test_v2_the_oldest_of_too_many_are_left_to_the_log(count: int, first: int) -> None:
    recent = kept(count)
    assert sequences(recent, first - 1, limit=1) == [first]
    assert sequences(recent, first - 2) == []


def test_v2_the_oldest_of_too_large_ones_are_left_to_the_log() -> None:
    recent = kept(3, characters=MOST_CHARACTERS // 2 - 100)
    assert sequences(recent, 0) == []
    assert sequences(recent, 1) == [2, 3]


def test_v2_nothing_from_before_a_gap_is_kept() -> None:
    log = MemoryLog()
    recent = kept(2, log=log)
    log.append("o", topics=["kpi:k"], entity_type="kpi")
    recent.note(log.append("o", topics=["kpi:k"], entity_type="kpi"))
    assert sequences(recent, 0) == []
    assert sequences(recent, 3) == [4]
    recent.clear()
    assert sequences(recent, 3) == []
