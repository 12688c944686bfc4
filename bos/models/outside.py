"""Messages that leave the socket: by mail, push and chat (`bos.outside`)."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import Q

from bos.models.people import User
from bos.models.tenants import Organization, TenantQuerySet
from bos.sealed import SealedField
from bos.texts import NameField


class Medium(models.TextChoices):
    """The ways by which a message leaves: see `bos.outside`."""

    EMAIL = "email", "Email"
    PUSH = "push", "Push"
    CHAT = "chat", "Chat"


class Choice(models.TextChoices):
    """A person's choice about a category of messages."""

    AT_ONCE = "at_once", "At once"
    DAILY = "digest", "Once a day"
    NEVER = "never", "Never"


class MessagePreference(models.Model):
    """A person's choice about a category of messages; without one, its default counts."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="message_preferences")
    category = models.CharField(max_length=32)
    medium = models.CharField(max_length=8, choices=Medium.choices)
    choice = models.CharField(max_length=8, choices=Choice.choices)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("user", "category", "medium"), name="one_choice_a_category_and_medium"
            ),
        )

    def __str__(self) -> str:
        return f"{self.category} by {self.medium}: {self.choice}"


class MessageSettings(models.Model):
    """A person's settings for messages of all categories."""

    user = models.OneToOneField(
        User, primary_key=True, on_delete=models.CASCADE, related_name="message_settings"
    )
    time_zone = models.CharField(max_length=64, default="UTC")
    """A name of IANA: the mail of the day goes out in its morning."""

    def __str__(self) -> str:
        return self.time_zone


