"""The key of a KPI: what systems call it, unique in its organization (decision D2)."""

from __future__ import annotations

import re
from collections.abc import Collection
from uuid import UUID

from django.core.exceptions import ValidationError
from django.utils.text import slugify

MOST = 64
FORM = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
UNNAMED = "kpi"
"""Of a name without any letter or digit of ASCII."""


def validate_key(key: str) -> None:
    if not FORM.fullmatch(key):
        raise ValidationError(
            "A key begins with a small letter or a digit, and has nothing but these, “.”, “_” and"
            f" “-”: at most {MOST}."
        )
    if is_id(key):
        raise ValidationError("This has the form of an id: choose another key.")


def is_id(text: str) -> bool:
    """Whether a text can be an id, and so no key."""
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False


def key_of(name: str, taken: Collection[str]) -> str:
    """Return the key that a KPI gets by its name: `on-time-share`, or `on-time-share-2`."""
    base = slugify(name)[:MOST].strip("-_") or UNNAMED
    if is_id(base):
        base = f"{UNNAMED}-{base}"
    key, number = base, 1
    while key in taken:
        number += 1
        end = f"-{number}"
        key = base[: MOST - len(end)].rstrip("-_") + end
    return key
