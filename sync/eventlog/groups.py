"""One transaction of the group writer: the writes in it, and what each of them comes to."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Generic, TypeVar
from uuid import UUID

from django.db import DatabaseError, InterfaceError, connections, models, transaction

from sync.eventlog.batch import Batch, batched
from sync.eventlog.commits import Mark
from sync.eventlog.fast_sql import Holding
from sync.eventlog.idempotency import Request, ask_for, looked_up
from sync.eventlog.lanes import Key, Lanes
from sync.eventlog.scripts import script_for
from sync.eventlog.threads import sqlstate_of
from sync.protocol.authenticator import Claims, authenticator
from sync.protocol.errors import OutcomeUnknown
from sync.protocol.identity import Principal

T = TypeVar("T")

LOCK_TIMEOUT = "55P03"
"""PostgreSQL has waited for a row as long as it may (`lock_timeout`)."""

Row = tuple[type[models.Model], UUID]
Rows = Sequence[Row] | Callable[[], Sequence[Row]]
"""The rows that a write locks besides what it inserts: by them its effects are put in order.

A function is called in the transaction of the group, to look them up there. They belong to the
write's organization.
"""


class _OneFailed(Exception):
    """One write of a group has failed, and there is no savepoint to go back to."""


@dataclass(eq=False)
class Write(Generic[T]):
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
        """Tell the one who waits, from any thread."""
        with contextlib.suppress(RuntimeError):  # the loop has ended, and nobody waits any more
            self.loop.call_soon_threadsafe(self._settle, result, error)

    def _settle(self, result: T | None, error: BaseException | None) -> None:
        if self.future.done():  # the connection went away meanwhile
            return
        if error is not None:
            self.future.set_exception(error)
        else:
            self.future.set_result(result)  # type: ignore[arg-type]  # no error, so it is a T


class Group:
    """One transaction. wait: for the rows of its writes; otherwise what others hold is set aside,
    and `writes` are those that stay."""

    def __init__(self, writes: list[Write[Any]], *, wait: bool, aside: Lanes[Write[Any]]) -> None:
        self.writes = writes
        self.mark = Mark()
        self._wait = wait
        self._aside = aside
        self._outcomes: list[tuple[Write[Any], Any, Exception | None]] = []

    def attempt(self) -> None:
        """Raises what the database raises: nothing is committed then, unless the mark says so.

        A savepoint each would cost every write two round trips for the sake of the few that fail
        after something that cannot be taken back otherwise.
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

    def _keep(self, may_stay: Callable[[Write[Any]], bool]) -> None:
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
    batch: Batch, write: Write[Any], principal: Principal | None, *, alone: bool
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
    write: Write[Any], principal: Principal | None, *, savepoint: bool
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
