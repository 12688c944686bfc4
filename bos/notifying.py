"""Notifications: something that users should know, each on their own channel (decision B2)."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from bos.entities import NotificationSubject
from bos.models import Notification, Role, User


def notify(
    users: Iterable[User],
    organization_id: UUID,
    *,
    category: str,
    title: str,
    message: str,
    about: NotificationSubject,
) -> None:
    """Store one for each of these users. Runs inside the caller's transaction.

    about: ids of what it is about, as clients get them.
    """
    Notification.objects.bulk_create(
        Notification(
            organization_id=organization_id,
            user=user,
            category=category,
            title=title[:200],
            message=message,
            data=about.stored(),
        )
        for user in users
    )


def admins_of(organization_id: UUID) -> list[User]:
    """Return the users who get what concerns the organization and nobody in particular."""
    return list(User.objects.of(organization_id).people().filter(role=Role.ADMIN, is_active=True))
