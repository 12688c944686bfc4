"""How tenants and people appear on the wire: topics, and what is captured."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import ClassVar

import msgspec
from django.db.models import Q

from bos import handlers, messages, things
from bos.auth.sign_ins import prune_sign_ins
from bos.auth.tokens import prune_spent
from bos.away import seeing
from bos.entities import (
    DepartmentData,
    EmployeeData,
    NotificationData,
    NotificationSubject,
    OrganizationData,
)
from bos.feature import Feature
from bos.ids import wire_id
from bos.imports import workflow
from bos.imports.resources import EmployeeImport
from bos.jobs import queue
from bos.jobs.queue import JobType
from bos.leaving import departments, people, rules
from bos.messages import (
    DepartmentUpdated,
    EmployeeUpdated,
    NotificationReadConfirmed,
)
from bos.models import TOKEN_FIELDS, Department, Employee, Notification, Organization, User
from bos.outside import keeping, making, notifications, sources
from bos.outside import own_data as own_messages
from bos.outside import sending as messages_out
from bos.panels import PANELS
from bos.people import own_data, sending, sign_ins
from bos.people.imports import UserImport
from bos.permissions import (
    READ_OF_DEPARTMENTS,
    READ_OF_USERS,
    departments_of,
    may_follow_departments,
)
from bos.service import last_use
from bos.services import prune_notifications, prune_sessions
from bos.things import Place, Thing
from bos.timeline.changes import CHANGES_OF_DEPARTMENTS
from bos.timeline.handlers import timeline_request
from bos.webhooks import endpoints as webhooks
from bos.words import WORDS
from sync.eventlog.capture import TOLD, Change, EntitySync, Live
from sync.eventlog.processors import Processor
from sync.protocol.identity import Actor
from sync.protocol.times import wire_time
from sync.protocol.topics import Audience, SnapshotEntity, TopicKind

# ------------------------------------------------------------------ what is captured


class OrganizationSync(EntitySync[Organization]):
    model = Organization
    entity_type = "organization"
    shape = OrganizationData

    def organization_id(self, row: Organization) -> str:
        return str(row.pk)

    def data(self, row: Organization) -> OrganizationData:
        return OrganizationData(id=str(row.pk), name=row.name, updated_at=wire_time(row.updated_at))

    def audience(self, row: Organization) -> Audience:
        return Audience(organization=str(row.pk))


class DepartmentSync(EntitySync[Department]):
    model = Department
    entity_type = "department"
    shape = DepartmentData

    def data(self, row: Department) -> DepartmentData:
        return DepartmentData(
            id=str(row.pk),
            name=row.name,
            parent_id=wire_id(row.parent_id),
            updated_at=wire_time(row.updated_at),
        )

    def audience(self, row: Department) -> Audience:
        return Audience(organization=str(row.organization_id), department=str(row.pk))

    def live(self, change: Change[Department], actor: Actor) -> Live:
        if change.kind != "updated":
            return None
        row = change.row
        return DepartmentUpdated(
            department_id=str(row.pk),
            name=row.name,
            parent_id=wire_id(row.parent_id),
            updated_by=actor.user_id,
            updated_at=wire_time(row.updated_at),
        )

    def after_append(self, changes: Sequence[Change[Department]], actor: Actor) -> None:
        things.follow(self.entity_type, changes)


class EmployeeSync(EntitySync[Employee]):
    model = Employee
    entity_type = "employee"
    shape = EmployeeData

    def data(self, row: Employee) -> EmployeeData:
        return EmployeeData(
            id=str(row.pk),
            name=row.name,
            title=row.title,
            email=row.email,
            department_id=wire_id(row.department_id),
            user_id=wire_id(row.user_id),
            updated_at=wire_time(row.updated_at),
        )

    def audience(self, row: Employee) -> Audience:
        return Audience(
            organization=str(row.organization_id), department=wire_id(row.department_id)
        )

    def live(self, change: Change[Employee], actor: Actor) -> Live:
        if change.kind != "updated":
            return None
        row = change.row
        return EmployeeUpdated(
            employee_id=str(row.pk),
            name=row.name,
            title=row.title,
            email=row.email,
            department_id=wire_id(row.department_id),
            user_id=wire_id(row.user_id),
            updated_by=actor.user_id,
            updated_at=wire_time(row.updated_at),
        )


class NotificationSync(EntitySync[Notification]):
    model = Notification
    entity_type = "notification"
    mirrored = False
    shape = NotificationData

    def data(self, row: Notification) -> NotificationData:
        return NotificationData(
            id=str(row.pk),
            category=row.category,
            title=row.title,
            message=row.message,
            data=_subject(row),
            created_at=wire_time(row.created_at),
            read_at=None if row.read_at is None else wire_time(row.read_at),
        )

    def audience(self, row: Notification) -> Audience:
        return Audience(user=str(row.user_id))

    def change_type(self, change: Change[Notification]) -> str:
        """Read, it is gone for those who mirror what is unread."""
        return "deleted" if change.row.read_at is not None else change.kind

    def live(self, change: Change[Notification], actor: Actor) -> Live:
        row = change.row
        if change.kind == "deleted":
            return None
        if change.kind == "updated" and row.read_at is not None:
            ids = [str(row.pk)] if row.read_together is None else row.read_together
            return NotificationReadConfirmed(ids) if ids else TOLD
        return messages.Notification(
            notification_id=str(row.pk),
            category=row.category,
            title=row.title,
            message=row.message,
            data=_subject(row),
            created_at=wire_time(row.created_at),
            read_at=None if row.read_at is None else wire_time(row.read_at),
        )


class UserSync(EntitySync[User]):
    """Users are not mirrored: the log only carries that somebody's rights have changed."""

    model = User
    entity_type = "user"
    watched_fields: ClassVar[frozenset[str]] = TOKEN_FIELDS
    ignored: ClassVar[frozenset[str]] = frozenset(
        {"email", "id", "last_login", "name", "updated_at"}
    )

    def organization_id(self, row: User) -> str:
        return wire_id(row.organization_id) or ""

    def is_event(self, change: Change[User]) -> bool:
        return False


