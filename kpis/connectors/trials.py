"""A connector tried as it stands in its form: a worker fetches, and says what would be written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
from django.db import transaction
from django.utils import timezone

from bos.adminsite.numbers import plain_number
from bos.ids import canonical_uuids
from bos.jobs.queue import enqueue, require_room
from bos.models import ServiceAccount, User
from bos.permissions import principal_of
from bos.texts import cut
from kpis.connectors.fetching import fetch
from kpis.connectors.running import SWITCHED_OFF
from kpis.connectors.source import Source, SourceFailed
from kpis.history.stored import Measurement
from kpis.ingest.services import look_up
from kpis.ingest.values import Parsed, Refused, Row
from kpis.models import ConnectorTrial, Kpi
from kpis.tasks import TRY_CONNECTOR
from sync.eventlog.retention import prune_plain

MOST_SHOWN = 20
KEPT = timedelta(hours=1)
LONG = timedelta(seconds=10)
STANDSTILL = (
    "It takes a while: the source is slow, all workers are busy, or “manage.py work” is not"
    " running."
)
MOST_OF_A_NAME = 80


class TriedRow(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A row of the source. row: from 1. problem: why it would be refused, and in which field."""

    row: int
    kpi: str = ""
    value: str = ""
    at: str = ""
    field: str = ""
    problem: str = ""


class Tried(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The outcome of a trial. problem: why there is none. is_good: nothing would be refused."""

    problem: str = ""
    text: str = ""
    is_good: bool = False
    rows: list[TriedRow] = []


@transaction.atomic
def begin(source: Source, *, account: ServiceAccount, user: User) -> ConnectorTrial:
    """Have a source tried. Raises RateLimitExceeded where too much waits already."""
    require_room(source.organization_id, user.pk)
    trial = ConnectorTrial(
        organization_id=UUID(source.organization_id),
        user=user,
        account=account,
        sealed_source=source.sealed(),
        created_at=timezone.now(),
    )
    trial.save(force_insert=True)
    enqueue(
        TRY_CONNECTOR,
        str(trial.pk),
        organization_id=source.organization_id,
        user_id=user.pk,
    )
    return trial


def find(trial_id: UUID, user: User) -> ConnectorTrial | None:
    """Return the user's own trial."""
    found: ConnectorTrial | None = ConnectorTrial.objects.filter(pk=trial_id, user=user).first()
    return found


def hint(trial: ConnectorTrial) -> str:
    """Say what may be the reason where it takes long."""
    return STANDSTILL if timezone.now() - trial.created_at > LONG else ""


def make(trial_id: str) -> None:
    """Fetch, and keep what would be written. A job: where it runs twice it finds the same."""
    rows = ConnectorTrial.objects.filter(pk=UUID(trial_id), outcome="")
    trial = rows.select_related("account__user").first()
    if trial is None:
        return
    try:
        tried = _tried(fetch(Source.opened(trial.sealed_source)), trial)
    except SourceFailed as failure:
        tried = Tried(problem=str(failure))
    _settle(trial_id, tried)


def given_up(trial_id: str, *, reason: str) -> None:
    """Its job took a worker too long or too much, or failed each time."""
    _settle(trial_id, Tried(problem=f"It could not be tried. {reason}"))


def _settle(trial_id: str, tried: Tried) -> None:
    rows = ConnectorTrial.objects.filter(pk=UUID(trial_id), outcome="")
    rows.update(outcome=msgspec.json.encode(tried).decode(), sealed_source="")


def prune_trials() -> int:
    return prune_plain(
        ConnectorTrial.objects.filter(created_at__lt=timezone.now() - KEPT), oldest="created_at"
    )


# ------------------------------------------------------------------ what is shown


def _tried(parsed: Parsed, trial: ConnectorTrial) -> Tried:
    user = trial.account.user
    if not user.is_active or user.organization_id != trial.organization_id:
        return Tried(problem=SWITCHED_OFF)
    found, refused = look_up(
        parsed, organization_id=str(trial.organization_id), principal=principal_of(user)
    )
    return Tried(
        text=_text(len(found), len(refused)),
        is_good=not refused,
        rows=_rows(parsed.rows, found, refused, _named(trial, found)),
    )


def _text(good: int, refused: int) -> str:
    if not good and not refused:
        return "The source has no rows now: nothing would be written."
    would = f"{good:,} value{'' if good == 1 else 's'} would be written"
    if not refused:
        return f"{would}."
    return f"{would}, {refused:,} row{'' if refused == 1 else 's'} would be refused."


def _named(trial: ConnectorTrial, found: Iterable[tuple[Row, Measurement]]) -> Mapping[UUID, Kpi]:
    """Return the KPIs of the rows that can be shown."""
    first = sorted(found, key=lambda one: one[0].index)[:MOST_SHOWN]
    ids = {measurement.kpi_id for _, measurement in first}
    kpis = Kpi.objects.of(trial.organization_id).filter(pk__in=ids)
    return {kpi.pk: kpi for kpi in kpis.only("name", "unit")}


def _rows(
    sent: Sequence[Row],
    found: Sequence[tuple[Row, Measurement]],
    refused: Sequence[Refused],
    kpis: Mapping[UUID, Kpi],
) -> list[TriedRow]:
    """Return the first rows, and the first ones that would be refused, in the source's order."""
    by_index = {row.index: row for row in sent}
    bad = sorted(refused, key=lambda one: one.index)
    good = sorted(found, key=lambda one: one[0].index)
    shown = {one.index for one in bad[:MOST_SHOWN]}
    shown |= set(sorted([*by_index, *(one.index for one in bad)])[:MOST_SHOWN])
    rows = [_bad(one, by_index.get(one.index)) for one in bad if one.index in shown]
    rows += [_good(row, measurement, kpis) for row, measurement in good if row.index in shown]
    return sorted(rows, key=lambda row: row.row)


def _good(row: Row, measurement: Measurement, kpis: Mapping[UUID, Kpi]) -> TriedRow:
    kpi = kpis.get(measurement.kpi_id)
    unit = "" if kpi is None else kpi.unit
    return TriedRow(
        row=row.index,
        kpi=row.kpi if kpi is None else kpi.name,
        value=f"{plain_number(row.value)} {unit}".rstrip(),
        at=_time(row.at),
    )


def _bad(refused: Refused, row: Row | None) -> TriedRow:
    told = TriedRow(row=refused.index, field=refused.field, problem=refused.reason)
    if row is not None:
        told.kpi = "" if canonical_uuids([row.kpi]) else cut(row.kpi, MOST_OF_A_NAME)
        told.value, told.at = plain_number(row.value), _time(row.at)
    return told


def _time(at: datetime | None) -> str:
    return "when it is fetched" if at is None else f"{at:%Y-%m-%d %H:%M:%S} UTC"
