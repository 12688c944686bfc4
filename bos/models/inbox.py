"""Notifications of a person, and the last event that they have seen."""

from __future__ import annotations

import uuid

from django.db import models

from bos.models.people import User
from bos.models.tenants import Organization, TenantQuerySet
from sync.eventlog.querysets import SyncedModel


class Notification(SyncedModel):
    """Something that one user should know; reaches them live or at their next sync."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey(
        Organization, on_delete=models.CASCADE, related_name="notifications"
    )
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="notifications")
    category = models.CharField(max_length=32)
    title = models.CharField(max_length=200)
    message = models.TextField(blank=True)
    data = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    read_at = models.DateTimeField(null=True, blank=True)

    read_together: list[str] | None = None
    """Not stored: ids that one NOTIFICATION_READ tells of; empty where another row's does."""

    objects = TenantQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at",)
        base_manager_name = "objects"

    def __str__(self) -> str:
        return self.title


class LastSeen(models.Model):
    """The event of the organization's log that a person has seen last, on whichever device.

    Not captured: that somebody looks is no event, and is nobody else's business.
    """

    user = models.OneToOneField(
        User, primary_key=True, on_delete=models.CASCADE, related_name="last_seen"
    )
    organization = models.ForeignKey(
        Organization, on_delete=models.CASCADE, related_name="last_seen"
    )
    """Its log is the one that `sequence` is of: in another one it says nothing."""
    sequence = models.BigIntegerField()
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.user_id} at {self.sequence}"
