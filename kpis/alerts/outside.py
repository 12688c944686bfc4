"""Alerts leave the socket: to people by their notifications, to channels when they are raised and
resolved (decision B7)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import ClassVar
from uuid import UUID

from bos.ids import canonical_uuids
from bos.models import Choice, Notification, User
from bos.outside.sources import Category, Letter, Source, Told, Withheld
from kpis.alerts.judging import time_text
from kpis.alerts.telling import CATEGORY
from kpis.models import Alert, AlertState, Kpi, Visibility
from kpis.permissions import may_see
from sync.eventlog.log import LoggedEvent

RAISED, RESOLVED = "raised", "resolved"
TOPIC = "alerts"


class AlertSource(Source):
    entity_type: ClassVar[str] = "alert"

    def told(self, organization_id: str, events: Sequence[LoggedEvent]) -> Iterable[Told]:
        """Yield alerts that are open and not snoozed, and those that are resolved.

        A channel is told once of each, however often an alert changes meanwhile; and of the end of
        those only of whose beginning it was told.
        """
        for event in events:
            if event.live_type != "ALERT":
                continue
            alert = json.loads(event.live)
            moment = _moment(alert["state"], is_snoozed=alert["snoozedUntil"] is not None)
            if moment is not None:
                yield Told(
                    entity_id=event.entity_id,
                    moment=moment,
                    topic=TOPIC,
                    severity=alert["severity"],
                    restricted=event.topic("organization") is None,
                    after=RAISED if moment == RESOLVED else "",
                )

    def letter(
        self, organization_id: UUID, entity_id: str, moment: str, user: User | None
    ) -> Letter:
        alerts = Alert.objects.of(organization_id).filter(pk__in=canonical_uuids([entity_id]))
        alert = alerts.select_related("kpi").first()
        if alert is None or alert.kpi.archived_at is not None:
            raise Withheld("Its KPI is not there any more.")
        is_over = moment == RESOLVED
        text = f"Severity: {alert.get_severity_display()}. Raised {time_text(alert.raised_at)} UTC."
        if is_over and alert.resolved_at is not None:
            text = f"{text} Resolved {time_text(alert.resolved_at)} UTC."
        return Letter(
            title=f"Resolved: {alert.message}" if is_over else alert.message,
            text=text,
            severity=alert.severity,
            is_good=is_over,
            restricted=alert.kpi.visibility == Visibility.DEPARTMENT,
        )


def _moment(state: str, *, is_snoozed: bool) -> str | None:
    """Return what a channel is told; None for what is no news there."""
    if state == AlertState.RESOLVED:
        return RESOLVED
    return RAISED if state == AlertState.OPEN and not is_snoozed else None


def _require_sight(notification: Notification) -> None:
    """Raises Withheld where its user may not see the KPI any more, or nobody may."""
    ids = canonical_uuids([str(notification.data.get("kpiId", ""))])
    kpi = Kpi.objects.of(notification.organization_id).filter(pk__in=ids).first()
    if kpi is None:
        raise Withheld("Its KPI is not there any more.")
    if not may_see(notification.user, kpi):
        raise Withheld("The person may not see the KPI any more.")


REASON = "a rule names you, or you own the KPI"
CATEGORIES = [
    Category(
        name="critical_alert",
        title="Critical alerts",
        reason=REASON,
        email=Choice.AT_ONCE,
        notifications=frozenset({CATEGORY}),
        severities=frozenset({"critical"}),
        require=_require_sight,
    ),
    Category(
        name="alert",
        title="Other alerts",
        reason=REASON,
        email=Choice.DAILY,
        notifications=frozenset({CATEGORY}),
        require=_require_sight,
    ),
]
