"""Who may see and change which KPIs and reports."""

from __future__ import annotations

from django.db.models import Q

from bos.models import Role
from bos.permissions import READ_OF_DEPARTMENTS, departments_of, has_role
from kpis.models import Kpi, Visibility
from sync.principal import Principal
from sync.rights import AccessChange, Reads


def visible_to(principal: Principal) -> Q:
    """KPIs of the principal's organization that he may see (decision S4)."""
    return (
        Q(visibility=Visibility.ORGANIZATION)
        | Q(owner_id=principal.user_id)
        | Q(department_id__in=departments_of(principal))
    )


def _its_followers(before: Kpi, after: Kpi | None) -> AccessChange:
    return AccessChange(topics=(f"kpi:{before.pk}",))


READ_OF_KPIS = (
    Reads(
        Kpi,
        frozenset({"organization_id", "department_id", "owner_id", "visibility"}),
        _its_followers,
    ),
    *READ_OF_DEPARTMENTS,
)
"""What decides who may see a KPI, beside the role that the principal has."""


def may_update(principal: Principal, kpi: Kpi) -> bool:
    """Managers and admins of the organization, and the KPI's owner (decision S3)."""
    return has_role(principal, Role.MANAGER) or str(kpi.owner_id) == principal.user_id


def readable_by(principal: Principal) -> Q:
    """Reports: of the organization everybody's, of a department those of who may follow it."""
    return Q(department=None) | Q(department_id__in=departments_of(principal))
