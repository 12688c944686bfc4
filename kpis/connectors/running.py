"""Runs of connectors: each is a job of a worker, and writes all that it does in one transaction.

A connector has one run at a time, by its id. What a run has written and that it has come to its end
commit together, so a job that is given out again, after a worker that died, either finds that it
has nothing to do, or does all of it.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from bos.entities import NotificationSubject
from bos.jobs.queue import Priority, enqueue
from bos.models import User
from bos.notifying import admins_of, notify
from bos.permissions import principal_of
from bos.texts import cut
from kpis.connectors.fetching import fetch
from kpis.connectors.schedule import first_run, next_run, run_after_failure
from kpis.connectors.source import Source, SourceFailed
from kpis.ingest.services import ValuesRefused, ingest
from kpis.ingest.values import Parsed, Refused, shown
from kpis.models import Connector
from kpis.models.connectors import MOST_MINUTES
from kpis.tasks import RUN_CONNECTOR
from sync.eventlog.threads import letting_others_write, retry_on_conflict
from sync.protocol.errors import TokenInvalid
from sync.protocol.identity import Actor, acting

logger = logging.getLogger("bos.connectors")

SOURCE = "connector"
"""The source of its changes."""
MOST_SHOWN = 20
"""Refused rows of the last run that its page names."""
LOST = timedelta(hours=1)
"""After so long a run that has not begun, or not ended, is taken for lost: its job writes nothing
any more, and another one is enqueued."""
TOLD_AFTER = timedelta(days=1)
FARTHEST = timedelta(minutes=MOST_MINUTES, hours=1)
SWITCHED_OFF = "Its service account is switched off."
NOT_ANY_MORE = "The rights of its service account have just changed."
MOST_PROBLEM = Connector._meta.get_field("problem").max_length or 0


class RunFailed(Exception):
    """Nothing was written; the text says why. refused: the rows on account of which."""

    def __init__(self, problem: str, refused: Sequence[Refused] = ()) -> None:
        super().__init__(problem)
        self.refused = refused


# ------------------------------------------------------------------ begun


def enqueue_due() -> None:
    """Have every connector run that is due."""
    now = timezone.now()
    # Farther ahead than any rhythm goes: a clock was wrong.
    due = Q(next_run_at__lte=now) | Q(next_run_at__gt=now + FARTHEST)
    for pk in list(Connector.objects.filter(due, is_active=True).values_list("pk", flat=True)):
        with letting_others_write(), transaction.atomic():
            row = _locked(pk=pk, is_active=True)
            if row is not None and _begin(row, now, priority=Priority.SOON):
                row.next_run_at = next_run(row, now)
                row.save(update_fields=["next_run_at"])


@transaction.atomic
def run_now(connector: Connector, user: User) -> bool:
    """Have it run as soon as a worker is free; False where a run is under way already.

    Where it is due anyway this is that run.
    """
    row, now = _locked(pk=connector.pk), timezone.now()
    if row is None or not _begin(row, now, user_id=str(user.pk)):
        return False
    if row.next_run_at is not None and row.next_run_at <= now:
        row.next_run_at = next_run(row, now)
        row.save(update_fields=["next_run_at"])
    return True


def is_running(connector: Connector, now: datetime) -> bool:
    """Whether a run waits for a worker, or is under way."""
    since = connector.run_since
    return connector.run_id is not None and since is not None and abs(now - since) < LOST


def _begin(
    row: Connector, now: datetime, *, user_id: str = "", priority: Priority = Priority.WAITED_FOR
) -> bool:
    """Enqueue a run. row: locked."""
    if is_running(row, now):
        return False
    row.run_id, row.run_since = uuid4(), now
    row.save(update_fields=["run_id", "run_since"])
    enqueue(
        RUN_CONNECTOR,
        str(row.pk),
        str(row.run_id),
        organization_id=row.organization_id,
        user_id=user_id,
        priority=priority,
    )
    return True


def set_up(connector: Connector, now: datetime) -> None:
    """Let one run that is about to be saved, as new or with another configuration.

    A run that is under way writes nothing any more.
    """
    connector.version += 1
    connector.failures, connector.failing_since, connector.told_at = 0, None, None
    connector.next_run_at = first_run(connector, now)


def _locked(**which: Any) -> Connector | None:
    rows = Connector.objects.select_for_update(no_key=True)
    found: Connector | None = rows.filter(**which).first()
    return found


# ------------------------------------------------------------------ under way


def run(connector_id: str, run_id: str) -> None:
    """Fetch what the source has, and write it. A job: one that comes twice has one effect."""
    connector = _taken(connector_id, run_id)
    if connector is None:
        return
    about = {"connector": connector_id, "kind": connector.kind}
    try:
        parsed = fetch(Source.of(connector))
        with letting_others_write():
            written = _write(connector, parsed)
    except SourceFailed as failure:
        _fail(connector, str(failure))
        logger.warning("connector failed", extra=about)
    except RunFailed as failure:
        _fail(connector, str(failure), failure.refused)
        logger.warning("connector failed", extra=about)
    else:
        logger.info("connector has run", extra=about | {"written": written})


def _taken(connector_id: str, run_id: str) -> Connector | None:
    """Return the connector as this run finds it; None where the run counts for nothing."""
    rows = Connector.objects.filter(pk=UUID(connector_id), run_id=UUID(run_id))
    if not rows.update(run_since=timezone.now()):
        return None
    found: Connector | None = rows.first()
    return found


def _own(connector: Connector) -> Connector | None:
    """Return the row, locked, where this run is still its own and it is what it was.

    Changed meanwhile, it ends the run, and nothing else is done about it.
    """
    row = _locked(pk=connector.pk, run_id=connector.run_id)
    if row is None or row.version == connector.version:
        return row
    row.run_id = None
    row.save(update_fields=["run_id"])
    return None


@retry_on_conflict
@transaction.atomic
def _write(connector: Connector, parsed: Parsed) -> int | None:
    """Write the values, and that the run has ended; how many. Raises RunFailed."""
    row = _own(connector)
    if row is None:
        return None
    of_tenant = User.objects.of(row.organization_id)
    user: User | None = of_tenant.filter(pk=row.account_id, is_active=True).first()
    if user is None:
        raise RunFailed(SWITCHED_OFF)
    try:
        with acting(Actor(user_id=str(user.pk), source=SOURCE)):
            outcome = ingest(
                parsed,
                organization_id=str(row.organization_id),
                principal=principal_of(user),
                partial=row.partial,
            )
    except TokenInvalid:
        raise RunFailed(NOT_ANY_MORE) from None
    except ValuesRefused as refusal:
        count = len(refusal.refused)
        what = "One row is" if count == 1 else f"{count:,} rows are"
        raise RunFailed(f"{what} refused, so nothing was written.", refusal.refused) from None
    written, refused = outcome.answer["accepted"], outcome.answer["refused"]
    if refused and not written:
        told = [Refused(**one) for one in refused]
        raise RunFailed("Every row is refused, so nothing was written.", told)
    now = timezone.now()
    row.run_id, row.last_run_at, row.last_success_at = None, now, now
    row.written, row.refused, row.refused_count = written, refused[:MOST_SHOWN], len(refused)
    row.problem, row.failures, row.failing_since, row.told_at = "", 0, None, None
    row.save(update_fields=_ENDED)
    return int(written)


_ENDED = (
    "run_id",
    "last_run_at",
    "last_success_at",
    "next_run_at",
    "written",
    "refused",
    "refused_count",
    "problem",
    "failures",
    "failing_since",
    "told_at",
)
"""Fields that the end of a run changes: the rest may have been changed by somebody meanwhile."""


@retry_on_conflict
@transaction.atomic
def _fail(connector: Connector, problem: str, refused: Sequence[Refused] = ()) -> None:
    """Say why, and when it is tried again; after a day of failures tell the admins, once."""
    row = _own(connector)
    if row is None:
        return
    now = timezone.now()
    row.run_id, row.last_run_at = None, now
    row.problem = cut(problem, MOST_PROBLEM)
    row.refused, row.refused_count = shown(refused, most=MOST_SHOWN), len(refused)
    row.failures += 1
    row.failing_since = row.failing_since or now
    row.next_run_at = run_after_failure(row, now)
    if row.told_at is None and now - row.failing_since >= TOLD_AFTER:
        row.told_at = now
        _tell(row)
    row.save(update_fields=_ENDED)


def _tell(row: Connector) -> None:
    notify(
        admins_of(row.organization_id),
        row.organization_id,
        category="connector_failed",
        title=f"The connector “{row.name}” has failed for a day",
        message=row.problem,
        about=NotificationSubject(connector_id=str(row.pk)),
    )


def given_up(connector_id: str, run_id: str, *, reason: str) -> None:
    """Its job took a worker too long or too much, or failed each time."""
    rows = Connector.objects.filter(pk=UUID(connector_id), run_id=UUID(run_id))
    connector = rows.first()
    if connector is not None:
        _fail(connector, f"It could not be run. {reason}")
