"""Work that is done in the background, by `manage.py work`.

The queue is a table of the same database: what is enqueued in a transaction is there if, and only
if, that transaction commits. A worker that dies loses nothing: what it had taken is given out again
once its time is over (`BOS_JOB_TIMEOUT`). So a job may run twice, and must not mind: what it finds
tells it that there is nothing left to do.

Each organization's jobs take turns with those of the others, however many it has waiting. A job
that fails again and again, or takes its worker down with it, is given up: see `when_given_up`.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from django.conf import settings
from django.db import OperationalError, transaction
from django.db.models import F, QuerySet
from django.dispatch import receiver
from django.utils import timezone
from django_q.brokers.orm import ORM
from django_q.conf import Conf
from django_q.core_signing import BadSignature, TimestampSigner
from django_q.models import OrmQ, Schedule
from django_q.signals import post_execute_in_worker, pre_execute
from django_q.tasks import async_task

from bos.models import Job
from sync.caps import cap

log = logging.getLogger("bos.jobs")

Work = Callable[..., Any]

WAITING = cap(
    "jobs",
    "reports, predictions and imports waiting to be made",
    remedy="Wait until some of them are done.",
)
MAX_FAILURES = 5
"""What is in the way of a job (a lock, a database that is away) is gone by then, or stays."""
MAX_DEATHS = 2
"""How many workers a job may cost, killed or out of time. The first may be no fault of its own:
an operator's or the kernel's; each costs all tenants a worker's start, or the job's whole time."""
OUT_OF_TIME = "Task exceeded maximum timeout value"
"""How django-q's result of a job begins that it has ended itself."""
OUT_OF_MEMORY = "MemoryError"
"""Is in the result, which holds the traceback, of one that needed more than `BOS_JOB_MEMORY_MB`."""


class Priority(StrEnum):
    """Queues in the order of their names: one is looked at when those before it are empty."""

    WAITED_FOR = settings.Q_CLUSTER["name"]
    """Somebody waits for it; and what is scheduled, which is soon done."""
    SOON = f"{WAITED_FOR}:soon"
    WHENEVER = f"{WAITED_FOR}:whenever"


_schedules: dict[str, tuple[str, int]] = {}
_given_up: dict[str, Work] = {}


def enqueue(
    job: Work,
    *args: Any,
    organization_id: object = "",
    user_id: object = "",
    priority: Priority = Priority.WAITED_FOR,
) -> None:
    """Run `job(*args)` in a worker, as soon as the transaction that is open has committed.

    job: a function of a module. args: ids and other plain values, not rows: they are pickled.
    organization_id: whose turn it takes; empty for the system. user_id: who has asked for it, where
    somebody has: see `require_room`.
    """
    broker = Broker(str(priority), organization_id=str(organization_id), user_id=str(user_id))
    async_task(_path(job), *args, q_options={"broker": broker})


def require_room(organization_id: object, user_id: object = "") -> None:
    """Raises RateLimitExceeded where too many jobs wait already that people have asked for.

    user_id: empty where only the organization's limit counts.
    """
    asked_for = Job.objects.filter(organization_id=str(organization_id)).exclude(user_id="")
    if user_id:
        within(settings.USER_WAITING_JOBS, asked_for.filter(user_id=str(user_id)))
    within(settings.ORGANIZATION_WAITING_JOBS, asked_for)


def within(limit: int, waiting: QuerySet[Any]) -> None:
    """Raises RateLimitExceeded where so much waits already."""
    WAITING.require(there=waiting.count(), limit=limit)


def when_given_up(job: Work, tell: Work) -> None:
    """Call `tell` with the job's arguments once it is not tried any more, in a transaction."""
    if _path(job) in _given_up:
        raise ValueError(f"{_path(job)} is given up twice")
    _given_up[_path(job)] = tell


@receiver(pre_execute)
def _begin(task: dict[str, Any], **_: Any) -> None:
    """Counted before it is begun: whoever is killed counts nothing afterwards."""
    _count(task, "begun")


