"""Imports: a file is checked, shown, confirmed and written.

All of it happens in a worker: reading a file takes a process's time, and a broken one its memory.
What is checked is checked again before it is written: where a row is wrong, nothing of the file is.
Then it is written in slices (`bos.imports.writing`). Of an organization one import at a time is
written: of two files that bring the same, the second one finds it there.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from bos.entities import NotificationSubject
from bos.imports.apart import TookTooMuch, call_apart
from bos.imports.cells import Unreadable
from bos.imports.files import Table, read_table
from bos.imports.kinds import Plan, Unbearable, kind_named
from bos.imports.outcome import Outcome
from bos.imports.writing import Stopped, Writer, has_plan, patiently, store_plan
from bos.jobs.processes import WorkerEnds, is_ending
from bos.jobs.queue import LOST, enqueue
from bos.models import Import, ImportPlan, ImportState, Organization, User
from bos.notifying import notify
from bos.texts import cut
from sync.eventlog.faults import passes
from sync.eventlog.retention import prune_plain
from sync.eventlog.threads import retry_on_conflict
from sync.protocol.identity import Actor, acting

logger = logging.getLogger("bos.imports")

IMPORT = "import"
"""The source of its changes."""
_ORIGIN = "import:"
"""How its events name it, in `origin`: they have come by no connection."""
MAX_PROBLEM = Import._meta.get_field("problem").max_length or 0
TELL_SECONDS = 0.3
LATE = timedelta(minutes=10)
NO_ADMIN = "The person who uploaded this file is no longer an administrator."
KEEP = timedelta(days=30)

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
    """Make the changes. A job: where it runs twice, or after one that died, it writes each once."""
    import_ = _claim(import_id)
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
    except WorkerEnds:
        _enqueue(check if import_.state == ImportState.CHECKING else write, import_)
    except Exception as error:
        if import_.state == ImportState.WRITING and passes(error):
            raise  # the job is done again later, and goes on from where this one has stopped
        logger.exception("import failed", extra={"import": str(import_.pk)})
        _fail(import_, or_else)


def _check(import_: Import) -> None:
    plan = _plan(import_, _read(import_))
    outcome = plan.outcome
    kind_named(import_.kind).compare(plan.steps, import_.organization, outcome)
    state = ImportState.REFUSED if outcome.problem_count else ImportState.CHECKED
    _settle(import_, state, outcome=outcome.as_json())


def _write(import_: Import) -> None:
    kind = kind_named(import_.kind)
    if not has_plan(import_):
        if not _may_still(import_.author, import_.organization_id):
            raise Unreadable(NO_ADMIN)
        plan = _plan(import_, _read(import_))
        if plan.outcome.problem_count:
            kind.compare(plan.steps, import_.organization, plan.outcome)
            _settle(import_, ImportState.REFUSED, outcome=plan.outcome.as_json())
            return
        store_plan(import_, plan.steps, plan.outcome)
    with acting(Actor(str(import_.author_id), IMPORT, origin=f"{_ORIGIN}{import_.pk}")):
        try:
            if Writer(import_, kind, _may_still).run():
                patiently(partial(_done, import_))
            else:
                _enqueue(write, import_)
        except Stopped:
            _fail(import_, NO_ADMIN)


def import_of(origin: str) -> str:
    """Return the id of the import that an event of this origin is of; empty where it is of none."""
    return origin.removeprefix(_ORIGIN) if origin.startswith(_ORIGIN) else ""


def _done(import_: Import) -> None:
    """Settle what is written to its end. It is as complete where nobody comes to this."""
    own = Import.objects.filter(pk=import_.pk, state=ImportState.WRITING)
    stored = own.values_list("outcome", flat=True).first()
    if stored is None:  # another run of this job has done it
        return
    outcome = Outcome(**stored)
    if outcome.lost:
        rows = "1 row was" if outcome.lost == 1 else f"{outcome.lost:,} rows were"
        outcome.notes.append(f"{rows} not written: see the problems.")
    _settle(import_, ImportState.DONE, outcome=outcome.as_json())


def _state_after(error: Unreadable) -> ImportState:
    return ImportState.FAILED if isinstance(error, Unbearable) else ImportState.REFUSED


def given_up(import_id: str, *, reason: str) -> None:
    """A worker died of it, had no time left, or failed, again and again."""
    import_ = Import.objects.filter(pk=UUID(import_id), state__in=BUSY).first()
    if import_ is not None:
        _fail(import_, f"It could not be imported. {reason} Split the file, or import it again.")


def _fail(import_: Import, problem: str) -> None:
    """End it, and say how much of it was written before."""
    with transaction.atomic():
        own = Import.objects.defer("content").select_for_update(no_key=True)
        stored = own.filter(pk=import_.pk, state=import_.state).first()
        if stored is None:
            return
        stored.organization = import_.organization
        if stored.rows_done and has_plan(stored):
            written = stored.rows_done - stored.outcome["lost"]
            problem = f"{written:,} of {stored.rows_total:,} rows were written. {problem}"
            _settle(stored, ImportState.PARTLY, problem=problem)
        else:
            _settle(stored, ImportState.FAILED, problem=problem)


def go_on_with_lost() -> None:
    """Fail imports that have waited for so long that nobody does them any more; and have those
    written whose turn it is and nobody has said so, since what was before them is gone."""
    lost = Import.objects.filter(state__in=BUSY, state_since__lt=timezone.now() - LOST)
    for pk in list(lost.values_list("pk", flat=True)):
        given_up(str(pk), reason="The background job was lost.")
    waiting = Import.objects.filter(
        state=ImportState.CONFIRMED, state_since__lt=timezone.now() - LATE
    )
    for organization_id in set(waiting.values_list("organization_id", flat=True)):
        with transaction.atomic():
            _enqueue_next(organization_id)


# ------------------------------------------------------------------ one at a time


@retry_on_conflict
@transaction.atomic
def _claim(import_id: str) -> Import | None:
    """Take an import to be written, or leave it to the end of the one that is being written.

    Two at once would both find a row missing, and both add it.
    """
    rows = Import.objects.filter(pk=UUID(import_id), state__in=WAITING_TO_BE_WRITTEN)
    locked = rows.select_related("organization", "author").select_for_update(
        of=("self",), no_key=True
    )
    import_: Import | None = locked.first()
    if import_ is None:
        return None
    _lock_imports(import_.organization_id)
    if is_another_written(import_):
        return None
    if not has_plan(import_):
        import_.rows_done = 0  # of those that were checked
    import_.state = ImportState.WRITING
    rows.update(state=import_.state, state_since=timezone.now(), rows_done=import_.rows_done)
    return import_


def is_another_written(import_: Import) -> bool:
    """Whether another import of the organization is being written."""
    others = Import.objects.filter(organization=import_.organization_id).exclude(pk=import_.pk)
    return others.filter(state=ImportState.WRITING).exists()


def _lock_imports(organization_id: Any) -> None:
    """Decide alone which import of the organization is written, until the transaction ends: no two
    are at once, and none that waits is forgotten. Locked after the import's own row."""
    Organization.objects.select_for_update(no_key=True).get(pk=organization_id)


