"""The background worker: processes the log, does what is enqueued and scheduled, delivers to
webhooks."""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
from contextlib import suppress
from queue import Empty, SimpleQueue
from types import FrameType
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from django.db import DatabaseError, OperationalError, connections
from django_q import cluster as cluster_module
from django_q.cluster import Cluster
from django_q.signals import post_spawn

from bos.imports.apart import limit_memory
from bos.jobs.processes import ask_to_end, end_with_parent, is_ending, let_children_end
from bos.jobs.queue import due_jobs
from bos.jobs.schedules import make_schedules, put_schedules_right
from bos.web.health import refuse_pending_migrations
from bos.web.serving import how_it_ended
from bos.webhooks.courier import Courier
from sync.delivery.bus import bus
from sync.eventlog.processors import advance

logger = logging.getLogger("bos")

# How long an event may wait to be looked at: one query each time.
PAUSE_SECONDS = 0.5
PAUSE_AFTER_FAILURE = 3.0
SCHEDULES_SECONDS = 30.0
# Jobs that are begun are done in seconds, or stop (`is_ending`); whatever is killed loses nothing.
END_SECONDS = 15


class Command(BaseCommand):
    help = (
        "Do background work: alerts, insights, reports, imports, webhooks. SIGTERM finishes what is"
        " begun."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--end-with-parent",
            type=int,
            metavar="PID",
            help="end when the process with this id does, which has started this one",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["end_with_parent"] is not None:
            end_with_parent(options["end_with_parent"])
        self._wait_for_database()
        # Small matrices: threads of a job's own would wait for each other, three times as long.
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
        connections.close_all()  # its children must not share it
        let_children_end()
        post_spawn.connect(_limit)
        ending = SimpleQueue[int]()
        cluster = Cluster()

        def end(signum: int, frame: FrameType | None) -> None:
            # A child that was killed may have left a lock behind, on which we wait for ever: the
            # default of SIGALRM ends us. No Event, whose lock is held where it is waited for.
            signal.alarm(END_SECONDS)
            ask_to_end()
            ending.put(signum)

        # After the cluster is made, which takes the signals for itself, and before it starts.
        signal.signal(signal.SIGTERM, end)
        signal.signal(signal.SIGINT, end)
        cluster.start()
        courier = Courier()  # its threads come after the processes that are forked
        courier.start()
        self.stdout.write("Working ...")
        self.stdout.flush()
        watch, schedules = StallWatch(), _Schedules()
        while not self._is_put(ending, within=self._process()):
            schedules.keep()
            if watch.stalled() or not cluster.sentinel.is_alive():
                self._begin_anew(cluster)
        courier.end()
        cluster.stop()
        courier.wait()
        bus.close()
        signal.alarm(0)

    @staticmethod
    def _wait_for_database() -> None:
        """Make the schedules once it answers. Raises CommandError where migrations are pending."""
        while True:
            refuse_pending_migrations()
            try:
                return make_schedules()
            except OperationalError as error:
                extra = {"error": type(error).__name__}
                logger.warning("the worker waits for the database", extra=extra)
                connections.close_all()
                time.sleep(PAUSE_AFTER_FAILURE)

    @staticmethod
    def _is_put(ending: SimpleQueue[int], *, within: float) -> bool:
        try:
            ending.get(timeout=within)
        except Empty:
            return False
        return True

    @staticmethod
    def _begin_anew(cluster: Cluster) -> None:
        sentinel = cluster.sentinel
        if not sentinel.is_alive():
            extra = {"pid": sentinel.pid} | how_it_ended(sentinel.exitcode)
            logger.error("worker process died", extra=extra)
        logger.error("no job is taken any more: the worker begins anew")
        cluster.sentinel.kill()  # its children end with it
        os.execv(sys.executable, [sys.executable, *sys.argv])  # noqa: S606 -- this very command

    @staticmethod
    def _process() -> float:
        """Process what is new; how long to wait then."""
        try:
            for connection in connections.all(initialized_only=True):
                connection.close_if_unusable_or_obsolete()
            return 0.0 if advance(is_ending) else PAUSE_SECONDS
        except Exception:  # the database is away: nothing is lost, it is all in the log
            logger.exception("log not processed")
            return PAUSE_AFTER_FAILURE


class _Sentinel(cluster_module.Sentinel):  # type: ignore[misc]  # untyped
    """Says of a process that has died by which signal; django-q's own line follows."""

    def reincarnate(self, process: Any) -> None:
        if not process.is_alive() and process.exitcode:
            extra = {"pid": process.pid} | how_it_ended(process.exitcode)
            logger.error("worker process died", extra=extra)
        super().reincarnate(process)


cluster_module.Sentinel = _Sentinel  # Cluster knows no other way to be given one


def _limit(**_: Any) -> None:
    """In a process that does jobs: one that takes too much fails, and takes nobody else with it."""
    limit_memory(settings.JOB_MEMORY_MB)


class _Schedules:
    """Looks now and then whether a clock has put the schedules wrong."""

    def __init__(self) -> None:
        self._next = 0.0

    def keep(self) -> None:
        now = time.monotonic()
        if now >= self._next:
            self._next = now + SCHEDULES_SECONDS
            with suppress(DatabaseError):  # the database is away: later
                put_schedules_right()


class StallWatch:
    """Notices that due jobs are not taken.

    A child of the cluster that is killed while it waits for a job leaves the lock of the queue
    behind, and its successor waits for ever. The next due job must change while jobs are done.
    """

    def __init__(self) -> None:
        self._patience = settings.Q_CLUSTER["timeout"] + 5
        self._next: int | None = None
        self._since = 0.0

    def stalled(self) -> bool:
        try:
            next_ = due_jobs().values_list("pk", flat=True).first()
        except DatabaseError:
            return False
        now = time.monotonic()
        if next_ is None or next_ != self._next:
            self._next, self._since = next_, now
        return now - self._since > self._patience and next_ is not None
