"""How long is kept what has become of messages, and what goes with a person."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from bos.models import (
    Delivery,
    MessagePreference,
    MessageSettings,
    PushSubscription,
    User,
)
from sync.eventlog.retention import prune_in_batches, prune_plain

PARTS_AT_ONCE = 200


def prune_deliveries() -> int:
    """Forget deliveries of long ago; how many they were. With a bundle go its parts."""
    old_at = timezone.now() - timedelta(days=settings.DELIVERY_DAYS)
    old = Delivery.objects.filter(created_at__lt=old_at)
    bundles = prune_in_batches(
        old.filter(kind__in=("digest", "more")).order_by("created_at"), at_once=PARTS_AT_ONCE
    )
    return bundles + prune_plain(old.filter(bundle=None), oldest="created_at")


def erase(user: User) -> None:
    """Keep nothing of an erased person's messages: answers of mail servers name addresses."""
    Delivery.objects.filter(user=user).delete()
    PushSubscription.objects.filter(user=user).delete()
    MessagePreference.objects.filter(user=user).delete()
    MessageSettings.objects.filter(user=user).delete()
