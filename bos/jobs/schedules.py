"""Recurring work, by the clock: rows that the admin shows, and a worker follows."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from django.utils import timezone
from django_q.models import Schedule

from bos.jobs.queue import Work, path_of

logger = logging.getLogger("bos.jobs")

_schedules: dict[str, tuple[str, int]] = {}


def add_schedule(name: str, job: Work, *, minutes: int) -> None:
    """Run `job()` every so many minutes, once `make_schedules` has made its row."""
    _schedules[name] = (path_of(job), minutes)


def make_schedules() -> None:
    """Make what is missing. What is there stays as an administrator has set it, but for its
    function, which may have moved."""
    there = dict(Schedule.objects.filter(name__in=_schedules).values_list("name", "func"))
    for name, (path, minutes) in _schedules.items():
        if name not in there:
            Schedule.objects.create(
                name=name, func=path, schedule_type=Schedule.MINUTES, minutes=minutes
            )
        elif there[name] != path:
            Schedule.objects.filter(name=name).update(func=path)


def put_schedules_right(now: datetime | None = None) -> int:
    """Bring nearer what would run later than its interval from now; how many schedules those were.

    A worker whose clock was a year ahead for a moment has set them so, and nothing would run for a
    year. Nor does django-q jump over what was missed: it counts up to now, minute by minute, which
    takes it a minute for a year in which a clock was behind, or that a backup is old.
    """
    now = now or timezone.now()
    changed = 0
    for row in Schedule.objects.exclude(schedule_type=Schedule.ONCE):
        next_run = _next_run(row, now)
        if next_run != row.next_run:
            rows = Schedule.objects.filter(pk=row.pk, next_run=row.next_run)
            changed += rows.update(next_run=next_run)
            logger.warning("schedule put right", extra={"schedule": row.name, "was": row.next_run})
    return changed


def _next_run(row: Schedule, now: datetime) -> datetime:
    latest: datetime = row.calculate_next_run(now)
    if row.next_run > latest:
        return latest
    # Days and weeks keep their hour, and are few to count.
    long_ago = row.schedule_type == Schedule.MINUTES and row.next_run < now - 2 * (latest - now)
    return now if long_ago else row.next_run


def overdue(now: datetime | None = None) -> timedelta | None:
    """Return for how long no worker has looked at the schedules; None where there are none.

    A worker puts each that is due to its next time, those of every minute within a minute and a
    half. So this tells of workers without a row of their own, and without Redis.
    """
    rows = Schedule.objects.filter(
        name__in=_schedules, schedule_type=Schedule.MINUTES, minutes=1
    ).exclude(repeats=0)
    first: datetime | None = rows.order_by("next_run").values_list("next_run", flat=True).first()
    if first is None:
        return None
    return max(timedelta(0), (now or timezone.now()) - first)
