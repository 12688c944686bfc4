"""Work that is done in the background, by `manage.py work`.

The queue is a table of the same database: what is enqueued in a transaction is there if, and only
if, that transaction commits. A worker that dies loses nothing: what it had taken is given out again
once its time is over (`BOS_JOB_TIMEOUT`). So a job may run twice, and must not mind: what it finds
tells it that there is nothing left to do.

Each organization's jobs take turns with those of the others, however many it has waiting. A job
that fails again and again, or takes its worker down with it, is given up: see `JobType`.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any

from django.conf import settings
from django.db import OperationalError, connection, transaction
from django.db.models import Count, DateTimeField, F, Min, Q, QuerySet, Value
from django.db.models.expressions import Combinable
from django.db.models.functions import Now
from django.dispatch import receiver
from django.utils import timezone
from django_q.brokers.orm import ORM
from django_q.conf import Conf
from django_q.core_signing import BadSignature, TimestampSigner
from django_q.models import Failure, OrmQ
from django_q.signals import post_execute_in_worker, pre_execute
from django_q.tasks import async_task

from bos.jobs.processes import is_ending
from bos.models import Job
from sync import metrics
from sync.protocol.caps import Cap

logger = logging.getLogger("bos.jobs")

Work = Callable[..., Any]

WAITING = Cap(
    "jobs",
    "reports, predictions and imports waiting to be made",
    remedy="Wait until some of them are done.",
)
MAX_FAILURES = 5
"""An obstacle to a job (a lock, a database that is away) is gone by then, or stays."""
MAX_DEATHS = 2
"""How many workers a job may cost, killed or out of time. The first may be no fault of its own:
an operator's or the kernel's; each costs all tenants a worker's start, or the job's whole time."""
CLOCK_ERROR = timedelta(hours=1)
LOST = timedelta(days=1)
"""After so long a request has lost its job: nothing will be done about it any more."""
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


@dataclass(frozen=True, slots=True, kw_only=True)
class JobType:
    """Work of a worker: a function of a module, called with plain values.

    on_given_up: called with the same values and `reason` once a job is not tried any more, in a
    transaction. title, minutes: of what is done again and again, by a schedule of this name.
    """

    work: Work
    on_given_up: Work | None = None
    title: str = ""
    minutes: int = 0


_given_up: dict[str, Work] = {}


def enqueue(
    job: Work | str,
    *args: Any,
    organization_id: object = "",
    user_id: object = "",
    priority: Priority = Priority.WAITED_FOR,
) -> None:
    """Run `job(*args)` in a worker, as soon as the transaction that is open has committed.

    job: a function of a module, or its dotted name. args: ids and other plain values, not rows:
    they are pickled.
    organization_id: whose turn it takes; empty for the system. user_id: who has asked for it, where
    somebody has: see `require_room`.
    """
    broker = Broker(str(priority), organization_id=str(organization_id), user_id=str(user_id))
    async_task(path_of(job), *args, q_options={"broker": broker})


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


def add_given_up(job: Work, tell: Work) -> None:
    """Call `tell(*args, reason=...)` once the job is not tried any more, in a transaction."""
    _given_up[path_of(job)] = tell


@receiver(pre_execute)
def _begin(task: dict[str, Any], **_: Any) -> None:
    """Counted before it is begun: whoever is killed counts nothing afterwards."""
    _count(task, "begun")


@receiver(post_execute_in_worker)
def _end(task: dict[str, Any], **_: Any) -> None:
    """Count an end, but for want of time or memory: that is as bad as death, and comes again."""
    said = str(task["result"])
    if not task["success"] and not said.startswith(OUT_OF_TIME) and OUT_OF_MEMORY not in said:
        _count(task, "ended")


def _count(task: dict[str, Any], column: str) -> None:
    if "ack_id" in task:
        Job.objects.filter(pk=task["ack_id"]).update(**{column: F(column) + 1})


class Broker(ORM):
    """Puts jobs into the queue, and gives out those that are due: by priority, then by turn.

    A job's turn is the one after the last of its organization's, but not before the turn that is
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
        job = Job.objects.create(
            key=self.list_key,
            queue=self.list_key,
            payload=task,
            lock=_now(),
            organization_id=self._organization_id,
            user_id=self._user_id,
            turn=_next_turn(str(self.list_key), self._organization_id),
        )
        return int(job.pk)

    def dequeue(self) -> list[tuple[int, str]] | None:
        job = None if is_ending() else due_jobs().first()
        if job is None:
            time.sleep(settings.Q_CLUSTER["poll"])
            return None
        again = _now() + timedelta(seconds=settings.Q_CLUSTER["retry"])
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


