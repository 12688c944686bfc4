"""Remove old rows: history, retry records, and what features register; slowly, as `pace` says."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import Any

from django.db import transaction
from django.db.models import OuterRef, QuerySet, Subquery

from sync.conf import sync_settings
from sync.eventlog import log
from sync.eventlog.pace import is_over, prune_slowly, within
from sync.models import Event, StreamHead
from sync.protocol.times import now_us

logger = logging.getLogger("bos.sync")

# Every process does it, and what one has forgotten the next finds gone.
PAUSE_SECONDS = 600.0


def prune_history() -> int:
    """Delete events that are older than `history_days`; how many those were."""
    return prune_events(now_us() - int(sync_settings().history_days * 86_400_000_000))


EVENTS = 50, 2_000
"""The least, which is the first, and the most of one transaction."""


def prune_events(older_than_us: int) -> int:
    """Delete events older than this time, of all organizations; how many those were."""
    deleted = 0
    of_head = Event.objects.filter(organization_id=OuterRef("pk")).order_by("sequence")
    oldest = Subquery(of_head.values("at_us")[:1])
    behind = StreamHead.objects.annotate(oldest=oldest).filter(oldest__lt=older_than_us)
    for organization_id in list(behind.values_list("pk", flat=True)):
        if deleted and is_over():
            break
        deleted += prune_events_of(organization_id, older_than_us)
    return deleted


def prune_events_of(organization_id: str, older_than_us: int) -> int:
    """Delete events older than this time, and remember how far; how many those were.

    The newest pruned sequence stays in the head, so that a client behind it is asked to take a
    snapshot instead of being served a history with a hole (decision V5). It is remembered first:
    the head is locked for a moment only, and what is deleted after that nobody asks for.
    """
    end = log.head(organization_id)
    last = log.last_until(organization_id, older_than_us - 1, after=-1, upto=end.sequence)
    if last is None:
        return 0
    _forget_until(organization_id, *last)
    return _delete_until(organization_id, last[0])


@transaction.atomic
def _forget_until(organization_id: str, sequence: int, at_us: int) -> None:
    head = StreamHead.objects.select_for_update().get(pk=organization_id)
    # Not back: a log that was put back has forgotten more than these (`log.start_over`).
    head.pruned_sequence = max(head.pruned_sequence, sequence)
    head.pruned_at_us = max(head.pruned_at_us, at_us)
    head.save(update_fields=["pruned_sequence", "pruned_at_us"])


Keeper = Callable[[QuerySet[Event]], None]
_keepers: list[Keeper] = []


def add_keeper(keep: Keeper) -> None:
    """Call this with events of an organization that are about to be deleted, in that transaction:
    the place to keep some of them elsewhere."""
    _keepers.append(keep)


def _delete_until(organization_id: str, last: int) -> int:
    """Delete the events up to this one; how many those were."""
    events = Event.objects.filter(organization_id=organization_id)
    done = -1

    def delete(count: int) -> int:
        nonlocal done
        # From where the one before has come to: PostgreSQL's index keeps what was deleted before,
        # until it is vacuumed, and each statement would pass all of it. One bound at each end: of
        # two SQLite takes the first one for the index, and passes everything up to that.
        rest = events.filter(sequence__gt=done, sequence__lte=last).order_by("sequence")
        first = list(rest.values_list("sequence", flat=True)[:count])
        if first:
            with transaction.atomic():
                old = events.filter(sequence__gt=done, sequence__lte=first[-1])
                for keep in _keepers:
                    keep(old)
                old.delete()
            done = first[-1]
        return len(first)

    return prune_slowly(delete, first=EVENTS[0], most=EVENTS[1], least=EVENTS[0])


_tasks: dict[str, Callable[[], int]] = {}


def add_task(what: str, forget: Callable[[], int]) -> None:
    """forget: deletes what is too old and says how much that was."""
    _tasks[what] = forget


BATCHES = 20
"""A round has at most so many times `at_once`, of each kind; the rest is for the next one, ten
minutes later."""
FIRST_ROWS = 5
"""Deleting one may take its dependants along, and is an event for each."""


def prune_in_batches(rows: QuerySet[Any], *, at_once: int) -> int:
    """Delete the first of these rows, a few a transaction, as anybody would; how many those were.

    Events tell of it where they do of any deletion. at_once: the most of one transaction; what
    takes long is deleted in smaller ones. What somebody holds, another process perhaps, is left for
    the next round.
    """
    delete = partial(_delete_some, rows)
    return prune_slowly(delete, first=FIRST_ROWS, most=at_once, upto=BATCHES * at_once)


@transaction.atomic
def _delete_some(rows: QuerySet[Any], count: int) -> int:
    some = list(rows.select_for_update(of=("self",), skip_locked=True)[:count])
    if some:
        rows.model._base_manager.filter(pk__in=[row.pk for row in some]).delete()
    return len(some)


PLAIN_ROWS = 100, 2_000
"""Likewise, of rows that nothing hangs on."""


def prune_plain(rows: QuerySet[Any], *, oldest: str) -> int:
    """Delete rows of which no event tells and on which nothing hangs; how many those were.

    oldest: the indexed column that says of a row that it is old.
    """

    def delete(count: int) -> int:
        # Where somebody else deletes them at the same time, there is nothing left to do here.
        keys = list(rows.order_by(oldest).values_list("pk", flat=True)[:count])
        return rows.model._base_manager.filter(pk__in=keys).delete()[0] if keys else 0

    first, most = PLAIN_ROWS
    return prune_slowly(delete, first=first, most=most, least=first)


def prune_all() -> dict[str, int]:
    """Forget what is too old; how much of each kind. Queries the database."""
    forgotten = {}
    for what, forget in _tasks.items():
        forgotten[what] = forget()
    logger.info("forgotten", extra=forgotten)
    return forgotten


ROUND_SECONDS = 3.0
"""A server that ends waits for its threads."""


def prune_some() -> bool:
    """Forget some of what is too old, for a few seconds; whether there may be more of it."""
    with within(ROUND_SECONDS):
        prune_all()
        return is_over()
