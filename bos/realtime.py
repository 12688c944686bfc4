"""How tenants and people appear on the wire: topics, and what is captured."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any, ClassVar

from bos import handlers, messages  # noqa: F401 -- they register themselves
from bos.auth.sign_ins import forget_sign_ins
from bos.auth.tokens import prune_spent
from bos.imports.workflow import forget_imports
from bos.leaving import rules  # noqa: F401 -- they register themselves
from bos.models import TOKEN_FIELDS, Department, Employee, Notification, Organization, User
from bos.permissions import READ_OF_DEPARTMENTS, READ_OF_USERS, may_follow_departments
from bos.services import forget_admin_sessions, forget_notifications
from sync.eventlog.capture import TOLD, Change, Synced, register
from sync.eventlog.retention import forget_regularly
from sync.protocol.identity import Actor, Principal
from sync.protocol.rights import register_reads
from sync.protocol.times import wire_time
from sync.protocol.topics import Audience, Shown, TopicKind, register_snapshot, register_topic

# ------------------------------------------------------------------ what is captured


class SyncedOrganization(Synced[Organization]):
    model = Organization
    entity_type = "organization"

    def organization_id(self, row: Organization) -> str:
        return str(row.pk)

    def data(self, row: Organization) -> dict[str, Any]:
        return {"id": str(row.pk), "name": row.name, "updatedAt": wire_time(row.updated_at)}

    def audience(self, row: Organization) -> Audience:
        return Audience(organization=str(row.pk))


class SyncedDepartment(Synced[Department]):
    model = Department
    entity_type = "department"

    def data(self, row: Department) -> dict[str, Any]:
        return {
            "id": str(row.pk),
            "name": row.name,
            "parentId": _id(row.parent_id),
            "updatedAt": wire_time(row.updated_at),
        }

    def audience(self, row: Department) -> Audience:
        return Audience(organization=str(row.organization_id), department=str(row.pk))

    def live(self, change: Change[Department], actor: Actor) -> tuple[str, dict[str, Any]] | None:
        if change.kind != "updated":
            return None
        data = self.data(change.row)
        data["departmentId"] = data.pop("id")
        return "DEPARTMENT_UPDATED", data | {"updatedBy": actor.user_id}


class SyncedEmployee(Synced[Employee]):
    model = Employee
    entity_type = "employee"

    def data(self, row: Employee) -> dict[str, Any]:
        return {
            "id": str(row.pk),
            "name": row.name,
            "title": row.title,
            "email": row.email,
            "departmentId": _id(row.department_id),
            "userId": _id(row.user_id),
            "updatedAt": wire_time(row.updated_at),
        }

    def audience(self, row: Employee) -> Audience:
        return Audience(organization=str(row.organization_id), department=_id(row.department_id))

    def live(self, change: Change[Employee], actor: Actor) -> tuple[str, dict[str, Any]] | None:
        if change.kind != "updated":
            return None
        data = self.data(change.row)
        data["employeeId"] = data.pop("id")
        return "EMPLOYEE_UPDATED", data | {"updatedBy": actor.user_id}


class SyncedNotification(Synced[Notification]):
    model = Notification
    entity_type = "notification"

    def data(self, row: Notification) -> dict[str, Any]:
        return {
            "id": str(row.pk),
            "category": row.category,
            "title": row.title,
            "message": row.message,
            "data": row.data,
            "createdAt": wire_time(row.created_at),
            "readAt": None if row.read_at is None else wire_time(row.read_at),
        }

    def audience(self, row: Notification) -> Audience:
        return Audience(user=str(row.user_id))

    def kind(self, change: Change[Notification]) -> str:
        """Read, it is gone for those who mirror what is unread."""
        return "deleted" if change.row.read_at is not None else change.kind

    def live(self, change: Change[Notification], actor: Actor) -> tuple[str, dict[str, Any]] | None:
        row = change.row
        if change.kind == "deleted":
            return None
        if change.kind == "updated" and row.read_at is not None:
            ids = [str(row.pk)] if row.read_together is None else row.read_together
            return ("NOTIFICATION_READ", {"notificationIds": ids}) if ids else TOLD
        data = self.data(row)
        data["notificationId"] = data.pop("id")
        return "NOTIFICATION", data


class SyncedUser(Synced[User]):
    """Users are not mirrored: the log only carries that somebody's rights have changed."""

    model = User
    entity_type = "user"
    tracked: ClassVar[frozenset[str]] = TOKEN_FIELDS
    ignored: ClassVar[frozenset[str]] = frozenset(
        {"email", "id", "last_login", "name", "updated_at"}
    )

    def organization_id(self, row: User) -> str:
        return _id(row.organization_id) or ""

    def concerns(self, change: Change[User]) -> bool:
        return False


def _id(value: object) -> str | None:
    return None if value is None else str(value)


for synced in (
    SyncedOrganization(),
    SyncedDepartment(),
    SyncedEmployee(),
    SyncedNotification(),
    SyncedUser(),
):
    register(synced)


# ------------------------------------------------------------------ topics


def _own_organization(principal: Principal, ids: Collection[str]) -> set[str]:
    return {principal.organization_id} & set(ids)


def _show_organization(principal: Principal, ids: Collection[str]) -> Iterable[Shown]:
    for organization in Organization.objects.filter(pk__in=ids):
        yield _shown(SyncedOrganization(), organization)
        for department in Department.objects.of(organization.pk):
            yield _shown(SyncedDepartment(), department)
        for employee in Employee.objects.of(organization.pk):
            yield _shown(SyncedEmployee(), employee)


def _show_departments(principal: Principal, ids: Collection[str]) -> Iterable[Shown]:
    organization_id = principal.organization_id
    for department in Department.objects.of(organization_id).filter(pk__in=ids):
        yield _shown(SyncedDepartment(), department)
    for employee in Employee.objects.of(organization_id).filter(department_id__in=ids):
        yield _shown(SyncedEmployee(), employee)


def _shown(synced: Synced[Any], row: Any) -> Shown:
    return Shown(synced.entity_type, str(row.pk), synced.data(row))


def _show_notifications(principal: Principal, ids: Collection[str]) -> Iterable[Shown]:
    """Yield the notifications that the user has not read yet."""
    unread = Notification.objects.of(principal.organization_id).filter(
        user_id__in=ids, read_at=None
    )
    for notification in unread.order_by("created_at"):
        yield _shown(SyncedNotification(), notification)


def _oneself(principal: Principal, ids: Collection[str]) -> set[str]:
    return {principal.user_id} & set(ids)


register_reads(READ_OF_USERS)
register_topic("organization", TopicKind(_own_organization))
register_topic("department", TopicKind(may_follow_departments, reads=READ_OF_DEPARTMENTS))
register_topic("user", TopicKind(_oneself))
register_snapshot("organization", _show_organization)
register_snapshot("department", _show_departments)
register_snapshot("user", _show_notifications)

# ------------------------------------------------------------------ housekeeping

forget_regularly("sign-ins", forget_sign_ins)
forget_regularly("spent tokens", prune_spent)
forget_regularly("sessions of the admin", forget_admin_sessions)
forget_regularly("imports", forget_imports)
forget_regularly("notifications", forget_notifications)
