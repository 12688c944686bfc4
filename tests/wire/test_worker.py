"""The background worker dies, and nothing is lost or done twice (decision B4, V1)."""

from __future__ import annotations

import asyncio
from datetime import date
from pathlib import Path

from django.utils import timezone

from kpis.models import Alert, AlertRule, Report, ReportState
from kpis.reports.requesting import have_made
from sync.models import Event
from tests.cast import Cast
from tests.server import working

WITHIN = 60


def waiting_report(cast: Cast, day: date) -> Report:
    report = Report.objects.create(organization=cast.home.organization, from_day=day, to_day=day)
    have_made(report)
    return report


async def test_b4_a_killed_worker_loses_no_job_and_does_none_twice(
    cast: Cast, tmp_path: Path
) -> None:
    today = timezone.now().date()
    reports = [waiting_report(cast, today) for _ in range(20)]
    ready = Report.objects.of(cast.home.id).filter(state=ReportState.READY)
    with working(tmp_path / "first", BOS_JOB_TIMEOUT="4") as first:
        async with asyncio.timeout(WITHIN):
            while not ready.exists():
                await asyncio.sleep(0.01)  # another process makes them
        first.kill()  # its children end with it
    with working(tmp_path / "second", BOS_JOB_TIMEOUT="4"):
        async with asyncio.timeout(WITHIN):
            while ready.count() < len(reports):
                await asyncio.sleep(0.05)
    told = Event.objects.filter(organization_id=cast.home.id, live_type="REPORT_GENERATED")
    assert sorted(told.values_list("entity_id", flat=True)) == sorted(str(r.pk) for r in reports)


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
            async with asyncio.timeout(WITHIN):
                while raised.count() < 2:
                    await asyncio.sleep(0.05)
    assert sorted(raised.values_list("value", flat=True)) == [151, 152]
