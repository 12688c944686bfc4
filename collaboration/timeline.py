"""Notes on the line of time of the thing that they point at."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Literal

from bos.ids import wire_id
from bos.timeline.items import TimelineNote
from bos.timeline.lanes import Asked, Entry, Lane
from collaboration.models import Annotation
from collaboration.reading import readable_notes
from sync.protocol.identity import SYSTEM
from sync.protocol.times import wire_time

MOST_CHARACTERS = 200


def notes(asked: Asked) -> Iterator[Entry]:
    """Yield when those notes of a thing were made and resolved that the principal may read."""
    rows: Any = readable_notes(asked.principal).select_related(None)
    rows = rows.filter(entity_type=asked.thing.entity_type, entity_id=str(asked.row.pk))
    for row in asked.newest(rows, "created_at"):
        yield _entry(row, row.created_at, "created", row.author_id)
    for row in asked.newest(rows, "resolved_at"):
        yield _entry(row, row.resolved_at, "resolved", row.resolved_by_id)


def _entry(
    row: Annotation, at: datetime, change: Literal["created", "resolved"], actor_id: object
) -> Entry:
    item = TimelineNote(
        at=wire_time(at),
        change=change,
        annotation_id=str(row.pk),
        session_id=wire_id(row.session_id),
        parent_id=wire_id(row.parent_id),
        content_type=row.content_type,
        text=row.content[:MOST_CHARACTERS],
        actor_id=wire_id(actor_id) or SYSTEM.user_id,
        actor_name="",
    )
    return Entry(at, f"{7 if change == 'created' else 8} {row.pk}", item)


NOTES = Lane("notes", "notes of things", notes)
