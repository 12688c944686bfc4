"""Values that KPIs had at times of the past: which stored ones they are about, and writing them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import Enum, auto
from typing import Any, TypeVar
from uuid import UUID

from django.db.models import Max
from django.db.models.functions import TruncDay
from django.utils import timezone

from bos.models import Organization
from kpis.alerts.past import MOST_AHEAD, require_measured
from kpis.models import Kpi, KpiValue
from sync.eventlog.fast_sql import update_row, update_rows
from sync.protocol.identity import current_actor

T = TypeVar("T")

# Of one statement: databases limit its parameters.
CHUNK = 400
INSERTS = 1_000
MILLISECOND = timedelta(milliseconds=1)


class Precision(Enum):
    """The precision of a time in a file: a moment, or one of many that the stored value knows."""

    EXACT = auto()
    MILLISECOND = auto()
    """A spreadsheet's times are no finer: the value that was exported so is meant."""
    DAY = auto()
    """Its last value is meant: that is the day's figure in charts, forecasts and reports."""


@dataclass(frozen=True, slots=True)
class Measurement:
    kpi_id: UUID
    at: datetime
    value: Decimal
    precision: Precision = Precision.EXACT


# ------------------------------------------------------------------ which ones are meant


def meant(measurements: Sequence[Measurement]) -> list[Measurement]:
    """These with the times of the stored values that they are about, where there are such."""
    by_precision: dict[Precision, dict[UUID, list[datetime]]] = defaultdict(
        lambda: defaultdict(list)
    )
    for measurement in measurements:
        by_precision[measurement.precision][measurement.kpi_id].append(measurement.at)
    stored = {
        (precision, kpi_id, at): known
        for precision, look in ((Precision.DAY, _last_of), (Precision.MILLISECOND, _within))
        for kpi_id, times in by_precision[precision].items()
        for at, known in look(kpi_id, times)
    }
    return [
        replace(m, at=stored.get((m.precision, m.kpi_id, m.at), m.at)) if stored else m
        for m in measurements
    ]


def _last_of(kpi_id: UUID, days: Sequence[datetime]) -> Iterator[tuple[datetime, datetime]]:
    """(its beginning, the time of its last value) of each of these days that has a value."""
    values: Any = KpiValue.objects.filter(kpi_id=kpi_id, at__gte=min(days))
    values = values.filter(at__lt=max(days) + timedelta(days=1)).order_by()
    times = values.annotate(day=TruncDay("at", tzinfo=UTC)).values("day").annotate(last=Max("at"))
    return iter(times.values_list("day", "last"))


def _within(kpi_id: UUID, times: Sequence[datetime]) -> Iterator[tuple[datetime, datetime]]:
    """(as a spreadsheet has it, as it is stored) of values of about these times."""
    values = KpiValue.objects.filter(
        kpi_id=kpi_id, at__gte=min(times) - MILLISECOND, at__lte=max(times) + MILLISECOND
    )
    wanted = set(times)
    for at in values.order_by("at").values_list("at", flat=True).iterator():
        if (shown := to_millisecond(at)) in wanted:
            yield shown, at


def to_millisecond(at: datetime) -> datetime:
    """Rounded as a spreadsheet rounds it."""
    begin = at.replace(microsecond=0)
    return begin + round((at - begin) / MILLISECOND) * MILLISECOND


# ------------------------------------------------------------------ writing


def stored_values(
    measurements: Sequence[Measurement],
) -> dict[tuple[UUID, datetime], list[KpiValue]]:
    """Return the stored values of these KPIs at these times."""
    times: dict[UUID, list[datetime]] = defaultdict(list)
    for measurement in measurements:
        times[measurement.kpi_id].append(measurement.at)
    stored: dict[tuple[UUID, datetime], list[KpiValue]] = defaultdict(list)
    for kpi_id, of_kpi in times.items():
        for some in _chunks(of_kpi, CHUNK):
            for value in KpiValue.objects.filter(kpi_id=kpi_id, at__in=some):
                stored[kpi_id, value.at].append(value)
    return stored


def write_values(organization: Organization, measurements: Sequence[Measurement]) -> None:
    """Put these into the history, and the newest of each KPI in force where it is the newest.

    Runs inside the caller's transaction, one at a time an organization. History comes first: the
    KPIs' own rows are locked last, so that live updates of them wait for a moment only.
    """
    for measurement in measurements:
        require_measured(measurement.at)
    newest = _newest(measurements)
    stored = stored_values(measurements)
    actor_id = current_actor().user_id
    corrected, added = [], []
    for measurement in measurements:
        if newest[measurement.kpi_id] is measurement:
            continue
        for value in stored.get((measurement.kpi_id, measurement.at), ()):
            if value.value != measurement.value:
                value.value, value.actor_id = measurement.value, actor_id
                corrected.append(value)
        if (measurement.kpi_id, measurement.at) not in stored:
            added.append(_value_of(measurement, actor_id))
    update_rows(corrected, "value", "actor_id")
    KpiValue.objects.bulk_create(added, batch_size=INSERTS)
    for some in _chunks(sorted(newest), CHUNK):
        of_tenant = Kpi.objects.of(organization.pk).filter(pk__in=some)
        for kpi in of_tenant.order_by("pk").select_for_update(no_key=True):
            at = newest[kpi.pk].at
            _put_in_force(kpi, newest[kpi.pk], stored.get((kpi.pk, at), []), actor_id)


def _newest(measurements: Sequence[Measurement]) -> dict[UUID, Measurement]:
    newest: dict[UUID, Measurement] = {}
    for measurement in measurements:
        other = newest.get(measurement.kpi_id)
        if other is None or other.at < measurement.at:
            newest[measurement.kpi_id] = measurement
    return newest


def _put_in_force(kpi: Kpi, newest: Measurement, stored: Sequence[KpiValue], actor_id: str) -> None:
    """The file's newest value of a locked KPI: history, too, where a newer one is stored."""
    is_known = any(value.value == newest.value for value in stored)
    # What a clock that was wrong has stored of next year does not stay the newest until then.
    latest = timezone.now() + MOST_AHEAD
    later = KpiValue.objects.filter(kpi=kpi, at__gt=newest.at, at__lte=latest)
    if is_known or later.exists():
        if not stored:
            _value_of(newest, actor_id).save(force_insert=True)
        changed = [value for value in stored if value.value != newest.value]
        for value in changed:
            value.value, value.actor_id = newest.value, actor_id
        update_rows(changed, "value", "actor_id")
        return
    # The capture keeps the value as history (`recorded`): what is stored of that time gives way.
    KpiValue.objects.filter(pk__in=[value.pk for value in stored]).delete()
    kpi.value, kpi.value_at, kpi.updated_at = newest.value, newest.at, timezone.now()
    update_row(kpi, "value", "updated_at")


def _value_of(measurement: Measurement, actor_id: str) -> KpiValue:
    return KpiValue(
        kpi_id=measurement.kpi_id, at=measurement.at, value=measurement.value, actor_id=actor_id
    )


def _chunks(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
