"""The background worker: processes the log, and does what is enqueued and scheduled."""

from __future__ import annotations

import logging
import os
import signal
import threading
from types import FrameType
from typing import Any

from django.core.management.base import BaseCommand
from django.db import connections
from django_q.cluster import Cluster

from bos.jobs import make_schedules
from bos.processes import end_with_parent
from sync.bus import bus
from sync.processors import advance

logger = logging.getLogger("bos")

# How long an event may wait to be looked at: one query each time.
PAUSE_SECONDS = 0.5
PAUSE_AFTER_FAILURE = 3.0


class Command(BaseCommand):
    help = "Do background work: alerts, insights, reports, imports. SIGTERM finishes what is begun."

    def handle(self, *args: Any, **options: Any) -> None:
        # Small matrices: threads of a job's own would wait for each other, three times as long.
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
        make_schedules()
        connections.close_all()  # its children must not share it
        os.register_at_fork(after_in_child=end_with_parent)
        ending = threading.Event()
        cluster = Cluster()
        cluster.start()

        def end(signum: int, frame: FrameType | None) -> None:
            ending.set()

        # After the cluster, which takes the signals for itself.
        signal.signal(signal.SIGTERM, end)
        signal.signal(signal.SIGINT, end)
        self.stdout.write("Working ...")
        self.stdout.flush()
        while not ending.is_set():
            ending.wait(self._process())
        cluster.stop()
        bus.close()

    @staticmethod
    def _process() -> float:
        """Process what is new; how long to wait then."""
        try:
            for connection in connections.all(initialized_only=True):
                connection.close_if_unusable_or_obsolete()
            return 0.0 if advance() else PAUSE_SECONDS
        except Exception:  # the database is away: nothing is lost, it is all in the log
            logger.exception("log not processed")
            return PAUSE_AFTER_FAILURE
