"""Machines with keys (`bos.service`)."""

from __future__ import annotations

import uuid

from django.db import models

from bos.models.people import User
from bos.models.tenants import Organization, TenantQuerySet
from bos.texts import NameField


class ServiceAccount(models.Model):
    """A machine of an organization: a user with keys instead of a password (decision D1).

    Name, role and whether it is active are the user's, and so are rights, histories and the end of
    access.
    """

    user = models.OneToOneField(
        User, primary_key=True, on_delete=models.CASCADE, related_name="service_account"
    )
    organization = models.ForeignKey(
        Organization, on_delete=models.CASCADE, related_name="service_accounts"
    )
    created_by = models.ForeignKey(
        User, null=True, editable=False, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = TenantQuerySet.as_manager()

    class Meta:
        ordering = ("user__name",)

    def __str__(self) -> str:
        return str(self.user)


class ServiceKey(models.Model):
    """A key of a service account; what it is made of: `bos.service.keys`."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.ForeignKey(ServiceAccount, on_delete=models.CASCADE, related_name="keys")
    label = NameField(max_length=100)
    secret_hash = models.CharField(max_length=64, editable=False)
    """SHA-256 of the secret: of 256 random bits nothing can be guessed, however quick a guess."""
    scopes = models.CharField(max_length=64)
    """Separated by blanks."""
    expires_at = models.DateTimeField(null=True, blank=True)
    created_by = models.ForeignKey(
        User, null=True, editable=False, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    last_used_at = models.DateTimeField(null=True, editable=False)
    revoked_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        ordering = ("-created_at",)

    def __str__(self) -> str:
        return self.label
