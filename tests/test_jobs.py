"""The queue of what is done in the background (decision B4)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from multiprocessing import Queue, Value
from typing import Any

import pytest
from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django_q import core_signing as signing
from django_q.conf import Conf
from django_q.models import OrmQ
from django_q.signals import pre_execute
from django_q.signing import BadSignature, PickleSerializer, SignedPackage
from django_q.worker import worker

from bos import jobs
from bos.imports import IMPORT
from bos.jobs import Broker, Priority, due_jobs, enqueue
from bos.models import Notification, Role, User
from kpis.jobs import judge, make_report, predict
from kpis.models import Kpi, KpiValue, Report, ReportState, Visibility
from sync.models import Event
from sync.principal import SYSTEM, Actor, acting
from sync.processors import advance
from tests.backlog import skip_backlog
from tests.cast import Cast


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
        with acting(Actor(user_id="somebody", door=door)), transaction.atomic():
            kpi.value = 5
            kpi.save()
    advance()
    assert queued() == [str(live.pk), str(imported.pk)]


# ------------------------------------------------------------------ for somebody


def test_s4_nobody_gets_a_prediction_that_they_may_not_see_any_more(cast: Cast) -> None:
    """While it waited for a worker, the KPI became its department's alone."""
    revenue = cast.home.revenue
    give_history(revenue)
    Kpi.objects.filter(pk=revenue.pk).update(
        visibility=Visibility.DEPARTMENT, department=cast.home.sales
    )
    told = Event.objects.filter(organization_id=cast.home.id, live_type="PREDICTION_READY")
    predict(str(revenue.pk), 7, cast.vera.id, "", "p")
    assert not told.exists()
    predict(str(revenue.pk), 7, cast.bob.id, "", "p")
    assert told.count() == 1


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
    enqueue(predict, str(revenue.pk), 7, cast.vera.id, "", "p")
    row = OrmQ.objects.get()
    for _ in range(2):
        assert run(row)["success"] is True
        assert told.count() == 1
    assert not OrmQ.objects.exists()


def test_b4_a_job_that_fails_stays_in_the_queue() -> None:
    enqueue(transaction_that_fails)
    row = OrmQ.objects.get()
    assert run(row)["success"] is False
    assert OrmQ.objects.filter(pk=row.pk).exists()


def transaction_that_fails() -> None:
    with transaction.atomic():
        assert jobs.for_the_first_time()
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
