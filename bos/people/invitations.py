"""Invite people: a user without a password, an employee, and a link by which they come in (D6)."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from django.db import transaction

from bos.jobs.queue import enqueue
from bos.models import Employee, LinkKind, Organization, Role, User
from bos.people.links import invitable, renew
from bos.people.sending import enqueue_waiting, send_invitation
from bos.texts import text_key


@transaction.atomic
def invite(
    organization: Organization,
    *,
    email: str,
    name: str,
    role: str = Role.VIEWER,
    department_id: UUID | None = None,
    title: str = "",
    invited_by: User | None = None,
) -> User:
    """Add a user who has no password yet, and have an invitation sent to them.

    The employee with this address becomes theirs, or one is added.
    Raises ValidationError where the organization has a user with this email.
    """
    user = User(organization=organization, email=email, name=name, role=role)
    user.clean()
    user.set_unusable_password()
    user.save()
    employee = unlinked_employees(organization, [email]).get(text_key(email))
    if employee is None:
        employee = Employee(organization=organization, name=name, email=user.email, title=title)
    employee.user = user
    employee.title = title or employee.title
    employee.department_id = department_id or employee.department_id
    employee.save()
    renew(user, LinkKind.INVITATION, asked_by=invited_by)
    enqueue(send_invitation, str(user.pk), organization_id=organization.pk)
    return user


def unlinked_employees(organization: Organization, emails: Collection[str]) -> dict[str, Employee]:
    """Return the employees with these addresses who are no user yet, by the key of the address.

    Where two have the same, nobody knows which of them it is: then none.
    """
    wanted = {text_key(email) for email in emails}
    # No database compares as `text_key` does.
    rows = Employee.objects.of(organization.pk).filter(user=None).exclude(email="")
    found: dict[str, list[Employee]] = {}
    for employee in rows.iterator():
        if (key := text_key(employee.email)) in wanted:
            found.setdefault(key, []).append(employee)
    return {key: same[0] for key, same in found.items() if len(same) == 1}


@transaction.atomic
def invite_again(users: Collection[User], *, invited_by: User | None = None) -> list[User]:
    """Send a new link to those who have not come in yet; the users whom that concerns."""
    waiting = invitable(User.objects.filter(pk__in=[user.pk for user in users]))
    invited = list(waiting.order_by("pk"))
    for user in invited:
        renew(user, LinkKind.INVITATION, asked_by=invited_by)
    for organization_id in {user.organization_id for user in invited}:
        enqueue_waiting(organization_id)
    return invited
