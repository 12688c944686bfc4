"""Places for hashing passwords: a third of a second of a core each, so a few at once a process."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings

from bos.web.turns import turns

# Behind 20 others on two places somebody waits three seconds: no longer than a person takes to
# try again. `bos.web.http` lets sign-ins wait before that, without a thread; this holds by every
# door.
WAITING = 20
PATIENCE_SECONDS = 5.0


class TooBusy(Exception):
    """Too many passwords are looked at already; wait: seconds until it may be tried again."""

    wait = 5


class Places:
    """So many at once; so many more wait, for so many seconds each."""

    def __init__(self, amount: int, *, waiting: int, patience: float) -> None:
        self._free = threading.BoundedSemaphore(amount)
        self._inside = threading.BoundedSemaphore(amount + waiting)
        self._patience = patience

    @contextmanager
    def one(self) -> Iterator[None]:
        """Hold a place. Raises TooBusy where none gets free in time."""
        if not self._inside.acquire(blocking=False):
            raise TooBusy
        try:
            # A hash is not worked at in Python: pages go on meanwhile.
            with turns.given_back():
                if not self._free.acquire(timeout=self._patience):
                    raise TooBusy
                try:
                    yield
                finally:
                    self._free.release()
        finally:
            self._inside.release()


places = Places(settings.HASHES_AT_ONCE, waiting=WAITING, patience=PATIENCE_SECONDS)
