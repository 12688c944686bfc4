"""The fields of a row that is saved: what was assigned, what was written, what has changed."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any

from django.db import models


def round_assigned(instance: models.Model) -> None:
    """Turn what was assigned ("2.5", 0.12345) into what will be stored, on every database alike."""
    for field in instance._meta.concrete_fields:
        value = instance.__dict__.get(field.attname)
        if value is None or hasattr(value, "resolve_expression"):
            continue
        value = field.to_python(value)
        if isinstance(field, models.DecimalField) and value.is_finite():
            value = round(value, field.decimal_places)
        instance.__dict__[field.attname] = value


def evaluate_assigned(instance: models.Model) -> None:
    """Turn expressions that were assigned (F("value") + 1) into what the database has now."""
    if any(hasattr(value, "resolve_expression") for value in instance.__dict__.values()):
        instance.refresh_from_db()


@cache
def stamps(model: type[models.Model]) -> frozenset[str]:
    """Fields that every save writes by itself."""
    return frozenset(f.attname for f in model._meta.concrete_fields if getattr(f, "auto_now", 0))


def put_back(before: models.Model, instance: models.Model, stamps: frozenset[str]) -> None:
    """A save that changed nothing leaves no new time of change, which a snapshot would show."""
    values = {name: before.__dict__[name] for name in stamps}
    if values:
        rows = type(instance)._base_manager.filter(pk=instance.pk)
        models.QuerySet.update(rows, **values)  # uncaptured: it is no change
        instance.__dict__.update(values)


def attnames(
    model: type[models.Model], update_fields: Iterable[str] | None
) -> frozenset[str] | None:
    if update_fields is None:
        return None
    # What can be written has an attname; relations from elsewhere, which have none, cannot.
    fields: Any = [model._meta.get_field(name) for name in update_fields]
    return frozenset(field.attname for field in fields)


def differences(before: models.Model, after: models.Model) -> frozenset[str]:
    # Loaded values only: a deferred field was not written.
    return frozenset(
        field.attname
        for field in before._meta.concrete_fields
        if field.attname in after.__dict__
        and before.__dict__.get(field.attname) != after.__dict__[field.attname]
    )
