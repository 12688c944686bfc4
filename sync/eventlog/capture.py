"""Every change to a synced model becomes an event, from whatever source it comes (decision V1).

A model is registered once with an `EntitySync`: its entity name, what clients see of a row and whom
it concerns. From then on saving, deleting, cascades and the queryset's update and bulk methods are
captured here, in the transaction of the change. Raw SQL is not.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextvars import ContextVar
from copy import copy
from dataclasses import dataclass
from types import UnionType
from typing import Any, ClassVar, Generic, TypeVar

import msgspec
from django.core.exceptions import ObjectDoesNotExist
from django.db import models
from django.db.models.signals import post_delete, post_save, pre_delete, pre_save

from sync.eventlog.fields import (
    attnames,
    differences,
    evaluate_assigned,
    put_back,
    round_assigned,
    stamps,
)
from sync.eventlog.log import PendingEvent, append, append_look
from sync.protocol import rights
from sync.protocol.codecs import json_text
from sync.protocol.identity import Actor, current_actor
from sync.protocol.messages import Deletion
from sync.protocol.registry import EntityData, Message, name_of
from sync.protocol.rights import AccessChange
from sync.protocol.times import wire_time
from sync.protocol.topics import Audience, SnapshotEntity

logger = logging.getLogger("bos.sync")

M = TypeVar("M", bound=models.Model)
EVERYTHING = frozenset({"*"})


class Told(Message):
    """Sent to nobody: another message tells of the change."""


TOLD = Told()
Live = Message | None


@dataclass(frozen=True, slots=True)
class Change(Generic[M]):
    """kind: 'created', 'updated' or 'deleted'.

    before is None for a new row, after is None for a deleted one.

    fields: names of the fields that changed; where only untracked fields were written, `before`
    was not read and `fields` are those that were written.
    """

    kind: str
    before: M | None
    after: M | None
    fields: frozenset[str]

    @property
    def row(self) -> M:
        row = self.after if self.after is not None else self.before
        assert row is not None
        return row

    def touches(self, *fields: str) -> bool:
        return not self.fields.isdisjoint((*fields, "*"))


class EntitySync(Generic[M]):
    """How a model appears on the wire: subclass it once a model, and list it in a Feature."""

    model: type[M]
    entity_type: ClassVar[str]
    shape: ClassVar[type[EntityData] | UnionType | None] = None
    """The EntityData that `data` returns, or a union of several; None where nothing is ever shown.
    What is sent, the reference and the clients' types all come from it."""
    mirrored: ClassVar[bool] = True
    """Whether a change goes out as SYNC_UPDATE or SYNC_DELETE also where `live` tells of it."""
    watched_fields: ClassVar[frozenset[str]] = EVERYTHING
    """Fields whose old value decides about the audience, as attnames (`shop_id`). A save that
    writes none of them, and none that decides about rights, spares the query for the old row."""
    ignored: ClassVar[frozenset[str]] = frozenset({"updated_at"})
    """Fields that change with every save and are no change by themselves."""
    related: ClassVar[tuple[str, ...]] = ()
    """Rows that audience and data look at: read along where many rows change at once."""

    def organization_id(self, row: M) -> str:
        """The organization whose log tells of the row; empty where it is of no organization."""
        return str(row.organization_id)  # type: ignore[attr-defined]  # or it is overridden

    def data(self, row: M) -> EntityData:
        """Return what clients mirror of the row, as its `shape`."""
        raise NotImplementedError

    def readable_data(self, row: M) -> EntityData | None:
        """Return `data`; None, with a line in the log, where what is stored has no such shape: an
        older version's, or one that somebody has edited."""
        try:
            return self.data(row)
        except msgspec.ValidationError as error:
            extra = {"entity": f"{self.entity_type}:{row.pk}", "error": str(error)}
            logger.error("row not shown", extra=extra)
            return None

    def snapshot(self, rows: Iterable[M]) -> Iterator[SnapshotEntity]:
        """Yield these rows as a snapshot shows them. One that cannot be read is left out: it must
        not take the snapshot from everybody who follows the same topic."""
        for row in rows:
            data = self.readable_data(row)
            if data is not None:
                yield SnapshotEntity(self.entity_type, str(row.pk), data)

    def audience(self, row: M) -> Audience:
        raise NotImplementedError

    def live(self, change: Change[M], actor: Actor) -> Live:
        """Return the message of its own that tells of the change, a registered one.

        None: the change goes out as SYNC_UPDATE or SYNC_DELETE. TOLD: another message tells of it.
        """
        return None

    def change_type(self, change: Change[M]) -> str:
        """Return the change as clients see it: a row marked as left may be deleted for them."""
        return change.kind

    def is_event(self, change: Change[M]) -> bool:
        """Whether this change is an event to anybody. The rights that it touches are looked at all
        the same."""
        return True

    def after_append(self, changes: Sequence[Change[M]], actor: Actor) -> None:
        """Called for changes that were told, in their transaction: the place to keep a history."""


