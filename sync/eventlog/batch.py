"""Do what the changes of one transaction have in common for all of them at once.

Within `batched`, changes of rows by `sync.eventlog.fast_sql` wait for the transaction's commit, and
rows that it has locked are not read again. Anything else that is asked of the database ends that:
what waits is written first, and what was read may be different afterwards. `sync.db` sees to it.
"""

from __future__ import annotations

import threading
from collections.abc import Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.db import connections, models
from django.db.backends.base.base import BaseDatabaseWrapper

from sync.eventlog.scripts import Insert, Row, Script, Update, script_for

Key = tuple[type[models.Model], Hashable]
"""Names a row: model and primary key."""
Position = tuple[int, int, int]

_this = threading.local()


@dataclass(slots=True)
class _Step:
    """A change that waits. key, before: what was known of its row before, to take it back."""

    statement: Insert | Update
    row: Row
    key: Key | None = None
    before: Sequence[Any] | None = None


@dataclass(slots=True, eq=False)
class Batch:
    """The changes that wait in the open transaction, and what is known of the rows it has locked.

    known: the values of rows. absent: rows that there are not, each with its tenant.
    """

    database: BaseDatabaseWrapper
    known: dict[Key, Sequence[Any]] = field(default_factory=dict)
    absent: set[tuple[Key, str]] = field(default_factory=set)
    _steps: list[_Step] = field(default_factory=list)
    _asked: int = 0
    """How often something else was asked of the database."""

    def insert(self, statement: Insert, rows: Sequence[Row]) -> None:
        self._steps += [_Step(statement, row) for row in rows]

    def update(self, statement: Update, row: Row, key: Key, values: Mapping[int, Any]) -> None:
        """Change a row. values: what it has then, by their places among those that are known."""
        before = self.known.get(key)
        self._steps.append(_Step(statement, row, key, before))
        if before is not None:
            after = list(before)
            for place, value in values.items():
                after[place] = value
            self.known[key] = after

    def position(self) -> Position:
        """Where the transaction is now, for `take_back`."""
        return self._asked, len(self._steps), len(self.database.run_on_commit)

    def take_back(self, position: Position) -> bool:
        """Forget what was done since then; False where the database knows of it already."""
        asked, steps, hooks = position
        if asked != self._asked or self.database.needs_rollback:
            return False
        for step in reversed(self._steps[steps:]):
            if step.key is not None and step.before is not None:
                self.known[step.key] = step.before
        del self._steps[steps:]
        del self.database.run_on_commit[hooks:]
        return True

    def put_into(self, script: Script) -> None:
        """Move what waits into the script; changes of one table keep their order."""
        latest: dict[str, tuple[Insert | Update, list[Row]]] = {}
        runs: list[tuple[Insert | Update, list[Row]]] = []
        for step in self._steps:
            run = latest.get(step.statement.table)
            if run is None or run[0] is not step.statement:
                run = latest[step.statement.table] = (step.statement, [])
                runs.append(run)
            run[1].append(step.row)
        self._steps = []
        for statement, rows in runs:
            if isinstance(statement, Insert):
                script.insert(statement, rows)
            else:
                script.update(statement, list({row[-1]: row for row in rows}.values()))

    def make_way(self) -> None:
        """Something else is asked of the database: write what waits, and rely on nothing."""
        self._asked += 1
        self.known.clear()
        self.absent.clear()
        if self._steps:
            script = script_for(self.database)
            self.put_into(script)
            script.run()


@contextmanager
def batched() -> Iterator[Batch]:
    """Do what the transaction within this block has in common at once."""
    batch = _this.batch = Batch(connections["default"])
    try:
        yield batch
    finally:
        del _this.batch


def batch_of(database: BaseDatabaseWrapper) -> Batch | None:
    """Return the batch of the transaction that is open on this connection, if it has one."""
    batch: Batch | None = getattr(_this, "batch", None)
    return batch if batch is not None and batch.database is database else None


def this_database() -> BaseDatabaseWrapper:
    """Return this thread's connection. (`django.db.connection` looks it up at every attribute.)"""
    batch: Batch | None = getattr(_this, "batch", None)
    return connections["default"] if batch is None else batch.database


def make_way(database: BaseDatabaseWrapper) -> None:
    """Called by `sync.db` for each cursor that is asked for."""
    batch = batch_of(database)
    if batch is not None:
        batch.make_way()