@receiver(post_execute_in_worker)
def _end(task: dict[str, Any], **_: Any) -> None:
    """What had no time or memory left is as bad as dead: it would have neither the next time."""
    said = str(task["result"])
    if not task["success"] and not said.startswith(OUT_OF_TIME) and OUT_OF_MEMORY not in said:
        _count(task, "ended")


def _count(task: dict[str, Any], column: str) -> None:
    if "ack_id" in task:
        Job.objects.filter(pk=task["ack_id"]).update(**{column: F(column) + 1})


class Broker(ORM):
    """Puts jobs into the queue, and gives out those that are due: by priority, then by turn.

    A job's turn is the one behind the last of its organization's, but not before the turn that is
    served now: a tenant with hundreds of jobs waiting delays another's by one job, and nobody saves
    up turns by having had nothing to do.
    """

    _organization_id = _user_id = ""

    def __init__(
        self, list_key: str | None = None, *, organization_id: str = "", user_id: str = ""
    ) -> None:
        super().__init__(list_key)
        self._organization_id = organization_id
        self._user_id = user_id

    def enqueue(self, task: str) -> int:
        now = timezone.now()
        job = Job.objects.create(
            key=self.list_key,
            queue=self.list_key,
            payload=task,
            lock=now,
            organization_id=self._organization_id,
            user_id=self._user_id,
            turn=_next_turn(str(self.list_key), self._organization_id, now),
        )
        return int(job.pk)

    def dequeue(self) -> list[tuple[int, str]] | None:
        job = due_jobs().first()
        if job is None:
            time.sleep(settings.Q_CLUSTER["poll"])
            return None
        again = timezone.now() + timedelta(seconds=settings.Q_CLUSTER["retry"])
        taken = OrmQ.objects.filter(pk=job.pk, lock=job.lock).update(lock=again)
        if not taken:  # another worker was faster
            return None
        if job.begun >= MAX_FAILURES or job.begun - job.ended >= MAX_DEATHS:
            _give_up(job)
            return None
        return [(job.pk, _signed_anew(job.payload))]


def _signed_anew(payload: str) -> str:
    """The same job, where an older key has signed it: django-q knows no SECRET_KEY_FALLBACKS."""
    for key in settings.SECRET_KEY_FALLBACKS:
        with suppress(BadSignature):
            job = TimestampSigner(key=key, salt=Conf.PREFIX).unsign(payload)
            return str(TimestampSigner(key=Conf.SECRET_KEY, salt=Conf.PREFIX).sign(job))
    return payload


def _next_turn(queue: str, organization_id: str, now: datetime) -> int:
    """Two look-ups in an index: thousands are enqueued where an import has been written."""
    jobs = Job.objects.filter(queue=queue)
    own = jobs.filter(organization_id=organization_id).order_by("-turn")
    due = jobs.filter(lock__lte=now).order_by("turn")
    last_own: int | None = own.values_list("turn", flat=True).first()
    served_next: int | None = due.values_list("turn", flat=True).first()
    return max(0 if last_own is None else last_own + 1, served_next or 0)


def _give_up(job: Job) -> None:
    """Whatever happens in `tell`, the job does not stop the others."""
    task = job.task
    log.error("job given up", extra={"job": task.get("func"), "begun": job.begun})
    tell = _given_up.get(str(task.get("func")))
    try:
        with transaction.atomic():
            if tell is not None:
                tell(*task["args"])
            OrmQ.objects.filter(pk=job.pk).delete()
    except OperationalError:  # in its way now; it is given out again, and given up then
        log.warning("job not given up yet", exc_info=True)
    except Exception:
        log.exception("nobody was told of a job that is given up")
        OrmQ.objects.filter(pk=job.pk).delete()


def due_jobs() -> QuerySet[Job]:
    """What waits to be taken, the next one first."""
    due: QuerySet[Job] = Job.objects.filter(queue__in=Priority, lock__lt=timezone.now())
    return due.order_by("queue", "turn", "pk")


def schedule(name: str, job: Work, *, minutes: int) -> None:
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


def _path(job: Work) -> str:
    return f"{job.__module__}.{job.__qualname__}"
