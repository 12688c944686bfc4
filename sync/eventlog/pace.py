"""Write much in short transactions: how much fits into one is learnt from the one before."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

LEAST_SECONDS = 0.000_1


@dataclass(slots=True)
class Pace:
    """items: how many the next transaction should have, so that it takes about `seconds`.

    It at most doubles, never exceeds `most`, and is not less than `least`: fewer would do little
    more than begin and end, and make a busy machine busier.
    """

    seconds: float
    items: int
    most: int
    least: int = 1

    def took(self, items: int, seconds: float) -> None:
        """Learn that so many items took so long."""
        fitting = int(max(items, 1) * self.seconds / max(seconds, LEAST_SECONDS))
        self.items = max(self.least, min(fitting, self.items * 2, self.most))


PRUNE_SECONDS = 0.015
"""Of one transaction that removes what is old: nobody waits for longer than that."""
PRUNE_PAUSE = 0.03
"""Seconds in which others write then; more, where the transaction took longer. Longer than SQLite
waits between two looks at a lock, and half of the database's time is everybody else's."""


_ends_at: ContextVar[float] = ContextVar("prune_ends_at", default=float("inf"))


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Let `prune_slowly` come to an end after so long, also where there is more; each deletes
    something."""
    token = _ends_at.set(time.monotonic() + seconds)
    try:
        yield
    finally:
        _ends_at.reset(token)


def is_over() -> bool:
    """Whether the time that `within` has set is over."""
    return time.monotonic() >= _ends_at.get()


def prune_slowly(
    delete: Callable[[int], int], *, first: int, most: int, least: int = 1, upto: int = 0
) -> int:
    """Call `delete(at most so many)` until there is nothing left, or no time; how many those were.

    delete: removes some in one short transaction, and says how many; fewer are the last. first,
    most, least: of one transaction. upto: stop after so many; 0: never.
    """
    pace = Pace(PRUNE_SECONDS, first, most, least)
    deleted = 0
    while True:
        began = time.monotonic()
        count = delete(pace.items)
        deleted += count
        took = time.monotonic() - began
        if count < pace.items:  # nothing is left
            time.sleep(min(took, PRUNE_PAUSE))  # there may be more of another organization
            return deleted
        if is_over() or (upto and deleted >= upto):
            return deleted
        pace.took(count, took)
        time.sleep(max(PRUNE_PAUSE, took))