def _now() -> Combinable:
    """By the clock of PostgreSQL, which all processes share; SQLite's processes have one anyway.

    A process whose own clock is wrong neither delays jobs nor takes those of others.
    """
    if connection.vendor == "postgresql":
        return Now()
    return Value(timezone.now(), DateTimeField())


def _due() -> Q:
    """Nothing is locked for longer than a job's time: farther ahead, that clock was wrong."""
    longest = timedelta(seconds=settings.Q_CLUSTER["retry"]) + CLOCK_ERROR
    return Q(lock__lt=_now()) | Q(lock__gt=_now() + longest)


def _next_turn(queue: str, organization_id: str) -> int:
    """Two look-ups in an index: thousands are enqueued where an import has been written."""
    jobs = Job.objects.filter(queue=queue)
    own = jobs.filter(organization_id=organization_id).order_by("-turn")
    due = jobs.filter(_due()).order_by("turn")
    last_own: int | None = own.values_list("turn", flat=True).first()
    served_next: int | None = due.values_list("turn", flat=True).first()
    return max(0 if last_own is None else last_own + 1, served_next or 0)


def _give_up(job: Job) -> None:
    """Give a job up; an error in `tell` does not stop the other jobs."""
    task = job.task
    logger.error("job given up", extra={"job": task.get("func"), "begun": job.begun})
    tell = _given_up.get(str(task.get("func")))
    try:
        with transaction.atomic():
            if tell is not None:
                tell(*task["args"], reason=_reason(job))
            OrmQ.objects.filter(pk=job.pk).delete()
    except OperationalError:  # in its way now; it is given out again, and given up then
        logger.warning("job not given up yet", exc_info=True)
    except Exception:
        logger.exception("no notice of a job that is given up")
        OrmQ.objects.filter(pk=job.pk).delete()


def _reason(job: Job) -> str:
    if job.begun - job.ended >= MAX_DEATHS:
        return "It took too long, or too much memory."
    return f"It failed {job.begun} times."


def due_jobs() -> QuerySet[Job]:
    """Return the jobs that wait to be taken, the next one first."""
    due: QuerySet[Job] = Job.objects.filter(_due(), queue__in=Priority)
    return due.order_by("queue", "turn", "pk")


@metrics.gauge(
    "bos_queue_age_seconds",
    "How long the oldest job of a `queue` that is due has waited: 0 where there is none. `bos` is"
    " what somebody waits for, then `bos:soon`, `bos:whenever`.",
    "queue",
    shared=True,
)
def _ages() -> dict[str, float]:
    due = due_jobs().order_by().values_list("queue").annotate(Min("lock"))
    now = timezone.now()
    ages = {queue: max(0.0, (now - lock).total_seconds()) for queue, lock in due}
    return {str(queue): ages.get(str(queue), 0.0) for queue in Priority}


@metrics.gauge(
    "bos_queue_jobs",
    "Jobs in a `queue`: due, being done, or waiting to be tried again.",
    "queue",
    shared=True,
)
def _jobs() -> dict[str, float]:
    jobs = Job.objects.filter(queue__in=Priority).order_by().values_list("queue")
    found = dict(jobs.annotate(Count("pk")))
    return {str(queue): found.get(str(queue), 0) for queue in Priority}


@metrics.gauge(
    "bos_job_failures",
    "Jobs by `job`, a function, whose last try has failed: as many as 'Failed tasks' in the admin"
    " shows. One that has cost its worker leaves no such row, but a line of the log.",
    "job",
    shared=True,
)
def _failures() -> dict[str, float]:
    return dict(Failure.objects.order_by().values_list("func").annotate(Count("pk")))


def path_of(job: Work | str) -> str:
    """Return where a worker finds the function."""
    return job if isinstance(job, str) else f"{job.__module__}.{job.__qualname__}"
