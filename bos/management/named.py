"""Find rows that commands are given by name."""

from __future__ import annotations

from django.core.management.base import CommandError

from bos.ids import canonical_uuids
from bos.models import Organization


def organization_of(text: str) -> Organization:
    """Return the organization with this id or name. Raises CommandError where it is not one."""
    found = list(Organization.objects.filter(pk__in=canonical_uuids([text])))
    found = found or list(Organization.objects.filter(name=text)[:2])
    if not found:
        raise CommandError(f"There is no organization “{text}”.")
    if len(found) > 1:
        raise CommandError(f"Several organizations are called “{text}”: give the id.")
    return found[0]
