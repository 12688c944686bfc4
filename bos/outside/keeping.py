"""Forget the fate of messages after some time, and with a person."""

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
from sync.eventlog.retention import prune_plain


def prune_deliveries() -> int:
    """Forget deliveries of long ago; how many they were. What went out together goes together."""
    old_at = timezone.now() - timedelta(days=settings.DELIVERY_DAYS)
    old = Delivery.objects.filter(created_at__lt=old_at, bundle=None)
    return prune_plain(old, oldest="created_at")


def erase(user: User) -> None:
    """Keep nothing of an erased person's messages: answers of mail servers name addresses."""
    for model in (Delivery, PushSubscription, MessagePreference, MessageSettings):
        model.objects.filter(user=user).delete()
