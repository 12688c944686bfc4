"""Export what is stored about a person's messages outside the socket (decision D6)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from bos.models import Delivery, MessagePreference, MessageSettings, OutsideChannel, User
from bos.models import PushSubscription as Subscription
from bos.people.exporting import Export, ExportRow, stream


class Chosen(ExportRow):
    category: str
    medium: str
    choice: str


def choices(user: User) -> Iterator[ExportRow]:
    for row in MessagePreference.objects.filter(user=user).order_by("category", "medium"):
        yield Chosen(category=row.category, medium=row.medium, choice=row.choice)


class Zone(ExportRow):
    time_zone: str


def settings_of(user: User) -> Iterator[ExportRow]:
    for row in MessageSettings.objects.filter(user=user):
        yield Zone(time_zone=row.time_zone)


class PushBrowser(ExportRow):
    """A browser that takes messages; its address and keys are secrets."""

    id: str
    label: str
    created_at: datetime
    used_at: datetime | None


def browsers(user: User) -> Iterator[ExportRow]:
    for row in Subscription.objects.filter(user=user).order_by("created_at"):
        yield PushBrowser(
            id=str(row.pk), label=row.label, created_at=row.created_at, used_at=row.used_at
        )


class Delivered(ExportRow):
    """A message that left, or was to leave; its words are in the notification that it told of."""

    id: str
    medium: str
    kind: str
    category: str
    entity_type: str
    entity_id: str
    state: str
    created_at: datetime
    sent_at: datetime | None


def deliveries(user: User) -> Iterator[ExportRow]:
    for row in stream(Delivery.objects.filter(user=user).order_by("created_at", "pk")):
        yield Delivered(
            id=str(row.pk),
            medium=row.medium,
            kind=row.kind,
            category=row.category,
            entity_type=row.entity_type,
            entity_id=row.entity_id,
            state=row.state,
            created_at=row.created_at,
            sent_at=row.sent_at,
        )


class MadeChannel(ExportRow):
    id: str
    name: str
    created_at: datetime


def channels(user: User) -> Iterator[ExportRow]:
    for row in stream(OutsideChannel.objects.filter(created_by=user).order_by("created_at")):
        yield MadeChannel(id=str(row.pk), name=row.name, created_at=row.created_at)


EXPORTS: Mapping[str, Export] = {
    "messageChoices": Export(choices, ("bos.MessagePreference.user",)),
    "messageSettings": Export(settings_of, ("bos.MessageSettings.user",)),
    "pushBrowsers": Export(browsers, ("bos.PushSubscription.user",)),
    "deliveries": Export(deliveries, ("bos.Delivery.user",)),
    "outsideChannels": Export(channels, ("bos.OutsideChannel.created_by",)),
}
