"""Put values that KPIs had at times of the past into the history, and the newest in force."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.utils import timezone

from bos.models import Organization
from kpis.alerts.past import MOST_AHEAD, require_measured
from kpis.history.stored import CHUNK, Measurement, chunks, find_stored, insert_values, with_newer
from kpis.models import NEVER, Kpi, KpiValue
from sync.eventlog.fast_sql import update_locked_rows, update_rows
from sync.protocol.identity import current_actor


@dataclass(frozen=True, slots=True)
class Written:
    """at: the time under which it is kept. before: the values that were stored of that time."""

    measurement: Measurement
    kpi: Kpi
    at: datetime
    stored: list[KpiValue]
    before: list[Decimal]

    @property
    def is_known(self) -> bool:
        return any(value == self.measurement.value for value in self.before)


def write_values(
    organization: Organization, measurements: Sequence[Measurement]
) -> list[Written | None]:
    """Put these into the history, and the newest of each KPI in force where it is the newest.

    Return of each what became of it; None where its KPI is gone, or archived. The KPIs are locked
    first, so that nothing comes between what is found out and what is written: live updates of
    them wait until the caller's transaction ends, which should be soon.
    Raises ValueError where one cannot have been measured yet.
    """
    for measurement in measurements:
        require_measured(measurement.at)
    kpis = _lock(organization, {measurement.kpi_id for measurement in measurements})
    there = [measurement for measurement in measurements if measurement.kpi_id in kpis]
    found = iter(find_stored(there))
    written: list[Written | None] = []
    for measurement in measurements:
        if measurement.kpi_id in kpis:
            at, stored = next(found)
            before = [value.value for value in stored]
            written.append(Written(measurement, kpis[measurement.kpi_id], at, stored, before))
        else:
            written.append(None)
    _write([one for one in written if one is not None])
    return written


def _lock(organization: Organization, kpi_ids: set[UUID]) -> Mapping[UUID, Kpi]:
    kpis: dict[UUID, Kpi] = {}
    for some in chunks(sorted(kpi_ids), CHUNK):
        of_tenant = Kpi.objects.of(organization.pk).filter(pk__in=some)
        kpis |= {kpi.pk: kpi for kpi in of_tenant.order_by("pk").select_for_update(no_key=True)}
    return kpis


def _write(found: Sequence[Written]) -> None:
    current = _to_be_put_in_force(found)
    corrected: dict[int, KpiValue] = {}
    added: list[tuple[UUID, datetime, Decimal]] = []
    replaced: list[int] = []
    actor_id = current_actor().user_id
    for one in found:
        value = one.measurement.value
        if one.kpi.pk in current and current[one.kpi.pk] is one:
            # The capture keeps the value as history: what is stored of that time gives way.
            replaced += [row.pk for row in one.stored]
            continue
        if not one.stored:
            added.append((one.kpi.pk, one.at, value))
        for row in one.stored:
            if row.value != value:
                row.value, row.actor_id = value, actor_id
                corrected[row.pk] = row
    if replaced:
        KpiValue.objects.filter(pk__in=replaced).delete()
    update_rows(corrected.values(), "value", "actor_id")
    insert_values(added, actor_id=actor_id)
    _put_in_force(list(current.values()))


def _to_be_put_in_force(found: Sequence[Written]) -> dict[Any, Written]:
    """By KPI. History, too, is what is known already, and what a newer one is stored of."""
    candidates = [one for one in found if one.measurement.may_be_current and not one.is_known]
    # What a clock that was wrong has stored of next year does not stay the newest until then.
    upto = timezone.now() + MOST_AHEAD
    newer = with_newer([(one.kpi.pk, one.at) for one in candidates], upto=upto)
    candidates.sort(key=lambda one: one.at)
    return {one.kpi.pk: one for one in candidates if one.kpi.pk not in newer}


def _put_in_force(current: Sequence[Written]) -> None:
    now = timezone.now()
    for one in current:
        one.kpi.value, one.kpi.value_at, one.kpi.updated_at = one.measurement.value, one.at, now
        shown = [row.shown_at or row.at for row in one.stored if row.shown_at != NEVER]
        one.kpi.value_shown_at = min(shown, default=None)
    update_locked_rows([one.kpi for one in current], "value", "updated_at")
