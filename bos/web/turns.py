"""One page at a time works in Python; the others wait for the database meanwhile.

Python lets one thread work at a time as it is, and has them take turns every half a millisecond.
Beside four pages at work a change, which takes up Python some twenty times, took 140 to 190 ms;
beside one it takes 40 to 50, and the four together serve as many pages as they did.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection

MOST_WAIT = 0.1
"""Seconds after which a page works beside the others: a turn is for speed, and nothing may wait for
ever because the one whose turn it is waits for something that is held by another. Half as long each
time: beside an export, which works for seconds without a statement, each of a page's would wait."""


class Turns:
    """Turns of the threads of a process."""

    def __init__(self, *, most_wait: float = MOST_WAIT) -> None:
        self._turn = threading.Lock()
        self._most_wait = most_wait
        self._own = _Own()

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Take a turn, and give it back for as long as each statement of the database runs."""
        if self._own.is_wanted:  # taken further out
            yield
            return
        self._own.is_wanted = True
        self._own.patience = self._most_wait
        self._take()
        try:
            with connection.execute_wrapper(self._execute):
                yield
        finally:
            self._own.is_wanted = False
            self._give_back()

    @contextmanager
    def given_back(self) -> Iterator[None]:
        """Let others work while this thread waits. Without effect where it takes no turns."""
        was_wanted, self._own.is_wanted = self._own.is_wanted, False
        self._give_back()
        try:
            yield
        finally:
            self._own.is_wanted = was_wanted
            self._take()

    def _execute(self, execute: Callable[..., Any], *statement: Any) -> Any:
        self._give_back()
        try:
            return execute(*statement)
        finally:
            self._take()

    def _take(self) -> None:
        # A statement within a statement has taken it back already.
        if self._own.is_wanted and not self._own.is_here:
            self._own.is_here = self._turn.acquire(timeout=self._own.patience)
            if not self._own.is_here:
                self._own.patience /= 2

    def _give_back(self) -> None:
        if self._own.is_here:
            self._own.is_here = False
            self._turn.release()


class _Own(threading.local):
    """One thread's: whether it takes turns, how long it waits for one, and whether it has one."""

    is_wanted = False
    patience = MOST_WAIT
    is_here = False


turns = Turns()
