"""Every door by which a row can change (decision V1), to be tried at random."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, TypeVar

from django.db import transaction
from django.db.models import F, Model, QuerySet
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from bos.imports.files import csv_bytes, read_table
from bos.imports.kinds import kinds
from bos.leaving.departments import below, departments_delete
from bos.models import Department, Employee, Organization
from bos.permissions import principal_of
from collaboration.models import Annotation
from collaboration.services.notes import annotation_create, resolve
from kpis.alerts.handling import acknowledge, snooze
from kpis.archive.services import archived, kpi_erase, kpi_restore, kpis_archive
from kpis.models import (
    UNRESOLVED,
    Alert,
    Insight,
    InsightKind,
    Kpi,
    Report,
    ReportState,
    Visibility,
)
from tests.support.cast import Cast, Person
from tests.support.figures import figures_of


class RolledBack(Exception):
    """Raised on purpose, so that nothing was changed."""


def browser(person: Person) -> Browser:
    client = Browser()
    client.force_login(person.user, backend="bos.auth.throttle.ThrottledBackend")
    return client


def form(page: Any, **changes: Any) -> dict[str, Any]:
    """Return what a browser would post of an admin page's form, with these fields changed."""
    adminform = page.context["adminform"].form
    fields = {name: adminform[name].value() for name in adminform.fields}
    for inline in page.context["inline_admin_formsets"]:
        management = inline.formset.management_form
        fields |= {management.add_prefix(n): management[n].value() for n in management.fields}
    posted = {name: "" if value is None else value for name, value in (fields | changes).items()}
    return {name: value for name, value in posted.items() if value is not False}


def admin_change(client: Browser, row: Any, **changes: Any) -> None:
    meta = row._meta
    address = reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[row.pk])
    page = client.get(address)
    assert page.status_code == 200, (address, page.status_code)
    answer = client.post(address, form(page, **changes))
    assert answer.status_code == 302, answer.context["adminform"].form.errors


def admin_action(client: Browser, action: str, rows: Sequence[Any], **more: Any) -> None:
    meta = rows[0]._meta
    address = reverse(f"admin:{meta.app_label}_{meta.model_name}_changelist")
    answer = client.post(
        address, {"action": action, "_selected_action": [row.pk for row in rows], **more}
    )
    assert answer.status_code == 302, answer.content[:2000]


def admin_edit_list(client: Browser, kpis: Sequence[Kpi], value: Decimal) -> None:
    """Set values in the list itself (`list_editable`)."""
    address = reverse("admin:kpis_kpi_changelist")
    page = client.get(address)
    formset = page.context["cl"].formset
    posted = {
        "form-TOTAL_FORMS": len(formset.forms),
        "form-INITIAL_FORMS": len(formset.forms),
        "_save": "Save",
    }
    chosen = {kpi.pk for kpi in kpis}
    for one in formset.forms:
        row = one.instance
        shown = value if row.pk in chosen else row.value
        posted[one.add_prefix("id")] = row.pk
        posted[one.add_prefix("value")] = "" if shown is None else shown
        posted[one.add_prefix("target")] = "" if row.target is None else row.target
    answer = client.post(address, posted)
    assert answer.status_code == 302, answer.content[:2000]


def erase(kpi: Kpi) -> None:
    """Delete a KPI that is in use, as it is done: archived first."""
    kpis_archive([kpi])
    assert kpi_erase(kpi)


def dissolve(department: Department, to: Department | None = None) -> None:
    """Delete a department; what is in it goes there."""
    departments_delete([department], dict.fromkeys(("kpis", "employees", "departments"), to))


class House:
    """One organization that is changed by every door; what is picked depends on numbers alone."""

    def __init__(self, cast: Cast) -> None:
        self.cast = cast
        self.id = cast.home.organization.pk
        self._made = 0
        self.browser = browser(cast.alice)

    def name(self) -> str:
        self._made += 1
        return f"made {self._made}"

    def kpi(self, n: int) -> Kpi | None:
        return _pick(Kpi.objects.of(self.id).exclude(name="Pulse"), n)

    def department(self, n: int) -> Department | None:
        """Now and then none."""
        return None if n % 5 == 4 else _pick(Department.objects.of(self.id), n)

    def employee(self, n: int) -> Employee | None:
        return _pick(Employee.objects.of(self.id), n)


