"""Work that is done in the background, by `manage.py work`.

The queue is a table of the same database: what is enqueued in a transaction is there if, and only
if, that transaction commits. A worker that dies loses nothing: what it had taken is given out again
once its time is over (`BOS_JOB_TIMEOUT`). So a job may run twice, and must not mind.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django_q.models import Schedule
from django_q.tasks import async_task

Job = Callable[..., Any]

_schedules: dict[str, tuple[str, int]] = {}


def enqueue(job: Job, *args: Any) -> None:
    """Run `job(*args)` in a worker, as soon as the transaction that is open has committed.

    job: a function of a module. args: ids and other plain values, not rows: they are pickled.
    """
    async_task(_path(job), *args)


def schedule(name: str, job: Job, *, minutes: int) -> None:
    """Run `job()` every so many minutes. Registered at import, made by `make_schedules`."""
    if name in _schedules:
        raise ValueError(f"{name!r} is scheduled twice")
    _schedules[name] = (_path(job), minutes)


def make_schedules() -> None:
    """Make what is missing. What is there stays as an administrator has set it."""
    there = set(Schedule.objects.filter(name__in=_schedules).values_list("name", flat=True))
    for name, (path, minutes) in _schedules.items():
        if name not in there:
            Schedule.objects.create(
                name=name, func=path, schedule_type=Schedule.MINUTES, minutes=minutes
            )


def _path(job: Job) -> str:
    return f"{job.__module__}.{job.__qualname__}"
