"""Where database work runs: a few reader threads, and one writer that commits in groups.

Channels would run it all on one thread of the process, where a slow query stops everybody.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial, wraps
from typing import Any, Generic, ParamSpec, TypeVar

from django.db import (
    DatabaseError,
    IntegrityError,
    InterfaceError,
    OperationalError,
    connections,
    transaction,
)

P = ParamSpec("P")
T = TypeVar("T")
log = logging.getLogger("bos.sync")

READERS = 4
# More in one transaction gains nothing measurable, and a client waits for the whole group.
GROUP = 64
ROLLED_BACK = "40"
"""PostgreSQL's class of errors by which it ends a transaction for another one's sake."""

READINGS = READERS - 1
"""Of what reads much, a snapshot or a page of the log: a thread stays for what is quick."""
READINGS_OF_ONE = 2

_readers = ThreadPoolExecutor(READERS, thread_name_prefix="bos-read")


def _with_fresh_connections(function: Callable[[], T]) -> T:
    # Drops connections that died or outlived CONN_MAX_AGE, before and after, as a request would.
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
    return await loop.run_in_executor(_readers, _with_fresh_connections, call)


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


# The one that is in the way has committed by then; a third one may be.
TRIES = 3
PAUSE = 0.1
"""Seconds before a transaction that PostgreSQL has ended is tried again.

At once, it may take the row for which the other one is just waking up, and both wait for each other
again: 6 of 60 times; with the pause, none of 100.
"""


def retry_on_conflict(function: Callable[P, T]) -> Callable[P, T]:
    """Call the function again where another transaction got in the way of the one that it makes.

    The other one deleted what this one refers to, inserted the same, or both waited for each other,
    and PostgreSQL has ended one of them. Done again, the function finds what is there now. Raises
    the database's error of the last try, and at once what is no conflict.
    """

    @wraps(function)
    def tried(*args: P.args, **kwargs: P.kwargs) -> T:
        for _ in range(TRIES - 1):
            try:
                return function(*args, **kwargs)
            except DatabaseError as error:
                ended = _was_ended_for_another(error)
                if not ended and not isinstance(error, IntegrityError):
                    raise
                # Not its text, which names rows and their values.
                log.info("done again after a conflict", extra={"error": type(error).__name__})
            if ended:
                time.sleep(PAUSE)
        return function(*args, **kwargs)

    return tried


def _was_ended_for_another(error: DatabaseError) -> bool:
    # A locked SQLite file is no such case: it was waited for, as long as a client would wait.
    return (getattr(error.__cause__, "sqlstate", None) or "").startswith(ROLLED_BACK)


@dataclass(slots=True, eq=False)
class _Write(Generic[T]):
    call: Callable[[], T]
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[T]
    linger: float

    def settle(self, result: T | None, error: BaseException | None) -> None:
        self.loop.call_soon_threadsafe(self._settle, result, error)

    def _settle(self, result: T | None, error: BaseException | None) -> None:
        if self.future.done():  # the connection went away meanwhile
            return
        if error is not None:
            self.future.set_exception(error)
        else:
            self.future.set_result(result)  # type: ignore[arg-type]  # no error, so it is a T


class GroupWriter:
    """Writes that arrive together commit together, each in its own savepoint.

    A write is answered after the commit; one that fails is rolled back to its savepoint alone. One
    thread: SQLite has one writer anyway, and on PostgreSQL a tenant's writers wait for each other.
    """

    def __init__(self) -> None:
        self._waiting: deque[_Write[Any]] = deque()
        self._wake = threading.Condition()
        self._thread: threading.Thread | None = None

    def submit(self, function: Callable[[], T], *, linger: float = 0) -> asyncio.Future[T]:
        """Queue a function that changes the database; done once it is committed.

        Queued before this returns: who calls first is committed first. Where nothing is under way
        it waits `linger` seconds for others to commit with.
        """
        loop = asyncio.get_running_loop()
        call = partial(contextvars.copy_context().run, function)
        write: _Write[T] = _Write(call, loop, loop.create_future(), linger)
        with self._wake:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="bos-write", daemon=True)
                self._thread.start()
            self._waiting.append(write)
            self._wake.notify()
        return write.future

    def _run(self) -> None:
        idle = True
        while True:
            with self._wake:
                while not self._waiting:
                    idle = True
                    self._wake.wait()
                linger = self._waiting[0].linger if idle else 0
            if linger:
                time.sleep(linger)
            idle = False
            with self._wake:
                group = [self._waiting.popleft() for _ in range(min(GROUP, len(self._waiting)))]
            try:
                _with_fresh_connections(partial(_commit, group))
            except Exception as error:  # the thread must outlive whatever happens
                log.exception("group of writes failed")
                for write in group:
                    write.settle(None, error)


def _commit(group: list[_Write[Any]], *, last_try: bool = False) -> None:
    """Commit the writes together; where that fails for the database's reasons, each by itself.

    PostgreSQL ends one of two transactions that wait for each other, and takes the whole group; a
    request that another process has made at the same time is found out at the end of the group.
    """
    try:
        outcomes = _attempt(group)
    except IntegrityError as error:
        if len(group) > 1:
            for write in group:
                _commit([write])
            return
        if last_try:
            group[0].settle(None, error)
            return
        _commit(group, last_try=True)
        return
    except (DatabaseError, InterfaceError) as error:
        # A locked SQLite file is locked for each of them: trying again one by one only adds waits.
        locked = isinstance(error, OperationalError) and connections["default"].vendor == "sqlite"
        if len(group) == 1 or locked:
            for write in group:
                write.settle(None, error)
            return
        for connection in connections.all(initialized_only=True):
            connection.close_if_unusable_or_obsolete()
        for write in group:
            _commit([write])
        return
    for write, (result, failure) in zip(group, outcomes, strict=True):
        write.settle(result, failure)


def _attempt(group: list[_Write[Any]]) -> list[tuple[Any, Exception | None]]:
    outcomes: list[tuple[Any, Exception | None]] = []
    with transaction.atomic():
        for write in group:
            try:
                with transaction.atomic():
                    outcomes.append((write.call(), None))
            except (DatabaseError, InterfaceError):
                raise
            except Exception as error:
                outcomes.append((None, error))
    return outcomes


_writer = GroupWriter()
submit_write = _writer.submit
