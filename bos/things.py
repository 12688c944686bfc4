"""Things that something else hangs on, as notes do: KPIs, departments.

A feature declares its things, another one its attachments (`bos.feature`); they know each other by
this alone. What shows a thing shows what hangs on it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol
from uuid import UUID

from django.db.models import Q, QuerySet

from bos.ids import canonical_uuids
from bos.models import Employee, User
from bos.permissions import principal_of
from sync.eventlog.capture import Change
from sync.eventlog.writer import Row
from sync.protocol.identity import Principal


@dataclass(frozen=True, slots=True)
class Place:
    """Where a thing is shown, besides on its own topic.

    open_to_organization: on its organization's topic; department_id: on this department's.
    archived: there for administrators alone; what hangs on it goes on being shown by the others.
    """

    name: str
    open_to_organization: bool
    department_id: UUID | None = None
    archived: bool = False


@dataclass(frozen=True, slots=True)
class PastValue:
    """A value that a thing has shown from `shown_at` on; None where it had none. number: of values
    of one time, the order in which they came."""

    thing_id: UUID
    value: Decimal | None
    shown_at: datetime
    number: int


class ValuesAt(Protocol):
    def __call__(
        self, principal: Principal, at: datetime, *, after: UUID | None, limit: int
    ) -> list[PastValue]:
        """Return what the things that the principal may see now showed then, by their id, those
        behind `after`; without a value where they had none."""
        ...


class ValuesBetween(Protocol):
    def __call__(
        self,
        principal: Principal,
        since: datetime,
        until: datetime,
        *,
        after: tuple[datetime, int] | None,
        limit: int,
    ) -> list[PastValue]:
        """Return what came to be shown after `since` and until `until`, in that order, of the
        things that the principal may see now; behind `after`, a time and a number."""
        ...


@dataclass(frozen=True, slots=True)
class Past:
    """How to read what things have shown: as people saw it then, whatever was found out since."""

    at: ValuesAt
    between: ValuesBetween


@dataclass(frozen=True, slots=True)
class Thing:
    """A kind of things. entity_type: is the kind of their topics, too; label: to people.

    rows: all of them, archived ones, too; visible_to: which of its organization's a principal sees.
    decides: attnames of the fields that `place` reads. past: what these things have shown, where
    that is kept.
    """

    entity_type: str
    label: str
    model: Any
    rows: Callable[[], QuerySet[Any]]
    visible_to: Callable[[Principal], Q]
    place: Callable[[Any], Place]
    decides: frozenset[str]
    past: Past | None = None


@dataclass(frozen=True, slots=True)
class Attachment:
    """Something that hangs on things. label: in the plural.

    follow: called with changes of things, in their transaction, after these were appended.
    count: how many hang on one thing, by its row, and the address of the page that lists them.
    clear: delete those of one thing, in transactions of its own: there may be thousands.
    """

    label: str
    follow: Callable[[Thing, Sequence[Change[Any]]], None]
    count: Callable[[Thing, Any], tuple[int, str]]
    clear: Callable[[Thing, UUID], None]


_things: dict[str, Thing] = {}
_attachments: list[Attachment] = []


def add_thing(thing: Thing) -> None:
    _things[thing.entity_type] = thing


def add_attachment(attachment: Attachment) -> None:
    _attachments.append(attachment)


def thing_of(entity_type: str) -> Thing | None:
    return _things.get(entity_type)


def all_things() -> list[Thing]:
    return list(_things.values())


# ------------------------------------------------------------------ who sees a thing


def find_visible(principal: Principal, entity_type: str, id_: str) -> tuple[Thing, Any] | None:
    """Return the thing, archived or not, where the principal may see it. Others answer as those
    that do not exist."""
    thing, ids = _things.get(entity_type), canonical_uuids([id_])
    if thing is None or not ids:
        return None
    of_tenant = thing.rows().filter(organization_id=principal.organization_id, pk__in=ids)
    row = of_tenant.filter(thing.visible_to(principal)).first()
    return None if row is None else (thing, row)


def may_see(user: User, entity_type: str, id_: str) -> bool:
    """Whether the user may see the thing now: for what is not their own request."""
    if not user.is_active or user.organization_id is None:
        return False
    return find_visible(principal_of(user), entity_type, id_) is not None


def rows_of_thing(principal: Principal, entity_type: str, id_: str) -> list[Row]:
    """Return the rows that hold the principal's right to a thing (see `sync.eventlog.writer`): the
    thing's own, and the one that says in which department they are."""
    thing = _things.get(entity_type)
    if thing is None:
        return []
    own = Employee.objects.of(principal.organization_id).filter(user_id=principal.user_id)
    rows: list[Row] = [(thing.model, pk) for pk in canonical_uuids([id_])]
    return rows + [(Employee, pk) for pk in own.values_list("pk", flat=True)]


# ------------------------------------------------------------------ what hangs on it


def follow(entity_type: str, changes: Sequence[Change[Any]]) -> None:
    """Have what hangs on things follow their changes: called where these have been appended."""
    thing = _things[entity_type]
    deciding = [
        change
        for change in changes
        if change.kind == "deleted" or (change.kind == "updated" and change.touches(*thing.decides))
    ]
    for attachment in _attachments if deciding else ():
        attachment.follow(thing, deciding)


def attached_to(entity_type: str, row: Any) -> list[tuple[str, int, str]]:
    """Return what hangs on a thing: label, count, and the address of the page that lists it."""
    thing = _things[entity_type]
    return [(one.label, *one.count(thing, row)) for one in _attachments]


def clear(entity_type: str, id_: UUID) -> None:
    """Delete what hangs on a thing that is about to be deleted, in parts."""
    for attachment in _attachments:
        attachment.clear(_things[entity_type], id_)
