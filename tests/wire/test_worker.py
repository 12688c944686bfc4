"""The background worker dies, and nothing is lost or done twice (decision B4, V1)."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from contextlib import ExitStack, suppress
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from django.utils import timezone

from bos.jobs.queue import enqueue, path_of
from kpis.models import Alert, AlertRule, Kpi, Report, ReportState
from kpis.reports.requests import enqueue_report
from sync.models import Event
from tests.conftest import BACKEND
from tests.support.backlog import is_processed, skip_backlog
from tests.support.cast import Cast
from tests.support.dying import work_until_the_end
from tests.support.server import working
from tests.support.waiting import until

WITHIN = 60


@pytest.fixture(autouse=True)
def backlog(database: None) -> None:
    skip_backlog()


def waiting_report(cast: Cast, day: date) -> Report:
    report = Report.objects.create(organization=cast.home.organization, from_day=day, to_day=day)
    enqueue_report(report)
    return report


async def test_b4_a_killed_worker_loses_no_job_and_does_none_twice(
    cast: Cast, tmp_path: Path
) -> None:
    today = timezone.now().date()
    reports = [waiting_report(cast, today) for _ in range(20)]
    ready = Report.objects.of(cast.home.id).filter(state=ReportState.READY)
    with working(tmp_path / "first", BOS_JOB_TIMEOUT="4") as first:
        await until(ready.exists, within=WITHIN)
        first.kill()  # its children end with it
    with working(tmp_path / "second", BOS_JOB_TIMEOUT="4"):
        await until(lambda: ready.count() == len(reports), within=WITHIN)
    told = Event.objects.filter(organization_id=cast.home.id, live_type="REPORT_GENERATED")
    assert sorted(told.values_list("entity_id", flat=True)) == sorted(str(r.pk) for r in reports)


async def test_b4_a_job_that_takes_long_ends_when_its_worker_is_asked_to(tmp_path: Path) -> None:
    told = tmp_path / "told"
    told.touch()
    enqueue(path_of(work_until_the_end), str(told))
    with working(tmp_path / "worker") as worker:
        await until(lambda: told.read_text() == "begun", within=WITHIN)
        worker.terminate()
        await asyncio.to_thread(worker.join, WITHIN)
        assert worker.exitcode == 0, "not by the alarm that ends what does not end"
    assert told.read_text() == "ended"


def children(pid: int) -> list[int]:
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in listed]


@pytest.mark.timeout(120)
@pytest.mark.skipif(BACKEND == "sqlite", reason="the lock is Python's, not the database's")
async def test_b4_jobs_go_on_after_those_who_do_them_were_killed(
    cast: Cast, tmp_path: Path
) -> None:
    """Killed while they wait, they leave the lock of the queue behind."""
    today = timezone.now().date()
    with working(tmp_path / "worker", BOS_JOB_TIMEOUT="2") as worker:
        await until(is_made(waiting_report(cast, today)), within=WITHIN)
        assert worker.pid is not None
        for child in children(worker.pid):
            for pid in children(child):
                os.kill(pid, signal.SIGKILL)
        await until(is_made(waiting_report(cast, today)), within=WITHIN)


def is_made(report: Report) -> Callable[[], bool]:
    return Report.objects.filter(pk=report.pk, state=ReportState.READY).exists


async def test_b2_values_that_came_while_no_worker_ran_raise_their_alerts_once(
    cast: Cast, tmp_path: Path
) -> None:
    revenue = cast.home.revenue
    AlertRule.objects.create(
        organization=cast.home.organization, kpi=revenue, kind="above", threshold=150
    )
    for value in (151, 100, 152, 153):
        revenue.value = value
        revenue.save()
    raised = Alert.objects.filter(kpi=revenue)
    for name in ("first", "second"):
        with working(tmp_path / name):
            await until(lambda: raised.count() >= 2, within=WITHIN)
    assert sorted(raised.values_list("value", flat=True)) == [151, 152]


@pytest.mark.timeout(120)
async def test_f8_each_crossing_alerts_once_while_workers_are_halted_and_killed(
    cast: Cast, tmp_path: Path
) -> None:
    """Each of two in turn, at whatever they are at; one dies, and is started again."""
    kpis = [Kpi(organization=cast.home.organization, name=f"{n}", value=1) for n in range(8)]
    for kpi in kpis:
        kpi.save()
        AlertRule.objects.create(
            organization=cast.home.organization, kpi=kpi, kind="above", threshold=150
        )
    skip_backlog()
    told = Alert.objects.filter(kpi__in=kpis)
    with ExitStack() as ending:
        workers = [ending.enter_context(working(tmp_path / f"{n}")) for n in range(2)]
        for n, kpi in enumerate(kpis):
            kpi.value = Decimal(200 + n)
            kpi.save()
            victim = workers[n % 2]
            if n == 5:
                victim.kill()
                victim.join()
                workers[n % 2] = ending.enter_context(working(tmp_path / "another"))
                continue
            assert victim.pid is not None
            os.kill(victim.pid, signal.SIGSTOP)
            try:
                with suppress(TimeoutError):  # it may be halted in its transaction
                    await until(lambda: told.count() > n, within=0.7)  # noqa: B023 -- at once
            finally:
                os.kill(victim.pid, signal.SIGCONT)
        await until(lambda: told.count() >= len(kpis), within=WITHIN)
        await until(lambda: is_processed(cast.home.id), within=WITHIN)
    assert sorted(told.values_list("value", flat=True)) == [200 + n for n in range(len(kpis))]


async def test_f8_a_worker_whose_children_were_killed_begins_anew(
    cast: Cast, tmp_path: Path
) -> None:
    """Nothing is due that could wait too long: what looks for that is what has died."""
    with working(tmp_path / "worker") as worker:
        pid = worker.pid
        assert pid is not None
        before = children(pid)
        for child in before:
            os.kill(child, signal.SIGKILL)
        await until(lambda: set(children(pid)) - set(before), within=WITHIN)
        report = waiting_report(cast, timezone.now().date())
        made = Report.objects.filter(pk=report.pk, state=ReportState.READY)
        await until(made.exists, within=WITHIN)
