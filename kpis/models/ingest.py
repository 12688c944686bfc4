"""Requests that have brought values, so that a repeat has no second effect (decision D2)."""

from __future__ import annotations

from django.conf import settings
from django.db import models


class IngestRequest(models.Model):
    """A request with an `Idempotency-Key`; kept a day.

    It is written with the values, so it is there exactly where they are.
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", db_index=False
    )
    key = models.CharField(max_length=255)
    body_hash = models.CharField(max_length=64)
    outcome = models.TextField(default="")
    """The answer, as JSON; empty while its transaction is open, so nobody ever sees that."""
    created_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("user", "key"), name="ingest_key_is_used_once_by_a_user"
            ),
        )

    def __str__(self) -> str:
        return self.key
