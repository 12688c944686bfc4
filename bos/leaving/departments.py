"""A department goes once it has been said where goes what is in it (decision V6)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Count, QuerySet
from django.utils import timezone

from bos.models import BELOW_ITSELF, Department, Employee, Organization
from sync.eventlog.capture import Change


@dataclass(frozen=True, slots=True)
class Holding:
    """A kind of rows that a department holds, and that stay when it goes.

    name: 'kpis'; label: 'KPIs'; rows: those of these departments; field: what names the department;
    without_one: why not all of these rows can be without a department, '' where they can.
    in_use: those of them that count where it is only shown how many there are.
    """

    name: str
    label: str
    rows: Callable[[Collection[UUID]], QuerySet[Any]]
    field: str = "department"
    without_one: Callable[[QuerySet[Any]], str] = lambda rows: ""
    in_use: Callable[[QuerySet[Any]], QuerySet[Any]] = lambda rows: rows


Going = Callable[[Collection[UUID]], QuerySet[Any]]
"""The rows of some kind that go with these departments."""
_holdings: dict[str, Holding] = {}
_going: dict[str, Going] = {}


def add_holding(holding: Holding) -> None:
    _holdings[holding.name] = holding


def add_going(label: str, rows: Going) -> None:
    """Tell of what is made of a department, and goes with it."""
    _going[label] = rows


def holdings_of(ids: Collection[UUID]) -> list[tuple[Holding, int]]:
    """Count what these departments hold, without kinds of which there is nothing, and without
    sub-departments that go, too."""
    counted = ((holding, held(holding, ids).count()) for holding in _holdings.values())
    return [(holding, count) for holding, count in counted if count]


def kinds_held() -> list[Holding]:
    """Return the kinds of rows that a department holds, but for sub-departments."""
    return [holding for holding in _holdings.values() if holding.field != "parent"]


def counts_of(holding: Holding, departments: QuerySet[Any]) -> dict[UUID, int]:
    """Count what each of these departments holds itself: {its id: how many}."""
    ids: Any = departments.order_by().values("pk")  # a subquery: there may be thousands
    rows = holding.in_use(holding.rows(ids)).order_by()
    counted = rows.values_list(f"{holding.field}_id").annotate(count=Count("pk"))
    return dict(counted)


def going_with(ids: Collection[UUID]) -> list[tuple[str, int]]:
    """Count what is deleted with these departments."""
    counted = ((label, rows(ids).count()) for label, rows in _going.items())
    return [(label, count) for label, count in counted if count]


def held(holding: Holding, ids: Collection[UUID]) -> QuerySet[Any]:
    rows = holding.rows(ids)
    return rows.exclude(pk__in=ids) if rows.model is Department else rows


def below(organization_id: object, ids: Collection[UUID]) -> set[UUID]:
    """These departments, and all those below them."""
    tree = list(Department.objects.of(organization_id).values_list("pk", "parent_id"))
    reached: set[UUID] = set()
    new = set(ids)
    while new - reached:
        reached |= new
        new = {pk for pk, parent_id in tree if parent_id in reached}
    return reached


def lock_tree(organization_id: Any) -> None:
    """Of two who put two departments below each other at once, let the second one be refused.

    Runs inside the caller's transaction. Read the tree after it.
    """
    Organization.objects.select_for_update(no_key=True).filter(pk=organization_id).first()


def look_for_circles(changes: Iterable[Change[Department]]) -> None:
    """A form has looked before it wrote; here it is certain, from whatever source."""
    moved: dict[UUID, set[UUID]] = {}
    for change in changes:
        before, after = change.before, change.after
        if before is None or after is None or after.parent_id in (None, before.parent_id):
            continue  # nothing is below a new one
        moved.setdefault(after.organization_id, set()).add(after.pk)
    for organization_id in sorted(moved, key=str):
        lock_tree(organization_id)
        above = dict(Department.objects.of(organization_id).values_list("pk", "parent_id"))
        for id_ in moved[organization_id]:
            seen: set[UUID] = set()
            at = above.get(id_)
            while at is not None and at != id_ and at not in seen:
                seen.add(at)
                at = above.get(at)
            if at == id_:
                raise ValidationError({"parent": BELOW_ITSELF})


class NotSaid(Exception):
    """Something is in a department of which it has not been said where it goes, or it is to be
    without a department and cannot be."""


@transaction.atomic
def departments_delete(
    departments: Collection[Department], destinations: Mapping[str, Department | None]
) -> None:
    """Put what they hold elsewhere, each row with an event, and delete them; all or nothing.

    destinations: by the holding's name, None: to no department (or to the top). Raises NotSaid;
    ValidationError where a department would come to be below itself.
    """
    ids = {department.pk for department in departments}
    for organization_id in sorted({department.organization_id for department in departments}):
        lock_tree(organization_id)  # before the rows, as imports have it
    # In the order of their keys. A user who puts something into one of them waits, and is told.
    list(Department.objects.filter(pk__in=ids).order_by("pk").select_for_update())
    for holding, _ in holdings_of(ids):
        if holding.name not in destinations:
            raise NotSaid(holding.label)
        target, rows = destinations[holding.name], held(holding, ids)
        if target is None and holding.without_one(rows):
            raise NotSaid(holding.label)
        rows.update(**{holding.field: target, "updated_at": timezone.now()})
    Department.objects.filter(pk__in=ids).delete()


EMPLOYEES = Holding(
    "employees", "employees", lambda ids: Employee.objects.filter(department__in=ids)
)
DEPARTMENTS = Holding(
    "departments",
    "sub-departments",
    lambda ids: Department.objects.filter(parent__in=ids),
    field="parent",
)
