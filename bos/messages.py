"""Messages about the organization and its people."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from sync.protocol.messages import Time
from sync.protocol.registry import EntityMessage, Request, WireId, message


@message("DEPARTMENT_UPDATED", shows=["department"], named="departmentId")
class DepartmentUpdated(EntityMessage):
    """A department was changed. A SYNC_UPDATE with the same `sequence` follows."""

    department_id: str
    name: str
    parent_id: str | None
    updated_by: str
    updated_at: Time


@message("EMPLOYEE_UPDATED", shows=["employee"], named="employeeId")
class EmployeeUpdated(EntityMessage):
    """An employee was changed. A SYNC_UPDATE with the same `sequence` follows."""

    employee_id: str
    name: str
    title: str
    email: str
    department_id: str | None
    user_id: str | None
    updated_by: str
    updated_at: Time


@message("NOTIFICATION", shows=["notification"], named="notificationId")
class Notification(EntityMessage):
    """Something that one user should know; stored until it was read."""

    notification_id: str
    category: str
    title: str
    message: str
    data: dict[str, Any]
    created_at: Time
    read_at: Time | None = None


@message("NOTIFICATION_READ")
class NotificationRead(Request):
    """These notifications have been read."""

    notification_ids: Annotated[list[WireId], Meta(min_length=1, max_length=500)]


@message("NOTIFICATION_READ", shows=["notification"])
class NotificationReadConfirmed(EntityMessage):
    """These notifications are marked as read: all of them are gone for a mirror of the unread."""

    notification_ids: list[str]
