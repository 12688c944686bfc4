"""Traces that a user leaves behind in sessions and notes, and those that name them (V6)."""

from __future__ import annotations

from typing import Any

from django.db.models import Q, TextField
from django.db.models.functions import Cast

from bos.leaving.people import FORMER, organizations_of
from bos.models import Notification, User
from collaboration.keeping import rename_in_kept
from collaboration.models import Annotation, Invitation, Session
from collaboration.services.notes import MENTION, MENTIONS_YOU
from collaboration.services.sessions import INVITES, INVITES_TO

Payload = dict[str, Any]
SENDERS = {INVITES: ("hostId", INVITES_TO), MENTION: ("mentionedBy", MENTIONS_YOU)}
"""By category: which of a notification's ids its sender is, and the words after their name."""


def sessions_with(user: User) -> Any:
    return Session.objects.filter(Q(host=user) | Q(participants__user=user)).distinct()


def notes_by(user: User) -> Any:
    return Annotation.objects.filter(author=user)


def notes_resolved_by(user: User) -> Any:
    return Annotation.objects.filter(resolved_by=user)


def erase(user: User) -> None:
    """Take them out of whom others have invited and mentioned, out of whom they have, and their
    name out of what is kept of sessions."""
    rename_in_kept(user, (rename_participant, rename_author))
    Invitation.objects.filter(user=user).delete()
    _forget_mentions(user)
    for category, (sender, words) in SENDERS.items():
        by_them = Notification.objects.filter(
            **{"category": category, f"data__{sender}": str(user.pk)}
        )
        for notification in by_them:
            notification.title = _sent_by_nobody(notification.title, words)
            notification.save(update_fields=["title"])


def mentions_of(user: User) -> Any:
    """Return the notes that mention them, in each organization that they have been in."""
    # Looked for as text: SQLite has no operator for what a list in JSON contains.
    notes = Annotation.objects.annotate(mentioned=Cast("mentions", TextField()))
    within = Q(session__organization__in=organizations_of(user))
    within |= Q(thing__organization__in=organizations_of(user))
    return notes.filter(within, mentioned__contains=str(user.pk))


def _forget_mentions(user: User) -> None:
    for note in mentions_of(user).select_related("session", "thing"):
        note.mentions = [id_ for id_ in note.mentions if id_ != str(user.pk)]
        note.save(update_fields=["mentions"])


def _sent_by_nobody(title: str, words: str) -> str:
    _, said, rest = title.partition(words)
    return f"{FORMER}{said}{rest}"[:200]


def rename_participant(payload: Payload, *, id_: str) -> Payload:
    is_theirs = payload.get("userId") == id_ and "userName" in payload
    return payload | {"userName": FORMER} if is_theirs else payload


def rename_author(payload: Payload, *, id_: str) -> Payload:
    is_theirs = payload.get("authorId") == id_ and "authorName" in payload
    return payload | {"authorName": FORMER} if is_theirs else payload


def rename_sender(payload: Payload, *, id_: str) -> Payload:
    sender, words = SENDERS.get(payload.get("category", ""), ("", ""))
    data = payload.get("data")
    if not sender or not data or data.get(sender) != id_:
        return payload
    return payload | {"title": _sent_by_nobody(payload["title"], words)}
