"""A KPI is archived and restored with all that it has; only then may it be erased (decision V6)."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import ProtectedError, QuerySet
from django.db.models.signals import pre_delete
from django.utils import timezone

from bos import things
from bos.leaving.departments import Holding
from bos.leaving.rules import goes_with_its_organization
from kpis.models import Alert, AlertRule, Insight, Kpi, KpiValue, Report, ReportSchedule, Visibility


class NotArchived(ProtectedError):
    """A KPI that is in use is not deleted."""

    def __init__(self, kpi: Kpi) -> None:
        super().__init__(f"“{kpi}” is in use: archive it first, before you erase it.", {kpi})


@dataclass(frozen=True, slots=True)
class Belongings:
    """How much hangs on a KPI, and goes with it where it is erased."""

    values: int
    alerts: int
    rules: int
    insights: int


def belongings_of(kpi: Kpi) -> Belongings:
    return Belongings(
        values=KpiValue.objects.filter(kpi=kpi).count(),
        alerts=Alert.objects.filter(kpi=kpi).count(),
        rules=AlertRule.objects.filter(kpi=kpi).count(),
        insights=Insight.objects.filter(kpi=kpi).count(),
    )


def archived(organization_id: Any) -> QuerySet[Kpi]:
    """Those of this organization; None: of every one. The latest first."""
    rows: QuerySet[Kpi] = Kpi.everything.exclude(archived_at=None)
    rows = rows if organization_id is None else rows.filter(organization_id=organization_id)
    return rows.order_by("-archived_at", "name")


@transaction.atomic
def kpis_archive(kpis: Collection[Kpi]) -> int:
    """Take these out of everything but the archive; how many were in use."""
    rows = Kpi.objects.filter(pk__in=[kpi.pk for kpi in kpis])
    return int(rows.update(archived_at=timezone.now(), updated_at=timezone.now()))


@transaction.atomic
def kpi_restore(kpi: Kpi) -> bool:
    """Bring it back with all that it has; whether it was archived."""
    rows = Kpi.everything.filter(pk=kpi.pk).exclude(archived_at=None)
    return bool(rows.update(archived_at=None, updated_at=timezone.now()))


def kpi_erase(kpi: Kpi) -> bool:
    """Delete an archived KPI with its whole history, for good; whether it was archived.

    What hangs on it goes first, in parts, each an event: where that is interrupted, the KPI is
    still there to be erased.
    """
    rows = Kpi.everything.filter(pk=kpi.pk).exclude(archived_at=None)
    if not rows.exists():
        return False
    things.clear("kpi", kpi.pk)
    with transaction.atomic():
        found = rows.select_for_update().first()
        if found is None:
            return False
        found.delete()
    return True


def _refuse_what_is_in_use(instance: Kpi, origin: Any = None, **_: object) -> None:
    if goes_with_its_organization(origin):
        return
    # The row in hand may be stale.
    if Kpi.objects.filter(pk=instance.pk).exists():
        raise NotArchived(instance)


pre_delete.connect(_refuse_what_is_in_use, sender=Kpi, dispatch_uid="archived first")


# ------------------------------------------------------------------ in a department that goes


def kpis_of(ids: Collection[UUID]) -> QuerySet[Kpi]:
    return Kpi.everything.filter(department__in=ids)


def _without_department(rows: QuerySet[Any]) -> str:
    restricted = rows.filter(visibility=Visibility.DEPARTMENT).count()
    if not restricted:
        return ""
    return f"{restricted} of them are visible to their department only: choose a department."


KPIS = Holding(
    "kpis",
    "KPIs",
    kpis_of,
    without_one=_without_department,
    in_use=lambda kpis: kpis.filter(archived_at=None),
)


def reports_of(ids: Collection[UUID]) -> QuerySet[Any]:
    return Report.objects.filter(department__in=ids)


def report_schedules_of(ids: Collection[UUID]) -> QuerySet[Any]:
    return ReportSchedule.objects.filter(department__in=ids)
