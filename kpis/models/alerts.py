"""Rules about values, and the alerts that they raise."""

from __future__ import annotations

import uuid
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models, transaction

from bos.adminsite.numbers import plain_number
from bos.models import Organization, TenantQuerySet
from kpis.models.kpis import Kpi, OfKpi, exact_field


class RuleKind(models.TextChoices):
    ABOVE = "above", "Is above the threshold"
    BELOW = "below", "Is below the threshold"
    CHANGE = "change", "Changes by the threshold, in percent, within the time"
    MISSING = "missing", "Has no new value for the time"


class Severity(models.TextChoices):
    INFO = "info", "Info"
    WARNING = "warning", "Warning"
    CRITICAL = "critical", "Critical"


class AlertRule(models.Model):
    """When a KPI raises an alert, and which users get a notification of it (decision B2)."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey(
        Organization, on_delete=models.CASCADE, related_name="alert_rules"
    )
    kpi = models.ForeignKey(
        Kpi, on_delete=models.CASCADE, related_name="alert_rules", verbose_name="KPI"
    )
    kind = models.CharField("when it", max_length=8, choices=RuleKind.choices)
    threshold = exact_field(
        null=True, blank=True, help_text="In the KPI's unit; of a change, in percent."
    )
    hours = models.PositiveIntegerField(
        "time in hours",
        null=True,
        blank=True,
        help_text="For a change, and for no new value: within so many hours.",
    )
    severity = models.CharField(max_length=8, choices=Severity.choices, default=Severity.WARNING)
    notify_owner = models.BooleanField("notify the KPI's owner", default=True)
    notify = models.ManyToManyField(
        settings.AUTH_USER_MODEL, blank=True, related_name="+", verbose_name="also notify"
    )
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)
    raised = models.BooleanField("is beyond", default=False, editable=False)
    """It has alerted, and the KPI has not been back since."""

    objects = TenantQuerySet.as_manager()

    class Meta:
        ordering = ("kpi__name", "kind")

    def __str__(self) -> str:
        what = {
            RuleKind.ABOVE: f"above {self.threshold_text}",
            RuleKind.BELOW: f"below {self.threshold_text}",
            RuleKind.CHANGE: f"changed by {self.threshold_text} % in {self.hours} h",
            RuleKind.MISSING: f"without a new value for {self.hours} h",
        }
        return f"{self.kpi}: {what[RuleKind(self.kind)]}" if self.kind else str(self.kpi)

    def save(self, *args: Any, **kwargs: Any) -> None:
        """With another condition it is another rule: it may alert again."""
        if not self._state.adding and kwargs.get("update_fields") is None:
            conditions = ("kpi_id", "kind", "threshold", "hours", "is_active")
            with transaction.atomic():
                rows = AlertRule.objects.select_for_update().filter(pk=self.pk)
                stored = rows.values(*conditions, "raised").first()
                if stored is not None:
                    # A worker may have set it since the row in hand was read.
                    same = all(stored[name] == getattr(self, name) for name in conditions)
                    self.raised = same and stored["raised"]
                super().save(*args, **kwargs)
            return
        super().save(*args, **kwargs)

    @property
    def threshold_text(self) -> str:
        """1500.0000 is written 1500."""
        return "" if self.threshold is None else plain_number(self.threshold)

    def clean(self) -> None:
        """A rule that could never alert, or always would, is refused."""
        if self.kpi_id is not None and self.kpi.organization_id != self.organization_id:
            raise ValidationError({"kpi": "The KPI is of another organization."})
        problems: dict[str, str] = {}
        takes_hours = self.kind in (RuleKind.CHANGE, RuleKind.MISSING)
        if takes_hours and not self.hours:
            problems["hours"] = "Within or for how many hours?"
        if takes_hours and self.hours and self.hours > MAX_HOURS:
            problems["hours"] = f"At most {MAX_HOURS} hours: a year."
        if not takes_hours and self.hours is not None:
            problems["hours"] = "A threshold knows no time: leave it empty."
        if self.kind == RuleKind.MISSING and self.threshold is not None:
            problems["threshold"] = "A missing value has no threshold: leave it empty."
        if self.kind != RuleKind.MISSING and self.threshold is None:
            problems["threshold"] = "At which value?"
        if self.kind == RuleKind.CHANGE and self.threshold is not None and self.threshold <= 0:
            problems["threshold"] = "By how many percent, up or down? More than 0."
        if problems:
            raise ValidationError(problems)


MAX_HOURS = 24 * 366


class Alert(OfKpi):
    """A KPI has gone beyond what a rule allows; there until somebody acknowledges it."""

    rule = models.ForeignKey(AlertRule, null=True, on_delete=models.SET_NULL, related_name="alerts")
    severity = models.CharField(max_length=8, choices=Severity.choices)
    message = models.CharField(max_length=300)
    value = exact_field(null=True)
    threshold = exact_field(null=True)
    raised_at = models.DateTimeField()
    acknowledged_at = models.DateTimeField(null=True, blank=True)
    acknowledged_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
    )

    class Meta(OfKpi.Meta):
        ordering = ("-raised_at",)

    def __str__(self) -> str:
        return self.message
