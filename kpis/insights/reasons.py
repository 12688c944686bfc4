"""Why there is no insight, to people. Light: servers load it, too."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

from kpis.insights.rhythm import FEWEST_ALIKE, NAMES, Kind, Rhythm

CONSTANT = "its history is constant"
NOT_NUMBERS = "its history is not all numbers"
NO_MODEL = "no model fits its history"


class NoInsight(Exception):
    """The history says too little; the message says why."""


def too_few(rhythm: Rhythm, known: int) -> str:
    why = "" if rhythm.kind == Kind.DAYS else f"its values come {rhythm.words}: "
    return f"{why}needs {rhythm.fewest} {rhythm.counted}, has {known or 'none'}"


def ended(last: date) -> str:
    return f"its last value is of {day(last)}: too long ago to say what comes next"


def after_a_pause(last: date) -> str:
    return f"the value before it is of {day(last)}: too long ago to compare with"


def nothing_alike(rhythm: Rhythm, at: datetime, known: int) -> str:
    """A value came at a time for which there is too little to compare it with."""
    if at.weekday() not in rhythm.weekdays:
        why = f"on {NAMES[at.weekday()]} there are usually none"
    else:
        days = f"on {known} days" if known else "never"
        why = f"at this time it has been measured {days} before, and {FEWEST_ALIKE} are needed"
    hour = f" at {at.hour} h UTC" if rhythm.several_a_day else ""
    return f"the value of {day(at.date())}{hour} is not judged: {why}"


def not_due(rhythm: Rhythm, horizon: int, due: date) -> str:
    return (
        f"its values come {rhythm.words}: the next is due on {day(due)}, "
        f"after the {horizon} days that were asked for"
    )


def of_days(rhythm: Rhythm, days: Sequence[date], today: date) -> str:
    """Why a KPI that has a value on these days has no insight; '' where it may have one."""
    if len(days) < rhythm.fewest:
        return too_few(rhythm, len(days))
    return ended(days[-1]) if today - days[-1] > rhythm.patience else ""


def day(value: date) -> str:
    return f"{value.day} {value:%B %Y}"
