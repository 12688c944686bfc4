"""Messages about the organization and its people."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import UNSET, Meta, UnsetType

from sync.messages import Time
from sync.registry import Message, Request, WireId, message


@message("DEPARTMENT_UPDATED")
class DepartmentUpdated(Message):
    """A department was changed. A SYNC_UPDATE with the same `sequence` follows."""

    department_id: str
    name: str
    parent_id: str | None
    updated_by: str
    updated_at: Time
    sequence: int | UnsetType = UNSET


@message("EMPLOYEE_UPDATED")
class EmployeeUpdated(Message):
    """An employee was changed. A SYNC_UPDATE with the same `sequence` follows."""

    employee_id: str
    name: str
    title: str
    email: str
    department_id: str | None
    updated_by: str
    updated_at: Time
    sequence: int | UnsetType = UNSET


@message("NOTIFICATION")
class Notification(Message):
    """Something that one user should know; stored until it was read."""

    notification_id: str
    category: str
    title: str
    message: str
    data: dict[str, Any]
    created_at: Time
    read_at: Time | None = None
    sequence: int | UnsetType = UNSET


@message("NOTIFICATION_READ")
class NotificationRead(Request):
    """These notifications have been read."""

    notification_ids: Annotated[list[WireId], Meta(min_length=1, max_length=500)]


@message("NOTIFICATION_READ")
class NotificationReadConfirmed(Message):
    """These notifications are marked as read."""

    notification_ids: list[str]
    sequence: int | UnsetType = UNSET
