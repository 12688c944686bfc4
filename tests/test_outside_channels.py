"""Alerts and reports go into channels, and reports to those whom a schedule names (B7)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from bos.models import DeliveryState, Notification, OutsideChannel
from bos.outside import chat
from bos.outside.chat import AddressRefused, service_of
from bos.outside.mail import FILE_BYTES
from bos.outside.sending import send_due
from bos.sealed import seal, unseal
from kpis.alerts import clock, handling
from kpis.models import Alert, AlertRule, Kpi, Report, ReportFile, ReportSchedule, ReportState
from sync.eventlog import log
from tests.support.backlog import skip_backlog
from tests.support.cast import Cast
from tests.support.listener import Listener, listening
from tests.support.mailbox import Mailbox, mail_into_a_box, text_of
from tests.support.outside import deliveries, delivery, make, make_due, work


@pytest.fixture(autouse=True)
def backlog(database: None) -> None:
    skip_backlog()


@pytest.fixture
def room(settings: Any) -> Iterator[Listener]:
    """A chat."""
    settings.OUTBOUND_INSIDE = True
    settings.PUBLIC_URL = "https://board.example"
    with listening() as listener:
        listener.status = 200
        yield listener


@pytest.fixture
def mailbox(settings: Any) -> Iterator[Mailbox]:
    with mail_into_a_box(settings) as box:
        yield box


def channel(cast: Cast, room: Listener, name: str = "Ops", **more: Any) -> OutsideChannel:
    made: OutsideChannel = OutsideChannel.objects.create(
        organization=cast.home.organization,
        name=name,
        service="JSON",
        address=seal(f"json://127.0.0.1:{room.port}/{name}"),
        **more,
    )
    return made


def rule(kpi: Kpi, severity: str = "warning") -> AlertRule:
    made: AlertRule = AlertRule.objects.create(
        organization=kpi.organization, kpi=kpi, kind="above", threshold=150, severity=severity
    )
    return made


def set_value(kpi: Kpi, value: float) -> None:
    kpi.value = value
    kpi.save()


def titles(room: Listener, name: str = "Ops") -> list[str]:
    told = [json.loads(heard.body) for heard in room.heard if heard.path == f"/{name}"]
    return [one["title"] for one in told]


RAISED = "Revenue is 200 EUR, above 150 EUR."

# ------------------------------------------------------------------ alerts


def test_b7_a_channel_is_told_when_an_alert_is_raised_and_when_it_is_over(
    cast: Cast, room: Listener
) -> None:
    channel(cast, room)
    rule(cast.home.revenue)
    for value in (200, 210, 100):
        set_value(cast.home.revenue, value)
        work(cast)
    handling.acknowledge(Alert.objects.filter(kpi=cast.home.revenue), cast.mia.user)
    work(cast)
    assert titles(room) == [RAISED, f"Resolved: {RAISED}"]
    first, second = (json.loads(heard.body) for heard in room.heard)
    assert (first["type"], second["type"]) == ("warning", "success")
    assert "https://board.example/" in first["message"]
    assert [row.state for row in deliveries(cast)] == [DeliveryState.SENT] * 2


def test_b7_a_channel_takes_its_severities_and_topics(cast: Cast, room: Listener) -> None:
    channel(cast, room, "critical", least_severity="critical")
    channel(cast, room, "all", least_severity="info")
    channel(cast, room, "reports", alerts=False, reports=True)
    channel(cast, room, "off", is_active=False)
    rule(cast.home.revenue, "warning")
    set_value(cast.home.revenue, 200)
    work(cast)
    assert [heard.path for heard in room.heard] == ["/all"]


def test_s4_a_restricted_kpi_is_told_where_that_is_asked_for_alone(
    cast: Cast, room: Listener
) -> None:
    channel(cast, room, "everybody")
    channel(cast, room, "sales", restricted=True)
    rule(cast.home.margin)
    set_value(cast.home.margin, 200)
    work(cast)
    assert [heard.path for heard in room.heard] == ["/sales"]
    rule(cast.home.revenue)
    set_value(cast.home.revenue, 200)
    make()
    cast.home.revenue.visibility = "department"
    cast.home.revenue.save()
    send_due(cast.home.id)
    assert titles(room, "everybody") == [], "restricted between the alert and its sending"
    assert delivery(cast, state="dropped").error.startswith("It is restricted")


def test_b5_a_snoozed_alert_is_told_when_its_snooze_is_over(cast: Cast, room: Listener) -> None:
    channel(cast, room)
    rule(cast.home.revenue)
    set_value(cast.home.revenue, 200)
    make()
    alert = Alert.objects.get(kpi=cast.home.revenue)
    until = timezone.now() + timedelta(hours=1)
    handling.snooze([alert], until)
    set_value(cast.home.revenue, 100)
    set_value(cast.home.revenue, 220)
    work(cast)
    assert titles(room) == [RAISED, f"Resolved: {RAISED}"]
    clock.wake_snoozed(until)
    work(cast)
    assert titles(room)[2:] == ["Revenue is 220 EUR, above 150 EUR."]


def test_b7_a_name_calls_nobody_in_a_chat(cast: Cast, room: Listener) -> None:
    channel(cast, room)
    Kpi.objects.filter(pk=cast.home.revenue.pk).update(name="@everyone <!channel>")
    kpi = Kpi.objects.get(pk=cast.home.revenue.pk)
    rule(kpi)
    set_value(kpi, 200)
    work(cast)
    [title] = titles(room)
    assert "@everyone" not in title
    assert "<!channel>" not in title


def test_b7_a_channel_that_does_not_answer_is_tried_again_and_says_no_token(
    cast: Cast, room: Listener
) -> None:
    channel(cast, room)
    rule(cast.home.revenue)
    set_value(cast.home.revenue, 200)
    room.status = 403
    work(cast)
    row = delivery(cast)
    assert (row.state, row.attempts) == (DeliveryState.WAITING, 1)
    assert row.error == "JSON answers with the status 403."
    room.status = 200
    make_due(cast)
    send_due(cast.home.id)
    assert delivery(cast).state == DeliveryState.SENT
    set_value(cast.home.revenue, 100)
    room.port, there = 1, room.port
    OutsideChannel.objects.update(address=seal("json://127.0.0.1:1/secret-token"))
    work(cast)
    [waiting] = deliveries(cast, state="waiting")
    assert waiting.error == "JSON cannot be reached, or does not answer."
    room.port = there


# ------------------------------------------------------------------ addresses


@pytest.mark.once("sqlite")
@pytest.mark.parametrize(
    ("address", "service"),
    [
        ("slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ", "Slack"),
        ("https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ", "Slack"),
        ("discord://123456789012345678/abcdefghijklmnopqrstuvwxyz-0123456789", "Discord"),
        ("tgram://123456789:abcdefg_hijklmnop/12315544", "Telegram"),
        ("gchat://workspace/key/token", "Google Chat"),
    ],
)
def test_b7_an_address_of_a_service_on_a_host_of_its_own_is_taken(
    address: str, service: str
) -> None:
    assert service_of(address) == service


@pytest.mark.once("sqlite")
@pytest.mark.parametrize(
    "address",
    [
        "",
        "no address",
        "json://10.0.0.5/x",
        "jsons://board.example/x",
        "file:///etc/passwd",
        "syslog://",
        "dbus://",
        "mailto://user:password@mail.example",
        "ntfy://inside/topic",
        "https://board.example/hook",
        "https://[::1/hook",
        "slack://too/short",
        "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ?template=/etc/passwd",
        "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ?verify=no",
        "discord://123456789012345678/abcdefghijklmnopqrstuvwxyz-0123456789?rto=3600",
        "discord://123456789012345678/abcdefghijklmnopqrstuvwxyz-0123456789?avatar_url=http://x",
        "slack://" + "a" * 1_000,
        "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazk\ncOXrIdevi7FQ",
    ],
)
def test_b7_any_other_address_is_refused_in_words(address: str) -> None:
    with pytest.raises(AddressRefused) as refusal:
        service_of(address)
    assert str(refusal.value).endswith((".", "below."))


@pytest.mark.once("sqlite")
def test_b7_with_the_setting_a_service_inside_may_be_named(settings: Any) -> None:
    settings.OUTBOUND_INSIDE = True
    assert service_of("json://10.0.0.5/x") == "JSON"
    with pytest.raises(AddressRefused):
        service_of("syslog://")
    assert set(chat.PUBLIC) <= set(chat.allowed())


# ------------------------------------------------------------------ the admin

ADD = "admin:bos_outsidechannel_add"
FIELDS = {
    "name": "Ops",
    "alerts": "on",
    "least_severity": "warning",
    "is_active": "on",
}
SLACK = "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ"


def test_b7_the_form_names_each_service_once(admin: Browser, settings: Any) -> None:
    for settings.OUTBOUND_INSIDE, matrix in ((False, 0), (True, 1)):
        page = admin.get(reverse(ADD)).content.decode()
        assert (page.count("Slack: slack://"), page.count("Matrix: matrix://")) == (1, matrix)


def test_b7_an_administrator_adds_a_channel_whose_address_is_never_shown_again(
    cast: Cast, admin: Browser, stranger: Browser
) -> None:
    for wrong, words in (("json://10.0.0.5/x", "can be sent to Slack"), ("", "Where are the")):
        refused = admin.post(reverse(ADD), FIELDS | {"new_address": wrong})
        assert refused.status_code == 200
        assert words in refused.content.decode()
    nothing = {"name": "x", "least_severity": "info", "new_address": SLACK}
    assert "It would get nothing" in admin.post(reverse(ADD), nothing).content.decode()
    added = admin.post(reverse(ADD), FIELDS | {"new_address": SLACK})
    assert added.status_code == 302, added.content.decode()[:3000]
    made = OutsideChannel.objects.get(organization=cast.home.organization)
    assert (made.service, made.created_by) == ("Slack", cast.alice.user)
    assert unseal(made.address) == SLACK
    page = reverse("admin:bos_outsidechannel_change", args=[made.pk])
    for shown in (admin.get(page), admin.get(reverse("admin:bos_outsidechannel_changelist"))):
        assert "T1JJ3T3L2" not in shown.content.decode()
        assert made.address not in shown.content.decode()
    kept = admin.post(page, FIELDS | {"name": "Renamed", "new_address": ""})
    assert kept.status_code == 302
    made.refresh_from_db()
    assert (made.name, unseal(made.address)) == ("Renamed", SLACK)
    assert stranger.get(page).status_code == 302
    test = reverse("admin:bos_outsidechannel_test", args=[made.pk])
    assert stranger.post(test).status_code == 404


def test_b7_a_test_goes_into_a_channel_and_its_delivery_tells_how_it_went(
    cast: Cast, admin: Browser, room: Listener
) -> None:
    made = channel(cast, room, is_active=False)
    test = reverse("admin:bos_outsidechannel_test", args=[made.pk])
    assert admin.get(test).status_code == 405
    answer = admin.post(test)
    page = answer["Location"]
    assert "Waiting" in admin.get(page).content.decode()
    room.status = 500
    send_due(cast.home.id)
    assert "JSON answers with the status 500." in admin.get(page).content.decode()
    room.status = 200
    make_due(cast)
    send_due(cast.home.id)
    assert titles(room)[-1] == "A test from BOS"
    assert "Sent" in admin.get(page).content.decode()
    assert Notification.objects.filter(user=cast.alice.user).count() == 0


def test_b7_deliveries_are_listed_and_what_has_failed_can_be_tried_again(
    cast: Cast, admin: Browser, stranger: Browser, mailbox: Mailbox, settings: Any
) -> None:
    listed = reverse("admin:bos_delivery_changelist")
    admin.post(reverse("admin:bos_delivery_test"))
    mailbox.refuse["RCPT"] = "550 nobody here"
    send_due(cast.home.id)
    row = delivery(cast)
    page = reverse("admin:bos_delivery_change", args=[row.pk])
    for shown in (admin.get(listed), admin.get(page)):
        assert "550 nobody here" in shown.content.decode()
    assert "550 nobody here" not in stranger.get(listed).content.decode()
    again = reverse("admin:bos_delivery_again", args=[row.pk])
    assert stranger.post(again).status_code == 404
    mailbox.refuse.clear()
    assert admin.post(again).status_code == 302
    send_due(cast.home.id)
    assert delivery(cast).state == DeliveryState.SENT
    chosen = {"action": "try_these_again", "_selected_action": [str(row.pk)]}
    told = admin.post(listed, chosen, follow=True).content.decode()
    assert "Only what has failed" in told
    settings.MAIL_IS_ON = False
    assert "Mail is off" in admin.get(listed).content.decode()
    assert admin.get(reverse("admin:bos_delivery_add")).status_code == 403


def test_b5_a_rule_that_would_notify_nobody_counts_the_channels(
    cast: Cast, admin: Browser, room: Listener
) -> None:
    fields = {
        "kpi": str(cast.home.revenue.pk),
        "kind": "above",
        "threshold": "500",
        "for_minutes": "0",
        "hysteresis": "0",
        "severity": "warning",
        "is_active": "on",
    }
    saved = admin.post(reverse("admin:kpis_alertrule_add"), fields, follow=True).content.decode()
    assert "It notifies nobody: choose users" in saved
    channel(cast, room)
    channel(cast, room, "too high", least_severity="critical")
    tried = admin.get(reverse("admin:kpis_alertrule_try"), fields).json()
    [note] = [note for note in tried["notes"] if "notifies" in note]
    assert note == "It notifies no person; these channels are told: “Ops”."


# ------------------------------------------------------------------ reports


def ready_report(cast: Cast, content: bytes = b"%PDF-1.7 x", **more: Any) -> Report:
    """As a worker makes it, of a schedule that names bob and vera."""
    schedule = ReportSchedule.objects.create(
        organization=cast.home.organization, rhythm="weekly", **more
    )
    schedule.recipients.add(cast.bob.user, cast.vera.user)
    report = Report.objects.create(
        organization=cast.home.organization,
        schedule=schedule,
        from_day=date(2026, 1, 1),
        to_day=date(2026, 1, 31),
        **more,
    )
    ReportFile.objects.create(report=report, content=content)
    report.state, report.ready_at = ReportState.READY, timezone.now()
    report.expires_at = report.ready_at + timedelta(days=7)
    report.save()
    return report


def test_b7_a_schedule_mails_its_file_to_those_whom_it_names(cast: Cast, mailbox: Mailbox) -> None:
    report = ready_report(cast)
    work(cast)
    assert len(mailbox.received) == 2
    for mail in mailbox.received:
        assert mail["Subject"] == "The report Home, 2026-01-01 to 2026-01-31 is ready"
        assert f"https://board.example/api/kpis/reports/{report.pk}/file" in text_of(mail)
        [file] = mail.iter_attachments()
        assert file.get_filename() == "report-2026-01-01-2026-01-31.pdf"
        assert file.get_content_type() == "application/pdf"
        assert file.get_content() == b"%PDF-1.7 x"


def test_b7_a_file_that_is_too_large_goes_as_a_link(cast: Cast, mailbox: Mailbox) -> None:
    ready_report(cast, content=b"x" * FILE_BYTES)
    work(cast)
    assert [list(mail.iter_attachments()) for mail in mailbox.received] == [[], []]
    mailbox.received.clear()
    ready_report(cast, content=b"x" * (FILE_BYTES - 1))
    work(cast)
    assert [len(list(mail.iter_attachments())) for mail in mailbox.received] == [1, 1]


def test_s2_a_departments_report_goes_to_those_alone_who_may_read_it(
    cast: Cast, mailbox: Mailbox, room: Listener
) -> None:
    channel(cast, room, alerts=False, reports=True)
    ready_report(cast, department=cast.home.sales)
    work(cast)
    assert [mail["To"].addresses[0].addr_spec for mail in mailbox.received] == [cast.bob.email]
    assert delivery(cast, user=cast.vera.user).state == DeliveryState.DROPPED
    assert room.heard == []
    ready_report(cast)
    work(cast)
    assert titles(room) == ["The report Home, 2026-01-01 to 2026-01-31 is ready"]


def test_b7_a_schedule_names_members_who_may_read_its_report(cast: Cast, admin: Browser) -> None:
    add = reverse("admin:kpis_reportschedule_add")
    fields = {"format": "pdf", "rhythm": "weekly", "is_active": "on"}
    of_sales = fields | {"department": str(cast.home.sales.pk)}
    refused = admin.post(add, of_sales | {"recipients": [cast.vera.id]}).content.decode()
    assert "Vera may not read reports of Sales." in refused
    strange = admin.post(add, fields | {"recipients": [cast.charlie.id]}).content.decode()
    assert "is not one of the available choices" in strange
    assert not ReportSchedule.objects.of(cast.home.id).exists()
    assert admin.post(add, of_sales | {"recipients": [cast.bob.id]}).status_code == 302
    assert list(ReportSchedule.objects.of(cast.home.id).get().recipients.all()) == [cast.bob.user]


def test_b4_a_schedule_that_is_deleted_leaves_its_reports_as_they_are(cast: Cast) -> None:
    report = ready_report(cast)
    before = head(cast)
    ReportSchedule.objects.of(cast.home.id).get().delete()
    report.refresh_from_db()
    assert report.schedule_id is None
    assert head(cast) == before, "no event: nothing of the report has changed"


def head(cast: Cast) -> int:

    return log.head(cast.home.id).sequence
