"""Write a planned file in slices: short transactions, between which others write.

What is left to do is stored, and how far it has come commits with each slice. So whoever goes on, a
worker after one that died, or this one after a COMMIT that was not answered, goes on after the
last slice that is there: nothing twice, nothing left out.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import msgspec
from django.core.exceptions import ObjectDoesNotExist
from django.db import DatabaseError, IntegrityError, InterfaceError, connection, transaction
from django.utils import timezone

from bos.imports.kinds import Kind
from bos.imports.outcome import Outcome
from bos.jobs.processes import is_ending
from bos.models import Import, ImportPlan, ImportState, User
from sync.eventlog.faults import passes
from sync.eventlog.pace import Pace
from sync.eventlog.threads import letting_others_write

T = TypeVar("T")
logger = logging.getLogger("bos.imports")

SLICE_SECONDS = 0.08
"""A slice's aim: another writer waits for it."""
FIRST_STEPS = 50
"""The least, too."""
MOST_STEPS = 2_000
TURN_SECONDS = 30.0
"""So long one job writes, then it is others' turn: other organizations' jobs, and no job may take
as long as `BOS_JOB_TIMEOUT`, however busy the machine is."""
TRIES = 5
PAUSE = 1.0
"""Seconds before a slice is tried again for which the database was away, or somebody in the way."""
CHANGED_MEANWHILE = "What this row is about was changed or deleted after the file was checked."


class Stopped(Exception):
    """The author may not import any more."""


def patiently(work: Callable[[], T]) -> T:
    """Do this, and again where the database was away or somebody in the way. Done again after a
    COMMIT that was not answered, it finds what is there. Raises the error of the last try."""
    for _ in range(TRIES - 1):
        try:
            return work()
        except (DatabaseError, InterfaceError) as error:
            if not passes(error):
                raise
            logger.warning("import waits", extra={"error": type(error).__name__})
            connection.close()
            time.sleep(PAUSE)
    return work()


class Writer:
    """Writes one planned import to its last row.

    may_still: whether this author may still import into the organization with this id.
    """

    def __init__(
        self, import_: Import, kind: Kind, may_still: Callable[[User | None, Any], bool]
    ) -> None:
        self.import_ = import_
        self._kind = kind
        self._may_still = may_still
        self._pace = Pace(SLICE_SECONDS, FIRST_STEPS, MOST_STEPS, least=FIRST_STEPS)
        self._suspects = 0
        """Among so many of the next rows there is one that the database refuses; 0: none known."""
        self._steps = _stored_steps(import_, kind)

    def run(self) -> bool:
        """Write until nothing is left, others have a turn, or the worker is to end; whether nothing
        is left.

        Raises Stopped, and what a slice has failed with that cannot be helped.
        """
        ends_at = time.monotonic() + TURN_SECONDS
        while not is_ending():
            with letting_others_write():
                more = patiently(self._next_slice)
            if not more:
                return True
            if time.monotonic() >= ends_at:
                break
        return False

    def _next_slice(self) -> bool:
        """Write a slice; whether there may be more. A row that cannot be written is left out.

        Where the database refuses a slice, one of its rows is to blame: looked for in its first
        half, and where that is written, in the first half of the rest, it is found in as many
        tries as the rows can be halved.
        """
        asked = max(1, self._suspects // 2) if self._suspects else self._pace.items
        try:
            written = self._slice(asked)
        except (IntegrityError, ObjectDoesNotExist):
            if asked > 1:
                self._suspects = asked
                return True
            written = self._leave_one_out()
            self._suspects = 0
        else:
            self._suspects = max(0, self._suspects - written)
        return written > 0

    @transaction.atomic
    def _slice(self, most: int) -> int:
        began = time.monotonic()  # after the wait for SQLite's lock
        written = self._advance(most, self._write)
        self._pace.took(written, time.monotonic() - began)
        return written

    @transaction.atomic
    def _leave_one_out(self) -> int:
        return self._advance(1, _lose)

    def _advance(self, most: int, work: Callable[[Sequence[Any], Outcome], None]) -> int:
        """Do so many of the next steps; how many there were, 0 where none is left to be done."""
        own = Import.objects.defer("content").filter(state=ImportState.WRITING)
        stored = own.select_for_update(no_key=True).filter(pk=self.import_.pk).first()
        if stored is None:
            return 0
        first = self.import_.rows_done = stored.rows_done
        some = self._steps[first : first + most]
        if not some:
            return 0
        author = User.objects.filter(pk=stored.author_id).first()
        if not self._may_still(author, stored.organization_id):
            raise Stopped
        outcome = Outcome(**stored.outcome)
        work(some, outcome)
        Import.objects.filter(pk=stored.pk).update(
            rows_done=first + len(some), outcome=outcome.as_json(), state_since=timezone.now()
        )
        return len(some)

    def _write(self, steps: Sequence[Any], outcome: Outcome) -> None:
        self._kind.write(steps, self.import_.organization, outcome)


def _lose(steps: Sequence[Any], outcome: Outcome) -> None:
    for step in steps:
        outcome.lose(step.row, CHANGED_MEANWHILE)


def store_plan(import_: Import, steps: Sequence[Any], outcome: Outcome) -> None:
    """Keep what is to be written instead of the file. Another run of the job may have done so."""
    with transaction.atomic():
        own = Import.objects.filter(pk=import_.pk, state=ImportState.WRITING)
        if ImportPlan.objects.filter(pk=import_.pk).exists() or not own.update(
            content=b"", rows_done=0, rows_total=len(steps), outcome=outcome.as_json()
        ):
            return
        ImportPlan.objects.create(of=import_, steps=msgspec.msgpack.encode(steps))
    import_.rows_total = len(steps)


def has_plan(import_: Import) -> bool:
    return ImportPlan.objects.filter(pk=import_.pk).exists()


def _stored_steps(import_: Import, kind: Kind) -> Sequence[Any]:
    stored = ImportPlan.objects.filter(pk=import_.pk).values_list("steps", flat=True).first()
    if stored is None:  # another run of the job has ended it
        return ()
    steps: list[Any] = msgspec.msgpack.decode(bytes(stored), type=list[kind.step])  # type: ignore[name-defined]  # a class in an attribute
    return steps
