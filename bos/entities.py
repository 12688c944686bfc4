"""Entities of tenants and people, as clients keep them: one struct an entity type."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from sync.protocol.messages import Email, NotYet, Time
from sync.protocol.registry import EntityData, Message

A_REPORT = "ac32c349-e91c-5f40-ad22-a337e6596386"
A_REQUEST = "5f0c1a52-8a53-4d0b-9f5d-3f1f4f7c2b6e"


class OrganizationData(EntityData):
    """An organization. Shown by `organization:`."""

    name: Annotated[str, Meta(examples=["Harbor Logistics"])]
    updated_at: Time


class DepartmentData(EntityData):
    """A department. Shown by `organization:` and `department:`."""

    name: Annotated[str, Meta(examples=["Sales"])]
    parent_id: str | None
    updated_at: Time


class EmployeeData(EntityData):
    """An employee, who may be a user. Shown by `organization:` and `department:`."""

    name: Annotated[str, Meta(examples=["Mia Park"])]
    title: Annotated[str, Meta(examples=["Head of Sales"])]
    email: Email
    department_id: str | None
    user_id: str | None
    updated_at: Time


class NotificationSubject(Message):
    """The subject of a notification: its category says which of these there are.

    alert: alertId, kpiId, severity. session_invitation: sessionId, hostId. mention:
    annotationId, mentionedBy, the note's sessionId, entityType and entityId. prediction_failed:
    kpiId, requestId. report_failed: reportId, requestId. import_failed: importId.
    connector_failed: connectorId. delivery_failed: none. webhook_failed: webhookId.
    requestId: of the request that has failed; empty where none was sent with one.
    """

    alert_id: str | UnsetType = UNSET
    kpi_id: str | UnsetType = UNSET
    severity: str | UnsetType = UNSET
    session_id: str | UnsetType = UNSET
    host_id: str | UnsetType = UNSET
    report_id: Annotated[str, Meta(examples=[A_REPORT])] | UnsetType = UNSET
    webhook_id: str | UnsetType = UNSET
    import_id: str | UnsetType = UNSET
    connector_id: str | UnsetType = UNSET
    annotation_id: str | UnsetType = UNSET
    mentioned_by: str | UnsetType = UNSET
    entity_type: str | UnsetType = UNSET
    entity_id: str | UnsetType = UNSET
    request_id: Annotated[str, Meta(examples=[A_REQUEST])] | UnsetType = UNSET

    def stored(self) -> dict[str, str]:
        """Return it as it is kept in the database, by its names on the wire."""
        stored: dict[str, str] = msgspec.to_builtins(self)
        return stored


class NotificationData(EntityData):
    """Something that one user should know. Shown by `user:` until it is read."""

    category: Annotated[str, Meta(examples=["report_failed"])]
    title: Annotated[str, Meta(examples=["Your report failed"])]
    message: Annotated[str, Meta(examples=["No KPI has a value in that time."])]
    data: NotificationSubject
    created_at: Time
    read_at: NotYet
