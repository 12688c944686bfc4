"""Texts as they are stored and compared: one form of what looks alike, and what fits a column."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Any

from django.db import models

if TYPE_CHECKING:  # generic for the type checker only
    AnyCharField = models.CharField[str, str]
else:
    AnyCharField = models.CharField

JOINERS = frozenset("\u200c\u200d\ufe0e\ufe0f") | {chr(tag) for tag in range(0xE0020, 0xE0080)}
"""Invisible, and yet part of how emoji, Persian or Hindi are written, where they follow such."""
FILLERS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u3164\uffa0")
"""Invisible, though Unicode counts them among letters and marks."""
LATIN_ENDS = 0x300
SPACES = re.compile(r"[\s\x1c-\x1f\u2800]+")  # U+2800: a Braille cell without a dot
UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]+")


def one_form(text: str) -> str:
    """The form in which a name is stored: composed (NFC), single spaces, nothing invisible."""
    if text.isascii() and text.isprintable():
        return " ".join(text.split())
    # What is left out may bring together what composes, and that decides about a joiner after it.
    while (formed := _formed(text)) != text:
        text = formed
    return text


def _formed(text: str) -> str:
    kept: list[str] = []
    for character in unicodedata.normalize("NFC", SPACES.sub(" ", text)):
        if character in JOINERS:
            invisible = not kept or ord(kept[-1]) < LATIN_ENDS or kept[-1].isspace()
        else:
            invisible = _is_invisible(character)
        if not invisible:
            kept.append(character)
    return " ".join("".join(kept).split())


def _is_invisible(character: str) -> bool:
    return character in FILLERS or unicodedata.category(character) in ("Cc", "Cf", "Cs")


def text_key(text: str) -> str:
    """Return the form without case, which is equal for names that are taken for the same."""
    if text.isascii():
        return one_form(text).lower()
    plain = "".join(character for character in one_form(text) if character not in JOINERS)
    return unicodedata.normalize("NFC", plain.casefold())


class NameField(AnyCharField):
    """A name: stored in one form, and looked for in that form.

    By it people, and files, find departments, KPIs, employees and users. Every name passes here,
    from whatever source.
    """

    def deconstruct(self) -> Any:
        """In the database, and so in migrations, it is a CharField like any other."""
        name, _, args, kwargs = super().deconstruct()
        return name, "django.db.models.CharField", args, kwargs

    def to_python(self, value: Any) -> Any:
        value = super().to_python(value)
        return one_form(value) if isinstance(value, str) else value

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        """Put it into the row in hand, too: what is told of the row is what is stored."""
        value = self.to_python(super().pre_save(model_instance, add))
        setattr(model_instance, self.attname, value)
        return value

    def get_prep_value(self, value: Any) -> Any:
        value = super().get_prep_value(value)
        return one_form(value) if isinstance(value, str) else value


# ------------------------------------------------------------------ what can be stored


def cut(text: str, length: int) -> str:
    """The text without what no database stores, and not longer than its column."""
    text = " ".join(UNPRINTABLE.sub(" ", text).split())
    return text if len(text) <= length else f"{text[: length - 1].rstrip()}…"


def storable(value: Any) -> Any:
    """JSON whose texts PostgreSQL can store: it refuses NUL and halves of characters."""
    if isinstance(value, str):
        return UNPRINTABLE.sub(" ", value)
    if isinstance(value, dict):
        return {storable(key): storable(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [storable(one) for one in value]
    return value
