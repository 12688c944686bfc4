"""A session's events are kept as long as the session: what is played back of it later.

The log forgets its oldest events, and must forget all of them up to one: a client whose cursor is
in what is left is served without a hole (decision V5). So a session's are not spared there, but
moved to a table of their own, in the transaction that deletes them. Until then the log has them:
writing a second row with each event would be paid by everybody, and for nothing in most sessions.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from itertools import islice
from typing import Any

import msgspec
from django.db.models import Q, QuerySet, Sum
from django.db.models.functions import Length

from bos.ids import canonical_uuids
from bos.models import User
from collaboration.models import KeptEvent, Session
from sync.eventlog.fast_sql import update_rows
from sync.models import Event
from sync.protocol.codecs import json_text
from sync.protocol.topics import column_of

Payload = dict[str, Any]
MOST_EVENTS = 10_000
MOST_BYTES = 16 * 1024 * 1024
"""Of one session; the oldest give way."""
AT_ONCE = 100
"""A note is told of in up to 80 kB."""
COLUMNS = (
    *("sequence", "at_us", "entity_type", "entity_id", "change_type", "data", "live_type", "live"),
)


class _Named(msgspec.Struct, rename="camel"):
    """The ids by which a payload names somebody: a participant, or the author of a note."""

    user_id: str = ""
    author_id: str = ""


_named = msgspec.json.Decoder(_Named).decode


def keep_events(old: QuerySet[Event]) -> None:
    """Keep those of these events that are a session's which is still there.

    The sessions are locked first, then the events: whoever takes a name out of both waits for what
    is on its way from there to here.
    """
    column = column_of("session")
    own = old.exclude(**{column: None})
    ids = canonical_uuids(set(own.order_by().values_list(column, flat=True).distinct()))
    there = Session.objects.filter(pk__in=ids).order_by("pk").select_for_update(no_key=True)
    sessions = {str(pk): pk for pk in there.values_list("pk", flat=True)}
    if not sessions:
        return
    events = own.filter(**{f"{column}__in": sessions}).order_by("sequence").select_for_update()
    rows = (
        KeptEvent(
            session_id=sessions[getattr(event, column)],
            user_id=_whom(event),
            **{name: getattr(event, name) for name in COLUMNS},
        )
        for event in events.iterator(AT_ONCE)
    )
    while some := list(islice(rows, AT_ONCE)):
        KeptEvent.objects.bulk_create(some, ignore_conflicts=True)
    for session_id in sorted(sessions.values()):
        _make_room(KeptEvent.objects.filter(session_id=session_id))


def _whom(event: Event) -> str:
    """Return the id of the user whom the event names, "" where it names nobody.

    What cannot be read, of an older version perhaps, names nobody: the log must forget it, too.
    """
    for text in (event.data, event.live):
        try:
            named = _named(text)
        except msgspec.DecodeError:
            continue
        if named.user_id or named.author_id:
            return named.user_id or named.author_id
    return ""


def _make_room(kept: QuerySet[KeptEvent]) -> None:
    """Forget the oldest where they are too many, or too large together."""
    size = Length("data") + Length("live")
    total = kept.order_by().aggregate(total=Sum(size))["total"] or 0
    count = kept.count()
    if count <= MOST_EVENTS and total <= MOST_BYTES:
        return
    last = -1
    for sequence, own in kept.order_by("sequence").values_list("sequence", size):
        if count <= MOST_EVENTS and total <= MOST_BYTES:
            break
        count, total, last = count - 1, total - own, sequence
    kept.filter(sequence__lte=last).delete()


# ------------------------------------------------------------------ people in them


def kept_of(user: User) -> QuerySet[KeptEvent]:
    """Return the kept events that show this user as a participant, or as the author of a note."""
    return KeptEvent.objects.filter(user_id=str(user.pk)).order_by("session", "sequence")


def rename_in_kept(user: User, renames: Collection[Callable[..., Payload]]) -> None:
    """Take the name of a user who is erased out of what is kept; runs in that transaction.

    The log is rewritten after this, and nothing comes from it to here meanwhile: the sessions are
    locked.
    """
    concerned = Q(host=user) | Q(participants__user=user) | Q(annotations__author=user)
    ids = Session.objects.filter(concerned).order_by().values("pk")
    list(Session.objects.filter(pk__in=ids).order_by("pk").select_for_update(no_key=True))
    keys = list(kept_of(user).values_list("pk", flat=True))
    for start in range(0, len(keys), AT_ONCE):
        some = list(KeptEvent.objects.filter(pk__in=keys[start : start + AT_ONCE]))
        for event in some:
            for rename in renames:
                event.data = _renamed(event.data, rename, user)
                event.live = _renamed(event.live, rename, user)
        update_rows(some, "data", "live")


def _renamed(text: str, rename: Callable[..., Payload], user: User) -> str:
    if not text:
        return text
    payload = msgspec.json.decode(text)
    after = rename(dict(payload), id_=str(user.pk))
    return text if after == payload else json_text(after)
