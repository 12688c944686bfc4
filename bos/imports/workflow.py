"""Imports: a file is checked, shown, confirmed and written, or nothing of it is.

All of it happens in a worker: reading a file takes a process's time, and a broken one its memory.
What is checked is checked again when it is written, in one transaction with all of its rows and
under the organization's lock: of two files that bring the same, the second one finds it there.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any, Protocol
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from bos.entities import NotificationSubject
from bos.imports.apart import TookTooMuch, call_apart
from bos.imports.cells import Unreadable
from bos.imports.files import Row, Table, read_table
from bos.jobs.queue import LOST, enqueue
from bos.models import Import, ImportState, Organization
from bos.notifying import notify
from bos.texts import cut, storable
from sync.eventlog.threads import retry_on_conflict
from sync.protocol.identity import Actor, acting

logger = logging.getLogger("bos.imports")

IMPORT = "import"
"""The source of its changes."""
MAX_PROBLEM = Import._meta.get_field("problem").max_length or 0
SHOWN_ROWS = 100
SHOWN_PROBLEMS = 200
TELL_SECONDS = 0.3
KEEP = timedelta(days=30)

Progress = Callable[[int], None]


@dataclass(slots=True)
class Outcome:
    """Changes that a file would make. Only the first rows and problems are kept, all are counted.

    rows: {"row": 2, "what": "changed", "name": ..., "changes": [[column, before, after], ...]}.
    problems: {"row": 3, "column": "value", "message": ...}.
    notes: sentences about how the file was read.
    """

    new: int = 0
    changed: int = 0
    unchanged: int = 0
    ignored_columns: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    rows: list[dict[str, Any]] = field(default_factory=list)
    problems: list[dict[str, Any]] = field(default_factory=list)
    problem_count: int = 0

    def refuse(self, row: Row, column: str, message: str) -> None:
        self.problem_count += 1
        if len(self.problems) < SHOWN_PROBLEMS:
            self.problems.append({"row": row.number, "column": column, "message": message})

    def show(self, row: Row, name: str, changes: list[tuple[str, str, str]], *, new: bool) -> None:
        self.new, self.changed = self.new + new, self.changed + (not new)
        if len(self.rows) < SHOWN_ROWS:
            what = "new" if new else "changed"
            shown = {"row": row.number, "what": what, "name": name, "changes": changes}
            self.rows.append(shown)

    def as_json(self) -> dict[str, Any]:
        return {name: storable(getattr(self, name)) for name in self.__slots__}


@dataclass(slots=True)
class Plan:
    """write: makes the changes; called in a transaction, and only where there is no problem."""

    outcome: Outcome
    write: Callable[[], None]


class Kind(Protocol):
    """A kind of rows that can be imported. columns: (name, what to write in it)."""

    name: str
    title: str
    max_rows: int
    columns: tuple[tuple[str, str], ...]

    def plan(self, table: Table, organization: Organization, progress: Progress) -> Plan:
        """Read only. Raises Unreadable."""
        ...


class Unbearable(Unreadable):
    """Reading the file took more than one file may. It is not tried again."""


_kinds: dict[str, Kind] = {}


def add_kind(kind: Kind) -> None:
    _kinds[kind.name] = kind


def kinds() -> list[Kind]:
    return list(_kinds.values())


# ------------------------------------------------------------------ from state to state

WAITING_TO_BE_CHECKED = (ImportState.WAITING, ImportState.CHECKING)
WAITING_TO_BE_WRITTEN = (ImportState.CONFIRMED, ImportState.WRITING)
BUSY = (*WAITING_TO_BE_CHECKED, *WAITING_TO_BE_WRITTEN)


def begin(import_: Import) -> None:
    """Store a file that somebody has chosen, and have it checked."""
    import_.state, import_.state_since = ImportState.WAITING, timezone.now()
    with transaction.atomic():
        import_.save()
        _enqueue(check, import_)


def confirm(import_: Import) -> bool:
    """Have it written; whether it was to be confirmed."""
    with transaction.atomic():
        ready = Import.objects.filter(pk=import_.pk, state=ImportState.CHECKED)
        confirmed = ready.update(state=ImportState.CONFIRMED, state_since=timezone.now())
        if confirmed:
            _enqueue(write, import_)
    return bool(confirmed)


def _enqueue(job: Callable[[str], None], import_: Import) -> None:
    whose = import_.organization_id
    enqueue(job, str(import_.pk), organization_id=whose, user_id=import_.author_id or "")


def check(import_id: str) -> None:
    """Find out what the file would change. A job: where it runs twice it finds the same."""
    import_ = _take(import_id, WAITING_TO_BE_CHECKED, ImportState.CHECKING)
    if import_ is not None:
        _end(import_, _check, or_else="It could not be checked. Try it again.")


def write(import_id: str) -> None:
    """Make the changes, all of them or none. A job: where it runs twice it writes once."""
    import_ = _take(import_id, WAITING_TO_BE_WRITTEN, ImportState.WRITING)
    if import_ is not None:
        _end(import_, _write, or_else="It could not be written. Import it again.")


def _end(import_: Import, work: Callable[[Import], None], *, or_else: str) -> None:
    """Do the work; whatever goes wrong with it, the import ends, and says why.

    or_else: what is said of an error that nobody has foreseen, also one in saying why.
    """
    try:
        try:
            work(import_)
        except Unreadable as error:
            _settle(import_, _state_after(error), problem=str(error))
        except IntegrityError:
            problem = "Data that the file refers to was changed meanwhile. Import it again."
            _settle(import_, ImportState.FAILED, problem=problem)
    except Exception:
        logger.exception("import failed", extra={"import": str(import_.pk)})
        _settle(import_, ImportState.FAILED, problem=or_else)


def _check(import_: Import) -> None:
    outcome = _plan(import_, _read(import_)).outcome
    state = ImportState.REFUSED if outcome.problem_count else ImportState.CHECKED
    _settle(import_, state, outcome=outcome.as_json())


def _write(import_: Import) -> None:
    if not _may_still(import_):
        raise Unreadable("The person who uploaded this file is no longer an administrator.")
    table = _read(import_)
    with acting(Actor(user_id=str(import_.author_id), source=IMPORT)):
        _write_table(import_, table)


def _state_after(error: Unreadable) -> ImportState:
    return ImportState.FAILED if isinstance(error, Unbearable) else ImportState.REFUSED


def given_up(import_id: str, *, reason: str) -> None:
    """A worker died of it, had no time left, or failed, again and again: nothing was written."""
    import_ = Import.objects.filter(pk=UUID(import_id), state__in=BUSY).first()
    if import_ is not None:
        problem = f"It could not be imported. {reason} Split the file, or import it again."
        _settle(import_, ImportState.FAILED, problem=problem)


def fail_lost() -> None:
    """Say so of imports that have waited for so long that nobody does them any more."""
    lost = Import.objects.filter(state__in=BUSY, state_since__lt=timezone.now() - LOST)
    for pk in list(lost.values_list("pk", flat=True)):
        given_up(str(pk), reason="The background job was lost.")


@retry_on_conflict
def _write_table(import_: Import, table: Table) -> None:
    with transaction.atomic():
        _wait_longer()
        # Imports of an organization go one by one, from finding out what is new to inserting it:
        # else two of them would both find a row missing, and both add it.
        Organization.objects.select_for_update(no_key=True).get(pk=import_.organization_id)
        own = Import.objects.select_for_update().filter(
            pk=import_.pk, state__in=WAITING_TO_BE_WRITTEN
        )
        if not own.exists():  # another run of this job has done it
            return
        plan = _plan(import_, table)
        if plan.outcome.problem_count:
            _settle(import_, ImportState.REFUSED, outcome=plan.outcome.as_json())
            return
        plan.write()
        _settle(import_, ImportState.DONE, outcome=plan.outcome.as_json())


def _wait_longer() -> None:
    """Wait for a large import before this one as long as a statement may take: only a worker waits.

    SQLite waits for its one writer in any case.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL lock_timeout = '25s'")


