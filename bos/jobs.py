"""Work that is done in the background, by `manage.py work`.

The queue is a table of the same database: what is enqueued in a transaction is there if, and only
if, that transaction commits. A worker that dies loses nothing: what it had taken is given out again
once its time is over (`BOS_JOB_TIMEOUT`). So a job may run twice, and must not mind: either what it
finds tells it that there is nothing left to do, or it begins with `for_the_first_time`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from enum import StrEnum
from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from django.dispatch import receiver
from django.utils import timezone
from django_q.brokers.orm import ORM
from django_q.conf import Conf
from django_q.core_signing import BadSignature, TimestampSigner
from django_q.models import OrmQ, Schedule
from django_q.signals import pre_execute
from django_q.tasks import async_task

Job = Callable[..., Any]


class Priority(StrEnum):
    """Queues in the order of their names: one is looked at when those before it are empty."""

    WAITED_FOR = settings.Q_CLUSTER["name"]
    """Somebody waits for it; and what is scheduled, which is soon done."""
    SOON = f"{WAITED_FOR}:soon"
    WHENEVER = f"{WAITED_FOR}:whenever"


_schedules: dict[str, tuple[str, int]] = {}
_row_id: int | None = None
"""The row of the queue that this process works on."""


def enqueue(job: Job, *args: Any, priority: Priority = Priority.WAITED_FOR) -> None:
    """Run `job(*args)` in a worker, as soon as the transaction that is open has committed.

    job: a function of a module. args: ids and other plain values, not rows: they are pickled.
    """
    async_task(_path(job), *args, q_options={"cluster": str(priority)})


def for_the_first_time() -> bool:
    """Whether the job that runs has not been done before.

    Takes it off the queue within the caller's transaction: both commit together, or neither.
    """
    return _row_id is None or OrmQ.objects.filter(pk=_row_id).delete()[0] > 0


@receiver(pre_execute)
def _begin(task: dict[str, Any], **_: Any) -> None:
    global _row_id
    _row_id = task.get("ack_id")


class Broker(ORM):
    """Gives out the due jobs: by priority, then in the order in which they were enqueued."""

    def dequeue(self) -> list[tuple[int, str]] | None:
        job = due_jobs().first()
        if job is None:
            time.sleep(settings.Q_CLUSTER["poll"])
            return None
        again = timezone.now() + timedelta(seconds=settings.Q_CLUSTER["retry"])
        taken = OrmQ.objects.filter(pk=job.pk, lock=job.lock).update(lock=again)
        # Else another worker was faster.
        return [(job.pk, _signed_anew(job.payload))] if taken else None


def _signed_anew(payload: str) -> str:
    """The same job, where an older key has signed it: django-q knows no SECRET_KEY_FALLBACKS."""
    for key in settings.SECRET_KEY_FALLBACKS:
        with suppress(BadSignature):
            job = TimestampSigner(key=key, salt=Conf.PREFIX).unsign(payload)
            return str(TimestampSigner(key=Conf.SECRET_KEY, salt=Conf.PREFIX).sign(job))
    return payload


def due_jobs() -> QuerySet[OrmQ]:
    """What waits to be taken, the next one first."""
    due: QuerySet[OrmQ] = OrmQ.objects.filter(key__in=Priority, lock__lt=timezone.now())
    return due.order_by("key", "pk")


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
