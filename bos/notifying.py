"""Notifications: something that users should know, each on their own channel (decision B2)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from bos.models import Notification, Role, User


def notify(
    users: Iterable[User],
    organization_id: UUID,
    *,
    category: str,
    title: str,
    message: str,
    data: dict[str, Any],
) -> None:
    """Store one for each of these users. Runs inside the caller's transaction.

    data: ids of what it is about, as clients get them: {"reportId": "..."}.
    """
    Notification.objects.bulk_create(
        Notification(
            organization_id=organization_id,
            user=user,
            category=category,
            title=title[:200],
            message=message,
            data=data,
        )
        for user in users
    )


def admins_of(organization_id: UUID) -> list[User]:
    """Return those who are told what concerns the organization and nobody in particular."""
    return list(User.objects.of(organization_id).filter(role=Role.ADMIN, is_active=True))
