"""Messages about the organization and its people."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from bos.entities import NotificationSubject
from sync.protocol.messages import Email, NotYet, Time
from sync.protocol.registry import EntityMessage, Request, WireId, message


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
