"""The queue of what is done in the background (decision B4)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from multiprocessing import Queue, Value
from typing import Any

import pytest
from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.module_loading import import_string
from django_q import core_signing as signing
from django_q.conf import Conf
from django_q.models import OrmQ
from django_q.signals import pre_execute
from django_q.signing import BadSignature, PickleSerializer, SignedPackage
from django_q.worker import worker

from bos.imports.workflow import IMPORT
from bos.jobs.queue import (
    MAX_DEATHS,
    MAX_FAILURES,
    Broker,
    Priority,
    due_jobs,
    enqueue,
    require_room,
)
from bos.models import Job, Notification, Role, User
from bos.permissions import principal_of
from kpis.insights.asked import ask
from kpis.jobs import JOBS_AT_ONCE, judge, make_report, predict
from kpis.models import InsightState, Kpi, KpiValue, Report, ReportState
from kpis.reports.requests import enqueue_report
from sync.eventlog.processors import advance
from sync.feature import features
from sync.models import Event
from sync.protocol.errors import RateLimitExceeded
from sync.protocol.identity import SYSTEM, Actor, acting
from tests.support.backlog import skip_backlog
from tests.support.cast import Cast, Person


@pytest.fixture(autouse=True)
def empty_queue(database: None) -> Iterator[None]:
    """No worker runs; what other tests have left would come first."""
    skip_backlog()
    OrmQ.objects.all().delete()
    yield
    OrmQ.objects.all().delete()
    pre_execute.send(sender="tests", func=None, task={})  # no job any more


def queued() -> list[str]:
    """The first argument of each job, in the order in which they are taken."""
    return [row.task["args"][0] for row in due_jobs()]


def run(row: OrmQ) -> dict[str, object]:
    """Do a job that was given out, as django-q's own processes do it; what became of it."""
    tasks: Queue[object] = Queue()
    results: Queue[dict[str, object]] = Queue()
    tasks.put(SignedPackage.loads(row.payload) | {"ack_id": row.pk})
    tasks.put("STOP")
    worker(tasks, results, Value("f", -1), timeout=30)
    return results.get(timeout=5)


def give_history(kpi: Kpi, days: int = 60) -> None:
    now = timezone.now()
    KpiValue.objects.filter(kpi=kpi).delete()
    KpiValue.objects.bulk_create(
        KpiValue(
            kpi=kpi,
            value=100 + day % 7 * 10 + day * day % 5,
            at=now - timedelta(days=days - day),
            actor_id=SYSTEM.user_id,
        )
        for day in range(days)
    )


# ------------------------------------------------------------------ in which order


def test_b4_what_somebody_waits_for_is_done_first_and_then_what_came_first(cast: Cast) -> None:
    for name, priority in [
        ("whenever", Priority.WHENEVER),
        ("soon", Priority.SOON),
        ("soon too", Priority.SOON),
        ("first", Priority.WAITED_FOR),
        ("second", Priority.WAITED_FOR),
    ]:
        enqueue(judge, name, priority=priority)
    in_order = ["first", "second", "soon", "soon too", "whenever"]
    assert queued() == in_order
    broker = Broker()
    taken = []
    while job := broker.dequeue():
        taken += [SignedPackage.loads(payload)["args"][0] for _, payload in job]
    assert taken == in_order


def test_s6_organizations_take_turns_however_much_one_of_them_wants(cast: Cast) -> None:
    busy, other, third = cast.home.id, cast.other.id, "third"
    for n in range(6):
        enqueue(judge, f"busy {n}", organization_id=busy)
    broker = Broker()
    taken = []

    def take() -> None:
        job = broker.dequeue()
        assert job
        taken.append(SignedPackage.loads(job[0][1])["args"][0])
        OrmQ.objects.filter(pk=job[0][0]).delete()

    for _ in range(3):
        take()
    for n in range(2):
        enqueue(judge, f"other {n}", organization_id=other)
    enqueue(judge, "third", organization_id=third)
    while due_jobs().exists():
        take()
    assert taken[:3] == ["busy 0", "busy 1", "busy 2"]
    assert taken[3:] == ["busy 3", "other 0", "third", "busy 4", "other 1", "busy 5"]


def test_b4_a_job_that_was_taken_is_given_out_again_when_its_time_is_over(cast: Cast) -> None:
    enqueue(judge, "once")
    broker, before = Broker(), timezone.now()
    assert broker.dequeue()
    assert broker.dequeue() is None
    row = OrmQ.objects.get()
    seconds = (row.lock - before).total_seconds()
    assert settings.Q_CLUSTER["retry"] <= seconds < settings.Q_CLUSTER["retry"] + 5
    OrmQ.objects.update(lock=timezone.now() - timedelta(microseconds=1))
    assert broker.dequeue() == [(row.pk, row.payload)]


