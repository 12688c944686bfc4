"""Two transactions of one PostgreSQL database at the same time."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from typing import TypeVar

import django
from django.db import connection, connections, transaction

from tests.support.services import die_with_parent

T = TypeVar("T")


def wait_until_somebody_is_blocked() -> None:
    """Return as soon as a transaction of this database waits for another one."""
    blocked = False
    while not blocked:
        with connection.cursor() as cursor:
            # In a transaction, PostgreSQL would show the same for ever.
            cursor.execute("SELECT pg_stat_clear_snapshot()")
            cursor.execute(
                "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database()"
                " AND cardinality(pg_blocking_pids(pid)) > 0)"
            )
            (blocked,) = cursor.fetchone()


def while_open(
    theirs: Callable[[], object],
    ours: Callable[[], T],
    then: Callable[[], object] = lambda: None,
) -> T:
    """Call `ours` while a transaction with `theirs` is open, until ours has to wait for it.

    then: what that transaction does last, before it commits. Returns what `ours` returns, raises
    what it raises.
    """
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            theirs()
            result = pool.submit(on_connections_of_its_own, ours)
            wait_until_somebody_is_blocked()
            then()
        return result.result()


def on_connections_of_its_own(function: Callable[[], T]) -> T:
    """Call this in a thread."""
    try:
        return function()
    finally:
        connections.close_all()


def stop_with_the_lock(organization_id: str, environment: dict[str, str], told: Connection) -> None:
    """Call this in a process: it takes the organization's lock, says so, and is halted."""
    die_with_parent()
    os.environ.update(environment)
    django.setup()
    from sync.models import StreamHead

    with transaction.atomic():
        StreamHead.objects.select_for_update().get(pk=organization_id)
        told.send(None)
        os.kill(os.getpid(), signal.SIGSTOP)
