"""Messages about KPIs, and what is made of their history."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from sync.protocol.codecs import exact_number
from sync.protocol.messages import Time
from sync.protocol.registry import EntityMessage, Message, Request, WireId, message

# Any: msgspec would round to a float before anybody could look at the digits.
Number = Annotated[
    Any,
    Meta(
        description="Below 10^15 in size, at most 15 significant digits, 4 of them decimals.",
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


@message("KPI_UPDATED", shows=["kpi"], named="kpiId")
class KpiUpdated(EntityMessage):
    """A KPI has a new value. A SYNC_UPDATE with the same `sequence` shows the whole KPI.

    measuredAt: when it had that value, where that was told afterwards (an import).
    """

    kpi_id: str
    value: float
    updated_by: str
    updated_at: Time
    measured_at: Time | UnsetType = UNSET


@message("PREDICTION_REQUEST")
class PredictionRequest(Request):
    """Forecast a KPI for so many days. By whoever may see it."""

    kpi_id: WireId
    horizon: Annotated[int, Meta(ge=1, le=90)]


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
    format: Literal["pdf", "xlsx"] = "pdf"


@message("REPORT_GENERATED", shows=["report"], named="reportId")
class ReportGenerated(EntityMessage):
    """A report is ready at `url`, a path of this server, for those permitted and for a while."""

    report_id: str
    scope: dict[str, str]
    from_: str = msgspec.field(name="from")
    to: str
    format: Literal["pdf", "xlsx"]
    url: str
    created_at: Time
    expires_at: Time


class Interval(Message):
    """One point of a forecast."""

    date: str
    expected: float
    lower: float
    upper: float


@message("ANOMALY_DETECTED", shows=["insight"], named="insightId")
class AnomalyDetected(EntityMessage):
    """A value that its KPI's own history did not lead to expect.

    score: how many standard deviations it is off, with its sign; 99 at most.
    """

    insight_id: str
    kpi_id: str
    day: str
    value: float
    expected: float
    lower: float
    upper: float
    score: float
    severity: Literal["low", "medium", "high"]
    method: str
    detected_at: Time
    kind: Literal["anomaly"] | UnsetType = UNSET


@message("PREDICTION_READY", shows=["insight"], named="insightId")
class PredictionReady(EntityMessage):
    """A forecast: what is expected and between which bounds, of each day on which a value is due.

    horizon: how many days after today it looks ahead. points: of a KPI that has values on working
    days, weekly or monthly only, fewer than these.
    insightId: missing in the answer to a PREDICTION_REQUEST, which is the requester's own and
    replaces nothing that others see.
    """

    kpi_id: str
    horizon: int
    points: list[Interval]
    method: str
    created_at: Time
    insight_id: str | UnsetType = UNSET
    kind: Literal["prediction"] | UnsetType = UNSET


@message("RECOMMENDATION", shows=["insight"], named="insightId")
class Recommendation(EntityMessage):
    """A suggestion, with the figures it rests on.

    insightId: missing in the answer to a PREDICTION_REQUEST; it has the requestId then.
    """

    kpi_id: str
    message: str
    evidence: dict[str, Any]
    method: str
    created_at: Time
    insight_id: str | UnsetType = UNSET
    kind: Literal["recommendation"] | UnsetType = UNSET


@message("ALERT", shows=["alert"], named="alertId")
class Alert(EntityMessage):
    """A KPI has gone beyond a threshold that was set for it, or somebody has acknowledged it."""

    alert_id: str
    kpi_id: str
    rule_id: str | None
    severity: Literal["info", "warning", "critical"]
    message: str
    value: float | None
    threshold: float | None
    raised_at: Time
    acknowledged_at: Time | None = None
    acknowledged_by: str | None = None
