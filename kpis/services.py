"""What can be done with KPIs."""

from __future__ import annotations

from decimal import Decimal

from django.utils import timezone

from bos.models import Role
from bos.permissions import has_role, uuids
from kpis.models import Kpi
from sync.errors import Unauthorized
from sync.principal import Principal
from sync.rows import lock_row, update_row


def may_update(principal: Principal, kpi: Kpi) -> bool:
    """Managers and admins of the organization, and the KPI's owner (decision S3)."""
    return has_role(principal, Role.MANAGER) or str(kpi.owner_id) == principal.user_id


def kpi_set_value(kpi_id: str, *, value: Decimal, principal: Principal) -> Kpi:
    """Set a KPI's value and tell everyone who watches it.

    value: in the KPI's own unit, at most 15 significant digits, 4 decimals; kept exactly.
    Raises Unauthorized where the principal may not update it; a missing KPI answers the same.
    Runs inside the caller's transaction. Source: protocol document, 'Message Format'; B1, E6.
    """
    known = uuids([kpi_id])
    kpi = lock_row(Kpi, known[0], organization_id=principal.organization_id) if known else None
    if kpi is None or not may_update(principal, kpi):
        raise Unauthorized(kpiId=kpi_id)
    kpi.value = value
    kpi.updated_at = timezone.now()
    update_row(kpi, "value", "updated_at")
    return kpi
