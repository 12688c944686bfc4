"""How each right can be lost: by which row, which field of it, and through which door (s3)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.urls import reverse
from django.utils import timezone

from bos.models import Department, Employee, User
from collaboration.models import Invitation, Participant, Session
from kpis.models import Kpi, Visibility
from tests.support import doors
from tests.support.cast import Cast, Person


@dataclass(slots=True)
class Right:
    """Somebody may follow a topic because of a row; with these values of it no longer."""

    person: Person
    topic: str
    row: Any
    values: dict[str, Any]
    closes: bool = False
    """All is lost: the connection is closed."""


@dataclass(frozen=True, slots=True)
class Case:
    """field: attname, or 'deleted'. More than one right may hang on the same field."""

    kind: str
    model: type[Any]
    field: str
    arrange: Callable[[Cast], Right]

    def __str__(self) -> str:
        return f"{self.kind}-{self.model.__name__}-{self.field}-{self.arrange.__name__}"


def _case(kind: str, model: type[Any], field: str) -> Callable[[Any], Any]:
    def add(arrange: Any) -> Any:
        CASES.append(Case(kind, model, field, arrange))
        return arrange

    return add


CASES: list[Case] = []
DELETED = "deleted"


def _employee(cast: Cast) -> Employee:
    return Employee.objects.get(user=cast.bob.user)


# ------------------------------------------------------------------ departments, and their KPIs


@_case("department", Employee, "department_id")
def moved_down(cast: Cast) -> Right:
    return Right(cast.bob, _sales(cast), _employee(cast), {"department": cast.home.support})


@_case("department", Employee, "user_id")
def somebody_else(cast: Cast) -> Right:
    return Right(cast.bob, _sales(cast), _employee(cast), {"user": None})


@_case("department", Employee, "organization_id")
def works_elsewhere(cast: Cast) -> Right:
    values = {"organization": cast.other.organization}
    return Right(cast.bob, _sales(cast), _employee(cast), values)


@_case("department", Employee, DELETED)
def works_no_more(cast: Cast) -> Right:
    return Right(cast.bob, _sales(cast), _employee(cast), {})


@_case("department", Department, "parent_id")
def put_elsewhere(cast: Cast) -> Right:
    topic = f"department:{cast.home.support.pk}"
    return Right(cast.bob, topic, cast.home.support, {"parent": None})


@_case("department", Department, "organization_id")
def sold(cast: Cast) -> Right:
    return Right(cast.bob, _sales(cast), cast.home.sales, _to(cast))


@_case("department", Department, "organization_id")
def sold_with_what_is_above(cast: Cast) -> Right:
    """Rows below stay, but are reached from it no more."""
    return Right(cast.bob, f"department:{cast.home.support.pk}", cast.home.sales, _to(cast))


@_case("department", Department, DELETED)
def dissolved(cast: Cast) -> Right:
    return Right(cast.bob, f"department:{cast.home.support.pk}", cast.home.support, {})


@_case("kpi", Employee, "department_id")
def sent_away(cast: Cast) -> Right:
    return Right(cast.bob, _margin(cast), _employee(cast), {"department": None})


@_case("kpi", Employee, "user_id")
def not_the_employee(cast: Cast) -> Right:
    return Right(cast.bob, _margin(cast), _employee(cast), {"user": None})


@_case("kpi", Employee, "organization_id")
def employed_elsewhere(cast: Cast) -> Right:
    return Right(cast.bob, _margin(cast), _employee(cast), _to(cast))


@_case("kpi", Employee, DELETED)
def no_employee(cast: Cast) -> Right:
    return Right(cast.bob, _margin(cast), _employee(cast), {})


@_case("kpi", Department, "parent_id")
def out_of_reach(cast: Cast) -> Right:
    return Right(cast.bob, _hidden(cast), cast.home.support, {"parent": None})


@_case("kpi", Department, "organization_id")
def out_of_house(cast: Cast) -> Right:
    return Right(cast.bob, _margin(cast), cast.home.sales, _to(cast))


@_case("kpi", Department, DELETED)
def without_department(cast: Cast) -> Right:
    return Right(cast.bob, _hidden(cast), cast.home.support, {})


@_case("kpi", Kpi, "visibility")
def restricted(cast: Cast) -> Right:
    topic = f"kpi:{cast.home.revenue.pk}"
    return Right(cast.vera, topic, cast.home.revenue, {"visibility": Visibility.DEPARTMENT})


@_case("kpi", Kpi, "department_id")
def given_to_another_department(cast: Cast) -> Right:
    other = Department.objects.create(organization=cast.home.organization, name="Another")
    return Right(cast.bob, _margin(cast), cast.home.margin, {"department": other})


@_case("kpi", Kpi, "owner_id")
def of_another_owner(cast: Cast) -> Right:
    Kpi.objects.filter(pk=cast.home.margin.pk).update(owner=cast.vera.user)
    cast.home.margin.refresh_from_db()
    return Right(cast.vera, _margin(cast), cast.home.margin, {"owner": cast.alice.user})


@_case("kpi", Kpi, "archived_at")
def archived(cast: Cast) -> Right:
    values = {"archived_at": timezone.now()}
    return Right(cast.vera, f"kpi:{cast.home.revenue.pk}", cast.home.revenue, values)


@_case("kpi", Kpi, "organization_id")
def of_another_organization(cast: Cast) -> Right:
    return Right(cast.vera, f"kpi:{cast.home.revenue.pk}", cast.home.revenue, _to(cast))


@_case("kpi", Kpi, DELETED)
def no_kpi(cast: Cast) -> Right:
    return Right(cast.vera, f"kpi:{cast.home.revenue.pk}", cast.home.revenue, {})


def _sales(cast: Cast) -> str:
    return f"department:{cast.home.sales.pk}"


def _margin(cast: Cast) -> str:
    return f"kpi:{cast.home.margin.pk}"


def _hidden(cast: Cast) -> str:
    """A KPI that only those may see who are in support, or above."""
    hidden = Kpi.objects.create(
        organization=cast.home.organization,
        department=cast.home.support,
        name="Hidden",
        visibility=Visibility.DEPARTMENT,
    )
    return f"kpi:{hidden.pk}"


def _to(cast: Cast) -> dict[str, Any]:
    return {"organization": cast.other.organization}


# ------------------------------------------------------------------ sessions


@_case("session", Session, "host_id")
def another_hosts(cast: Cast) -> Right:
    """The host has never taken part."""
    session = _session(cast, host=cast.bob)
    return Right(cast.bob, f"session:{session.pk}", session, {"host": cast.mia.user})


@_case("session", Session, "organization_id")
def held_elsewhere(cast: Cast) -> Right:
    session = _session(cast, host=cast.bob)
    return Right(cast.bob, f"session:{session.pk}", session, _to(cast))


@_case("session", Session, DELETED)
def no_session(cast: Cast) -> Right:
    session = _session(cast, host=cast.bob)
    return Right(cast.bob, f"session:{session.pk}", session, {})


@_case("session", Participant, "session_id")
def takes_part_in_another(cast: Cast) -> Right:
    values = {"session": _session(cast, host=cast.alice)}
    return _of_session(cast, _participant(cast), values)


@_case("session", Participant, "user_id")
def another_takes_part(cast: Cast) -> Right:
    return _of_session(cast, _participant(cast), {"user": cast.alice.user})


@_case("session", Participant, DELETED)
def takes_no_part(cast: Cast) -> Right:
    return _of_session(cast, _participant(cast), {})


@_case("session", Participant, DELETED)
def took_part(cast: Cast) -> Right:
    """That somebody who has left is deleted is no event."""
    return _of_session(cast, _participant(cast, left_at=timezone.now()), {})


@_case("session", Invitation, "session_id")
def invited_to_another(cast: Cast) -> Right:
    return _of_session(cast, _invitation(cast), {"session": _session(cast, host=cast.alice)})


@_case("session", Invitation, "user_id")
def another_is_invited(cast: Cast) -> Right:
    return _of_session(cast, _invitation(cast), {"user": cast.alice.user})


@_case("session", Invitation, DELETED)
def disinvited(cast: Cast) -> Right:
    return _of_session(cast, _invitation(cast), {})


def _session(cast: Cast, *, host: Person) -> Session:
    return Session.objects.create(
        organization=cast.home.organization, host=host.user, title="T", invitation_only=True
    )


def _participant(cast: Cast, **values: Any) -> Participant:
    now = timezone.now()
    session = _session(cast, host=cast.mia)
    return Participant.objects.create(
        session=session, user=cast.bob.user, joined_at=now, state_since=now, **values
    )


def _invitation(cast: Cast) -> Invitation:
    return Invitation.objects.create(session=_session(cast, host=cast.mia), user=cast.bob.user)


def _of_session(cast: Cast, row: Any, values: dict[str, Any]) -> Right:
    return Right(cast.bob, f"session:{row.session_id}", row, values)


# ------------------------------------------------------------------ all at once


@_case("user", User, "role")
def of_another_role(cast: Cast) -> Right:
    return _of_user(cast, role="viewer")


@_case("user", User, "is_active")
def deactivated(cast: Cast) -> Right:
    return _of_user(cast, is_active=False)


@_case("user", User, "organization_id")
def moved_to_another_organization(cast: Cast) -> Right:
    return _of_user(cast, organization=cast.other.organization)


@_case("user", User, "organization_id")
def of_no_organization(cast: Cast) -> Right:
    return _of_user(cast, organization=None)


@_case("user", User, "token_version")
def tokens_ended(cast: Cast) -> Right:
    return _of_user(cast, token_version=cast.bob.user.token_version + 1)


@_case("user", User, DELETED)
def no_user(cast: Cast) -> Right:
    return _of_user(cast)


def _of_user(cast: Cast, **values: Any) -> Right:
    return Right(cast.bob, f"user:{cast.bob.id}", cast.bob.user, values, closes=True)


# ------------------------------------------------------------------ doors

Door = Callable[[Cast, Right], None]


def _changed(right: Right) -> Any:
    row = type(right.row).objects.get(pk=right.row.pk)
    for name, value in right.values.items():
        setattr(row, name, value)
    return row


def _rows(right: Right) -> Any:
    return type(right.row).objects.filter(pk=right.row.pk)


def saved(cast: Cast, right: Right) -> None:
    _changed(right).save()


def saved_in_part(cast: Cast, right: Right) -> None:
    _changed(right).save(update_fields=list(right.values))


def saved_unread(cast: Cast, right: Right) -> None:
    """A row made by hand, of which only these fields are known."""
    type(right.row)(pk=right.row.pk, **right.values).save(update_fields=list(right.values))


def updated(cast: Cast, right: Right) -> None:
    _rows(right).update(**right.values)


def bulk_updated(cast: Cast, right: Right) -> None:
    type(right.row).objects.bulk_update([_changed(right)], list(right.values))


def edited_in_the_admin(cast: Cast, right: Right) -> None:
    values = {name: getattr(value, "pk", value) for name, value in right.values.items()}
    posted = {name: "" if value is None else value for name, value in values.items()}
    doors.admin_change(doors.browser(cast.alice), right.row, **posted)


def deleted(cast: Cast, right: Right) -> None:
    match type(right.row).objects.get(pk=right.row.pk):
        case Kpi() as kpi:
            doors.erase(kpi)
        case Department() as department:
            doors.dissolve(department, to=_elsewhere(cast))
        case row:
            row.delete()


def deleted_as_a_queryset(cast: Cast, right: Right) -> None:
    match right.row:
        case Kpi():
            rows = Kpi.everything.filter(pk=right.row.pk)
            rows.update(archived_at=timezone.now())
            rows.delete()
        case Department():
            right.row.employees.update(department=None)
            _rows(right).delete()
        case _:
            _rows(right).delete()


def deleted_in_the_admin(cast: Cast, right: Right) -> None:
    meta = right.row._meta
    address = reverse(f"admin:{meta.app_label}_{meta.model_name}_delete", args=[right.row.pk])
    answer = doors.browser(cast.alice).post(address, _answers(cast, right))
    assert answer.status_code == 302, answer.content[:2000]


def deleted_by_an_admin_action(cast: Cast, right: Right) -> None:
    answers = _answers(cast, right)
    doors.admin_action(doors.browser(cast.alice), "delete_selected", [right.row], **answers)


def archived_in_the_admin(cast: Cast, right: Right) -> None:
    address = reverse("admin:kpis_kpi_archive", args=[right.row.pk])
    assert doors.browser(cast.alice).post(address).status_code == 302


def _elsewhere(cast: Cast) -> Department:
    made: Department = Department.objects.create(
        organization=cast.home.organization, name="Elsewhere"
    )
    return made


def _answers(cast: Cast, right: Right) -> dict[str, str]:
    """Return answers to what the page about the deletion asks."""
    answers = {"post": "yes", "act": "delete"}
    if isinstance(right.row, Department):
        elsewhere = str(_elsewhere(cast).pk)
        answers |= dict.fromkeys(("kpis", "employees", "departments"), elsewhere)
    return answers


def deleted_along(cast: Cast, right: Right) -> None:
    """With what it belongs to: a session, the organization."""
    (owner_of(right.row) or cast.home.organization).delete()


def owner_of(row: Any) -> Any:
    """None for what belongs to the organization alone."""
    return getattr(row, "session", None)


FIELD_DOORS: tuple[Door, ...] = (saved, saved_in_part, saved_unread, updated, bulk_updated)
DELETION_DOORS: tuple[Door, ...] = (deleted, deleted_as_a_queryset, deleted_along)
# What an organization's admin may edit, and delete, on the pages of the admin.
EDITED = {
    Employee: {"department_id", "user_id"},
    Department: {"parent_id"},
    Kpi: {"visibility", "department_id", "owner_id"},
    User: {"role", "is_active"},
}
DELETED_THERE = {Employee, Department, User, Invitation}


def doors_of(case: Case) -> list[Door]:
    """All of them for the first case of a model; for what else hangs on it, one is enough."""
    is_deletion = case.field == DELETED
    alike = [c for c in CASES if c.model is case.model and (c.field == DELETED) == is_deletion]
    every = DELETION_DOORS if is_deletion else FIELD_DOORS
    found: list[Door] = list(every) if case is alike[0] else [deleted if is_deletion else updated]
    if not is_deletion and case.field in EDITED.get(case.model, ()):
        found.append(edited_in_the_admin)
    if case.field == "archived_at":
        found.append(archived_in_the_admin)
    if is_deletion and case.model in DELETED_THERE and case is alike[0]:
        found += [deleted_in_the_admin, deleted_by_an_admin_action]
    return found