_synced: dict[type[models.Model], EntitySync[Any]] = {}


def add_entity(synced: EntitySync[Any]) -> None:
    _synced[synced.model] = synced


def registered() -> dict[type[models.Model], EntitySync[Any]]:
    return dict(_synced)


def registered_for(model: type[M]) -> EntitySync[M]:
    return _synced[model]


Follower = Callable[[Sequence[Change[Any]]], None]
_followers: dict[type[models.Model], list[Follower]] = {}


def add_follower(model: type[models.Model], follower: Follower) -> None:
    """Call this for all changes of the model's rows, events or not, in their transaction.

    With several at once where a queryset's method changes several rows. Followers are called in the
    order in which they came.
    """
    _followers.setdefault(model, []).append(follower)


def connect() -> None:
    """Begin to capture. Raises ValueError where rights depend on a model that is not captured."""
    for model, fields in rights.models_read().items():
        if model not in _synced or not fields <= {f.attname for f in model._meta.concrete_fields}:
            raise ValueError(f"rights depend on {model.__name__}: {sorted(fields)} not captured")
    for model in _synced:
        pre_save.connect(_before_save, sender=model, dispatch_uid="sync")
        post_save.connect(_after_save, sender=model, dispatch_uid="sync")
        pre_delete.connect(_before_delete, sender=model, dispatch_uid="sync")
        post_delete.connect(_after_delete, sender=model, dispatch_uid="sync")


# ------------------------------------------------------------------ one row


locked_rows: ContextVar[dict[tuple[type[models.Model], Any], Any]] = ContextVar("locked_rows")
"""Rows as they are in the database, locked, while a queryset deletes them."""


def _stored(row: M) -> M | None:
    """The row as it is in the database, locked: nobody moves it before our event is written."""
    rows: models.QuerySet[M] = type(row)._base_manager.filter(pk=row.pk)
    if related := _synced[type(row)].related:
        rows = rows.select_related(*related)
    return rows.select_for_update(of=("self",), no_key=True).first()


def _before_save(
    sender: type[models.Model],
    instance: Any,
    raw: bool,
    update_fields: frozenset[str] | None,
    **_: object,
) -> None:
    round_assigned(instance)
    instance._sync_before = None
    instance._sync_read = True
    if instance._state.adding and not raw:
        return
    if not _decides(sender, attnames(sender, update_fields)):
        instance._sync_read = False
        return
    instance._sync_before = _stored(instance)
    if instance._sync_before is None and instance.pk is not None and not raw:
        # Django would insert it again: somebody has deleted it since it was read.
        raise ObjectDoesNotExist(f"{sender.__name__} was deleted meanwhile")


def _decides(model: type[models.Model], written: frozenset[str] | None) -> bool:
    """Whether the old values of what is written matter. written: None for all fields."""
    watched = _synced[model].watched_fields
    if written is None or watched is EVERYTHING:
        return True
    return not written.isdisjoint(watched | rights.fields_read(model))


def _after_save(
    sender: type[models.Model],
    instance: Any,
    created: bool,
    update_fields: frozenset[str] | None,
    **_: object,
) -> None:
    before = instance.__dict__.pop("_sync_before", None)
    read = instance.__dict__.pop("_sync_read", False)
    synced = _synced[sender]
    evaluate_assigned(instance)
    after = instance
    if update_fields is not None and not created:
        # What was not written may be stale in hand; who sees the row is decided by what is stored.
        after = copy(instance)
        after.refresh_from_db()
    if created:
        fields = EVERYTHING
    elif before is None:
        fields = EVERYTHING if read else (attnames(sender, update_fields) or EVERYTHING)
    else:
        fields = differences(before, after)
    if before is not None and fields <= stamps(sender):
        put_back(before, instance, fields)
    else:
        record(synced, Change("created" if created else "updated", before, after, fields))


def _before_delete(sender: type[models.Model], instance: Any, **_: object) -> None:
    # The instance in hand may be stale or edited; the audience is that of the stored row.
    held = locked_rows.get({}).get((sender, instance.pk))
    instance._sync_before = held or _stored(instance)


