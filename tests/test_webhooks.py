"""Endpoints are sent an organization's events: in order, signed, by rights (D5)."""

from __future__ import annotations

import base64
import json
import logging
import time
from collections.abc import Iterator
from datetime import timedelta
from email.utils import format_datetime
from typing import Any

import msgspec
import pytest
from django.core.exceptions import ValidationError
from django.db import connections
from django.db.models import RestrictedError
from django.test import Client as Browser
from django.utils import timezone
from standardwebhooks import WebhookVerificationError

from bos.models import Notification, Role, Webhook, WebhookAttempt, WebhookState
from bos.webhooks import delivery, endpoints
from bos.webhooks.courier import MOST_OF_ONE, MOST_SLOW, SLOW_MS, Courier
from bos.webhooks.delivery import CATEGORY, MOST_ATTEMPTS, PAUSES, pause_after, send_test, take_turn
from bos.webhooks.endpoints import (
    MOST_ENDPOINTS,
    NotKept,
    Standing,
    webhook_replay,
    webhook_switch_off,
)
from bos.webhooks.leases import Lease, ahead, due
from kpis.models import Kpi
from sync import metrics
from sync.delivery import encodings
from sync.eventlog import log, retention
from sync.eventlog.log import LoggedEvent
from tests.support.cast import Cast, Person
from tests.support.machines import make_machine
from tests.support.receiver import (
    Behaviour,
    Endpoint,
    Receiver,
    answers,
    hangs,
    hangs_up,
    hangs_up_in_content,
    hangs_up_in_header,
    late,
    make_endpoint,
    never_ends,
    taking_part,
    trickles,
)
from tests.support.waiting import until

PATIENCE = 0.4
"""Of the sender, in seconds: what hangs is given up after that."""


@pytest.fixture
def receiver(database: None, settings: Any) -> Iterator[Receiver]:
    settings.OUTBOUND_INSIDE = True
    settings.WEBHOOK_TIMEOUT = PATIENCE
    with Receiver() as made:
        yield made
    Webhook.objects.all().delete()  # no worker of another test is to look for this receiver


@pytest.fixture
def endpoint(cast: Cast, receiver: Receiver) -> Endpoint:
    """Of a manager, sent everything."""
    return make_endpoint(cast.home, receiver)


def change(kpi: Kpi, *values: int) -> list[LoggedEvent]:
    """Set these values, one after the other; the events of that."""
    organization_id = str(kpi.organization_id)
    before = log.head(organization_id).sequence
    for value in values:
        kpi.value = value
        kpi.save()
    end = log.head(organization_id).sequence
    return log.read(organization_id, after=before, upto=end, limit=1_000)


def told(person: Person) -> list[str]:
    rows = Notification.objects.filter(user=person.user, category=CATEGORY).order_by("created_at")
    return list(rows.values_list("title", flat=True))


def tries(endpoint: Endpoint) -> list[tuple[int | None, int | None, str]]:
    """Sequence, status and error of each attempt, the oldest first."""
    rows = endpoint.webhook.attempts.order_by("pk")
    return list(rows.values_list("sequence", "status", "error"))


# ------------------------------------------------------------------ what is sent


def test_d5_events_are_sent_in_order_signed_and_with_the_payloads_of_the_socket(
    cast: Cast, receiver: Receiver, endpoint: Endpoint
) -> None:
    events = change(cast.home.revenue, 1, 2, 3)
    assert endpoint.deliver().position == events[-1].sequence
    assert [each.id for each in receiver.received] == [
        f"{cast.home.id}:{event.sequence}" for event in events
    ]
    for event, each in zip(events, receiver.received, strict=True):
        body = each.verified(endpoint.secret)
        assert (body["type"], event.live_type) == ("KPI_UPDATED", "KPI_UPDATED")
        [message, _] = encodings.broadcast(event)
        socket_has = msgspec.json.decode(message)
        assert body["data"] == socket_has["payload"]
        assert body["timestamp"] == socket_has["timestamp"]
        assert each.headers["content-type"] == "application/json"
    with pytest.raises(WebhookVerificationError):
        receiver.received[0].verified("whsec_" + base64.b64encode(b"x" * 32).decode())
    take_turn(endpoint.webhook.pk)
    assert len(receiver.received) == 3  # nothing is sent twice where nothing went wrong


