"""Imports of KPIs, and of their values: many of these, in few statements and few events."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any, ClassVar, TypeVar
from uuid import UUID

from django.core.exceptions import ValidationError
from django.utils import timezone
from import_export import fields

from bos.figures import plain_number
from bos.imports import Outcome, Plan, Progress, register_import
from bos.models import Organization
from bos.resources import (
    Choice,
    DepartmentReference,
    Exact,
    ResourceKind,
    TenantResource,
    Text,
    UserReference,
    uuid_of,
)
from bos.tables import MAX_ROWS, Row, Table, Unreadable, number_of, time_of
from kpis.models import Direction, Kpi, KpiValue, Visibility
from sync.principal import current_actor
from sync.rows import update_row, update_rows

T = TypeVar("T")

# Of one statement: databases limit its parameters.
CHUNK = 400
INSERTS = 1_000

# ------------------------------------------------------------------ KPIs


class KpiResource(TenantResource):
    id = fields.Field("id", "id", widget=Text(), readonly=True)
    name = fields.Field("name", "name", widget=Text())
    department = fields.Field("department_id", "department", widget=DepartmentReference())
    owner = fields.Field("owner_id", "owner", widget=UserReference())
    unit = fields.Field("unit", "unit", widget=Text())
    value = fields.Field("value", "value", widget=Exact())
    target = fields.Field("target", "target", widget=Exact())
    direction = fields.Field(
        "direction", "direction", widget=Choice(Direction), saves_null_values=False
    )
    visibility = fields.Field(
        "visibility", "visibility", widget=Choice(Visibility), saves_null_values=False
    )
    references: ClassVar[Mapping[str, str]] = {"department": "department_id", "owner": "owner_id"}

    class Meta:
        model = Kpi
        import_order = (
            "name",
            "department",
            "owner",
            "unit",
            "value",
            "target",
            "direction",
            "visibility",
        )
        fields = ("id", *import_order)
        store_instance = skip_diff = True

    def load(self) -> None:
        kpis = Kpi.objects.filter(organization=self.organization)
        self._by_id: dict[UUID, Kpi] = {kpi.pk: kpi for kpi in kpis}
        self._named: dict[object, list[Kpi]] = defaultdict(list)
        for kpi in self._by_id.values():
            self._named[self.key(kpi)].append(kpi)

    def identify(self, row: Mapping[str, Any]) -> Kpi | None:
        if (id_ := uuid_of(row)) is not None:
            if id_ not in self._by_id:
                raise ValidationError({"id": f"“{id_}” is unknown"})
            return self._by_id[id_]
        try:
            department_id = self.fields["department"].widget.clean(row.get("department"))
        except ValueError:
            return None  # it will be named with whatever else is wrong with the row
        found = self._named.get((Text().clean(row.get("name")).lower(), department_id), [])
        if len(found) > 1:
            raise ValidationError({"name": f"There are {len(found)} of this name: give the id"})
        return found[0] if found else None

    def key(self, instance: Kpi) -> object:
        return (instance.name.lower(), instance.department_id)


class KpiImport(ResourceKind):
    name = "kpis"
    title = "KPIs"
    resource = KpiResource
    columns: tuple[tuple[str, str], ...] = (
        ("id", "of a KPI to change; empty: found by name and department, else added"),
        ("name", "up to 200 characters"),
        ("department", "its name, or the path: Sales / Support; empty: none"),
        ("owner", "email of a user; empty: none"),
        ("unit", "up to 32 characters"),
        ("value", "the current one: at most 15 significant digits, 4 decimals"),
        ("target", "likewise; empty: none"),
        ("direction", "higher or lower is better; empty: as it is"),
        ("visibility", "organization or department; empty: as it is"),
    )


# ------------------------------------------------------------------ values


@dataclass(frozen=True, slots=True)
class Measurement:
    kpi_id: UUID
    at: datetime
    value: Decimal


class ValueImport:
    """What KPIs had been when. The newest of each becomes its current value where it is newer than
    what is stored, as one event a KPI, however many values there are (decision V1)."""

    name = "values"
    title = "KPI values"
    max_rows = MAX_ROWS
    columns: tuple[tuple[str, str], ...] = (
        ("kpi_id", "of the KPI; where it is empty, the name counts"),
        ("kpi", "its name"),
        ("department", "where several KPIs have that name"),
        ("time", "2026-01-31 or 2026-01-31T08:30:00Z; without a zone in UTC, not in the future"),
        ("date", "instead of time"),
        ("value", "at most 15 significant digits, 4 decimals"),
    )

    def plan(self, table: Table, organization: Organization, progress: Progress) -> Plan:
        table.require("value")
        if not {"kpi_id", "kpi"} & set(table.columns):
            table.require("kpi")
        if len({"time", "date"} & set(table.columns)) != 1:
            raise Unreadable("There must be a column time or a column date, and not both.")
        reader = _Reader(table, organization)
        outcome = Outcome()
        seen: dict[tuple[UUID, datetime], int] = {}
        found: list[tuple[Row, Measurement]] = []
        for done, row in enumerate(table.rows, 1):
            progress(done)
            measurement = reader.read(row, outcome)
            if measurement is None:
                continue
            first = seen.setdefault((measurement.kpi_id, measurement.at), row.number)
            if first != row.number:
                outcome.refuse(row, "", f"Row {first} is about the same KPI and time")
                continue
            found.append((row, measurement))
        _compare(outcome, found, reader.kpis)
        measurements = [measurement for _, measurement in found]
        return Plan(outcome, partial(write_values, organization, measurements))


class _Reader:
    """Rows as measurements; what is wrong with one is told of its outcome."""

    def __init__(self, table: Table, organization: Organization) -> None:
        self._time = "time" if "time" in table.columns else "date"
        self._departments = DepartmentReference()
        self._departments.bind(organization)
        self.kpis: dict[UUID, Kpi] = {kpi.pk: kpi for kpi in Kpi.objects.of(organization.pk)}
        self._named: dict[str, list[Kpi]] = defaultdict(list)
        for kpi in self.kpis.values():
            self._named[kpi.name.lower()].append(kpi)
        self._now = timezone.now()

    def read(self, row: Row, outcome: Outcome) -> Measurement | None:
        problems = outcome.problem_count
        kpi = self._part(row, outcome, "kpi_id" if row.text("kpi_id") else "kpi", self._kpi)
        at = self._part(row, outcome, self._time, self._at)
        value = self._part(row, outcome, "value", self._value)
        if outcome.problem_count > problems:
            return None
        return Measurement(kpi.pk, at, value)

    @staticmethod
    def _part(row: Row, outcome: Outcome, column: str, part: Any) -> Any:
        try:
            return part(row)
        except ValueError as error:
            outcome.refuse(row, column, str(error))
            return None

    def _kpi(self, row: Row) -> Kpi:
        if text := row.text("kpi_id"):
            try:
                return self.kpis[UUID(text)]
            except (ValueError, KeyError):
                raise ValueError(f"“{text[:40]}” is unknown") from None
        name = row.text("kpi")
        found = self._named.get(name.lower(), [])
        if row.text("department"):
            department_id = self._departments.clean(row.text("department"))
            found = [kpi for kpi in found if kpi.department_id == department_id]
        if not name:
            raise ValueError("Of which KPI?")
        if not found:
            raise ValueError(f"“{name[:80]}” is unknown")
        if len(found) > 1:
            raise ValueError(f"There are {len(found)} of this name: give kpi_id or department")
        return found[0]

    def _at(self, row: Row) -> datetime:
        cell = row.cells.get(self._time)
        if cell in (None, ""):
            raise ValueError("When was it?")
        at = time_of(cell)
        if at > self._now:
            raise ValueError("The time is in the future (UTC)")
        return at

    @staticmethod
    def _value(row: Row) -> Decimal:
        cell = row.cells.get("value")
        if cell in (None, ""):
            raise ValueError("Which value?")
        return number_of(cell)


def _compare(
    outcome: Outcome, found: Sequence[tuple[Row, Measurement]], kpis: Mapping[UUID, Kpi]
) -> None:
    """Count what is new, and what is stored with another value."""
    stored = stored_values([measurement for _, measurement in found])
    for row, measurement in found:
        old = stored.get((measurement.kpi_id, measurement.at))
        if old and all(value.value == measurement.value for value in old):
            outcome.unchanged += 1
            continue
        before = plain_number(old[0].value) if old else ""
        at = measurement.at.isoformat().replace("+00:00", "Z")
        change = (at, before, plain_number(measurement.value))
        outcome.show(row, str(kpis[measurement.kpi_id]), [change], new=not old)


def stored_values(
    measurements: Sequence[Measurement],
) -> dict[tuple[UUID, datetime], list[KpiValue]]:
    """What is stored of these KPIs at these times."""
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
    later = KpiValue.objects.filter(kpi=kpi, at__gt=newest.at)
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


register_import(KpiImport())
register_import(ValueImport())
