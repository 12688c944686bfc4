"""Waiting for SQLite's lock: whoever has waited for long still looks often."""

from __future__ import annotations

import threading
import time

import pytest
from django.db import OperationalError, connection, transaction

from sync.eventlog.threads import SQLITE_LOOKS
from tests.support.locks import on_connections_of_its_own

HELD = 0.34
"""SQLite itself looks at a lock after 328 ms and then after 428: 88 ms after this one is free."""


class Holder:
    """Holds the lock in a thread of its own, from when it is made."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._held = threading.Event()
        self.released_at = 0.0
        self.thread = threading.Thread(target=on_connections_of_its_own, args=(self._hold,))
        self.thread.start()
        assert self._held.wait(10)

    def _hold(self) -> None:
        with transaction.atomic():
            self._held.set()
            time.sleep(self._seconds)
        self.released_at = time.monotonic()


def test_a_free_lock_is_found_soon_however_long_it_was_waited_for() -> None:
    late = []
    for _ in range(3):  # the quickest counts: the machine may be busy
        holder = Holder(HELD)
        with transaction.atomic():
            begun_at = time.monotonic()
        holder.thread.join()
        late.append(begun_at - holder.released_at)
    assert min(late) < 6 * SQLITE_LOOKS < 0.088


def test_a_lock_is_waited_for_as_long_as_the_settings_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(connection.settings_dict["OPTIONS"], "timeout", 0.05)
    holder = Holder(HELD)
    with pytest.raises(OperationalError, match="locked"), transaction.atomic():
        pass
    assert not holder.released_at, "it gave up before"
    holder.thread.join()
