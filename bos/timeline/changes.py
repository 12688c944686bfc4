"""Changes of a thing itself, as they stand in its history, on its line of time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple
from uuid import UUID

from bos.history.page import ARCHIVED, NOTHING, changes_between
from bos.models import Organization
from bos.timeline.items import ChangedField, TimelineChange
from bos.timeline.lanes import Asked, Entry, Lane
from sync.protocol.times import wire_time


class Kept(NamedTuple):
    """A change as the history has it: the row after it, the one before it, and what it changed."""

    row: Any
    before: Any
    fields: list[ChangedField]


def kept_changes(asked: Asked) -> Iterator[Kept]:
    """Yield the newest changes of the thing in its organization."""
    organization_id = UUID(asked.principal.organization_id)
    history: Any = asked.thing.model.history.model
    rows = history.objects.filter(id=asked.row.pk, organization_id=organization_id)
    pairs = asked.with_the_one_before(rows, "history_date")
    changes = changes_between(pairs, Organization(pk=organization_id))
    for (row, before), changed in zip(pairs, changes, strict=True):
        fields = [ChangedField(name, _told(was), _told(now)) for name, was, now in changed]
        yield Kept(row, before, fields)


def change_entry(row: Any, fields: Iterable[ChangedField]) -> Entry:
    """Return a change, as it stands on the line of time."""
    fields = list(fields)
    change = "created" if row.history_type == "+" else "updated"
    for field in fields:
        if field.name == ARCHIVED:
            change, fields = ("archived" if field.after else "restored"), []
            break
    item = TimelineChange(
        at=wire_time(row.history_date),
        change=change,  # type: ignore[arg-type]  # one of its words
        fields=fields,
        actor_id=row.history_user_id,
        actor_name="",
        source=row.source,
    )
    return Entry(row.history_date, f"2 {row.history_id:020}", item)


def _changes_of_department(asked: Asked) -> Iterable[Entry]:
    """Yield the changes of a department."""
    if asked.is_of("department"):
        for row, _, fields in kept_changes(asked):
            yield change_entry(row, fields)


def _told(text: str) -> str | None:
    return None if text in ("", NOTHING) else text


CHANGES_OF_DEPARTMENTS = Lane("changes", "changes of departments", _changes_of_department)
