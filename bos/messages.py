"""Messages about the organization and its people."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from bos.entities import A_REPORT, NotificationSubject
from bos.timeline.items import TimelineItem, TimelineOf
from sync.protocol.messages import Day, Email, NotYet, Time, UserName
from sync.protocol.registry import EntityMessage, Message, Request, WireId, message

Count = Annotated[int, Meta(examples=[1])]


@message("DEPARTMENT_UPDATED", shows=["department"], named="departmentId", changes=["updated"])
class DepartmentUpdated(EntityMessage):
    """A department was changed. A SYNC_UPDATE with the same `sequence` follows."""

    department_id: str
    name: Annotated[str, Meta(examples=["Sales"])]
    parent_id: str | None
    updated_by: str
    updated_at: Time


@message("EMPLOYEE_UPDATED", shows=["employee"], named="employeeId", changes=["updated"])
class EmployeeUpdated(EntityMessage):
    """An employee was changed. A SYNC_UPDATE with the same `sequence` follows."""

    employee_id: str
    name: Annotated[str, Meta(examples=["Mia Park"])]
    title: Annotated[str, Meta(examples=["Head of Sales"])]
    email: Email
    department_id: str | None
    user_id: str | None
    updated_by: str
    updated_at: Time


@message(
    "NOTIFICATION",
    shows=["notification"],
    named="notificationId",
    changes=["created", "updated"],
)
class Notification(EntityMessage):
    """A notice to one user, kept until it is read."""

    notification_id: str
    category: Annotated[str, Meta(examples=["report_failed"])]
    title: Annotated[str, Meta(examples=["Your report failed"])]
    message: Annotated[str, Meta(examples=["No KPI has a value in that time."])]
    data: NotificationSubject
    created_at: Time
    read_at: NotYet


@message("NOTIFICATION_READ")
class NotificationRead(Request):
    """These notifications have been read."""

    notification_ids: Annotated[list[WireId], Meta(min_length=1, max_length=500)]


@message("NOTIFICATION_READ", shows=["notification"], changes=["deleted"])
class NotificationReadConfirmed(EntityMessage):
    """These notifications are marked as read: remove all of them from a map of unread ones."""

    notification_ids: list[str]


# ------------------------------------------------------------------ while one was away


@message("SEEN")
class Seen(Request):
    """The user has seen what is up to this event of the organization's log."""

    sequence: Annotated[int, Meta(ge=0, le=2**53)]


@message("SEEN")
class SeenConfirmed(Message):
    """Up to this event the user has seen what there is, on whichever device.

    It never goes back, nor beyond the last event.
    """

    sequence: int


@message("AWAY_REQUEST")
class AwayRequest(Request):
    """Sum up what has happened since the event that the user saw last (`SEEN`)."""


class AwayKpi(Message):
    """A KPI whose value was set, once: what it was before and what it is now.

    from: null where it had no value, or none is kept. changes: how often it was set.
    """

    kpi_id: str
    name: Annotated[str, Meta(examples=["Monthly revenue"])]
    unit: Annotated[str, Meta(examples=["EUR"])]
    from_: Annotated[float | None, Meta(examples=[93.0])] = msgspec.field(name="from")
    to: Annotated[float | None, Meta(examples=[95.0])]
    changes: Count
    at: Time


class AwayKpis(Message):
    """The KPIs whose values were set; `lines` has those set last."""

    count: Count
    lines: list[AwayKpi]


class AwayAlert(Message):
    """An alert that was raised, or resolved, and what has become of it."""

    alert_id: str
    kpi_id: str
    severity: Annotated[str, Meta(examples=["warning"])]
    message: Annotated[str, Meta(examples=["Monthly revenue is 95 EUR, below 100 EUR"])]
    state: Annotated[str, Meta(examples=["resolved"])]
    raised_at: Time
    resolved_at: NotYet


class AwayAlerts(Message):
    """The alerts that were raised or resolved. resolved: how many of them are by now."""

    count: Count
    resolved: Annotated[int, Meta(examples=[1])]
    lines: list[AwayAlert]


