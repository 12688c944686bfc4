"""People choose when they are told of what; much of it goes out together (B7)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from bos.models import Choice, Delivery, DeliveryState, MessagePreference, MessageSettings
from bos.outside.bundles import make_bundles
from bos.outside.preferences import next_morning
from bos.outside.sending import follow_outside, send_due
from bos.outside.stopping import ALL, DAILY, stop_token
from tests.support import doors
from tests.support.backlog import skip_backlog
from tests.support.cast import Cast
from tests.support.mailbox import Mailbox, html_of, mail_into_a_box, text_of
from tests.support.outside import (
    FAILURES,
    age,
    at_once,
    deliveries,
    delivery,
    make,
    tell,
    work,
)

PAGE = "/account/messages/"
HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def backlog(database: None) -> None:
    skip_backlog()


@pytest.fixture
def mailbox(settings: Any) -> Iterator[Mailbox]:
    with mail_into_a_box(settings) as box:
        yield box


def send_together(cast: Cast, now: datetime) -> None:
    make_bundles(now)
    send_due(cast.home.id)


# ------------------------------------------------------------------ the mail of the day


@pytest.mark.once("sqlite")
@pytest.mark.parametrize(
    ("zone", "now", "then"),
    [
        ("UTC", "2026-01-10T06:59:59", "2026-01-10T07:00:00"),
        ("UTC", "2026-01-10T07:00:00", "2026-01-11T07:00:00"),
        ("Europe/Berlin", "2026-01-10T05:59:00", "2026-01-10T06:00:00"),
        ("Europe/Berlin", "2026-03-28T12:00:00", "2026-03-29T05:00:00"),
        ("Europe/Berlin", "2026-10-24T12:00:00", "2026-10-25T06:00:00"),
        ("America/New_York", "2026-07-01T11:00:00", "2026-07-02T11:00:00"),
        ("Pacific/Kiritimati", "2026-01-10T17:30:00", "2026-01-11T17:00:00"),
        ("Asia/Kathmandu", "2026-01-10T01:00:00", "2026-01-10T01:15:00"),
        ("Nowhere/Gone", "2026-01-10T06:00:00", "2026-01-10T07:00:00"),
    ],
)
def test_b7_the_mail_of_the_day_goes_out_in_the_morning_where_the_person_is(
    zone: str, now: str, then: str
) -> None:
    at = datetime.fromisoformat(now).replace(tzinfo=UTC)
    assert next_morning(zone, at) == datetime.fromisoformat(then).replace(tzinfo=UTC)


def test_b7_a_person_gets_one_mail_a_day_however_often_it_is_made(
    cast: Cast, mailbox: Mailbox
) -> None:
    MessageSettings.objects.create(user=cast.bob.user, time_zone="Asia/Tokyo")
    for title in ("first", "second"):
        tell(cast.bob, title, "Its words.")
    make()
    [morning] = {row.next_at for row in deliveries(cast)}
    assert morning == next_morning("Asia/Tokyo", timezone.now())
    send_together(cast, morning - timedelta(seconds=1))
    assert mailbox.received == []
    for _ in range(2):
        send_together(cast, morning)
    [mail] = mailbox.received
    assert mail["Subject"] == "2 messages from BOS"
    for text in (text_of(mail), html_of(mail)):
        assert text.index("first") < text.index("second")
        assert "once a day" in text
    assert [row.state for row in deliveries(cast)] == [DeliveryState.SENT] * 3
    late = tell(cast.bob, "late")
    make()
    Delivery.objects.filter(entity_id=str(late.pk)).update(next_at=morning)
    send_together(cast, morning + HOUR)
    assert len(mailbox.received) == 1, "the day has had its mail"
    left = delivery(cast, entity_id=str(late.pk))
    assert left.next_at == next_morning("Asia/Tokyo", morning + HOUR)
    send_together(cast, left.next_at)
    assert [m["Subject"] for m in mailbox.received] == ["2 messages from BOS", "1 message from BOS"]


def test_b7_the_mail_of_the_day_leaves_out_what_was_read(cast: Cast, mailbox: Mailbox) -> None:
    read, unread = tell(cast.bob, "read"), tell(cast.bob, "unread")
    make()
    read.read_at = timezone.now()
    read.save()
    morning = next_morning("UTC", timezone.now())
    send_together(cast, morning)
    [mail] = mailbox.received
    assert mail["Subject"] == "1 message from BOS"
    assert "unread" in text_of(mail)
    tell(cast.vera, "read as well").delete()
    unread.delete()
    tell(cast.vera, "x")
    make()
    cast.vera.user.notifications.update(read_at=timezone.now())
    send_together(cast, morning)
    assert len(mailbox.received) == 1
    assert delivery(cast, user=cast.vera.user, kind="digest").state == DeliveryState.DROPPED


# ------------------------------------------------------------------ bounds


def test_b7_what_is_beyond_an_hours_messages_goes_out_as_one(
    cast: Cast, mailbox: Mailbox, settings: Any
) -> None:
    settings.RECEIVER_MESSAGES_PER_HOUR = 3
    at_once(cast.bob)
    at_once(cast.vera)
    for n in range(5):
        tell(cast.bob, f"number {n}")
        work(cast)
    tell(cast.vera, "to somebody else")
    work(cast)
    subjects = [mail["Subject"] for mail in mailbox.received]
    assert subjects == ["number 0", "number 1", "number 2", "to somebody else"]
    later = timezone.now() + HOUR
    [at] = {row.next_at for row in deliveries(cast, state="gathered")}
    assert later - timedelta(minutes=1) < at <= later
    for _ in range(2):
        send_together(cast, later)
    mail = mailbox.received[-1]
    assert mail["Subject"] == "And 2 more from BOS"
    assert "number 3" in text_of(mail)
    assert len(mailbox.received) == 5
    age(cast, HOUR)
    tell(cast.bob, "a new hour")
    work(cast)
    assert mailbox.received[-1]["Subject"] == "a new hour"


def test_b7_an_organization_has_its_bound_and_takes_nothing_from_another(
    cast: Cast, mailbox: Mailbox, settings: Any
) -> None:
    settings.ORGANIZATION_MESSAGES_PER_HOUR = 2
    for person in (cast.bob, cast.vera, cast.mia, cast.charlie):
        at_once(person)
        tell(person, person.user.name)
    work(cast)
    send_due(cast.other.id)
    assert sorted(m["Subject"] for m in mailbox.received) == ["Bob", "Charlie", "Vera"]
    assert delivery(cast, user=cast.mia.user).gather == "more"


# ------------------------------------------------------------------ one click


def stop_address(mail: Any) -> str:
    return str(mail["List-Unsubscribe"]).strip().strip("<>").removeprefix("https://board.example")


def test_b7_one_click_ends_such_mails_and_a_get_ends_nothing(cast: Cast, mailbox: Mailbox) -> None:
    at_once(cast.bob)
    tell(cast.bob, "first")
    work(cast)
    stop = stop_address(mailbox.received[0])
    nobody = Browser(enforce_csrf_checks=True)
    asked = nobody.get(stop)
    assert asked.status_code == 200
    assert "Stop these mails?" in asked.content.decode()
    tell(cast.bob, "second")
    work(cast)
    assert len(mailbox.received) == 2
    for _ in range(2):
        done = nobody.post(stop, {"List-Unsubscribe": "One-Click"})
        assert done.status_code == 200
        assert "gets no more such mails" in done.content.decode()
    tell(cast.bob, "third")
    work(cast)
    assert len(mailbox.received) == 2
    row = MessagePreference.objects.get(user=cast.bob.user, medium="email", category=FAILURES)
    assert row.choice == Choice.NEVER


@pytest.mark.parametrize("stops", [DAILY, ALL])
def test_b7_the_mail_of_the_day_and_all_mails_can_be_ended(cast: Cast, stops: str) -> None:
    bob = at_once(cast.bob, "other")
    Browser().post(reverse("stop-messages", args=[stop_token(bob, stops)]))
    chosen = dict(
        MessagePreference.objects.filter(user=bob, medium="email").values_list("category", "choice")
    )
    assert chosen[FAILURES] == chosen["alert"] == Choice.NEVER
    assert chosen["other"] == (Choice.AT_ONCE if stops == DAILY else Choice.NEVER)
    assert chosen.get("invitation") == (None if stops == DAILY else Choice.NEVER)


def test_b7_a_link_that_nobody_signed_ends_nothing(cast: Cast) -> None:
    token = stop_token(cast.bob.user, FAILURES)
    for wrong in (token[:-1] + ("a" if token[-1] != "a" else "b"), "x", token.replace(":", ".")):
        answer = Browser().post(reverse("stop-messages", args=[wrong]))
        assert answer.status_code == 404
        assert "does not hold" in answer.content.decode()
    assert not MessagePreference.objects.filter(user=cast.bob.user).exists()


# ------------------------------------------------------------------ the page


def choices_of(page: Any) -> dict[str, Any]:
    form = page.context["form"]
    return {name: form[name].initial for name in form.fields}


def test_b7_a_member_chooses_on_a_page_of_their_own(cast: Cast) -> None:
    nobody = Browser().get(PAGE)
    assert nobody.status_code == 302
    browser = doors.browser(cast.bob)
    page = browser.get(PAGE)
    assert page.status_code == 200
    assert "unsafe" not in page["Content-Security-Policy"]
    chosen = choices_of(page)
    mails = [name for name in chosen if name.endswith("-email")]
    assert (mails[0], mails[-1]) == ("critical_alert-email", "other-email")
    soonest = [["at_once", "digest", "never"].index(chosen[name]) for name in mails[:-1]]
    assert soonest == sorted(soonest)
    assert (chosen["critical_alert-email"], chosen["alert-email"]) == ("at_once", "digest")
    assert (chosen["invitation-email"], chosen["report-email"]) == ("at_once", "never")
    assert (chosen["mention-email"], chosen["mention-push"]) == ("at_once", "at_once")
    assert chosen["critical_alert-push"] == "at_once"
    chosen |= {"alert-email": "never", "time_zone": " Europe/Berlin "}
    assert browser.post(PAGE, chosen).status_code == 302
    again = choices_of(browser.get(PAGE))
    assert (again["alert-email"], again["time_zone"]) == ("never", "Europe/Berlin")
    assert choices_of(doors.browser(cast.vera).get(PAGE))["alert-email"] == "digest"


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("time_zone", "Europe/Nowhere", "Choose one of the list"),
        ("time_zone", "../../etc/passwd", "Choose one of the list"),
        ("time_zone", "", "This field is required"),
        ("alert-push", "digest", "digest is not one of the available choices"),
        ("alert-email", "hourly", "hourly is not one of the available choices"),
    ],
)
def test_b7_a_choice_that_is_none_is_refused_beside_its_field_and_nothing_is_kept(
    cast: Cast, field: str, value: str, words: str
) -> None:
    browser = doors.browser(cast.bob)
    chosen = choices_of(browser.get(PAGE)) | {"report-email": "at_once", field: value}
    answer = browser.post(PAGE, chosen)
    assert answer.status_code == 400
    assert words in answer.content.decode()
    assert not MessagePreference.objects.filter(user=cast.bob.user).exists()


def test_b7_a_test_mail_shows_whether_mails_arrive(
    cast: Cast, mailbox: Mailbox, settings: Any
) -> None:
    browser = doors.browser(cast.bob)
    test = reverse("test-message", args=["email"])
    assert browser.get(test).status_code == 405
    for _ in range(11):
        assert browser.post(test).status_code == 302
    assert "10 tests an hour are enough" in browser.get(PAGE).content.decode()
    send_due(cast.home.id)
    assert [mail["Subject"] for mail in mailbox.received] == ["A test from BOS"] * 10
    assert mailbox.received[0]["List-Unsubscribe"] is None
    settings.MAIL_IS_ON = False
    browser.post(test)
    assert "Mail is off" in browser.get(PAGE).content.decode()
    browser.post(reverse("test-message", args=["pigeon"]))
    assert "There is no such way" in browser.get(PAGE).content.decode()


def test_b7_a_superuser_without_an_organization_is_told_why_there_is_nothing(
    root: Browser,
) -> None:
    page = root.get(PAGE).content.decode()
    assert "You belong to no organization" in page
    assert root.post(reverse("test-message", args=["email"])).status_code == 302


def test_b7_what_is_due_is_sent_by_the_clock(cast: Cast, mailbox: Mailbox) -> None:
    """Of each organization by a job of its own."""
    at_once(cast.bob)
    tell(cast.bob)
    make()
    follow_outside()
    send_due(cast.home.id)
    assert len(mailbox.received) == 1