def test_d5_an_endpoint_is_sent_the_entities_and_messages_that_it_names(
    cast: Cast, receiver: Receiver
) -> None:
    named = {
        "entity": make_endpoint(cast.home, receiver, "kpi", name="entity"),
        "message": make_endpoint(cast.home, receiver, "DEPARTMENT_UPDATED", name="message"),
        "both": make_endpoint(cast.home, receiver, "kpi", "KPI_UPDATED", name="both"),
    }
    [event] = change(cast.home.revenue, 5)
    cast.home.sales.name = "Sales of the north"
    cast.home.sales.save()
    sent = {}
    for name, endpoint in named.items():
        receiver.received.clear()
        assert endpoint.deliver().position == log.head(cast.home.id).sequence
        sent[name] = [each.body for each in receiver.received]
    assert [body["type"] for body in sent["entity"]] == ["SYNC_UPDATE"]
    data = msgspec.json.decode(encodings.sync_message(event))["payload"]
    assert sent["entity"][0]["data"] == data
    assert data["data"]["value"] == 5
    assert [body["type"] for body in sent["message"]] == ["DEPARTMENT_UPDATED"]
    assert [body["type"] for body in sent["both"]] == ["KPI_UPDATED"]


def test_d5_an_endpoint_begins_with_what_comes_after_it(cast: Cast, receiver: Receiver) -> None:
    change(cast.home.revenue, 1)
    endpoint = make_endpoint(cast.home, receiver)
    [event] = change(cast.home.revenue, 2)
    endpoint.deliver()
    assert receiver.sequences == [event.sequence]


