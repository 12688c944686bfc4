"""A request has one effect, however often it is sent (E7); nothing here is committed."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from decimal import Decimal

import pytest
from django.db import connection, connections, transaction

from sync.conf import sync_settings
from sync.eventlog.idempotency import (
    Repeated,
    ask_for,
    body_hash,
    insert_records,
    looked_up,
    once,
    pending_records,
)
from sync.eventlog.log import PendingEvent, append
from sync.eventlog.scripts import script_for
from sync.models import RequestRecord
from sync.protocol.errors import InvalidMessage
from sync.protocol.identity import Actor, current_actor
from sync.protocol.topics import Audience

HASH = body_hash("ASK", {"a": 1})


@pytest.fixture(autouse=True)
def rolled_back(database: None) -> Iterator[None]:
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


@pytest.fixture
def asker() -> Actor:
    return Actor("user", "websocket", origin="c", request_id=uuid.uuid4().hex)


class Effects:
    """An effect that counts how often it is made."""

    def __init__(self) -> None:
        self.made = 0

    def __call__(self) -> int:
        self.made += 1
        return self.made


def ask(actor: Actor, effect: Callable[[], int], hash_: str = HASH) -> int | Repeated:
    """Ask as the next group of writes does: the records of the one before are in the table."""
    result = once(actor, "o", hash_, effect)
    script = script_for(connections["default"])
    insert_records(pending_records(connections["default"]), script)
    script.run()
    connection.run_on_commit.clear()
    return result


def test_e7_the_second_time_nothing_is_made(asker: Actor) -> None:
    effect = Effects()
    assert ask(asker, effect) == 1
    assert isinstance(ask(asker, effect), Repeated)
    assert effect.made == 1


def test_e7_twice_in_one_group_of_writes_is_made_once(asker: Actor) -> None:
    effect = Effects()
    outcomes = [once(asker, "o", HASH, effect) for _ in range(2)]
    assert outcomes[0] == 1
    assert isinstance(outcomes[1], Repeated)
    with pytest.raises(InvalidMessage):
        once(asker, "o", body_hash("ASK", {"a": 2}), effect)
    assert effect.made == 1


def test_e7_the_same_id_with_another_body_is_refused_and_makes_nothing(asker: Actor) -> None:
    effect = Effects()
    ask(asker, effect)
    for hash_ in (body_hash("ASK", {"a": 2}), body_hash("OTHER", {"a": 1})):
        with pytest.raises(InvalidMessage) as refused:
            ask(asker, effect, hash_)
        assert refused.value.details["field"] == "requestId"
    assert effect.made == 1


def test_e7_another_user_may_use_the_same_id_and_without_one_each_is_new(asker: Actor) -> None:
    effect = Effects()
    other = Actor("other", "websocket", origin="d", request_id=asker.request_id)
    nameless = Actor("user", "websocket", origin="c")
    assert [ask(actor, effect) for actor in (asker, other, nameless, nameless)] == [1, 2, 3, 4]


def test_e7_what_fails_leaves_the_id_free(asker: Actor) -> None:
    def fail() -> int:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        ask(asker, fail)
    assert ask(asker, Effects()) == 1


@pytest.mark.parametrize(("older_by", "is_repeated"), [(-1, True), (1, False)])
def test_e7_after_its_time_an_id_is_free_again(
    asker: Actor, older_by: int, is_repeated: bool
) -> None:
    ask(asker, Effects())
    record = RequestRecord.objects.get(user_id="user", request_id=asker.request_id)
    record.at_us -= int((sync_settings().idempotency_seconds + older_by) * 1_000_000)
    record.save()
    assert isinstance(ask(asker, Effects()), Repeated) is is_repeated


def test_e7_requests_that_are_looked_up_together_cost_one_query(
    asker: Actor, django_assert_num_queries: Callable[..., object]
) -> None:
    ask(asker, Effects())
    others = [Actor("user", "websocket", "c", uuid.uuid4().hex) for _ in range(9)]
    wanted = [(one.user_id, one.request_id) for one in (asker, *others)]
    with django_assert_num_queries(1):  # type: ignore[attr-defined]  # a fixture
        script = script_for(connections["default"])
        ask_for(wanted, script)
        with looked_up(wanted, script.run()[0]):
            outcomes = [once(one, "o", HASH, Effects()) for one in (asker, *others)]
    assert [isinstance(outcome, Repeated) for outcome in outcomes] == [True] + [False] * 9


def test_e3_the_first_event_of_the_requester_is_the_answer_and_the_others_are_everybodys(
    asker: Actor,
) -> None:
    events: list[PendingEvent] = []

    def change() -> int:
        for actor in (current_actor(), asker, asker):
            event = PendingEvent("o", "kpi", "k", "updated", "{}", "", "", actor, "", Audience())
            events.append(event)
            append(event)
        return 1

    once(asker, "o", HASH, change)
    assert [event.actor.request_id for event in events] == ["", asker.request_id, ""]
    assert events[2].actor.origin == ""


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ({"a": 1, "b": {"c": 2, "d": 3}}, {"b": {"d": 3, "c": 2}, "a": 1}, True),
        ({"a": Decimal("1250000.00")}, {"a": 1250000}, True),
        ({"a": Decimal("1.50")}, {"a": Decimal("1.5")}, True),
        ({"a": [1, 2]}, {"a": [2, 1]}, False),
        ({"a": None}, {}, False),
        ({"a": "1"}, {"a": 1}, False),
    ],
)
def test_e7_a_body_is_the_same_however_it_is_written(
    one: object, other: object, same: bool
) -> None:
    assert (body_hash("ASK", one) == body_hash("ASK", other)) is same
