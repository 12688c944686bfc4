"""Insights into the values of KPIs, and how far these have been judged."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import Q

from kpis.models.kpis import Kpi, OfKpi


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
