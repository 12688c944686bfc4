"""The group writer: an organization's writes that arrive together commit together.

On PostgreSQL a group waits for nobody's rows: it locks what its writes have declared, in one order,
and a write whose row another transaction holds is set aside, to wait for it by itself. SQLite has
one writer, so there all organizations share a group, and there is nobody to wait for within it.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import time
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from django.db import (
    DatabaseError,
    IntegrityError,
    InterfaceError,
    OperationalError,
    connections,
)

from sync import metrics
from sync.eventlog.groups import LOCK_TIMEOUT, Group, Write
from sync.eventlog.groups import Row as Row  # for those who declare rows
from sync.eventlog.groups import Rows as Rows
from sync.eventlog.idempotency import Request
from sync.eventlog.lanes import Lanes
from sync.eventlog.threads import sqlstate_of, was_ended_for_another, with_fresh_connections
from sync.protocol.errors import OutcomeUnknown, Unauthorized
from sync.protocol.identity import Principal

T = TypeVar("T")
logger = logging.getLogger("bos.sync")

# More in one transaction gains nothing measurable, and a client waits for the whole group.
GROUP = 64
# Each has a connection to the database. An organization is written by one at a time: its commits
# wait for each other anyway.
WRITERS = 3
# So many wait for rows that others hold; at most two of them for the rows of one organization.
WAITERS = 4
WAITERS_EACH = 2

GROUP_SIZE = metrics.histogram(
    "bos_group_commit_changes",
    "Changes that were committed together.",
    bounds=(1, 2, 4, 8, 16, 32, GROUP),
)
GROUP_WAIT = metrics.histogram(
    "bos_group_commit_wait_seconds",
    "How long the first change of a group waited for its turn: for a thread, the groups before it,"
    " others to commit with, or a row.",
)


class Dropped(Exception):
    """The write was not begun: its connection has ended."""


def _always() -> bool:
    return True


class GroupWriter:
    """A write is answered after the commit; one that fails is rolled back alone."""

    def __init__(self) -> None:
        self._one_writer = connections["default"].vendor == "sqlite"
        # A second thread would have a connection, and so a page cache, of its own: it would read
        # again what the first has just written.
        threads = 1 if self._one_writer else WRITERS
        self._groups: Lanes[Write[Any]] = Lanes(
            "bos-write", self._write_group, threads=threads, share=1, most=GROUP
        )
        self._aside: Lanes[Write[Any]] = Lanes(
            "bos-wait", self._write_aside, threads=WAITERS, share=WAITERS_EACH, most=GROUP
        )

    def submit(
        self,
        function: Callable[[], T],
        *,
        organization_id: str = "",
        rows: Rows = (),
        batch_delay: float = 0,
    ) -> asyncio.Future[T]:
        """Queue a change of the system's own; done once it is committed.

        Queued before this returns: what of an organization is queued first is committed first, but
        for what waits for a row. Where nothing is under way it waits `batch_delay` seconds for
        others to commit with.
        """
        return self._put(
            lambda _: function(), organization_id, None, rows, _always, None, batch_delay
        )

    def submit_for(
        self,
        principal: Principal,
        function: Callable[[Principal], T],
        *,
        rows: Rows = (),
        wanted: Callable[[], bool] = _always,
        request: Request | None = None,
        batch_delay: float = 0,
    ) -> asyncio.Future[T]:
        """Queue a change that a user asks for: `submit`, with the user's rights at that time.

        function: called with the principal as it is in the transaction, and stays until its end.
        wanted: asked from another thread when the turn comes. request: what `once` will look up.
        Fails with Unauthorized where the token no longer holds then, with Dropped where the change
        is not wanted any more.
        """

        def call(now: Principal | None) -> T:
            if now is None:
                raise Unauthorized
            return function(now)

        return self._put(
            call, principal.organization_id, principal, rows, wanted, request, batch_delay
        )

    def _put(
        self,
        call: Callable[[Principal | None], T],
        organization_id: str,
        principal: Principal | None,
        rows: Rows,
        wanted: Callable[[], bool],
        request: Request | None,
        batch_delay: float,
    ) -> asyncio.Future[T]:
        loop, context = asyncio.get_running_loop(), contextvars.copy_context()
        write: Write[T] = Write(
            call=lambda now: context.run(call, now),
            loop=loop,
            future=loop.create_future(),
            organization_id=organization_id,
            principal=principal,
            declared=rows,
            wanted=wanted,
            request=request,
        )
        lane = "" if self._one_writer else organization_id
        self._groups.put((lane,), write, batch_delay=batch_delay)
        return write.future

    def busy(self) -> bool:
        """Whether a write waits for its turn or is under way, and not for a row. Thread-safe."""
        return self._groups.busy()

    # -------------------------------------------------------------- in the threads

    def _write_group(self, writes: list[Write[Any]]) -> None:
        self._serve(writes, wait=self._one_writer)

    def _write_aside(self, writes: list[Write[Any]]) -> None:
        """Of one lane, so that they wait for the same."""
        self._serve(writes, wait=True)

    def _serve(self, writes: list[Write[Any]], *, wait: bool) -> None:
        wanted = []
        for write in writes:
            if write.wanted():
                wanted.append(write)
            else:
                write.settle(None, Dropped())
        if not wanted:
            return
        GROUP_SIZE.observe(len(wanted))
        GROUP_WAIT.observe(time.monotonic() - wanted[0].queued_at)
        try:
            with_fresh_connections(partial(self._commit, wanted, wait=wait))
        except Exception as error:  # the thread must outlive whatever happens
            logger.exception("group of writes failed")
            for write in wanted:
                write.settle(None, error)

    def _commit(self, writes: list[Write[Any]], *, wait: bool, last_try: bool = False) -> None:
        """Commit the writes together; where that fails, each by itself.

        PostgreSQL ends one of two transactions that wait for each other, and takes the whole group;
        a request that another process has made at the same time is found out at its end, and so is
        what one of them wants written and cannot be. Nothing is tried again before it is certain
        that it was not committed.
        """
        group = Group(writes, wait=wait, aside=self._aside)
        try:
            group.attempt()
        except Exception as error:
            try:
                committed = group.mark.was_committed()
            except OutcomeUnknown as unknown:
                group.settle(unknown)
                return
            if not committed:
                self._try_again(group, error, last_try=last_try)
                return
            logger.warning("failed after the commit", extra={"error": type(error).__name__})
        group.settle()

    def _try_again(self, group: Group, error: Exception, *, last_try: bool) -> None:
        one = len(group.writes) == 1
        may_pass = (
            group.mark.lost or isinstance(error, IntegrityError) or was_ended_for_another(error)
        )
        if not last_try if may_pass else not one and not self._is_for_all(error):
            for connection in connections.all(initialized_only=True):
                connection.close_if_unusable_or_obsolete()
            for write in group.writes:
                self._commit([write], wait=True, last_try=one)
            return
        if not isinstance(error, DatabaseError | InterfaceError):
            logger.error("group of writes failed", exc_info=error)
        for write in group.writes:
            write.settle(None, error)

    def _is_for_all(self, error: Exception) -> bool:
        """Whether the error is of a lock, which holds all: alone each would only wait again."""
        if self._one_writer:
            return isinstance(error, OperationalError)
        return sqlstate_of(error) == LOCK_TIMEOUT


writer = GroupWriter()
submit_write = writer.submit
submit_for = writer.submit_for
