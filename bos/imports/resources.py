"""The form of rows in a file: import-export's resources, within one organization.

A resource says which columns there are and what a cell means. A name in a cell is looked up among
the organization's own rows, so what is another's is as unknown as what does not exist.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from functools import partial
from typing import Any, ClassVar
from uuid import UUID

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import models
from django.utils import timezone
from import_export import fields, resources, widgets
from import_export.results import RowResult

from bos.adminsite.numbers import plain_number
from bos.imports.cells import Cell, is_blank, number_of, text_of
from bos.imports.files import Row, Table
from bos.imports.kinds import Plan, Progress, Step
from bos.imports.outcome import Outcome
from bos.models import Department, Employee, Organization, User
from bos.texts import one_form, text_key

PATH = " / "

# ------------------------------------------------------------------ cells


class Text(widgets.Widget):
    """In the form in which names are stored: see `bos.texts`."""

    def clean(self, value: Cell, row: Any = None, **kwargs: Any) -> str:
        return one_form(text_of(value))

    def render(self, value: Any, obj: Any = None, **kwargs: Any) -> str:
        return "" if value is None else str(value)


class Exact(widgets.Widget):
    """A number by the rule of the wire, in the unit of what the row is about."""

    def clean(self, value: Cell, row: Any = None, *, unit: str = "", **kwargs: Any) -> Any:
        return None if is_blank(value) else number_of(value, unit=unit)

    def render(self, value: Any, obj: Any = None, **kwargs: Any) -> Any:
        return value


class Choice(widgets.Widget):
    """One of a few values, or what it is called; empty leaves it as it is."""

    def __init__(self, choices: type[models.TextChoices]) -> None:
        super().__init__()
        self._values = {str(label).lower(): value for value, label in choices.choices}
        self._values |= {str(value): value for value in choices.values}

    def clean(self, value: Cell, row: Any = None, **kwargs: Any) -> str | None:
        text = Text().clean(value).lower()
        if text and text not in self._values:
            raise ValueError(
                f"“{text[:40]}” is none of: {', '.join(dict.fromkeys(self._values.values()))}"
            )
        return self._values.get(text)


class Reference(widgets.Widget):
    """The id of one of the organization's own rows, by what people call it."""

    model: type[models.Model]

    def bind(self, organization: Organization | None) -> None:
        """Look rows up in this organization; None: in all of them."""
        self.rows: dict[Any, Any] = {}
        self._named: dict[str, list[Any]] = defaultdict(list)
        for row in self.of(organization):
            self.rows[row.pk] = row
        for row in self.rows.values():
            for name in {text_key(name) for name in self.names(row)}:
                self._named[name].append(row)

    def of(self, organization: Organization | None) -> Iterable[Any]:
        rows = self.model._default_manager.all()
        return rows if organization is None else rows.filter(organization=organization)

    def names(self, row: Any) -> Iterable[str]:
        """The first one that no other row has is what is written into a file."""
        raise NotImplementedError

    def clean(self, value: Cell, row: Any = None, **kwargs: Any) -> Any:
        text = Text().clean(value)
        if not text:
            return None
        found = self._named.get(text_key(text), [])
        if not found:
            raise ValueError(f"“{text[:80]}” is unknown")
        if len(found) > 1:
            raise ValueError(f"There are {len(found)} called “{text[:80]}”: {self.be_exact}")
        return found[0].pk

    be_exact = "write its id"

    def render(self, value: Any, obj: Any = None, **kwargs: Any) -> str:
        row = self.rows.get(value)
        if row is None:
            return ""
        return next(filter(partial(self._is_exact, row), self.names(row)), str(row.pk))

    def _is_exact(self, row: Any, name: str) -> bool:
        """Whether in the row's organization nothing else is meant by the name."""
        meant = self._named[text_key(name)]
        return [one.pk for one in meant if one.organization_id == row.organization_id] == [row.pk]


