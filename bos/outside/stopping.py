"""The link in each mail by which a person ends such mails, signed in or not (RFC 8058)."""

from __future__ import annotations

from django.core import signing

from bos.ids import canonical_uuids
from bos.models import Choice, Medium, User
from bos.outside.preferences import choice_of, choices_of, choose
from bos.outside.sources import categories, category_named

_SALT = "bos stop messages"
DAILY, ALL = "*daily", "*all"
"""Stand for the categories that come with the mail of the day, and for all."""


def stop_token(user: User, category: str) -> str:
    """Return what ends this person's mails of a category. It works as long as the key does: a mail
    may be read years later."""
    return signing.dumps([str(user.pk), category], salt=_SALT)


def read_token(token: str) -> tuple[User, str] | None:
    """Return the user and the category; None for what nobody has signed, or nobody is there for."""
    try:
        user_id, category = signing.loads(token, salt=_SALT)
    except (signing.BadSignature, ValueError, TypeError):
        return None
    people = User.objects.people().filter(erased_at=None)
    user: User | None = people.filter(pk__in=canonical_uuids([str(user_id)])).first()
    return None if user is None else (user, str(category))


def title_of(category: str) -> str:
    """Return the words for what the link ends."""
    if category == DAILY:
        return "The mail of the day"
    return "All of them" if category == ALL else category_named(category).title


def stop(user: User, category: str) -> None:
    """Let these mails come no more. Pushes, and what the page shows, stay."""
    if category not in (DAILY, ALL):
        choose(user, category_named(category), Medium.EMAIL, Choice.NEVER)
        return
    choices = choices_of([user.pk])
    for each in categories():
        chosen = choice_of(choices, user.pk, each.name, Medium.EMAIL)
        if category == ALL or chosen == Choice.DAILY:
            choose(user, each, Medium.EMAIL, Choice.NEVER)
