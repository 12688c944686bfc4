"""Things that have notes: whose topics show these, and what becomes of them (decision C8).

Everything but `clear` runs in the caller's transaction. Whatever changes a thing's notes on the
wire has locked the thing's own row; what changes the thing has, too.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from copy import copy
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet
from django.db.models.base import ModelState
from django.urls import reverse

from bos import things
from bos.ids import canonical_uuids, wire_id
from bos.models import User
from bos.things import Attachment, Thing
from collaboration.models import Annotation, NotedThing
from collaboration.usage import require_bytes_in_organization
from sync.eventlog.capture import Change, append_events, registered_for
from sync.eventlog.fast_sql import Lock, hold_rows
from sync.eventlog.threads import in_batches
from sync.protocol.errors import Unauthorized
from sync.protocol.identity import Principal
from sync.protocol.topics import Audience

DELETED_AT_ONCE = 100
"""Each is an event: nobody else's change should wait long for the organization's log."""
MOVED = frozenset({"thing"})
"""The fields of a change of a note whose thing is shown elsewhere, or archived: the rows before and
after hold what the thing was and is."""
SHOWN = frozenset({"shown"})
"""The fields of a change of what is shown of a row that is as it was."""
KNOWN = MOVED | SHOWN
"""Of a note with such a change, the thing is locked, and read since."""


def topics_of(noted: NotedThing) -> Audience:
    """Return the topics that show the thing's notes.

    Archived, a thing has no topic of its own, and its notes go on where it was shown. What is
    restricted never goes out on the organization's topic (decision S4).
    """
    ids = {
        "organization": str(noted.organization_id) if noted.open_to_organization else None,
        "department": wire_id(noted.department_id),
    }
    if not noted.archived:
        ids[noted.entity_type] = str(noted.entity_id)
    return Audience(**ids)


def shown_on(kind: str, organization_id: str, ids: Collection[str]) -> QuerySet[Annotation]:
    """Return the notes that topics of this kind show: as `topics_of` says it."""
    shown = Q(thing__entity_type=kind, thing__entity_id__in=ids, thing__archived=False)
    if kind == "organization":
        shown = Q(thing__open_to_organization=True, thing__organization_id__in=ids)
    elif kind == "department":
        shown |= Q(thing__department_id__in=ids)
    rows = Annotation.objects.filter(shown, thing__organization_id=organization_id)
    return rows.select_related("author", "thing").order_by("created_at")


# ------------------------------------------------------------------ to write on one


def thing_to_write_on(principal: Principal, entity_type: str, id_: str) -> NotedThing:
    """Return the thing, locked, made where there were no notes on it.

    Raises Unauthorized where it does not exist, may not be seen, or is archived.
    """
    refusal = Unauthorized(field="entity")
    thing, keys = things.thing_of(entity_type), canonical_uuids([id_])
    if thing is None:
        raise refusal
    organization_id = principal.organization_id
    hold_rows(thing.model, keys, Lock.CHANGE, wait=True, organization_id=organization_id)
    found = things.find_visible(principal, entity_type, id_)
    if found is None:
        raise refusal
    place = thing.place(found[1])
    if place.archived:
        raise refusal
    known = {"entity_type": entity_type, "entity_id": found[1].pk}
    noted: NotedThing | None = NotedThing.objects.of(organization_id).filter(**known).first()
    if noted is None:
        require_bytes_in_organization(organization_id, more=0)
        noted = NotedThing(organization_id=organization_id, **known)
        _take_over(noted, found[1], thing)
        noted.save(force_insert=True)
    return noted


def thing_of_note(principal: Principal, thing_id: UUID) -> NotedThing | None:
    """Return the thing that notes are on, locked, where the principal may see it, archived or
    not."""
    noted: NotedThing | None = (
        NotedThing.objects.of(principal.organization_id).filter(pk=thing_id).first()
    )
    thing = None if noted is None else things.thing_of(noted.entity_type)
    if noted is None or thing is None:
        return None
    keys, organization_id = [noted.entity_id], principal.organization_id
    hold_rows(thing.model, keys, Lock.CHANGE, wait=True, organization_id=organization_id)
    if things.find_visible(principal, noted.entity_type, str(noted.entity_id)) is None:
        return None
    noted.refresh_from_db()
    return noted


def hold_things_of(notes: QuerySet[Annotation]) -> None:
    """Lock the things that these notes are on; read the notes after that."""
    ids = notes.order_by().exclude(thing=None).values("thing_id")
    rows = NotedThing.objects.filter(pk__in=ids).order_by("pk")
    list(rows.select_for_update(no_key=True).values_list("pk"))


def all_may_see(noted: NotedThing, users: Collection[User]) -> bool:
    return all(things.may_see(user, noted.entity_type, str(noted.entity_id)) for user in users)


def words_for(noted: NotedThing) -> str:
    thing = things.thing_of(noted.entity_type)
    return f"the {thing.label if thing else noted.entity_type} “{noted.name}”"


# ------------------------------------------------------------------ what becomes of the thing


def follow(thing: Thing, changes: Sequence[Change[Any]]) -> None:
    """Show the notes to those who see the thing now; deleted, it takes its notes along.

    Moved to another organization, it has no notes there: they stay where they were written, as
    those of an archived one.
    """
    changed = {change.row.pk: change.after for change in changes}
    rows = NotedThing.objects.filter(entity_type=thing.entity_type, entity_id__in=changed)
    for noted in rows.order_by("pk").select_for_update():
        after = changed[noted.entity_id]
        if after is None:
            Annotation.objects.filter(thing=noted).delete()
            noted.delete()
            continue
        was = copy(noted)
        was._state = ModelState()
        if noted.organization_id == after.organization_id:
            _take_over(noted, after, thing)
        else:
            noted.archived = True
        noted.save(update_fields=["name", "archived", "open_to_organization", "department_id"])
        _show_notes(was, noted)


def _take_over(noted: NotedThing, row: Any, thing: Thing) -> None:
    """Keep of the thing what decides about its notes."""
    place = thing.place(row)
    noted.name, noted.archived = place.name, place.archived
    noted.open_to_organization = place.open_to_organization
    noted.department_id = place.department_id


def _show_notes(was: NotedThing, noted: NotedThing) -> None:
    """Take the notes from those who see the thing no more, and show them to the others."""
    if noted.archived == was.archived and topics_of(noted).columns == topics_of(was).columns:
        return
    moved = []
    for note in Annotation.objects.filter(thing=noted).select_related("author"):
        before = copy(note)
        before._state = ModelState()
        before.thing, note.thing = was, noted
        moved.append(Change("updated", before, note, MOVED))
    append_events(registered_for(Annotation), *moved)


def clear(thing: Thing, id_: UUID) -> None:
    """Delete the notes of a thing that is about to go, replies first, a part a transaction."""
    notes = Annotation.objects.filter(thing__entity_type=thing.entity_type, thing__entity_id=id_)
    keys = list(notes.order_by("-created_at", "-pk").values_list("pk", flat=True))
    for part in in_batches(keys, DELETED_AT_ONCE):
        with transaction.atomic():
            Annotation.objects.filter(pk__in=part).delete()


def notes_on_departments(ids: Collection[UUID]) -> QuerySet[Annotation]:
    rows: QuerySet[Annotation] = Annotation.objects.filter(
        thing__entity_type="department", thing__entity_id__in=ids
    )
    return rows


def count(thing: Thing, row: Any) -> tuple[int, str]:
    """Return how many notes are on it, and the address of the admin's page that lists them."""
    of_tenant = NotedThing.objects.of(row.organization_id)
    noted = of_tenant.filter(entity_type=thing.entity_type, entity_id=row.pk).first()
    address = reverse("admin:collaboration_annotation_changelist")
    return (
        (0, address) if noted is None else (noted.notes, f"{address}?thing__id__exact={noted.pk}")
    )


NOTES = Attachment("notes", follow, count, clear)
