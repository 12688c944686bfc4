"""The boxes of the admin's front page. Each feature adds its own (`Feature.panels`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from django.http import HttpRequest

MOST_LINES = 10
ONE_MORE = MOST_LINES + 1
"""So many lines to ask for: with the last one it is known that there are more."""
Tone = Literal["", "good", "wait", "bad"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """A button at a line: posts these fields to the address."""

    label: str
    address: str
    fields: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """text leads to `address`, if there is one; note: in grey beside it; at: when that was."""

    text: str
    address: str = ""
    note: str = ""
    tone: Tone = ""
    at: datetime | None = None
    act: Act | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """A box of the front page, in the order of `order`.

    symbol: of Material Symbols. rows: the lines for this user, within their organization
    (`scope_of`), at most `ONE_MORE`, in at most three queries; None where there is no such box
    today. empty: what to do where there are none. page: the name of the address of all of them,
    'admin:kpis_alert_changelist'; query: with these filters.
    """

    title: str
    symbol: str
    rows: Callable[[HttpRequest], Sequence[Line] | None]
    order: int
    empty: str = "Nothing."
    page: str = ""
    query: str = ""
    for_superusers: bool = False


_panels: dict[str, Panel] = {}


def add_panel(panel: Panel) -> None:
    _panels[panel.title] = panel


def panels() -> list[Panel]:
    """Return all of them, the first one first."""
    return sorted(_panels.values(), key=lambda panel: (panel.order, panel.title))