class PushSubscription(models.Model):
    """A browser that takes a person's messages.

    Anybody with its address and keys could send to it: they are sealed, and found by a hash.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="push_subscriptions")
    endpoint_hash = models.CharField(max_length=64, unique=True)
    sealed = SealedField()
    """JSON: `endpoint`, `p256dh`, `auth`."""
    label = NameField(max_length=100)
    created_at = models.DateTimeField(auto_now_add=True)
    used_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("created_at",)

    def __str__(self) -> str:
        return self.label


class LeastSeverity(models.TextChoices):
    """The severities of alerts, in their order."""

    INFO = "info", "Info, and all above"
    WARNING = "warning", "Warning and critical"
    CRITICAL = "critical", "Critical only"


class OutsideChannel(models.Model):
    """A place outside, like a room of a chat, that an organization sends alerts and reports to."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey(
        Organization, on_delete=models.CASCADE, related_name="outside_channels"
    )
    name = NameField(max_length=100)
    address = SealedField()
    """An address of apprise, which holds tokens: see `bos.outside.chat`."""
    service = models.CharField(max_length=32, editable=False)
    """The name of the service that the address leads to."""
    alerts = models.BooleanField(default=True)
    least_severity = models.CharField(
        "of which severity", max_length=8, choices=LeastSeverity.choices, default="warning"
    )
    reports = models.BooleanField(default=False)
    restricted = models.BooleanField(
        "also what is restricted to a department",
        default=False,
        help_text="Everybody in the room reads it, whatever they may see here.",
    )
    is_active = models.BooleanField("active", default=True)
    created_by = models.ForeignKey(
        User, null=True, editable=False, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = TenantQuerySet.as_manager()

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name

    def takes_severity(self, severity: str) -> bool:
        order = LeastSeverity.values
        return severity in order and order.index(severity) >= order.index(self.least_severity)


class DeliveryKind(models.TextChoices):
    MESSAGE = "message", "Message"
    DIGEST = "digest", "Mail of the day"
    MORE = "more", "And more"
    TEST = "test", "Test"


class DeliveryState(models.TextChoices):
    WAITING = "waiting", "Waiting"
    HANDED = "handed", "Being handed over"
    GATHERED = "gathered", "In a later mail"
    SENT = "sent", "Sent"
    DROPPED = "dropped", "Not sent"
    FAILED = "failed", "Failed"
    GIVEN_UP = "given_up", "Given up"


class Delivery(models.Model):
    """A message on its way to one person or channel, and what has become of it.

    It says what it tells of by the entity alone: the words are made when it is sent, by what the
    person may see then.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey(
        Organization, on_delete=models.CASCADE, related_name="deliveries"
    )
    user = models.ForeignKey(User, null=True, on_delete=models.CASCADE, related_name="deliveries")
    channel = models.ForeignKey(
        OutsideChannel, null=True, on_delete=models.CASCADE, related_name="deliveries"
    )
    medium = models.CharField(max_length=8, choices=Medium.choices)
    kind = models.CharField(
        max_length=8, choices=DeliveryKind.choices, default=DeliveryKind.MESSAGE
    )
    category = models.CharField(max_length=32, blank=True, default="")
    entity_type = models.CharField(max_length=32, blank=True, default="")
    entity_id = models.CharField(max_length=64, blank=True, default="")
    moment = models.CharField(max_length=16, blank=True, default="")
    """Names the thing that has happened to the entity: an alert is raised, and resolved."""
    state = models.CharField(
        max_length=8, choices=DeliveryState.choices, default=DeliveryState.WAITING
    )
    error = models.CharField(max_length=300, blank=True, default="")
    attempts = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField()
    began_at = models.DateTimeField()
    """A day later it is given up. Trying it again begins anew."""
    next_at = models.DateTimeField("next try")
    """While it is being sent, when it is taken for lost."""
    sent_at = models.DateTimeField(null=True)
    gather = models.CharField(max_length=8, blank=True, default="")
    """The kind of the one in which it goes out with others; empty where it goes by itself."""
    bundle = models.ForeignKey("self", null=True, on_delete=models.CASCADE, related_name="parts")
    day = models.DateField(null=True)
    """Of a mail of the day: the day where the person is."""

    objects = TenantQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at",)
        verbose_name_plural = "deliveries"
        constraints = (
            models.CheckConstraint(
                condition=Q(user=None, channel__isnull=False) | Q(user__isnull=False, channel=None),
                name="delivery_is_for_a_person_or_a_channel",
            ),
            models.UniqueConstraint(
                fields=("user", "medium", "day"),
                condition=Q(day__isnull=False),
                name="one_mail_of_the_day_a_person",
            ),
            models.UniqueConstraint(
                fields=("channel", "entity_type", "entity_id", "moment"),
                condition=Q(channel__isnull=False, kind="message"),
                name="a_channel_is_told_once",
            ),
        )
        indexes = (
            models.Index(
                fields=("organization", "next_at"),
                condition=Q(state="waiting"),
                name="delivery_that_waits",
            ),
            models.Index(
                fields=("state", "next_at"),
                condition=Q(state__in=("waiting", "handed", "gathered")),
                name="delivery_under_way",
            ),
            models.Index(fields=("organization", "-created_at"), name="delivery_by_time"),
            models.Index(fields=("created_at",), name="delivery_by_age"),
            models.Index(
                fields=("organization", "-created_at"),
                condition=Q(state__in=("failed", "given_up")),
                name="delivery_that_failed",
            ),
        )

    def __str__(self) -> str:
        return f"{self.get_kind_display()} by {self.get_medium_display().lower()}"

    @property
    def receiver(self) -> str:
        """To whom it goes, in words."""
        if self.channel is not None:
            return f"channel “{self.channel}”"
        return f"{self.user} ({self.get_medium_display().lower()})"


class DeliveryTrouble(models.Model):
    """The administrators were told that a medium or channel does not work: once a day at most."""

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="+")
    subject = models.CharField(max_length=64)
    """A medium, or a channel's id."""
    told_at = models.DateTimeField()

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("organization", "subject"), name="one_trouble_a_medium_or_channel"
            ),
        )

    def __str__(self) -> str:
        return self.subject
