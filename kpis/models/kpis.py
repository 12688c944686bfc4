"""KPIs, their values, and what any row that concerns a KPI has."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.db.models import Q

from bos.adminsite.numbers import plain_number
from bos.history.model import History
from bos.models import Department, Organization, TenantQuerySet
from bos.texts import NameField
from kpis.keys import MOST, key_of, validate_key
from sync.eventlog.fast_sql import Lock, hold_rows
from sync.eventlog.querysets import SyncedModel
from sync.protocol.codecs import exact_number


def validate_exact(value: Decimal) -> None:
    """The same rule for forms and imports as on the wire (decision B1)."""
    try:
        exact_number(value)
    except ValueError as error:
        raise ValidationError(str(error)) from None


def exact_field(name: str | None = None, **options: Any) -> models.DecimalField[Any, Any]:
    """15 significant digits, 4 of them decimals: what a float and SQLite's REAL hold exactly."""
    return models.DecimalField(
        name, max_digits=19, decimal_places=4, validators=[validate_exact], **options
    )


class Direction(models.TextChoices):
    HIGHER = "higher", "Higher is better"
    LOWER = "lower", "Lower is better"


class Visibility(models.TextChoices):
    ORGANIZATION = "organization", "Everybody in the organization"
    DEPARTMENT = "department", "Its department only"


class KpiQuerySet(TenantQuerySet):
    """Every KPI has a key, from whatever source it comes."""

    def bulk_create(self, objs: Iterable[Kpi], *args: Any, **kwargs: Any) -> list[Kpi]:
        kpis = list(objs)
        with transaction.atomic(using=self.db, savepoint=False):
            give_keys([kpi for kpi in kpis if not kpi.key])
            return super().bulk_create(kpis, *args, **kwargs)

    bulk_create.alters_data = True  # type: ignore[attr-defined]  # no template may call it

    def update(self, **values: Any) -> int:
        organization = values.get("organization", values.get("organization_id"))
        if organization is None:
            return super().update(**values)
        organization_id = getattr(organization, "pk", organization)
        with transaction.atomic(using=self.db, savepoint=False):
            for kpi in self.exclude(organization_id=organization_id):
                was = kpi.key
                kpi.organization_id = organization_id
                give_keys([kpi])
                if kpi.key != was:
                    Kpi.everything.filter(pk=kpi.pk).update(key=kpi.key)
            return super().update(**values)

    update.alters_data = True  # type: ignore[attr-defined]  # as above


def give_keys(kpis: Iterable[Kpi]) -> None:
    """Give a key to those of these KPIs that have none, or one that another KPI there has.

    Runs inside the caller's transaction, and locks the organizations: two who add a KPI of one name
    at once get two keys.
    """
    by_organization: dict[UUID, list[Kpi]] = defaultdict(list)
    for kpi in kpis:
        by_organization[kpi.organization_id].append(kpi)
    for organization_id in sorted(by_organization, key=str):
        rows = by_organization[organization_id]
        hold_rows(Organization, [organization_id], Lock.CHANGE, wait=True)
        others = Kpi.everything.of(organization_id).exclude(pk__in=[kpi.pk for kpi in rows])
        taken = set(others.values_list("key", flat=True))
        for kpi in rows:
            if not kpi.key or kpi.key in taken:
                kpi.key = key_of(kpi.name, taken)
            taken.add(kpi.key)


class CurrentKpis(models.Manager.from_queryset(KpiQuerySet)):  # type: ignore[misc]  # a call
    """Those that are not archived: what anybody sees, sets, judges, reports, imports or exports."""

    def get_queryset(self) -> Any:
        return super().get_queryset().filter(archived_at=None)


KEY_IS_TAKEN = "Another KPI of the organization has this key."


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
    key = models.CharField(
        max_length=MOST,
        blank=True,
        validators=[validate_key],
        help_text="What systems that send values call it. Empty: made of the name.",
    )
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
    value_shown_at: datetime | None = None
    """Not stored here: since when the value of that time has been shown, where it is corrected."""

    objects = CurrentKpis()
    everything = KpiQuerySet.as_manager()
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
            models.UniqueConstraint(
                fields=("organization", "key"),
                name="key_is_one_kpis_of_an_organization",
                violation_error_message=KEY_IS_TAKEN,
            ),
        )

    def __str__(self) -> str:
        return self.name

    @property
    def value_text(self) -> str:
        return "no value" if self.value is None else f"{plain_number(self.value)} {self.unit}"

    def save_base(self, *args: Any, **kwargs: Any) -> None:
        fields = kwargs.get("update_fields")
        with transaction.atomic(savepoint=False):
            if self._needs_key(fields):
                give_keys([self])
                if fields is not None:
                    kwargs["update_fields"] = frozenset({*fields, "key"})
            super().save_base(*args, **kwargs)

    save_base.alters_data = True  # type: ignore[attr-defined]  # as above

    def _needs_key(self, fields: Collection[str] | None) -> bool:
        """Whether it has no key, or comes from another organization with one that may be taken.

        fields: those that are saved; None for all.
        """
        if not self.key:
            return fields is None or "key" in fields
        moves = fields is None or not {"organization", "organization_id"}.isdisjoint(fields)
        if self._state.adding or not moves:
            return False
        stored = Kpi.everything.filter(pk=self.pk).values_list("organization_id", flat=True).first()
        return stored not in (None, self.organization_id)

    def clean(self) -> None:
        for field in ("department", "owner"):
            other = getattr(self, field)
            if other is not None and other.organization_id != self.organization_id:
                raise ValidationError({field: f"The {field} is of another organization."})
        if self.visibility == Visibility.DEPARTMENT and self.department_id is None:
            raise ValidationError({"department": "Visible to its department only: to which?"})
        same = Kpi.everything.of(self.organization_id).filter(key=self.key).exclude(pk=self.pk)
        if self.key and same.exists():
            raise ValidationError({"key": KEY_IS_TAKEN})


NEVER = datetime(9999, 1, 1, tzinfo=UTC)
AT_ONCE = timedelta(seconds=5)
"""A value that comes so soon after it was measured has been shown since then."""


class KpiValue(models.Model):
    """A value that a KPI had from `at` on, and who set it.

    shown_at: since when people saw it, where that is another time: later for what came late, NEVER
    for what a newer value was known before. What is corrected counts as if it had always been so.
    """

    kpi = models.ForeignKey(Kpi, on_delete=models.CASCADE, related_name="values")
    value = exact_field()
    at = models.DateTimeField()
    actor_id = models.CharField(max_length=64, verbose_name="set by")
    shown_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        ordering = ("-at",)
        verbose_name = "KPI value"
        indexes = (
            models.Index(fields=("kpi", "-at"), name="value_by_kpi_and_time"),
            models.Index(
                fields=("kpi", "shown_at"),
                condition=Q(shown_at__isnull=False),
                name="value_shown_later",
            ),
        )

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
