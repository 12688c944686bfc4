"""Work that ends badly says so, and clocks that were wrong keep nothing waiting."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction
from django.test import Client as Browser
from django.utils import timezone
from django_q.models import OrmQ, Schedule

from bos.imports import workflow
from bos.jobs.queue import MAX_DEATHS, MAX_FAILURES, Broker, due_jobs, enqueue
from bos.jobs.schedules import make_schedules, put_schedules_right
from bos.models import Import, ImportState, Job, Notification
from kpis.insights.queue import enqueue_judgement
from kpis.jobs import judge, sweep
from kpis.models import InsightState, KpiValue, Report, ReportSchedule, ReportState, Rhythm
from kpis.reports.requests import enqueue_report, request_due
from kpis.services import delete_expired_reports
from tests.support.backlog import skip_backlog
from tests.support.cast import Cast
from tests.support.importing import import_file, upload, values_file

DAY = timedelta(days=1)
YEAR = 365 * DAY


@pytest.fixture(autouse=True)
def empty_queue(database: None) -> Iterator[None]:
    """No worker runs; what other tests have left would come first."""
    skip_backlog()
    OrmQ.objects.all().delete()
    yield
    OrmQ.objects.all().delete()


def give_up(**counted: int) -> None:
    """Have the only job that waits be given up."""
    Job.objects.update(**counted)
    assert Broker().dequeue() is None
    assert not OrmQ.objects.exists()


def report(cast: Cast, **more: Any) -> Report:
    made = Report.objects.create(
        organization=cast.home.organization,
        from_day=date(2026, 1, 1),
        to_day=date(2026, 1, 2),
        **more,
    )
    enqueue_report(made)
    return made


def told(cast: Cast) -> set[tuple[str, str]]:
    """(who, category) of the organization's notifications."""
    rows = Notification.objects.of(cast.home.id)
    return set(rows.values_list("user__name", "category"))


# ------------------------------------------------------------------ said, and to whom


@pytest.mark.parametrize(
    ("counted", "reason"),
    [
        ({"begun": MAX_DEATHS}, "too long, or too much memory"),
        ({"begun": MAX_FAILURES, "ended": MAX_FAILURES}, "failed 5 times"),
    ],
    ids=["killed", "failed"],
)
def test_j1_a_report_that_is_given_up_says_why_to_its_requester(
    cast: Cast, counted: dict[str, int], reason: str
) -> None:
    made = report(cast, requested_by=cast.mia.user)
    give_up(**counted)
    made.refresh_from_db()
    assert made.state == ReportState.FAILED
    assert reason in made.problem
    notification = Notification.objects.get(user=cast.mia.user)
    assert notification.category == "report_failed"
    assert reason in notification.message
    assert told(cast) == {("Mia", "report_failed")}


def test_j1_a_scheduled_report_that_is_given_up_is_told_to_the_admins(cast: Cast) -> None:
    ReportSchedule.objects.create(organization=cast.home.organization, rhythm=Rhythm.DAILY)
    request_due()
    Job.objects.exclude(organization_id=cast.home.id).delete()
    give_up(begun=MAX_DEATHS)
    assert Report.objects.of(cast.home.id).get().state == ReportState.FAILED
    assert told(cast) == {("Alice", "report_failed")}


@pytest.mark.parametrize("confirmed", [False, True])
def test_j1_an_import_that_is_given_up_says_why_to_its_author(
    admin: Browser, cast: Cast, confirmed: bool
) -> None:
    upload(admin, "kpis", b"name\nMade")
    import_ = Import.objects.get(organization=cast.home.organization)
    if confirmed:
        workflow.check(str(import_.pk))
        OrmQ.objects.all().delete()
        import_.refresh_from_db()
        assert workflow.confirm(import_)
    give_up(begun=MAX_FAILURES, ended=MAX_FAILURES)
    import_.refresh_from_db()
    assert import_.state == ImportState.FAILED
    assert "failed 5 times" in import_.problem
    assert bytes(import_.content) == b""
    assert told(cast) == {("Alice", "import_failed")}


def test_j1_a_kpi_that_cannot_be_judged_says_so_and_waits_no_more(cast: Cast) -> None:
    with transaction.atomic():
        enqueue_judgement(cast.home.revenue)
    give_up(begun=MAX_DEATHS)
    state = InsightState.objects.get(kpi=cast.home.revenue)
    assert not state.waiting
    assert "could not be judged" in state.note


def test_j1_what_has_lost_its_job_fails_after_a_day(admin: Browser, cast: Cast) -> None:
    lost, fresh = (report(cast, requested_by=cast.mia.user) for _ in range(2))
    upload(admin, "kpis", b"name\nMade")
    import_ = Import.objects.get(organization=cast.home.organization)
    OrmQ.objects.all().delete()
    long_ago = timezone.now() - DAY
    Report.objects.filter(pk=lost.pk).update(created_at=long_ago)
    Import.objects.filter(pk=import_.pk).update(state_since=long_ago)
    sweep()
    states = dict(Report.objects.of(cast.home.id).values_list("pk", "state"))
    assert states == {lost.pk: ReportState.FAILED, fresh.pk: ReportState.WAITING}
    import_.refresh_from_db()
    assert import_.state == ImportState.FAILED
    assert told(cast) == {("Mia", "report_failed"), ("Alice", "import_failed")}


