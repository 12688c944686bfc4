"""The authors of changes: simple-history's tables, written by the capture.

simple-history itself writes on Django's save signals, and a queryset's `update`, a bulk method or
an admin action would be missing. The capture tells of every change, from whatever source it comes.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, ClassVar

from django.apps import apps
from django.db import models
from django.utils import timezone
from simple_history.models import HistoricalRecords

from bos.ids import canonical_uuids
from sync.eventlog.capture import Change
from sync.eventlog.fast_sql import insert_rows
from sync.protocol.identity import Actor, current_actor

KINDS = {"created": "+", "updated": "~", "deleted": "-"}
MOST_CHARACTERS = 200


class HistoryRow(models.Model):
    """Adds to simple-history: from which source the change came, and what it changed."""

    source = models.CharField(max_length=16)
    changed = models.CharField(max_length=MOST_CHARACTERS, blank=True, default="")
    """Names of the fields, also of those whose values are not kept (a password)."""

    class Meta:
        abstract = True


def _author(row: Any) -> Any:
    """The user, or None: the system, or somebody who has been deleted since."""
    user_model: Any = apps.get_model("bos", "User")
    return user_model.objects.filter(pk__in=canonical_uuids([row.history_user_id or ""])).first()


class History(HistoricalRecords):
    """`history = History()` in a captured model, which a Feature lists among its `histories`.

    without: fields whose values are not kept. unnoticed: of these, those that alone are no change
    worth a row: they are kept elsewhere, or change by themselves.
    """

    always_unnoticed: ClassVar[frozenset[str]] = frozenset({"updated_at"})

    def __init__(self, *, without: Iterable[str] = (), unnoticed: Iterable[str] = ()) -> None:
        self.unnoticed = self.always_unnoticed | set(unnoticed)
        super().__init__(
            bases=(HistoryRow,),
            excluded_fields=sorted({*without, *self.unnoticed}),
            history_id_field=models.BigAutoField(),
            history_user_id_field=models.CharField(max_length=64),
            history_user_getter=_author,
            history_user_setter=None,
        )

    def finalize(self, sender: type[models.Model], **kwargs: Any) -> None:
        super().finalize(sender, **kwargs)
        if sender is self.cls:
            # Once: each access to the manager makes a new class.
            self.model: Any = getattr(sender, self.manager_name).model
            sender.history_of_changes = self

    def post_save(self, *args: Any, **kwargs: Any) -> None:
        """Nothing: the capture calls `record`."""

    post_delete = pre_delete = post_save

    def record(self, changes: Iterable[Change[Any]]) -> None:
        """Keep the rows as they are now, in the transaction of their changes."""
        actor, now = current_actor(), timezone.now()
        insert_rows(
            [
                self._row(change, changed, actor, now)
                for change in changes
                if (changed := change.fields - self.unnoticed)
            ]
        )

    def _row(
        self, change: Change[Any], changed: frozenset[str], actor: Actor, now: datetime
    ) -> models.Model:
        row = change.row
        values = {f.attname: getattr(row, f.attname) for f in self.fields_included(row)}
        kept: models.Model = self.model(
            history_date=now,
            history_type=KINDS[change.kind],
            history_user_id=actor.user_id,
            source=actor.source,
            changed=_names(row, changed) if change.kind == "updated" else "",
            **values,
        )
        return kept


def _names(row: models.Model, attnames: Iterable[str]) -> str:
    fields = [field for field in row._meta.concrete_fields if field.attname in attnames]
    return ", ".join(str(field.verbose_name) for field in fields)[:MOST_CHARACTERS]
