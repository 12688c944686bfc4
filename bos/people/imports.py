"""Import of users, with roles and departments: 500 people come in without being typed (D6)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID, uuid4

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils import timezone

from bos.imports.cells import Cell
from bos.imports.files import Row, Table
from bos.imports.kinds import Plan, Progress, Step
from bos.imports.outcome import Outcome
from bos.imports.resources import GONE, TWIN, UNKNOWN, Choice, DepartmentReference, Text
from bos.leaving.rules import admins_of
from bos.models import AccountLink, Department, Employee, LinkKind, Organization, Role, User
from bos.people.invitations import unlinked_employees
from bos.people.sending import enqueue_waiting
from bos.texts import text_key
from sync.protocol.identity import current_actor

NO_ADMIN_LEFT = "The organization would have no admin left"
SUPERUSER = "This is a superuser, whom a superuser changes on the page of the user"
ERASED = "This address can be used by nobody"
MOST_EMAIL = User._meta.get_field("email").max_length or 0
MOST_NAME = User._meta.get_field("name").max_length or 0
MOST_TITLE = Employee._meta.get_field("title").max_length or 0


class UserStep(Step, frozen=True):
    """A user to add and invite, or to change.

    user: by attname, of the user to add all, of one to change what changes. employee: likewise of
    the employee that they are; empty where nothing of it changes.
    """

    id: UUID
    is_new: bool
    email: str
    name: str
    user: dict[str, str]
    employee: dict[str, Any]
    changes: list[tuple[str, str, str]]
    """[(column, before, after), ...] as the file would say it."""


class UserImport:
    """Imports users by their email: new ones are invited, the others changed as the file says.

    What is not in the file stays as it is: nobody is deactivated by being left out.
    """

    name = "users"
    title = "Users"
    max_rows = 2_000
    step: type[Step] = UserStep
    columns: tuple[tuple[str, str], ...] = (
        ("email", "of the user to change; one that nobody has here is added and invited"),
        ("name", "up to 200 characters; empty: as it is"),
        ("role", "viewer, member, manager or admin; empty: as it is, a new user's is viewer"),
        ("department", "its name, or the path: Sales / Support; empty: none"),
        ("title", "up to 200 characters"),
    )

    def plan(self, table: Table, organization: Organization, progress: Progress) -> Plan:
        table.require("email")
        reader = _Reader(table, organization)
        outcome = Outcome()
        steps: list[UserStep] = []
        rows: dict[UUID, Row] = {}
        for done, row in enumerate(table.rows, 1):
            progress(done)
            step = reader.read(row, outcome)
            if step is None:
                continue
            if not step.is_new and not step.changes:
                outcome.unchanged += 1
                continue
            steps.append(step)
            rows[step.id] = row
        for step in _demoting_the_last(steps, organization):
            outcome.refuse(rows[step.id], "role", NO_ADMIN_LEFT)
        # First those who become admins, last those who are it no more: so there is always one.
        return Plan(outcome, sorted(steps, key=_turn))

    def compare(
        self, steps: Sequence[UserStep], organization: Organization, outcome: Outcome
    ) -> None:
        for step in steps:
            outcome.show(step.row, step.name, step.changes, new=step.is_new)

    def write(
        self, steps: Sequence[UserStep], organization: Organization, outcome: Outcome
    ) -> None:
        writing = _Writing(organization, steps)
        for step in steps:
            problem = writing.take(step)
            if problem:
                outcome.lose(step.row, problem)
            else:
                outcome.show(step.row, step.name, step.changes, new=step.is_new)
        writing.write()


def _turn(step: UserStep) -> int:
    if "role" not in step.user:
        return 1
    return 0 if step.user["role"] == Role.ADMIN else 2


def _demoting_the_last(steps: Sequence[UserStep], organization: Organization) -> list[UserStep]:
    """Return the steps by which the organization would lose its last admins."""
    admins = set(admins_of(organization.pk).values_list("pk", flat=True))
    made = {step.id for step in steps if step.user.get("role") == Role.ADMIN}
    demoting = [step for step in steps if step.id in admins and _turn(step) == 2]
    left = (admins | made) - {step.id for step in demoting}
    return [] if left else demoting


# ------------------------------------------------------------------ reading


class _Reader:
    """Reads rows against what is stored, which is read once, however many rows there are."""

    def __init__(self, table: Table, organization: Organization) -> None:
        self._has = {column for column, _ in UserImport.columns} & set(table.columns)
        self._departments = DepartmentReference()
        self._departments.bind(organization)
        self._role = Choice(Role)
        users = User.objects.of(organization.pk).people().select_related("employee")
        self._users: dict[str, User] = {user.email: user for user in users}
        emails = [Text().clean(row.cells.get("email")) for row in table.rows]
        self._unlinked = unlinked_employees(organization, emails)
        self._seen: dict[str, int] = {}

    def read(self, row: Row, outcome: Outcome) -> UserStep | None:
        """Return what a row would change; None where something of it is wrong, which is named."""
        cells = _Cells(row, outcome)
        email = cells.read("email", _email)
        if email is None:
            return None
        first = self._seen.setdefault(email, row.number)
        if first != row.number:
            outcome.refuse(row, "", f"Row {first} is about the same.")
            return None
        user = self._users.get(email)
        if user is not None and user.erased_at is not None:
            cells.refuse("email", ERASED)
        values = self._values(cells, is_new=user is None)
        if cells.is_wrong:
            return None
        step = self._step(row, email, user, values)
        if user is not None and user.is_superuser and step.changes:
            cells.refuse("email", SUPERUSER)
            return None
        return step

    def _values(self, cells: _Cells, *, is_new: bool) -> dict[str, Any]:
        """Return what the row says, by column: only of columns that it has, and that say something.

        An empty department or title says that there is none.
        """
        values: dict[str, Any] = {}
        name = cells.read("name", _text_of(MOST_NAME))
        if name:
            values["name"] = name
        elif is_new and not cells.is_wrong:
            cells.refuse("name", "A new user needs a name")
        if role := cells.read("role", self._role.clean):
            values["role"] = role
        elif is_new:
            values["role"] = Role.VIEWER.value
        if "department" in self._has:
            values["department"] = cells.read("department", self._departments.clean)
        if "title" in self._has:
            values["title"] = cells.read("title", _text_of(MOST_TITLE)) or ""
        return values

    def _step(self, row: Row, email: str, user: User | None, values: dict[str, Any]) -> UserStep:
        employee = _employee_of(user) or self._unlinked.get(text_key(email))
        before = self._before(user, employee)
        changes = [
            (column, self._shown(column, before.get(column)), self._shown(column, after))
            for column, after in values.items()
            if after != before.get(column)
        ]
        changed = {column for column, _, _ in changes}
        of_user: dict[str, str] = {c: str(values[c]) for c in ("name", "role") if c in changed}
        of_employee = {
            attname: values[column]
            for column, attname in (("department", "department_id"), ("title", "title"))
            if column in changed and (employee is not None or values[column])
        }
        if user is None:
            changes.insert(0, ("email", "", email))
        elif "name" in changed and _employee_of(user) is not None:
            of_employee["name"] = values["name"]
        shown = str(values.get("name") or (user.name if user else email))
        if user is not None and not of_user and not of_employee:
            changes = []  # an employee without a department and title is none to be added
        id_ = uuid4() if user is None else user.pk
        return UserStep(row.number, id_, user is None, email, shown, of_user, of_employee, changes)

    def _before(self, user: User | None, employee: Employee | None) -> dict[str, Any]:
        before: dict[str, Any] = {}
        if user is not None:
            before |= {"name": user.name, "role": user.role}
        before["department"] = None if employee is None else employee.department_id
        before["title"] = "" if employee is None else employee.title
        return before

    def _shown(self, column: str, value: Any) -> str:
        if column == "department":
            return self._departments.render(value)
        return "" if value is None else str(value)


class _Cells:
    """The cells of a row, each read by its own rule; what is wrong is named once a cell."""

    def __init__(self, row: Row, outcome: Outcome) -> None:
        self._row, self._outcome = row, outcome
        self.is_wrong = False

    def read(self, column: str, clean: Callable[[Cell], Any]) -> Any:
        """None where the cell is wrong."""
        try:
            return clean(self._row.cells.get(column))
        except ValueError as error:
            self.refuse(column, str(error))
        except ValidationError as error:
            self.refuse(column, " ".join(error.messages))
        return None

    def refuse(self, column: str, why: str) -> None:
        self.is_wrong = True
        self._outcome.refuse(self._row, column, why)


def _email(cell: Cell) -> str:
    """Raises ValueError, ValidationError."""
    text: str = Text().clean(cell).lower()
    if not text:
        raise ValueError("There must be one: users are known by it")
    if len(text) > MOST_EMAIL:
        raise ValueError(f"More than {MOST_EMAIL} characters")
    validate_email(text)
    return text


def _text_of(most: int) -> Callable[[Cell], str]:
    def clean(cell: Cell) -> str:
        text: str = Text().clean(cell)
        if len(text) > most:
            raise ValueError(f"More than {most} characters")
        return text

    return clean


def _employee_of(user: User | None) -> Employee | None:
    found: Employee | None = getattr(user, "employee", None)
    return found


# ------------------------------------------------------------------ writing


class _Writing:
    """Writes some steps in a number of statements that does not depend on how many they are."""

    def __init__(self, organization: Organization, steps: Sequence[UserStep]) -> None:
        self._organization = organization
        ids = [step.id for step in steps if not step.is_new]
        people = User.objects.of(organization.pk).people()
        # In the one order in which everybody locks several.
        stored = people.filter(pk__in=ids).order_by("pk").select_for_update()
        self._users: dict[UUID, User] = {user.pk: user for user in stored}
        of_users = Employee.objects.of(organization.pk).filter(user_id__in=ids)
        self._employees: dict[UUID, Employee] = {
            employee.user_id: employee
            for employee in of_users.order_by("pk").select_for_update()
            if employee.user_id is not None
        }
        emails = [step.email for step in steps]
        self._taken = set(people.filter(email__in=emails).values_list("email", flat=True))
        self._unlinked = unlinked_employees(organization, emails)
        departments = {step.employee.get("department_id") for step in steps} - {None}
        known = Department.objects.of(organization.pk).filter(pk__in=departments)
        self._departments = {None, *map(str, known.values_list("pk", flat=True))}
        self._new_users: list[User] = []
        self._new_employees: list[Employee] = []
        self._changed_users: dict[tuple[str, ...], list[User]] = defaultdict(list)
        self._changed_employees: dict[tuple[str, ...], list[Employee]] = defaultdict(list)

    def take(self, step: UserStep) -> str:
        """Have a step written; else the reason why it cannot be any more."""
        department = step.employee.get("department_id")
        if department is not None and str(department) not in self._departments:
            return UNKNOWN.format("department")
        if step.is_new:
            if step.email in self._taken:
                return TWIN
            self._add(step)
            return ""
        user = self._users.get(step.id)
        if user is None or user.erased_at is not None or user.is_superuser:
            return GONE
        self._change(step, user)
        return ""

    def _add(self, step: UserStep) -> None:
        whose = {"id": step.id, "organization": self._organization, "email": step.email}
        user = User(**whose, **step.user)
        user.set_unusable_password()
        self._new_users.append(user)
        self._put_into_house(step, user)

    def _change(self, step: UserStep, user: User) -> None:
        if step.user:
            _assign(user, step.user)
            self._changed_users[tuple(sorted(step.user))].append(user)
        if step.employee:
            self._put_into_house(step, user)

    def _put_into_house(self, step: UserStep, user: User) -> None:
        """Change the user's employee; where they have none, take the one with their address, or
        add one."""
        employee = self._employees.get(user.pk)
        if employee is not None:
            _assign(employee, step.employee)
            self._changed_employees[tuple(sorted(step.employee))].append(employee)
            return
        employee = self._unlinked.pop(text_key(user.email), None)
        if employee is not None:
            _assign(employee, step.employee | {"user_id": user.pk})
            self._changed_employees[tuple(sorted({*step.employee, "user_id"}))].append(employee)
            return
        employee = Employee(
            organization=self._organization, user=user, name=user.name, email=user.email
        )
        _assign(employee, step.employee)
        self._new_employees.append(employee)

    def write(self) -> None:
        User.objects.bulk_create(self._new_users)
        for names, users in self._changed_users.items():
            User.objects.bulk_update(users, names)
        Employee.objects.bulk_create(self._new_employees)
        now = timezone.now()
        for names, employees in self._changed_employees.items():
            for employee in employees:
                employee.updated_at = now
            # Only what the file changes: the rest may have been changed by others meanwhile.
            Employee.objects.bulk_update(employees, [*names, "updated_at"])
        self._invite(self._new_users)

    def _invite(self, users: Sequence[User]) -> None:
        """Have an invitation sent to each, some a minute."""
        if not users:
            return
        now = timezone.now()
        author = User.objects.of(self._organization.pk).filter(pk__in=_author()).first()
        AccountLink.objects.bulk_create(
            AccountLink(
                user=user,
                organization=self._organization,
                kind=LinkKind.INVITATION,
                number=1,
                asked_by=author,
                asked_at=now,
                next_try_at=now,
            )
            for user in users
        )
        enqueue_waiting(self._organization.pk)


def _author() -> list[UUID]:
    """The id of the user who imports; nobody's where the system does."""
    try:
        return [UUID(current_actor().user_id)]
    except ValueError:
        return []


def _assign(row: Any, values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        setattr(row, name, row._meta.get_field(name).to_python(value))


def column_values(users: Iterable[User]) -> Iterable[tuple[str, str, str, Any, str]]:
    """Yield (email, name, role, id of the department, title) of users, as a file has them."""
    for user in users:
        employee = _employee_of(user)
        department = None if employee is None else employee.department_id
        title = "" if employee is None else employee.title
        yield user.email, user.name, user.role, department, title
