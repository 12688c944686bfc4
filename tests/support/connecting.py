"""Connectors, and the steps that people, the scheduler and a worker take with them."""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from bos.models import Role, User
from bos.sealed import seal
from kpis.connectors import running
from kpis.connectors.addresses import leads_to
from kpis.connectors.source import Source
from kpis.models import Connector, ConnectorKind
from tests.support.cast import Cast
from tests.support.machines import make_machine


def make_connector(
    cast: Cast,
    kind: ConnectorKind,
    address: str,
    *,
    token: str = "",
    role: Role = Role.MANAGER,
    **fields: Any,
) -> Connector:
    """One that is due now, by a service account of its own."""
    account = make_machine(cast.home.organization, role).user.service_account
    usual: dict[str, Any] = {"value_field": "value"}
    if "kpi" not in fields:
        usual["kpi_field"] = "kpi"
    return Connector.objects.create(
        organization=cast.home.organization,
        name="Sales",
        kind=kind,
        account=account,
        sealed_address=seal(address),
        sealed_token=seal(token) if token else "",
        leads_to=leads_to(kind, address),
        next_run_at=timezone.now(),
        **usual | fields,
    )


def source(kind: ConnectorKind, address: str, **fields: Any) -> Source:
    usual = {"organization_id": "", "kpi_field": "kpi", "value_field": "value"}
    return Source(kind=kind, address=address, **usual | fields)


def run_once(connector: Connector, user: User) -> Connector:
    """Have it run now, as a worker does it; the row as it is then."""
    assert running.run_now(connector, user)
    connector.refresh_from_db()
    running.run(str(connector.pk), str(connector.run_id))
    connector.refresh_from_db()
    return connector
