"""Requests about KPIs: values, predictions, reports."""

from __future__ import annotations

import asyncio
from decimal import Decimal

from bos.ids import canonical_uuids
from bos.messages import Notification
from kpis import models
from kpis.alerts import handling
from kpis.insights.asked import ask
from kpis.insights.history import too_poor
from kpis.messages import (
    Alert,
    AlertAcknowledge,
    AlertSnooze,
    KpiUpdate,
    KpiUpdated,
    PredictionReady,
    PredictionRequest,
    Recommendation,
    ReportGenerated,
    ReportRequest,
)
from kpis.models import Kpi, Report, ReportState
from kpis.payloads import report_message
from kpis.permissions import visible_to
from kpis.reports.requests import report_request
from kpis.services import kpi_set_value
from sync.eventlog.threads import in_database
from sync.eventlog.writer import Rows, submit_for
from sync.gateway.dispatcher import Context
from sync.protocol.answers import Answer
from sync.protocol.errors import NotFound, Unauthorized
from sync.protocol.identity import Principal
from sync.protocol.registry import handles
from sync.protocol.times import parse_time


@handles(
    KpiUpdate, answers=[Answer.copy(KpiUpdated)], errors=[NotFound, Unauthorized], pipelined=True
)
async def kpi_update(context: Context, request: KpiUpdate) -> asyncio.Task[Kpi | None]:
    """The answer is the event itself, KPI_UPDATED with the requestId, in its order."""
    value: Decimal = request.value
    return context.change(
        lambda principal: kpi_set_value(request.kpi_id, value=value, principal=principal),
        rows=[(Kpi, id_) for id_ in canonical_uuids([request.kpi_id])],
    )


# A worker's time, where nobody has asked the same before.
@handles(
    PredictionRequest,
    answers=[
        Answer.copy(PredictionReady),
        Answer.reply(PredictionReady, note="to the same request again, once it was answered"),
        Answer.copy(Recommendation, ends=False, note="may follow `PREDICTION_READY`"),
        Answer.notice(Notification, note="category `prediction_failed`: there is no prediction"),
    ],
    errors=[NotFound, Unauthorized],
    cost=500,
)
async def prediction_request(context: Context, request: PredictionRequest) -> None:
    """The answer is an event to the requester alone, PREDICTION_READY: a worker sees to it."""
    principal, subscriber = context.principal, context.subscriber
    await in_database(_check_predictable, principal, request.kpi_id)
    answered = await submit_for(
        principal,
        lambda now: ask(
            now,
            request.kpi_id,
            request.horizon,
            origin=subscriber.id,
            request_id=context.request_id or "",
        ),
    )
    if answered is not None:
        subscriber.send(answered.prediction, context.request_id)


def _check_predictable(principal: Principal, kpi_id: str) -> None:
    """Raises Unauthorized for what one may not see, NotFound where the history is too poor."""
    of_tenant = Kpi.objects.of(principal.organization_id)
    kpi = of_tenant.filter(visible_to(principal), pk__in=canonical_uuids([kpi_id])).first()
    if kpi is None:
        raise Unauthorized(kpiId=kpi_id)
    if reason := too_poor(kpi):
        raise NotFound(kpiId=kpi_id, reason=reason)


@handles(
    ReportRequest,
    answers=[
        Answer.copy(ReportGenerated),
        Answer.reply(ReportGenerated, note="to the same request again, once the report is ready"),
        Answer.notice(Notification, note="category `report_failed`: there is no report"),
    ],
    errors=[NotFound, Unauthorized],
    cost=1_000,
)
async def make_report(context: Context, request: ReportRequest) -> None:
    """The answer is the event, REPORT_GENERATED, once a worker has made the file."""
    principal, subscriber = context.principal, context.subscriber
    scope = request.scope
    of_department = scope.type == "department"

    async def again() -> None:
        """Tell of the report that this request has led to, now or when it is ready."""
        report = await submit_for(
            principal, lambda now: _ask_again(now, context.request_id or "", subscriber.id)
        )
        if report is not None:
            subscriber.send(report, context.request_id)

    change = context.change(
        lambda principal: report_request(
            principal,
            department_id=scope.id if of_department else None,
            organization_id=None if of_department else scope.id,
            from_day=request.from_,
            to_day=request.to,
            format=request.format,
            origin=subscriber.id,
            request_id=context.request_id or "",
        ),
        # A retry is answered by `again`: what goes out is not known before the file is made.
        reply=lambda report: None,
        repeat=again,
    )
    await change


def _ask_again(principal: Principal, request_id: str, origin: str) -> ReportGenerated | None:
    report = (
        Report.objects.of(principal.organization_id)
        .select_for_update()
        .filter(requested_by_id=principal.user_id, request_id=request_id)
        .order_by("-created_at")
        .first()
    )
    if report is None:
        raise NotFound(requestId=request_id)
    if report.state == ReportState.READY:
        return report_message(report)
    if report.state == ReportState.FAILED:
        raise NotFound(field="scope", reason=report.problem)
    report.origin = origin
    report.save(update_fields=["origin"])
    return None


@handles(AlertAcknowledge, answers=[Answer.copy(Alert)], errors=[NotFound, Unauthorized])
async def alert_acknowledge(context: Context, request: AlertAcknowledge) -> None:
    """The answer is the event, ALERT."""
    await context.change(
        lambda principal: handling.alert_acknowledge(principal, request.alert_id),
        rows=_row_of(request.alert_id),
    )


@handles(AlertSnooze, answers=[Answer.copy(Alert)], errors=[NotFound, Unauthorized])
async def alert_snooze(context: Context, request: AlertSnooze) -> None:
    """The answer is the event, ALERT."""
    until = parse_time(request.until, field="payload.until")
    await context.change(
        lambda principal: handling.alert_snooze(principal, request.alert_id, until),
        rows=_row_of(request.alert_id),
    )


def _row_of(alert_id: str) -> Rows:
    return [(models.Alert, id_) for id_ in canonical_uuids([alert_id])]
