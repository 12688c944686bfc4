"""The choices for a KPI and their reasons, in a person's words."""

from __future__ import annotations

from collections.abc import Mapping

from kpis.insights.rhythm import Kind, Rhythm

ALIKE = {
    Kind.RUNNING_TOTAL: "with the same time of other days",
    Kind.HOURS: "with the same hour of the same weekday",
    Kind.OFTEN: "with the same time of other days",
    Kind.DAYS: "with the same weekday",
    Kind.WORKING_DAYS: "with the same weekday",
    Kind.WEEKS: "with other weeks",
    Kind.MONTHS: "with other months",
    Kind.PERIODS: "with the values before",
    Kind.IRREGULAR: "with the values before",
}
FORECAST_OF = {
    Kind.RUNNING_TOTAL: "each day's total",
    Kind.HOURS: "each day's average",
    Kind.OFTEN: "each day's last value",
}
FORECAST_OF |= {kind: "each value" for kind in Kind if kind not in FORECAST_OF}

DAY_FIGURE = {Kind.RUNNING_TOTAL: "the day's total", Kind.HOURS: "the day's average"}

SAID = 0.1
"""A model is named that has so large a part."""


def rhythm_in_words(rhythm: Rhythm) -> str:
    """Which rhythm was recognized, and what follows from it."""
    return (
        f"Its values come {rhythm.words}: a value is compared {ALIKE[rhythm.kind]}, "
        f"and {FORECAST_OF[rhythm.kind]} is forecast."
    )


def models_in_words(weights: Mapping[str, float], beaten: float) -> str:
    """Which models a forecast rests on, by their part, and how good they have been."""
    parts = sorted(weights.items(), key=lambda part: -part[1])
    named = ", ".join(f"{name} ({part:.0%})" for name, part in parts if part >= SAID)
    than = f"{beaten:.2f} times that of repeating the season before (less is better)"
    return f"An average of {named}. Its error so far: {than}."
