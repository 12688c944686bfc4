"""Files that administrators bring (`bos.imports`)."""

from __future__ import annotations

import uuid

from django.db import models

from bos.models.people import User
from bos.models.tenants import Organization, TenantQuerySet


class ImportState(models.TextChoices):
    WAITING = "waiting", "Waiting to be checked"
    CHECKING = "checking", "Being checked"
    CHECKED = "checked", "Checked: to be confirmed"
    REFUSED = "refused", "Refused: nothing was changed"
    CONFIRMED = "confirmed", "Confirmed, waiting"
    WRITING = "writing", "Being written"
    DONE = "done", "Done"
    PARTLY = "partly", "Stopped: some rows were written"
    FAILED = "failed", "Failed: nothing was changed"


class Import(models.Model):
    """A file that an admin has brought: a worker checks it, and writes it once it is confirmed."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="imports")
    author = models.ForeignKey(
        User, null=True, editable=False, on_delete=models.SET_NULL, related_name="+"
    )
    kind = models.CharField("of what", max_length=16)
    file_name = models.CharField(max_length=200, editable=False)
    content = models.BinaryField(default=b"", editable=False)
    """Empty once what is to be written is planned, or it has ended."""
    state = models.CharField(
        max_length=16, choices=ImportState.choices, default=ImportState.WAITING, editable=False
    )
    state_since = models.DateTimeField(editable=False)
    """While it is checked or written, when that last went on."""
    rows_done = models.PositiveIntegerField("checked rows", default=0, editable=False)
    """Of those that are checked, or written."""
    rows_total = models.PositiveIntegerField("rows", default=0, editable=False)
    problem = models.CharField(max_length=500, blank=True, default="", editable=False)
    """Why the file as a whole cannot be used."""
    outcome = models.JSONField(default=dict, editable=False)
    """The findings in the file: see `bos.imports.outcome.Outcome`."""
    created_at = models.DateTimeField(auto_now_add=True)

    objects = TenantQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at",)

    def __str__(self) -> str:
        return self.file_name


class ImportPlan(models.Model):
    """The steps of an import that is being written: see `bos.imports.writing`.

    A table of its own: each slice changes the import's row, and SQLite writes a row as a whole.
    """

    of = models.OneToOneField(
        Import, primary_key=True, on_delete=models.CASCADE, related_name="plan"
    )
    steps = models.BinaryField()

    def __str__(self) -> str:
        return f"plan of {self.of_id}"
