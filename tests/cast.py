"""Two organizations and who is in them."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from functools import lru_cache

from django.contrib.auth.hashers import make_password
from django.db import transaction

from bos.models import Department, Employee, Organization, Role, User
from bos.tokens import tokens_for
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


@transaction.atomic
def make_person(
    organization: Organization, name: str, role: Role, department: Department | None
) -> Person:
    user = User.objects.create(
        email=f"{name}-{uuid.uuid4().hex[:10]}@test.example",
        name=name.title(),
        organization=organization,
        role=role,
        password=password_hash(),
    )
    Employee.objects.create(
        organization=organization, department=department, user=user, name=name.title()
    )
    return Person(user)


@transaction.atomic
def make_tenant(name: str) -> Tenant:
    organization = Organization.objects.create(name=name)
    sales = Department.objects.create(organization=organization, name="Sales")
    support = Department.objects.create(organization=organization, name="Support", parent=sales)
    revenue = Kpi.objects.create(
        organization=organization,
        department=sales,
        name="Revenue",
        unit="EUR",
        value=100,
        target=120,
    )
    margin = Kpi.objects.create(
        organization=organization,
        department=sales,
        name="Margin",
        unit="%",
        value=7,
        visibility=Visibility.DEPARTMENT,
    )
    return Tenant(organization, sales, support, revenue, margin)


@transaction.atomic
def make_cast() -> Cast:
    home, other = make_tenant("Home"), make_tenant("Other")
    return Cast(
        home=home,
        other=other,
        alice=make_person(home.organization, "alice", Role.ADMIN, None),
        mia=make_person(home.organization, "mia", Role.MANAGER, None),
        bob=make_person(home.organization, "bob", Role.MEMBER, home.sales),
        vera=make_person(home.organization, "vera", Role.VIEWER, home.support),
        charlie=make_person(other.organization, "charlie", Role.ADMIN, None),
    )
