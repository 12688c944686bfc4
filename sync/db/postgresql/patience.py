"""Connections that notice when the answer to a statement is lost on its way.

TCP finds out by itself where nobody acknowledges what is sent (the keep-alives in the settings). A
pooler, a proxy or a firewall in between may acknowledge it and pass nothing on: then a thread would
wait for ever. How long a statement may take says nothing about it, so another connection is asked.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import psycopg
from psycopg.abc import PQGen
from psycopg.errors import _WaitTimeout

T = TypeVar("T")

# How often it is asked again, where nothing can be found out or the statement takes long.
AGAIN = 1.0
# For which an answer that has just been sent may be on its way.
ON_ITS_WAY = 0.5
INTERVAL = 0.1
"""Seconds after which psycopg looks whether it was interrupted; its own default."""
ASK = """
    SELECT state LIKE 'idle%%' OR (state = 'active' AND wait_event = 'ClientWrite')
    FROM pg_stat_activity WHERE pid = %s
"""


class PatientConnection(psycopg.Connection[Any]):
    """Waits `patience` seconds for each answer, then asks the server whether it has sent it."""

    patience = 10.0
    server_pid: int | None = None
    another: Callable[[], psycopg.Connection[Any]] | None = None
    """Opens a second connection to the same server; None: whatever is late is lost."""

    def wait(self, gen: PQGen[T], interval: float = INTERVAL, timeout: float | None = None) -> T:
        """Wait for an answer. Raises OperationalError where it is lost, and is closed then."""
        if timeout is not None:  # psycopg's own, when it is interrupted
            return super().wait(gen, interval, timeout)
        step = self.patience
        while True:
            try:
                return super().wait(gen, interval, step)
            except _WaitTimeout:
                if not self._is_lost():
                    step = AGAIN
                    continue
            try:
                return super().wait(gen, interval, ON_ITS_WAY)
            except _WaitTimeout:
                self.pgconn.finish()
                raise psycopg.OperationalError("the answer of the database is lost") from None

    def _is_lost(self) -> bool:
        """Does the server no longer work at what it was asked?"""
        if self.another is None:
            return True
        if self.server_pid is None:  # not told yet
            return False
        try:
            with self.another() as other:
                row = other.execute(ASK, [self.server_pid]).fetchone()
        except psycopg.Error:  # nobody reaches it
            return False
        return row is None or row[0] is True
