"""The parts of a personal export that tenants and people have: see `bos.people.exporting`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from django.contrib.admin.models import ADDITION, CHANGE, DELETION, LogEntry

from bos.models import (
    AccountLink,
    Employee,
    Import,
    LastSeen,
    Notification,
    ServiceAccount,
    ServiceKey,
    SignIn,
    User,
    Webhook,
)
from bos.people.exporting import Export, ExportRow, stream


class Profile(ExportRow):
    id: str
    email: str
    name: str
    role: str
    is_active: bool
    organization: str | None
    has_password: bool
    last_sign_in: datetime | None


def profile(user: User) -> Iterator[ExportRow]:
    organization = user.organization
    yield Profile(
        id=str(user.pk),
        email=user.email,
        name=user.name,
        role=user.role,
        is_active=user.is_active,
        organization=None if organization is None else organization.name,
        has_password=user.has_usable_password(),
        last_sign_in=user.last_login,
    )


class Work(ExportRow):
    id: str
    name: str
    title: str
    email: str
    department: str | None


def employees(user: User) -> Iterator[ExportRow]:
    for row in Employee.objects.filter(user=user).select_related("department"):
        yield Work(
            id=str(row.pk),
            name=row.name,
            title=row.title,
            email=row.email,
            department=None if row.department is None else row.department.name,
        )


class StoredState(ExportRow):
    """A row about the person as it was stored after a change."""

    at: datetime
    name: str
    email: str
    changed: str
    by: str
    """The id of the user who has changed it; 'system' for nobody."""
    source: str


def _states(rows: Any) -> Iterator[ExportRow]:
    for row in stream(rows.order_by("history_id")):
        yield StoredState(
            at=row.history_date,
            name=row.name,
            email=row.email,
            changed=row.changed,
            by=row.history_user_id or "",
            source=row.source,
        )


def profile_history(user: User) -> Iterator[ExportRow]:
    return _states(User.history.filter(id=user.pk))


def employee_history(user: User) -> Iterator[ExportRow]:
    return _states(Employee.history.filter(user_id=user.pk))


class SignedIn(ExportRow):
    id: str
    address: str
    created_at: datetime
    used_at: datetime
    ends_at: datetime
    ended_at: datetime | None
    end_reason: str


def sign_ins(user: User) -> Iterator[ExportRow]:
    for row in stream(SignIn.objects.filter(user=user).order_by("created_at")):
        yield SignedIn(
            id=str(row.pk),
            address=row.address,
            created_at=row.created_at,
            used_at=row.used_at,
            ends_at=row.ends_at,
            ended_at=row.ended_at,
            end_reason=row.end_reason,
        )


class Link(ExportRow):
    kind: str
    asked_at: datetime
    sent_at: datetime | None
    used_at: datetime | None


def links(user: User) -> Iterator[ExportRow]:
    for row in AccountLink.objects.filter(user=user):
        yield Link(kind=row.kind, asked_at=row.asked_at, sent_at=row.sent_at, used_at=row.used_at)


class Invited(ExportRow):
    """Somebody whom the person has invited, by their id only: the rest is theirs."""

    user_id: str
    asked_at: datetime


def invited(user: User) -> Iterator[ExportRow]:
    for row in stream(AccountLink.objects.filter(asked_by=user).order_by("asked_at")):
        yield Invited(user_id=str(row.pk), asked_at=row.asked_at)


class Told(ExportRow):
    id: str
    category: str
    title: str
    message: str
    data: Any
    created_at: datetime
    read_at: datetime | None


def notifications(user: User) -> Iterator[ExportRow]:
    for row in stream(Notification.objects.filter(user=user).order_by("created_at")):
        yield Told(
            id=str(row.pk),
            category=row.category,
            title=row.title,
            message=row.message,
            data=row.data,
            created_at=row.created_at,
            read_at=row.read_at,
        )


class Looked(ExportRow):
    """Up to which event of the organization's log the person has seen it, and when."""

    sequence: int
    at: datetime


