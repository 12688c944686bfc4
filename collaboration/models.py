"""Sessions, who takes part in them, and notes: in the shared space, and on things."""

from __future__ import annotations

import uuid
from typing import Any, Literal, Self

from django.conf import settings
from django.db import models
from django.db.models import Q

from bos.models import Organization, TenantQuerySet
from sync.eventlog.cascade import CASCADE_BEFORE, CASCADE_TREE
from sync.eventlog.querysets import SyncedModel, SyncedQuerySet


class Session(SyncedModel):
    """People meeting in a shared space. Ended, it stays, and so do its annotations."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey(
        Organization, on_delete=models.CASCADE, related_name="sessions"
    )
    host = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.RESTRICT, related_name="hosted_sessions"
    )
    title = models.CharField(max_length=200)
    active_space = models.CharField(max_length=100)
    max_participants = models.PositiveSmallIntegerField(default=50)
    invitation_only = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    end_reason = models.CharField(max_length=16, blank=True, default="")
    empty_since = models.DateTimeField(null=True, blank=True)
    """Since when nobody has been connected."""

    objects = TenantQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at",)
        base_manager_name = "objects"
        indexes = (
            models.Index(
                fields=("empty_since",), condition=Q(ended_at=None), name="session_running_empty"
            ),
        )

    def __str__(self) -> str:
        return self.title


class Invitation(SyncedModel):
    """Somebody who may join a session that is not open to everybody."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    session = models.ForeignKey(Session, on_delete=models.CASCADE, related_name="invitations")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="session_invitations"
    )

    objects = SyncedQuerySet.as_manager()

    class Meta:
        base_manager_name = "objects"
        constraints = (
            models.UniqueConstraint(fields=("session", "user"), name="user_is_invited_once"),
        )

    def __str__(self) -> str:
        return f"{self.user} to {self.session}"


class State(models.TextChoices):
    ACTIVE = "active", "Active"
    IDLE = "idle", "Idle"
    DISCONNECTED = "disconnected", "Disconnected"


class Participant(SyncedModel):
    """A user in a session, once over all of their devices; `left_at` says they have left."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    session = models.ForeignKey(Session, on_delete=models.CASCADE, related_name="participants")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.RESTRICT, related_name="participations"
    )
    state = models.CharField(max_length=16, choices=State.choices, default=State.ACTIVE)
    state_since = models.DateTimeField()
    joined_at = models.DateTimeField()
    left_at = models.DateTimeField(null=True, blank=True)
    left_reason = models.CharField(max_length=16, blank=True, default="")
    """'timeout' where nobody has left: the connection was lost, or only seemed to be."""

    left_role: Literal["host", "participant", ""] = ""
    """Not stored: the role that the user had on leaving."""
    silent: bool = False
    """Not stored: the host of a new session is told of by SESSION_CREATED."""

    objects = SyncedQuerySet.as_manager()

    class Meta:
        ordering = ("joined_at",)
        base_manager_name = "objects"
        constraints = (
            models.UniqueConstraint(fields=("session", "user"), name="user_takes_part_once"),
        )
        indexes = (
            models.Index(
                fields=("state", "state_since"),
                condition=Q(left_at=None),
                name="participant_present_by_state",
            ),
        )

    def __str__(self) -> str:
        return f"{self.user} in {self.session}"


class Vouch(models.Model):
    """A process says that a participant is connected there, while it cannot tell Redis.

    place: "<session id>:<user id>". No foreign keys: it is forgotten a moment later.
    """

    place = models.CharField(max_length=80, primary_key=True)
    until = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.place} until {self.until}"


class ContentType(models.TextChoices):
    TEXT = "text", "Text"
    MARKDOWN = "markdown", "Markdown"
    LINK = "link", "Link"
    IMAGE = "image", "Image"
    AUDIO = "audio", "Audio"
    DRAWING = "drawing", "Drawing"


class NotedThing(models.Model):
    """A KPI or department that has notes on it: where it is shown, and how much its notes are.

    Of the thing as it is (`bos.things`), kept here because a note outlives its place there: what
    shows the thing shows its notes. `collaboration.services.on_things` has it follow.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey(
        Organization, on_delete=models.CASCADE, related_name="noted_things"
    )
    entity_type = models.CharField(max_length=32)
    entity_id = models.UUIDField()
    name = models.CharField(max_length=200)
    open_to_organization = models.BooleanField()
    department_id = models.UUIDField(null=True)
    archived = models.BooleanField(default=False)
    notes = models.IntegerField(default=0)
    bytes = models.BigIntegerField(default=0)

    objects = TenantQuerySet.as_manager()

    class Meta:
        ordering = ("name",)
        verbose_name_plural = "things with notes"
        constraints = (
            # Of each organization that it has been in.
            models.UniqueConstraint(
                fields=("entity_type", "entity_id", "organization"), name="thing_is_noted_once"
            ),
        )

    def __str__(self) -> str:
        return self.name


