"""Reports, their files and their schedules."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models

from bos.models import Department, Organization, TenantQuerySet
from sync.eventlog.querysets import SyncedModel


class ReportFormat(models.TextChoices):
    PDF = "pdf", "PDF"
    XLSX = "xlsx", "Excel (XLSX)"


class ReportState(models.TextChoices):
    WAITING = "waiting", "Waiting"
    READY = "ready", "Ready"
    FAILED = "failed", "Failed"


class Report(SyncedModel):
    """A file of KPIs over a period (decision B4); without a department, of the organization's.

    An organization's report shows what everybody in it may see, and a department's also what only
    that department may: so whoever may follow that channel may open the file.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="reports")
    department = models.ForeignKey(
        Department, null=True, blank=True, on_delete=models.CASCADE, related_name="reports"
    )
    from_day = models.DateField("from")
    to_day = models.DateField("to")
    format = models.CharField(max_length=4, choices=ReportFormat.choices, default=ReportFormat.PDF)
    state = models.CharField(
        max_length=8, choices=ReportState.choices, default=ReportState.WAITING, editable=False
    )
    problem = models.CharField(max_length=300, blank=True, default="", editable=False)
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        editable=False,
        on_delete=models.SET_NULL,
        related_name="+",
    )
    schedule = models.ForeignKey(
        "ReportSchedule",
        null=True,
        blank=True,
        editable=False,
        on_delete=models.SET_NULL,
        related_name="reports",
    )
    """The schedule that has asked for it."""
    origin = models.CharField(max_length=64, blank=True, default="", editable=False)
    request_id = models.CharField(max_length=128, blank=True, default="", editable=False)
    """The connection and the request it was asked for by, over the wire."""
    created_at = models.DateTimeField(auto_now_add=True)
    ready_at = models.DateTimeField(null=True, editable=False)
    expires_at = models.DateTimeField(null=True, editable=False)

    objects = TenantQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at",)
        base_manager_name = "objects"

    def __str__(self) -> str:
        return f"{self.department or self.organization}, {self.from_day} to {self.to_day}"

    def clean(self) -> None:
        if self.department is not None and self.department.organization_id != self.organization_id:
            raise ValidationError({"department": "The department is of another organization."})
        if self.from_day and self.to_day:
            if self.from_day > self.to_day:
                raise ValidationError({"to_day": "Ends before it begins."})
            if (self.to_day - self.from_day).days >= MAX_REPORT_DAYS:
                raise ValidationError({"from_day": f"At most {MAX_REPORT_DAYS} days."})


MAX_REPORT_DAYS = 3 * 366


class ReportFile(models.Model):
    """The file itself: in the database, where every process finds it."""

    report = models.OneToOneField(
        Report, primary_key=True, on_delete=models.CASCADE, related_name="file"
    )
    content = models.BinaryField()

    def __str__(self) -> str:
        return f"{len(self.content)} bytes"


class Rhythm(models.TextChoices):
    DAILY = "daily", "Every day, of the last 30 days"
    WEEKLY = "weekly", "Every Monday, of the last 13 weeks"
    MONTHLY = "monthly", "On the first of the month, of the month before"


class ReportSchedule(models.Model):
    """A report that is made again and again."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey(
        Organization, on_delete=models.CASCADE, related_name="report_schedules"
    )
    department = models.ForeignKey(
        Department, null=True, blank=True, on_delete=models.CASCADE, related_name="+"
    )
    format = models.CharField(max_length=4, choices=ReportFormat.choices, default=ReportFormat.PDF)
    rhythm = models.CharField("when", max_length=8, choices=Rhythm.choices)
    recipients = models.ManyToManyField(
        settings.AUTH_USER_MODEL,
        blank=True,
        related_name="+",
        verbose_name="mail it to",
        help_text="They get the file by mail, or its link where it has 5 MB and more.",
    )
    is_active = models.BooleanField(default=True)
    last_made_on = models.DateField(null=True, editable=False)

    objects = TenantQuerySet.as_manager()

    class Meta:
        ordering = ("rhythm",)

    def __str__(self) -> str:
        return f"{self.department or self.organization}: {self.get_rhythm_display()}"

    def clean(self) -> None:
        if self.department is not None and self.department.organization_id != self.organization_id:
            raise ValidationError({"department": "The department is of another organization."})
