"""Python's garbage collection, in processes that load much and keep it."""

from __future__ import annotations

import atexit
import gc


def relax_gc() -> None:
    """Look for garbage when much has come, and not among everything at the end.

    With Python's own thresholds that is two fifths of what it costs to start and to end a server
    (1.57 s of CPU, and 0.96 s so), and a tenth of its time under load.
    """
    gc.set_threshold(10_000, 20, 50)
    atexit.register(gc.freeze)


def keep_what_is_loaded() -> None:
    """Take what exists now out of garbage collection."""
    gc.collect()
    gc.freeze()