class AnnotationQuerySet(SyncedQuerySet[Any]):
    def of(self, organization_id: object) -> Self:
        """Those of the organization's sessions and things."""
        return self.filter(
            Q(session__organization_id=organization_id) | Q(thing__organization_id=organization_id)
        )


class Annotation(SyncedModel):
    """A note at a point of the shared space, in metres: of a session, where it may be pinned to an
    entity, or on a thing itself, which is its entity then.

    Without an author it is the system's.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    session = models.ForeignKey(
        Session, null=True, blank=True, on_delete=CASCADE_BEFORE, related_name="annotations"
    )
    thing = models.ForeignKey(
        NotedThing, null=True, blank=True, on_delete=CASCADE_BEFORE, related_name="annotations"
    )
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.RESTRICT,
        related_name="annotations",
    )
    parent = models.ForeignKey(
        "self", null=True, blank=True, on_delete=CASCADE_TREE, related_name="replies"
    )
    x = models.FloatField()
    y = models.FloatField()
    z = models.FloatField()
    content = models.TextField(max_length=10_000)
    content_type = models.CharField(max_length=16, choices=ContentType.choices)
    entity_type = models.CharField(max_length=32, blank=True, default="")
    entity_id = models.CharField(max_length=64, blank=True, default="")
    mentions = models.JSONField(default=list, blank=True)
    """Ids of users."""
    resolved_at = models.DateTimeField(null=True, blank=True)
    resolved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
    )
    revision = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = AnnotationQuerySet.as_manager()

    class Meta:
        ordering = ("created_at",)
        base_manager_name = "objects"
        constraints = (
            models.CheckConstraint(
                condition=Q(session__isnull=False, thing__isnull=True)
                | Q(session__isnull=True, thing__isnull=False),
                name="note_is_of_a_session_or_on_a_thing",
            ),
        )

    def __str__(self) -> str:
        return self.content[:60]

    @property
    def place(self) -> Session | NotedThing:
        """The session, or the thing: what it is in."""
        place = self.session if self.thing_id is None else self.thing
        assert place is not None
        return place


class KeptEvent(models.Model):
    """An event of a session, as long as the session: moved here when the log forgets it.

    Its columns are those of `sync.models.Event`. user_id: the participant or the note's author,
    whom it names.
    """

    session = models.ForeignKey(Session, on_delete=models.CASCADE, related_name="kept_events")
    sequence = models.BigIntegerField()
    at_us = models.BigIntegerField()
    entity_type = models.CharField(max_length=32)
    entity_id = models.CharField(max_length=64)
    change_type = models.CharField(max_length=16)
    data = models.TextField(default="", blank=True)
    live_type = models.CharField(max_length=32, default="", blank=True)
    live = models.TextField(default="", blank=True)
    user_id = models.CharField(max_length=64, default="", blank=True, db_index=True)

    class Meta:
        ordering = ("session", "sequence")
        constraints = (
            models.UniqueConstraint(fields=("session", "sequence"), name="event_is_kept_once"),
        )

    def __str__(self) -> str:
        return f"{self.sequence}: {self.entity_type} {self.change_type}"


class NoteUsage(models.Model):
    """How many notes a session has, and how many bytes they are: see `collaboration.usage`."""

    session = models.OneToOneField(
        Session, primary_key=True, on_delete=models.CASCADE, related_name="note_usage"
    )
    notes = models.IntegerField(default=0)
    bytes = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.notes} notes, {self.bytes} bytes"