Door = Callable[[House, int, int], None]


Row = TypeVar("Row", bound=Model)


def _pick(rows: QuerySet[Row], n: int) -> Row | None:
    found = list(rows.order_by("name", "pk"))
    return found[n % len(found)] if found else None


def _number(n: int) -> Decimal:
    return Decimal(n * 7919 % 100_003) / 10_000


# ------------------------------------------------------------------ KPIs


def kpi_saved(house: House, a: int, b: int) -> None:
    if kpi := house.kpi(a):
        kpi.value = _number(b)
        kpi.save()


def kpi_saved_from_a_stale_copy(house: House, a: int, b: int) -> None:
    if kpi := house.kpi(a):
        stale = Kpi.objects.get(pk=kpi.pk)
        kpi.name = house.name()
        if kpi.department_id and b % 2:
            kpi.visibility = Visibility.DEPARTMENT
        kpi.save()
        stale.value = _number(b)
        stale.save(update_fields=["value", "updated_at"])


def kpi_saved_with_too_many_decimals(house: House, a: int, b: int) -> None:
    if kpi := house.kpi(a):
        kpi.value = Decimal(b) + Decimal("0.00005")
        kpi.save()


def kpi_saved_by_hand_made_row(house: House, a: int, b: int) -> None:
    if kpi := house.kpi(a):
        Kpi(pk=kpi.pk, value=_number(b)).save(update_fields=["value"])


def kpi_saved_unchanged(house: House, a: int, b: int) -> None:
    if kpi := house.kpi(a):
        kpi.save()


def kpi_increased_by_an_expression(house: House, a: int, b: int) -> None:
    if (kpi := house.kpi(a)) and kpi.value is not None and abs(kpi.value) < 10**9:
        kpi.value = F("value") + 1
        kpi.save()


def kpis_updated_as_a_queryset(house: House, a: int, b: int) -> None:
    Kpi.objects.of(house.id).exclude(name="Pulse").filter(value__lt=5).update(
        value=F("value") + 1, target=_number(b)
    )


def kpis_bulk_updated(house: House, a: int, b: int) -> None:
    kpis = [kpi for kpi in (house.kpi(a), house.kpi(b)) if kpi]
    if len({kpi.pk for kpi in kpis}) == len(kpis) and kpis:
        for kpi in kpis:
            kpi.value, kpi.name = _number(a + b), house.name()
        Kpi.objects.bulk_update(kpis, ["value", "name"])


def kpis_bulk_created(house: House, a: int, b: int) -> None:
    department = house.department(a)
    hidden = department is not None and b % 2
    Kpi.objects.bulk_create(
        Kpi(
            organization_id=house.id,
            department=department,
            name=house.name(),
            value=value,
            visibility=Visibility.DEPARTMENT if hidden else Visibility.ORGANIZATION,
        )
        for value in (_number(b), "2.5", 0.1, None)
    )


def kpi_moved(house: House, a: int, b: int) -> None:
    if kpi := house.kpi(a):
        kpi.department = house.department(b)
        if kpi.department is None:
            kpi.visibility = Visibility.ORGANIZATION
        kpi.save()


def kpis_moved_as_a_queryset(house: House, a: int, b: int) -> None:
    if (source := house.department(a)) and (target := house.department(b)):
        source.kpis.update(department=target)


def kpi_hidden_or_shown(house: House, a: int, b: int) -> None:
    kpi = house.kpi(a)
    if kpi and kpi.department_id:
        shown = kpi.visibility == Visibility.ORGANIZATION
        kpi.visibility = Visibility.DEPARTMENT if shown else Visibility.ORGANIZATION
        kpi.save(update_fields=["visibility", "updated_at"])


def kpi_deleted(house: House, a: int, b: int) -> None:
    if kpi := house.kpi(a):
        kpi.name = "edited, then deleted"
        erase(kpi)


