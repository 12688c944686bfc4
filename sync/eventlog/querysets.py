"""Bases of captured models: their saves, queryset's updates and bulk methods are events."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

from django.db import NotSupportedError, models, transaction

from sync.eventlog.capture import EVERYTHING, Change, locked_rows, record, registered
from sync.eventlog.fields import differences, evaluate_assigned, round_assigned

M = TypeVar("M", bound=models.Model)


class SyncedQuerySet(models.QuerySet[M]):
    """A queryset whose update and bulk methods are captured row by row."""

    def update(self, **values: Any) -> int:
        synced = registered().get(self.model)
        if synced is None or not values:
            return super().update(**values)
        with transaction.atomic(using=self.db, savepoint=False):
            keys = list(self.values_list("pk", flat=True))
            rows = self.model._base_manager.using(self.db).filter(pk__in=keys).order_by("pk")
            if synced.related:
                rows = rows.select_related(*synced.related)
            before = {row.pk: row for row in rows.select_for_update(of=("self",))}
            # Of these only: a row that somebody moved into the filter meanwhile has no event.
            changed = models.QuerySet.update(self.filter(pk__in=keys), **values)
            changes = []
            for after in rows.all():
                old = before.get(after.pk)
                fields = EVERYTHING if old is None else differences(old, after)
                changes.append(Change("updated", old, after, fields))
            record(synced, *changes)
        return changed

    update.alters_data = True  # type: ignore[attr-defined]  # no template may call it

    def delete(self) -> tuple[int, dict[str, int]]:
        """Read and lock the rows at once, not each one for itself."""
        synced = registered().get(self.model)
        if synced is None:
            return super().delete()
        with transaction.atomic(using=self.db, savepoint=False):
            keys = list(self.values_list("pk", flat=True))
            rows = self.model._base_manager.using(self.db).filter(pk__in=keys).order_by("pk")
            if synced.related:
                rows = rows.select_related(*synced.related)
            held = rows.select_for_update(of=("self",), no_key=True)
            token = locked_rows.set({(self.model, row.pk): row for row in held})
            try:
                return super().delete()
            finally:
                locked_rows.reset(token)

    delete.alters_data = True  # type: ignore[attr-defined]  # as above
    delete.queryset_only = True  # type: ignore[attr-defined]  # as Django's own

    def bulk_create(self, objs: Iterable[M], *args: Any, **kwargs: Any) -> list[M]:
        synced = registered().get(self.model)
        if synced is None:
            return super().bulk_create(objs, *args, **kwargs)
        if kwargs.get("update_conflicts") or kwargs.get("ignore_conflicts"):
            raise NotSupportedError("nothing says which rows a conflict changed: save() each")
        with transaction.atomic(using=self.db, savepoint=False):
            rows = list(objs)
            for row in rows:
                round_assigned(row)
            created = super().bulk_create(rows, *args, **kwargs)
            for row in created:
                evaluate_assigned(row)
            record(synced, *(Change("created", None, row, EVERYTHING) for row in created))
        return created


class SyncedModel(models.Model):
    """Base of the captured models: a save and its event are one transaction, always.

    A subclass's manager is made of a SyncedQuerySet, and is its `base_manager_name`, too: related
    updates (SET_NULL) go through that one.
    """

    class Meta:
        abstract = True

    def save_base(self, *args: Any, **kwargs: Any) -> None:
        if kwargs.get("force_update") or kwargs.get("update_fields"):
            self._state.adding = False  # made by hand, but the row is there: its old self is read
        # Django saves a single row in autocommit: the row would be committed before its event.
        with transaction.atomic(using=kwargs.get("using"), savepoint=False):
            super().save_base(*args, **kwargs)

    save_base.alters_data = True  # type: ignore[attr-defined]  # as above
