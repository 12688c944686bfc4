"""A worker that is killed while it writes an import, as a process for `multiprocessing`."""

from __future__ import annotations

import os
import signal
from typing import Any

import django

from tests.support.services import die_with_parent


def die_in_the_second_slice(import_id: str, environment: dict[str, str]) -> None:
    """Write one slice of values, and be killed in the transaction of the next one."""
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
