"""Bring stored names into their form: for migrations, with the models of their time."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from time import time_ns
from typing import Any

from bos.texts import one_form

NAMELESS = "Unnamed"
"""Of a stored name nothing may be left."""


def form_names(model: Any, *names: str, organization: str = "organization_id") -> set[Any]:
    """Bring these fields of all rows into their form; the organizations that had others.

    Nothing is merged: where two names become the same, both rows stay.
    """
    organizations = set()
    rows = model.objects.order_by().values_list("pk", organization, *names).iterator()
    changes = [
        (pk, organization_id, changed)
        for pk, organization_id, *texts in rows
        if (changed := _changed(model, names, texts))
    ]
    for pk, organization_id, changed in changes:
        model.objects.filter(pk=pk).update(**changed)
        organizations.add(organization_id)
    return organizations


def _changed(model: Any, names: Iterable[str], texts: Iterable[str]) -> dict[str, str]:
    changed = {}
    for name, text in zip(names, texts, strict=True):
        field, formed = model._meta.get_field(name), one_form(text)
        if formed != text:
            nothing = "" if field.blank else NAMELESS
            changed[name] = formed[: field.max_length].rstrip() or nothing
    return changed


def have_snapshots_taken(heads: Any, organization_ids: Collection[Any]) -> None:
    """Have all clients of these organizations take a snapshot: no event tells them of the change.

    As `sync.eventlog.log.start_over` does it. heads: the model StreamHead.
    """
    now_us = time_ns() // 1000
    for head in heads.objects.filter(pk__in=[str(id_) for id_ in organization_ids]):
        head.sequence = head.pruned_sequence = max(now_us, head.sequence + 1)
        head.at_us = head.pruned_at_us = max(now_us, head.at_us + 1)
        head.save()
