"""Parameters of addresses: each is known, given once, and well formed; or the request is refused.

A misspelt filter must never answer everything, so nothing is passed over. The fields are those of
Django's forms, of which django-filter is made, too; each says for the OpenAPI document its form.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import reduce
from operator import or_
from typing import Annotated, Any, ClassVar
from uuid import UUID

import msgspec
from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from django.http import QueryDict
from django_filters import Filter
from drf_spectacular.utils import OpenApiParameter
from rest_framework.exceptions import ValidationError as RequestRefused

from bos.texts import one_form
from sync.protocol.codecs import to_json
from sync.protocol.errors import InvalidMessage
from sync.protocol.times import WireTime, parse_time

Schema = dict[str, Any]
FIRST_YEAR, LAST_YEAR = 2, 9998
"""Of a time that is asked for: in any zone it is still one that Python and both databases know."""
LONGEST_TEXT = 200
MOST_SHOWN = 100
"""Characters of a parameter's name that are repeated where it is refused."""


# ------------------------------------------------------------------ the whole


def require_valid(given: QueryDict, *asked: forms.BaseForm) -> None:
    """Raises RequestRefused, with a sentence for each parameter that is wrong.

    asked: forms that are bound to what was given, and together have a field for each parameter.
    """
    known = [name for form in asked for name in form.fields]
    problems: dict[str, list[str]] = {}
    for name, values in given.lists():
        if name not in known:
            problems[name[:MOST_SHOWN]] = [_unknown(known)]
        elif len(values) > 1:
            problems[name] = ["It is given more than once."]
        elif not values[0].strip():
            problems[name] = ["It is empty."]
    for form in asked:
        for name, errors in form.errors.items():
            problems.setdefault(name, [str(error) for error in errors])
    if problems:
        raise RequestRefused(problems)


def _unknown(known: Sequence[str]) -> str:
    there = f"There are: {', '.join(sorted(known))}." if known else "There are none."
    return f"There is no such parameter. {there}"


def described(fields: Mapping[str, forms.Field]) -> Iterator[OpenApiParameter]:
    """Yield each field as the OpenAPI document has it."""
    for name, field in fields.items():
        yield OpenApiParameter(
            name,
            getattr(field, "schema", {"type": "string"}),
            required=field.required,
            description=str(field.help_text),
        )


# ------------------------------------------------------------------ the fields


class WholeField(forms.IntegerField):
    """A whole number within its limits."""

    def __init__(self, *, least: int, most: int, **options: Any) -> None:
        wrong = f"A whole number from {least:,} to {most:,}."
        messages = dict.fromkeys(("invalid", "min_value", "max_value", "required"), wrong)
        super().__init__(min_value=least, max_value=most, error_messages=messages, **options)
        self.schema: Schema = {"type": "integer", "minimum": least, "maximum": most}
        if self.initial is not None:
            self.schema["default"] = self.initial

    def clean(self, value: Any) -> int | None:
        """Return the default where it is not given."""
        number: int | None = super().clean(value)
        return self.initial if number is None else number


class TextField(forms.CharField):
    """Some text; never a NUL, which PostgreSQL does not take."""

    schema: ClassVar[Schema] = {"type": "string", "maxLength": LONGEST_TEXT}

    def __init__(self, **options: Any) -> None:
        super().__init__(max_length=LONGEST_TEXT, **options)


class IdField(forms.UUIDField):
    schema: ClassVar[Schema] = {"type": "string", "format": "uuid"}
    default_error_messages: ClassVar[dict[str, Any]] = {"invalid": "An id."}


class FlagField(forms.Field):
    schema: ClassVar[Schema] = {"type": "boolean"}

    def to_python(self, value: Any) -> bool | None:
        if value in (None, ""):
            return None
        if value not in ("true", "false"):
            raise ValidationError("It is true or false.")
        return bool(value == "true")


class WordField(forms.Field):
    """One of some words."""

    def __init__(self, words: Iterable[str], **options: Any) -> None:
        super().__init__(**options)
        self.words = tuple(map(str, words))
        self.schema: Schema = {"type": "string", "enum": list(self.words)}
        if self.initial is not None:
            self.schema["default"] = self.initial

    def clean(self, value: Any) -> Any:
        """Return the default where it is not given."""
        word = super().clean(value)
        if word in (None, ""):
            return self.initial
        if word not in self.words:
            raise ValidationError(f"One of {', '.join(self.words)}.")
        return word


