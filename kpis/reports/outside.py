"""Reports leave the socket once they are ready: to the user who has asked for one, to those whom
its schedule names, and to channels (decision B7)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from typing import ClassVar
from uuid import UUID

from django.urls import reverse
from django.utils import timezone

from bos.ids import canonical_uuids
from bos.models import Choice, User
from bos.outside.mail import FILE_BYTES
from bos.outside.sources import Attachment, Category, Letter, Source, Told, Withheld
from bos.permissions import principal_of
from kpis.models import Report, ReportFile, ReportFormat, ReportState
from kpis.permissions import readable_by
from kpis.reports.files import CONTENT_TYPES, file_name
from sync.eventlog.log import LoggedEvent

READY, SCHEDULED = "ready", "scheduled"
TOPIC = "reports"


class ReportSource(Source):
    entity_type: ClassVar[str] = "report"

    def told(self, organization_id: str, events: Sequence[LoggedEvent]) -> Iterable[Told]:
        ids = [event.entity_id for event in events if event.live_type == "REPORT_GENERATED"]
        reports = Report.objects.of(organization_id).filter(pk__in=ids).order_by("ready_at", "pk")
        for report in reports.select_related("schedule"):
            asker = report.requested_by_id
            yield Told(
                entity_id=str(report.pk),
                moment=READY,
                people=[] if asker is None else [(asker, OWN.name)],
                topic=TOPIC,
                restricted=report.department_id is not None,
            )
            if report.schedule is not None:
                named = report.schedule.recipients.values_list("pk", flat=True)
                yield Told(
                    entity_id=str(report.pk),
                    moment=SCHEDULED,
                    people=[(user_id, OF_SCHEDULES.name) for user_id in named],
                )

    def letter(
        self, organization_id: UUID, entity_id: str, moment: str, user: User | None
    ) -> Letter:
        reports = Report.objects.of(organization_id).filter(state=ReportState.READY)
        reports = reports.filter(pk__in=canonical_uuids([entity_id]))
        if user is not None:
            reports = reports.filter(readable_by(principal_of(user)))
        report = reports.select_related("department", "organization").first()
        if report is None:
            raise Withheld("It is not there any more, or the person may not read it.")
        if report.expires_at is None or report.expires_at <= timezone.now():
            raise Withheld("Its link has expired.")
        return Letter(
            title=f"The report {report} is ready",
            text=f"The link opens it until {report.expires_at:%d %B %Y, %H:%M} UTC.",
            path=reverse("report-file", args=(report.pk,)),
            action="Open the report",
            restricted=report.department_id is not None,
            file=partial(_attachment, report) if moment == SCHEDULED else None,
        )


def _attachment(report: Report) -> Attachment | None:
    """Return the file, where a mail can hold it."""
    file = ReportFile.objects.filter(report=report).first()
    if file is None or len(file.content) >= FILE_BYTES:
        return None
    kind = ReportFormat(report.format)
    return Attachment(file_name(report), bytes(file.content), CONTENT_TYPES[kind])


OWN = Category(
    name="report",
    title="Reports that you have asked for",
    reason="you have asked for this report",
    email=Choice.NEVER,
)
OF_SCHEDULES = Category(
    name="scheduled_report",
    title="Reports that a schedule sends you",
    reason="a schedule of reports names you",
    email=Choice.AT_ONCE,
    push=Choice.NEVER,
)
CATEGORIES = [OF_SCHEDULES, OWN]