class AwayNote(Message):
    """A note that somebody else wrote. content: its beginning. entityType, entityId: what it is on,
    or points at. mentionsMe: whether it mentions the user."""

    annotation_id: str
    session_id: str | None
    parent_id: str | None
    author_id: str
    author_name: UserName
    content: Annotated[str, Meta(examples=["Look at March"])]
    content_type: Annotated[str, Meta(examples=["text"])]
    entity_type: Annotated[str | None, Meta(examples=["kpi"])]
    entity_id: str | None
    mentions_me: bool
    created_at: Time


class AwayNotes(Message):
    """The notes that others wrote, and that are still there."""

    count: Count
    lines: list[AwayNote]


class AwayReport(Message):
    """A report that was made. departmentId: null for one of the whole organization."""

    report_id: Annotated[str, Meta(examples=[A_REPORT])]
    department_id: str | None
    from_: Day = msgspec.field(name="from")
    to: Day
    format: Annotated[str, Meta(examples=["pdf"])]
    url: Annotated[str, Meta(examples=[f"/reports/{A_REPORT}/file"])]
    created_at: Time
    expires_at: Time


class AwayReports(Message):
    """The reports that were made."""

    count: Count
    lines: list[AwayReport]


class AwaySession(Message):
    """A session that others opened or ended. endedAt: null while it runs."""

    session_id: str
    title: Annotated[str, Meta(examples=["Q4 planning"])]
    host_id: str
    created_at: Time
    ended_at: NotYet


class AwaySessions(Message):
    """The sessions that others opened or ended."""

    count: Count
    lines: list[AwaySession]


@message("AWAY")
class Away(Message):
    """Others' changes since the user saw the log last, as far as the user may see them.

    since, sinceAt: the event that was seen last, and when; null where none was. sequence: the last
    event that is told of. complete: false where not all since then is told of, but only what came
    after the event `from`, of `fromAt` (null where it is not kept): what was before is no longer
    kept, or too much. Of each kind `count` says how many there are, and `lines` has the newest 100;
    a kind of which nothing happened is not there.
    """

    since: Annotated[int | None, Meta(examples=[1200])]
    since_at: Time | None
    sequence: Annotated[int, Meta(examples=[1450])]
    complete: bool
    from_: Annotated[int | None, Meta(examples=[1200])] = msgspec.field(name="from")
    from_at: Time | None
    kpis: AwayKpis | UnsetType = UNSET
    alerts: AwayAlerts | UnsetType = UNSET
    notes: AwayNotes | UnsetType = UNSET
    reports: AwayReports | UnsetType = UNSET
    sessions: AwaySessions | UnsetType = UNSET


# ------------------------------------------------------------------ what has happened to a thing


MOST_ITEMS = 500
USUAL_ITEMS = 100
Cursor = Annotated[
    str,
    Meta(description="Hand it back as it is.", max_length=32, examples=["1768905000000000.1"]),
]


@message("TIMELINE_REQUEST")
class TimelineRequest(Request):
    """Tell what has happened to a KPI (`kpi`) or a department (`department`), the newest first. By
    anybody who may see it.

    from, to: of this time; from is in it, to is not. Without them, of all time. limit: at most so
    many items. about: only of these: `values`, `changes`, `imports`, `alerts`, `insights`, `notes`.
    cursor: of an answer, for those that come after it; with the same from, to and about.
    """

    entity: TimelineOf
    from_: Time | None = msgspec.field(default=None, name="from")
    to: Time | None = None
    limit: Annotated[int, Meta(ge=1, le=MOST_ITEMS)] = USUAL_ITEMS
    about: (
        Annotated[list[Annotated[str, Meta(max_length=16)]], Meta(min_length=1, max_length=20)]
        | None
    ) = None
    cursor: Cursor | None = None


@message("TIMELINE")
class Timeline(Message):
    """The answer: all that has happened to a thing, the newest first.

    complete: nothing older is in the time that was asked for. cursor: where it is not complete.
    """

    entity: TimelineOf
    items: Annotated[list[TimelineItem], Meta(max_length=MOST_ITEMS)]
    complete: bool
    cursor: Cursor | UnsetType = UNSET