def kpis_deleted_as_a_queryset(house: House, a: int, b: int) -> None:
    if kpi := house.kpi(a):
        rows = Kpi.everything.of(house.id).filter(name=kpi.name)
        rows.update(archived_at=timezone.now())
        rows.delete()


def kpi_archived(house: House, a: int, b: int) -> None:
    if kpi := house.kpi(a):
        kpi.archived_at, kpi.value = timezone.now(), _number(b)
        kpi.save()


def archived_kpi_edited(house: House, a: int, b: int) -> None:
    archived(house.id).update(target=_number(b), visibility=Visibility.ORGANIZATION)


def kpi_restored(house: House, a: int, b: int) -> None:
    if kpi := _pick(archived(house.id), a):
        kpi_restore(kpi)


def kpi_restored_in_the_admin(house: House, a: int, b: int) -> None:
    if kpi := _pick(archived(house.id), a):
        answer = house.browser.post(reverse("admin:kpis_kpi_restore", args=[kpi.pk]))
        assert answer.status_code == 302, answer.content[:2000]


def kpi_edited_in_the_admin(house: House, a: int, b: int) -> None:
    if kpi := house.kpi(a):
        admin_change(house.browser, kpi, name=house.name(), value=_number(b))


def kpis_edited_in_the_admins_list(house: House, a: int, b: int) -> None:
    if kpi := house.kpi(a):
        admin_edit_list(house.browser, [kpi], _number(b))


def kpis_hidden_by_an_admin_action(house: House, a: int, b: int) -> None:
    if kpi := house.kpi(a):
        action = "show_to_department_only" if b % 2 else "show_to_organization"
        admin_action(house.browser, action, [kpi])


def kpis_archived_by_an_admin_action(house: House, a: int, b: int) -> None:
    if kpi := house.kpi(a):
        admin_action(house.browser, "archive_kpis", [kpi])


def _imported(house: House, kind: str, columns: str, *rows: Sequence[Any]) -> None:
    """As a worker does it once a file is confirmed."""
    organization = Organization.objects.get(pk=house.id)
    table = read_table("file.csv", csv_bytes(columns.split(","), rows))
    [importer] = [found for found in kinds() if found.name == kind]
    plan = importer.plan(table, organization, lambda rows_done: None)
    if not plan.outcome.problem_count:
        with transaction.atomic():
            importer.write(plan.steps, organization, plan.outcome)


def kpis_imported(house: House, a: int, b: int) -> None:
    kpi, department = house.kpi(a), house.department(b)
    path = str(department.pk) if department else ""
    new = (None, house.name(), path, _number(a), "organization")
    old = (kpi.pk, kpi.name, path, _number(b), "organization") if kpi else None
    rows = [row for row in (new, old) if row]
    _imported(house, "kpis", "id,name,department,value,visibility", *rows)


def values_imported(house: House, a: int, b: int) -> None:
    if kpi := house.kpi(a):
        now = timezone.now()
        times = [now - timedelta(minutes=n) for n in range(b % 2, 4)]
        rows = [(kpi.pk, at, _number(b + n)) for n, at in enumerate(times)]
        _imported(house, "values", "kpi_id,time,value", *rows)


# ------------------------------------------------------------------ departments and employees


def department_made(house: House, a: int, b: int) -> None:
    Department.objects.create(
        organization_id=house.id, name=house.name(), parent=house.department(a)
    )


def department_renamed(house: House, a: int, b: int) -> None:
    if department := house.department(a):
        department.name = house.name()
        department.save(update_fields=["name"])


def department_put_elsewhere(house: House, a: int, b: int) -> None:
    department, parent = house.department(a), house.department(b)
    if department:
        above = parent
        while above is not None and above.pk != department.pk:
            above = above.parent
        if above is None:
            department.parent = parent
            department.save()


def department_deleted(house: House, a: int, b: int) -> None:
    if (department := house.department(a)) and b % 3 == 0:
        others = Department.objects.of(house.id)
        others = others.exclude(pk__in=below(house.id, [department.pk]))
        if target := _pick(others, b):
            dissolve(department, to=target)


