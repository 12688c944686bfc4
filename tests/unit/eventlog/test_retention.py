"""Old rows are removed in short transactions, and found in few look-ups."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from sync.eventlog import log, retention
from sync.eventlog.pace import PRUNE_PAUSE, Pace, prune_slowly, within
from sync.models import Event, RequestRecord, StreamHead

HOME = "retention-home"
EVENTS = 5_000
HOLE = range(2_000, 4_000)
"""Sequences that were never given: a log that was put back goes on above."""


@pytest.fixture
def events(database: None) -> Iterator[None]:
    """Event n has the time 10 n."""
    with transaction.atomic():
        numbers = [n for n in range(1, EVENTS + 1) if n not in HOLE]
        Event.objects.bulk_create(
            Event(organization_id=HOME, sequence=n, at_us=10 * n, entity_type="kpi")
            for n in numbers
        )
        StreamHead.objects.create(organization_id=HOME, sequence=EVENTS, at_us=10 * EVENTS)
        yield
        transaction.set_rollback(True)


@pytest.mark.parametrize(
    ("at_us", "sequence"),
    [
        (9, None),
        (10, 1),
        (19, 1),
        (20, 2),
        (19_990, 1_999),
        (25_000, 1_999),
        (39_999, 1_999),
        (40_000, 4_000),
        (49_999, 4_999),
        (50_000, 5_000),
        (99_999, 5_000),
    ],
)
def test_v4_the_last_event_until_a_time_is_found_in_few_look_ups(
    events: None, at_us: int, sequence: int | None
) -> None:
    with CaptureQueriesContext(connection) as queries:
        found = log.last_until(HOME, at_us, after=0, upto=EVENTS)
    assert found == (None if sequence is None else (sequence, 10 * sequence))
    assert len(queries) <= 2 * EVENTS.bit_length()


def test_v4_events_outside_of_what_is_asked_for_are_not_found(events: None) -> None:
    assert log.last_until(HOME, 99_999, after=0, upto=100) == (100, 1_000)
    assert log.last_until(HOME, 1_000, after=100, upto=EVENTS) is None
    assert log.last_until("retention-nobody", 99_999, after=0, upto=EVENTS) is None


def test_v5_what_is_older_is_deleted_in_several_statements_and_remembered(events: None) -> None:
    with CaptureQueriesContext(connection) as queries:
        deleted = retention._delete_until(HOME, 1_000)
    assert deleted == 1_000
    deletes = [query for query in queries if query["sql"].startswith("DELETE")]
    assert len(deletes) > 1
    assert Event.objects.filter(organization_id=HOME).earliest("sequence").sequence == 1_001


def test_v5_pruning_keeps_the_event_of_the_time_itself(events: None) -> None:
    before = Event.objects.exclude(organization_id=HOME).count()
    retention.prune_events(15_000)
    head = log.head(HOME)
    assert (head.pruned_sequence, head.pruned_at_us) == (1_499, 14_990)
    assert log.find(HOME, 1_499) is None
    assert log.find(HOME, 1_500) is not None
    assert Event.objects.exclude(organization_id=HOME).count() == before
    assert retention.prune_events(15_000) == 0


def test_e7_old_records_are_forgotten_and_no_others(database: None) -> None:
    with transaction.atomic():
        RequestRecord.objects.bulk_create(
            RequestRecord(user_id="retention", request_id=str(n), body_hash="", at_us=n)
            for n in range(300)
        )
        own = RequestRecord.objects.filter(user_id="retention")
        assert retention.prune_plain(own.filter(at_us__lt=299), oldest="at_us") == 299
        assert own.get().at_us == 299
        transaction.set_rollback(True)


# ------------------------------------------------------------------ the pace


def test_the_next_transaction_is_as_large_as_fits_twice_as_large_at_most() -> None:
    pace = Pace(seconds=0.1, items=50, most=300)
    for items, seconds, following in ((50, 0.01, 100), (100, 0.05, 200), (200, 0.01, 300)):
        pace.took(items, seconds)
        assert pace.items == following
    pace.took(300, 0.3)
    assert pace.items == 100
    pace.took(100, 60.0)
    assert pace.items == 1
    busy = Pace(seconds=0.1, items=50, most=300, least=20)
    busy.took(50, 60.0)
    assert busy.items == 20


def test_pruning_ends_with_the_last_row_the_most_of_a_round_or_its_time() -> None:
    rows = 100

    def delete(count: int) -> int:
        nonlocal rows
        some = min(count, rows)
        rows -= some
        return some

    assert prune_slowly(delete, first=10, most=10, upto=20) == 20
    with within(0.0):
        assert prune_slowly(delete, first=10, most=10) == 10, "something, also without time"
    assert prune_slowly(delete, first=70, most=70) == 70
    assert prune_slowly(delete, first=10, most=10) == 0


def test_the_last_rows_of_one_keep_those_of_the_next_waiting_for_no_pause() -> None:
    """There may be thousands of organizations, with a few old events each."""
    began = time.monotonic()
    for _ in range(20):
        assert prune_slowly(lambda count: 1, first=10, most=10) == 1
    assert time.monotonic() - began < 20 * PRUNE_PAUSE
