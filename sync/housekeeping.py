"""What is forgotten after a while: history, retry records, and what features register."""

from __future__ import annotations

import logging
from collections.abc import Callable

from sync import commits, log, retry
from sync.conf import sync_settings
from sync.times import now_us

logger = logging.getLogger("bos.sync")

# Every process does it, and what one has forgotten the next finds gone.
PAUSE_SECONDS = 600.0


def _history() -> int:
    return log.prune(now_us() - int(sync_settings().history_days * 86_400_000_000))


_tasks: dict[str, Callable[[], int]] = {
    "events": _history,
    "requests": retry.prune,
    "marks": commits.prune,
}


def forget_regularly(what: str, forget: Callable[[], int]) -> None:
    """forget: deletes what is too old and says how much that was."""
    if what in _tasks:
        raise ValueError(f"{what} are forgotten twice")
    _tasks[what] = forget


def keep_house() -> dict[str, int]:
    """Forget what is too old; how much of each kind. Queries the database."""
    forgotten = {}
    for what, forget in _tasks.items():
        forgotten[what] = forget()
    logger.info("forgotten", extra=forgotten)
    return forgotten