def employee_made(house: House, a: int, b: int) -> None:
    employees = [
        Employee(organization_id=house.id, department=house.department(b), name=house.name())
        for _ in range(2)
    ]
    Employee.objects.bulk_create(employees)


def employee_moved(house: House, a: int, b: int) -> None:
    if employee := house.employee(a):
        employee.department = house.department(b)
        employee.save()


def employees_moved_by_their_department(house: House, a: int, b: int) -> None:
    if (department := house.department(a)) and (employee := house.employee(b)):
        department.employees.add(employee)


def employees_sent_away(house: House, a: int, b: int) -> None:
    if department := house.department(a):
        department.employees.clear()


def employee_deleted(house: House, a: int, b: int) -> None:
    if employee := house.employee(a):
        employee.delete()


def employee_edited_in_the_admin(house: House, a: int, b: int) -> None:
    if employee := house.employee(a):
        department = house.department(b)
        admin_change(house.browser, employee, department=department.pk if department else "")


# ------------------------------------------------------------------ alerts, insights, reports


def alert_raised(house: House, a: int, b: int) -> None:
    if kpi := house.kpi(a):
        Alert.objects.create(
            organization_id=house.id,
            kpi=kpi,
            severity="info",
            message=house.name(),
            value=_number(b),
            raised_at=timezone.now(),
        )


def alert_acknowledged(house: House, a: int, b: int) -> None:
    if alert := _unresolved(house, b):
        acknowledge([alert], house.cast.mia.user)


def alert_snoozed(house: House, a: int, b: int) -> None:
    if alert := _unresolved(house, b):
        snooze([alert], timezone.now() + timedelta(hours=1 + b % 9))


def alert_resolved(house: House, a: int, b: int) -> None:
    if alert := _unresolved(house, b):
        Alert.objects.filter(pk=alert.pk).update(resolved_at=timezone.now())


def _unresolved(house: House, n: int) -> Alert | None:
    alerts = Alert.objects.of(house.id).filter(UNRESOLVED).order_by("raised_at")
    found = list(alerts)
    return found[n % len(found)] if found else None


def insight_made(house: House, a: int, b: int) -> None:
    if kpi := house.kpi(a):
        old = Insight.objects.filter(kpi=kpi, kind=InsightKind.PREDICTION).first()
        insight = old or Insight(organization_id=house.id, kpi=kpi, kind=InsightKind.PREDICTION)
        insight.figures = figures_of(InsightKind.PREDICTION, horizon=b)
        insight.created_at = timezone.now()
        insight.save()


def insight_deleted(house: House, a: int, b: int) -> None:
    Insight.objects.of(house.id).filter(figures__horizon=b).delete()


def report_made(house: House, a: int, b: int) -> None:
    day = date(2026, 1, 1 + b % 30)
    report = Report.objects.create(
        organization_id=house.id, department=house.department(a), from_day=day, to_day=day
    )
    if b % 3:
        report.state, report.ready_at = ReportState.READY, timezone.now()
        report.expires_at = report.ready_at
        report.save()


def report_deleted(house: House, a: int, b: int) -> None:
    Report.objects.of(house.id).filter(from_day__day__lt=b).delete()


# ------------------------------------------------------------------ notes on things


def note_on(house: House, thing: Any, content: str, parent: Annotation | None = None) -> None:
    """Pin a note of mia's, who sees everything that is not archived."""
    annotation_create(
        principal_of(house.cast.mia.user),
        None,
        position=(0, 0, 0),
        content=content,
        content_type="text",
        entity=("kpi" if isinstance(thing, Kpi) else "department", str(thing.pk)),
        parent_id=None if parent is None else str(parent.pk),
        mentions=[house.cast.mia.id],  # one mention of oneself notifies nobody
    )


def note_pinned_to_a_kpi(house: House, a: int, b: int) -> None:
    if kpi := house.kpi(a):
        with transaction.atomic():
            note_on(house, kpi, house.name())


def note_pinned_to_a_department(house: House, a: int, b: int) -> None:
    if department := house.department(a):
        with transaction.atomic():
            note_on(house, department, house.name())