def test_d5_a_turn_goes_on_after_a_full_batch(
    cast: Cast, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint = make_endpoint(cast.home, receiver, "department")
    monkeypatch.setattr(delivery, "BATCH", 2)  # a number, not our code
    change(cast.home.revenue, *range(1, 6))
    cast.home.sales.name = "Elsewhere"
    cast.home.sales.save()
    assert endpoint.deliver().position == log.head(cast.home.id).sequence
    assert len(receiver.received) == 1


# ------------------------------------------------------------------ rights


def test_d5_what_the_account_may_not_see_is_not_sent_and_is_no_gap(
    cast: Cast, receiver: Receiver
) -> None:
    endpoint = make_endpoint(cast.home, receiver, "kpi", role=Role.VIEWER)
    change(cast.home.margin, 8)
    [seen] = change(cast.home.revenue, 9)
    change(cast.home.margin, 10)
    assert endpoint.deliver().position == log.head(cast.home.id).sequence
    assert receiver.sequences == [seen.sequence]
    assert tries(endpoint) == [(seen.sequence, 200, "")]


def test_d5_the_rights_of_the_moment_count_not_those_of_the_event(
    cast: Cast, receiver: Receiver
) -> None:
    endpoint = make_endpoint(cast.home, receiver, "kpi")
    [one, two, _] = change(cast.home.margin, 11, 12, 13)
    user = endpoint.machine.user

    def demote() -> None:
        user.role = Role.VIEWER
        user.save()
        connections.close_all()

    receiver.will(answers(200), taking_part(demote))
    endpoint.deliver()
    assert receiver.sequences == [one.sequence, two.sequence]


def test_d5_of_another_organization_nothing_is_sent(cast: Cast, receiver: Receiver) -> None:
    endpoint = make_endpoint(cast.other, receiver)
    change(cast.home.revenue, 1)
    endpoint.deliver()
    assert receiver.received == []
    # Nor after its account has moved there, by whatever way.
    moved = make_endpoint(cast.home, receiver, name="moved")
    user = moved.machine.user
    user.organization = cast.other.organization
    user.save()
    change(cast.home.revenue, 2)
    change(cast.other.revenue, 2)
    assert moved.deliver().state == WebhookState.PAUSED
    assert receiver.received == []


def test_d5_an_account_that_is_switched_off_is_sent_nothing_more(
    cast: Cast, receiver: Receiver, endpoint: Endpoint
) -> None:
    user = endpoint.machine.user
    [one, two] = change(cast.home.revenue, 1, 2)

    def switch_off() -> None:
        user.is_active = False
        user.save()
        connections.close_all()

    receiver.will(taking_part(switch_off))
    row = endpoint.deliver()
    assert receiver.sequences == [one.sequence]
    assert (row.state, row.position) == (WebhookState.PAUSED, one.sequence)
    assert "switched off" in row.reason
    assert told(cast.alice) == ["The webhook “Till” is paused"]
    assert told(cast.mia) == told(cast.charlie) == []
    endpoint.deliver()
    assert len(receiver.received) == 1
    user.is_active = True
    user.save()
    assert endpoints.webhook_resume(endpoint.webhook)
    endpoint.deliver()
    assert receiver.sequences[:2] == [one.sequence, two.sequence]


# ------------------------------------------------------------------ receivers that fail and lie

FAILURES: dict[str, tuple[Behaviour, int | None, str]] = {
    "an error": (answers(500), 500, "answered 500"),
    "a refusal": (answers(404), 404, "answered 404"),
    "a redirect": (
        answers(302, "Location: http://127.0.0.1:9/x"),
        302,
        "redirects are not followed",
    ),
    "endless redirect": (never_ends(307, "Location: http://10.0.0.1/"), 307, "not followed"),
    "silence": (hangs, None, "No answer within"),
    "200 too late": (late(PATIENCE * 2), None, "No answer within"),
    "a header without end": (trickles, None, "No answer within"),
    "half a status": (hangs_up, None, "hung up"),
}


@pytest.mark.parametrize("name", FAILURES)
def test_d5_an_event_that_is_not_taken_is_sent_again_before_any_other(
    name: str, cast: Cast, receiver: Receiver, endpoint: Endpoint
) -> None:
    behaviour, status, error = FAILURES[name]
    [one, two] = change(cast.home.revenue, 1, 2)
    receiver.will(behaviour)
    before = timezone.now()
    row = endpoint.deliver()
    assert receiver.sequences == [one.sequence]
    assert (row.position, row.failures) == (one.sequence - 1, 1)
    assert row.failing_since is not None
    assert timedelta(seconds=4) < row.due_at - before
    [(sequence, answered, words)] = tries(endpoint)
    assert (sequence, answered) == (one.sequence, status)
    assert error in words
    assert error in row.reason
    take_turn(endpoint.webhook.pk)  # it is not due
    assert len(receiver.received) == 1
    row = endpoint.deliver()
    assert receiver.sequences == [one.sequence, one.sequence, two.sequence]
    assert receiver.received[0].content == receiver.received[1].content
    assert (row.position, row.failures, row.failing_since, row.reason) == (
        two.sequence,
        0,
        None,
        "",
    )


@pytest.mark.parametrize("content", [hangs_up_in_header, hangs_up_in_content, never_ends(200)])
def test_d5_of_an_answer_the_status_counts_and_nothing_else_is_read(
    content: Behaviour, cast: Cast, receiver: Receiver, endpoint: Endpoint
) -> None:
    events = change(cast.home.revenue, 1, 2)
    receiver.will(content)
    assert endpoint.deliver().position == events[-1].sequence
    assert receiver.sequences == [event.sequence for event in events]


def test_d5_a_receiver_that_is_not_there_is_a_failure(
    cast: Cast, receiver: Receiver, endpoint: Endpoint
) -> None:
    change(cast.home.revenue, 1)
    endpoint.set(address="http://127.0.0.1:9/")
    endpoint.deliver()
    assert "cannot be reached" in endpoint.now().reason


def test_d5_an_address_inside_the_network_is_sent_nothing(
    cast: Cast, receiver: Receiver, endpoint: Endpoint, settings: Any
) -> None:
    """It was outside when it was saved."""
    settings.OUTBOUND_INSIDE = False
    change(cast.home.revenue, 1)
    row = endpoint.deliver()
    assert receiver.received == []
    assert row.reason == "This address is inside the server's own network."
    assert row.failures == 1


# ------------------------------------------------------------------ pauses


def test_d5_pauses_grow_and_differ() -> None:
    for failures in (1, 2, 5, 6, 7, 1_000):
        least = PAUSES[min(failures, len(PAUSES)) - 1]
        pauses = {pause_after(failures) for _ in range(20)}
        assert len(pauses) > 1
        assert all(least <= pause <= least * 1.2 for pause in pauses)
    assert pause_after(1_000) >= 3_600


IN_90_SECONDS = "in 90 seconds"


@pytest.mark.parametrize(
    ("asked", "least", "most"),
    [
        ("0", 4, 7),
        ("90", 88, 109),
        (IN_90_SECONDS, 86, 109),
        ("3600", 3_598, 4_321),
        ("3601", 3_598, 4_321),
        ("9" * 400, 3_598, 4_321),
        ("-5", 4, 7),
        ("soon", 4, 7),
        ("Mon, 01 Jan 1990 00:00:00 GMT", 4, 7),
        ("Mon, 01 Jan 99999999999999999999 00:00:00 GMT", 4, 7),
    ],
)
def test_d5_a_receiver_may_ask_for_an_hour_at_most(
    asked: str, least: int, most: int, cast: Cast, receiver: Receiver, endpoint: Endpoint
) -> None:
    if asked == IN_90_SECONDS:
        asked = format_datetime(timezone.now() + timedelta(seconds=90), usegmt=True)
    change(cast.home.revenue, 1)
    receiver.will(answers(429, f"RETRY-after: {asked}"))
    pause = endpoint.deliver().due_at - timezone.now()
    assert timedelta(seconds=least) < pause < timedelta(seconds=most)


def test_d5_a_receiver_that_is_gone_is_switched_off_at_once(
    cast: Cast, receiver: Receiver, endpoint: Endpoint
) -> None:
    change(cast.home.revenue, 1)
    receiver.will(answers(410))
    row = endpoint.deliver()
    assert row.state == WebhookState.OFF
    assert told(cast.alice) == ["The webhook “Till” is switched off"]
    endpoint.deliver()
    assert len(receiver.received) == 1


@pytest.mark.parametrize("status", [200, 410, 500])
def test_d5_switched_off_by_hand_during_a_request_it_stays_so_whatever_is_answered(
    cast: Cast, receiver: Receiver, endpoint: Endpoint, status: int
) -> None:
    [first, _] = change(cast.home.revenue, 1, 2)
    endpoint.set(failing_since=timezone.now() - timedelta(days=2), failures=9)

    def switch_off() -> None:
        webhook_switch_off(endpoint.webhook)
        connections.close_all()

    receiver.will(taking_part(switch_off, answers(status)))
    row = endpoint.deliver()
    assert (row.state, row.reason) == (WebhookState.OFF, "Switched off by hand.")
    assert row.position == first.sequence - (status != 200)
    assert len(receiver.received) == 1
    assert told(cast.alice) == []


def test_d5_resumed_by_hand_during_a_request_its_day_begins_anew(
    cast: Cast, receiver: Receiver, endpoint: Endpoint
) -> None:
    change(cast.home.revenue, 1)
    endpoint.set(failing_since=timezone.now() - timedelta(days=2), failures=9)

    def resume() -> None:
        endpoints.webhook_resume(endpoint.webhook)
        connections.close_all()

    receiver.will(taking_part(resume, answers(500)))
    row = endpoint.deliver()
    assert (row.state, row.failures) == (WebhookState.ACTIVE, 1)
    assert row.failing_since is not None
    assert row.failing_since > timezone.now() - timedelta(hours=1)
    assert told(cast.alice) == []


def test_d5_a_day_of_failures_pauses_and_informs_the_administrators(
    cast: Cast, receiver: Receiver, endpoint: Endpoint
) -> None:
    [event] = change(cast.home.revenue, 1)
    receiver.will(answers(500), answers(500), answers(500))
    endpoint.deliver()
    day = timedelta(days=1)
    endpoint.set(failing_since=timezone.now() - day + timedelta(minutes=1))
    assert endpoint.deliver().state == WebhookState.ACTIVE
    assert told(cast.alice) == []
    endpoint.set(failing_since=timezone.now() - day)
    row = endpoint.deliver()
    assert (row.state, row.position) == (WebhookState.PAUSED, event.sequence - 1)
    assert told(cast.alice) == ["The webhook “Till” is paused"]
    [notice] = Notification.objects.filter(user=cast.alice.user, category=CATEGORY)
    assert notice.data == {"webhookId": str(endpoint.webhook.pk)}
    assert "answered 500" in notice.message
    assert list(due().filter(pk=endpoint.webhook.pk)) == []
    # Resumed by hand, it goes on from where it stopped.
    assert endpoints.webhook_resume(endpoint.webhook)
    assert not endpoints.webhook_resume(endpoint.webhook)
    endpoint.deliver()
    assert receiver.sequences[:4] == [event.sequence] * 4


# ------------------------------------------------------------------ replay and pruned events


def test_d5_events_are_sent_again_from_any_that_is_kept(
    cast: Cast, receiver: Receiver, endpoint: Endpoint
) -> None:
    events = change(cast.home.revenue, 1, 2, 3)
    endpoint.deliver()
    webhook_replay(endpoint.webhook, from_sequence=events[1].sequence)
    endpoint.deliver()
    sent = [event.sequence for event in events]
    assert receiver.sequences == sent + sent[1:]
    first, again = receiver.received[1], receiver.received[3]
    assert (first.id, first.content) == (again.id, again.content)
    end = log.head(cast.home.id)
    for unknown in (end.pruned_sequence, end.sequence + 2):
        with pytest.raises(NotKept):
            webhook_replay(endpoint.webhook, from_sequence=unknown)
    webhook_replay(endpoint.webhook, from_sequence=end.sequence + 1)  # leaves out what waits
    webhook_replay(endpoint.webhook, from_sequence=end.pruned_sequence + 1)
    assert endpoint.now().position == end.pruned_sequence


def test_d5_a_replay_forgets_failures_and_resumes_nothing(
    cast: Cast, receiver: Receiver, endpoint: Endpoint
) -> None:
    [event] = change(cast.home.revenue, 1)
    receiver.will(answers(500))
    assert endpoint.deliver().reason != ""
    webhook_replay(endpoint.webhook, from_sequence=event.sequence)
    row = endpoint.now()
    assert (row.failures, row.failing_since, row.reason) == (0, None, "")
    receiver.will(answers(410))
    reason = endpoint.deliver().reason
    webhook_replay(endpoint.webhook, from_sequence=event.sequence)
    row = endpoint.deliver()
    assert (row.state, row.reason) == (WebhookState.OFF, reason)
    assert len(receiver.received) == 2


def test_d5_a_replay_counts_that_is_asked_for_while_a_request_is_under_way(
    cast: Cast, receiver: Receiver, endpoint: Endpoint
) -> None:
    events = change(cast.home.revenue, 1, 2, 3)

    def replay() -> None:
        webhook_replay(endpoint.webhook, from_sequence=events[0].sequence)
        connections.close_all()

    receiver.will(answers(200), taking_part(replay))
    endpoint.deliver()
    endpoint.deliver()
    sent = [event.sequence for event in events]
    assert receiver.sequences == sent[:2] + sent


def test_d5_events_that_are_no_longer_kept_are_named_and_passed(
    cast: Cast, receiver: Receiver, endpoint: Endpoint
) -> None:
    events = change(cast.home.revenue, 1, 2, 3)
    retention.prune_events_of(cast.home.id, events[2].at_us)
    row = endpoint.deliver()
    assert receiver.sequences == [events[2].sequence]
    assert row.position == events[2].sequence
    text = f"Events {events[0].sequence} to {events[1].sequence} are no longer kept"
    assert tries(endpoint)[0][2].startswith(text)
    assert told(cast.alice) == ["The webhook “Till” has missed events"]
    # All of them, so that nothing is left to go on from.
    last = change(cast.home.revenue, 4)[0]
    retention.prune_events_of(cast.home.id, last.at_us + 1)
    assert endpoint.deliver().position >= last.sequence
    assert len(receiver.received) == 1


# ------------------------------------------------------------------ one worker at a time


def test_d5_an_endpoint_is_one_workers_until_its_lease_lapses(
    cast: Cast, receiver: Receiver, endpoint: Endpoint
) -> None:
    [event] = change(cast.home.revenue, 1)
    id_ = endpoint.webhook.pk
    halted = Lease.claim(id_)
    assert halted is not None
    assert Lease.claim(id_) is None
    assert list(due().filter(pk=id_)) == []
    endpoint.deliver()
    assert receiver.received == []
    endpoint.set(leased_until=timezone.now() - timedelta(seconds=1))
    endpoint.deliver()
    assert receiver.sequences == [event.sequence]
    # The worker that was halted comes back, and changes nothing any more.
    assert halted.webhook() is None
    assert not halted.change(after=event.sequence, position=0)
    halted.give_back()
    assert endpoint.now().position == event.sequence


def test_d5_while_a_request_is_under_way_nobody_waits_for_the_database(
    cast: Cast, receiver: Receiver, endpoint: Endpoint
) -> None:
    [event] = change(cast.home.revenue, 1)
    took: list[float] = []

    def write() -> None:
        began = time.monotonic()
        endpoint.set(name="Renamed")
        took.append(time.monotonic() - began)
        take_turn(endpoint.webhook.pk)  # another worker's: it leaves it alone
        connections.close_all()

    receiver.will(taking_part(write))
    assert endpoint.deliver().position == event.sequence
    assert took[0] < PATIENCE
    assert receiver.sequences == [event.sequence]
    assert endpoint.now().name == "Renamed"


async def test_d5_slow_receivers_keep_neither_other_endpoints_nor_others_waiting(
    cast: Cast, receiver: Receiver, settings: Any
) -> None:
    settings.WEBHOOK_TIMEOUT = 30.0
    with Receiver() as quick:
        slow = [
            make_endpoint(cast.home, receiver, name=f"slow {n}") for n in range(MOST_OF_ONE + 2)
        ]
        receiver.will(*[hangs] * len(slow))
        # Known to be slow: they share a part of the threads, whosever they are.
        for endpoint in slow:
            endpoint.set(took_ms=SLOW_MS + 1)
        other = make_endpoint(cast.other, quick)
        courier = Courier()
        courier.start()
        try:
            change(cast.home.revenue, 1)
            await until(lambda: len(receiver.received) == MOST_OF_ONE, within=10)
            change(cast.other.revenue, 1)
            await until(lambda: len(quick.received) == 1, within=10)
            own = make_endpoint(cast.other, quick, name="own")
            change(cast.other.revenue, 2)
            await until(lambda: len(quick.received) == 3, within=10)
            assert len(receiver.received) == MOST_OF_ONE
        finally:
            receiver.let_go()
            courier.end()
            courier.wait()
    assert {other.now().failures, own.now().failures} == {0}
    assert other.now().lease is None


async def test_d5_a_fault_of_ours_at_one_endpoint_stops_no_other(
    cast: Cast, receiver: Receiver
) -> None:
    bad = make_endpoint(cast.home, receiver, name="bad")
    bad.set(event_types=5)  # nobody can have saved that
    good = make_endpoint(cast.home, receiver, name="good")
    [event] = change(cast.home.revenue, 1)
    courier = Courier()
    courier.start()
    try:
        await until(lambda: good.now().position == event.sequence, within=10)
        minute = timedelta(seconds=30)
        await until(lambda: bad.now().due_at > timezone.now() + minute, within=10)
    finally:
        courier.end()
        courier.wait()
    assert receiver.sequences == [event.sequence]
    assert (bad.now().lease, bad.now().position) == (None, event.sequence - 1)


def test_d5_slow_endpoints_have_half_of_the_threads_at_most(cast: Cast, receiver: Receiver) -> None:
    tenants = [cast.home, cast.other]
    made = []
    for tenant in tenants:
        for n in range(MOST_OF_ONE):
            made.append(make_endpoint(tenant, receiver, name=f"{n}"))
            made[-1].set(failures=1)
        change(tenant.revenue, 1)
    courier = Courier()
    turns = courier._next_turns()
    mine = {endpoint.webhook.pk for endpoint in made}
    assert set(turns) == mine
    assert len(turns) == MOST_SLOW
    courier._turns = turns
    assert courier._next_turns() == {}
    courier._turns = {}
    courier.end()
    courier._pool.shutdown()


# ------------------------------------------------------------------ its life


def test_d5_after_a_rotation_both_secrets_sign_for_a_day(
    cast: Cast, receiver: Receiver, endpoint: Endpoint
) -> None:
    new = endpoints.webhook_rotate(endpoint.webhook)
    assert new != endpoint.secret
    change(cast.home.revenue, 1)
    endpoint.deliver()
    assert receiver.received[0].verified(new) == receiver.received[0].verified(endpoint.secret)
    until_ = endpoint.now().former_until
    assert until_ is not None
    assert timedelta(hours=23) < until_ - timezone.now() <= timedelta(days=1)
    endpoint.set(former_until=timezone.now())
    change(cast.home.revenue, 2)
    endpoint.deliver()
    receiver.received[1].verified(new)
    with pytest.raises(WebhookVerificationError):
        receiver.received[1].verified(endpoint.secret)
    assert endpoints.forget_former_secrets() >= 1
    assert endpoint.now().former_secret == ""


def test_d5_a_secret_is_neither_stored_nor_logged_as_it_is(
    cast: Cast, receiver: Receiver, endpoint: Endpoint, caplog: pytest.LogCaptureFixture
) -> None:
    raw = base64.b64decode(endpoint.secret.removeprefix("whsec_"))
    assert len(raw) == 32
    assert endpoint.secret not in str(Webhook.objects.filter(pk=endpoint.webhook.pk).values())
    change(cast.home.revenue, 1)
    receiver.will(answers(500))
    for logger in ("bos", "urllib3"):
        logging.getLogger(logger).addHandler(caplog.handler)
    try:
        with caplog.at_level(logging.DEBUG):
            endpoint.deliver()
    finally:
        for logger in ("bos", "urllib3"):
            logging.getLogger(logger).removeHandler(caplog.handler)
    assert endpoint.secret.removeprefix("whsec_") not in caplog.text
    assert "KPI_UPDATED" not in caplog.text


def test_d5_a_secret_that_cannot_be_opened_pauses(
    cast: Cast, receiver: Receiver, endpoint: Endpoint, settings: Any
) -> None:
    change(cast.home.revenue, 1)
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "another key " * 6, []
    row = endpoint.deliver()
    assert (row.state, receiver.received) == (WebhookState.PAUSED, [])
    assert "rotate it" in row.reason


def test_d5_a_test_is_signed_and_no_event(
    cast: Cast, receiver: Receiver, endpoint: Endpoint
) -> None:
    head = log.head(cast.home.id)
    assert send_test(endpoint.webhook).is_taken
    receiver.will(answers(503))
    assert send_test(endpoint.webhook).error == "The receiver answered 503."
    for each in receiver.received:
        body = each.verified(endpoint.secret)
        assert body["type"] == "webhook.test"
        assert body["data"]["webhookId"] == str(endpoint.webhook.pk)
    assert receiver.received[0].id != receiver.received[1].id
    assert log.head(cast.home.id) == head
    assert tries(endpoint) == [(None, 200, ""), (None, 503, "The receiver answered 503.")]
    assert endpoint.now().failures == 0


def test_d5_the_newest_hundred_attempts_are_kept(
    cast: Cast, receiver: Receiver, endpoint: Endpoint
) -> None:
    rows = [WebhookAttempt(webhook=endpoint.webhook, sequence=n) for n in range(MOST_ATTEMPTS - 1)]
    WebhookAttempt.objects.bulk_create(rows)
    [one] = change(cast.home.revenue, 1)
    endpoint.deliver()
    assert len(tries(endpoint)) == MOST_ATTEMPTS
    [two] = change(cast.home.revenue, 2)
    endpoint.deliver()
    kept = [sequence for sequence, _, _ in tries(endpoint)]
    assert len(kept) == MOST_ATTEMPTS
    assert (kept[0], kept[-2:]) == (1, [one.sequence, two.sequence])


def test_d5_an_organization_has_twenty_endpoints_at_most(cast: Cast, receiver: Receiver) -> None:
    first = make_endpoint(cast.home, receiver)
    account = first.webhook.account
    values: dict[str, Any] = {"address": receiver.address, "account": account}
    for n in range(MOST_ENDPOINTS - 1):
        endpoints.webhook_create(cast.home.organization.pk, name=f"{n}", **values)
    with pytest.raises(ValidationError, match="at most 20"):
        endpoints.webhook_create(cast.home.organization.pk, name="one more", **values)
    make_endpoint(cast.other, receiver)
    with pytest.raises(ValidationError, match="another organization"):
        endpoints.webhook_create(cast.other.organization.pk, name="foreign", **values)
    with pytest.raises(RestrictedError):
        account.user.delete()
    cast.home.organization.delete()  # with all that is in it
    assert not Webhook.objects.filter(pk=first.webhook.pk).exists()


@pytest.mark.once("sqlite")
def test_d5_metrics_say_how_many_stand_how_and_for_how_long(
    cast: Cast, receiver: Receiver, endpoint: Endpoint
) -> None:
    Webhook.objects.exclude(pk=endpoint.webhook.pk).delete()
    named = ("bos_webhooks", "bos_webhook_lag_seconds")

    def read() -> tuple[dict[str, float], dict[str, float]]:
        counts, lags = (metrics.declared[name].values() for name in named)
        return {key[1]: n for key, n in counts.items()}, {key[1]: n for key, n in lags.items()}

    assert read()[0] == {"active": 1, "retrying": 0, "paused": 0, "off": 0}
    assert set(read()[1].values()) == {0.0}
    change(cast.home.revenue, 1)
    assert read()[1]["active"] > 0
    receiver.will(answers(500))
    endpoint.deliver()
    counts, lags = read()
    assert (counts["active"], counts["retrying"]) == (0, 1)
    assert lags["active"] == 0 < lags["retrying"]
    standing = Standing.of(endpoint.now())
    assert (standing.state, standing.behind) == ("retrying", 1)
    assert standing.lag > 0


# ------------------------------------------------------------------ REST

WEBHOOKS = "/api/v1/webhooks"


def ask(person: Person, path: str = "", body: Any = None) -> tuple[int, Any]:
    headers = {"Authorization": f"Bearer {person.token}"}
    browser = Browser()
    if body is None:
        answer = browser.get(WEBHOOKS + path, headers=headers)
    else:
        answer = browser.post(
            WEBHOOKS + path, json.dumps(body), content_type="application/json", headers=headers
        )
    return answer.status_code, json.loads(answer.content)


def test_d5_an_administrator_asks_how_they_stand(cast: Cast, endpoint: Endpoint) -> None:
    change(cast.home.revenue, 1)
    status, found = ask(cast.alice)
    assert status == 200
    [row] = found["webhooks"]
    assert (row["id"], row["state"], row["behind"]) == (str(endpoint.webhook.pk), "active", 1)
    assert row["lagSeconds"] >= 0
    assert "whsec" not in json.dumps(found)
    assert ask(cast.charlie) == (200, {"webhooks": []})
    for person in (cast.mia, cast.bob, cast.vera):
        status, refused = ask(person)
        assert (status, refused["code"]) == (403, "FORBIDDEN")
    machine = make_machine(cast.home.organization, Role.ADMIN)
    status, refused = ask(machine)
    assert (status, refused["code"]) == (403, "FORBIDDEN")
    assert "No key opens it" in refused["message"]


def test_d5_an_administrator_has_events_sent_again(
    cast: Cast, receiver: Receiver, endpoint: Endpoint
) -> None:
    [one, two] = change(cast.home.revenue, 1, 2)
    endpoint.deliver()
    path = f"/{endpoint.webhook.pk}/replay"
    status, row = ask(cast.alice, path, {"fromSequence": two.sequence})
    assert (status, row["position"], row["behind"]) == (200, one.sequence, 1)
    endpoint.deliver()
    assert receiver.sequences == [one.sequence, two.sequence, two.sequence]
    status, refused = ask(cast.alice, path, {"fromSequence": two.sequence + 2})
    assert (status, refused["code"]) == (422, "HISTORY_EXPIRED")
    assert refused["details"]["newest"] == two.sequence
    nonsenses: list[Any] = [
        {},
        {"fromSequence": "x"},
        {"fromSequence": 0},
        {"fromSequence": 2**70},
        [],
    ]
    for nonsense in nonsenses:
        status, refused = ask(cast.alice, path, nonsense)
        assert (status, refused["code"]) == (400, "INVALID_REQUEST")
    foreign = ask(cast.charlie, path, {"fromSequence": 1})
    unknown = ask(cast.alice, f"/{cast.home.id}/replay", {"fromSequence": 1})
    assert foreign == unknown
    assert foreign[0] == 404
    assert ask(cast.mia, path, {"fromSequence": 1})[0] == 403
    assert endpoint.now().position == two.sequence


def test_d5_a_lease_lasts_longer_than_a_request(settings: Any, endpoint: Endpoint) -> None:
    lease = Lease.claim(endpoint.webhook.pk)
    assert lease is not None
    leased_until = endpoint.now().leased_until
    assert leased_until is not None
    rest = (leased_until - timezone.now()).total_seconds()
    assert PATIENCE * 4 < rest <= PATIENCE * 6 + 0.1
    assert Webhook.objects.filter(leased_until__lt=ahead(60)).exists()
