"""When keys were used last: noted in memory, written now and then, never on a request's way."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from uuid import UUID

from django.db import connections
from django.db.models import Q

from bos.models import ServiceKey
from bos.service.keys import SIGN_IN
from sync.delivery.hub import Hub
from sync.delivery.subscriber import Subscriber

logger = logging.getLogger("bos.login")

ROUND = 10.0
"""Seconds until a use is written: a key that is used all the time costs a row so often."""


class Uses:
    """The uses that this process has not written yet. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._used: dict[str, float] = {}
        """By `sign_in_id`, when each key was used last."""
        self._is_writing = False

    def note(self, sign_in_ids: Iterable[str]) -> None:
        """Note that these keys are used now; a thread writes it, which ends when all is written."""
        now = time.time()
        noted = dict.fromkeys(sign_in_ids, now)
        if not noted:
            return
        with self._lock:
            self._used |= noted
            begins, self._is_writing = not self._is_writing, True
        if begins:
            threading.Thread(target=self._keep_writing, name="bos-key-use", daemon=True).start()

    def write(self) -> None:
        """Write what was noted, each key by itself, and none back to before what another process
        has written."""
        with self._lock:
            used, self._used = self._used, {}
        try:
            for sign_in_id, at in sorted(used.items()):
                _write(sign_in_id, at)
        except Exception:
            with self._lock:
                self._used = used | self._used
            raise

    def _keep_writing(self) -> None:
        while True:
            time.sleep(ROUND)
            try:
                self.write()
            except Exception as error:  # the database is away: they are written in the next round
                logger.warning("use of keys not written", extra={"error": type(error).__name__})
            finally:
                connections.close_all()
            with self._lock:
                if not self._used:
                    self._is_writing = False
                    return


def _write(sign_in_id: str, at: float) -> None:
    when = datetime.fromtimestamp(at, UTC)
    rows = ServiceKey.objects.filter(pk=UUID(sign_in_id.removeprefix(SIGN_IN)))
    rows.filter(Q(last_used_at=None) | Q(last_used_at__lt=when)).update(last_used_at=when)


uses = Uses()


async def note_connected(hub: Hub, subscribers: Sequence[Subscriber]) -> bool:
    """A key is used for as long as a connection is signed in by it."""
    principals = (subscriber.principal for subscriber in subscribers)
    uses.note(
        principal.sign_in_id
        for principal in principals
        if principal is not None and principal.sign_in_id.startswith(SIGN_IN)
    )
    return True
