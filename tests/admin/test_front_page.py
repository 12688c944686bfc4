"""The admin's front page: what needs somebody, who is here, whether work is done, what happened."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.http import HttpRequest
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django_q.models import Schedule

from bos.adminsite import panels
from bos.adminsite.panels import MOST_LINES, Line, Panel
from bos.adminsite.words import newest_events, tell_together
from bos.imports.workflow import check
from bos.jobs.queue import enqueue
from bos.jobs.schedules import make_schedules
from bos.models import (
    Delivery,
    DeliveryKind,
    DeliveryState,
    Import,
    ImportState,
    Job,
    Notification,
    Organization,
    OutsideChannel,
    Role,
    Webhook,
    WebhookState,
)
from bos.panels import EVENTS_READ, NO_WORKER
from kpis.models import Alert, AlertState, Connector, Kpi, Severity
from sync.protocol.identity import Actor, acting
from tests.support import doors
from tests.support.cast import Cast, make_person
from tests.support.machines import make_machine

pytestmark = pytest.mark.once("postgres")

FRONT = "/admin/"
MOST_QUERIES = 16
FOR_SUPERUSERS = 5
"""Of the box that only they have."""


def shown(browser: Browser, title: str) -> Any:
    """The panel of this title; None where there is none."""
    page = browser.get(FRONT)
    assert page.status_code == 200
    found = {panel.panel.title: panel for panel in page.context["panels"]}
    return found.get(title)


def texts(browser: Browser, title: str) -> list[str]:
    return [line.text for line in shown(browser, title).lines]


def raise_alert(kpi: Kpi, message: str, severity: str = Severity.WARNING, hours: int = 0) -> Alert:
    raised_at = timezone.now() - timedelta(hours=hours)
    alert: Alert = Alert.objects.create(
        organization=kpi.organization,
        kpi=kpi,
        message=message,
        severity=severity,
        raised_at=raised_at,
    )
    return alert


# ------------------------------------------------------------------ alerts


def test_m1_open_alerts_are_there_the_worst_first_and_the_newest_of_these(
    cast: Cast, admin: Browser
) -> None:
    kpi = cast.home.revenue
    raise_alert(kpi, "old warning", hours=5)
    raise_alert(kpi, "info", Severity.INFO)
    raise_alert(kpi, "critical", Severity.CRITICAL, hours=9)
    raise_alert(kpi, "new warning", hours=1)
    raise_alert(kpi, "seen", Severity.CRITICAL).acknowledged_at = timezone.now()
    Alert.objects.filter(message="seen").update(acknowledged_at=timezone.now())
    gone = raise_alert(kpi, "resolved", Severity.CRITICAL)
    Alert.objects.filter(pk=gone.pk).update(resolved_at=timezone.now())
    assert texts(admin, "Open alerts") == ["critical", "new warning", "old warning", "info"]


def test_b5_an_alert_is_acknowledged_on_the_front_page(cast: Cast, admin: Browser) -> None:
    alert = raise_alert(cast.home.revenue, "Revenue is 95 EUR, below 100 EUR")
    [line] = shown(admin, "Open alerts").lines
    answer = admin.post(line.act.address, dict(line.act.fields))
    assert (answer.status_code, answer["Location"]) == (302, FRONT)
    alert.refresh_from_db()
    assert (alert.state, alert.acknowledged_by) == (AlertState.ACKNOWLEDGED, cast.alice.user)
    page = admin.get(FRONT)
    assert "1 alert acknowledged." in page.content.decode()
    assert "None is open." in page.content.decode()


@pytest.mark.parametrize(("there", "has_more"), [(MOST_LINES, False), (MOST_LINES + 1, True)])
def test_m1_a_box_has_ten_lines_at_most_and_says_that_there_are_more(
    cast: Cast, admin: Browser, there: int, has_more: bool
) -> None:
    for n in range(there):
        raise_alert(cast.home.revenue, f"alert {n}")
    found = shown(admin, "Open alerts")
    assert (len(found.lines), found.has_more) == (MOST_LINES, has_more)
    assert found.rest == "/admin/kpis/alert/?state=open"


def test_an_archived_kpis_alert_is_out_of_sight(cast: Cast, admin: Browser) -> None:
    raise_alert(cast.home.revenue, "of an archived one")
    Kpi.objects.filter(pk=cast.home.revenue.pk).update(archived_at=timezone.now())
    assert texts(admin, "Open alerts") == []


# ------------------------------------------------------------------ whose it is


def test_s2_nothing_of_another_organization_is_on_the_front_page(
    cast: Cast, admin: Browser, stranger: Browser, root: Browser
) -> None:
    secret = "Only for those at home"
    raise_alert(cast.home.revenue, secret, Severity.CRITICAL)
    Kpi.objects.filter(pk=cast.home.revenue.pk).update(name=f"{secret} KPI")
    Import.objects.create(
        organization=cast.home.organization,
        kind="kpis",
        file_name=f"{secret}.csv",
        state=ImportState.FAILED,
        state_since=timezone.now(),
    )
    assert admin.get(FRONT).content.decode().count(secret) >= 4
    assert secret not in stranger.get(FRONT).content.decode()
    [line, *_] = shown(root, "Open alerts").lines
    assert (line.text, line.note) == (secret, f"Critical, {cast.home.organization}")


def test_only_a_superuser_is_told_of_the_system(admin: Browser, root: Browser) -> None:
    assert shown(admin, "The system") is None
    told = texts(root, "The system")
    assert any("failed task" in text for text in told)
    assert any(text.startswith("Django ") for text in told)


def test_who_may_not_use_the_admin_gets_no_front_page(cast: Cast) -> None:
    answer = doors.browser(cast.mia).get(FRONT)
    assert (answer.status_code, answer["Location"].split("?")[0]) == (302, "/admin/login/")


# ------------------------------------------------------------------ empty states


def test_m1_an_organization_without_kpis_is_shown_the_ways_to_its_first(
    cast: Cast, admin: Browser
) -> None:
    assert shown(admin, "First steps") is None
    empty = Organization.objects.create(name="Empty")
    newcomer = doors.browser(make_person(empty, "nina", Role.ADMIN, None))
    found = shown(newcomer, "First steps").lines
    assert [line.text for line in found] == [
        "Import KPIs",
        "Add a KPI",
        "Connect a source",
        "Connect a system",
    ]
    for line in found:
        assert newcomer.get(line.address).status_code == 200
    html = newcomer.get(FRONT).content.decode()
    assert "None is open. Alert rules say when a KPI raises one." in html
    assert "Nobody is connected." in html


# ------------------------------------------------------------------ imports and connectors


def test_a_connector_that_fails_is_there_until_it_works(
    cast: Cast, admin: Browser, stranger: Browser
) -> None:
    assert shown(admin, "Failing connectors") is None
    connector = Connector.objects.create(
        organization=cast.home.organization,
        name="Warehouse",
        kind="csv",
        account=make_machine(cast.home.organization).user.service_account,
        failing_since=timezone.now(),
        problem="It answered 503.",
    )
    [line] = shown(admin, "Failing connectors").lines
    assert (line.text, line.note) == ("Warehouse", "It answered 503.")
    assert admin.get(line.address).status_code == 200
    assert shown(stranger, "Failing connectors") is None
    Connector.objects.filter(pk=connector.pk).update(failing_since=None)
    assert shown(admin, "Failing connectors") is None


def test_imports_that_failed_or_wait_to_be_confirmed_are_there_for_a_week(
    cast: Cast, admin: Browser
) -> None:
    def brought(name: str, state: str, days: float = 0, problem: str = "") -> None:
        Import.objects.create(
            organization=cast.home.organization,
            kind="kpis",
            file_name=name,
            state=state,
            problem=problem,
            state_since=timezone.now() - timedelta(days=days),
        )

    brought("done.csv", ImportState.DONE)
    brought("failed.csv", ImportState.FAILED, problem="It is no table.")
    brought("checked.csv", ImportState.CHECKED, days=6.9)
    brought("old.csv", ImportState.REFUSED, days=7.1)
    failed, checked = shown(admin, "Imports").lines
    assert (failed.text, failed.note, failed.tone) == ("failed.csv", "It is no table.", "bad")
    assert (checked.text, checked.tone) == ("checked.csv", "wait")
    assert admin.get(failed.address).status_code == 200


# ------------------------------------------------------------------ messages and webhooks


def message(cast: Cast, state: str, *, days: float = 0, **fields: Any) -> Delivery:
    at = timezone.now() - timedelta(days=days)
    usual = {"user": cast.bob.user, "medium": "email", "category": "alert", "error": "Refused."}
    times = {"created_at": at, "began_at": at, "next_at": at}
    made: Delivery = Delivery.objects.create(
        organization=cast.home.organization, state=state, **times | usual | fields
    )
    return made


def test_b7_messages_that_were_not_delivered_are_there_for_a_week(
    cast: Cast, admin: Browser, stranger: Browser, root: Browser
) -> None:
    title = "Messages that were not delivered"
    assert shown(admin, title) is None
    for state in set(DeliveryState) - {DeliveryState.FAILED, DeliveryState.GIVEN_UP}:
        message(cast, state)
    message(cast, DeliveryState.FAILED, days=7.1)
    message(cast, DeliveryState.FAILED, kind=DeliveryKind.TEST)
    assert shown(admin, title) is None
    mail_of_the_day = message(cast, DeliveryState.FAILED, days=6.9, kind=DeliveryKind.DIGEST)
    message(cast, DeliveryState.FAILED, days=6.9, bundle=mail_of_the_day)
    room = OutsideChannel.objects.create(organization=cast.home.organization, name="Ops")
    in_the_room: dict[str, Any] = {"user": None, "channel": room, "medium": "chat"}
    message(cast, DeliveryState.GIVEN_UP, **in_the_room, error="No\nanswer.")
    assert texts(root, title) == ["To channel “Ops”", "To Bob (email)"]
    box = shown(admin, title)
    new, old = box.lines
    assert (new.text, new.note, new.tone) == ("To channel “Ops”", "No answer.", "bad")
    assert old.address.endswith(f"/{mail_of_the_day.pk}/change/")
    assert admin.get(new.address).status_code == 200
    listed = admin.get(box.rest)
    assert (listed.status_code, listed.context["cl"].result_count) == (200, 5)
    assert shown(stranger, title) is None
    assert admin.post(old.act.address).status_code == 302
    mail_of_the_day.refresh_from_db()
    assert mail_of_the_day.state == DeliveryState.WAITING
    assert texts(admin, title) == ["To channel “Ops”"]


def test_d5_webhooks_that_are_paused_or_failing_are_there(
    cast: Cast, admin: Browser, stranger: Browser
) -> None:
    title = "Webhooks that wait"
    account = make_machine(cast.home.organization).user.service_account

    def webhook(name: str, state: str, failures: int = 0, **fields: Any) -> None:
        Webhook.objects.create(
            organization=cast.home.organization,
            account=account,
            name=name,
            address="https://a.example/",
            log_id=cast.home.id,
            state=state,
            failures=failures,
            failing_since=timezone.now() if failures else None,
            **fields,
        )

    webhook("Good", WebhookState.ACTIVE)
    webhook("Off", WebhookState.OFF, failures=1, reason="Switched off by hand.")
    assert shown(admin, title) is None
    webhook("Failing", WebhookState.ACTIVE, failures=1, reason="The receiver answered 503.")
    webhook("Paused", WebhookState.PAUSED, reason="Its service account is switched off.")
    paused, failing = shown(admin, title).lines
    assert (paused.text, paused.tone) == ("Paused is paused", "bad")
    assert paused.note == "Its service account is switched off."
    assert (failing.text, failing.tone) == ("Failing is failing, tried again", "wait")
    assert failing.note == "The receiver answered 503."
    assert admin.get(paused.address).status_code == 200
    assert shown(stranger, title) is None


# ------------------------------------------------------------------ background work


@pytest.fixture
def schedules() -> Iterator[None]:
    make_schedules()
    yield
    Schedule.objects.update(next_run=timezone.now())


@pytest.mark.parametrize(
    ("late", "tone"), [(NO_WORKER - timedelta(minutes=1), "good"), (NO_WORKER, "bad")]
)
def test_m1_a_worker_that_is_gone_is_missed_after_three_minutes(
    schedules: None, admin: Browser, late: timedelta, tone: str
) -> None:
    """A worker puts the schedule of each minute to the next one."""
    Schedule.objects.update(next_run=timezone.now() - late)
    worker, _ = shown(admin, "Background work").lines
    assert worker.tone == tone
    assert ("No worker is running" in worker.text) == (tone == "bad")


def test_where_no_worker_ever_ran_the_page_says_how_to_start_one(
    schedules: None, admin: Browser
) -> None:
    Schedule.objects.filter(minutes=1).delete()
    worker, _ = shown(admin, "Background work").lines
    assert worker.text.startswith("No worker has run yet")
    assert "manage.py work" in worker.note
    make_schedules()


def test_the_age_of_the_oldest_job_is_that_of_ones_own(
    cast: Cast, admin: Browser, stranger: Browser
) -> None:
    assert texts(stranger, "Background work")[1] == "No job waits."
    for _ in range(2):
        enqueue(check, "none", organization_id=cast.home.id)
    began = timezone.now() - timedelta(hours=1)
    first = Job.objects.filter(organization_id=cast.home.id).order_by("pk").first()
    Job.objects.filter(pk=first.pk).update(lock=began)
    _, queue = shown(admin, "Background work").lines
    assert (queue.text, queue.tone) == ("2 jobs wait, the oldest since", "wait")
    assert queue.at == began
    assert texts(stranger, "Background work")[1] == "No job waits."
    Job.objects.filter(organization_id=cast.home.id).delete()


# ------------------------------------------------------------------ what happened


def test_the_days_changes_are_told_in_words_and_together_where_they_are_alike(
    cast: Cast, admin: Browser
) -> None:
    home = cast.home
    made = Kpi.objects.bulk_create(
        Kpi(organization=home.organization, name=f"Made {n}") for n in range(4)
    )
    with acting(Actor(cast.mia.id, "websocket")):
        Kpi.objects.filter(pk=home.revenue.pk).update(value=280)
    with acting(Actor(cast.alice.id, "admin")):
        Kpi.objects.filter(pk__in=[kpi.pk for kpi in made]).update(target=5)
    told = texts(admin, "What changed today")
    assert told[:2] == [
        "Alice changed 4 KPIs in the admin",
        "Mia set Revenue to 280 EUR by WebSocket",
    ]
    assert told[2].startswith("The system added ")


def test_m3_a_count_that_may_be_more_says_so(cast: Cast) -> None:
    kpis = Kpi.objects.bulk_create(
        Kpi(organization=cast.home.organization, name=f"Made {n}") for n in range(5)
    )
    with acting(Actor(cast.mia.id, "rest")):
        Kpi.objects.filter(pk__in=[kpi.pk for kpi in kpis]).update(value=5)
    for most, text in ((4, "Mia set at least 4 KPIs by REST"), (6, "Mia set 5 KPIs by REST")):
        events = newest_events(cast.home.id, most=most)
        told = tell_together(events, cast.home.organization, is_cut=len(events) == most)
        assert told[0].text == text


def test_m3_what_one_system_sets_again_and_again_is_counted_as_what_it_is(cast: Cast) -> None:
    home = cast.home

    def told(most: int = 10) -> str:
        events = newest_events(cast.home.id, most=most)
        return tell_together(events, home.organization, is_cut=len(events) == most)[0].text

    with acting(Actor(cast.mia.id, "rest")):
        for value in (1, 2, 3):
            Kpi.objects.filter(pk=home.revenue.pk).update(value=value)
        assert told() == "Mia set Revenue to 3 EUR by REST, the last of 3 changes"
        assert told(3) == "Mia set Revenue to 3 EUR by REST, the last of at least 3 changes"
        Kpi.objects.create(organization=home.organization, name="Another")
        other = Kpi.objects.get(name="Another")
        for value in (4, 5):
            Kpi.objects.filter(pk__in=[home.revenue.pk, other.pk]).update(value=value)
        assert told() == "Mia set 2 KPIs by REST"


def test_what_is_quiet_crowds_nothing_out(cast: Cast, admin: Browser) -> None:
    with acting(Actor(cast.mia.id, "websocket")):
        Kpi.objects.filter(pk=cast.home.revenue.pk).update(value=280)
    Notification.objects.bulk_create(
        Notification(
            organization=cast.home.organization, user=cast.bob.user, category="x", title=f"N {n}"
        )
        for n in range(EVENTS_READ)
    )
    assert texts(admin, "What changed today")[0] == "Mia set Revenue to 280 EUR by WebSocket"


# ------------------------------------------------------------------ what it costs


def fill(cast: Cast) -> None:
    kpis = [Kpi(organization=cast.home.organization, name=f"KPI {n}", value=n) for n in range(300)]
    Kpi.objects.bulk_create(kpis)
    for n in range(15):
        raise_alert(kpis[n], f"alert {n}", Severity.values[n % 3])
        Import.objects.create(
            organization=cast.home.organization,
            kind="kpis",
            file_name=f"{n}.csv",
            state=ImportState.FAILED,
            state_since=timezone.now(),
        )
        message(cast, DeliveryState.FAILED)
    account = make_machine(cast.home.organization).user.service_account
    for n in range(15):
        Webhook.objects.create(
            organization=cast.home.organization,
            account=account,
            name=f"webhook {n}",
            address="https://a.example/",
            log_id=cast.home.id,
            state=WebhookState.PAUSED,
        )
    for n, person in enumerate((cast.alice, cast.mia, cast.bob) * 7):
        with acting(Actor(person.id, ("admin", "websocket", "rest")[n % 3])):
            Kpi.objects.filter(pk=kpis[n].pk).update(value=n + 0.5)
            cast.home.organization.departments.filter(pk=cast.home.sales.pk).update(name=f"S {n}")


def test_m1_the_front_page_takes_as_many_queries_for_much_as_for_little(
    cast: Cast, admin: Browser, stranger: Browser, root: Browser
) -> None:
    fill(cast)
    for browser, more in ((admin, 0), (stranger, 0), (root, FOR_SUPERUSERS)):
        browser.get(FRONT)  # once: whatever is remembered is read
        with CaptureQueriesContext(connection) as captured:
            page = browser.get(FRONT)
        assert len(captured) <= MOST_QUERIES + more, [query["sql"][:150] for query in captured]
        assert len(page.content) < 90_000


def test_m1_a_box_that_fails_leaves_the_others_as_they_are(
    admin: Browser, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(request: HttpRequest) -> Sequence[Line]:
        raise ZeroDivisionError

    panels.add_panel(Panel(title="Broken", symbol="x", rows=fail, order=0))
    try:
        page = admin.get(FRONT)
    finally:
        del panels._panels["Broken"]
    assert "This cannot be shown now." in page.content.decode()
    first = next(shown for shown in page.context["panels"] if not shown.is_broken)
    assert first.panel.title == "Open alerts"
