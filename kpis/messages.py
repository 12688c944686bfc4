"""Messages about KPIs, and what is made of their history."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from kpis.entities import (
    AdviceText,
    AlertLife,
    AlertSeverity,
    AlertText,
    AnomalySeverity,
    Bound,
    Evidence,
    Expected,
    Horizon,
    Interval,
    Lower,
    Method,
    OddValue,
    ReportFormat,
    ReportOf,
    ReportUrl,
    Score,
    Upper,
    Value,
)
from sync.protocol.codecs import exact_number
from sync.protocol.messages import Day, NotYet, Time
from sync.protocol.registry import EntityMessage, Message, Request, WireId, message

# Any: msgspec would round to a float before anybody could look at the digits.
Number = Annotated[
    Any,
    Meta(
        description="Below 10^15 in size, at most 15 significant digits, 4 of them decimals.",
        examples=[95.0],
        extra_json_schema={"type": "number"},
    ),
]


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


@message("KPI_UPDATED", shows=["kpi"], named="kpiId", changes=["updated"])
class KpiUpdated(EntityMessage):
    """A KPI has a new value. A SYNC_UPDATE with the same `sequence` shows the whole KPI.

    measuredAt: the time of the value, if it was reported later (by an import).
    """

    kpi_id: str
    value: Value
    updated_by: str
    updated_at: Time
    measured_at: Time | UnsetType = UNSET


@message("PREDICTION_REQUEST")
class PredictionRequest(Request):
    """Forecast a KPI for the next `horizon` days. By anybody who may see it."""

    kpi_id: WireId
    horizon: Annotated[int, Meta(ge=1, le=90, examples=[14])]


class ReportScope(Request):
    """The subject of a report: an organization or a department."""

    type: Literal["organization", "department"]
    id: WireId


@message("REPORT_REQUEST")
class ReportRequest(Request):
    """Make a report of an organization's or a department's KPIs. By a manager.

    from, to: days as YYYY-MM-DD, both included.
    """

    scope: ReportScope
    from_: date = msgspec.field(name="from")
    to: date
    format: ReportFormat = "pdf"


@message("REPORT_GENERATED", shows=["report"], named="reportId", changes=["created"])
class ReportGenerated(EntityMessage):
    """A report is ready at `url`, a path of this server, for those permitted and for a while."""

    report_id: str
    scope: ReportOf
    from_: Day = msgspec.field(name="from")
    to: Day
    format: ReportFormat
    url: ReportUrl
    created_at: Time
    expires_at: Time


class AnomalyFigures(Message):
    """The figures of an anomaly, as they are stored."""

    day: Day
    value: OddValue
    expected: Expected
    lower: Lower
    upper: Upper
    score: Score
    severity: AnomalySeverity
    method: Method


class PredictionFigures(Message):
    """The figures of a forecast, as they are stored."""

    horizon: Horizon
    points: list[Interval]
    method: Method


class RecommendationFigures(Message):
    """The figures of a recommendation, as they are stored."""

    message: AdviceText
    evidence: Evidence
    method: Method


Figures = AnomalyFigures | PredictionFigures | RecommendationFigures


@message("ANOMALY_DETECTED", shows=["insight"], named="insightId", changes=["created", "updated"])
class AnomalyDetected(EntityMessage):
    """A value that is unusual by its KPI's own history.

    score: how many standard deviations it is off, with its sign; 99 at most.
    """

    insight_id: str
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
    kind: Literal["anomaly"] | UnsetType = UNSET


@message("PREDICTION_READY", shows=["insight"], named="insightId", changes=["created", "updated"])
class PredictionReady(EntityMessage):
    """A forecast: the expected value and its bounds, for each day on which a value is due.

    horizon: how many days it looks ahead from today. points: fewer than these if the KPI has values
    on working days, weekly or monthly only.
    insightId: missing in the answer to a PREDICTION_REQUEST, which is the requester's own and
    replaces nothing that others see.
    """

    kpi_id: str
    horizon: Horizon
    points: list[Interval]
    method: Method
    created_at: Time
    insight_id: str | UnsetType = UNSET
    kind: Literal["prediction"] | UnsetType = UNSET


@message("RECOMMENDATION", shows=["insight"], named="insightId", changes=["created", "updated"])
class Recommendation(EntityMessage):
    """A suggestion, with the figures it rests on.

    insightId: missing in the answer to a PREDICTION_REQUEST; it has the requestId then.
    """

    kpi_id: str
    message: AdviceText
    evidence: Evidence
    method: Method
    created_at: Time
    insight_id: str | UnsetType = UNSET
    kind: Literal["recommendation"] | UnsetType = UNSET


class PredictionAnswer(Message):
    """The answer to a PREDICTION_REQUEST: a forecast, and a recommendation if one follows.

    Stored as it goes out, so that the same question is answered again without a worker.
    """

    prediction: PredictionReady
    recommendation: Recommendation | None


@message("ALERT", shows=["alert"], named="alertId")
class Alert(EntityMessage):
    """An alert is `open` once its KPI goes beyond a threshold that was set for it, `acknowledged`
    once somebody has seen it, and `resolved` once the KPI is back: then it is gone.

    Sent at each change of it. snoozedUntil: until then nobody is notified of it.
    """

    alert_id: str
    kpi_id: str
    rule_id: str | None
    severity: AlertSeverity
    message: AlertText
    value: Value | None
    threshold: Bound | None
    raised_at: Time
    state: AlertLife
    snoozed_until: NotYet
    acknowledged_at: Time | UnsetType = UNSET
    acknowledged_by: str | UnsetType | None = UNSET
    resolved_at: Time | UnsetType = UNSET


@message("ALERT_ACKNOWLEDGE")
class AlertAcknowledge(Request):
    """Mark an alert as seen. By its KPI's owner, those who are notified, managers and admins."""

    alert_id: WireId


@message("ALERT_SNOOZE")
class AlertSnooze(Request):
    """Have nobody notified of an alert, and of the next ones of its rule, until a time at most 30
    days from now. By those who may acknowledge it.

    If it is unresolved then, `ALERT` comes again, and those whom its rule notifies are notified.
    """

    alert_id: WireId
    until: Time
