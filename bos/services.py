"""What people can do about themselves, and what is forgotten of them."""

from __future__ import annotations

from collections.abc import Sequence

from django.contrib.sessions.models import Session
from django.utils import timezone

from bos.models import Notification
from bos.permissions import uuids
from sync.errors import Unauthorized
from sync.principal import Principal


def notifications_read(principal: Principal, notification_ids: Sequence[str]) -> bool:
    """Mark these as read; whether any of them had not been read before.

    Raises Unauthorized, and marks none, where one of them is not the principal's or does not exist.
    Runs inside the caller's transaction. Source: decision B2.
    """
    wanted = set(notification_ids)
    own = Notification.objects.of(principal.organization_id).filter(
        user_id=principal.user_id, pk__in=uuids(wanted)
    )
    rows = {str(row.pk): row for row in own.order_by("pk").select_for_update(no_key=True)}
    if missing := wanted - rows.keys():
        raise Unauthorized(notificationId=min(missing))
    unread = [row for row in rows.values() if row.read_at is None]
    now = timezone.now()
    for row in unread:
        row.read_at = now
        # One message for all of them: it goes out with the first.
        row.read_together = list(dict.fromkeys(notification_ids)) if row is unread[0] else []
        row.save(update_fields=["read_at"])
    return bool(unread)


def forget_sessions() -> int:
    """Delete the sessions of the admin that have expired; how many they were."""
    deleted, _ = Session.objects.filter(expire_date__lt=timezone.now()).delete()
    return deleted
