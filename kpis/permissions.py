"""Which KPIs and reports a user may see and change."""

from __future__ import annotations

from django.db.models import Q

from bos.models import Role, User
from bos.permissions import READ_OF_DEPARTMENTS, departments_of, has_role, principal_of
from kpis.models import Kpi, Visibility
from sync.protocol.identity import Principal
from sync.protocol.rights import AccessChange, Reads


def visible_to(principal: Principal) -> Q:
    """KPIs of the principal's organization that they may see (decision S4)."""
    return (
        Q(visibility=Visibility.ORGANIZATION)
        | Q(owner_id=principal.user_id)
        | Q(department_id__in=departments_of(principal))
    )


def about_visible(principal: Principal) -> Q:
    """Alerts and insights, of KPIs that the principal may see."""
    visible = Kpi.objects.of(principal.organization_id).filter(visible_to(principal))
    return Q(kpi__in=visible.order_by().values("pk"))


def _its_followers(before: Kpi, after: Kpi | None) -> AccessChange:
    return AccessChange(topics=(f"kpi:{before.pk}",))


READ_OF_KPIS = (
    Reads(
        Kpi,
        frozenset({"organization_id", "department_id", "owner_id", "visibility", "archived_at"}),
        _its_followers,
    ),
    *READ_OF_DEPARTMENTS,
)
"""Read to decide which users may see a KPI, beside the role that the principal has."""


def may_see(user: User, kpi: Kpi) -> bool:
    """Whether the user may see it now: for what is done in the background."""
    if not user.is_active or user.organization_id != kpi.organization_id:
        return False
    seen = Kpi.objects.of(kpi.organization_id).filter(visible_to(principal_of(user)), pk=kpi.pk)
    return bool(seen.exists())


def may_have_reported(principal: Principal, department_id: str | None) -> bool:
    """Managers and admins: of their organization, or of a department of it."""
    if not has_role(principal, Role.MANAGER):
        return False
    return department_id is None or department_id in departments_of(principal)


def may_update(principal: Principal, kpi: Kpi) -> bool:
    """Managers and admins of the organization, and the KPI's owner (decision S3)."""
    return has_role(principal, Role.MANAGER) or str(kpi.owner_id) == principal.user_id


def readable_by(principal: Principal) -> Q:
    """Reports: of the organization everybody's, of a department those of who may follow it."""
    return Q(department=None) | Q(department_id__in=departments_of(principal))
