"""Mails leave: what they say, and that each goes out once, whatever the mail server does (B7)."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections
from django.utils import timezone

from bos.leaving.people import user_erase
from bos.models import (
    Delivery,
    DeliveryState,
    DeliveryTrouble,
    Medium,
    MessagePreference,
    MessageSettings,
    Notification,
    PushSubscription,
    User,
)
from bos.outside import sending
from bos.outside.keeping import prune_deliveries
from bos.outside.making import STALE
from bos.outside.sending import CLAIM, PATIENCE, PAUSES, follow_outside, send_due, try_again
from kpis.models import AlertRule, Kpi
from sync.models import Event
from tests.support.backlog import skip_backlog
from tests.support.cast import Cast
from tests.support.dying import send_what_is_due
from tests.support.mailbox import PATIENCE as PATIENCE_OF_HOLD
from tests.support.mailbox import Hold, Mailbox, html_of, mail_into_a_box, text_of
from tests.support.outside import age, at_once, deliveries, delivery, make, make_due, tell, work
from tests.support.server import forkserver
from tests.support.services import free_port

MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def backlog(database: None) -> None:
    skip_backlog()


@pytest.fixture
def mailbox(settings: Any) -> Iterator[Mailbox]:
    with mail_into_a_box(settings) as box:
        yield box


def alert_bob(cast: Cast, severity: str = "critical", kpi: Kpi | None = None) -> None:
    """Let a rule that names bob be crossed."""
    kpi = kpi or cast.home.revenue
    rule = AlertRule.objects.create(
        organization=cast.home.organization,
        kpi=kpi,
        kind="above",
        threshold=150,
        severity=severity,
    )
    rule.notify.add(cast.bob.user)
    kpi.value = 200
    kpi.save()


# ------------------------------------------------------------------ what a mail says


def test_b7_a_critical_alert_is_mailed_at_once_with_its_link_and_reason(
    cast: Cast, mailbox: Mailbox
) -> None:
    alert_bob(cast)
    work(cast)
    [mail] = mailbox.received
    assert mail["To"].endswith(f"<{cast.bob.email}>")
    assert mail["From"] == "BOS <bos@board.example>"
    assert mail["Subject"] == "Revenue is 200 EUR, above 150 EUR."
    assert mail["Auto-Submitted"] == "auto-generated"
    for text in (text_of(mail), html_of(mail)):
        assert "Revenue is 200 EUR, above 150 EUR." in text
        assert "https://board.example/" in text
        assert "You get this because a rule names you, or you own the KPI." in text
        assert "https://board.example/account/messages/" in text
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    stop = mail["List-Unsubscribe"].strip().strip("<>")
    assert stop.startswith("https://board.example/account/messages/stop/")
    assert stop in text_of(mail)
    sent = delivery(cast, state="sent")
    assert mail["Message-ID"] == f"<{sent.pk}@board.example>"
    assert (sent.user, sent.attempts, sent.error) == (cast.bob.user, 1, "")
    assert sent.sent_at is not None


def test_b7_other_alerts_wait_for_the_mail_of_the_day(cast: Cast, mailbox: Mailbox) -> None:
    alert_bob(cast, severity="warning")
    work(cast)
    assert mailbox.received == []
    waiting = delivery(cast)
    assert (waiting.state, waiting.gather) == (DeliveryState.GATHERED, "digest")


def test_b7_what_people_have_written_is_text_and_no_header(cast: Cast, mailbox: Mailbox) -> None:
    User.objects.filter(pk=cast.bob.user.pk).update(name="Bob\r\nBcc: eve@evil.example")
    at_once(cast.bob)
    tell(cast.bob, "Fine\r\nBcc: eve@evil.example", "<script>alert(1)</script>\n.\n.end")
    work(cast)
    [mail] = mailbox.received
    assert mail["Bcc"] is None
    assert mail["Subject"] == "Fine Bcc: eve@evil.example"
    assert mail["To"].addresses[0].addr_spec == cast.bob.email
    assert "<script>" not in html_of(mail)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html_of(mail)
    lines = text_of(mail).splitlines()
    assert "<script>alert(1)</script>" in lines
    assert "." in lines
    assert ".end" in lines, "a line that begins with a dot is whole"


def test_b7_an_address_that_cannot_be_written_is_a_failure_that_says_so(
    cast: Cast, mailbox: Mailbox
) -> None:
    User.objects.filter(pk=cast.bob.user.pk).update(email="bob\r\nRCPT TO:<eve@evil.example>")
    at_once(cast.bob)
    tell(cast.bob)
    work(cast)
    assert mailbox.received == []
    assert delivery(cast).state == DeliveryState.FAILED
    assert delivery(cast).error == "No mail can be written to this address."


def test_b7_each_event_is_told_once_and_none_that_is_older_than_a_day(
    cast: Cast, mailbox: Mailbox
) -> None:
    at_once(cast.bob)
    tell(cast.bob, "old")
    Event.objects.filter(organization_id=cast.home.id, entity_type="notification").update(
        at_us=int((timezone.now() - STALE - MINUTE).timestamp() * 1e6)
    )
    tell(cast.bob, "new")
    work(cast)
    work(cast)
    assert [mail["Subject"] for mail in mailbox.received] == ["new"]


# ------------------------------------------------------------------ rights, at the time of sending


def lost_the_kpi(cast: Cast) -> None:
    User.objects.filter(pk=cast.bob.user.pk).update(role="viewer")
    cast.bob.user.employee.delete()


def deactivated(cast: Cast) -> None:
    User.objects.filter(pk=cast.bob.user.pk).update(is_active=False)


def moved_away(cast: Cast) -> None:
    User.objects.filter(pk=cast.bob.user.pk).update(organization=cast.other.organization)


def read_it(cast: Cast) -> None:
    Notification.objects.filter(user=cast.bob.user).update(read_at=timezone.now())


def archived(cast: Cast) -> None:
    Kpi.objects.filter(pk=cast.home.margin.pk).update(archived_at=timezone.now())


def chose_never(cast: Cast) -> None:
    MessagePreference.objects.create(
        user=cast.bob.user, category="critical_alert", medium="email", choice="never"
    )


LOSSES = [lost_the_kpi, deactivated, moved_away, read_it, archived, chose_never]


@pytest.mark.parametrize("loses", LOSSES, ids=lambda loses: loses.__name__)
def test_b7_nothing_goes_to_somebody_who_may_or_wants_it_no_more(
    cast: Cast, mailbox: Mailbox, loses: Any
) -> None:
    alert_bob(cast, kpi=cast.home.margin)
    make()
    assert delivery(cast).state == DeliveryState.WAITING
    loses(cast)
    send_due(cast.home.id)
    assert mailbox.received == []
    assert delivery(cast).state == DeliveryState.DROPPED
    assert delivery(cast).error


# ------------------------------------------------------------------ a server that refuses


def test_b7_what_the_server_refuses_for_good_has_failed_and_admins_are_told_once(
    cast: Cast, mailbox: Mailbox
) -> None:
    at_once(cast.bob)
    mailbox.refuse["RCPT"] = "550 no such user here"
    for title in ("one", "two"):
        tell(cast.bob, title)
        work(cast)
    assert [row.state for row in deliveries(cast, user=cast.bob.user)] == ["failed", "failed"]
    [error] = {row.error for row in deliveries(cast, user=cast.bob.user)}
    assert error == "The mail server does not take this address: 550 no such user here"
    [told] = Notification.objects.filter(user=cast.alice.user)
    assert (told.category, told.title) == (
        "delivery_failed",
        "Messages by email are not delivered",
    )
    assert error in told.message
    DeliveryTrouble.objects.update(told_at=timezone.now() - timedelta(days=1))
    tell(cast.bob, "three")
    work(cast)
    assert Notification.objects.filter(user=cast.alice.user).count() == 2


@pytest.mark.parametrize("command", ["RCPT", "DATA"])
def test_b7_what_the_server_does_not_take_now_is_tried_again_with_growing_pauses(
    cast: Cast, mailbox: Mailbox, command: str
) -> None:
    at_once(cast.bob)
    tell(cast.bob)
    mailbox.refuse[command] = "451 come back later"
    make()
    for n, pause in enumerate(PAUSES[:3], start=1):
        before = timezone.now()
        send_due(cast.home.id)
        row = delivery(cast)
        assert (row.state, row.attempts) == (DeliveryState.WAITING, n)
        assert before + pause <= row.next_at <= timezone.now() + pause
        assert "451 come back later" in row.error
        send_due(cast.home.id)
        assert delivery(cast).attempts == n, "not before its time"
        make_due(cast)
    mailbox.refuse.clear()
    send_due(cast.home.id)
    assert len(mailbox.received) == 1
    assert (delivery(cast).state, delivery(cast).error) == (DeliveryState.SENT, "")


def test_b7_after_a_day_it_is_given_up_and_an_administrator_may_try_it_again(
    cast: Cast, mailbox: Mailbox
) -> None:
    at_once(cast.bob)
    tell(cast.bob)
    mailbox.refuse["RCPT"] = "450 busy"
    make()
    age(cast, PATIENCE - PAUSES[0] - MINUTE)
    send_due(cast.home.id)
    assert delivery(cast).state == DeliveryState.WAITING
    age(cast, MINUTE)
    make_due(cast)
    send_due(cast.home.id)
    assert delivery(cast).state == DeliveryState.GIVEN_UP
    assert Notification.objects.filter(user=cast.alice.user).count() == 1
    mailbox.refuse.clear()
    assert try_again(Delivery.objects.of(cast.home.id)) == 1
    send_due(cast.home.id)
    assert delivery(cast, user=cast.bob.user).state == DeliveryState.SENT
    assert try_again(Delivery.objects.filter(user=cast.bob.user)) == 0


def test_b7_a_server_that_is_away_is_asked_by_one_mail_and_all_others_wait(
    cast: Cast, mailbox: Mailbox, settings: Any
) -> None:
    settings.EMAIL_PORT, there = free_port(), settings.EMAIL_PORT
    for person in (cast.bob, cast.vera, cast.mia):
        at_once(person)
        tell(person)
    work(cast)
    rows = deliveries(cast)
    assert sorted(row.attempts for row in rows) == [0, 0, 1]
    assert {row.state for row in rows} == {DeliveryState.WAITING}
    assert {row.error for row in rows} == {"The mail server cannot be reached, or does not answer."}
    assert all(row.next_at > timezone.now() for row in rows)
    settings.EMAIL_PORT = there
    make_due(cast)
    send_due(cast.home.id)
    assert len(mailbox.received) == 3
    assert {row.state for row in deliveries(cast)} == {DeliveryState.SENT}


def test_b7_a_server_that_refuses_the_sender_is_no_fault_of_a_mail(
    cast: Cast, mailbox: Mailbox
) -> None:
    at_once(cast.bob)
    tell(cast.bob)
    mailbox.refuse["MAIL"] = "550 not from you"
    work(cast)
    assert delivery(cast).state == DeliveryState.WAITING
    assert "takes no mail from bos@board.example: 550 not from you" in delivery(cast).error


# ------------------------------------------------------------------ a server that hangs


def test_b7_a_server_that_hangs_before_the_text_has_taken_nothing(
    cast: Cast, mailbox: Mailbox, settings: Any
) -> None:
    settings.EMAIL_TIMEOUT = 0.3
    at_once(cast.bob)
    tell(cast.bob)
    mailbox.before = hold = Hold("RCPT")
    work(cast)
    hold.let_go()
    assert delivery(cast).state == DeliveryState.WAITING
    mailbox.before, settings.EMAIL_TIMEOUT = None, 5
    make_due(cast)
    send_due(cast.home.id)
    assert mailbox.texts == 1


def test_b7_a_server_that_hangs_after_the_text_may_have_taken_it_so_it_is_not_sent_again(
    cast: Cast, mailbox: Mailbox, settings: Any
) -> None:
    settings.EMAIL_ANSWER_TIMEOUT = 0.3
    at_once(cast.bob)
    tell(cast.bob)
    mailbox.before = hold = Hold("DATA")
    work(cast)
    hold.let_go()
    mailbox.before = None
    assert delivery(cast, user=cast.bob.user).state == DeliveryState.FAILED
    assert "It may have arrived" in delivery(cast, user=cast.bob.user).error
    follow_outside()
    send_due(cast.home.id)
    assert mailbox.texts == 1


def test_b7_no_transaction_is_open_while_the_server_is_talked_to(
    cast: Cast, mailbox: Mailbox
) -> None:
    """On SQLite one would keep everybody from writing."""
    at_once(cast.bob)
    tell(cast.bob)
    states = []

    def write(command: str) -> None:
        if command in ("RCPT", "DATA"):
            User.objects.filter(pk=cast.vera.user.pk).update(name=command)
            states.append(Delivery.objects.get(organization=cast.home.organization).state)
        connections.close_all()

    mailbox.before = write
    work(cast)
    assert states == [DeliveryState.WAITING, DeliveryState.HANDED]
    assert delivery(cast).state == DeliveryState.SENT


# ------------------------------------------------------------------ workers that die, or are two


def killed_at(command: str, cast: Cast, mailbox: Mailbox) -> None:
    """Have a process send what is due, and kill it while the server is at this command."""
    mailbox.before = hold = Hold(command)
    environment = os.environ | {
        "EMAIL_URL": f"smtp://127.0.0.1:{mailbox.port}",
        "BOS_PUBLIC_URL": "https://board.example",
        "BOS_MAIL_FROM": "bos@board.example",
    }
    process = forkserver.Process(target=send_what_is_due, args=(cast.home.id, dict(environment)))
    process.start()
    assert hold.reached.wait(PATIENCE_OF_HOLD)
    process.kill()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    hold.let_go()
    mailbox.before = None


def test_b7_a_worker_that_is_killed_before_the_text_left_loses_nothing(
    cast: Cast, mailbox: Mailbox
) -> None:
    at_once(cast.bob)
    tell(cast.bob)
    make()
    killed_at("RCPT", cast, mailbox)
    send_due(cast.home.id)
    assert mailbox.texts == 0, "it is claimed as long as a job may live"
    age(cast, CLAIM)
    send_due(cast.home.id)
    assert len(mailbox.received) == mailbox.texts == 1
    assert delivery(cast).state == DeliveryState.SENT


def test_b7_a_worker_that_is_killed_after_the_text_left_sends_it_no_second_time(
    cast: Cast, mailbox: Mailbox
) -> None:
    at_once(cast.bob)
    tell(cast.bob)
    make()
    killed_at("DATA", cast, mailbox)
    assert delivery(cast).state == DeliveryState.HANDED
    age(cast, CLAIM)
    follow_outside()
    send_due(cast.home.id)
    assert mailbox.texts == 1
    row = delivery(cast, user=cast.bob.user)
    assert (row.state, row.error) == (DeliveryState.FAILED, sending.LOST)
    assert Notification.objects.filter(user=cast.alice.user).count() == 1


def test_b7_two_workers_send_each_mail_once(cast: Cast, mailbox: Mailbox) -> None:
    at_once(cast.bob)
    for n in range(12):
        tell(cast.bob, f"number {n}")
    make()

    def send() -> None:
        send_due(cast.home.id)
        connections.close_all()

    workers = [threading.Thread(target=send) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    subjects = [mail["Subject"] for mail in mailbox.received]
    assert sorted(subjects) == sorted(f"number {n}" for n in range(12))


# ------------------------------------------------------------------ what is kept


def test_b7_deliveries_are_forgotten_after_their_days(
    cast: Cast, mailbox: Mailbox, settings: Any
) -> None:
    at_once(cast.bob)
    tell(cast.bob)
    work(cast)
    age(cast, timedelta(days=settings.DELIVERY_DAYS) - MINUTE)
    prune_deliveries()
    assert len(deliveries(cast)) == 1
    age(cast, MINUTE)
    prune_deliveries()
    assert deliveries(cast) == []


def test_v6_nothing_of_an_erased_persons_messages_is_kept(cast: Cast, mailbox: Mailbox) -> None:
    bob = at_once(cast.bob)
    MessageSettings.objects.create(user=bob, time_zone="Europe/Berlin")
    PushSubscription.objects.create(user=bob, endpoint_hash=f"of {bob.pk}", label="Phone")
    tell(cast.bob)
    work(cast)
    user_erase(bob)
    for model in (Delivery, MessagePreference, MessageSettings, PushSubscription):
        assert not model.objects.filter(user=bob).exists(), model


def test_b7_mail_that_is_off_leaves_no_backlog(cast: Cast, mailbox: Mailbox, settings: Any) -> None:
    settings.MAIL_IS_ON = False
    at_once(cast.bob)
    tell(cast.bob)
    make()
    settings.MAIL_IS_ON = True
    work(cast)
    assert deliveries(cast, medium=Medium.EMAIL) == []
