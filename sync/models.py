"""The event log and the retry record: the tables that delivery rests on."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from sync.protocol.topics import TOPIC_COLUMNS


class StreamHead(models.Model):
    """One organization's end of the log; locked last in each transaction that appends.

    A row of its own rather than a bigserial id: ids are taken in another order than they commit,
    and a reader that has seen the later one never sees the earlier.
    """

    organization_id = models.CharField(max_length=64, primary_key=True)
    sequence = models.BigIntegerField(default=0)
    at_us = models.BigIntegerField(default=0)
    pruned_sequence = models.BigIntegerField(default=0)
    pruned_at_us = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.organization_id} at {self.sequence}"


def _topic() -> models.CharField[str | None, str | None]:
    """The id of a topic that the event concerns. Null, not empty: partial indexes leave it out."""
    return models.CharField(max_length=64, null=True)


class Event(models.Model):
    """A change, in the order it was committed within its organization.

    No foreign keys: the log outlives what it speaks of. `data` and `live` are JSON text, stored as
    they go out; `live` is the payload of the event's own type, where it has one.

    topic_n: the id of the topic that the event concerns, of the kind that has claimed this column
    (`sync.protocol.topics.TopicKind`).
    """

    organization_id = models.CharField(max_length=64)
    sequence = models.BigIntegerField()
    at_us = models.BigIntegerField(verbose_name="microseconds since 1970")
    entity_type = models.CharField(max_length=32)
    entity_id = models.CharField(max_length=64)
    change_type = models.CharField(max_length=16)
    data = models.TextField(default="", blank=True)
    live_type = models.CharField(max_length=32, default="", blank=True)
    live = models.TextField(default="", blank=True)
    actor_id = models.CharField(max_length=64)
    source = models.CharField(max_length=16)
    origin = models.CharField(max_length=64, default="", blank=True)
    request_id = models.CharField(max_length=128, default="", blank=True)
    access = models.TextField(default="", blank=True, verbose_name="access rights it touches")
    topic_1 = _topic()
    topic_2 = _topic()
    topic_3 = _topic()
    topic_4 = _topic()
    topic_5 = _topic()
    topic_6 = _topic()
    topic_7 = _topic()
    topic_8 = _topic()

    class Meta:
        ordering = ("organization_id", "sequence")
        constraints = (
            models.UniqueConstraint(
                fields=("organization_id", "sequence"), name="event_sequence_is_unique"
            ),
        )
        indexes = tuple(
            models.Index(
                fields=(column, "sequence"),
                condition=Q(**{f"{column}__isnull": False}),
                name=f"event_by_{column}",
            )
            for column in TOPIC_COLUMNS
        )

    def __str__(self) -> str:
        return f"{self.sequence}: {self.entity_type} {self.change_type}"


class RequestRecord(models.Model):
    """The outcome of a request that changed something, so that a retry repeats it (decision E7).

    Written in the transaction of the effect. The outcome is an event of the organization's log
    (`sequence`) or, where the requester got an answer of their own, that answer (`reply`).
    """

    user_id = models.CharField(max_length=64)
    request_id = models.CharField(max_length=128)
    body_hash = models.CharField(max_length=64)
    at_us = models.BigIntegerField(db_index=True)
    organization_id = models.CharField(max_length=64)
    sequence = models.BigIntegerField(null=True)
    reply_type = models.CharField(max_length=32, default="")
    reply = models.TextField(default="")

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("user_id", "request_id"), name="request_is_recorded_once_a_user"
            ),
        )

    def __str__(self) -> str:
        return self.request_id


class ProcessorPosition(models.Model):
    """Up to which event a processor has come in a log (see `sync.eventlog.processors`)."""

    name = models.CharField(max_length=64)
    organization_id = models.CharField(max_length=64)
    sequence = models.BigIntegerField(default=0)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("name", "organization_id"), name="processor_has_one_position"
            ),
        )

    def __str__(self) -> str:
        return f"{self.name} at {self.sequence} of {self.organization_id}"


class CommitMark(models.Model):
    """Left by a transaction whose outcome may have to be asked for (`sync.eventlog.commits`)."""

    id = models.UUIDField(primary_key=True)
    at_us = models.BigIntegerField()

    def __str__(self) -> str:
        return str(self.pk)
