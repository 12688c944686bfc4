"""Workers that are killed, or asked to end, in the middle of what they do."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

import django

from bos.jobs.processes import is_ending
from tests.support.services import die_with_parent


def die_in_the_second_slice(import_id: str, environment: dict[str, str]) -> None:
    """Write one slice of values, and be killed in the transaction of the next one.

    A process for `multiprocessing`.
    """
    die_with_parent()
    os.environ.update(environment)
    django.setup()
    from bos.imports import kinds, workflow
    from kpis.history.imports import ValueImport

    class Deadly(ValueImport):
        slices = 0

        def write(self, *args: Any) -> None:
            self.slices += 1
            super().write(*args)
            if self.slices == 2:
                os.kill(os.getpid(), signal.SIGKILL)

    kinds.add_kind(Deadly())
    workflow.write(import_id)


def work_until_the_end(told: str) -> None:
    """Work, as a job that could take long, until the worker is to end.

    told: a file that says so.
    """
    Path(told).write_text("begun")
    while not is_ending():
        time.sleep(0.01)  # its work
    Path(told).write_text("ended")


def die_before_the_commit(connector_id: str, run_id: str, environment: dict[str, str]) -> None:
    """Run a connector, and be killed when all is written and nothing committed.

    A process for `multiprocessing`.
    """
    die_with_parent()
    os.environ.update(environment)
    django.setup()
    from django.db import transaction

    from kpis.connectors import running

    with transaction.atomic():
        running.run(connector_id, run_id)
        os.kill(os.getpid(), signal.SIGKILL)


def send_what_is_due(organization_id: str, environment: dict[str, str]) -> None:
    """Send messages, as the job does it, until somebody kills this process."""
    die_with_parent()
    os.environ.update(environment)
    django.setup()
    from bos.outside.sending import send_due

    send_due(organization_id)
