"""Reading notifications, and removing old ones and old sessions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from django.conf import settings
from django.contrib.sessions.models import Session
from django.db.models import Count, Q
from django.utils import timezone

from bos.ids import canonical_uuids
from bos.models import Notification
from sync.eventlog.retention import prune_in_batches, prune_plain
from sync.protocol.errors import Unauthorized
from sync.protocol.identity import Principal


def notifications_read(principal: Principal, notification_ids: Sequence[str]) -> bool:
    """Mark these as read; whether any of them had not been read before.

    Raises Unauthorized, and marks none, where one of them is not the principal's or does not exist.
    Runs inside the caller's transaction. Source: decision B2.
    """
    wanted = set(notification_ids)
    own = Notification.objects.of(principal.organization_id).filter(
        user_id=principal.user_id, pk__in=canonical_uuids(wanted)
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


def prune_sessions() -> int:
    """Delete the sessions that have expired; how many they were."""
    over = Session.objects.filter(expire_date__lt=timezone.now())
    return prune_plain(over, oldest="expire_date")


NOTIFICATIONS_AT_ONCE = 200


def prune_notifications() -> int:
    """Forget those that were read, or came, long ago, and of those unread the oldest ones beyond
    `BOS_USER_NOTIFICATIONS` a user; how many those were."""
    now = timezone.now()
    old = Q(read_at__lt=now - timedelta(days=settings.READ_NOTIFICATION_DAYS))
    old |= Q(created_at__lt=now - timedelta(days=settings.NOTIFICATION_DAYS))
    forgotten = prune_in_batches(Notification.objects.filter(old), at_once=NOTIFICATIONS_AT_ONCE)
    limit = settings.USER_NOTIFICATIONS
    unread = Notification.objects.filter(read_at=None)
    per_user = unread.order_by().values("user_id").annotate(count=Count("pk"))
    for user_id in per_user.filter(count__gt=limit).values_list("user_id", flat=True):
        own = unread.filter(user_id=user_id)
        last_kept = own.order_by("-created_at", "-pk")[limit - 1]
        beyond = own.filter(created_at__lt=last_kept.created_at).order_by("created_at")
        forgotten += prune_in_batches(beyond, at_once=NOTIFICATIONS_AT_ONCE)
    return forgotten
