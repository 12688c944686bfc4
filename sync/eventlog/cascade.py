"""Deleting what refers to rows of its own kind: replies to replies."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any, TypeVar

from django.db import connections, models

M = TypeVar("M", bound=models.Model)

# SQLite takes some thousand values in one query.
AT_ONCE = 500


def below(field: models.ForeignKey[Any, Any], rows: Iterable[M]) -> list[M]:
    """The rows that refer to these by this field of their own model, and to those, and so on.

    The nearest come first: deleted from the end, nothing refers to what is deleted.
    """
    found: dict[Any, M] = {row.pk: row for row in rows}
    given = len(found)
    level: Collection[Any] = list(found)
    while level:
        new = {row.pk: row for row in _referring(field, list(level)) if row.pk not in found}
        found |= new
        level = new
    return list(found.values())[given:]


def _referring(field: models.ForeignKey[Any, Any], keys: list[Any]) -> Iterable[Any]:
    for first in range(0, len(keys), AT_ONCE):
        part = keys[first : first + AT_ONCE]
        yield from field.model._base_manager.filter(**{f"{field.attname}__in": part})


def CASCADE_TREE(collector: Any, field: Any, sub_objs: Any, using: str) -> None:
    """`models.CASCADE` for a reference to a row's own model, at any depth.

    Django's calls itself at each level, and so does the page that lists what will be deleted: a
    RecursionError at some 300 of them. Without `source_attr` that page lists them side by side.
    """
    rows = list(sub_objs)
    rows += below(field, rows)
    collector.collect(
        rows, source=field.remote_field.model, nullable=field.null, fail_on_restricted=False
    )
    if field.null and not connections[using].features.can_defer_constraint_checks:
        collector.add_field_update(field, None, rows)


def CASCADE_BEFORE(collector: Any, field: Any, sub_objs: Any, using: str) -> None:
    """`models.CASCADE` for a reference that may be empty: the referring row is deleted first.

    Django's puts no order there, and an event of the referring row may look at the other.
    """
    collector.collect(
        sub_objs,
        source=field.remote_field.model,
        source_attr=field.name,
        nullable=False,
        fail_on_restricted=False,
    )
