"""The record of a meeting: how long it is kept, and which values it shows (P1, V5, V6, D6)."""

from __future__ import annotations

import json
import uuid
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from bos.leaving.people import FORMER, user_erase
from bos.models import User
from bos.people.exporting import export
from bos.permissions import principal_of
from collaboration import keeping
from collaboration.messages import Replay, ReplayRequest
from collaboration.models import KeptEvent, Session
from collaboration.replay import read_page
from collaboration.services.notes import annotation_update
from collaboration.services.sessions import session_join
from kpis.history.measurements import write_values
from kpis.history.stored import Measurement
from kpis.models import Kpi
from sync.eventlog import log, retention
from sync.models import Event
from tests.support.cast import Cast, Person
from tests.support.passing import let_pass
from tests.test_caps import end, pin, start


def replay(person: Person, session: Session) -> Replay:
    return read_page(principal_of(person.user), ReplayRequest(session_id=str(session.pk)))


def forget(cast: Cast) -> None:
    """Have the log forget all that it has."""
    retention.prune_events_of(cast.home.id, log.head(cast.home.id).at_us + 1)
    assert not Event.objects.filter(organization_id=cast.home.id).exists()


def set_value(kpi: Kpi, value: int) -> None:
    kpi.value = value
    kpi.save()


def measure(cast: Cast, value: int, at: datetime) -> None:
    """A file or a machine brings a value of that time."""
    with transaction.atomic():
        measurement = Measurement(cast.home.revenue.pk, at, Decimal(value))
        assert write_values(cast.home.organization, [measurement]) != [None]


def shown(cast: Cast, session: Session) -> Any:
    """Return what revenue showed at the beginning, and from which minute on what else."""
    page, id_ = replay(cast.bob, session), str(cast.home.revenue.pk)
    [begin] = [one.value for one in page.kpis if one.kpi_id == id_]
    changes = [(one.offset // 60_000, one.value) for one in page.changes if one.kpi_id == id_]
    return begin, changes


def test_p1_a_value_that_comes_late_counts_from_when_it_came(cast: Cast) -> None:
    before = timezone.now()
    set_value(cast.home.revenue, 1)
    let_pass(cast.home, 600)
    session = start(cast.bob)
    began = timezone.now()
    let_pass(cast.home, 60)
    measure(cast, 2, began - timedelta(seconds=120))  # newer than all that is known
    let_pass(cast.home, 60)
    measure(cast, 77, before - timedelta(days=1))  # older: it is history, and never shown
    set_value(cast.home.revenue, 3)
    let_pass(cast.home, 60)
    end(session)
    let_pass(cast.home, 60)
    of_then = shown(cast, session)
    assert of_then == (1, [(1, 2), (2, 3)])
    measure(cast, 88, timezone.now() - timedelta(seconds=150))  # while the meeting was held
    measure(cast, 4, timezone.now())
    assert shown(cast, session) == of_then


def test_p1_a_value_that_was_corrected_is_the_corrected_one(cast: Cast) -> None:
    session = start(cast.bob)
    let_pass(cast.home, 60)
    at = timezone.now()
    measure(cast, 2, at)
    measure(cast, 3, at)  # the newest: it is put in force
    end(session)
    assert shown(cast, session) == (100, [(1, 3)])


def test_v5_what_a_session_tells_outlives_the_log_and_goes_with_the_session(cast: Cast) -> None:
    session, other = start(cast.bob), start(cast.mia)
    pin(cast.bob, session, "kept")
    end(session)
    before = replay(cast.bob, session)
    assert [event.kind for event in before.events] == ["started", "note", "ended"]
    forget(cast)
    assert log.head(cast.home.id).pruned_sequence == log.head(cast.home.id).sequence
    assert replay(cast.bob, session) == before
    end(other)  # a part is kept, a part is in the log
    assert [event.kind for event in replay(cast.mia, other).events] == ["started", "ended"]
    session.delete()
    assert not KeptEvent.objects.filter(session_id=session.pk).exists()
    forget(cast)  # also the events of its deletion
    assert not KeptEvent.objects.filter(session_id=session.pk).exists()


def test_v5_what_is_kept_of_a_session_is_bounded_and_the_replay_says_from_when(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = start(cast.bob)
    for n in range(4):
        let_pass(cast.home, 60)
        pin(cast.bob, session, f"note {n}")
    monkeypatch.setattr(keeping, "MOST_EVENTS", 2)
    forget(cast)
    page = replay(cast.bob, session)
    assert [event.note.content for event in page.events if event.note] == ["note 2", "note 3"]
    assert (page.complete, page.kept_from) == (False, page.events[0].at)
    monkeypatch.setattr(keeping, "MOST_BYTES", 10)
    pin(cast.bob, session, "the last")
    forget(cast)
    page = replay(cast.bob, session)
    assert (page.complete, page.kept_from, page.events) == (False, None, [])


@pytest.mark.parametrize("data", ['{"authorId": null}', '{"userId": 5}', '{"a":'])
def test_v5_the_log_also_forgets_what_tells_of_a_session_and_cannot_be_read(
    cast: Cast, data: str
) -> None:
    session = start(cast.bob)
    pin(cast.bob, session, "of an older version")
    pin(cast.bob, session, "of this one")
    first = Event.objects.filter(organization_id=cast.home.id, entity_type="annotation").first()
    assert first is not None
    Event.objects.filter(pk=first.pk).update(data=data, live=data)
    forget(cast)
    assert KeptEvent.objects.get(session=session, sequence=first.sequence).user_id == ""
    told = [event.note.content for event in replay(cast.bob, session).events if event.note]
    assert told == ["of this one"]


def test_v6_no_name_of_an_erased_user_stays_in_what_is_kept_and_an_export_has_all_of_theirs(
    cast: Cast,
) -> None:
    user = cast.bob.user
    user.name = f"Zebulon {uuid.uuid4().hex}"
    user.save()
    session = start(cast.mia, cast.bob)
    with transaction.atomic():
        session_join(principal_of(user), str(session.pk))
    note = pin(cast.bob, session, "said by Z")
    pin(cast.mia, session, "said by M")
    changes = {"content": "said anew"}
    with transaction.atomic():
        annotation_update(principal_of(user), str(note.pk), str(session.pk), changes)
    forget(cast)
    told = json.loads(b"".join(export(User.objects.get(pk=user.pk))))["inSessions"]
    assert [(one["about"], one["kind"], one["content"]) for one in told] == [
        ("participant", "created", ""),
        ("annotation", "created", "said by Z"),
        ("annotation", "updated", "said anew"),
    ]
    user_erase(User.objects.get(pk=user.pk))
    page = replay(cast.mia, session)
    [joined] = [event for event in page.events if event.kind == "joined"]
    notes = [event.note for event in page.events if event.note]
    assert joined.user_name == FORMER
    of_bob = [(n.author_name, n.content) for n in notes if n.author_id == cast.bob.id]
    # Being erased is told once more, as of every note.
    assert of_bob[:2] == [(FORMER, "said by Z"), (FORMER, "said anew")]
    kept = KeptEvent.objects.filter(session=session)
    assert not kept.filter(data__contains="Zebulon").exists()
    assert not kept.filter(live__contains="Zebulon").exists()
