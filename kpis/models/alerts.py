"""Rules about values, and the alerts that they raise."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.db.models import Q
from django.db.models.signals import pre_delete
from django.utils import timezone

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


class AlertState(models.TextChoices):
    OPEN = "open", "Open"
    ACKNOWLEDGED = "acknowledged", "Acknowledged"
    RESOLVED = "resolved", "Resolved"


class AlertRule(models.Model):
    """When a KPI raises an alert, and which users get a notification of it (decisions B2, B5)."""

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
    for_minutes = models.PositiveIntegerField(
        "for so many minutes",
        default=0,
        help_text="It alerts once it has been crossed for so long. 0: at once.",
    )
    hysteresis = exact_field(
        "hysteresis in percent",
        default=0,
        help_text="Its alert is resolved once the KPI is back inside by so many percent of the "
        "threshold: above 100 with 5 percent, at 95. 0: as soon as it is back.",
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
    crossed_since = models.DateTimeField(null=True, editable=False)
    """Since when the KPI is beyond, where that has not lasted long enough to alert."""

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
        """With another condition it is another rule: it may alert again, and the alert of the one
        that it was is resolved."""
        if self._state.adding or kwargs.get("update_fields") is not None:
            super().save(*args, **kwargs)
            return
        with transaction.atomic():
            rows = AlertRule.objects.select_for_update().filter(pk=self.pk)
            stored = rows.values(*CONDITIONS, "raised", "crossed_since").first()
            if stored is not None:
                # A worker may have set these since the row in hand was read.
                self.raised, self.crossed_since = stored["raised"], stored["crossed_since"]
                if any(stored[name] != getattr(self, name) for name in CONDITIONS):
                    self.raised, self.crossed_since = False, None
                    resolve_alerts([self])
            super().save(*args, **kwargs)

    @property
    def threshold_text(self) -> str:
        """1500.0000 is written 1500."""
        return "" if self.threshold is None else plain_number(self.threshold)

    @property
    def lasting(self) -> timedelta:
        """How long it is crossed before it alerts."""
        return timedelta(minutes=self.for_minutes)

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
        problems |= self._problems_of_time_and_distance()
        if self.kpi_id is not None and not self._has_place():
            problems["kpi"] = f"A KPI has at most {MAX_RULES} rules."
        if problems:
            raise ValidationError(problems)

    def _has_place(self) -> bool:
        """Whether it is one of its KPI's rules already, or these are not too many."""
        of_kpi = AlertRule.objects.filter(kpi=self.kpi_id)
        return of_kpi.count() < MAX_RULES or of_kpi.filter(pk=self.pk).exists()

    def _problems_of_time_and_distance(self) -> dict[str, str]:
        problems: dict[str, str] = {}
        if self.for_minutes is not None and self.for_minutes > MAX_MINUTES:
            problems["for_minutes"] = f"At most {MAX_MINUTES} minutes: a week."
        if self.hysteresis is not None and not 0 <= self.hysteresis < 100:
            problems["hysteresis"] = "From 0 to less than 100 percent."
        elif self.hysteresis and self.threshold == 0:
            problems["hysteresis"] = "Of the threshold 0 there is no percentage: leave it at 0."
        if self.kind == RuleKind.MISSING:
            if self.for_minutes:
                problems["for_minutes"] = "A missing value has its time in hours: leave it at 0."
            if self.hysteresis:
                problems["hysteresis"] = "A missing value has no threshold: leave it at 0."
        return problems


CONDITIONS = ("kpi_id", "kind", "threshold", "hours", "is_active")
"""With another one of these it is another rule."""
MAX_HOURS = 24 * 366
MAX_MINUTES = 7 * 24 * 60
MAX_RULES = 100
"""Of a KPI: each is looked at with every value."""


class Alert(OfKpi):
    """A KPI has gone beyond what a rule allows: open, until somebody acknowledges it, and resolved
    once the KPI is back (decision B5)."""

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
    snoozed_until = models.DateTimeField(null=True, blank=True)
    """Until then nobody is notified, of the next alert of its rule neither."""
    resolved_at = models.DateTimeField(null=True, blank=True)

    class Meta(OfKpi.Meta):
        ordering = ("-raised_at",)
        indexes = (
            models.Index(fields=("organization", "-raised_at", "-id"), name="alerts_latest_first"),
        )
        constraints = (
            models.UniqueConstraint(
                fields=("rule",),
                condition=Q(resolved_at__isnull=True),
                name="one_unresolved_alert_of_a_rule",
            ),
        )

    def __str__(self) -> str:
        return self.message

    @property
    def state(self) -> AlertState:
        if self.resolved_at is not None:
            return AlertState.RESOLVED
        return AlertState.OPEN if self.acknowledged_at is None else AlertState.ACKNOWLEDGED


IN_STATE: dict[str, Q] = {
    AlertState.OPEN: Q(resolved_at=None, acknowledged_at=None),
    AlertState.ACKNOWLEDGED: Q(resolved_at=None, acknowledged_at__isnull=False),
    AlertState.RESOLVED: Q(resolved_at__isnull=False),
}
UNRESOLVED = Q(resolved_at=None)


def resolve_alerts(rules: Sequence[AlertRule]) -> int:
    """Resolve the alerts of these rules; how many those were."""
    unresolved = Alert.objects.filter(UNRESOLVED, rule__in=[rule.pk for rule in rules])
    return int(unresolved.update(resolved_at=timezone.now()))


def _resolve_with_its_rule(instance: AlertRule, **_: object) -> None:
    """No value could resolve it any more."""
    resolve_alerts([instance])


pre_delete.connect(_resolve_with_its_rule, sender=AlertRule, dispatch_uid="alerts resolved")