def _subject(row: Notification) -> NotificationSubject:
    return msgspec.convert(row.data, NotificationSubject)


def _place_of_department(row: Department) -> Place:
    """Its employees' own: everybody may read its name, those who may follow it what is on it."""
    return Place(row.name, open_to_organization=False)


DEPARTMENT = Thing(
    "department",
    "department",
    Department,
    Department.objects.all,
    lambda principal: Q(pk__in=departments_of(principal)),
    _place_of_department,
    frozenset({"organization_id", "name"}),
)

# ------------------------------------------------------------------ what topics show


def _show_organization(organization_id: str, ids: Collection[str]) -> Iterable[SnapshotEntity]:
    for organization in Organization.objects.filter(pk__in=ids):
        yield from OrganizationSync().snapshot([organization])
        yield from DepartmentSync().snapshot(Department.objects.of(organization.pk))
        yield from EmployeeSync().snapshot(Employee.objects.of(organization.pk))


def _show_departments(organization_id: str, ids: Collection[str]) -> Iterable[SnapshotEntity]:
    followed = Department.objects.of(organization_id).filter(pk__in=ids)
    yield from DepartmentSync().snapshot(followed)
    employees = Employee.objects.of(organization_id).filter(department_id__in=ids)
    yield from EmployeeSync().snapshot(employees)


def _show_notifications(organization_id: str, ids: Collection[str]) -> Iterable[SnapshotEntity]:
    """Yield the notifications that the user has not read yet."""
    unread = Notification.objects.of(organization_id).filter(user_id__in=ids, read_at=None)
    yield from NotificationSync().snapshot(unread.order_by("created_at"))


def _people_changed(changes: Iterable[Change[User]]) -> None:
    changes = list(changes)
    rules.look_at_admins(changes)
    sign_ins.end_withdrawn(changes)


feature = Feature(
    entities=[
        OrganizationSync(),
        DepartmentSync(),
        EmployeeSync(),
        NotificationSync(),
        UserSync(),
    ],
    messages=[
        messages.DepartmentUpdated,
        messages.EmployeeUpdated,
        messages.Notification,
        messages.NotificationRead,
        messages.NotificationReadConfirmed,
        messages.Seen,
        messages.SeenConfirmed,
        messages.AwayRequest,
        messages.Away,
        messages.TimelineRequest,
        messages.Timeline,
    ],
    error_ids=["notificationId"],
    handlers=[handlers.notification_read, handlers.seen, handlers.away_request, timeline_request],
    topics=[
        TopicKind(
            "department", column=3, authorize=may_follow_departments, reads=READ_OF_DEPARTMENTS
        )
    ],
    snapshots={
        "organization": _show_organization,
        "department": _show_departments,
        "user": _show_notifications,
    },
    reads=[READ_OF_USERS],
    on_change={
        Department: departments.look_for_circles,
        User: _people_changed,
    },
    processors=[Processor(making.PROCESSOR, sources.told_entities(), making.make_deliveries)],
    on_renewal=[last_use.note_connected],
    caps=[queue.WAITING],
    retention={
        "sign-ins": prune_sign_ins,
        "spent tokens": prune_spent,
        "sessions of pages": prune_sessions,
        "imports": workflow.prune_imports,
        "notifications": prune_notifications,
        "deliveries": keeping.prune_deliveries,
        "former secrets of webhooks": webhooks.forget_former_secrets,
    },
    jobs=[
        JobType(work=workflow.check, on_given_up=workflow.given_up),
        JobType(work=workflow.write, on_given_up=workflow.given_up),
        JobType(work=sending.send_invitation),
        JobType(work=sending.send_reset),
        JobType(work=sending.send_waiting, title="People: links that wait to be sent", minutes=1),
        JobType(work=messages_out.send_due),
        JobType(work=messages_out.follow_outside, title="Messages: what is due", minutes=1),
    ],
    imports=[EmployeeImport(), UserImport()],
    histories=[Organization, Department, Employee, User],
    traces={"imports": people.imports_of, "webhooks": webhooks.webhooks_of},
    erasers=[keeping.erase, seeing.forget],
    holdings=[departments.EMPLOYEES, departments.DEPARTMENTS],
    panels=PANELS,
    words=WORDS,
    exports={**own_data.EXPORTS, **own_messages.EXPORTS},
    left_out=own_data.LEFT_OUT,
    message_sources=[notifications.NotificationSource()],
    message_categories=[notifications.FAILURES],
    things=[DEPARTMENT],
    lanes=[CHANGES_OF_DEPARTMENTS],
)
