"""KPIs, the history of their values, and what is made of it: alerts, insights, reports."""

from __future__ import annotations

import uuid
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.db.models import Q

from bos.adminsite.numbers import plain_number
from bos.history.model import History
from bos.models import Department, Organization, TenantQuerySet
from bos.texts import NameField
from sync.eventlog.querysets import SyncedModel
from sync.protocol.codecs import exact_number


def validate_exact(value: Decimal) -> None:
    """The same rule for forms and imports as on the wire (decision B1)."""
    try:
        exact_number(value)
    except ValueError as error:
        raise ValidationError(str(error)) from None


def exact_field(**options: Any) -> models.DecimalField[Any, Any]:
    """15 significant digits, 4 of them decimals: what a float and SQLite's REAL hold exactly."""
    return models.DecimalField(
        max_digits=19, decimal_places=4, validators=[validate_exact], **options
    )


class Direction(models.TextChoices):
    HIGHER = "higher", "Higher is better"
    LOWER = "lower", "Lower is better"


class Visibility(models.TextChoices):
    ORGANIZATION = "organization", "Everybody in the organization"
    DEPARTMENT = "department", "Its department only"


class CurrentKpis(models.Manager.from_queryset(TenantQuerySet)):  # type: ignore[misc]  # a call
    """Those that are not archived: what anybody sees, sets, judges, reports, imports or exports."""

    def get_queryset(self) -> Any:
        return super().get_queryset().filter(archived_at=None)


class Kpi(SyncedModel):
    """A number that somebody watches, in its own unit.

    Archived, it is there for administrators alone, with its values, alerts and notes (decision V6):
    see `kpis.archive.services`. `objects` leaves archived ones out; a query through another model
    (`kpi__name`) does not.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="kpis")
    department = models.ForeignKey(
        Department, null=True, blank=True, on_delete=models.RESTRICT, related_name="kpis"
    )
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="owned_kpis",
    )
    name = NameField(max_length=200)
    unit = NameField(max_length=32, blank=True)
    value = exact_field(null=True, blank=True)
    target = exact_field(null=True, blank=True)
    direction = models.CharField(max_length=8, choices=Direction.choices, default=Direction.HIGHER)
    visibility = models.CharField(
        max_length=16, choices=Visibility.choices, default=Visibility.ORGANIZATION
    )
    updated_at = models.DateTimeField(auto_now=True)
    archived_at = models.DateTimeField(null=True, blank=True, editable=False)

    value_at: datetime | None = None
    """Not stored here: when the value being saved was measured, if not now (history, imports)."""

    objects = CurrentKpis()
    everything = TenantQuerySet.as_manager()
    history = History(unnoticed=("value",))  # each value is kept as a KpiValue with its author

    class Meta:
        ordering = ("name",)
        base_manager_name = "everything"
        verbose_name = "KPI"
        verbose_name_plural = "KPIs"
        constraints = (
            models.CheckConstraint(
                condition=Q(visibility="organization") | Q(department__isnull=False),
                name="kpi_of_a_department_only_has_a_department",
            ),
        )

    def __str__(self) -> str:
        return self.name

    @property
    def value_text(self) -> str:
        return "no value" if self.value is None else f"{plain_number(self.value)} {self.unit}"

    def clean(self) -> None:
        for field in ("department", "owner"):
            other = getattr(self, field)
            if other is not None and other.organization_id != self.organization_id:
                raise ValidationError({field: f"The {field} is of another organization."})
        if self.visibility == Visibility.DEPARTMENT and self.department_id is None:
            raise ValidationError({"department": "Visible to its department only: to which?"})


class KpiValue(models.Model):
    """A value that a KPI had from `at` on, and who set it."""

    kpi = models.ForeignKey(Kpi, on_delete=models.CASCADE, related_name="values")
    value = exact_field()
    at = models.DateTimeField()
    actor_id = models.CharField(max_length=64, verbose_name="set by")

    class Meta:
        ordering = ("-at",)
        verbose_name = "KPI value"
        indexes = (models.Index(fields=("kpi", "-at"), name="value_by_kpi_and_time"),)

    def __str__(self) -> str:
        return f"{plain_number(self.value)} at {self.at:%Y-%m-%d %H:%M}"


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


class OfKpi(SyncedModel):
    """Something that concerns a KPI, and whoever may see that KPI."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey(
        Organization, on_delete=models.CASCADE, related_name="%(class)ss"
    )
    kpi = models.ForeignKey(
        Kpi, on_delete=models.CASCADE, related_name="%(class)ss", verbose_name="KPI"
    )

    objects = TenantQuerySet.as_manager()

    class Meta:
        abstract = True
        base_manager_name = "objects"


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


