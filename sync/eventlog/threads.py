"""Where the database is read: on a few threads. It is written to by `sync.eventlog.writer`.

Channels would run it all on one thread of the process, where a slow query stops everybody.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial, wraps
from typing import Any, ParamSpec, TypeVar

from django.core.exceptions import ObjectDoesNotExist
from django.db import DatabaseError, IntegrityError, connections, transaction

P = ParamSpec("P")
T = TypeVar("T")
logger = logging.getLogger("bos.sync")

READERS = 4
ENDED_FOR_ANOTHER = {"40001", "40P01"}
"""PostgreSQL's errors by which it ends a transaction for another one's sake: serialization failure
and deadlock. (Of 40003 it says that nobody knows whether it was committed.)"""

READINGS = READERS - 1
"""Of what reads much, a snapshot or a page of the log: a thread stays for what is quick."""
READINGS_OF_ONE = 2

_readers = ThreadPoolExecutor(READERS, thread_name_prefix="bos-read")


def with_fresh_connections(function: Callable[[], T]) -> T:
    """Call it, and drop connections that died or outlived CONN_MAX_AGE, before and after."""
    for connection in connections.all(initialized_only=True):
        connection.close_if_unusable_or_obsolete()
    try:
        return function()
    finally:
        for connection in connections.all(initialized_only=True):
            connection.close_if_unusable_or_obsolete()


async def in_database(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run a function that reads the database on a reader thread."""
    context = contextvars.copy_context()
    call = partial(context.run, partial(function, *args, **kwargs))
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(_readers, with_fresh_connections, call)


@contextmanager
def reading() -> Iterator[None]:
    """Read several things as they are at one moment; nothing is written in this block.

    On SQLite no lock is taken: its transactions are IMMEDIATE for the sake of writers, and a
    reader that begins so waits for the writer and keeps it waiting. In WAL mode the first query of
    a deferred transaction fixes what all of it sees.
    """
    database: Any = connections["default"]
    if database.in_atomic_block:
        yield
    elif database.vendor == "sqlite":
        database.ensure_connection()  # it learns its mode by that
        mode, database.transaction_mode = database.transaction_mode, "DEFERRED"
        try:
            with transaction.atomic():
                yield
        finally:
            database.transaction_mode = mode
    else:
        with transaction.atomic():
            with database.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            yield


# Of the time for which it was written, others then have so much; at most, in seconds.
PAUSE_FRACTION = 0.25
MOST_PAUSE = 0.1
SQLITE_LOOKS = 0.005
"""Seconds between two looks at SQLite's lock, of whoever waits to begin a transaction."""


@contextmanager
def letting_others_write(fraction: float = PAUSE_FRACTION) -> Iterator[None]:
    """Write for a while; on SQLite, pause then for a fraction of that time.

    SQLite's lock is not fair: others who wait look at it now and then, and would find it taken
    again each time, until they give up, for as long as there is more to write.
    """
    began = time.monotonic()
    yield
    if connections["default"].vendor == "sqlite":
        time.sleep(min((time.monotonic() - began) * fraction, MOST_PAUSE))


def in_batches(keys: Sequence[T], at_once: int) -> Iterator[Sequence[T]]:
    """Yield so many keys at a time, each for a transaction of its own; others write in between."""
    for start in range(0, len(keys), at_once):
        with letting_others_write():
            yield keys[start : start + at_once]


# The one that is in the way has committed by then; a third one may be.
TRIES = 3
PAUSE = 0.1
"""Seconds before a transaction that PostgreSQL has ended is tried again.

At once, it may take the row for which the other one is just waking up, and both wait for each other
again: 6 of 60 times; with the pause, none of 100.
"""


def retry_on_conflict(function: Callable[P, T]) -> Callable[P, T]:
    """Call the function again where another transaction got in the way of the one that it makes.

    The other one deleted what this one refers to or has just read, inserted the same, or both
    waited for each other, and PostgreSQL has ended one of them. Done again, the function finds what
    is there now. Raises the error of the last try, and at once what is no conflict.
    """

    @wraps(function)
    def tried(*args: P.args, **kwargs: P.kwargs) -> T:
        for _ in range(TRIES - 1):
            try:
                return function(*args, **kwargs)
            except (DatabaseError, ObjectDoesNotExist) as error:
                ended = was_ended_for_another(error)
                if not ended and not isinstance(error, IntegrityError | ObjectDoesNotExist):
                    raise
                # Not its text, which names rows and their values.
                logger.info("done again after a conflict", extra={"error": type(error).__name__})
            if ended:
                time.sleep(PAUSE)
        return function(*args, **kwargs)

    return tried


def was_ended_for_another(error: BaseException) -> bool:
    """Whether PostgreSQL has undone the transaction, which may pass when it is made again."""
    # A locked SQLite file is no such case: it was waited for, as long as a client would wait.
    return sqlstate_of(error) in ENDED_FOR_ANOTHER


def sqlstate_of(error: BaseException) -> str:
    """PostgreSQL's code of what went wrong; empty where it has not said anything."""
    return getattr(error.__cause__, "sqlstate", None) or ""
