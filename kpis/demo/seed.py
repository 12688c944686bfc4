"""Two demo organizations with real history; see SOURCES.md for where it is from."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from django.contrib.auth.hashers import make_password
from django.db import transaction

from bos.models import Department, Employee, Organization, Role, User
from kpis.demo.series import Series, bikes, flights
from kpis.models import Kpi, KpiValue
from sync.protocol.identity import SYSTEM, acting

PASSWORD = "bos-demo-2026"

# Department, and the one above it.
HARBOR: dict[str, str | None] = {
    "Operations": None,
    "Newark": "Operations",
    "Kennedy": "Operations",
    "LaGuardia": "Operations",
}
CAPITAL: dict[str, str | None] = {"Operations": None, "Marketing": None}

# Local part of the email, role, department.
HARBOR_USERS = (
    ("viewer", Role.VIEWER, "Kennedy"),
    ("member", Role.MEMBER, "Newark"),
    ("member2", Role.MEMBER, "LaGuardia"),
    ("manager", Role.MANAGER, "Operations"),
    ("admin", Role.ADMIN, "Operations"),
)
CAPITAL_USERS = (
    ("viewer", Role.VIEWER, "Marketing"),
    ("member", Role.MEMBER, "Operations"),
    ("manager", Role.MANAGER, "Operations"),
    ("admin", Role.ADMIN, "Operations"),
)


def seed(today: date) -> list[dict[str, Any]]:
    """Make what is missing of the demo organizations; return their ids and accounts.

    Ids are derived from names, so that a second run finds what the first has made. Passwords are
    set anew each time.
    """
    password = make_password(PASSWORD)  # once: hashing is slow on purpose
    with transaction.atomic(), acting(SYSTEM):
        return [
            _organization(
                "Harbor Airports", "harbor", HARBOR, HARBOR_USERS, flights(today), password
            ),
            _organization(
                "Capital Rides", "capital", CAPITAL, CAPITAL_USERS, bikes(today), password
            ),
        ]


def _id(*names: str) -> UUID:
    return uuid5(NAMESPACE_URL, "/".join(("bos-demo", *names)))


def _organization(
    name: str,
    domain: str,
    tree: dict[str, str | None],
    users: Iterable[tuple[str, Role, str]],
    series: list[Series],
    password: str,
) -> dict[str, Any]:
    organization, _ = Organization.objects.get_or_create(pk=_id(domain), defaults={"name": name})
    departments = _departments(organization, domain, tree)
    people = [
        _user(organization, domain, local, role, departments[department], password)
        for local, role, department in users
    ]
    owner = next(user for user in people if user.role == Role.MEMBER)
    kpis = [
        _kpi(organization, domain, one, departments[one.department], owner if n == 0 else None)
        for n, one in enumerate(series)
    ]
    return {
        "id": str(organization.pk),
        "name": organization.name,
        "departments": [{"id": str(d.pk), "name": d.name} for d in departments.values()],
        "users": [_user_json(user) for user in people],
        "kpis": [_kpi_json(kpi) for kpi in kpis],
    }


def _departments(
    organization: Organization, domain: str, tree: dict[str, str | None]
) -> dict[str, Department]:
    departments: dict[str, Department] = {}
    for name, above in tree.items():
        departments[name], _ = Department.objects.get_or_create(
            pk=_id(domain, "department", name),
            defaults={
                "organization": organization,
                "name": name,
                "parent": departments[above] if above else None,
            },
        )
    return departments


def _user(
    organization: Organization,
    domain: str,
    local: str,
    role: Role,
    department: Department,
    password: str,
) -> User:
    name = f"Demo {local}"
    user: User
    user, created = User.objects.get_or_create(
        email=f"{local}@{domain}.example",
        organization=organization,
        defaults={
            "id": _id(domain, "user", local),
            "name": name,
            "role": role,
            "password": password,
        },
    )
    if not created and not user.check_password(PASSWORD):
        user.password = password
        user.save(update_fields=["password"])
    Employee.objects.get_or_create(
        user=user,
        defaults={
            "id": _id(domain, "employee", local),
            "organization": organization,
            "department": department,
            "name": name,
            "title": role.label.split(":")[0],
            "email": user.email,
        },
    )
    return user


def _kpi(
    organization: Organization,
    domain: str,
    series: Series,
    department: Department,
    owner: User | None,
) -> Kpi:
    pk = _id(domain, "kpi", series.key)
    existing: Kpi | None = Kpi.everything.filter(pk=pk).first()  # or somebody has archived it
    if existing is not None:
        return existing
    *earlier, (last_day, last_value) = series.values
    kpi = Kpi(
        pk=pk,
        organization=organization,
        department=department,
        owner=owner,
        name=series.name,
        unit=series.unit,
        value=last_value,
        target=series.target,
        direction=series.direction,
        visibility=series.visibility,
    )
    kpi.value_at = _midnight(last_day)
    kpi.save(force_insert=True)
    KpiValue.objects.bulk_create(_values(kpi, earlier), batch_size=500)
    return kpi


def _values(kpi: Kpi, values: Iterable[tuple[date, Decimal]]) -> list[KpiValue]:
    return [
        KpiValue(kpi=kpi, value=value, at=_midnight(day), actor_id=SYSTEM.user_id)
        for day, value in values
    ]


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _user_json(user: User) -> dict[str, Any]:
    employee = Employee.objects.get(user=user)
    return {
        "id": str(user.pk),
        "email": user.email,
        "password": PASSWORD,
        "name": user.name,
        "role": str(user.role),
        "departmentId": str(employee.department_id) if employee.department_id else None,
    }


def _kpi_json(kpi: Kpi) -> dict[str, Any]:
    return {
        "id": str(kpi.pk),
        "name": kpi.name,
        "departmentId": str(kpi.department_id) if kpi.department_id else None,
        "visibility": str(kpi.visibility),
        "ownerId": str(kpi.owner_id) if kpi.owner_id else None,
    }