def last_seen(user: User) -> Iterator[ExportRow]:
    for row in LastSeen.objects.filter(user=user):
        yield Looked(sequence=row.sequence, at=row.at)


class Brought(ExportRow):
    id: str
    of_what: str
    file_name: str
    state: str
    created_at: datetime


def imports(user: User) -> Iterator[ExportRow]:
    files = Import.objects.filter(author=user).defer("content", "outcome").order_by("created_at")
    for row in stream(files):
        yield Brought(
            id=str(row.pk),
            of_what=row.kind,
            file_name=row.file_name,
            state=row.state,
            created_at=row.created_at,
        )


class Made(ExportRow):
    id: str
    name: str
    created_at: datetime


def service_accounts(user: User) -> Iterator[ExportRow]:
    rows = ServiceAccount.objects.filter(created_by=user).select_related("user")
    for row in stream(rows.order_by("created_at")):
        yield Made(id=str(row.pk), name=row.user.name, created_at=row.created_at)


def service_keys(user: User) -> Iterator[ExportRow]:
    for row in stream(ServiceKey.objects.filter(created_by=user).order_by("created_at")):
        yield Made(id=str(row.pk), name=row.label, created_at=row.created_at)


def webhooks(user: User) -> Iterator[ExportRow]:
    for row in stream(Webhook.objects.filter(created_by=user).order_by("created_at")):
        yield Made(id=str(row.pk), name=row.name, created_at=row.created_at)


class Administered(ExportRow):
    at: datetime
    what: str
    of: str
    id: str
    message: str


WHAT = {ADDITION: "added", CHANGE: "changed", DELETION: "deleted"}


def administration(user: User) -> Iterator[ExportRow]:
    entries = LogEntry.objects.filter(user=user).select_related("content_type")
    for row in stream(entries.order_by("action_time")):
        yield Administered(
            at=row.action_time,
            what=WHAT.get(row.action_flag, ""),
            of=str(row.content_type or ""),
            id=row.object_id or "",
            message=str(row.get_change_message()),
        )


EXPORTS: Mapping[str, Export] = {
    "profile": Export(profile),
    "profileHistory": Export(profile_history),
    "employees": Export(employees, ("bos.Employee.user",)),
    "employeeHistory": Export(employee_history, ("bos.HistoricalEmployee.user",)),
    "signIns": Export(sign_ins, ("bos.SignIn.user",)),
    "links": Export(links, ("bos.AccountLink.user",)),
    "invitedUsers": Export(invited, ("bos.AccountLink.asked_by",)),
    "notifications": Export(notifications, ("bos.Notification.user",)),
    "lastSeen": Export(last_seen, ("bos.LastSeen.user",)),
    "imports": Export(imports, ("bos.Import.author",)),
    "serviceAccounts": Export(service_accounts, ("bos.ServiceAccount.created_by",)),
    "serviceKeys": Export(service_keys, ("bos.ServiceKey.created_by",)),
    "webhooks": Export(webhooks, ("bos.Webhook.created_by",)),
    "administration": Export(administration, ("admin.LogEntry.user",)),
}
LEFT_OUT: Mapping[str, str] = {
    "account.EmailAddress.user": "a table of allauth's that nothing is written to",
    "socialaccount.SocialAccount.user": "a table of allauth's that nothing is written to",
    "mfa.Authenticator.user": "secrets that open the account; its page names what is set up",
    "bos.IdentityLink.user": "a number of the provider's, who tells what it knows of the person",
    "bos.ServiceAccount.user": "A machine is nobody; its account is exported by who made it.",
    "bos.Job.user_id": "Work that waits for some minutes; what it makes is exported.",
    "sync.Event.actor_id": "For some days: copies of what is exported from where it is.",
    "sync.RequestRecord.user_id": "For ten minutes: by it a repeated request is known.",
}