def note_resolved_or_reopened(house: House, a: int, b: int) -> None:
    if note := _note(house, a):
        with transaction.atomic():
            resolve(note, resolved=note.resolved_at is None, user_id=house.cast.mia.id)


def note_edited_as_a_queryset(house: House, a: int, b: int) -> None:
    Annotation.objects.of(house.id).filter(revision=1 + b % 3).update(content=house.name())


def note_deleted(house: House, a: int, b: int) -> None:
    if (note := _note(house, a)) and b % 3 == 0:
        note.delete()


def note_deleted_by_an_admin_action(house: House, a: int, b: int) -> None:
    if (note := _note(house, a)) and b % 3 == 0:
        admin_action(house.browser, "delete_selected", [note], post="yes")


def _note(house: House, n: int) -> Annotation | None:
    found = list(Annotation.objects.of(house.id).order_by("created_at", "pk"))
    return found[n % len(found)] if found else None


# ------------------------------------------------------------------ together


def organization_renamed(house: House, a: int, b: int) -> None:
    Organization.objects.filter(pk=house.id).update(name=house.name())


KPI_DOORS: tuple[Door, ...] = (
    kpi_saved,
    kpi_saved_from_a_stale_copy,
    kpi_saved_with_too_many_decimals,
    kpi_saved_by_hand_made_row,
    kpi_saved_unchanged,
    kpi_increased_by_an_expression,
    kpis_updated_as_a_queryset,
    kpis_bulk_updated,
    kpis_bulk_created,
    kpi_moved,
    kpis_moved_as_a_queryset,
    kpi_hidden_or_shown,
    kpi_deleted,
    kpis_deleted_as_a_queryset,
    kpi_edited_in_the_admin,
    kpis_edited_in_the_admins_list,
    kpis_hidden_by_an_admin_action,
    kpi_archived,
    archived_kpi_edited,
    kpi_restored,
    kpi_restored_in_the_admin,
    kpis_archived_by_an_admin_action,
    kpis_imported,
    values_imported,
)
PEOPLE_DOORS: tuple[Door, ...] = (
    department_made,
    department_renamed,
    department_put_elsewhere,
    department_deleted,
    employee_made,
    employee_moved,
    employees_moved_by_their_department,
    employees_sent_away,
    employee_deleted,
    employee_edited_in_the_admin,
    organization_renamed,
)
INSIGHT_DOORS: tuple[Door, ...] = (
    alert_raised,
    alert_acknowledged,
    alert_snoozed,
    alert_resolved,
    insight_made,
    insight_deleted,
    report_made,
    report_deleted,
)
NOTE_DOORS: tuple[Door, ...] = (
    note_pinned_to_a_kpi,
    note_pinned_to_a_department,
    note_resolved_or_reopened,
    note_edited_as_a_queryset,
    note_deleted,
    note_deleted_by_an_admin_action,
)
DOORS = KPI_DOORS + PEOPLE_DOORS + INSIGHT_DOORS + NOTE_DOORS


def in_one_transaction(house: House, steps: Sequence[tuple[Door, int, int]]) -> None:
    with transaction.atomic():
        for door, a, b in steps:
            door(house, a, b)


def with_a_rolled_back_savepoint(house: House, steps: Sequence[tuple[Door, int, int]]) -> None:
    """The last step is taken back, those before it stay."""
    with transaction.atomic():
        for door, a, b in steps[:-1]:
            door(house, a, b)
        try:
            with transaction.atomic():
                door, a, b = steps[-1]
                door(house, a, b)
                raise RolledBack
        except RolledBack:
            pass


def rolled_back(house: House, steps: Sequence[tuple[Door, int, int]]) -> None:
    try:
        with transaction.atomic():
            for door, a, b in steps:
                door(house, a, b)
            raise RolledBack
    except RolledBack:
        pass


def one_by_one(house: House, steps: Sequence[tuple[Door, int, int]]) -> None:
    for door, a, b in steps:
        door(house, a, b)


WAYS = (one_by_one, in_one_transaction, with_a_rolled_back_savepoint, rolled_back)
