"""Kinds of rows that can be imported, and what a kind makes of a file: steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from bos.imports.cells import Unreadable
from bos.imports.files import Table
from bos.imports.outcome import Outcome
from bos.models import Organization

Progress = Callable[[int], None]


class Step(msgspec.Struct, array_like=True, frozen=True):
    """One row of a file, understood and found right: stored until it is written.

    row: as a spreadsheet counts, from 1.
    """

    row: int


@dataclass(slots=True)
class Plan:
    """steps: of the rows that are right, in the order in which they are to be written."""

    outcome: Outcome
    steps: Sequence[Any]


class Kind(Protocol):
    """A kind of rows. columns: (name, what to write in it). step: what a row is kept as."""

    name: str
    title: str
    max_rows: int
    columns: tuple[tuple[str, str], ...]
    step: type[Step]

    def plan(self, table: Table, organization: Organization, progress: Progress) -> Plan:
        """Understand every row, and name what is wrong with it; read only. Raises Unreadable."""
        ...

    def compare(self, steps: Sequence[Any], organization: Organization, outcome: Outcome) -> None:
        """Count what these steps would change, by what is stored now; read only."""
        ...

    def write(self, steps: Sequence[Any], organization: Organization, outcome: Outcome) -> None:
        """Make the changes of some steps, by what is stored now, and count them.

        What they are about may have been changed or deleted since they were planned: those are
        lost. Raises IntegrityError where the database refuses one. Runs inside the caller's
        transaction, of one import of the organization at a time.
        """
        ...


class Unbearable(Unreadable):
    """Reading the file took more than one file may. It is not tried again."""


_kinds: dict[str, Kind] = {}


def add_kind(kind: Kind) -> None:
    _kinds[kind.name] = kind


def kinds() -> list[Kind]:
    return list(_kinds.values())


def kind_named(name: str) -> Kind:
    return _kinds[name]
