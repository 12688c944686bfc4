"""Imports of KPIs, and of their values: many of these, in few statements and few events."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from typing import Any, ClassVar
from uuid import UUID

from django.core.exceptions import ValidationError
from django.utils import timezone
from import_export import fields

from bos.adminsite.numbers import plain_number
from bos.imports.cells import is_blank, is_day, number_of, time_of
from bos.imports.files import MAX_ROWS, Row, Table
from bos.imports.kinds import Plan, Progress, Step
from bos.imports.outcome import Outcome
from bos.imports.resources import (
    Choice,
    DepartmentReference,
    Exact,
    ResourceKind,
    TenantResource,
    Text,
    UserReference,
    uuid_of,
)
from bos.models import Organization
from bos.texts import text_key
from kpis.archive.services import archived
from kpis.history.imported import note_import
from kpis.history.measurements import write_values
from kpis.history.stored import Measurement, Precision, find_stored
from kpis.models import Direction, Kpi, Visibility

# ------------------------------------------------------------------ KPIs


class Archived:
    """Refuses archived KPIs as such, instead of as unknown."""

    def __init__(self, organization: Organization | None) -> None:
        kpis: list[Kpi] = [] if organization is None else list(archived(organization.pk))
        self.ids = {kpi.pk for kpi in kpis}
        self.keys = {(text_key(kpi.name), kpi.department_id) for kpi in kpis}
        self.names = {text_key(kpi.name) for kpi in kpis}

    def or_unknown(self, id_: UUID) -> str:
        return "archived" if id_ in self.ids else "unknown"


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
        self._archived = Archived(self.organization)
        self._by_id: dict[UUID, Kpi] = {kpi.pk: kpi for kpi in kpis}
        self._named: dict[object, list[Kpi]] = defaultdict(list)
        for kpi in self._by_id.values():
            self._named[self.key(kpi)].append(kpi)
            self._named[text_key(kpi.name)].append(kpi)

    def identify(self, row: Mapping[str, Any]) -> Kpi | None:
        if (id_ := uuid_of(row)) is not None:
            if id_ not in self._by_id:
                raise ValidationError({"id": f"“{id_}” is {self._archived.or_unknown(id_)}"})
            return self._by_id[id_]
        name = text_key(Text().clean(row.get("name")))
        key: object = name
        if "department" in row:  # else the file says nothing of departments, and the name counts
            try:
                key = (name, self.fields["department"].widget.clean(row["department"]))
            except ValueError:
                return None  # it will be named with whatever else is wrong with the row
        found = self._named.get(key, [])
        if len(found) > 1:
            give = "the id" if "department" in row else "the department or the id"
            raise ValidationError({"name": f"There are {len(found)} of this name: give {give}"})
        if not found and key in self._archived.keys | self._archived.names:
            # A file that keeps coming would make a twin without a past.
            raise ValidationError({"name": "The KPI of this name is archived: restore it first"})
        return found[0] if found else None

    @staticmethod
    def key(instance: Kpi) -> object:
        return (text_key(instance.name), instance.department_id)

    @classmethod
    def twins(cls, organization: Organization, instances: Sequence[Kpi]) -> set[object]:
        if not instances:
            return set()
        # No database compares as `text_key` does.
        rows = Kpi.objects.of(organization.pk).values_list("name", "department_id")
        return {(text_key(name), department_id) for name, department_id in rows.iterator()}

    def import_field(self, field: Any, instance: Kpi, row: Any, *args: Any, **kwargs: Any) -> None:
        """The unit comes before value and target: a percent is a number of a KPI in percent."""
        super().import_field(field, instance, row, *args, unit=instance.unit, **kwargs)


class KpiImport(ResourceKind):
    name = "kpis"
    title = "KPIs"
    resource = KpiResource
    columns: tuple[tuple[str, str], ...] = (
        (
            "id",
            "of a KPI to change; empty: the KPI is found by name and department, or added",
        ),
        ("name", "up to 200 characters"),
        ("department", "its name, or the path: Sales / Support; empty: none"),
        ("owner", "email of a user; empty: none"),
        ("unit", "up to 32 characters"),
        ("value", "the current one: at most 15 significant digits, 4 decimals; 98 % if unit is %"),
        ("target", "likewise; empty: none"),
        ("direction", "higher or lower is better; empty: as it is"),
        ("visibility", "organization or department; empty: as it is"),
    )


# ------------------------------------------------------------------ values


GONE = "Its KPI was deleted or archived after the file was checked."


class ValueStep(Step, frozen=True):
    """A value of a KPI. is_newest: the file has no newer one of it."""

    kpi_id: UUID
    at: datetime
    value: Decimal
    precision: Precision
    is_newest: bool

    @property
    def measurement(self) -> Measurement:
        return Measurement(
            self.kpi_id, self.at, self.value, self.precision, may_be_current=self.is_newest
        )


class ValueImport:
    """Imports values of KPIs with their times.

    The newest of each becomes its current value where it is newer than what is stored, as one event
    a KPI, however many values there are (decision V1).

    A day without a time is about the day's figure: its last value is corrected where it has one.
    """

    name = "values"
    title = "KPI values"
    max_rows = MAX_ROWS
    step: type[Step] = ValueStep
    columns: tuple[tuple[str, str], ...] = (
        ("kpi_id", "of the KPI; where it is empty, the name counts"),
        ("kpi", "its name"),
        ("department", "where several KPIs have that name"),
        ("time", "2026-01-31 or 2026-01-31T08:30:00Z; without a zone in UTC, not in the future"),
        ("date", "instead of time: the day's last value is corrected, or it gets one"),
        ("value", "at most 15 significant digits, 4 decimals; 98 % where the unit is %"),
    )

    def plan(self, table: Table, organization: Organization, progress: Progress) -> Plan:
        table.require("value")
        if not {"kpi_id", "kpi"} & set(table.columns):
            table.require("kpi")
        if len({"time", "date"} & set(table.columns)) != 1:
            raise table.refused("There must be a column time or a column date, and not both.")
        reader = _Reader(table, organization)
        outcome = Outcome()
        told = _Told()
        found: list[tuple[Row, Measurement]] = []
        for done, row in enumerate(table.rows, 1):
            progress(done)
            measurement = reader.read(row, outcome)
            if measurement is not None and told.once(row, measurement, outcome):
                found.append((row, measurement))
        _tell_of_days(outcome, [m for _, m in found if m.precision == Precision.DAY])
        return Plan(outcome, _steps_of(found))

    def compare(
        self, steps: Sequence[ValueStep], organization: Organization, outcome: Outcome
    ) -> None:
        names = {kpi.pk: kpi.name for kpi in Kpi.objects.of(organization.pk)}
        found = find_stored([step.measurement for step in steps])
        for step, (at, stored) in zip(steps, found, strict=True):
            _show(outcome, step, names.get(step.kpi_id, ""), at, [value.value for value in stored])

    def write(
        self, steps: Sequence[ValueStep], organization: Organization, outcome: Outcome
    ) -> None:
        written = write_values(organization, [step.measurement for step in steps])
        note_import(one for one in written if one is not None)
        for step, one in zip(steps, written, strict=True):
            if one is None:
                outcome.lose(step.row, GONE)
            else:
                _show(outcome, step, one.kpi.name, one.at, one.before)


def _steps_of(found: Sequence[tuple[Row, Measurement]]) -> list[ValueStep]:
    """KPI by KPI, and of each the newest last: it is put in force when all are there."""
    ordered = sorted(found, key=lambda one: (one[1].kpi_id, one[1].at))
    newest = {measurement.kpi_id: measurement for _, measurement in ordered}
    return [
        ValueStep(row.number, m.kpi_id, m.at, m.value, m.precision, newest[m.kpi_id] is m)
        for row, m in ordered
    ]


class _Told:
    """The subjects of the rows so far: a KPI and time, or a KPI and day, is in a file once."""

    def __init__(self) -> None:
        self._times: dict[tuple[UUID, datetime], int] = {}
        self._days: dict[tuple[UUID, date, bool], int] = {}

    def once(self, row: Row, measurement: Measurement, outcome: Outcome) -> bool:
        kpi_id, at = measurement.kpi_id, measurement.at
        first = self._times.setdefault((kpi_id, at), row.number)
        if first != row.number:
            outcome.refuse(row, "", f"Row {first} is about the same KPI and time")
            return False
        is_day = measurement.precision == Precision.DAY
        self._days.setdefault((kpi_id, at.date(), is_day), row.number)
        other = self._days.get((kpi_id, at.date(), not is_day))
        if other is not None:
            outcome.refuse(row, "", f"Row {other} is about the same KPI and day")
        return other is None


class _Reader:
    """Rows as measurements; what is wrong with one is told of its outcome."""

    def __init__(self, table: Table, organization: Organization) -> None:
        self._time = "time" if "time" in table.columns else "date"
        self._departments = DepartmentReference()
        self._departments.bind(organization)
        self.kpis: dict[UUID, Kpi] = {kpi.pk: kpi for kpi in Kpi.objects.of(organization.pk)}
        self._archived = Archived(organization)
        self._named: dict[str, list[Kpi]] = defaultdict(list)
        for kpi in self.kpis.values():
            self._named[text_key(kpi.name)].append(kpi)
        self._now = timezone.now()

    def read(self, row: Row, outcome: Outcome) -> Measurement | None:
        problems = outcome.problem_count
        kpi = self._part(row, outcome, "kpi_id" if row.text("kpi_id") else "kpi", self._kpi)
        at = self._part(row, outcome, self._time, self._at)
        unit = kpi.unit if kpi else "%"  # of an unknown KPI nothing more is said than that
        value = self._part(row, outcome, "value", partial(self._value, unit=unit))
        if outcome.problem_count > problems:
            return None
        return Measurement(kpi.pk, at, value, self._precision(row))

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
                id_ = UUID(text)
            except ValueError:
                raise ValueError(f"“{text[:40]}” is unknown") from None
            if id_ not in self.kpis:
                raise ValueError(f"“{text[:40]}” is {self._archived.or_unknown(id_)}")
            return self.kpis[id_]
        name = row.text("kpi")
        found = self._named.get(text_key(name), [])
        if row.text("department"):
            department_id = self._departments.clean(row.text("department"))
            found = [kpi for kpi in found if kpi.department_id == department_id]
        if not name:
            raise ValueError("Of which KPI?")
        if not found:
            is_archived = text_key(name) in self._archived.names
            raise ValueError(f"“{name[:80]}” is {'archived' if is_archived else 'unknown'}")
        if len(found) > 1:
            raise ValueError(f"There are {len(found)} of this name: give kpi_id or department")
        return found[0]

    def _at(self, row: Row) -> datetime:
        cell = row.cells.get(self._time)
        if is_blank(cell):
            raise ValueError("When was it?")
        at = time_of(cell)
        if at > self._now:
            raise ValueError("The time is in the future (UTC)")
        return at

    def _precision(self, row: Row) -> Precision:
        cell = row.cells.get(self._time)
        # A spreadsheet says midnight as it says a day.
        if is_day(cell) and (self._time == "date" or not isinstance(cell, datetime)):
            return Precision.DAY
        return Precision.MILLISECOND if isinstance(cell, datetime) else Precision.EXACT

    @staticmethod
    def _value(row: Row, *, unit: str) -> Decimal:
        cell = row.cells.get("value")
        if is_blank(cell):
            raise ValueError("Which value?")
        return number_of(cell, unit=unit)


def _tell_of_days(outcome: Outcome, measurements: Sequence[Measurement]) -> None:
    found = find_stored(measurements)
    days = sum(
        at != measurement.at for measurement, (at, _) in zip(measurements, found, strict=True)
    )
    if days:
        rows = "1 row names" if days == 1 else f"{days:,} rows name"
        outcome.notes.append(f"{rows} a day that has values: its last one is replaced.")


def _show(
    outcome: Outcome, step: ValueStep, name: str, at: datetime, before: Sequence[Decimal]
) -> None:
    """Count what is new, and what is stored with another value."""
    if before and all(value == step.value for value in before):
        outcome.unchanged += 1
        return
    shown = at.isoformat().replace("+00:00", "Z")
    old = plain_number(before[0]) if before else ""
    outcome.show(step.row, name, [(shown, old, plain_number(step.value))], new=not before)