class DepartmentReference(Reference):
    """By name, or by the path from the top: Sales / Support."""

    model = Department
    be_exact = "write the path, Sales / Support, or the id"

    def names(self, row: Department) -> Iterable[str]:
        path, above = [row.name], row.parent_id
        seen: set[Any] = {row.pk}
        while above in self.rows and above not in seen:
            seen.add(above)
            path.insert(0, self.rows[above].name)
            above = self.rows[above].parent_id
        return (PATH.join(path), row.name, str(row.pk))


class UserReference(Reference):
    """By email. A machine has none, and owns nothing."""

    model = User

    def names(self, row: User) -> Iterable[str]:
        return (row.email, str(row.pk))


# ------------------------------------------------------------------ rows


class TenantResource(resources.ModelResource):
    """Rows of one organization."""

    references: ClassVar[Mapping[str, str]] = {}
    """Names of fields whose widgets are references: {"department": "department_id"}."""

    def __init__(self, organization: Organization | None) -> None:
        """None: of every organization; to export only."""
        super().__init__()
        self.organization = organization
        for name in self.references:
            self.fields[name].widget.bind(organization)

    def load(self) -> None:
        """Read what `identify` will need, before the first row is imported."""

    def identify(self, row: Mapping[str, Cell]) -> Any:
        """The stored row that this one is about, None where it is new. Raises ValidationError."""
        raise NotImplementedError

    @staticmethod
    def key(instance: Any) -> object:
        """Return the part of a row to add that may be in a file once only."""
        raise NotImplementedError

    @classmethod
    def twins(cls, organization: Organization, instances: Sequence[Any]) -> set[object]:
        """Return the keys of rows to add that have been added meanwhile."""
        raise NotImplementedError

    def get_instance(self, instance_loader: Any, row: Mapping[str, Cell]) -> Any:
        return self.identify(row)

    def init_instance(self, row: Any = None) -> Any:
        return self._meta.model(organization=self.organization)

    def after_init_instance(self, instance: Any, new: bool, row: Any, **kwargs: Any) -> None:
        instance.before = self._values(instance)

    def validate_instance(
        self, instance: Any, import_validation_errors: Any = None, validate_unique: bool = True
    ) -> None:
        """Without a query a row: that references are of the organization is known already."""
        names = {attname: name for name, attname in self.references.items()}
        found = import_validation_errors or {}
        errors = {names.get(attname, attname): error for attname, error in found.items()}
        for name, attname in self.references.items():
            setattr(instance, name, self.fields[name].widget.rows.get(getattr(instance, attname)))
        try:
            instance.clean_fields(exclude={*errors, *self.references, "organization"})
        except ValidationError as error:
            errors = error.update_error_dict(errors)
        if not errors:
            instance.clean()
        if errors:
            raise ValidationError(errors)

    def _values(self, instance: Any) -> dict[str, Any]:
        return {name: self.fields[name].get_value(instance) for name in self._meta.import_order}

    def changes(self, instance: Any) -> dict[str, tuple[str, str]]:
        """{field: (before, after)} as the file would say it."""
        shown = {}
        for name, value in self._values(instance).items():
            if value != instance.before[name]:
                widget = self.fields[name].widget
                before = widget.render(instance.before[name])
                shown[name] = (_shown(before), _shown(widget.render(value)))
        return shown


def _shown(value: Any) -> str:
    if isinstance(value, Decimal):
        return plain_number(value)
    return "" if value is None else str(value)


class RowStep(Step, frozen=True):
    """A row to add or to change. values: by attname, of all fields or of those that change."""

    name: str
    id: UUID
    is_new: bool
    values: dict[str, Any]
    changes: list[tuple[str, str, str]]
    """[(column, before, after), ...] as the file would say it."""


GONE = "It was deleted or archived after the file was checked."
UNKNOWN = "A {} that it names was deleted after the file was checked."
TWIN = "Somebody has added it after the file was checked."


