"""The boxes of KPIs and alerts on the admin's front page."""

from __future__ import annotations

from collections.abc import Sequence

from django.db.models import Case, IntegerField, Value, When
from django.http import HttpRequest
from django.urls import reverse

from bos.adminsite.panels import ONE_MORE, Act, Line, Panel, Tone
from bos.adminsite.phrases import shortened
from bos.adminsite.scope import scope_of
from kpis.models import IN_STATE, Alert, AlertState, Connector, Kpi, Severity

TONES: dict[str, Tone] = {Severity.CRITICAL: "bad", Severity.WARNING: "wait", Severity.INFO: ""}
WORST_FIRST = Case(
    *(When(severity=severity, then=Value(rank)) for rank, severity in enumerate(TONES)),
    output_field=IntegerField(),
)


def first_steps(request: HttpRequest) -> Sequence[Line] | None:
    """Say how the first KPIs come in, where there is none."""
    scope = scope_of(request)
    kpis = Kpi.objects.all() if scope is None else Kpi.objects.of(scope.pk)
    if kpis.exists():
        return None
    file = f"{reverse('admin:bos_import_add')}?kind=kpis"
    connector = reverse("admin:kpis_connector_add")
    account = reverse("admin:bos_serviceaccount_add")
    return [
        Line(text="Import KPIs", address=file, note="from a CSV or XLSX file"),
        Line(text="Add a KPI", address=reverse("admin:kpis_kpi_add"), note="by hand"),
        Line(text="Connect a source", address=connector, note="its values are fetched"),
        Line(text="Connect a system", address=account, note="it sends values with a key"),
    ]


def failing_connectors(request: HttpRequest) -> Sequence[Line] | None:
    """Name those whose last run has failed; without one there is no such box."""
    scope = scope_of(request)
    connectors = Connector.objects.all() if scope is None else Connector.objects.of(scope.pk)
    failing = connectors.filter(is_active=True, failing_since__isnull=False)
    found = list(
        failing.only("name", "problem", "failing_since").order_by("failing_since")[:ONE_MORE]
    )
    lines = [
        Line(
            text=connector.name,
            address=reverse("admin:kpis_connector_change", args=(connector.pk,)),
            note=shortened(connector.problem),
            tone="bad",
            at=connector.failing_since,
        )
        for connector in found
    ]
    return lines or None


def open_alerts(request: HttpRequest) -> Sequence[Line]:
    scope = scope_of(request)
    alerts = Alert.objects.all() if scope is None else Alert.objects.of(scope.pk)
    found = (
        alerts.filter(IN_STATE[AlertState.OPEN], kpi__archived_at=None)
        .select_related("organization")
        .order_by(WORST_FIRST, "-raised_at")[:ONE_MORE]
    )
    return [
        Line(
            text=alert.message,
            address=reverse("admin:kpis_alert_change", args=(alert.pk,)),
            note=_note(alert, with_organization=scope is None),
            tone=TONES.get(alert.severity, ""),
            at=alert.raised_at,
            act=Act(
                label="Acknowledge",
                address=reverse("admin:kpis_alert_handle", args=(alert.pk,)),
                fields={"act": "acknowledge", "back": "front"},
            ),
        )
        for alert in found
    ]


def _note(alert: Alert, *, with_organization: bool) -> str:
    severity = str(alert.get_severity_display())
    return f"{severity}, {alert.organization}" if with_organization else severity


PANELS = (
    Panel(title="First steps", symbol="flag", rows=first_steps, order=5),
    Panel(
        title="Failing connectors",
        symbol="power_off",
        rows=failing_connectors,
        order=15,
        page="admin:kpis_connector_changelist",
    ),
    Panel(
        title="Open alerts",
        symbol="notifications_active",
        rows=open_alerts,
        order=10,
        empty="None is open. Alert rules say when a KPI raises one.",
        page="admin:kpis_alert_changelist",
        query=f"?state={AlertState.OPEN}",
    ),
)
