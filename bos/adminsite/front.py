"""The admin's front page: what needs somebody, who is here, whether work is done, what happened."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.urls import reverse

from bos.adminsite.panels import MOST_LINES, Line, Panel, panels
from bos.adminsite.scope import sees_all

logger = logging.getLogger("bos.admin")


@dataclass(frozen=True, slots=True)
class Shown:
    """A panel with its lines; is_broken: they could not be read. rest: the address of all."""

    panel: Panel
    lines: Sequence[Line]
    has_more: bool = False
    is_broken: bool = False
    rest: str = ""


def front_page(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Add the panels to what unfold shows on the front page."""
    context["title"] = "Overview"
    context["panels"] = [
        shown
        for panel in panels()
        if (sees_all(request) or not panel.for_superusers)
        and (shown := _shown(panel, request)) is not None
    ]
    return context


def _shown(panel: Panel, request: HttpRequest) -> Shown | None:
    rest = f"{reverse(panel.page)}{panel.query}" if panel.page else ""
    try:
        lines = panel.rows(request)
    except Exception:  # the others are shown all the same
        logger.exception("panel not shown", extra={"panel": panel.title})
        return Shown(panel, (), is_broken=True, rest=rest)
    if lines is None:
        return None
    return Shown(panel, lines[:MOST_LINES], has_more=len(lines) > MOST_LINES, rest=rest)
