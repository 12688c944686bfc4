"""What clients keep of KPIs and of what is made of them: one struct an entity type."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from sync.protocol.messages import Day, Time
from sync.protocol.registry import EntityData, Message

KpiVisibility = Literal["organization", "department"]
Direction = Literal["higher", "lower"]
AlertSeverity = Literal["info", "warning", "critical"]
AnomalySeverity = Literal["low", "medium", "high"]
ReportFormat = Literal["pdf", "xlsx"]
Method = Annotated[str, Meta(examples=["structural model, weekly season"])]
AlertText = Annotated[str, Meta(examples=["Monthly revenue is 95 EUR, below 100 EUR"])]
AdviceText = Annotated[
    str, Meta(examples=["Monthly revenue will miss its target of 100 EUR on 3 February."])
]
ReportUrl = Annotated[str, Meta(examples=["/reports/0f8a8d0c-7d0e-5f0c-9a57-1d4b3b1f6a10/file"])]


class ReportOf(Message):
    """What a report is of: the whole organization, or a department and those below it."""

    type: Literal["organization", "department"]
    id: str


class Interval(Message):
    """One point of a forecast."""

    date: Day
    expected: float
    lower: float
    upper: float


class Evidence(Message):
    """The figures that a recommendation rests on: of the day it speaks of, and of the horizon.

    certain: whether even the better bound misses the target. horizon: how many days are forecast.
    """

    date: Day
    expected: float
    lower: float
    upper: float
    target: float
    direction: Direction
    certain: bool
    days_missed: int
    horizon: int


class KpiData(EntityData):
    """A KPI. Shown by `organization:` (unless it is restricted to its department), `department:`
    and `kpi:`."""

    name: Annotated[str, Meta(examples=["Monthly revenue"])]
    unit: Annotated[str, Meta(examples=["EUR"])]
    value: float | None
    target: float | None
    direction: Direction
    department_id: str | None
    owner_id: str | None
    visibility: KpiVisibility
    updated_at: Time


class AlertData(EntityData):
    """An alert that nobody has acknowledged. Shown where its KPI is."""

    kpi_id: str
    rule_id: str | None
    severity: AlertSeverity
    message: AlertText
    value: float | None
    threshold: float | None
    raised_at: Time


class AnomalyData(EntityData, tag_field="kind", tag="anomaly"):
    """A value that its KPI's own history did not lead to expect. Shown where its KPI is."""

    kpi_id: str
    day: Day
    value: float
    expected: float
    lower: float
    upper: float
    score: float
    severity: AnomalySeverity
    method: Method
    detected_at: Time


class PredictionData(EntityData, tag_field="kind", tag="prediction"):
    """A KPI's newest forecast. Shown where its KPI is."""

    kpi_id: str
    horizon: int
    points: list[Interval]
    method: Method
    created_at: Time


class RecommendationData(EntityData, tag_field="kind", tag="recommendation"):
    """A KPI's newest recommendation. Shown where its KPI is."""

    kpi_id: str
    message: AdviceText
    evidence: Evidence
    method: Method
    created_at: Time


InsightData = AnomalyData | PredictionData | RecommendationData


class ReportData(EntityData):
    """A report that is ready. Shown by `organization:` or `department:`, whichever it is of."""

    scope: ReportOf
    from_: Day = msgspec.field(name="from")
    to: Day
    format: ReportFormat
    url: ReportUrl
    created_at: Time
    expires_at: Time