def test_j1_failed_reports_are_forgotten_as_late_as_others(cast: Cast, settings: Any) -> None:
    old, new = (report(cast) for _ in range(2))
    Report.objects.filter(pk__in=[old.pk, new.pk]).update(state=ReportState.FAILED)
    age = timedelta(days=settings.REPORT_DAYS)
    for made, seconds in ((old, 1), (new, -60)):
        at = timezone.now() - age - timedelta(seconds=seconds)
        Report.objects.filter(pk=made.pk).update(created_at=at)
    delete_expired_reports()
    assert list(Report.objects.of(cast.home.id)) == [new]


# ------------------------------------------------------------------ clocks


@pytest.mark.parametrize(
    ("kind", "ahead", "expected"),
    [
        ("I", YEAR, timedelta(minutes=10)),
        ("I", timedelta(minutes=10), timedelta(minutes=10)),
        ("I", timedelta(minutes=11), timedelta(minutes=10)),
        ("I", timedelta(minutes=-11), timedelta(minutes=-11)),
        ("I", -YEAR, timedelta(0)),
        ("D", YEAR, DAY),
        ("D", timedelta(hours=23), timedelta(hours=23)),
        ("D", -3 * DAY, -3 * DAY),
        ("O", YEAR, YEAR),
    ],
)
def test_j3_a_next_run_farther_away_than_its_interval_is_put_right(
    database: None, kind: str, ahead: timedelta, expected: timedelta
) -> None:
    now = datetime(2026, 3, 1, 12, tzinfo=UTC)
    row = Schedule.objects.create(
        func="none", schedule_type=kind, minutes=10, next_run=now + ahead, repeats=0
    )
    try:
        put_schedules_right(now)
        assert Schedule.objects.get(pk=row.pk).next_run == now + expected
    finally:
        row.delete()


def test_j3_a_workers_own_schedules_run_within_their_interval(database: None) -> None:
    make_schedules()
    own = Schedule.objects.filter(schedule_type=Schedule.MINUTES)
    own.update(next_run=timezone.now() + YEAR)
    put_schedules_right()
    for row in own.all():
        assert row.next_run <= timezone.now() + timedelta(minutes=row.minutes)


def test_j3_a_job_of_a_clock_that_was_ahead_is_done(cast: Cast) -> None:
    for name, ahead in (("a year", YEAR), ("taken", timedelta(minutes=1))):
        enqueue(judge, name)
        OrmQ.objects.filter(pk=OrmQ.objects.latest("pk").pk).update(lock=timezone.now() + ahead)
    assert [row.task["args"][0] for row in due_jobs()] == ["a year"]


def test_j3_a_report_that_was_made_of_a_time_to_come_is_made_again(cast: Cast) -> None:
    today = date(2026, 3, 2)
    schedule = ReportSchedule.objects.create(
        organization=cast.home.organization, rhythm=Rhythm.WEEKLY
    )
    made = Report.objects.of(cast.home.id)
    request_due(today + YEAR)
    assert made.count() == 1
    request_due(today)
    assert made.count() == 2
    assert made.latest("created_at").to_day < today
    schedule.refresh_from_db()
    assert schedule.last_made_on == today
    # A worker whose day has begun already has made it: there is no second one.
    ReportSchedule.objects.filter(pk=schedule.pk).update(last_made_on=today + DAY)
    request_due(today)
    assert made.count() == 2


def test_j3_a_judgement_that_waits_since_a_time_to_come_is_enqueued_again(cast: Cast) -> None:
    with transaction.atomic():
        enqueue_judgement(cast.home.revenue)
    OrmQ.objects.all().delete()
    InsightState.objects.filter(kpi=cast.home.revenue).update(waiting_since=timezone.now() + YEAR)
    sweep()
    assert OrmQ.objects.count() >= 1


@pytest.mark.parametrize(("hours", "taken"), [(23.9, True), (24.1, False)])
def test_j3_a_value_measured_in_the_future_is_refused(
    cast: Cast, hours: float, taken: bool
) -> None:
    kpi = cast.home.revenue
    kpi.value, kpi.value_at = Decimal(5), timezone.now() + timedelta(hours=hours)
    if taken:
        kpi.save()
    else:
        with pytest.raises(ValueError, match="in the future"):
            kpi.save()
    assert KpiValue.objects.filter(kpi=kpi, value=5).exists() is taken


def test_j3_a_value_of_next_year_does_not_stay_the_newest(admin: Browser, cast: Cast) -> None:
    """A server whose clock was wrong has left it."""
    revenue = cast.home.revenue
    KpiValue.objects.filter(kpi=revenue).update(at=timezone.now() - DAY)
    KpiValue.objects.create(kpi=revenue, value=9, at=timezone.now() + YEAR, actor_id="")
    at = (timezone.now() - timedelta(hours=1)).isoformat()
    import_file(admin, "values", values_file([("Revenue", at, 77)]))
    revenue.refresh_from_db()
    assert revenue.value == 77