def test_b3_an_imported_kpi_is_judged_after_those_with_live_values(cast: Cast) -> None:
    imported, live = cast.home.revenue, cast.other.revenue
    advance()
    for kpi, door in ((imported, IMPORT), (live, "admin")):
        give_history(kpi)
        with acting(Actor(user_id="somebody", source=door)), transaction.atomic():
            kpi.value = 5
            kpi.save()
    advance()
    assert queued() == [str(live.pk), str(imported.pk)]


def test_b3_a_transaction_enqueues_so_many_judgements_and_says_of_any_number_that_they_are_short(
    cast: Cast,
) -> None:
    """Short ones cost nothing each; read again for every few, a page of them takes ten times."""
    advance()
    new = [Kpi(organization=cast.home.organization, name=f"{n}", value=1) for n in range(40)]
    Kpi.objects.bulk_create(new)
    advance()
    assert InsightState.objects.filter(kpi__in=new).exclude(note="").count() == len(new)
    OrmQ.objects.all().delete()
    enough = new[: JOBS_AT_ONCE + 1]
    for kpi in enough:
        give_history(kpi)
    Kpi.objects.filter(pk__in=[kpi.pk for kpi in enough]).update(value=2)
    advance()
    assert len(queued()) == JOBS_AT_ONCE
    advance()
    assert len(queued()) == JOBS_AT_ONCE + 1


# ------------------------------------------------------------------ for somebody


@pytest.mark.parametrize("lost", [{"role": Role.VIEWER}, {"is_active": False}])
def test_s4_nobody_gets_a_report_that_they_may_not_ask_for_any_more(
    cast: Cast, lost: dict[str, Any]
) -> None:
    today = timezone.now().date()
    reports = [
        Report.objects.create(
            organization=cast.home.organization,
            from_day=today,
            to_day=today,
            requested_by=person.user,
            request_id="r",
        )
        for person in (cast.mia, cast.alice)
    ]
    User.objects.filter(pk=cast.mia.user.pk).update(**lost)
    for report in reports:
        make_report(str(report.pk))
        report.refresh_from_db()
    assert [report.state for report in reports] == [ReportState.FAILED, ReportState.READY]


# ------------------------------------------------------------------ given out twice


def ask_for(kpi: Kpi, person: Person, request_id: str, horizon: int = 7) -> None:
    """As by a PREDICTION_REQUEST of a connection that is none of ours."""
    principal = principal_of(person.user)
    with transaction.atomic():
        ask(principal, str(kpi.pk), horizon, origin="gone", request_id=request_id)


@pytest.mark.parametrize("possible", [True, False])
def test_b4_a_prediction_that_is_given_out_again_is_told_once(cast: Cast, possible: bool) -> None:
    """Its worker was killed after the commit, before the queue knew."""
    revenue = cast.home.revenue
    if possible:
        give_history(revenue)
    told = (
        Event.objects.filter(organization_id=cast.home.id, live_type="PREDICTION_READY")
        if possible
        else Notification.objects.filter(user=cast.vera.user, category="prediction_failed")
    )
    ask_for(revenue, cast.vera, "p")
    row = OrmQ.objects.get()
    for _ in range(2):
        assert run(row)["success"] is True
        assert told.count() == 1


def test_s6_the_same_question_is_worked_on_once_and_everybody_is_answered(cast: Cast) -> None:
    revenue = cast.home.revenue
    give_history(revenue)
    for person, request_id in [(cast.vera, "a"), (cast.vera, "b"), (cast.bob, "a")]:
        ask_for(revenue, person, request_id)
    row = OrmQ.objects.get()
    assert run(row)["success"] is True
    answers = Event.objects.filter(organization_id=cast.home.id, live_type="PREDICTION_READY")
    answered = sorted(answers.values_list("actor_id", "request_id"))
    assert answered == sorted([(cast.vera.id, "a"), (cast.vera.id, "b"), (cast.bob.id, "a")])
    assert answers.values_list("live").distinct().count() == 1


def test_s6_a_user_has_so_many_questions_open_and_no_more(cast: Cast, settings: Any) -> None:
    settings.USER_WAITING_JOBS = 2
    for n in range(2):
        ask_for(cast.home.revenue, cast.vera, f"{n}")
    with pytest.raises(RateLimitExceeded) as refused:
        ask_for(cast.home.revenue, cast.vera, "one too many")
    assert refused.value.details == {"limit": 2, "scope": "jobs"}
    ask_for(cast.home.revenue, cast.bob, "another's")


def test_s6_an_organization_has_so_many_jobs_waiting_and_no_more(cast: Cast, settings: Any) -> None:
    settings.ORGANIZATION_WAITING_JOBS = 2
    enqueue(judge, "the system's", organization_id=cast.home.id)
    for n in range(2):
        require_room(cast.home.id, "another")
        enqueue(judge, f"{n}", organization_id=cast.home.id, user_id=f"user {n}")
    with pytest.raises(RateLimitExceeded):
        require_room(cast.home.id, "another")
    require_room(cast.other.id, "a stranger")