def _enqueue_next(organization_id: Any) -> None:
    """Have the import written that has waited for one that has just ended. Runs inside the
    caller's transaction."""
    _lock_imports(organization_id)
    waiting = Import.objects.filter(organization=organization_id, state=ImportState.CONFIRMED)
    following = waiting.defer("content").order_by("state_since", "pk").first()
    if following is not None:
        _enqueue(write, following)


def _take(import_id: str, states: tuple[ImportState, ...], taken: ImportState) -> Import | None:
    rows = Import.objects.filter(pk=UUID(import_id))
    # One statement: another run of this job may be just settling it.
    if not rows.filter(state__in=states).update(
        state=taken, state_since=timezone.now(), rows_done=0
    ):
        return None
    found: Import | None = rows.filter(state=taken).select_related("organization", "author").first()
    return found


def _may_still(author: User | None, organization_id: Any) -> bool:
    if author is None or not author.is_active or not author.is_staff:
        return False
    return author.is_superuser or author.organization_id == organization_id


def _read(import_: Import) -> Table:
    """Raises Unreadable, also where it takes too much to find out that it is."""
    kind = kind_named(import_.kind)
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
    kind = kind_named(import_.kind)
    import_.rows_total = len(table.rows)
    plan = kind.plan(table, import_.organization, _Teller(import_))
    named = {name for name, _ in kind.columns}
    plan.outcome.ignored_columns = [c for c in table.columns if c and c not in named]
    plan.outcome.notes[:0] = table.notes
    import_.rows_done = import_.rows_total
    return plan


ENDS = (ImportState.REFUSED, ImportState.FAILED, ImportState.PARTLY, ImportState.DONE)
TITLES = {
    ImportState.FAILED: "Your import of {} failed",
    ImportState.PARTLY: "Your import of {} was stopped before its end",
}


def _settle(import_: Import, state: ImportState, **values: Any) -> None:
    """Where another run of this job has settled it, its word stands. Of a failure its author is
    told: the page with the reason may not be open any more."""
    if state in ENDS:
        values["content"] = b""
    if "problem" in values:
        values["problem"] = cut(values["problem"], MAX_PROBLEM)
    changes = values | {"rows_done": import_.rows_done, "rows_total": import_.rows_total}
    rows = Import.objects.filter(pk=import_.pk, state=import_.state)
    with transaction.atomic():
        if not rows.update(state=state, state_since=timezone.now(), **changes):
            return
        if state in ENDS:
            ImportPlan.objects.filter(pk=import_.pk).delete()
            _enqueue_next(import_.organization_id)
        if state in TITLES and import_.author is not None:
            notify(
                [import_.author],
                import_.organization_id,
                category="import_failed",
                title=TITLES[state].format(import_.file_name),
                message=values["problem"],
                about=NotificationSubject(import_id=str(import_.pk)),
            )


class _Teller:
    """Tells how far a check is: now and then, because telling is a transaction of its own.

    Of what is checked again before it is written only that it goes on: more would be taken for
    written. Raises WorkerEnds.
    """

    def __init__(self, import_: Import) -> None:
        self._import = import_
        self._told_at = 0.0

    def __call__(self, rows_done: int) -> None:
        if is_ending():
            raise WorkerEnds
        now = time.monotonic()
        if now - self._told_at < TELL_SECONDS:
            return
        self._told_at = now
        told: dict[str, Any] = {"state_since": timezone.now()}
        if self._import.state == ImportState.CHECKING:
            told |= {"rows_done": rows_done, "rows_total": self._import.rows_total}
        Import.objects.filter(pk=self._import.pk, state=self._import.state).update(**told)


def prune_imports() -> int:
    """Forget what was imported long ago; how many files that were."""
    old = Import.objects.filter(created_at__lt=timezone.now() - KEEP)
    return prune_plain(old, oldest="created_at")
