"""Gives each of pytest's workers its own database, before anything reads the settings.

A plugin (`-p tests.support.database`): pytest loads those first. TEST_DATABASES names the
databases, the first one for a pytest without workers.
"""

from __future__ import annotations

import os

from sync.garbage import relax_gc

relax_gc()


def _of_this_worker(urls: list[str]) -> str:
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")  # gw0, gw1 ...; empty without
    return urls[int(worker.removeprefix("gw")) + 1 if worker else 0]


if "TEST_DATABASES" in os.environ:
    os.environ["DATABASE_URL"] = _of_this_worker(os.environ["TEST_DATABASES"].split())
