"""Traces that a user leaves behind in sessions, and those that name them (decision V6)."""

from __future__ import annotations

from typing import Any

from django.db.models import Q

from bos.leaving.people import FORMER
from bos.models import Notification, User
from collaboration.models import Annotation, Invitation, Session
from collaboration.services.sessions import INVITES, INVITES_TO

Payload = dict[str, Any]


def sessions_with(user: User) -> Any:
    return Session.objects.filter(Q(host=user) | Q(participants__user=user)).distinct()


def notes_by(user: User) -> Any:
    return Annotation.objects.filter(author=user)


def erase(user: User) -> None:
    """Take them out of whom others have invited, and out of whom they have invited."""
    Invitation.objects.filter(user=user).delete()
    by_them = Notification.objects.filter(category=INVITES, data__hostId=str(user.pk))
    for notification in by_them:
        notification.title = _invited_by_nobody(notification.title)
        notification.save(update_fields=["title"])


def _invited_by_nobody(title: str) -> str:
    _, invites, session = title.partition(INVITES_TO)
    return f"{FORMER}{invites}{session}"[:200]


def rename_participant(payload: Payload, *, id_: str) -> Payload:
    is_theirs = payload.get("userId") == id_ and "userName" in payload
    return payload | {"userName": FORMER} if is_theirs else payload


def rename_author(payload: Payload, *, id_: str) -> Payload:
    is_theirs = payload.get("authorId") == id_ and "authorName" in payload
    return payload | {"authorName": FORMER} if is_theirs else payload


def rename_inviter(payload: Payload, *, id_: str) -> Payload:
    data = payload.get("data")
    is_theirs = payload.get("category") == INVITES and data and data.get("hostId") == id_
    return payload | {"title": _invited_by_nobody(payload["title"])} if is_theirs else payload
