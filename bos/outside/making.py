"""Deliveries are made of the log's events, each once: by a processor, whose position commits with
them.

So nothing is lost with a process that dies, nothing is told twice, and nobody who changes something
waits for it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from django.conf import settings
from django.db.models import Count, Min
from django.utils import timezone

from bos.models import (
    Choice,
    Delivery,
    DeliveryKind,
    DeliveryState,
    Medium,
    OutsideChannel,
    PushSubscription,
    User,
)
from bos.outside import push
from bos.outside.preferences import OF_PEOPLE, choice_of, choices_of, next_morning, zones_of
from bos.outside.sending import enqueue_sending
from bos.outside.sources import Told, sources
from sync.eventlog.log import LoggedEvent
from sync.protocol.times import now_us

PROCESSOR = "outside"
STALE = timedelta(days=1)
"""Older events are not told outside when a worker comes to them: they are news no longer."""
WINDOW = timedelta(hours=1)


class Receiver(NamedTuple):
    """A person by one medium, or a channel."""

    user_id: UUID | None
    channel_id: UUID | None
    medium: str


def make_deliveries(organization_id: str, events: Sequence[LoggedEvent]) -> None:
    """Make a row for each person and channel that these events are to be told.

    Runs in the transaction of the processor.
    """
    oldest_us = now_us() - STALE // timedelta(microseconds=1)
    told = [
        (source.entity_type, one)
        for source in sources().values()
        if (own := [e for e in events if _is_of(e, source.entity_type) and e.at_us >= oldest_us])
        for one in source.told(organization_id, own)
    ]
    if not told:
        return
    now = timezone.now()
    made = [*_for_people(organization_id, told, now), *_for_channels(organization_id, told, now)]
    if not made:
        return
    _Bounds(organization_id, now).apply(made)
    for n, row in enumerate(made):  # in the order of the log, where they are told together, too
        row.created_at = now + timedelta(microseconds=n)
    Delivery.objects.bulk_create(made)
    if any(row.state == DeliveryState.WAITING for row in made):
        enqueue_sending(organization_id)


def _is_of(event: LoggedEvent, entity_type: str) -> bool:
    """Rows that change while nobody may see them are told nobody either."""
    return event.entity_type == entity_type and event.has_topics()


def _row(organization_id: str, entity_type: str, told: Told, now: datetime) -> Delivery:
    return Delivery(
        organization_id=organization_id,
        entity_type=entity_type,
        entity_id=told.entity_id,
        moment=told.moment,
        created_at=now,
        began_at=now,
        next_at=now,
    )


# ------------------------------------------------------------------ for people


def _for_people(
    organization_id: str, told: Sequence[tuple[str, Told]], now: datetime
) -> Iterable[Delivery]:
    named = {user_id for _, one in told for user_id, _ in one.people}
    if not named or not (settings.MAIL_IS_ON or push.is_on()):
        return
    members = User.objects.of(organization_id).people().filter(is_active=True, erased_at=None)
    users = set(members.filter(pk__in=named).values_list("pk", flat=True))
    subscribed = PushSubscription.objects.filter(user_id__in=users) if push.is_on() else ()
    reached = {
        Medium.EMAIL: users if settings.MAIL_IS_ON else set(),
        Medium.PUSH: {subscription.user_id for subscription in subscribed},
    }
    choices, zones = choices_of(users), zones_of(users)
    for entity_type, one in told:
        for user_id, category in one.people:
            for medium in OF_PEOPLE:
                choice = choice_of(choices, user_id, category, medium)
                if user_id not in reached[medium] or choice == Choice.NEVER:
                    continue
                row = _row(organization_id, entity_type, one, now)
                row.user_id, row.medium, row.category = user_id, medium, category
                if choice == Choice.DAILY:
                    zone = zones.get(user_id, "UTC")
                    _gather(row, DeliveryKind.DIGEST, next_morning(zone, now))
                yield row


def _gather(row: Delivery, kind: DeliveryKind, at: datetime) -> None:
    """Have it go out with others."""
    row.state, row.gather, row.next_at = DeliveryState.GATHERED, kind, at


# ------------------------------------------------------------------ for channels


def _for_channels(
    organization_id: str, told: Sequence[tuple[str, Told]], now: datetime
) -> Iterable[Delivery]:
    wanted = [(entity_type, one) for entity_type, one in told if one.topic]
    if not wanted:
        return
    channels = list(OutsideChannel.objects.of(organization_id).filter(is_active=True))
    if not channels:
        return
    known = Delivery.objects.filter(
        channel__in=channels,
        kind=DeliveryKind.MESSAGE,
        entity_id__in={one.entity_id for _, one in wanted},
    )
    was_told = set(known.values_list("channel_id", "entity_type", "entity_id", "moment"))
    for entity_type, one in wanted:
        for channel in channels:
            key = (channel.pk, entity_type, one.entity_id)
            if (*key, one.moment) in was_told or not _wants(channel, one):
                continue
            if one.after and (*key, one.after) not in was_told:
                continue
            was_told.add((*key, one.moment))
            row = _row(organization_id, entity_type, one, now)
            row.channel, row.medium, row.category = channel, Medium.CHAT, one.topic
            yield row


def _wants(channel: OutsideChannel, told: Told) -> bool:
    """Whether the channel takes this; of the end of a thing, as it has taken its beginning."""
    if told.restricted and not channel.restricted:
        return False
    if told.topic == "alerts":
        return channel.alerts and (bool(told.after) or channel.takes_severity(told.severity))
    return told.topic == "reports" and channel.reports


def channels_for(
    organization_id: object, *, topic: str, severity: str = "", restricted: bool = False
) -> list[OutsideChannel]:
    """Return the channels that such a thing would be told."""
    told = Told(entity_id="", moment="", topic=topic, severity=severity, restricted=restricted)
    channels = OutsideChannel.objects.of(organization_id).filter(is_active=True)
    return [channel for channel in channels if _wants(channel, told)]


# ------------------------------------------------------------------ how much


@dataclass(slots=True)
class _Bounds:
    """Messages of the last hour, of each receiver and of the organization.

    What comes beyond waits an hour, and goes out as one: "and 37 more".
    """

    organization_id: str
    now: datetime
    _of: dict[Receiver, int] = field(default_factory=lambda: defaultdict(int))
    _all: int = 0
    _opens: dict[Receiver, datetime] = field(default_factory=dict)

    def apply(self, rows: Iterable[Delivery]) -> None:
        self._read()
        for row in rows:
            if row.gather:
                continue
            receiver = Receiver(row.user_id, row.channel_id, row.medium)
            is_full = self._of[receiver] >= settings.RECEIVER_MESSAGES_PER_HOUR
            if is_full or self._all >= settings.ORGANIZATION_MESSAGES_PER_HOUR:
                at = self._opens.setdefault(receiver, self.now + WINDOW)
                _gather(row, DeliveryKind.MORE, at)
                continue
            self._of[receiver] += 1
            self._all += 1

    def _read(self) -> None:
        own = Delivery.objects.of(self.organization_id)
        recent = own.filter(created_at__gt=self.now - WINDOW, gather="", kind=DeliveryKind.MESSAGE)
        listed = recent.order_by().values_list("user_id", "channel_id", "medium")
        for user_id, channel_id, medium, count in listed.annotate(Count("pk")):
            self._of[Receiver(user_id, channel_id, medium)] = count
            self._all += count
        gathering = own.filter(state=DeliveryState.GATHERED, gather=DeliveryKind.MORE, bundle=None)
        listed = gathering.order_by().values_list("user_id", "channel_id", "medium")
        for user_id, channel_id, medium, at in listed.annotate(Min("next_at")):
            self._opens[Receiver(user_id, channel_id, medium)] = at
