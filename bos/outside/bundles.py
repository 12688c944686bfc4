"""Messages that go out together: those of a day, and those beyond what one may get in an hour."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.utils import timezone

from bos.models import Delivery, DeliveryKind, DeliveryState, MessageSettings
from bos.outside.preferences import next_morning, zone_of
from sync.eventlog.threads import letting_others_write


def make_bundles(now: datetime | None = None) -> int:
    """Make one delivery of those that wait to go out together; how many such were made."""
    now = now or timezone.now()
    due = Delivery.objects.filter(
        state=DeliveryState.GATHERED, bundle=None, next_at__lte=now
    ).order_by()
    fields = ("organization_id", "user_id", "channel_id", "medium", "gather")
    made = 0
    for group in due.values_list(*fields).distinct():
        with letting_others_write(), transaction.atomic():
            made += _bundle(group, now)
    return made


def _bundle(group: tuple[Any, ...], now: datetime) -> bool:
    """Make the delivery of one group; False where another run has, or its day has had its mail."""
    organization_id, user_id, channel_id, medium, kind = group
    parts = Delivery.objects.filter(
        organization_id=organization_id,
        user_id=user_id,
        channel_id=channel_id,
        medium=medium,
        gather=kind,
        state=DeliveryState.GATHERED,
        bundle=None,
        next_at__lte=now,
    )
    skip_locked = connection.features.has_select_for_update_skip_locked
    locked = parts.select_for_update(of=("self",), skip_locked=skip_locked).order_by("pk")
    ids = list(locked.values_list("pk", flat=True))
    if not ids:
        return False
    day = None
    if kind == DeliveryKind.DIGEST:
        zone = _zone_name(user_id)
        day = now.astimezone(zone_of(zone)).date()
        if Delivery.objects.filter(user_id=user_id, medium=medium, day=day).exists():
            Delivery.objects.filter(pk__in=ids).update(next_at=next_morning(zone, now))
            return False
    made_at = timezone.now()
    bundle = Delivery.objects.create(
        organization_id=organization_id,
        user_id=user_id,
        channel_id=channel_id,
        medium=medium,
        kind=kind,
        day=day,
        created_at=made_at,
        began_at=made_at,
        next_at=made_at,
    )
    Delivery.objects.filter(pk__in=ids).update(bundle=bundle)
    return True


def _zone_name(user_id: UUID) -> str:
    row = MessageSettings.objects.filter(user_id=user_id).first()
    return "UTC" if row is None else row.time_zone
