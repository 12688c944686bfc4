"""Read tenants and people: departments, employees, one's own notifications (decision D3)."""

from __future__ import annotations

from django_filters import FilterSet

from bos.api.parameters import FlagFilter, IdFilter, SearchFilter, SinceFilter, TextFilter
from bos.api.reading import Readable, Rows
from bos.models import Department, Employee, Notification
from sync.protocol.identity import Principal

CHANGED = "Changed at this time or later."


class DepartmentFilters(FilterSet):
    search = SearchFilter("name", help_text="Has this in its name.")
    parent = IdFilter(help_text="Directly below this department.")
    updatedSince = SinceFilter("updated_at", help_text=CHANGED)


class EmployeeFilters(FilterSet):
    search = SearchFilter("name", "title", "email", help_text="In the name, title or email.")
    department = IdFilter(help_text="Of this department itself.")
    user = IdFilter(help_text="The employee who is this user.")
    updatedSince = SinceFilter("updated_at", help_text=CHANGED)


class NotificationFilters(FilterSet):
    unread = FlagFilter("read_at", lookup_expr="isnull", help_text="Unread, or read.")
    category = TextFilter(help_text="Of this category.")
    since = SinceFilter("created_at", help_text="Sent at this time or later.")


def _departments(principal: Principal) -> Rows:
    return Department.objects.of(principal.organization_id)


def _employees(principal: Principal) -> Rows:
    return Employee.objects.of(principal.organization_id)


def _notifications(principal: Principal) -> Rows:
    return Notification.objects.of(principal.organization_id).filter(user_id=principal.user_id)


READABLES = (
    Readable(
        name="departments",
        model=Department,
        rows=_departments,
        filters=DepartmentFilters,
        one="a department",
        many="departments",
    ),
    Readable(
        name="employees",
        model=Employee,
        rows=_employees,
        filters=EmployeeFilters,
        one="an employee",
        many="employees",
    ),
    Readable(
        name="notifications",
        model=Notification,
        rows=_notifications,
        filters=NotificationFilters,
        newest="created_at",
        one="a notification",
        many="notifications",
        about="One's own, read ones, too; a service account is sent none.",
    ),
)
