"""KPIs, their values, and what any row that concerns a KPI has."""

from __future__ import annotations

import uuid
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
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
