"""Choices of people: when they are told of what, and where they are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, time, timedelta
from functools import cache
from uuid import UUID
from zoneinfo import ZoneInfo, available_timezones

from bos.models import Choice, Medium, MessagePreference, MessageSettings, User
from bos.outside.sources import Category, category_named

MORNING = time(7)
"""When the mail of the day goes out, where the person is."""
OF_PEOPLE = (Medium.EMAIL, Medium.PUSH)
Choices = Mapping[tuple[UUID, str, str], str]


def choices_of(user_ids: Iterable[UUID]) -> Choices:
    """Return what these users have chosen: {(user, category, medium): choice}."""
    rows = MessagePreference.objects.filter(user_id__in=set(user_ids))
    listed = rows.values_list("user_id", "category", "medium", "choice")
    return {(user_id, name, medium): choice for user_id, name, medium, choice in listed}


def choice_of(choices: Choices, user_id: UUID, category: str, medium: str) -> str:
    """Return what counts for the user."""
    default = category_named(category).default(medium)
    return choices.get((user_id, category, medium), default)


def choose(user: User, category: Category, medium: str, choice: str) -> None:
    MessagePreference.objects.update_or_create(
        user=user, category=category.name, medium=medium, defaults={"choice": choice}
    )


def allowed_choices(medium: str) -> list[Choice]:
    """There is no push of the day: the mail of the day is read when there is time."""
    return [Choice.AT_ONCE, Choice.NEVER] if medium == Medium.PUSH else list(Choice)


# ------------------------------------------------------------------ where people are


@cache
def zone_names() -> list[str]:
    """Return the names of the places that a person may choose."""
    return sorted(name for name in available_timezones() if "/" in name or name == "UTC")


def zones_of(user_ids: Iterable[UUID]) -> dict[UUID, str]:
    rows = MessageSettings.objects.filter(user_id__in=set(user_ids))
    return dict(rows.values_list("user_id", "time_zone"))


def zone_of(name: str) -> ZoneInfo:
    """Return the time zone; UTC for one that this machine does not know any more."""
    return ZoneInfo(name if name in available() else "UTC")


@cache
def available() -> frozenset[str]:
    return frozenset(available_timezones())


def next_morning(zone_name: str, now: datetime) -> datetime:
    """Return when the next mail of the day goes out there."""
    zone = zone_of(zone_name)
    here = now.astimezone(zone)
    day = here.date() if here.time() < MORNING else here.date() + timedelta(days=1)
    return datetime.combine(day, MORNING, zone).astimezone(UTC)
