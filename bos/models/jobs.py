"""Jobs that wait for a worker, or are done by one (`bos.jobs`)."""

from __future__ import annotations

from django.db import models
from django_q.models import OrmQ


# django-q has no types.
class Job(OrmQ):  # type: ignore[misc]  # untyped
    """A job that waits or is being done: a row of django-q's queue, and whose it is.

    Deleting django-q's row, as its own code does, deletes this one with it.
    """

    organization_id = models.CharField(max_length=64, blank=True, default="")
    """Empty for what is the system's own."""
    user_id = models.CharField("asked for by", max_length=64, blank=True, default="")
    """Empty where nobody waits for it."""
    queue = models.CharField(max_length=100, default="")
    """As `key` of django-q's row, which has no index."""
    turn = models.BigIntegerField(default=0)
    """Jobs of a queue are done in the order of their turns: see `bos.jobs.queue`."""
    begun = models.PositiveSmallIntegerField("times begun", default=0)
    ended = models.PositiveSmallIntegerField("times failed", default=0)
    """Fewer than it was begun: its worker died of it, or it is being done now."""

    class Meta:
        indexes = (
            models.Index(fields=("organization_id", "user_id"), name="job_by_who_waits"),
            models.Index(fields=("queue", "turn"), name="job_by_turn"),
            models.Index(fields=("queue", "organization_id", "turn"), name="job_by_owner_turn"),
        )

    def __str__(self) -> str:
        return str(self.func())
