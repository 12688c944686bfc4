"""KPIs and all that is made of them, as clients keep it: one struct an entity type."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from sync.protocol.messages import Day, NotYet, Time
from sync.protocol.registry import EntityData, Message

KpiVisibility = Literal["organization", "department"]
Value = Annotated[float, Meta(examples=[95.0])]
Bound = Annotated[float, Meta(examples=[100.0])]
"""A target, or a threshold."""
Expected = Annotated[float, Meta(examples=[97.0])]
Lower = Annotated[float, Meta(examples=[91.0])]
Upper = Annotated[float, Meta(examples=[103.0])]
OddValue = Annotated[float, Meta(examples=[82.0])]
Score = Annotated[float, Meta(examples=[-5.0])]
Horizon = Annotated[int, Meta(examples=[14])]
Direction = Literal["higher", "lower"]
AlertSeverity = Literal["info", "warning", "critical"]
AlertLife = Annotated[Literal["open", "acknowledged", "resolved"], Meta(examples=["open"])]
AnomalySeverity = Literal["low", "medium", "high"]
ReportFormat = Literal["pdf", "xlsx"]
Method = Annotated[str, Meta(examples=["structural model, weekly season"])]
Nobody = Annotated[str | None, Meta(examples=[None])]
AlertText = Annotated[str, Meta(examples=["Monthly revenue is 95 EUR, below 100 EUR"])]
AdviceText = Annotated[
    str, Meta(examples=["Monthly revenue will probably miss its target of 100 EUR on 20 January."])
]
ReportUrl = Annotated[str, Meta(examples=["/reports/0f8a8d0c-7d0e-5f0c-9a57-1d4b3b1f6a10/file"])]


class ReportOf(Message):
    """The subject of a report: the whole organization, or a department and those below it."""

    type: Literal["organization", "department"]
    id: str


class Interval(Message):
    """One point of a forecast."""

    date: Day
    expected: Expected
    lower: Lower
    upper: Upper


class Evidence(Message):
    """The figures that a recommendation rests on: of the day it speaks of, and of the horizon.

    certain: whether even the better bound misses the target. horizon: how many days are forecast.
    """

    date: Day
    expected: Expected
    lower: Lower
    upper: Upper
    target: Bound
    direction: Direction
    certain: bool
    days_missed: Annotated[int, Meta(examples=[3])]
    horizon: Horizon


class KpiData(EntityData):
    """A KPI. Shown by `organization:` (unless it is restricted to its department), `department:`
    and `kpi:`."""

    name: Annotated[str, Meta(examples=["Monthly revenue"])]
    key: Annotated[str, Meta(examples=["monthly-revenue"])]
    unit: Annotated[str, Meta(examples=["EUR"])]
    value: Value | None
    target: Bound | None
    direction: Direction
    department_id: str | None
    owner_id: str | None
    visibility: KpiVisibility
    updated_at: Time


class AlertData(EntityData):
    """An alert whose KPI is not back yet, `open` or `acknowledged`. Shown where its KPI is.

    snoozedUntil: until then nobody is notified of it. resolvedAt: of one that was read by REST, as
    those that are over are.
    """

    kpi_id: str
    rule_id: str | None
    severity: AlertSeverity
    message: AlertText
    value: Value | None
    threshold: Bound | None
    raised_at: Time
    state: AlertLife
    acknowledged_at: NotYet
    acknowledged_by: Nobody
    snoozed_until: NotYet
    resolved_at: NotYet


class AnomalyData(EntityData, tag_field="kind", tag="anomaly"):
    """A value that is unusual by its KPI's own history. Shown where its KPI is."""

    kpi_id: str
    day: Day
    value: OddValue
    expected: Expected
    lower: Lower
    upper: Upper
    score: Score
    severity: AnomalySeverity
    method: Method
    detected_at: Time


class PredictionData(EntityData, tag_field="kind", tag="prediction"):
    """A KPI's newest forecast. Shown where its KPI is."""

    kpi_id: str
    horizon: Horizon
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
