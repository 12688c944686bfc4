"""An organization and its tree of departments."""

from __future__ import annotations

import uuid
from typing import Any, Self

from django.core.exceptions import ValidationError
from django.db import models

from bos.history.model import History
from bos.texts import NameField
from sync.eventlog.querysets import SyncedModel, SyncedQuerySet


class TenantQuerySet(SyncedQuerySet[Any]):
    """Queries start from the tenant: `Department.objects.of(organization_id)`."""

    def of(self, organization_id: object) -> Self:
        return self.filter(organization_id=organization_id)


class Organization(SyncedModel):
    """A tenant: nobody outside of it learns that anything in it exists."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = NameField(max_length=200)
    require_mfa = models.BooleanField(
        "demand a second factor of administrators",
        default=False,
        help_text="Administrators without one set one up before they get any further.",
    )
    """Not on the wire: it is nobody's business but the administrators'."""
    updated_at = models.DateTimeField(auto_now=True)

    objects = SyncedQuerySet.as_manager()
    history = History()

    class Meta:
        ordering = ("name",)
        base_manager_name = "objects"

    def __str__(self) -> str:
        return self.name


def restrict_itself(collector: Any, field: Any, sub_objs: Any, using: str) -> None:
    """RESTRICT, of rows of one model.

    Django's own notes that the model depends on itself, and then puts no deletion in order: with an
    organization its sessions would go before their participants.
    """
    collector.add_restricted_objects(field, sub_objs)


BELOW_ITSELF = "A department cannot be below itself."


class Department(SyncedModel):
    """A node of the organization's tree.

    What is in it keeps it from being deleted (decision V6), unless its organization goes as a
    whole: see `bos.leaving.departments`.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey(
        Organization, on_delete=models.CASCADE, related_name="departments"
    )
    parent = models.ForeignKey(
        "self", null=True, blank=True, on_delete=restrict_itself, related_name="children"
    )
    name = NameField(max_length=200)
    updated_at = models.DateTimeField(auto_now=True)

    objects = TenantQuerySet.as_manager()
    history = History()

    class Meta:
        ordering = ("name",)
        base_manager_name = "objects"

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """The parent is of the same organization and not below this department."""
        if self.parent is None:
            return
        if self.parent.organization_id != self.organization_id:
            raise ValidationError({"parent": "The parent is of another organization."})
        # All at once: there may be a thousand, one above the other.
        tree = dict(Department.objects.of(self.organization_id).values_list("pk", "parent_id"))
        above, seen = self.parent_id, set[uuid.UUID]()
        while above is not None:
            if above == self.pk or above in seen:
                raise ValidationError({"parent": BELOW_ITSELF})
            seen.add(above)
            above = tree.get(above)
