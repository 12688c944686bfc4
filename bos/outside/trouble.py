"""Administrators are told that messages do not get out: once a day for each way, not for each
message."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from bos.entities import NotificationSubject
from bos.models import Delivery, DeliveryKind, DeliveryTrouble
from bos.notifying import admins_of, notify
from bos.outside.notifications import DELIVERY_FAILED

AGAIN = timedelta(days=1)


def tell_admins(delivery: Delivery, error: str) -> None:
    """Notify them that a delivery has failed for good. Runs inside the caller's transaction."""
    if delivery.kind == DeliveryKind.TEST:  # its author looks at it
        return
    channel = delivery.channel
    way = delivery.get_medium_display().lower() if channel is None else f"the channel “{channel}”"
    if not _is_news(delivery):
        return
    notify(
        admins_of(delivery.organization_id),
        delivery.organization_id,
        category=DELIVERY_FAILED,
        title=f"Messages by {way} are not delivered",
        message=f"{error} The admin's page Deliveries lists all of them.",
        about=NotificationSubject(),
    )


def _is_news(delivery: Delivery) -> bool:
    now = timezone.now()
    _, is_new = DeliveryTrouble.objects.get_or_create(
        organization_id=delivery.organization_id,
        subject=str(delivery.channel_id or delivery.medium),
        defaults={"told_at": now},
    )
    long_ago = DeliveryTrouble.objects.filter(
        organization_id=delivery.organization_id,
        subject=str(delivery.channel_id or delivery.medium),
        told_at__lte=now - AGAIN,
    )
    return is_new or bool(long_ago.update(told_at=now))