class ResourceKind:
    """An import whose rows are those of a resource."""

    name: str
    title: str
    columns: tuple[tuple[str, str], ...]
    max_rows = 2_000
    resource: type[TenantResource]
    step: type[Step] = RowStep

    def plan(self, table: Table, organization: Organization, progress: Progress) -> Plan:
        if "id" not in table.columns:
            table.require("name")
        resource = self.resource(organization)
        resource.load()
        outcome = Outcome()
        steps: list[RowStep] = []
        seen: dict[object, int] = {}
        for done, row in enumerate(table.rows, 1):
            result = resource.import_row(
                row.cells, None, dry_run=True, using_transactions=False, row_number=row.number
            )
            progress(done)
            if _refused(outcome, row, result):
                continue
            instance = result.instance
            key = resource.key(instance) if instance._state.adding else instance.pk
            first = seen.setdefault(key, row.number)
            if first != row.number:
                outcome.refuse(row, "", f"Row {first} is about the same.")
                continue
            changes = resource.changes(instance)
            if not changes and not instance._state.adding:
                outcome.unchanged += 1
                continue
            steps.append(_step_of(row, instance, changes))
        return Plan(outcome, steps)

    def compare(
        self, steps: Sequence[RowStep], organization: Organization, outcome: Outcome
    ) -> None:
        for step in steps:
            outcome.show(step.row, step.name, step.changes, new=step.is_new)

    def write(self, steps: Sequence[RowStep], organization: Organization, outcome: Outcome) -> None:
        model: Any = self.resource._meta.model
        ids = [step.id for step in steps if not step.is_new]
        own = model.objects.filter(organization=organization)
        # In the one order in which everybody locks several.
        stored = own.filter(pk__in=ids).order_by("pk").select_for_update(of=("self",))
        rows = {row.pk: row for row in stored}
        new: list[Any] = []
        changed: dict[tuple[str, ...], list[Any]] = defaultdict(list)
        for step in steps:
            row = model(organization=organization) if step.is_new else rows.get(step.id)
            if row is not None:
                for name, value in step.values.items():
                    setattr(row, name, model._meta.get_field(name).to_python(value))
                rows[step.id] = row
        known = _known_references(self.resource, organization, list(rows.values()))
        twins = self.resource.twins(organization, [rows[s.id] for s in steps if s.is_new])
        for step in steps:
            row = rows.get(step.id)
            problem = GONE if row is None else _unknown_of(self.resource, row, known, step)
            if step.is_new and self.resource.key(row) in twins:
                problem = TWIN
            if problem:
                outcome.lose(step.row, problem)
                continue
            outcome.show(step.row, step.name, step.changes, new=step.is_new)
            if step.is_new:
                new.append(row)
            else:
                changed[tuple(step.values)].append(row)
        _write(model.objects, new, changed)


def _step_of(row: Row, instance: Any, changes: Mapping[str, tuple[str, str]]) -> RowStep:
    fields = instance._meta.concrete_fields
    is_new = instance._state.adding
    if not is_new:
        fields = [instance._meta.get_field(name) for name in changes]
    values = {
        field.attname: getattr(instance, field.attname)
        for field in fields
        if not getattr(field, "auto_now", False)
    }
    shown = [(name, before, after) for name, (before, after) in changes.items()]
    return RowStep(row.number, str(instance), instance.pk, is_new, values, shown)


def _known_references(
    resource: type[TenantResource], organization: Organization, rows: Sequence[Any]
) -> dict[str, set[Any]]:
    """By attname: which of the rows that these refer to are there, in this organization."""
    known = {}
    for name, attname in resource.references.items():
        model = resource.fields[name].widget.model
        ids = {getattr(row, attname) for row in rows}
        found = model._default_manager.filter(organization=organization, pk__in=ids - {None})
        known[attname] = {None, *found.values_list("pk", flat=True)}
    return known


def _unknown_of(
    resource: type[TenantResource], row: Any, known: Mapping[str, set[Any]], step: RowStep
) -> str:
    """Return what is said of a row that refers to something that is gone; '' where it does not."""
    for name, attname in resource.references.items():
        if attname in step.values and getattr(row, attname) not in known[attname]:
            return UNKNOWN.format(name)
    return ""


