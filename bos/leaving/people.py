"""A user leaves: deactivated where something of theirs stays, or erased (decision V6)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.db.models import Model, Q, QuerySet
from django.utils import timezone

from bos.identity import second_factor
from bos.leaving.rules import is_last_admin
from bos.models import (
    AccountLink,
    Employee,
    IdentityLink,
    Import,
    Notification,
    Role,
    SignIn,
    User,
)
from sync.eventlog.log import concerning
from sync.eventlog.rewriting import Payload, rewrite
from sync.protocol.topics import Topic


class Rename(Protocol):
    def __call__(self, payload: Payload, *, id_: str) -> Payload:
        """The payload of an event without the name of the user with this id."""
        ...


FORMER = "Former user"
"""The name of a user who has been erased."""

# ------------------------------------------------------------------ what a user has left behind


Trace = Callable[[User], QuerySet[Any]]
"""The rows of some kind that a user has left behind."""
_traces: dict[str, Trace] = {}


def add_trace(label: str, trace: Trace) -> None:
    """label: what users leave behind, in the plural."""
    _traces[label] = trace


def add_history(model: Any) -> None:
    """Changes that are kept with their author are something that a user leaves behind."""
    kind = str(model._meta.verbose_name_plural)
    add_trace(
        f"changes of {kind}",
        lambda user: model.history.filter(history_user_id=str(user.pk)),
    )


def traces_of(user: User) -> list[tuple[str, int]]:
    """Count what the user has left behind."""
    counted = ((label, trace(user).count()) for label, trace in _traces.items())
    return [(label, count) for label, count in counted if count]


def has_left_something(user: User) -> bool:
    return any(trace(user).exists() for trace in _traces.values())


def imports_of(user: User) -> QuerySet[Any]:
    return Import.objects.filter(author=user)


# ------------------------------------------------------------------ who leaves


@transaction.atomic
def user_deactivate(user: User, *, successor: User | None = None) -> None:
    """End the user's access, and keep everything. Raises LastAdmin where nobody follows.

    successor: becomes an admin first.
    """
    _hand_over(successor)
    user.is_active = False
    user.save(update_fields=["is_active"])


@transaction.atomic
def user_delete(user: User, *, successor: User | None = None) -> None:
    """Delete somebody who has left nothing. Raises LastAdmin, RestrictedError."""
    _hand_over(successor)
    user.delete()


def _hand_over(successor: User | None) -> None:
    if successor is not None and successor.role != Role.ADMIN:
        successor.role = Role.ADMIN
        successor.save(update_fields=["role"])


def successors_of(user: User) -> QuerySet[User]:
    """Return the users who may become admin where this one is the last; none where others are."""
    others: QuerySet[User] = User.objects.none()
    if is_last_admin(user):
        active = User.objects.of(user.organization_id).people().filter(is_active=True)
        others = active.exclude(pk=user.pk)
    return others


# ------------------------------------------------------------------ who is erased


Eraser = Callable[[User], None]
_erasers: list[Eraser] = []
_renames: dict[str, Rename] = {}


def add_eraser(eraser: Eraser) -> None:
    """Call this before a user is erased, in that transaction."""
    _erasers.append(eraser)


def add_rename(entity_type: str, rename: Rename) -> None:
    """Events of this entity show people by name."""
    _renames[entity_type] = rename


@transaction.atomic
def user_erase(user: User, *, successor: User | None = None) -> None:
    """Leave no name and no address of this person; what they have made stays a former user's.

    Raises LastAdmin where nobody follows.
    """
    _hand_over(successor)
    row = User.objects.select_for_update().get(pk=user.pk)
    for eraser in _erasers:
        eraser(row)
    for employee in Employee.objects.filter(user=row):
        employee_erase(employee)
    Notification.objects.filter(user=row).delete()
    SignIn.objects.filter(user=row).delete()
    AccountLink.objects.filter(user=row).delete()
    IdentityLink.objects.filter(user=row).delete()
    second_factor.reset(row)
    row.groups.clear()
    row.user_permissions.clear()
    row.name, row.email = FORMER, f"{row.pk}@former.invalid"
    row.set_unusable_password()
    row.is_active, row.is_superuser, row.role = False, False, Role.VIEWER
    row.last_login, row.erased_at = None, timezone.now()
    row.save()
    User.history.filter(id=row.pk).update(name=FORMER, email=row.email)
    _rename_in_admin_log(row)
    _rename_in_events(row)


@transaction.atomic
def employee_erase(employee: Employee) -> None:
    """Delete the entry, and what its history and the log say of the person."""
    organization_id, id_ = employee.organization_id, employee.pk
    _rename_in_admin_log(employee)
    employee.delete()
    Employee.history.filter(id=id_).update(name=FORMER, email="", title="")
    rewrite(
        str(organization_id),
        Q(entity_type="employee", entity_id=str(id_)),
        lambda payload: payload | _NOBODY if "name" in payload else payload,
    )


_UNTOLD = {"title": "", "message": ""}
_NOBODY = {"name": FORMER, "email": "", "title": ""}


def _rename_in_admin_log(row: Model) -> None:
    about = LogEntry.objects.filter(
        content_type=ContentType.objects.get_for_model(type(row)), object_id=str(row.pk)
    )
    about.update(object_repr=FORMER)


def _rename_in_events(user: User) -> None:
    id_ = str(user.pk)
    # What they were told themselves speaks to them.
    told = Q(entity_type="notification") & concerning([Topic("user", id_)])
    for organization_id in organizations_of(user):
        rewrite(organization_id, told, lambda told: told | _UNTOLD if "title" in told else told)
        for entity_type, rename in _renames.items():
            shown = Q(entity_type=entity_type) & (Q(data__contains=id_) | Q(live__contains=id_))
            rewrite(organization_id, shown, partial(rename, id_=id_))


def organizations_of(user: User) -> list[str]:
    """The user's, and those that the user was moved from: their logs tell of the user as well."""
    earlier = User.history.filter(id=user.pk).values_list("organization_id", flat=True)
    ids = {user.organization_id, *earlier.order_by().distinct()} - {None}
    return sorted(str(id_) for id_ in ids)