# ------------------------------------------------------------------ given up


def die(row: OrmQ) -> None:
    """Begin the job as a worker does, and be killed at it."""
    pre_execute.send(sender="tests", func=None, task={"ack_id": row.pk})


def overdue(row: OrmQ) -> None:
    OrmQ.objects.filter(pk=row.pk).update(lock=timezone.now() - timedelta(microseconds=1))


def test_j2_a_job_that_kills_its_worker_is_given_up_after_the_second_time(cast: Cast) -> None:
    report = Report.objects.create(
        organization=cast.home.organization,
        requested_by=cast.mia.user,
        from_day=date(2026, 1, 1),
        to_day=date(2026, 1, 2),
    )
    enqueue_report(report)
    broker, row = Broker(), OrmQ.objects.get()
    for _ in range(MAX_DEATHS):
        assert broker.dequeue(), "it is given out"
        die(row)
        overdue(row)
    assert broker.dequeue() is None
    assert not OrmQ.objects.exists()
    report.refresh_from_db()
    assert report.state == ReportState.FAILED
    assert "too long" in report.problem
    assert Notification.objects.get(user=cast.mia.user).category == "report_failed"


def test_j2_a_job_that_fails_is_tried_five_times(cast: Cast) -> None:
    enqueue(transaction_that_fails)
    broker, row = Broker(), OrmQ.objects.get()
    for _ in range(MAX_FAILURES):
        assert broker.dequeue(), "it is given out"
        assert run(row)["success"] is False
        overdue(row)
    assert broker.dequeue() is None
    assert not OrmQ.objects.exists()


def test_s10_a_prediction_that_is_given_up_is_told_to_its_requester(cast: Cast) -> None:
    ask_for(cast.home.revenue, cast.vera, "p")
    broker, row = Broker(), OrmQ.objects.get()
    Job.objects.update(begun=MAX_DEATHS)
    assert broker.dequeue() is None
    assert not OrmQ.objects.filter(pk=row.pk).exists()
    told = Notification.objects.get(user=cast.vera.user)
    assert told.data == {"kpiId": str(cast.home.revenue.pk), "requestId": "p"}


@pytest.mark.parametrize("possible", [True, False], ids=["made", "given-up"])
def test_b4_a_prediction_from_before_an_upgrade_is_answered(cast: Cast, possible: bool) -> None:
    """Its job alone told who had asked."""
    revenue = cast.home.revenue
    give_history(revenue)
    enqueue(predict, str(revenue.pk), 7, cast.vera.id, "a connection", "old")
    broker, row = Broker(), OrmQ.objects.get()
    if possible:
        for _ in range(2):
            assert run(row)["success"] is True
        [event] = Event.objects.filter(live_type="PREDICTION_READY", actor_id=cast.vera.id)
        assert (event.origin, event.request_id) == ("a connection", "old")
    else:
        Job.objects.update(begun=MAX_DEATHS)
        assert broker.dequeue() is None
        told = Notification.objects.get(user=cast.vera.user)
        assert told.data == {"kpiId": str(revenue.pk), "requestId": "old"}


def test_b4_a_job_that_fails_stays_in_the_queue() -> None:
    enqueue(transaction_that_fails)
    row = OrmQ.objects.get()
    assert run(row)["success"] is False
    assert OrmQ.objects.filter(pk=row.pk).exists()


def transaction_that_fails() -> None:
    with transaction.atomic():
        raise ValueError("on purpose")


def test_s12_a_job_that_was_enqueued_before_the_key_was_rotated_is_done(
    cast: Cast, settings: Any
) -> None:
    kpi_id = str(cast.home.revenue.pk)
    enqueue(judge, kpi_id)
    [row] = due_jobs()
    job = SignedPackage.loads(row.payload)
    row.payload = signing.dumps(job, key="old", salt=Conf.PREFIX, serializer=PickleSerializer)
    row.save()
    settings.SECRET_KEY_FALLBACKS = ["another", "old"]
    [(_, payload)] = Broker().dequeue() or []
    assert SignedPackage.loads(payload) == job
    row.refresh_from_db()
    with pytest.raises(BadSignature):
        SignedPackage.loads(row.payload)


@pytest.mark.parametrize(
    "path",
    [
        "bos.imports.workflow.check",
        "bos.imports.workflow.write",
        "kpis.jobs.judge",
        "kpis.jobs.make_report",
        "kpis.jobs.predict",
        "kpis.jobs.raise_missing",
        "kpis.jobs.sweep",
        "kpis.reports.requesting.request_due",
    ],
)
def test_b4_a_job_that_was_enqueued_before_an_upgrade_is_found(path: str) -> None:
    known = [job.work for each in features.all().values() for job in getattr(each, "jobs", ())]
    assert import_string(path) in known
