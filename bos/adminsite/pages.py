"""Pages that are declared in a feature's own `admin` module, and registered by its app's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib import admin


def register_pages(pages: Mapping[Any, Any]) -> None:
    """pages: `PAGES` of such a module, the page by model."""
    for model, page in pages.items():
        admin.site.register(model, page)