def _write(rows: Any, new: list[Any], changed: Mapping[tuple[str, ...], list[Any]]) -> None:
    """In few statements."""
    rows.bulk_create(new)
    now = timezone.now()
    for names, instances in changed.items():
        for instance in instances:
            instance.updated_at = now
        # Only what the file changes: the rest may have been changed by others meanwhile.
        rows.bulk_update(instances, [*names, "updated_at"])


def _refused(outcome: Outcome, row: Row, result: RowResult) -> bool:
    if result.validation_error is not None:
        error = result.validation_error
        messages = error.message_dict if hasattr(error, "error_dict") else {"": error.messages}
        for column, texts in messages.items():
            for text in texts:
                outcome.refuse(row, "" if column == NON_FIELD_ERRORS else column, text)
    for failure in result.errors:
        raise failure.error
    return result.validation_error is not None


def uuid_of(row: Mapping[str, Cell]) -> UUID | None:
    """Return the UUID in the column `id`. Raises ValidationError."""
    text = Text().clean(row.get("id"))
    try:
        return UUID(text) if text else None
    except ValueError:
        raise ValidationError({"id": f"“{text[:40]}” is unknown"}) from None


# ------------------------------------------------------------------ employees


class EmployeeResource(TenantResource):
    id = fields.Field("id", "id", widget=Text(), readonly=True)
    name = fields.Field("name", "name", widget=Text())
    title = fields.Field("title", "title", widget=Text())
    email = fields.Field("email", "email", widget=Text())
    department = fields.Field("department_id", "department", widget=DepartmentReference())
    user = fields.Field("user_id", "user", widget=UserReference())
    references: ClassVar[Mapping[str, str]] = {"department": "department_id", "user": "user_id"}

    class Meta:
        model = Employee
        fields = ("id", "name", "title", "email", "department", "user")
        import_order = ("name", "title", "email", "department", "user")
        store_instance = skip_diff = True

    def load(self) -> None:
        employees: list[Employee] = list(Employee.objects.filter(organization=self.organization))
        self._by_id: dict[UUID, Employee] = {employee.pk: employee for employee in employees}
        self._by_email: dict[str, list[Employee]] = defaultdict(list)
        for employee in employees:
            self._by_email[text_key(employee.email)].append(employee)
        self._of_user = {e.user_id: e.pk for e in employees if e.user_id is not None}

    def identify(self, row: Mapping[str, Cell]) -> Employee | None:
        if (id_ := uuid_of(row)) is not None:
            if id_ not in self._by_id:
                raise ValidationError({"id": f"“{id_}” is unknown"})
            return self._by_id[id_]
        email = text_key(Text().clean(row.get("email")))
        found = self._by_email.get(email, []) if email else []
        if len(found) > 1:
            raise ValidationError({"email": f"There are {len(found)} with this email: give the id"})
        return found[0] if found else None

    @staticmethod
    def key(instance: Employee) -> object:
        return text_key(instance.email) or instance.pk

    @classmethod
    def twins(cls, organization: Organization, instances: Sequence[Employee]) -> set[object]:
        if not any(instance.email for instance in instances):
            return set()
        # No database compares as `text_key` does.
        emails = organization.employees.exclude(email="").values_list("email", flat=True)
        return {text_key(email) for email in emails.iterator()}

    def validate_instance(self, instance: Employee, *args: Any, **kwargs: Any) -> None:
        super().validate_instance(instance, *args, **kwargs)
        if instance.user_id is not None:
            holder = self._of_user.setdefault(instance.user_id, instance.pk)
            if holder != instance.pk:
                raise ValidationError({"user": "This user is another employee"})


class EmployeeImport(ResourceKind):
    name = "employees"
    title = "Employees"
    resource = EmployeeResource
    columns: tuple[tuple[str, str], ...] = (
        ("id", "of an employee to change; empty: found by the email, else added"),
        ("name", "up to 200 characters"),
        ("title", "up to 200 characters"),
        ("email", ""),
        ("department", "its name, or the path: Sales / Support; empty: none"),
        ("user", "email of the user who this is; empty: none"),
    )
