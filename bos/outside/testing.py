"""Send tests that people ask for: a message that shows whether messages arrive."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from bos.jobs.queue import Priority
from bos.models import Delivery, DeliveryKind, Medium, OutsideChannel, PushSubscription, User
from bos.outside import push
from bos.outside.sending import enqueue_sending

MOST_TESTS = 10
"""An hour, to one person or channel."""


class NothingTo(Exception):
    """There is no way to send a test; its text says why."""


def send_test_to(user: User, medium: str) -> Delivery:
    """Raises NothingTo."""
    if user.organization_id is None:
        raise NothingTo("You belong to no organization, and get no messages.")
    if medium == Medium.EMAIL:
        if not settings.MAIL_IS_ON:
            raise NothingTo("Mail is off: the operator has not set EMAIL_URL.")
    elif medium == Medium.PUSH:
        if not push.is_on():
            raise NothingTo("Push is off: the operator has not set BOS_VAPID_PRIVATE_KEY.")
        if not PushSubscription.objects.filter(user=user).exists():
            raise NothingTo("None of your browsers takes messages yet.")
    else:
        raise NothingTo("There is no such way.")
    return _test(Delivery(organization_id=user.organization_id, user=user, medium=medium))


def send_test_into(channel: OutsideChannel) -> Delivery:
    """Raises NothingTo."""
    return _test(
        Delivery(organization_id=channel.organization_id, channel=channel, medium=Medium.CHAT)
    )


def _test(delivery: Delivery) -> Delivery:
    now = timezone.now()
    recent = Delivery.objects.of(delivery.organization_id).filter(
        kind=DeliveryKind.TEST,
        user=delivery.user,
        channel=delivery.channel,
        medium=delivery.medium,
        created_at__gt=now - timedelta(hours=1),
    )
    if recent.count() >= MOST_TESTS:
        raise NothingTo(f"{MOST_TESTS} tests an hour are enough: try again later.")
    delivery.kind = DeliveryKind.TEST
    delivery.created_at = delivery.began_at = delivery.next_at = now
    with transaction.atomic():
        delivery.save(force_insert=True)
        enqueue_sending(delivery.organization_id, priority=Priority.WAITED_FOR)
    return delivery