class WordsField(forms.Field):
    """One or several of some words, separated by commas."""

    def __init__(self, words: Iterable[str], **options: Any) -> None:
        super().__init__(**options)
        self.words = tuple(map(str, words))
        word = "|".join(map(re.escape, self.words))
        self.schema: Schema = {"type": "string", "pattern": f"^({word})(,({word}))*$"}

    def to_python(self, value: Any) -> tuple[str, ...]:
        words = tuple((value or "").split(",")) if value else ()
        if not set(words) <= set(self.words):
            choice = ", ".join(self.words)
            raise ValidationError(f"One or several of {choice}, separated by commas.")
        return words


Moment = datetime | date
"""A time, or a day: where that begins and ends is for the zone to say."""
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


class MomentField(forms.Field):
    """A time as in RFC 3339, or a day."""

    schema: ClassVar[Schema] = {
        "type": "string",
        "anyOf": [{"format": "date-time"}, {"format": "date"}],
    }

    def to_python(self, value: Any) -> Moment | None:
        if value in (None, ""):
            return None
        text = str(value)
        try:
            is_day = _DAY.fullmatch(text) is not None
            moment = date.fromisoformat(text) if is_day else parse_time(text, field="")
        except (ValueError, InvalidMessage):
            moment = None
        if moment is None or not FIRST_YEAR <= moment.year <= LAST_YEAR:
            raise ValidationError(
                "A time with its offset (2026-01-31T08:30:00Z), or a day (2026-01-31). In an"
                " address “+” is written %2B."
            )
        in_utc: Moment = _in_utc(moment)
        return in_utc


def begin_of(moment: Moment, zone: tzinfo = UTC) -> datetime:
    """Return the time, or the first moment of the day."""
    if isinstance(moment, datetime):
        return moment
    return datetime.combine(moment, time(), zone)


def end_of(moment: Moment, zone: tzinfo = UTC) -> datetime:
    """Return the time, or the first moment after the day."""
    if isinstance(moment, datetime):
        return moment
    return datetime.combine(moment + timedelta(days=1), time(), zone)


Number = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]


class CursorField(forms.Field):
    """The place where a page begins, as the page before it says.

    place: the type of it, of times, ids and numbers.
    """

    schema: ClassVar[Schema] = {"type": "string", "maxLength": LONGEST_TEXT}

    def __init__(self, place: Any, **options: Any) -> None:
        super().__init__(**options)
        self._place = msgspec.json.Decoder(place)

    def to_python(self, value: Any) -> Any:
        if value in (None, ""):
            return None
        try:
            text = urlsafe_b64decode(str(value)[:LONGEST_TEXT].encode() + b"==")
            place = self._place.decode(text)
        except (ValueError, msgspec.MsgspecError):
            place = None
        if place is None or not all(map(_is_known, place)):
            raise ValidationError("This is no cursor: take the address in `next` as it is.")
        return tuple(map(_in_utc, place))


def _is_known(value: object) -> bool:
    return not isinstance(value, datetime) or FIRST_YEAR <= value.year <= LAST_YEAR


def _in_utc(value: Any) -> Any:
    """Return a time so that PostgreSQL takes it, which knows no offset of 16 hours and more."""
    return value.astimezone(UTC) if isinstance(value, datetime) else value


def cursor_of(place: Sequence[datetime | UUID | int]) -> str:
    """Return the text that a CursorField reads."""
    return urlsafe_b64encode(to_json(place)).rstrip(b"=").decode()


TimeAndId = tuple[WireTime, UUID]
TimeAndNumber = tuple[WireTime, Number]


# ------------------------------------------------------------------ filters


class IdFilter(Filter):
    field_class = IdField


class FlagFilter(Filter):
    field_class = FlagField


class TextFilter(Filter):
    field_class = TextField


class WordsFilter(Filter):
    """One or several of some words."""

    field_class = WordsField

    def __init__(self, field_name: str | None = None, **options: Any) -> None:
        super().__init__(field_name, "in", **options)


class SinceFilter(Filter):
    """From a time on, or from the beginning of a day in UTC."""

    field_class = MomentField

    def __init__(self, field_name: str, **options: Any) -> None:
        super().__init__(field_name, "gte", **options)

    def filter(self, rows: QuerySet[Any], value: Moment | None) -> QuerySet[Any]:
        filtered: QuerySet[Any] = super().filter(rows, None if value is None else begin_of(value))
        return filtered


class SearchFilter(Filter):
    """Has a text in one of some fields, in capitals or not."""

    field_class = TextField

    def __init__(self, *fields: str, **options: Any) -> None:
        super().__init__(fields[0], "icontains", **options)
        self._fields = fields

    def filter(self, rows: QuerySet[Any], value: str) -> QuerySet[Any]:
        if not value:
            return rows
        text = one_form(value)
        return rows.filter(reduce(or_, [Q(**{f"{f}__icontains": text}) for f in self._fields]))
