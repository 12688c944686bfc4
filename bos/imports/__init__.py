"""Files of many rows: read with suspicion, checked, shown, and written whole or not at all."""

from __future__ import annotations

from typing import Any


def __getattr__(name: str) -> Any:
    """Find jobs that were enqueued when this package was a module (`bos.imports.check`)."""
    if name not in ("check", "write"):
        raise AttributeError(name)
    from bos.imports import workflow

    return getattr(workflow, name)
