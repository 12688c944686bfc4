"""Remove old rows: history, retry records, and what features register."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from sync.conf import sync_settings
from sync.eventlog import log
from sync.protocol.times import now_us

logger = logging.getLogger("bos.sync")

# Every process does it, and what one has forgotten the next finds gone.
PAUSE_SECONDS = 600.0


def prune_history() -> int:
    """Delete events that are older than `history_days`; how many those were."""
    return log.prune(now_us() - int(sync_settings().history_days * 86_400_000_000))


_tasks: dict[str, Callable[[], int]] = {}


def add_task(what: str, forget: Callable[[], int]) -> None:
    """forget: deletes what is too old and says how much that was."""
    _tasks[what] = forget


BATCHES = 20
"""A round, of each kind; the rest is for the next one, ten minutes later."""


def prune_in_batches(rows: QuerySet[Any], *, at_once: int) -> int:
    """Delete the first of these rows, a batch a transaction, as anybody would; how many those were.

    Events tell of it where they do of any deletion. Between two batches others come through; what
    somebody holds, another process perhaps, is left for the next round.
    """
    forgotten = 0
    for _ in range(BATCHES):
        with transaction.atomic():
            batch = list(rows.select_for_update(of=("self",), skip_locked=True)[:at_once])
            if not batch:
                break
            rows.model._base_manager.filter(pk__in=[row.pk for row in batch]).delete()
        forgotten += len(batch)
    return forgotten


def prune_all() -> dict[str, int]:
    """Forget what is too old; how much of each kind. Queries the database."""
    forgotten = {}
    for what, forget in _tasks.items():
        forgotten[what] = forget()
    logger.info("forgotten", extra=forgotten)
    return forgotten
