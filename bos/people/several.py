"""Change several users at once: in one transaction, all of them or none."""

from __future__ import annotations

from collections.abc import Collection

from django.db import transaction

from bos.models import User


@transaction.atomic
def users_set(users: Collection[User], **values: object) -> int:
    """Give all of these users the same role, or let them in or out; how many that has changed.

    Their tokens, sessions and connections end with it (A5).
    Raises LastAdmin, and changes nobody, where an organization would have no admin left.
    """
    rows = User.objects.people().filter(pk__in=[user.pk for user in users], erased_at=None)
    changed: int = rows.exclude(**values).update(**values)
    return changed
