"""Printing: for eyes on a terminal, a JSON object a line into a pipe."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text


class Output:
    """for_eyes: whether it is read on a terminal."""

    def __init__(self, *, for_eyes: bool) -> None:
        self.for_eyes = for_eyes
        self.console = Console()
        self.errors = Console(stderr=True)

    def line(self, **fields: Any) -> None:
        """Write one JSON object."""
        sys.stdout.write(json.dumps(fields, ensure_ascii=False) + "\n")
        sys.stdout.flush()

    def say(self, text: str, /, **fields: Any) -> None:
        """Write the text on a terminal, and the fields into a pipe."""
        if self.for_eyes:
            self.console.print(Text(text))
        else:
            self.line(**fields)

    def table(self, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
        """Write a table on a terminal, and a line a row into a pipe. columns: keys of a row."""
        if not self.for_eyes:
            for row in rows:
                self.line(**row)
            return
        table = Table(*columns, box=None, pad_edge=False)
        for row in rows:
            table.add_row(*(Text(shown(row.get(name))) for name in columns))
        self.console.print(table)

    def note(self, text: str) -> None:
        """Say something beside the output: to stderr, so that a pipe stays clean."""
        self.errors.print(Text(text, style="dim"))


def shown(value: Any) -> str:
    """Return a value as it is shown on a terminal."""
    if value is None:
        return "-"
    return f"{value:g}" if isinstance(value, float) and abs(value) < 1e6 else str(value)
