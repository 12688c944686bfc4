"""Find out the outcome of a transaction whose COMMIT is not answered.

A connection that is lost before COMMIT was sent has taken its transaction with it. Behind that, the
transaction may have been committed or not, and to make it again might give it two effects. So it
leaves a mark, a row with a key of its own, and whoever wants to know inserts the same row: what is
there is refused, and what is still under way is waited for.

SQLite has no such case: its COMMIT runs in this process, and one that fails is rolled back.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from enum import Enum, auto
from uuid import uuid4

from django.db import (
    DatabaseError,
    Error,
    IntegrityError,
    InterfaceError,
    connection,
    connections,
    transaction,
)
from django.db.backends.base.base import BaseDatabaseWrapper

from sync.eventlog.batch import batch_of
from sync.eventlog.idempotency import insert_records, pending_records
from sync.eventlog.log import Appending
from sync.eventlog.scripts import Insert, Script, script_for
from sync.models import CommitMark
from sync.protocol.errors import OutcomeUnknown
from sync.protocol.times import now_us

logger = logging.getLogger("bos.sync")

ASK_SECONDS = 5.0
"""How long the database is asked what became of a commit. It may be starting again; and whoever
waits for the answer has waited as long for a lock by then."""
ASK_PAUSE = 0.2
KEEP_SECONDS = 600
"""How long marks are kept: much longer than anybody asks for one."""
_INSERT = Insert(f'"{CommitMark._meta.db_table}"', ('"id"', '"at_us"'))


class Fate(Enum):
    """OPEN: COMMIT has not been sent. SENT: it has, and no answer has come."""

    OPEN = auto()
    SENT = auto()
    COMMITTED = auto()
    REFUSED = auto()


class Mark:
    """Tells whether the transaction in which it is left was committed.

    One of Django's commit hooks, like the transaction's events. needed: set to False where the
    transaction has no effect, so that nobody will ask. lost: whether the answer to its COMMIT was.
    """

    def __init__(self) -> None:
        self.needed = True
        self.fate = Fate.OPEN
        self.lost = False
        self._id = uuid4()
        self._hooks: list[Callable[[], object]] = []

    def leave(self) -> None:
        """Leave it in the transaction that is open; its row is written just before COMMIT."""
        transaction.on_commit(self, robust=True)

    def __call__(self) -> None:
        """After COMMIT there is nothing left to do."""

    def send_commit(self, database: BaseDatabaseWrapper, commit: Callable[[], None]) -> None:
        """Call `commit`, and note what came of it."""
        self._hooks = [hook for _, hook, *_ in database.run_on_commit]
        self.fate = Fate.SENT
        try:
            commit()
        except Error as error:
            if database.vendor != "postgresql" or _is_an_answer(error):
                self.fate = Fate.REFUSED
            raise
        self.fate = Fate.COMMITTED

    def insert(self, script: Script) -> None:
        """Have the row written."""
        script.insert(_INSERT, [(self._id, now_us())])

    def was_committed(self) -> bool:
        """Whether it was; asked of the database where nobody knows. Raises OutcomeUnknown.

        Where it had to be asked, the commit hooks that were lost with the connection are called.
        """
        if self.fate is Fate.SENT and self.needed:
            self.lost = True
            self.fate = Fate.COMMITTED if self._ask() else Fate.REFUSED
            logger.warning("commit not answered", extra={"committed": self.fate is Fate.COMMITTED})
            if self.fate is Fate.COMMITTED:
                self._call_hooks()
        return self.fate is Fate.COMMITTED

    def _call_hooks(self) -> None:
        for hook in self._hooks:
            try:
                hook()
            except Exception:  # as of Django's robust hooks: the change is committed
                logger.exception("commit hook failed")

    def _ask(self) -> bool:
        deadline = time.monotonic() + ASK_SECONDS
        while True:
            connection.close()
            try:
                return self._is_there()
            except (DatabaseError, InterfaceError) as error:
                if time.monotonic() >= deadline:
                    logger.error("outcome unknown", extra={"error": type(error).__name__})
                    raise OutcomeUnknown from error
            time.sleep(ASK_PAUSE)

    def _is_there(self) -> bool:
        """Waits for the transaction to end, if it has not; once it has, it stays so."""
        try:
            with transaction.atomic():
                script = script_for(connections["default"])
                self.insert(script)
                script.run()
                # Not kept: a COMMIT might go without an answer, too.
                transaction.set_rollback(True)
        except IntegrityError:
            return True
        return False


def _is_an_answer(error: Error) -> bool:
    """Whether PostgreSQL itself has said that the transaction was not committed.

    FATAL says that the connection has ended (an administrator's word, a pooler's): perhaps behind
    the commit. Classes 08 and 40003 say of themselves that the outcome is not known.
    """
    diag = getattr(error.__cause__, "diag", None)
    state = getattr(diag, "sqlstate", None) or ""
    if not state or state.startswith("08") or state == "40003":
        return False
    return getattr(diag, "severity_nonlocalized", None) == "ERROR"


def commit(database: BaseDatabaseWrapper, send: Callable[[], None]) -> None:
    """Make the last statements of the open transaction, then commit it; `sync.db` calls this.

    send: sends COMMIT and waits for the answer.
    """
    try:
        mark = _finish(database)
    except DatabaseError:
        raise
    except Exception:
        # Django undoes what failed with an error of the database, and leaves all else open: what
        # was written would be in the next transaction.
        _undo(database)
        raise
    if mark is None:
        send()
    else:
        mark.send_commit(database, send)


def _undo(database: BaseDatabaseWrapper) -> None:
    try:
        database.rollback()
    except Error:  # as Django does
        database.close()


def _finish(database: BaseDatabaseWrapper) -> Mark | None:
    """Make the statements before COMMIT; return the transaction's mark, if it has one.

    They take two round trips: what waits and the heads, then what the heads' sequences are for.
    """
    hooks = (hook for _, hook, *_ in database.run_on_commit)
    mark = next((hook for hook in hooks if isinstance(hook, Mark)), None)
    events = Appending(database)
    script = script_for(database)
    if (batch := batch_of(database)) is not None:
        batch.put_into(script)
    if database.vendor == "postgresql":
        _check_and_mark(script, mark, bool(events))
    events.advance_heads(script)
    heads = script.run()
    script = script_for(database)
    events.insert(heads, script)
    if records := pending_records(database):
        insert_records(records, script)
    script.run()
    return mark


def _check_and_mark(script: Script, mark: Mark | None, has_events: bool) -> None:
    # Django's foreign keys are checked at the commit, and wait there for whoever deletes what they
    # refer to; who may be waiting for the head. So they are checked before the head is locked.
    marked = mark is not None and mark.needed
    if marked or has_events:
        script.query("SET CONSTRAINTS ALL IMMEDIATE")
    if mark is not None and marked:
        mark.insert(script)


def prune() -> int:
    """Forget marks for which nobody asks any more."""
    oldest_us = now_us() - KEEP_SECONDS * 1_000_000
    return CommitMark.objects.filter(at_us__lt=oldest_us).delete()[0]
