"""The rights of users: pure predicates, and the one question that needs the department tree."""

from __future__ import annotations

from collections.abc import Collection

from bos.models import Department, Employee, Role, User
from sync.protocol.identity import Principal
from sync.protocol.rights import AccessChange, Reads

_RANK = {role: rank for rank, role in enumerate(Role.values)}


def has_role(principal: Principal, role: Role) -> bool:
    """Whether the principal's role is this one or above it."""
    return _RANK[principal.role] >= _RANK[role.value]


def principal_of(user: User) -> Principal:
    """Return the user's rights where there is no token: in the admin, in background work.

    Raises ValueError for a superuser without an organization.
    """
    if user.organization_id is None:
        raise ValueError("no organization")
    return Principal(
        user_id=str(user.pk),
        organization_id=str(user.organization_id),
        name=user.name,
        role=user.role,
        token_version=user.token_version,
        expires_at=float("inf"),
    )


def departments_of(principal: Principal) -> set[str]:
    """Ids of the principal's own department and of those below it (decision S2).

    Managers and admins are at home in every department of the organization.
    """
    tree = list(Department.objects.of(principal.organization_id).values_list("id", "parent_id"))
    if has_role(principal, Role.MANAGER):
        return {str(id_) for id_, _ in tree}
    own = (
        Employee.objects.of(principal.organization_id)
        .filter(user_id=principal.user_id)
        .values_list("department_id", flat=True)
        .first()
    )
    if own is None:
        return set()
    children: dict[object, list[object]] = {id_: [] for id_, _ in tree}
    if own not in children:  # moved to another organization
        return set()
    for id_, parent_id in tree:
        children.setdefault(parent_id, []).append(id_)
    reached, new = {own}, [own]
    while new:
        new = [child for parent in new for child in children.get(parent, ())]
        new = [child for child in new if child not in reached]
        reached.update(new)
    return {str(id_) for id_ in reached}


def _near_department(before: Department, after: Department | None) -> AccessChange:
    """Name those who may follow something because of where this department is.

    Deleted, it takes what is below it along, or puts it elsewhere, and its people, too: each of
    these rows changes itself.
    """
    if after is None:
        return AccessChange(topics=(f"department:{before.pk}",))
    return AccessChange(everyone=True)


def _the_employee(before: Employee, after: Employee | None) -> AccessChange:
    return AccessChange(users=() if before.user_id is None else (str(before.user_id),))


def _the_user(before: User, after: User | None) -> AccessChange:
    return AccessChange(users=(str(before.pk),))


READ_OF_DEPARTMENTS = (
    Reads(Department, frozenset({"organization_id", "parent_id"}), _near_department),
    Reads(Employee, frozenset({"organization_id", "department_id", "user_id"}), _the_employee),
)
"""Read by `departments_of`, beside the role that the principal has."""

READ_OF_USERS = Reads(
    User, frozenset({"organization_id", "is_active", "role", "token_version"}), _the_user
)
"""Read to make a principal (`bos.auth.tokens`)."""


def may_follow_departments(principal: Principal, ids: Collection[str]) -> set[str]:
    return departments_of(principal) & set(ids)
