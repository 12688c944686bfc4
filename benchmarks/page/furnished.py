"""An organization of the size that the page is made for; runs inside Django (`manage.py shell`)."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import Any

KPIS, DEPARTMENTS, PEOPLE, DAYS = 1_000, 64, 21, 90
PASSWORD = "page-of-many-kpis-2026"


def furnish() -> dict[str, Any]:
    """Create it; {"looker": email, "people": [access tokens], "kpis": [ids]}."""
    from bos.auth.tokens import tokens_for
    from bos.models import Department, Organization
    from sync.protocol.identity import SYSTEM, acting

    with acting(SYSTEM):
        organization = Organization.objects.create(name="Large")
        people = [_person(organization, n) for n in range(PEOPLE)]
        top = [
            Department.objects.create(organization=organization, name=f"Division {n}")
            for n in range(8)
        ]
        departments = top + [
            Department.objects.create(
                organization=organization, name=f"Department {n}", parent=top[n % 8]
            )
            for n in range(DEPARTMENTS - len(top))
        ]
        kpis = _kpis(organization, departments, people)
        _values(kpis, people[0])
    return {
        "looker": people[0].email,
        "people": [str(tokens_for(user)[1]) for user in people[1:]],
        "kpis": [str(kpi.pk) for kpi in kpis],
    }


def _person(organization: Any, number: int) -> Any:
    from bos.models import User

    return User.objects.create_user(
        email=f"person{number}@bench.example",
        password=PASSWORD,
        name=f"Person {number}",
        role="manager",
        organization=organization,
    )


def _kpis(organization: Any, departments: list[Any], people: list[Any]) -> list[Any]:
    from kpis.models import Kpi

    return list(
        Kpi.objects.bulk_create(
            Kpi(
                organization=organization,
                name=f"KPI {n}",
                unit="EUR",
                value=n,
                target=KPIS / 2,
                department=departments[n % DEPARTMENTS],
                owner=people[n % PEOPLE],
            )
            for n in range(KPIS)
        )
    )


def _values(kpis: list[Any], actor: Any) -> None:
    from django.utils import timezone

    from kpis.models import KpiValue

    now = timezone.now()
    KpiValue.objects.bulk_create(
        (
            KpiValue(
                kpi=kpi,
                value=round(n + 10 * math.sin(n + day / 7), 2),
                at=now - timedelta(days=DAYS - day),
                actor_id=str(actor.pk),
            )
            for n, kpi in enumerate(kpis)
            for day in range(DAYS)
        ),
        batch_size=5_000,
    )
