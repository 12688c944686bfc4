"""Render the file of a report in a worker, and announce it."""

from __future__ import annotations

import io
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from bos.ids import wire_id
from bos.permissions import principal_of
from kpis.models import Report, ReportFile, ReportFormat, ReportState
from kpis.permissions import may_have_reported
from kpis.reports.content import Content, NothingToReport, report_content
from kpis.reports.requests import report_fail, visible_in
from sync.protocol.identity import SYSTEM, Actor, acting


def render_report(report_id: str) -> None:
    """Make the file of a waiting report. Idempotent: one that is ready stays as it is."""
    report = Report.objects.filter(pk=report_id, state=ReportState.WAITING).first()
    if report is None:
        return
    try:
        content = report_content(
            organization_id=report.organization_id,
            department_id=wire_id(report.department_id),
            from_=report.from_day,
            to=report.to_day,
            visible=visible_in(report),
        )
    except NothingToReport as reason:
        with transaction.atomic():
            report_fail(report_id, str(reason), title="There is nothing to report")
        return
    file = _file(content, ReportFormat(report.format))
    with transaction.atomic():
        waiting = _still_waiting(report)
        if waiting is None:
            return
        if not _may_still(waiting):
            waiting.state = ReportState.FAILED
            waiting.problem = "The user who asked for it may no longer read it."
            waiting.save(update_fields=["state", "problem"])
            return
        waiting.state, waiting.ready_at = ReportState.READY, timezone.now()
        waiting.expires_at = waiting.ready_at + timedelta(days=settings.REPORT_DAYS)
        ReportFile.objects.create(report=waiting, content=file)
        with acting(_requester(waiting)):
            waiting.save()


def _file(content: Content, format: ReportFormat) -> bytes:
    if format == ReportFormat.PDF:
        from kpis.reports.pdf import write_pdf as write
    else:
        from kpis.reports.xlsx import write_xlsx as write
    file = io.BytesIO()
    write(content, file)
    return file.getvalue()


def _requester(report: Report) -> Actor:
    if report.requested_by_id is None:
        return SYSTEM
    source = "websocket" if report.request_id else "admin"
    return Actor(str(report.requested_by_id), source, report.origin, report.request_id)


def _may_still(report: Report) -> bool:
    """Whether its requester, if it has one, has the rights now with which they asked for it."""
    user = report.requested_by
    if user is None:
        return True
    at_home = user.organization_id == report.organization_id
    if not report.request_id:  # in the admin
        return user.is_active and user.is_staff and (at_home or user.is_superuser)
    department_id = wire_id(report.department_id)
    return user.is_active and at_home and may_have_reported(principal_of(user), department_id)


def _still_waiting(report: Report) -> Report | None:
    """The row, locked; None where another run of this job was faster."""
    waiting = Report.objects.select_for_update().filter(pk=report.pk, state=ReportState.WAITING)
    found: Report | None = waiting.first()
    return found
