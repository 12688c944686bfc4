"""Process events after they were committed, in a worker: each once, in order.

A processor takes an organization's events in `sequence` order. What it changes and how far it has
come commit together, so a worker that dies loses nothing and does nothing twice. A fault that
passes (the database is away, a row is locked for long) leaves nothing out, however long it lasts:
the position stays where it is. Only an event that fails by itself is left out.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass, field

from django.db import connection, transaction
from django.db.models import F, Min, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

from sync import metrics
from sync.eventlog import log
from sync.eventlog.faults import database_is_away, passes
from sync.eventlog.log import LoggedEvent
from sync.eventlog.pace import Pace
from sync.eventlog.threads import letting_others_write, retry_on_conflict
from sync.models import Event, ProcessorPosition, StreamHead
from sync.protocol.times import now_us

logger = logging.getLogger("bos.sync")

PAGE = 200
"""The most of one transaction."""
LEAST_OF_PAGE = 50
"""Fewer would do little more than begin and end."""
PAGE_SECONDS = 0.03
"""A transaction's aim: on SQLite everybody else waits for it."""
PAUSE_FRACTION = 1.0
"""Of the time of a transaction, on SQLite: nobody waits for a processor as for what they write."""

Handle = Callable[[str, Sequence[LoggedEvent]], int | None]


@metrics.gauge(
    "bos_processor_lag_seconds",
    "Age of the oldest event that a `processor` has not looked at: 0 where there is none.",
    "processor",
    shared=True,
)
def _lag() -> dict[str, float]:
    return {name: _age_of_next(name) for name in _processors}


def _age_of_next(name: str) -> float:
    first = Event.objects.filter(
        organization_id=OuterRef("organization_id"), sequence__gt=OuterRef("position")
    ).order_by("sequence")
    waiting = _heads_behind(name).annotate(next_us=Subquery(first.values("at_us")[:1]))
    oldest_us = waiting.aggregate(oldest_us=Min("next_us"))["oldest_us"]
    return 0.0 if oldest_us is None else max(0, now_us() - oldest_us) / 1e6


def _pace() -> Pace:
    return Pace(PAGE_SECONDS, PAGE, PAGE, least=LEAST_OF_PAGE)


@dataclass(frozen=True, slots=True)
class Processor:
    """Calls `handle(organization_id, events)` for events of these entities, in a transaction.

    It may say how many of the events it has done with, where that is enough for one transaction:
    it is called again with the others, in the next one.
    name: under which its position is kept: another name begins anew, with all that the log holds.
    """

    name: str
    entity_types: Container[str]
    handle: Handle
    pace: Pace = field(default_factory=_pace, compare=False, repr=False)


_processors: dict[str, Processor] = {}


def add_processor(processor: Processor) -> None:
    _processors[processor.name] = processor


def advance(is_over: Callable[[], bool] = lambda: False) -> int:
    """Process what is new, of every organization; how many events were passed.

    is_over: asked before each organization whether to leave the others to a later call.
    """
    passed = 0
    for name in _processors:
        for organization_id in _behind(name):
            if is_over():
                return passed
            with letting_others_write(PAUSE_FRACTION):
                passed += _advance(name, organization_id)
    return passed


def _behind(name: str) -> list[str]:
    """Organizations whose log goes on after the processor's position."""
    return list(_heads_behind(name).values_list("organization_id", flat=True))


def _heads_behind(name: str) -> QuerySet[StreamHead]:
    position = ProcessorPosition.objects.filter(
        name=name, organization_id=OuterRef("organization_id")
    ).values("sequence")
    heads = StreamHead.objects.annotate(position=Coalesce(Subquery(position), -1))
    return heads.filter(position__lt=F("sequence"))


def not_processed(name: str, organization_id: str, entity_type: str) -> set[str]:
    """Return the ids of entities of this type with events that the processor has still to take."""
    position = ProcessorPosition.objects.filter(name=name, organization_id=organization_id)
    after = position.values_list("sequence", flat=True).first() or 0
    events = Event.objects.filter(
        organization_id=organization_id, sequence__gt=after, entity_type=entity_type
    )
    return set(events.values_list("entity_id", flat=True))


def _advance(name: str, organization_id: str) -> int:
    try:
        return _take(name, organization_id, limit=_processors[name].pace.items)
    except Exception as error:
        # It is one organization's: the others' events must be processed all the same.
        if _passes_by(error, name):
            return 0
        logger.exception("events not processed", extra={"processor": name})
    return _one_by_one(name, organization_id)


def _one_by_one(name: str, organization_id: str) -> int:
    """Pass the events that failed together singly, and leave out the one that cannot be helped."""
    position = ProcessorPosition.objects.filter(name=name, organization_id=organization_id)
    before = position.values_list("sequence", flat=True).first() or 0
    try:
        return _take(name, organization_id, limit=1)
    except Exception as error:
        if _passes_by(error, name):
            return 0
        logger.exception("event left out", extra={"processor": name})
    return _take(name, organization_id, limit=1, leave_out_behind=before)


def _passes_by(error: Exception, name: str) -> bool:
    """Whether to come back later. Raises the error again where nobody can be helped now."""
    if not passes(error):
        return False
    if database_is_away():
        raise error
    logger.warning("events wait", extra={"processor": name, "error": type(error).__name__})
    return True


@retry_on_conflict
@transaction.atomic
def _take(
    name: str, organization_id: str, *, limit: int, leave_out_behind: int | None = None
) -> int:
    """Process the next events, at most `limit`; how many were passed, at least 1 if there is more.

    leave_out_behind: pass them without processing, if the position is still this one: another
    worker may have come further meanwhile.
    """
    began = time.monotonic()  # after the wait for SQLite's lock
    free = ProcessorPosition.objects.select_for_update(
        skip_locked=connection.features.has_select_for_update_skip_locked
    )
    position = free.filter(name=name, organization_id=organization_id).first()
    if position is None:
        position, created = ProcessorPosition.objects.get_or_create(
            name=name, organization_id=organization_id
        )
        if not created:  # another worker is at it
            return 0
    if leave_out_behind not in (None, position.sequence):
        return 0
    end = log.head(organization_id)
    if position.sequence < end.pruned_sequence:
        # Not past all of them: in a log that was put back, some are kept (`log.start_over`).
        logger.warning("events were forgotten before they were processed", extra={"by": name})
    processor = _processors[name]
    events = log.read(organization_id, after=position.sequence, upto=end.sequence, limit=limit)
    concerned = [event for event in events if event.entity_type in processor.entity_types]
    done = None
    if concerned and leave_out_behind is None:
        done = processor.handle(organization_id, concerned)
    before = position.sequence
    if done is not None:
        position.sequence = concerned[done].sequence - 1
    else:
        position.sequence = events[-1].sequence if events else end.sequence
    position.save(update_fields=["sequence"])
    passed = len(events) if done is None else max(1, position.sequence - before)
    processor.pace.took(passed, time.monotonic() - began)
    return passed
