"""Does the database answer? Asked on a thread of its own, for any number of probes at once."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock

from django.db import DatabaseError, InterfaceError, connection, connections

FRESH = 0.25
"""Seconds for which an answer is given to others, too."""
PATIENCE = 1.0
"""Seconds after which no answer is taken for a no."""


class Probe:
    """A question of which at most one is under way."""

    def __init__(self, ask: Callable[[], bool]) -> None:
        self._ask = ask
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="bos-probe")
        self._lock = Lock()
        self._asked: Future[bool] | None = None
        self._at = 0.0

    def holds(self) -> bool:
        """Return the answer of just now, or wait for one, a second at most."""
        with self._lock:
            now = time.monotonic()
            if self._asked is None or (self._asked.done() and now - self._at > FRESH):
                self._asked, self._at = self._thread.submit(self._ask), now
            asked, left = self._asked, self._at + PATIENCE - now
        try:
            return asked.result(max(left, 0))
        except TimeoutError:
            return False


def _database_answers() -> bool:
    for open_one in connections.all(initialized_only=True):
        open_one.close_if_unusable_or_obsolete()
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except (DatabaseError, InterfaceError):
        connection.close()
        return False
    return True


database = Probe(_database_answers)
