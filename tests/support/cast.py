"""Two organizations and who is in them."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.contrib.auth.hashers import make_password
from django.db import transaction
from django.db.models import Model

from bos.auth.tokens import tokens_for
from bos.models import Department, Employee, Organization, Role, User
from kpis.models import Kpi, Visibility

PASSWORD = "correct horse battery"


@lru_cache(maxsize=1)
def password_hash() -> str:
    return make_password(PASSWORD)


@dataclass(slots=True)
class Person:
    """A user with a token for the wire."""

    user: User

    @property
    def id(self) -> str:
        return str(self.user.pk)

    @property
    def email(self) -> str:
        return self.user.email

    @property
    def token(self) -> str:
        return str(tokens_for(self.user)[1])

    @property
    def refresh_token(self) -> str:
        return str(tokens_for(self.user)[0])


@dataclass(slots=True)
class Tenant:
    organization: Organization
    sales: Department
    support: Department
    """A department below sales."""
    revenue: Kpi
    """Visible to the organization; of sales."""
    margin: Kpi
    """Visible to sales only; owned by nobody."""

    @property
    def id(self) -> str:
        return str(self.organization.pk)

    @property
    def topic(self) -> str:
        return f"organization:{self.id}"


@dataclass(slots=True)
class Cast:
    """alice: admin. mia: manager. bob: member of sales. vera: viewer in support.
    charlie: admin of another organization."""

    home: Tenant
    other: Tenant
    alice: Person
    mia: Person
    bob: Person
    vera: Person
    charlie: Person


def make_person(
    organization: Organization, name: str, role: Role, department: Department | None
) -> Person:
    person, employee = _person(organization, name, role, department)
    _insert(person.user, employee)
    return person


def make_tenant(name: str) -> Tenant:
    tenant = _tenant(name)
    _insert(*_rows(tenant))
    return tenant


def make_cast() -> Cast:
    return make_casts(1)[0]


def make_casts(count: int) -> list[Cast]:
    """Make so many at once: of a dozen, each costs half of what one by itself does."""
    made = [_cast() for _ in range(count)]
    _insert(*(row for _, rows in made for row in rows))
    return [cast for cast, _ in made]


def _cast() -> tuple[Cast, list[Model]]:
    """Return a cast and its rows, which are to be inserted."""
    home, other = _tenant("Home"), _tenant("Other")
    people = {
        "alice": _person(home.organization, "alice", Role.ADMIN, None),
        "mia": _person(home.organization, "mia", Role.MANAGER, None),
        "bob": _person(home.organization, "bob", Role.MEMBER, home.sales),
        "vera": _person(home.organization, "vera", Role.VIEWER, home.support),
        "charlie": _person(other.organization, "charlie", Role.ADMIN, None),
    }
    cast = Cast(home, other, **{name: person for name, (person, _) in people.items()})
    of_people = [row for person, employee in people.values() for row in (person.user, employee)]
    return cast, [*_rows(home), *_rows(other), *of_people]


def _tenant(name: str) -> Tenant:
    organization = Organization(name=name)
    sales = Department(organization=organization, name="Sales")
    support = Department(organization=organization, name="Support", parent=sales)
    revenue = Kpi(
        organization=organization,
        department=sales,
        name="Revenue",
        unit="EUR",
        value=100,
        target=120,
    )
    margin = Kpi(
        organization=organization,
        department=sales,
        name="Margin",
        unit="%",
        value=7,
        visibility=Visibility.DEPARTMENT,
    )
    return Tenant(organization, sales, support, revenue, margin)


def _rows(tenant: Tenant) -> list[Model]:
    return [tenant.organization, tenant.sales, tenant.support, tenant.revenue, tenant.margin]


def _person(
    organization: Organization, name: str, role: Role, department: Department | None
) -> tuple[Person, Employee]:
    user = User(
        email=f"{name}-{uuid.uuid4().hex[:10]}@test.example",
        name=name.title(),
        organization=organization,
        role=role,
        password=password_hash(),
    )
    employee = Employee(
        organization=organization, department=department, user=user, name=name.title()
    )
    return Person(user), employee


@transaction.atomic
def _insert(*rows: Model) -> None:
    """Those of a model at once: a test has its own cast, and there are thousands of tests."""
    models: tuple[Any, ...] = (Organization, Department, Kpi, User, Employee)
    for model in models:
        model.objects.bulk_create([row for row in rows if isinstance(row, model)])
