"""How KPIs appear on the wire: messages, topics, and what is captured."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Literal

import msgspec
from django.db.models import Q
from django.utils import timezone
from msgspec import UNSET, Meta, UnsetType

from bos.permissions import departments_of, uuids
from kpis.models import Kpi, KpiValue, Visibility
from kpis.services import kpi_set_value
from sync.capture import AccessChange, Change, Synced, register
from sync.codecs import exact_number, wire_number
from sync.dispatcher import Context
from sync.messages import Time
from sync.principal import Actor, Principal
from sync.registry import Message, Request, WireId, handles, message
from sync.rows import insert_row
from sync.times import wire_time
from sync.topics import Audience, Shown, TopicKind, register_snapshot, register_topic

# Any: msgspec would round to a float before anybody could look at the digits.
Number = Annotated[
    Any,
    Meta(
        description="Below 10^15 in size, at most 15 significant digits, 4 of them decimals.",
        extra_json_schema={"type": "number"},
    ),
]

# ------------------------------------------------------------------ messages


@message("KPI_UPDATE")
class KpiUpdate(Request):
    """Set a KPI's value. By its owner, a manager or an admin."""

    kpi_id: WireId
    value: Number

    def __post_init__(self) -> None:
        try:
            self.value = exact_number(self.value)
        except ValueError as error:
            raise ValueError(f"{error} - at `$.value`") from None


@message("KPI_UPDATED")
class KpiUpdated(Message):
    """A KPI has a new value. A SYNC_UPDATE with the same `sequence` shows the whole KPI."""

    kpi_id: str
    value: float
    updated_by: str
    updated_at: Time
    sequence: int | UnsetType = UNSET


@message("PREDICTION_REQUEST")
class PredictionRequest(Request):
    """Forecast a KPI for so many days. By whoever may see it."""

    kpi_id: WireId
    horizon: Annotated[int, Meta(ge=1, le=90)]


class ReportScope(Request):
    type: Literal["organization", "department"]
    id: WireId


@message("REPORT_REQUEST")
class ReportRequest(Request):
    """Make a report of an organization's or a department's KPIs. By a manager."""

    scope: ReportScope
    from_: str = msgspec.field(name="from")
    to: str
    format: Literal["pdf", "xlsx"] = "pdf"


@message("REPORT_GENERATED")
class ReportGenerated(Message):
    """A report is ready at `url`, for those permitted and for a while."""

    report_id: str
    scope: dict[str, str]
    format: Literal["pdf", "xlsx"]
    url: str
    expires_at: Time
    sequence: int | UnsetType = UNSET


class Interval(Message):
    """One point of a forecast."""

    date: str
    expected: float
    lower: float
    upper: float


@message("ANOMALY_DETECTED")
class AnomalyDetected(Message):
    """A value that its KPI's own history did not lead to expect."""

    kpi_id: str
    value: float
    expected: float
    lower: float
    upper: float
    score: float
    severity: Literal["low", "medium", "high"]
    method: str
    detected_at: Time
    sequence: int | UnsetType = UNSET


@message("PREDICTION_READY")
class PredictionReady(Message):
    """A forecast: for each day what is expected and between which bounds."""

    kpi_id: str
    horizon: int
    points: list[Interval]
    method: str
    created_at: Time
    sequence: int | UnsetType = UNSET


@message("RECOMMENDATION")
class Recommendation(Message):
    """A suggestion, with the figures it rests on."""

    kpi_id: str
    message: str
    evidence: dict[str, Any]
    method: str
    created_at: Time
    sequence: int | UnsetType = UNSET


@message("ALERT")
class Alert(Message):
    """A KPI has crossed a threshold that was set for it."""

    alert_id: str
    kpi_id: str
    rule_id: str
    severity: Literal["info", "warning", "critical"]
    message: str
    value: float | None
    threshold: float
    raised_at: Time
    sequence: int | UnsetType = UNSET


# ------------------------------------------------------------------ what is captured


