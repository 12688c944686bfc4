"""Collect what a file would change, or has changed, as its page shows it."""

from __future__ import annotations

from bisect import insort
from collections.abc import Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

from bos.imports.files import Row
from bos.texts import storable

SHOWN_ROWS = 100
SHOWN_PROBLEMS = 200
BY_ROW = itemgetter("row")


@dataclass(slots=True)
class Outcome:
    """Changes of a file. Only the first rows and problems are kept, all are counted.

    rows: {"row": 2, "what": "changed", "name": ..., "changes": [[column, before, after], ...]}, in
    the order of the file. problems: {"row": 3, "column": "value", "message": ...}.
    notes: sentences about how the file was read. lost: rows that could not be written any more.
    """

    new: int = 0
    changed: int = 0
    unchanged: int = 0
    lost: int = 0
    ignored_columns: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    rows: list[dict[str, Any]] = field(default_factory=list)
    problems: list[dict[str, Any]] = field(default_factory=list)
    problem_count: int = 0

    def refuse(self, row: Row, column: str, message: str) -> None:
        self._name(row.number, column, message)

    def lose(self, number: int, message: str) -> None:
        """Count a row that could be written when the file was checked, and cannot any more."""
        self.lost += 1
        self._name(number, "", message)

    def _name(self, number: int, column: str, message: str) -> None:
        self.problem_count += 1
        if len(self.problems) < SHOWN_PROBLEMS:
            problem = {"row": number, "column": column, "message": message}
            self.problems.append(storable(problem))

    def show(self, number: int, name: str, changes: Sequence[Sequence[str]], *, new: bool) -> None:
        """Count a change; rows come in any order."""
        self.new, self.changed = self.new + new, self.changed + (not new)
        if len(self.rows) < SHOWN_ROWS or number < self.rows[-1]["row"]:
            what = "new" if new else "changed"
            shown = {"row": number, "what": what, "name": name, "changes": list(changes)}
            insort(self.rows, storable(shown), key=BY_ROW)
            del self.rows[SHOWN_ROWS:]

    def as_json(self) -> dict[str, Any]:
        """Quickly, as after each slice: rows and problems have been made storable one by one."""
        stored: dict[str, Any] = {name: getattr(self, name) for name in self.__slots__}
        texts = {name: storable(stored[name]) for name in ("ignored_columns", "notes")}
        return stored | texts
