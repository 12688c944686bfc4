"""The content of a report: the KPIs of an organization or department over a period (decision B4).

It is read once, with four queries whatever the number of KPIs; the writers take it from here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import cached_property
from uuid import UUID

from django.db.models import Q
from django.utils import timezone

from bos.models import Department, Organization, TenantQuerySet
from kpis.models import Direction, Kpi, KpiValue

Id = UUID | str


class NothingToReport(Exception):
    """No KPI has a value in this period."""

    def __init__(self, message: str = "") -> None:
        super().__init__(message or self.__doc__)


@dataclass(frozen=True, kw_only=True)
class KpiContent:
    """A KPI over the period. Without values its figures are None."""

    name: str
    unit: str
    direction: Direction
    target: Decimal | None
    """Today's: former targets are not kept, all days are compared with this one."""
    values: dict[date, Decimal]
    """The last value of each UTC day that has one, oldest first."""

    @cached_property
    def first(self) -> Decimal | None:
        return next(iter(self.values.values()), None)

    @cached_property
    def last(self) -> Decimal | None:
        return next(reversed(self.values.values()), None)

    @cached_property
    def lowest(self) -> Decimal | None:
        return min(self.values.values(), default=None)

    @cached_property
    def highest(self) -> Decimal | None:
        return max(self.values.values(), default=None)

    @cached_property
    def change(self) -> Decimal | None:
        """From the first value to the last."""
        return None if self.last is None or self.first is None else self.last - self.first

    @cached_property
    def change_percent(self) -> Decimal | None:
        """The change in percent of the first value's size: from -100 to -50 is +50 %."""
        return (
            None if self.change is None or not self.first else self.change / abs(self.first) * 100
        )

    @cached_property
    def last_meets_target(self) -> bool | None:
        return None if self.target is None or self.last is None else self._meets_target(self.last)

    @cached_property
    def days_on_target(self) -> int | None:
        """How many of the days with a value met the target."""
        if self.target is None:
            return None
        return sum(map(self._meets_target, self.values.values()))

    def _meets_target(self, value: Decimal) -> bool:
        assert self.target is not None
        return value <= self.target if self.direction == Direction.LOWER else value >= self.target


@dataclass(frozen=True, kw_only=True)
class DepartmentContent:
    path: tuple[str, ...]
    """Names from the top of the tree down to this department's; () for KPIs without one."""
    kpis: tuple[KpiContent, ...]


@dataclass(frozen=True, kw_only=True)
class Content:
    title: str
    organization: str
    department: str | None
    from_: date
    to: date
    made_at: datetime
    departments: tuple[DepartmentContent, ...]
    """Only those with KPIs: first those without a department, then in the tree's order by name."""

    @cached_property
    def kpis(self) -> tuple[KpiContent, ...]:
        return tuple(kpi for department in self.departments for kpi in department.kpis)

    def days(self) -> Iterator[date]:
        """Each day of the period, also those without values."""
        return (self.from_ + timedelta(days=n) for n in range((self.to - self.from_).days + 1))


def report_content(
    *, organization_id: Id, department_id: Id | None, from_: date, to: date, visible: Q
) -> Content:
    """Read what a report says of a department and those below it, or of the whole organization.

    from_, to: UTC days, both included. visible: which KPIs whoever may open it may see.
    Raises NothingToReport.
    """
    organization = Organization.objects.filter(pk=organization_id).values_list("name", flat=True)
    tree = _paths(organization_id)
    kpis = Kpi.objects.of(organization_id).filter(visible)
    top = None if department_id is None else UUID(str(department_id))
    if top is not None:
        if top not in tree:
            raise NothingToReport("The department no longer exists.")
        kpis = kpis.filter(department__in=[id_ for id_, path in tree.items() if top in path])
    rows = list(kpis)
    if not rows:
        raise NothingToReport("There is no KPI to report on.")
    values = _values(kpis, from_, to)
    if not values:
        raise NothingToReport
    return Content(
        title="KPI report",
        organization=organization.get(),
        department=None if top is None else tree[top][top],
        from_=from_,
        to=to,
        made_at=timezone.now(),
        departments=_departments(rows, tree, values),
    )


Path = dict[UUID, str]
"""{id: name} of a department, after those above it."""


def _paths(organization_id: Id) -> dict[UUID, Path]:
    rows = Department.objects.of(organization_id).values_list("pk", "parent_id", "name")
    nodes = {pk: (parent_id, name) for pk, parent_id, name in rows}
    return {pk: _path(pk, nodes) for pk in nodes}


def _path(pk: UUID, nodes: dict[UUID, tuple[UUID | None, str]]) -> Path:
    upwards: Path = {}
    at: UUID | None = pk
    while at is not None and at in nodes and at not in upwards:  # raw SQL could make a circle
        parent_id, upwards[at] = nodes[at]
        at = parent_id
    return dict(reversed(upwards.items()))


def _departments(
    rows: list[Kpi], tree: dict[UUID, Path], values: dict[UUID, dict[date, Decimal]]
) -> tuple[DepartmentContent, ...]:
    """Sorted here: databases disagree about the order of texts."""
    kpis_of: dict[UUID | None, list[Kpi]] = {}
    for row in sorted(rows, key=lambda kpi: (kpi.name.casefold(), kpi.pk)):
        kpis_of.setdefault(row.department_id, []).append(row)

    def place(department_id: UUID | None) -> list[tuple[str, UUID]]:
        return [(name.casefold(), pk) for pk, name in path_of(department_id).items()]

    def path_of(department_id: UUID | None) -> Path:
        return {} if department_id is None else tree.get(department_id, {})

    return tuple(
        DepartmentContent(
            path=tuple(path_of(id_).values()),
            kpis=tuple(_kpi(kpi, values.get(kpi.pk, {})) for kpi in kpis_of[id_]),
        )
        for id_ in sorted(kpis_of, key=place)
    )


def _kpi(row: Kpi, values: dict[date, Decimal]) -> KpiContent:
    return KpiContent(
        name=row.name,
        unit=row.unit,
        direction=Direction(row.direction),
        target=row.target,
        values=values,
    )


def _values(kpis: TenantQuerySet, from_: date, to: date) -> dict[UUID, dict[date, Decimal]]:
    """The last value of each KPI and UTC day.

    Streamed and picked here: SQLite's windows over days took thrice as long.
    """
    # time.max, and not the next day's begin: after the last day there is none (9999-12-31).
    begin, end = datetime.combine(from_, time.min, UTC), datetime.combine(to, time.max, UTC)
    rows = KpiValue.objects.filter(kpi__in=kpis, at__gte=begin, at__lte=end).order_by("at", "pk")
    found: dict[UUID, dict[date, Decimal]] = {}
    for kpi_id, at, value in rows.values_list("kpi_id", "at", "value").iterator():
        found.setdefault(kpi_id, {})[at.astimezone(UTC).date()] = value
    return found