class SyncedKpi(Synced[Kpi]):
    model = Kpi
    entity_type = "kpi"
    tracked: ClassVar[frozenset[str]] = frozenset(
        {"organization_id", "department_id", "owner_id", "visibility"}
    )

    def data(self, row: Kpi) -> dict[str, Any]:
        return {
            "id": str(row.pk),
            "name": row.name,
            "unit": row.unit,
            "value": wire_number(row.value),
            "target": wire_number(row.target),
            "direction": row.direction,
            "departmentId": _id(row.department_id),
            "ownerId": _id(row.owner_id),
            "visibility": row.visibility,
            "updatedAt": wire_time(row.updated_at),
        }

    def audience(self, row: Kpi) -> Audience:
        """What is restricted never goes out on the organization's topic (decision S4)."""
        restricted = row.visibility == Visibility.DEPARTMENT
        return Audience(
            organization=None if restricted else str(row.organization_id),
            department=_id(row.department_id),
            kpi=str(row.pk),
        )

    def live(self, change: Change[Kpi], actor: Actor) -> tuple[str, dict[str, Any]] | None:
        row = change.row
        if change.kind != "updated" or row.value is None or not change.touches("value"):
            return None
        return "KPI_UPDATED", {
            "kpiId": str(row.pk),
            "value": wire_number(row.value),
            "updatedBy": actor.user_id,
            "updatedAt": wire_time(row.updated_at),
        }

    def access(self, change: Change[Kpi]) -> AccessChange | None:
        rights_changed = change.touches("department_id", "owner_id", "visibility")
        if change.after is None or (change.before is not None and rights_changed):
            return AccessChange(topics=(f"kpi:{change.row.pk}",))
        return None

    def recorded(self, change: Change[Kpi], actor: Actor) -> None:
        """Every value is kept with its time and author (decision B1)."""
        row = change.after
        if row is not None and row.value is not None and change.touches("value"):
            at = row.value_at or timezone.now()
            insert_row(KpiValue(kpi=row, value=row.value, at=at, actor_id=actor.user_id))


def _id(value: object) -> str | None:
    return None if value is None else str(value)


register(SyncedKpi())


# ------------------------------------------------------------------ requests


@handles(KpiUpdate, pipelined=True)
async def kpi_update(context: Context, request: KpiUpdate) -> asyncio.Task[Kpi | None]:
    """The answer is the event itself, KPI_UPDATED with the requestId, in its order."""
    value: Decimal = request.value
    principal = context.principal
    return context.change(lambda: kpi_set_value(request.kpi_id, value=value, principal=principal))


# ------------------------------------------------------------------ topics


def visible_to(principal: Principal) -> Q:
    return (
        Q(visibility=Visibility.ORGANIZATION)
        | Q(owner_id=principal.user_id)
        | Q(department_id__in=departments_of(principal))
    )


def _visible_ids(principal: Principal, ids: Collection[str]) -> set[str]:
    of_tenant = Kpi.objects.of(principal.organization_id)
    found = of_tenant.filter(visible_to(principal), pk__in=uuids(ids))
    return {str(pk) for pk in found.values_list("pk", flat=True)} & set(ids)


def _show_in_organization(principal: Principal, ids: Collection[str]) -> Iterable[Shown]:
    return _shown(Q(organization_id__in=ids, visibility=Visibility.ORGANIZATION), principal)


def _show_in_departments(principal: Principal, ids: Collection[str]) -> Iterable[Shown]:
    return _shown(Q(department_id__in=ids), principal)


def _show_kpis(principal: Principal, ids: Collection[str]) -> Iterable[Shown]:
    return _shown(Q(pk__in=ids), principal)


def _shown(which: Q, principal: Principal) -> Iterable[Shown]:
    synced = SyncedKpi()
    for kpi in Kpi.objects.of(principal.organization_id).filter(which):
        yield Shown("kpi", str(kpi.pk), synced.data(kpi))


register_topic("kpi", TopicKind(_visible_ids))
register_snapshot("organization", _show_in_organization)
register_snapshot("department", _show_in_departments)
register_snapshot("kpi", _show_kpis)
