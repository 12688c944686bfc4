"""Endpoints are delivered to in threads of a worker, beside its other work (decision D5).

A receiver that is slow takes a thread for as long as it takes. So that nobody waits for somebody
else's: an organization has a few of the threads at most, and those that have failed or were slow
the last time share one half of them, whosever they are.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from uuid import UUID

from django.db import DatabaseError, InterfaceError, connections
from django.db.models import Q

from bos.models import Webhook
from bos.webhooks.delivery import take_turn
from bos.webhooks.leases import ahead, due
from sync.eventlog.faults import passes
from sync.eventlog.threads import with_fresh_connections

logger = logging.getLogger("bos.webhooks")

THREADS = 8
MOST_OF_ONE = 2
"""Threads for one organization."""
MOST_SLOW = THREADS // 2
SLOW_MS = 1_000
LOOKS = 0.25
"""Seconds between two looks at what is due: one query."""
PAUSE_AFTER_FAULT = 3.0
PAUSE_OF_ENDPOINT = 60.0
"""Seconds after a fault of ours: it is one endpoint's, and the others must go on."""
LOOKED_AT = 200
"""Rows of a look. An organization has a tenth of that many endpoints."""
_SLOW = Q(failures__gt=0) | Q(took_ms__gt=SLOW_MS)


@dataclass(frozen=True, slots=True)
class _Turn:
    organization_id: UUID
    is_slow: bool


class Courier:
    """Gives endpoints their turns, from `start` to `end`."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="bos-webhook")
        self._looking = threading.Thread(target=self._run, name="bos-webhooks", daemon=True)
        self._ending = threading.Event()
        self._wake = threading.Event()
        self._lock = threading.Lock()
        self._turns: dict[UUID, _Turn] = {}
        """Under way, by endpoint."""

    def start(self) -> None:
        self._looking.start()

    def end(self) -> None:
        """Begin nothing more; requests under way go on to their end."""
        self._ending.set()
        self._wake.set()

    def wait(self) -> None:
        """Return when all have ended."""
        self._looking.join()
        self._pool.shutdown()

    def _run(self) -> None:
        while not self._ending.is_set():
            pause = LOOKS
            try:
                with_fresh_connections(self._begin_turns)
            except Exception as error:  # all of it is in the log, and waits
                if passes(error):
                    logger.warning("webhooks wait", extra={"error": type(error).__name__})
                else:
                    logger.exception("webhooks not looked at")
                pause = PAUSE_AFTER_FAULT
            self._wake.wait(pause)
            self._wake.clear()
        connections.close_all()

    def _begin_turns(self) -> None:
        for webhook_id, turn in self._next_turns().items():
            with self._lock:
                self._turns[webhook_id] = turn
            self._pool.submit(self._serve, webhook_id)

    def _next_turns(self) -> dict[UUID, _Turn]:
        """Return the turns for which there are threads, the longest waiting first."""
        with self._lock:
            busy = dict(self._turns)
        free = THREADS - len(busy)
        of_one = Counter(turn.organization_id for turn in busy.values())
        slow = sum(turn.is_slow for turn in busy.values())
        waiting = due().exclude(pk__in=list(busy))
        full = [organization_id for organization_id, n in of_one.items() if n >= MOST_OF_ONE]
        waiting = waiting.exclude(organization_id__in=full)
        if slow >= MOST_SLOW:
            waiting = waiting.exclude(_SLOW)
        columns = waiting.values_list("pk", "organization_id", "failures", "took_ms")
        found: dict[UUID, _Turn] = {}
        for webhook_id, organization_id, failures, took_ms in columns[: LOOKED_AT if free else 0]:
            is_slow = failures > 0 or (took_ms or 0) > SLOW_MS
            if of_one[organization_id] >= MOST_OF_ONE or (is_slow and slow >= MOST_SLOW):
                continue
            found[webhook_id] = _Turn(organization_id, is_slow)
            of_one[organization_id] += 1
            slow += is_slow
            if len(found) == free:
                break
        return found

    def _serve(self, webhook_id: UUID) -> None:
        had_fault = False
        try:
            with_fresh_connections(lambda: take_turn(webhook_id, self._ending.is_set))
        except Exception as error:  # it is one endpoint's: the others go on
            had_fault = True
            self._put_off(webhook_id, error)
        finally:
            if self._ending.is_set():
                connections.close_all()
            with self._lock:
                del self._turns[webhook_id]
        if not had_fault:  # else at the next look: not again and again at once
            self._wake.set()

    @staticmethod
    def _put_off(webhook_id: UUID, error: Exception) -> None:
        """After a fault that is no receiver's."""
        extra = {"webhook": str(webhook_id), "error": type(error).__name__}
        if passes(error):
            logger.warning("webhook waits", extra=extra)
            return
        logger.error("webhook not delivered", extra=extra, exc_info=error)
        try:
            Webhook.objects.filter(pk=webhook_id).update(due_at=ahead(PAUSE_OF_ENDPOINT))
        except (DatabaseError, InterfaceError) as fault:
            logger.warning("webhook not put off", extra={"error": type(fault).__name__})
