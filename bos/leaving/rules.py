"""Rows that no deletion takes along, from whatever source (decision V6).

Foreign keys that RESTRICT keep what people have made: a department's KPIs, a host's sessions, an
author's notes. They let go where the organization itself is deleted, which is a superuser's act.
Here is what no foreign key can say.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db.models import ProtectedError, QuerySet
from django.db.models.signals import post_delete

from bos.models import Organization, Role, User
from sync.eventlog.capture import Change


class LastAdmin(ProtectedError):
    """An organization would be left without anybody who may administer it."""

    def __init__(self, organization: Organization) -> None:
        super().__init__(
            f"“{organization}” would have no admin left: make another user its admin first.",
            {organization},
        )


def goes_with_its_organization(origin: Any) -> bool:
    """Whether an organization is being deleted. origin: as Django's signals of deletion tell it."""
    model = origin.model if isinstance(origin, QuerySet) else type(origin)
    return model is Organization


# ------------------------------------------------------------------ an organization's last admin


def admins_of(organization_id: Any) -> Any:
    return User.objects.of(organization_id).people().filter(role=Role.ADMIN, is_active=True)


def is_last_admin(user: User) -> bool:
    """Whether nobody could administer the organization without this user."""
    if user.organization_id is None or not _is_admin(user):
        return False
    return not admins_of(user.organization_id).exclude(pk=user.pk).exists()


def lock_admins(organization_id: Any) -> None:
    """Of two admins who demote each other at once, let the second one be refused.

    Runs inside the caller's transaction.
    """
    Organization.objects.select_for_update(no_key=True).filter(pk=organization_id).first()


def _is_admin(user: User) -> bool:
    return user.is_active and user.role == Role.ADMIN and not user.is_service


def _require_admin(organization_id: Any) -> None:
    lock_admins(organization_id)
    organization = Organization.objects.filter(pk=organization_id).first()
    if organization is not None and not admins_of(organization_id).exists():
        raise LastAdmin(organization)


def look_at_admins(changes: Iterable[Change[User]]) -> None:
    """Demoted, deactivated, moved. Deletions are looked at below: these tell what they are of."""
    left = {
        change.before.organization_id
        for change in changes
        if change.after is not None and change.before is not None and _was_admin_there(change)
    }
    for organization_id in sorted(left, key=str):
        _require_admin(organization_id)


def _was_admin_there(change: Change[User]) -> bool:
    before, after = change.before, change.after
    assert before is not None
    assert after is not None
    if before.organization_id is None or not _is_admin(before):
        return False
    return not _is_admin(after) or after.organization_id != before.organization_id


def _look_at_deleted_admin(instance: User, origin: Any = None, **_: object) -> None:
    is_of_one = instance.organization_id is not None and _is_admin(instance)
    if is_of_one and not goes_with_its_organization(origin):
        _require_admin(instance.organization_id)


post_delete.connect(_look_at_deleted_admin, sender=User, dispatch_uid="last admin")
