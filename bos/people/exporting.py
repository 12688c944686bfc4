"""All that is stored about a person, as one JSON file (decision D6).

Each app says by `exports` of its Feature what it has: a label, and a user's rows. Rows are read and
written one after the other: ten years of somebody's values take no more memory than a day's. No
secret is among them, not even as a hash.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from django.utils import timezone

from bos.models import User

CHUNK = 2**16
AT_ONCE = 500
"""Rows that are in memory at a time, of those that the database sends."""


class ExportRow(msgspec.Struct, rename="camel"):
    """Base of what an app tells of a person: a row of a file that people read."""


Rows = Callable[[User], Iterable[ExportRow]]


@dataclass(frozen=True, slots=True)
class Export:
    """rows: those of a user. covers: the fields by which they are found, as 'kpis.Kpi.owner'."""

    rows: Rows
    covers: tuple[str, ...] = ()


_exports: dict[str, Export] = {}
_left_out: dict[str, str] = {}


def add_export(label: str, part: Export) -> None:
    """label: the name of the rows in the file, in the plural and in camel case."""
    _exports[label] = part


def leave_out(field: str, reason: str) -> None:
    """field: one that names a user, as 'kpis.Kpi.owner', and is in no export for this reason."""
    _left_out[field] = reason


def covered() -> set[str]:
    """Return the fields by which somebody's rows are exported."""
    return {field for part in _exports.values() for field in part.covers}


def left_out() -> dict[str, str]:
    return dict(_left_out)


def file_name(now: datetime) -> str:
    return f"bos-data-{now:%Y-%m-%d}.json"


def export(user: User) -> Iterator[bytes]:
    """Yield the file, some kilobytes at a time."""
    buffer = bytearray()
    for piece in _pieces(user):
        buffer += piece
        if len(buffer) >= CHUNK:
            yield bytes(buffer)
            buffer.clear()
    yield bytes(buffer)


def _pieces(user: User) -> Iterator[bytes]:
    encode = msgspec.json.Encoder().encode
    yield b'{"exportedAt":' + encode(timezone.now())
    for label, part in _exports.items():
        yield b",\n" + encode(label) + b":["
        between = b"\n"
        for row in part.rows(user):
            yield between + encode(row)
            between = b",\n"
        yield b"]"
    yield b"}\n"


def stream(rows: Any) -> Iterator[Any]:
    """Read the rows of a query some at a time, in the order in which it has them."""
    found: Iterator[Any] = rows.iterator(chunk_size=AT_ONCE)
    return found


# ------------------------------------------------------------------ histories


class ChangeRow(ExportRow):
    """A change of a row: made by the person, or of the row that is about them."""

    at: datetime
    kind: str
    """'created', 'changed' or 'deleted'."""
    id: str
    changed: str
    """Names of the fields."""
    source: str


KINDS = {"+": "created", "~": "changed", "-": "deleted"}


def change_row(row: Any) -> ChangeRow:
    """row: of a history (`bos.history.model`)."""
    return ChangeRow(
        at=row.history_date,
        kind=KINDS.get(row.history_type, row.history_type),
        id=str(row.id),
        changed=row.changed,
        source=row.source,
    )


def add_history(model: Any) -> None:
    """Export what a person has changed of a model whose changes are kept with their authors."""
    names = str(model._meta.verbose_name_plural)
    history = model.history_of_changes.model

    def rows(user: User) -> Iterator[ExportRow]:
        made = history.objects.filter(history_user_id=str(user.pk)).order_by("history_id")
        return map(change_row, stream(made))

    label = "changesOf" + "".join(word[:1].upper() + word[1:] for word in names.split())
    add_export(label, Export(rows, (f"{history._meta.label}.history_user_id",)))
