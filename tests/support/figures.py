"""Stored figures of insights, whole: nothing less goes out."""

from __future__ import annotations

from typing import Any

from kpis.models import InsightKind

_EXPECTED = {"expected": 100.0, "lower": 90.0, "upper": 110.0}
_FIGURES: dict[str, dict[str, Any]] = {
    InsightKind.ANOMALY: {
        "day": "2026-01-05",
        "value": 12.0,
        **_EXPECTED,
        "score": -8.8,
        "severity": "high",
    },
    InsightKind.PREDICTION: {"horizon": 1, "points": [{"date": "2026-01-06", **_EXPECTED}]},
    InsightKind.RECOMMENDATION: {
        "message": "Do more.",
        "evidence": {
            "date": "2026-01-06",
            **_EXPECTED,
            "target": 120.0,
            "direction": "higher",
            "certain": True,
            "daysMissed": 1,
            "horizon": 1,
        },
    },
}


def figures_of(kind: str, **changes: Any) -> dict[str, Any]:
    """Return the figures of an insight of this kind, with these changes."""
    return {**_FIGURES[kind], "method": "by hand", **changes}