def _after_delete(sender: type[models.Model], instance: Any, **_: object) -> None:
    before = instance.__dict__.pop("_sync_before", None)
    if before is not None:  # or somebody else has deleted it, and told of it
        record(_synced[sender], Change("deleted", before, None, EVERYTHING))


# ------------------------------------------------------------------ to the log


def record(synced: EntitySync[M], *changes: Change[M]) -> None:
    """Take note of rows that have changed: tell who follows that, and append what is an event."""
    followers = _followers.get(synced.model)
    if followers is not None:
        noted = [change for change in changes if change.fields]
        for follower in followers:
            follower(noted)
    ignored = synced.ignored - stamps(synced.model) - rights.fields_read(synced.model)
    # An untracked write has no old row to compare with: it counts even with the same value.
    append_events(synced, *(change for change in changes if change.fields - ignored))


def append_events(synced: EntitySync[M], *changes: Change[M]) -> None:
    """Append what these changes tell to whom, and keep what is to be kept of them."""
    actor = current_actor()
    told = [change for change in changes if _append_change(synced, change, actor)]
    if told:
        synced.after_append(told, actor)


def _append_change(synced: EntitySync[M], change: Change[M], actor: Actor) -> bool:
    """Append what the change tells, and whose rights it touches; whether it is an event.

    A right by the old row was one in the organization that the row was in: it is looked at there,
    also where the change concerns nobody.
    """
    access = rights.touched(synced.model, change.before, change.after, change.fields)
    left = _left_organization(synced, change)
    if left:
        _append_within(synced, Change("deleted", change.before, None, EVERYTHING), actor, access)
        access = None
    return _append_within(synced, change, actor, access, left=left)


def _append_within(
    synced: EntitySync[M],
    change: Change[M],
    actor: Actor,
    access: AccessChange | None,
    *,
    left: bool = False,
) -> bool:
    """One event; two where part of the audience lost the row; none of what does not concern them.

    A row that moves away from a topic is deleted for those who follow that topic, and updated for
    those who still see it: an old snapshot plus a sync equals a fresh snapshot on either topic.
    """
    if not synced.is_event(change):
        if access is not None:
            _append_look(synced, change, actor, access)
        return False
    kind = synced.change_type(change)
    row = change.row
    if kind == "deleted" and not left and change.before is not None:
        row = change.before  # gone for those who were shown it
    audience = synced.audience(row)
    if (
        not left
        and kind != "deleted"
        and (lost := _lost_audience(synced, change, audience)) is not None
    ):
        _append(synced, change, "deleted", None, lost, actor, access)
        access = None  # nothing comes between the two
    _append(synced, change, kind, synced.live(change, actor), audience, actor, access)
    return True


def _left_organization(synced: EntitySync[M], change: Change[M]) -> bool:
    """Moved to another tenant: for the old one's followers, and in its log, it is deleted."""
    before, after = change.before, change.after
    if before is None or after is None:
        return False
    return synced.organization_id(before) != synced.organization_id(after)


def _lost_audience(synced: EntitySync[M], change: Change[M], audience: Audience) -> Audience | None:
    if change.before is None:
        return None
    return synced.audience(change.before).without(audience)


def _append_look(
    synced: EntitySync[M], change: Change[M], actor: Actor, access: AccessChange
) -> None:
    """Have rights looked at by an event that is shown to nobody."""
    row = change.before if change.before is not None else change.row
    organization_id = synced.organization_id(row)
    if organization_id:
        append_look(
            organization_id,
            entity_type=synced.entity_type,
            entity_id=str(row.pk),
            change_type=change.kind,
            access=access,
            actor=actor,
        )


def _append(
    synced: EntitySync[M],
    change: Change[M],
    change_type: str,
    live: Live,
    audience: Audience,
    actor: Actor,
    access: AccessChange | None,
) -> None:
    data = (
        Deletion(actor.user_id, wire_time())
        if change_type == "deleted"
        else synced.data(change.row)
    )
    append(
        PendingEvent(
            organization_id=synced.organization_id(change.row),
            entity_type=synced.entity_type,
            entity_id=str(change.row.pk),
            change_type=change_type,
            data=json_text(data),
            live_type="" if live is None or live is TOLD else name_of(type(live)),
            live="" if live is None else json_text(live),
            actor=actor,
            access=json_text(access) if access else "",
            audience=audience,
        )
    )
