"""Append to the log and read it back.

An append only remembers the event. Just before COMMIT (see `sync.eventlog.commits`) the
organization's head is locked, the events get their sequence and are inserted: the lock is held for
the shortest time, and always as the last one, so that two writers cannot wait for each other in a
circle.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

import msgspec
from django.db import connection, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Q

from sync.eventlog.scripts import Insert, Script
from sync.models import Event, StreamHead
from sync.protocol.codecs import json_text
from sync.protocol.errors import SyncErrorCode, SyncRefused
from sync.protocol.identity import Actor
from sync.protocol.rights import AccessChange
from sync.protocol.times import now_us
from sync.protocol.topics import TOPIC_COLUMNS, Audience, Topic, column_of, names_of


class LoggedEvent(msgspec.Struct, array_like=True, frozen=True):
    """An event of the log as processes pass it on: a row of `Event`, without its id."""

    organization_id: str
    sequence: int
    at_us: int
    entity_type: str
    entity_id: str
    change_type: str
    data: str
    live_type: str
    live: str
    actor_id: str
    source: str
    origin: str
    request_id: str
    access: str
    topic_1: str | None
    topic_2: str | None
    topic_3: str | None
    topic_4: str | None
    topic_5: str | None
    topic_6: str | None
    topic_7: str | None
    topic_8: str | None

    def topics(self) -> list[str]:
        """Return the names of the topics that the event concerns."""
        return names_of(self)

    def has_topics(self) -> bool:
        """Return whether it concerns any topic: an answer to one connection concerns none."""
        first_four = self.topic_1 or self.topic_2 or self.topic_3 or self.topic_4
        return bool(first_four or self.topic_5 or self.topic_6 or self.topic_7 or self.topic_8)

    def topic(self, kind: str) -> str | None:
        """Return the id of the topic of this kind, None where it concerns none."""
        id_: str | None = getattr(self, column_of(kind))
        return id_


COLUMNS = LoggedEvent.__struct_fields__
_HEADS = StreamHead._meta.db_table
# SQL by hand where every write passes: the ORM takes several times as long for each of these.
_INSERT = Insert(f'"{Event._meta.db_table}"', tuple(f'"{column}"' for column in COLUMNS))
_ADVANCE = f"""INSERT INTO "{_HEADS}"
                 ("organization_id", "sequence", "at_us", "pruned_sequence", "pruned_at_us")
               VALUES (%s, %s, %s, 0, 0)
               ON CONFLICT ("organization_id") DO UPDATE SET
                 "sequence" = "{_HEADS}"."sequence" + %s,
                 "at_us" = CASE WHEN "{_HEADS}"."at_us" + %s > excluded."at_us"
                           THEN "{_HEADS}"."at_us" + %s ELSE excluded."at_us" END
               RETURNING "sequence", "at_us" """  # noqa: S608 -- names of ours


Publish = Callable[[Sequence[LoggedEvent]], None]


def _to_nobody(events: Sequence[LoggedEvent]) -> None:
    """Without the read side: the log is the truth, readers find what is new in it."""


_publish: Publish = _to_nobody


def publish_with(publish: Publish) -> None:
    """Hand committed events to `publish`, all of a transaction together."""
    global _publish
    _publish = publish


@dataclass(slots=True, eq=False)
class PendingEvent:
    """An event whose transaction has not committed; becomes a LoggedEvent just before it does."""

    organization_id: str
    entity_type: str
    entity_id: str
    change_type: str
    data: str
    live_type: str
    live: str
    actor: Actor
    access: str
    audience: Audience
    logged: LoggedEvent | None = None
    publishes: Sequence[LoggedEvent] = ()
    """All events of the transaction in the first of them, so that they are seen together."""

    def __call__(self) -> None:
        """Django calls this after COMMIT: the events are handed on."""
        assert self.logged is not None, "committed without a sequence: is ENGINE sync.db.*?"
        if self.publishes:
            _publish(self.publishes)

    def stamp(self, sequence: int, at_us: int) -> LoggedEvent:
        self.logged = LoggedEvent(
            self.organization_id,
            sequence,
            at_us,
            self.entity_type,
            self.entity_id,
            self.change_type,
            self.data,
            self.live_type,
            self.live,
            self.actor.user_id,
            self.actor.source,
            self.actor.origin,
            self.actor.request_id,
            self.access,
            *self.audience.columns,
        )
        return self.logged


def append(event: PendingEvent) -> None:
    """Add the event to the log with the transaction that is open; rolled back, it never was.

    Raises where no transaction is open: the change would be committed without its event.
    """
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError(
            "an event is appended in the transaction of the change it tells of"
        )
    # Kept among Django's own commit hooks, which forget the hooks of a rolled-back savepoint.
    # robust: whatever happens while publishing, the change is committed and must not look failed.
    transaction.on_commit(event, robust=True)


def append_look(
    organization_id: str,
    *,
    entity_type: str,
    entity_id: str,
    change_type: str,
    access: AccessChange,
    actor: Actor,
) -> None:
    """Append an event that is shown to nobody: every process looks at these rights again."""
    append(
        PendingEvent(
            organization_id=organization_id,
            entity_type=entity_type,
            entity_id=entity_id,
            change_type=change_type,
            data="{}",
            live_type="",
            live="",
            actor=actor,
            access=json_text(access),
            audience=Audience(),
        )
    )


class Appending:
    """The events of the open transaction, on their way into the log just before COMMIT."""

    def __init__(self, database: BaseDatabaseWrapper) -> None:
        hooks = [hook for _, hook, *_ in database.run_on_commit]
        self._pending = [
            hook for hook in hooks if isinstance(hook, PendingEvent) and hook.logged is None
        ]
        self._by_organization: dict[str, list[PendingEvent]] = defaultdict(list)
        for event in self._pending:
            self._by_organization[event.organization_id].append(event)

    def __bool__(self) -> bool:
        return bool(self._pending)

    def of(self, organization_id: str) -> Sequence[PendingEvent]:
        return self._by_organization.get(organization_id, ())

    def advance_heads(self, script: Script) -> None:
        """Lock the head of each organization and move it on by its events; the answer of each is
        its new sequence and time.

        The time is the clock's, or a microsecond after the last event's where the clock stepped
        back: times rise as strictly as sequences, so that a time is as good a cursor.
        """
        # Sorted, so that two transactions lock the heads of several organizations in one order.
        for organization_id in sorted(self._by_organization):
            count = len(self._by_organization[organization_id])
            script.query(
                _ADVANCE, (organization_id, count, now_us() + count - 1, count, count, count)
            )

    def insert(self, heads: Sequence[Sequence[Sequence[int]]], script: Script) -> None:
        """Give the events their sequence and have them inserted. heads: the answers."""
        logged: list[LoggedEvent] = []
        for organization_id, [(last, last_at_us)] in zip(
            sorted(self._by_organization), heads, strict=True
        ):
            events = self._by_organization[organization_id]
            first, first_at_us = last - len(events) + 1, last_at_us - len(events) + 1
            logged += [event.stamp(first + i, first_at_us + i) for i, event in enumerate(events)]
        if logged:
            script.insert(_INSERT, [msgspec.structs.astuple(event) for event in logged])
            self._pending[0].publishes = logged


def coming_sequence(organization_id: str) -> int:
    """Return the sequence of the organization's last event once the open transaction is committed.

    Locks the head where the transaction has events of it: nothing else may be locked after that.
    """
    pending = len(Appending(connection).of(organization_id))
    heads_ = StreamHead.objects.filter(pk=organization_id)
    if pending:
        heads_ = heads_.select_for_update()
    last = heads_.values_list("sequence", flat=True).first() or 0
    return last + pending


# ------------------------------------------------------------------ reading


class Head(msgspec.Struct, frozen=True):
    sequence: int = 0
    at_us: int = 0
    pruned_sequence: int = 0
    pruned_at_us: int = 0


def head(organization_id: str) -> Head:
    return heads([organization_id]).get(organization_id, Head())


def heads(organization_ids: Collection[str]) -> dict[str, Head]:
    """The head of each of these organizations, in one query."""
    rows = StreamHead.objects.filter(pk__in=organization_ids)
    columns = rows.values_list("organization_id", *Head.__struct_fields__)
    return {organization_id: Head(*head) for organization_id, *head in columns}


def start_over(organization_id: str, *, seen: int = 0, seen_at_us: int = 0) -> bool:
    """Go on after everything that anybody may have seen, in a log that was put back.

    The next sequences begin at the time in microseconds: above every one that was given before and
    below 2^53, so that no number means two events. What clients and processes have seen before is
    history that is no longer kept: they take a snapshot, whatever cursor they have.

    seen, seen_at_us: what this process has delivered; behind a head that has gone on from there by
    another process, nothing is done, and the answer is False.
    """
    with transaction.atomic():
        StreamHead.objects.get_or_create(pk=organization_id)
        row = StreamHead.objects.select_for_update().get(pk=organization_id)
        if seen and row.pruned_sequence > seen:
            return False
        row.sequence = row.pruned_sequence = max(now_us(), row.sequence + 1, seen + 1)
        row.at_us = row.pruned_at_us = max(now_us(), row.at_us + 1, seen_at_us + 1)
        row.save()
    return True


def read(organization_id: str, *, after: int, upto: int, limit: int) -> list[LoggedEvent]:
    """The events with after < sequence <= upto in order, at most `limit` of them."""
    return _read(_between(organization_id, after, upto), limit)


def read_topics(
    organization_id: str, topics: Iterable[Topic], *, after: int, upto: int, limit: int
) -> list[LoggedEvent]:
    """Like `read`, only those that concern one of these topics."""
    return _read(_between(organization_id, after, upto) & concerning(topics), limit)


def count_topics(organization_id: str, topics: Iterable[Topic], *, after: int, upto: int) -> int:
    condition = _between(organization_id, after, upto) & concerning(topics)
    return Event.objects.filter(condition).count()


def find(organization_id: str, sequence: int) -> LoggedEvent | None:
    found = read(organization_id, after=sequence - 1, upto=sequence, limit=1)
    return found[0] if found else None


def sequence_before(organization_id: str, at_us: int, *, exact: bool, end: Head) -> int:
    """The sequence after which a client resumes that has seen everything up to this time.

    exact: the time is one that the server gave, so the event of this very time has been seen;
    otherwise it may be a cut-off time and that event is repeated.
    Raises SyncRefused where the time is in the future or history was pruned after it.
    """
    if at_us > max(now_us(), end.at_us):
        raise SyncRefused(
            SyncErrorCode.SYNC_TIMESTAMP_IN_FUTURE, "lastSyncTimestamp is in the future"
        )
    first_kept = at_us > end.pruned_at_us or (at_us == end.pruned_at_us and exact)
    if end.pruned_sequence and not first_kept:
        raise history_expired()
    until = at_us if exact else at_us - 1
    last = last_until(organization_id, until, after=end.pruned_sequence, upto=end.sequence)
    return end.pruned_sequence if last is None else last[0]


def last_until(
    organization_id: str, at_us: int, *, after: int, upto: int
) -> tuple[int, int] | None:
    """The last event that is of this time or before, with after < sequence <= upto: its sequence
    and time; None where there is none.

    Times rise as sequences do, and have no index: what is looked for is come near to from the end,
    in steps that double, then halve. Of a million events since, that takes some forty look-ups.
    """
    events = Event.objects.filter(organization_id=organization_id).values_list("sequence", "at_us")
    found: tuple[int, int] | None = None
    low, high, step = after, upto, 1
    while low < high:
        probe = high if step == 1 else max(low + 1, high - step)
        if found is not None:
            probe = (low + high + 1) // 2
        last = events.filter(sequence__gt=low, sequence__lte=probe).order_by("-sequence").first()
        if last is None:
            low = probe
        elif last[1] <= at_us:
            found, low = last, probe
        else:
            high, step = last[0] - 1, step * 2
    return found


def history_expired() -> SyncRefused:
    return SyncRefused(
        SyncErrorCode.SYNC_HISTORY_EXPIRED,
        "Events since then are no longer kept. Request a snapshot: neither cursor.",
    )


def _between(organization_id: str, after: int, upto: int) -> Q:
    return Q(organization_id=organization_id, sequence__gt=after, sequence__lte=upto)


def concerning(topics: Iterable[Topic]) -> Q:
    """Return the condition on `Event` that it concerns one of these topics."""
    ids_of: dict[str, list[str]] = defaultdict(list)
    for topic in topics:
        ids_of[topic.kind].append(topic.id)
    condition = Q(pk__in=[])
    for kind, ids in ids_of.items():
        condition |= Q(**{f"{column_of(kind)}__in": ids})
    return condition


def _read(condition: Q, limit: int) -> list[LoggedEvent]:
    rows = Event.objects.filter(condition).order_by("sequence").values_list(*COLUMNS)[:limit]
    return [LoggedEvent(*row) for row in rows]


assert COLUMNS[-len(TOPIC_COLUMNS) :] == TOPIC_COLUMNS
