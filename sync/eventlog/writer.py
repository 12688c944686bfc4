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
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any, Generic, TypeVar
from uuid import UUID

from django.db import (
    DatabaseError,
    IntegrityError,
    InterfaceError,
    OperationalError,
    connections,
    models,
    transaction,
)

from sync import metrics
from sync.eventlog.batch import Batch, batched
from sync.eventlog.commits import Mark
from sync.eventlog.fast_sql import Holding
from sync.eventlog.idempotency import Request, ask_for, looked_up
from sync.eventlog.lanes import Key, Lanes
from sync.eventlog.scripts import script_for
from sync.eventlog.threads import sqlstate_of, was_ended_for_another, with_fresh_connections
from sync.protocol.authenticator import Claims, authenticator
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
LOCK_TIMEOUT = "55P03"
"""PostgreSQL has waited for a row as long as it may (`lock_timeout`)."""

Row = tuple[type[models.Model], UUID]
Rows = Sequence[Row] | Callable[[], Sequence[Row]]
"""The rows that a write locks besides what it inserts: by them its effects are put in order.

A function is called in the transaction of the group, to look them up there. They belong to the
write's organization.
"""


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


class _OneFailed(Exception):
    """One write of a group has failed, and there is no savepoint to go back to."""


def _always() -> bool:
    return True


