"""People acknowledge and snooze alerts, on the wire and in the admin (decision B5)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from bos.ids import canonical_uuids
from bos.models import Notification, Role, User
from bos.permissions import has_role
from kpis.alerts.telling import CATEGORY
from kpis.models import IN_STATE, UNRESOLVED, Alert, AlertState, Kpi
from kpis.permissions import visible_to
from sync.eventlog.threads import in_batches
from sync.protocol.errors import InvalidMessage, NotFound, Unauthorized
from sync.protocol.identity import Principal

AT_ONCE = 500
"""Alerts that are changed in one transaction."""
LONGEST_SNOOZE = timedelta(days=30)


def alert_acknowledge(principal: Principal, alert_id: str) -> Alert:
    """Mark an alert as seen by the principal; it stays until its KPI is back.

    Raises Unauthorized for an alert that the principal may not handle, or that does not exist;
    NotFound where it is acknowledged or resolved. Runs inside the caller's transaction.
    """
    alert = _unresolved(principal, alert_id)
    if alert.acknowledged_at is not None:
        raise NotFound(alertId=alert_id, reason="it is acknowledged already")
    alert.acknowledged_at, alert.acknowledged_by_id = timezone.now(), principal.user_id
    alert.save(update_fields=["acknowledged_at", "acknowledged_by"])
    return alert


def alert_snooze(principal: Principal, alert_id: str, until: datetime) -> Alert:
    """Keep an alert, and the next ones of its rule, from notifying anybody until then.

    Raises InvalidMessage for a time that is over or too far; for alerts as `alert_acknowledge`.
    Runs inside the caller's transaction.
    """
    now = timezone.now()
    if until <= now:
        raise InvalidMessage("payload.until", "is over")
    if until > now + LONGEST_SNOOZE:
        raise InvalidMessage("payload.until", f"at most {LONGEST_SNOOZE.days} days from now")
    alert = _unresolved(principal, alert_id)
    if alert.snoozed_until == until:
        raise NotFound(alertId=alert_id, reason="it is snoozed until then already")
    alert.snoozed_until = until
    alert.save(update_fields=["snoozed_until"])
    return alert


def _unresolved(principal: Principal, alert_id: str) -> Alert:
    """Return the alert, locked."""
    rows = Alert.objects.of(principal.organization_id).filter(
        pk__in=canonical_uuids([alert_id]), kpi__archived_at=None
    )
    rows = rows.select_related("kpi").select_for_update(of=("self",), no_key=True)
    alert: Alert | None = rows.first()
    if alert is None or not may_handle(principal, alert):
        raise Unauthorized(alertId=alert_id)
    if alert.resolved_at is not None:
        raise NotFound(alertId=alert_id, reason="it is resolved already")
    return alert


def may_handle(principal: Principal, alert: Alert) -> bool:
    """Managers and admins, the KPI's owner, and those whom its rule names or who were notified, as
    long as they may see the KPI."""
    if has_role(principal, Role.MANAGER) or str(alert.kpi.owner_id) == principal.user_id:
        return True
    named = alert.rule is not None and alert.rule.notify.filter(pk=principal.user_id).exists()
    if not named and not _was_notified(principal, alert):
        return False
    kpis = Kpi.objects.of(principal.organization_id).filter(visible_to(principal))
    return bool(kpis.filter(pk=alert.kpi_id).exists())


def _was_notified(principal: Principal, alert: Alert) -> bool:
    own = Notification.objects.of(principal.organization_id).filter(user_id=principal.user_id)
    return bool(own.filter(category=CATEGORY, data__alertId=str(alert.pk)).exists())


# ------------------------------------------------------------------ many at once


def acknowledge(alerts: Iterable[Alert], user: User) -> int:
    """Mark as seen by this user those that nobody has acknowledged; how many those were."""
    now = timezone.now()
    open_ = IN_STATE[AlertState.OPEN]
    return _change(alerts, open_, acknowledged_at=now, acknowledged_by=user)


def snooze(alerts: Iterable[Alert], until: datetime) -> int:
    """Keep those that are unresolved from notifying anybody until then; how many those were."""
    return _change(alerts, UNRESOLVED, snoozed_until=until)


def _change(alerts: Iterable[Alert], which: Any, **values: Any) -> int:
    """Change these in batches, each in a transaction of its own: others write between two."""
    changed = 0
    for some in in_batches([alert.pk for alert in alerts], AT_ONCE):
        with transaction.atomic():
            changed += Alert.objects.filter(which, pk__in=some).update(**values)
    return changed
