"""May requests be sent here? Asked on a thread of its own, for any number of probes at once."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from threading import Lock

from django.conf import settings
from django.core.management.base import CommandError
from django.db import DatabaseError, InterfaceError, connection, connections
from django.db.migrations.executor import MigrationExecutor
from redis import Redis
from redis.exceptions import RedisError

from sync.delivery.bus import bus

logger = logging.getLogger("bos.health")

FRESH = 0.25
"""Seconds for which an answer is given to others, too."""
PATIENCE = 1.0
"""Seconds after which no answer is taken for a no."""
MOST_BEHIND = 10.0
"""Seconds for which a process may deliver less than there is, before nobody new is sent to it."""


class Probe:
    """A question of which at most one is under way."""

    def __init__(self, ask: Callable[[], bool]) -> None:
        self._ask = ask
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="bos-probe")
        self._lock = Lock()
        self._asked: Future[bool] | None = None
        self._at = 0.0

    def holds(self) -> bool:
        """Return the answer of just now, or wait for one, a second at most."""
        with self._lock:
            now = time.monotonic()
            if self._asked is None or (self._asked.done() and now - self._at > FRESH):
                self._asked, self._at = self._thread.submit(self._ask), now
            asked, left = self._asked, self._at + PATIENCE - now
        try:
            return asked.result(max(left, 0))
        except TimeoutError:
            return False


def _database_answers() -> bool:
    for open_one in connections.all(initialized_only=True):
        open_one.close_if_unusable_or_obsolete()
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except (DatabaseError, InterfaceError):
        connection.close()
        return False
    return True


def _schema_is_ours() -> bool:
    return _database_answers() and not _pending_migrations()


def _pending_migrations() -> list[str]:
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return [f"{migration.app_label}.{migration.name}" for migration, _ in plan]


def refuse_pending_migrations() -> None:
    """Raises CommandError where the database's schema is not this program's.

    Where the database is away nobody knows: `/readyz` asks again.
    """
    try:
        pending = _pending_migrations()
    except (DatabaseError, InterfaceError) as error:
        logger.warning("migrations not looked at", extra={"error": type(error).__name__})
        return
    finally:
        connection.close()  # processes that are started must not share it
    if pending:
        raise CommandError(
            f"{len(pending)} migrations are not applied, from {pending[0]} on: run "
            "`python manage.py migrate`, then start again."
        )


@cache
def _redis_clients() -> list[Redis]:
    times = {"socket_connect_timeout": PATIENCE, "socket_timeout": PATIENCE}
    return [Redis.from_url(url, **times) for url in settings.REDIS_URLS]


def _redis_answers() -> bool:
    try:
        for client in _redis_clients():
            client.ping()
    except RedisError:
        return False
    return True


database = Probe(_database_answers)
_redis = Probe(_redis_answers)
_schema = Probe(_schema_is_ours)
_schema_seen = False


def migrated() -> bool:
    """Is every migration applied? Looked at until they are: it takes some queries."""
    global _schema_seen
    _schema_seen = _schema_seen or _schema.holds()
    return _schema_seen


def shortcomings() -> list[str]:
    """List what is served worse for now; nothing of it is a reason to send requests elsewhere."""
    # Asked, not remembered: of a server that nobody writes to, nothing else would ask Redis.
    return [] if _redis.holds() else ["redis away"]


def obstacles() -> list[str]:
    """List what keeps this process from serving: nothing when it is ready."""
    if not database.holds():
        return ["database away"]
    found = []
    if not migrated():
        found.append("migrations not applied")
    if bus.seconds_behind() > MOST_BEHIND:
        found.append("delivery behind the log")
    return found