@dataclass(eq=False)
class _Write(Generic[T]):
    call: Callable[[Principal | None], T]
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[T]
    organization_id: str
    principal: Principal | None
    declared: Rows
    wanted: Callable[[], bool]
    request: Request | None
    queued_at: float = field(default_factory=time.monotonic)

    @cached_property
    def rows(self) -> Sequence[Row]:
        return self.declared() if callable(self.declared) else self.declared

    @cached_property
    def lane(self) -> Key:
        """Writes of one lane keep their order even where they are set aside: a user's, of a row."""
        user_id = self.principal.user_id if self.principal is not None else ""
        return (self.organization_id, user_id, str(self.rows[0][1]) if self.rows else "")

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
    """A write is answered after the commit; one that fails is rolled back alone."""

    def __init__(self) -> None:
        self._one_writer = connections["default"].vendor == "sqlite"
        # A second thread would have a connection, and so a page cache, of its own: it would read
        # again what the first has just written.
        threads = 1 if self._one_writer else WRITERS
        self._groups: Lanes[_Write[Any]] = Lanes(
            "bos-write", self._write_group, threads=threads, share=1, most=GROUP
        )
        self._aside: Lanes[_Write[Any]] = Lanes(
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
        write: _Write[T] = _Write(
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

    def _write_group(self, writes: list[_Write[Any]]) -> None:
        self._serve(writes, wait=self._one_writer)

    def _write_aside(self, writes: list[_Write[Any]]) -> None:
        """Of one lane, so that they wait for the same."""
        self._serve(writes, wait=True)

    def _serve(self, writes: list[_Write[Any]], *, wait: bool) -> None:
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

    def _commit(self, writes: list[_Write[Any]], *, wait: bool, last_try: bool = False) -> None:
        """Commit the writes together; where that fails for the database's reasons, each by itself.

        PostgreSQL ends one of two transactions that wait for each other, and takes the whole group;
        a request that another process has made at the same time is found out at its end. Nothing is
        tried again before it is certain that it was not committed.
        """
        group = _Group(writes, wait=wait, aside=self._aside)
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

    def _try_again(self, group: _Group, error: Exception, *, last_try: bool) -> None:
        one = len(group.writes) == 1
        may_pass = (
            group.mark.lost or isinstance(error, IntegrityError) or was_ended_for_another(error)
        )
        if not isinstance(error, DatabaseError | InterfaceError):
            logger.error("group of writes failed", exc_info=error)
        elif not last_try if may_pass else not one and not self._is_for_all(error):
            for connection in connections.all(initialized_only=True):
                connection.close_if_unusable_or_obsolete()
            for write in group.writes:
                self._commit([write], wait=True, last_try=one)
            return
        for write in group.writes:
            write.settle(None, error)

    def _is_for_all(self, error: Exception) -> bool:
        """Whether the error is of a lock, which holds all: alone each would only wait again."""
        if self._one_writer:
            return isinstance(error, OperationalError)
        return sqlstate_of(error) == LOCK_TIMEOUT


class _Group:
    """One transaction. wait: for the rows of its writes; otherwise what others hold is set aside,
    and `writes` are those that stay."""

    def __init__(self, writes: list[_Write[Any]], *, wait: bool, aside: Lanes[_Write[Any]]) -> None:
        self.writes = writes
        self.mark = Mark()
        self._wait = wait
        self._aside = aside
        self._outcomes: list[tuple[_Write[Any], Any, Exception | None]] = []

    def attempt(self) -> None:
        """Raises what the database raises: nothing is committed then, unless the mark says so.

        A savepoint each would cost every write two round trips for the sake of the few that fail
        behind something that cannot be taken back otherwise.
        """
        try:
            with batched() as batch:
                self._attempt(batch)
        except _OneFailed:
            self._attempt(None)

    def _attempt(self, batch: Batch | None) -> None:
        self._outcomes = []
        with transaction.atomic():
            self.mark.leave()
            principals, asked, answer = self._obtain(batch)
            alone = len(self.writes) == 1
            with looked_up(asked, answer):
                for write in self.writes:
                    now = None if write.principal is None else principals[write.principal]
                    if batch is None:
                        result, error = _outcome(write, now, savepoint=not alone)
                    else:
                        result, error = _outcome_in(batch, write, now, alone=alone)
                    self._outcomes.append((write, result, error))
            self.mark.needed = any(error is None for _, _, error in self._outcomes)

    def settle(self, unknown: OutcomeUnknown | None = None) -> None:
        for write, result, error in self._outcomes:
            write.settle(result, error or unknown)

    # -------------------------------------------------------------- rows and rights

    def _obtain(
        self, batch: Batch | None
    ) -> tuple[dict[Principal, Principal | None], set[Request], Sequence[Sequence[Any]]]:
        """Lock what the writes need; who the users are now, and which requests were made before.

        The answer is of the requests that are named.
        """
        if not self._wait and self._aside.busy():
            self._keep(lambda write: not self._aside.has(write.lane))
        principals = self._principals()
        requests = {write.request for write in self.writes if write.request is not None}
        script = script_for(connections["default"])
        holdings = self._holdings()
        for holding in holdings:
            holding.ask(script)
        if requests:
            ask_for(requests, script)
        answers = script.run()
        held: set[Row] = {
            (holding.model, key)
            for holding, answer in zip(holdings, answers, strict=False)
            for key in holding.take(answer, batch)
        }
        if not self._wait:
            self._keep(
                lambda write: (
                    (write.principal is None or principals[write.principal] is not None)
                    and held.issuperset(write.rows)
                )
            )
        return principals, requests, answers[-1] if requests else []

    def _keep(self, may_stay: Callable[[_Write[Any]], bool]) -> None:
        """Set the others aside, and what comes after them in their lanes."""
        staying, left = [], set[Key]()
        for write in self.writes:
            if write.lane not in left and may_stay(write):
                staying.append(write)
            else:
                left.add(write.lane)
                self._aside.put(write.lane, write)
        self.writes = staying

    def _principals(self) -> dict[Principal, Principal | None]:
        asked = list({write.principal for write in self.writes if write.principal is not None})
        if not asked:
            return {}
        claims = [Claims.of(principal) for principal in asked]
        now = authenticator().hold(claims, wait=self._wait)
        return dict(zip(asked, now, strict=True))

    def _holdings(self) -> list[Holding]:
        """The declared rows, in the order of their tables and organizations.

        SQLite has nothing to lock: there rows are only read together, where they need not be looked
        up for it.
        """
        one_writer = connections["default"].vendor == "sqlite"
        if one_writer and len(self.writes) == 1:
            return []
        wanted: dict[tuple[str, str], Holding] = {}
        for write in self.writes:
            if one_writer and callable(write.declared):
                continue
            for model, key in write.rows:
                place = (model._meta.db_table, write.organization_id)
                if place not in wanted:
                    wanted[place] = Holding(model, write.organization_id, wait=self._wait)
                wanted[place].keys.add(key)
        holdings = [holding for _, holding in sorted(wanted.items(), key=lambda kv: kv[0])]
        return [holding for holding in holdings if holding.is_needed]


def _outcome_in(
    batch: Batch, write: _Write[Any], principal: Principal | None, *, alone: bool
) -> tuple[Any, Exception | None]:
    """Return what the write returns or raises; then, none of it is left in the batch.

    Raises _OneFailed where that cannot be, and others' writes would be lost.
    """
    before = batch.position()
    try:
        return write.call(principal), None
    except (DatabaseError, InterfaceError) as error:
        if sqlstate_of(error) != LOCK_TIMEOUT:
            raise
        failure: Exception = error
    except Exception as error:
        if batch.take_back(before):
            return None, error
        failure = error
    if not alone:
        raise _OneFailed
    transaction.set_rollback(True)
    return None, failure


def _outcome(
    write: _Write[Any], principal: Principal | None, *, savepoint: bool
) -> tuple[Any, Exception | None]:
    """Return what the write returns or raises. savepoint: keep what others of the group did."""
    try:
        with transaction.atomic(savepoint=savepoint):
            return write.call(principal), None
    except (DatabaseError, InterfaceError) as error:
        if sqlstate_of(error) != LOCK_TIMEOUT:
            raise
        return None, error
    except Exception as error:
        return None, error


writer = GroupWriter()
submit_write = writer.submit
submit_for = writer.submit_for
