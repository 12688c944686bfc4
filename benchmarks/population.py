"""People and KPIs in numbers: what rooms, joins and snapshots need besides the demo data.

Runs inside Django, from `manage.py shell`.
"""

from typing import Any

PEOPLE = 2000
"""Managers of the demo organization: a participant is a user, not a connection"""
KPIS = 10_000
OWNERS = 100
SLICE = 1000


def populate(organization_id: str) -> dict[str, Any]:
    """Create people in this organization, and another one with many KPIs; sign everybody else in.

    {"people": [access tokens], "large": {"id", "tokens"}, "signed_in": {email: access token}}
    """
    from bos.auth.tokens import signed_in
    from bos.models import Organization, User
    from sync.protocol.identity import SYSTEM, acting

    with acting(SYSTEM):
        demo = {user.email: str(signed_in(user, address="")[1]) for user in User.objects.all()}
        people = _users(Organization.objects.get(pk=organization_id), "person", PEOPLE)
        large = Organization.objects.create(name="Large")
        owners = _users(large, "owner", OWNERS)
        _add_kpis(large, owners)
    return {
        "people": _tokens(people),
        "large": {"id": str(large.pk), "tokens": _tokens(owners)},
        "signed_in": demo,
    }


def _users(organization: Any, name: str, count: int) -> list[Any]:
    from bos.models import User

    made = [
        User(
            email=f"{name}{n}@bench.example",
            name=f"{name.title()} {n}",
            role="manager",
            organization=organization,
            password="!",
        )
        for n in range(count)
    ]
    return list(User.objects.bulk_create(made))


def _add_kpis(organization: Any, owners: list[Any]) -> None:
    from kpis.models import Kpi

    for start in range(0, KPIS, SLICE):
        Kpi.objects.bulk_create(
            Kpi(
                organization=organization,
                name=f"KPI {n}",
                unit="u",
                value=n,
                target=KPIS,
                owner=owners[n % len(owners)],
            )
            for n in range(start, start + SLICE)
        )


def _tokens(users: list[Any]) -> list[str]:
    from bos.auth.tokens import tokens_for

    return [str(tokens_for(user)[1]) for user in users]
