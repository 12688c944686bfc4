"""Reports are asked for here, and made by a worker (decision B4)."""

from __future__ import annotations

from datetime import date, timedelta

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from bos.entities import NotificationSubject
from bos.jobs.queue import LOST, enqueue, require_room
from bos.models import Department
from bos.notifying import admins_of, notify
from kpis.insights.history import begin_of, end_of
from kpis.models import (
    MAX_REPORT_DAYS,
    Kpi,
    KpiValue,
    Report,
    ReportSchedule,
    ReportState,
    Rhythm,
    Visibility,
)
from kpis.permissions import may_have_reported
from kpis.tasks import MAKE_REPORT
from sync.protocol.errors import InvalidMessage, NotFound, Unauthorized
from sync.protocol.identity import Principal


def report_request(
    principal: Principal,
    *,
    department_id: str | None,
    organization_id: str | None,
    from_day: date,
    to_day: date,
    format: str,
    origin: str,
    request_id: str,
) -> Report:
    """Have a report made, of the department or else of the whole organization. By a manager.

    Raises Unauthorized (also for what is not theirs), InvalidMessage (the period), NotFound where
    there is nothing to report, RateLimitExceeded where too many wait already. Runs inside the
    caller's transaction.
    """
    if not may_have_reported(principal, None):
        raise Unauthorized
    if not may_have_reported(principal, department_id):
        raise Unauthorized(field="scope")
    if department_id is None and organization_id != principal.organization_id:
        raise Unauthorized(field="scope")
    if from_day > to_day:
        raise InvalidMessage("to", "ends before it begins")
    if (to_day - from_day).days >= MAX_REPORT_DAYS:
        raise InvalidMessage("from", f"at most {MAX_REPORT_DAYS} days")
    report = Report(
        organization_id=principal.organization_id,
        department_id=department_id,
        from_day=from_day,
        to_day=to_day,
        format=format,
        requested_by_id=principal.user_id,
        origin=origin,
        request_id=request_id,
    )
    if not has_something(report):
        raise NotFound(field="scope", reason="no KPI has a value in that time")
    require_room(principal.organization_id, principal.user_id)
    report.save(force_insert=True)
    enqueue_report(report)
    return report


def enqueue_report(report: Report) -> None:
    enqueue(
        MAKE_REPORT,
        str(report.pk),
        organization_id=report.organization_id,
        user_id=report.requested_by_id or "",
    )


def report_given_up(report_id: str, *, reason: str) -> None:
    """Its file took a worker too long or too much, or failed each time."""
    report_fail(report_id, f"The report could not be made. {reason}")


def fail_lost_reports() -> None:
    """Say so of reports that have waited for so long that nobody makes them any more."""
    lost = Report.objects.filter(
        state=ReportState.WAITING, created_at__lt=timezone.now() - LOST
    ).values_list("pk", flat=True)
    for pk in list(lost):
        with transaction.atomic():
            report_fail(str(pk), "The report could not be made: its background job was lost.")


def report_fail(report_id: str, problem: str, *, title: str = "Your report failed") -> None:
    """Say why a waiting report will not be made: to the user who has requested it, or to the
    organization's admins where a schedule has.

    Runs inside the caller's transaction.
    """
    waiting: Report | None = (
        Report.objects.select_for_update().filter(pk=report_id, state=ReportState.WAITING).first()
    )
    if waiting is None:  # another run of its job was faster
        return
    waiting.state, waiting.problem = ReportState.FAILED, problem[:300]
    waiting.save(update_fields=["state", "problem"])
    about = NotificationSubject(report_id=str(waiting.pk), request_id=waiting.request_id)
    if waiting.requested_by is not None:
        users, message = [waiting.requested_by], problem
    else:
        users = admins_of(waiting.organization_id)
        title, message = "A scheduled report failed", f"{waiting}: {problem}"
    notify(
        users,
        waiting.organization_id,
        category="report_failed",
        title=title,
        message=message,
        about=about,
    )


def visible_in(report: Report) -> Q:
    """Return the filter of the KPIs that all users who may open the report may see."""
    return Q(visibility=Visibility.ORGANIZATION) if report.department_id is None else Q()


def has_something(report: Report) -> bool:
    """Whether any KPI of the report has a value in its time."""
    kpis = Kpi.objects.of(report.organization_id).filter(visible_in(report))
    if report.department_id is not None:
        kpis = kpis.filter(department_id__in=_with_those_below(report))
    from_, to = begin_of(report.from_day), end_of(report.to_day)
    return KpiValue.objects.filter(kpi__in=kpis, at__gte=from_, at__lte=to).exists()


def _with_those_below(report: Report) -> set[object]:
    tree = list(Department.objects.of(report.organization_id).values_list("pk", "parent_id"))
    reached: set[object] = set()
    new = {pk for pk, _ in tree if str(pk) == str(report.department_id)}
    while new - reached:
        reached |= new
        new = {pk for pk, parent_id in tree if parent_id in reached}
    return reached


# ------------------------------------------------------------------ again and again


def request_due(today: date | None = None) -> None:
    """Ask for each scheduled report whose day has come; one that was missed is made up for.

    So is one that a clock which was ahead has made of a time to come.
    """
    today = today or timezone.now().date()
    for pk in ReportSchedule.objects.filter(is_active=True).values_list("pk", flat=True):
        with transaction.atomic():
            schedule = ReportSchedule.objects.select_for_update().filter(pk=pk).first()
            if schedule is not None:
                _request_if_due(schedule, today)


def _request_if_due(schedule: ReportSchedule, today: date) -> None:
    due_on, from_day, to_day = _due(Rhythm(schedule.rhythm), today)
    # Another worker's day may have begun already.
    tomorrow = today + timedelta(days=1)
    if schedule.last_made_on is not None and due_on <= schedule.last_made_on <= tomorrow:
        return
    schedule.last_made_on = today
    schedule.save(update_fields=["last_made_on"])
    report = Report(
        organization_id=schedule.organization_id,
        department_id=schedule.department_id,
        from_day=from_day,
        to_day=to_day,
        format=schedule.format,
        schedule=schedule,
        state=ReportState.WAITING,
    )
    report.save(force_insert=True)
    enqueue_report(report)


def _due(rhythm: Rhythm, today: date) -> tuple[date, date, date]:
    """The last day on which it was due, and the period of that report."""
    match rhythm:
        case Rhythm.DAILY:
            return today, today - timedelta(days=30), today - timedelta(days=1)
        case Rhythm.WEEKLY:
            monday = today - timedelta(days=today.weekday())
            return monday, monday - timedelta(weeks=13), monday - timedelta(days=1)
        case Rhythm.MONTHLY:
            first = today.replace(day=1)
            last = first - timedelta(days=1)
            return first, last.replace(day=1), last