class InsightKind(models.TextChoices):
    ANOMALY = "anomaly", "Anomaly"
    PREDICTION = "prediction", "Prediction"
    RECOMMENDATION = "recommendation", "Recommendation"


class Insight(OfKpi):
    """A finding of statistics in a KPI's history (decision B3); `figures` as they go out."""

    kind = models.CharField(max_length=16, choices=InsightKind.choices)
    figures = models.JSONField()
    created_at = models.DateTimeField()

    class Meta(OfKpi.Meta):
        ordering = ("-created_at",)
        constraints = (
            models.UniqueConstraint(
                fields=("kpi", "kind"),
                condition=~Q(kind=InsightKind.ANOMALY),
                name="kpi_has_one_prediction_and_one_recommendation",
            ),
        )

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.kpi}"


class InsightState(models.Model):
    """How far a KPI's history has been judged, and why there is no insight where there is none."""

    kpi = models.OneToOneField(
        Kpi, primary_key=True, on_delete=models.CASCADE, related_name="insight_state"
    )
    waiting = models.BooleanField(default=False)
    """A job is enqueued that will judge what is new."""
    waiting_since = models.DateTimeField(null=True)
    judged_id = models.BigIntegerField(default=0)
    """The last KpiValue that was judged."""
    odd_day = models.DateField(null=True)
    odd_side = models.SmallIntegerField(default=0)
    """The day's last value was above (1) or below (-1) what was expected; inside it is 0."""
    forecast_day = models.DateField(null=True)
    """The last day that the current prediction rests on."""
    rhythm = models.CharField(max_length=300, blank=True, default="")
    """How the values come, and what they are compared with therefore; to people."""
    model = models.CharField(max_length=300, blank=True, default="")
    """Which models the current prediction rests on, and why; to people."""
    note = models.CharField(max_length=300, blank=True, default="")
    judged_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return str(self.kpi)


class AskedPrediction(models.Model):
    """A PREDICTION_REQUEST and its answer, which is the requester's alone (decision B3).

    No foreign keys: it is forgotten in minutes, and who may see the KPI is looked at before it is
    answered.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization_id = models.CharField(max_length=64)
    kpi_id = models.CharField(max_length=64)
    horizon = models.PositiveSmallIntegerField()
    user_id = models.CharField(max_length=64)
    origin = models.CharField(max_length=64, blank=True, default="")
    """The connection that is answered: the one that has asked last."""
    request_id = models.CharField(max_length=128, blank=True, default="")
    asked_at = models.DateTimeField(db_index=True)
    answered_at = models.DateTimeField(null=True)
    newest_id = models.BigIntegerField(null=True)
    """The KPI's newest value when it was answered: until the next, the answer is the same."""
    answer = models.JSONField(null=True)
    """`{"prediction": ..., "recommendation": ... or null}` as they went out; null if there was no
    answer."""

    class Meta:
        indexes = (
            models.Index(fields=("kpi_id", "horizon"), name="prediction_asked_of_kpi"),
            models.Index(fields=("organization_id", "user_id"), name="prediction_asked_by"),
        )

    def __str__(self) -> str:
        return f"{self.kpi_id} for {self.horizon} days"


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
