"""Endpoints of other systems (`bos.webhooks`)."""

from __future__ import annotations

import uuid

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.utils import timezone

from bos.models.people import User
from bos.models.service import ServiceAccount
from bos.models.tenants import Organization, TenantQuerySet
from bos.sealed import SealedField
from bos.texts import NameField


class WebhookState(models.TextChoices):
    ACTIVE = "active", "Active"
    PAUSED = "paused", "Paused"
    OFF = "off", "Switched off"


class Webhook(models.Model):
    """An endpoint of another system, which is sent the organization's events (decision D5).

    It is sent what its account may see now. `position` is the sequence of the last event that it
    has taken, or that was not for it; see `bos.webhooks.delivery`.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey(
        Organization, on_delete=models.CASCADE, related_name="webhooks"
    )
    account = models.ForeignKey(
        ServiceAccount,
        on_delete=models.RESTRICT,
        related_name="webhooks",
        verbose_name="service account",
    )
    name = NameField(max_length=100)
    address = models.CharField(max_length=2000)
    event_types = models.JSONField(default=list, blank=True)
    """Types of entities and of live messages; none: all."""
    secret = SealedField()
    former_secret = SealedField()
    """From before the last rotation: signs as well until `former_until`."""
    former_until = models.DateTimeField(null=True, editable=False)
    state = models.CharField(
        max_length=16, choices=WebhookState.choices, default=WebhookState.ACTIVE, editable=False
    )
    reason = models.CharField(max_length=300, blank=True, default="", editable=False)
    """Why it is not active, or the last failure of one that is; for people."""
    log_id = models.CharField(max_length=64, editable=False)
    """The organization's id as the log has it, whatever type the database keeps ids in."""
    position = models.BigIntegerField(default=0, editable=False)
    failures = models.PositiveIntegerField(default=0, editable=False)
    """In a row, of the event after `position`."""
    failing_since = models.DateTimeField(null=True, editable=False)
    due_at = models.DateTimeField(default=timezone.now, editable=False)
    """Nothing is sent before, after a failure; of those that are due the longest waits first."""
    lease = models.UUIDField(null=True, editable=False)
    """Of the worker that delivers now, until `leased_until`."""
    leased_until = models.DateTimeField(null=True, editable=False)
    delivered_at = models.DateTimeField(null=True, editable=False)
    took_ms = models.PositiveIntegerField(null=True, editable=False)
    """Of its last answer, or of the wait for it."""
    created_by = models.ForeignKey(
        User, null=True, editable=False, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = TenantQuerySet.as_manager()

    class Meta:
        ordering = ("name",)
        constraints = (
            models.UniqueConstraint(fields=("organization", "name"), name="webhook_name_is_unique"),
            models.CheckConstraint(
                condition=Q(state__in=WebhookState.values), name="webhook_has_a_known_state"
            ),
        )
        indexes = (
            models.Index(
                fields=("due_at",), condition=Q(state="active"), name="webhooks_that_are_due"
            ),
        )

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """The account is of the same organization, in which no other webhook has the name."""
        organization_id: uuid.UUID | None = self.organization_id
        if organization_id is None:  # its own field says so
            return
        same = Webhook.objects.of(organization_id).filter(name=self.name)
        if same.exclude(pk=self.pk).exists():
            raise ValidationError({"name": "Another webhook has this name."})
        account = ServiceAccount.objects.filter(pk=self.account_id).first()
        if account is not None and account.organization_id != organization_id:
            raise ValidationError({"account": "The account is of another organization."})


class WebhookAttempt(models.Model):
    """A request to an endpoint, or a word about its deliveries; the newest hundred are kept."""

    webhook = models.ForeignKey(Webhook, on_delete=models.CASCADE, related_name="attempts")
    at = models.DateTimeField(auto_now_add=True)
    sequence = models.BigIntegerField(null=True)
    """Null: of a test."""
    status = models.PositiveSmallIntegerField(null=True)
    """Of HTTP; null where no answer came, and where nothing was sent."""
    took_ms = models.PositiveIntegerField(null=True)
    error = models.CharField(max_length=300, blank=True, default="")

    class Meta:
        ordering = ("-pk",)

    def __str__(self) -> str:
        return f"{self.sequence}: {self.status or self.error}"
