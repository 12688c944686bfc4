"""A stretch of the log summed up by entity: how often each was changed, first and last.

The database does it: of a hundred thousand events a few hundred rows come back.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from django.db.models import Count, Max, Min, OuterRef, Q, Subquery

from sync.eventlog.log import COLUMNS, LoggedEvent
from sync.models import Event
from sync.protocol.topics import TOPIC_COLUMNS, column_of, names_of


@dataclass(frozen=True, slots=True)
class Sum:
    """The events of one entity that are of one kind and concern the same topics.

    others: how many of them somebody else has caused than the user for whom it was asked.
    first, last: their sequences.
    """

    entity_type: str
    entity_id: str
    change_type: str
    live_type: str
    topics: tuple[str, ...]
    count: int
    others: int
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class _Topics:
    """The topic columns of a row, as `names_of` reads them."""

    topic_1: str | None
    topic_2: str | None
    topic_3: str | None
    topic_4: str | None
    topic_5: str | None
    topic_6: str | None
    topic_7: str | None
    topic_8: str | None


_KIND = ("entity_type", "entity_id", "change_type", "live_type")


def sums(
    organization_id: str,
    entity_types: Collection[str],
    *,
    after: int,
    upto: int,
    user_id: str,
    limit: int,
) -> list[Sum]:
    """Sum up the events of these types with after < sequence <= upto; the newest `limit` sums."""
    rows = (
        Event.objects.filter(
            organization_id=organization_id,
            sequence__gt=after,
            sequence__lte=upto,
            entity_type__in=entity_types,
        )
        .order_by()
        .values_list(*_KIND, *TOPIC_COLUMNS)
        .annotate(
            count=Count("pk"),
            others=Count("pk", filter=~Q(actor_id=user_id)),
            first=Min("sequence"),
            last=Max("sequence"),
        )
        .order_by("-last")[:limit]
    )
    topics = len(_KIND) + len(TOPIC_COLUMNS)
    summed = []
    for row in rows:
        entity_type, entity_id, change_type, live_type, *columns = row[:topics]
        names = tuple(names_of(_Topics(*columns)))
        summed.append(Sum(entity_type, entity_id, change_type, live_type, names, *row[topics:]))
    return summed


def read_at(organization_id: str, sequences: Collection[int]) -> dict[int, LoggedEvent]:
    """Read the events with these sequences, by them."""
    rows = Event.objects.filter(organization_id=organization_id, sequence__in=sequences)
    events = [LoggedEvent(*row) for row in rows.values_list(*COLUMNS)]
    return {event.sequence: event for event in events}


def read_before(
    organization_id: str, sequences: Collection[int], *, kind: str
) -> dict[int, LoggedEvent]:
    """Read what each of these events' entity was before: its last event earlier in the log that was
    no deletion, by the sequence of the one that is asked about; nothing where none is kept.

    kind: of the topic that all events of the entity concern, by which they are found quickly.
    """
    column = column_of(kind)
    earlier = Event.objects.filter(
        organization_id=organization_id,
        entity_type=OuterRef("entity_type"),
        sequence__lt=OuterRef("sequence"),
        **{column: OuterRef(column)},
    ).exclude(change_type="deleted")
    before = Subquery(earlier.order_by("-sequence").values("sequence")[:1])
    rows = Event.objects.filter(organization_id=organization_id, sequence__in=sequences)
    found = dict(rows.annotate(before=before).values_list("sequence", "before"))
    there = read_at(organization_id, {at for at in found.values() if at is not None})
    return {at: there[earlier_at] for at, earlier_at in found.items() if earlier_at in there}