def _take(import_id: str, states: tuple[ImportState, ...], taken: ImportState) -> Import | None:
    rows = Import.objects.filter(pk=UUID(import_id))
    # One statement: another run of this job may be just settling it.
    if not rows.filter(state__in=states).update(
        state=taken, state_since=timezone.now(), rows_done=0
    ):
        return None
    found: Import | None = rows.filter(state=taken).select_related("organization", "author").first()
    return found


def _may_still(import_: Import) -> bool:
    author = import_.author
    if author is None or not author.is_active or not author.is_staff:
        return False
    return author.is_superuser or author.organization_id == import_.organization_id


def _read(import_: Import) -> Table:
    """Raises Unreadable, also where it takes too much to find out that it is."""
    kind = _kinds[import_.kind]
    read = partial(
        read_table,
        import_.file_name,
        bytes(import_.content),
        max_rows=kind.max_rows,
        known={name for name, _ in kind.columns},
    )
    try:
        return call_apart(
            read, megabytes=settings.IMPORT_MEMORY_MB, seconds=settings.IMPORT_SECONDS
        )
    except TookTooMuch as error:
        logger.warning("file not read", extra={"reason": str(error)})
        raise Unbearable(f"The file was not read: {error}. Split it, or save it again.") from None


def _plan(import_: Import, table: Table) -> Plan:
    """Raises Unreadable."""
    kind = _kinds[import_.kind]
    import_.rows_total = len(table.rows)
    plan = kind.plan(table, import_.organization, _Teller(import_))
    named = {name for name, _ in kind.columns}
    plan.outcome.ignored_columns = [c for c in table.columns if c and c not in named]
    plan.outcome.notes[:0] = table.notes
    import_.rows_done = import_.rows_total
    return plan


def _settle(import_: Import, state: ImportState, **values: Any) -> None:
    """Where another run of this job has settled it, its word stands. Of a failure its author is
    told: the page with the reason may not be open any more."""
    if state in (ImportState.REFUSED, ImportState.FAILED, ImportState.DONE):
        values["content"] = b""
    if "problem" in values:
        values["problem"] = cut(values["problem"], MAX_PROBLEM)
    changes = values | {"rows_done": import_.rows_done, "rows_total": import_.rows_total}
    rows = Import.objects.filter(pk=import_.pk, state=import_.state)
    with transaction.atomic():
        settled = rows.update(state=state, state_since=timezone.now(), **changes)
        if settled and state == ImportState.FAILED and import_.author is not None:
            notify(
                [import_.author],
                import_.organization_id,
                category="import_failed",
                title=f"Your import of {import_.file_name} failed",
                message=values["problem"],
                about=NotificationSubject(import_id=str(import_.pk)),
            )


class _Teller:
    """Tells how far a check is: now and then, because telling is a transaction of its own.

    While it is written nobody sees that, but it keeps PostgreSQL from taking us for gone.
    """

    def __init__(self, import_: Import) -> None:
        self._import = import_
        self._told_at = 0.0

    def __call__(self, rows_done: int) -> None:
        now = time.monotonic()
        if now - self._told_at >= TELL_SECONDS:
            self._told_at = now
            rows = Import.objects.filter(pk=self._import.pk)
            rows.update(rows_done=rows_done, rows_total=self._import.rows_total)


def prune_imports() -> int:
    """Forget what was imported long ago; how many files that were."""
    return Import.objects.filter(created_at__lt=timezone.now() - KEEP).delete()[0]
