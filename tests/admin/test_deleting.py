"""Nothing of others' is lost by a deletion, from whatever source (decision V6: x1, x2)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connections, transaction
from django.db.models import QuerySet, RestrictedError
from django.test import Client as Browser
from django.urls import reverse

from bos.leaving.departments import NotSaid
from bos.leaving.people import user_deactivate
from bos.leaving.rules import LastAdmin
from bos.models import BELOW_ITSELF, Department, Employee, Organization, Role, User
from collaboration.models import Annotation, Session
from kpis.archive.services import NotArchived, kpis_archive
from kpis.models import AlertRule, Kpi, KpiValue
from sync.eventlog import log
from tests.support import doors
from tests.support.cast import Cast, Person, make_person
from tests.test_caps import pin, start


def page(row: Any, name: str) -> str:
    meta = row._meta
    return reverse(f"admin:{meta.app_label}_{meta.model_name}_{name}", args=[row.pk])


# ------------------------------------------------------------------ departments


@pytest.mark.parametrize("holds", ["kpis", "archived kpis", "employees", "departments"])
@pytest.mark.parametrize("door", [lambda row: row.delete(), lambda row: rows_of(row).delete()])
def test_x1_what_is_in_a_department_keeps_it_from_being_deleted(
    cast: Cast, holds: str, door: Callable[[Any], Any]
) -> None:
    organization = cast.home.organization
    department = Department.objects.create(organization=organization, name="Full")
    within = {"organization": organization, "name": "Within"}
    match holds:
        case "employees":
            row: Any = Employee.objects.create(**within, department=department)
        case "departments":
            row = Department.objects.create(**within, parent=department)
        case _:
            row = Kpi.objects.create(**within, department=department, value=1)
            if holds == "archived kpis":
                kpis_archive([row])
    with pytest.raises(RestrictedError), transaction.atomic():
        door(department)
    assert Department.objects.filter(pk=department.pk).exists()
    assert type(row)._base_manager.filter(pk=row.pk).exists()


def rows_of(row: Any) -> Any:
    return type(row)._base_manager.filter(pk=row.pk)


def test_x1_the_page_says_what_is_in_a_department_and_asks_where_it_goes(
    cast: Cast, admin: Browser
) -> None:
    home = cast.home
    before = log.head(home.id).sequence
    shown = admin.get(page(home.sales, "delete"))
    assert dict(shown.context["sections"][0].items) == {
        "KPIs": 2,
        "employees": 1,
        "sub-departments": 1,
    }
    for answers in ({}, {"kpis": str(home.support.pk)}, {"kpis": "none", "employees": "nowhere"}):
        refused = admin.post(page(home.sales, "delete"), {"post": "yes", **answers})
        assert refused.status_code == 200
        assert refused.context["question"].form.errors
    assert log.head(home.id).sequence == before


def test_x1_everything_moves_and_the_department_goes_in_one_transaction(
    cast: Cast, admin: Browser
) -> None:
    home = cast.home
    values = KpiValue.objects.filter(kpi__organization=home.organization).count()
    before = log.head(home.id).sequence
    answers = {"kpis": str(home.support.pk), "employees": "none", "departments": "none"}
    answer = admin.post(page(home.sales, "delete"), {"post": "yes", **answers})
    assert answer.status_code == 302
    assert not Department.objects.filter(pk=home.sales.pk).exists()
    assert Department.objects.get(pk=home.support.pk).parent_id is None
    assert Employee.objects.get(user=cast.bob.user).department_id is None
    assert {kpi.department_id for kpi in Kpi.objects.of(home.id)} == {home.support.pk}
    assert KpiValue.objects.filter(kpi__organization=home.organization).count() == values > 0
    events = log.read(home.id, after=before, upto=before + 100, limit=100)
    assert {(e.actor_id, e.source) for e in events} == {(cast.alice.id, "admin")}
    assert [(e.entity_type, e.change_type) for e in events][-1] == ("department", "deleted")
    assert {"kpi", "employee"} <= {e.entity_type for e in events if e.change_type == "updated"}
    for kpi in Kpi.objects.of(home.id):
        assert kpi.history.first().changed == "department"


def test_x1_a_kpi_of_a_department_only_is_not_shown_to_all_by_losing_it(
    cast: Cast, admin: Browser
) -> None:
    answers = {"kpis": "none", "employees": "none", "departments": "none"}
    refused = admin.post(page(cast.home.sales, "delete"), {"post": "yes", **answers})
    assert list(refused.context["question"].form.errors) == ["kpis"]
    # The form may have looked before such a KPI came.
    with pytest.raises(NotSaid, match="KPIs"):
        doors.dissolve(cast.home.sales)
    assert Department.objects.filter(pk=cast.home.sales.pk).exists()


def test_x1_several_departments_are_deleted_together(cast: Cast, admin: Browser) -> None:
    """One above the other; where they are selected in the list, and what is in both goes along."""
    home = cast.home
    target = Department.objects.create(organization=home.organization, name="Target")
    list_page = reverse("admin:bos_department_changelist")
    ids = [str(home.sales.pk), str(home.support.pk)]
    selected = {"action": "delete_selected", "_selected_action": ids}
    shown = admin.post(list_page, selected)
    assert shown.status_code == 200
    assert set(shown.context["question"].form.fields) == {"kpis", "employees"}
    assert Department.objects.filter(pk__in=ids).count() == 2
    to = {"kpis": str(target.pk), "employees": str(target.pk)}
    assert admin.post(list_page, {**selected, "post": "yes", **to}).status_code == 302
    assert not Department.objects.filter(pk__in=ids).exists()
    assert target.kpis.count() == 2
    assert set(target.employees.values_list("name", flat=True)) == {"Bob", "Vera"}


def test_x1_a_department_does_not_go_below_itself_nor_to_another_organization(
    cast: Cast, admin: Browser
) -> None:
    home = cast.home
    below = Department.objects.create(
        organization=home.organization, name="Below", parent=home.support
    )
    form = admin.get(page(home.sales, "delete")).context["question"].form
    offered = {name: {id_ for id_, _ in field.choices} for name, field in form.fields.items()}
    assert offered["departments"] == {"", "none"}
    assert offered["kpis"] == {"", "none", str(home.support.pk), str(below.pk)}
    to = dict.fromkeys(("kpis", "employees", "departments"), str(cast.other.sales.pk))
    answer = admin.post(page(home.sales, "delete"), {"post": "yes", **to})
    assert set(answer.context["question"].form.errors) == set(to)


def _put_below(department: Department, above: Department) -> None:
    row = Department.objects.get(pk=department.pk)
    row.parent = above
    row.save()


@pytest.mark.parametrize("door", ["form", "shell"])
def test_v6_two_who_put_departments_below_each_other_at_once_do_not_both_succeed(
    cast: Cast, admin: Browser, door: str
) -> None:
    """A circle has no top: a walk from parent to parent would never come to an end."""
    organization = cast.home.organization
    one, two = (Department.objects.create(organization=organization, name=n) for n in "AB")
    through = threading.Event()
    told: list[Any] = []

    def put_two_below_one() -> None:
        try:
            if door == "form":
                sent = {"name": "B", "parent": str(one.pk)}
                told.append(admin.post(page(two, "change"), sent).context["errors"][0])
            else:
                _put_below(two, one)
        except ValidationError as refusal:
            told.append(refusal.messages)
        finally:
            through.set()
            connections.close_all()

    other = threading.Thread(target=put_two_below_one)
    with transaction.atomic():
        _put_below(one, two)
        other.start()
        assert not through.wait(0.5)
    other.join()
    assert told == [[BELOW_ITSELF]]
    assert Department.objects.get(pk=two.pk).parent_id is None


def test_v6_departments_are_not_put_below_each_other_by_a_queryset(cast: Cast) -> None:
    home = cast.home
    below = Department.objects.create(
        organization=home.organization, name="Below", parent=home.support
    )
    with pytest.raises(ValidationError, match=BELOW_ITSELF):
        Department.objects.filter(pk__in=[home.sales.pk]).update(parent=below)
    home.sales.refresh_from_db()
    assert home.sales.parent_id is None


def test_v6_a_form_ends_where_departments_are_in_a_circle_already(cast: Cast) -> None:
    """As they may be from before."""
    organization = cast.home.organization
    one, two, below = Department.objects.bulk_create(
        Department(organization=organization, name=name) for name in "ABC"
    )
    unwatched: QuerySet[Any] = QuerySet(Department)
    for row, parent in ((one, two), (two, one), (below, one)):
        unwatched.filter(pk=row.pk).update(parent=parent)
    below.refresh_from_db()
    with pytest.raises(ValidationError, match=BELOW_ITSELF):
        below.clean()


# ------------------------------------------------------------------ the last admin


def _saved(user: User, **values: Any) -> None:
    for name, value in values.items():
        setattr(user, name, value)
    user.save()


LOSSES: dict[str, Callable[[User], Any]] = {
    "demoted": lambda user: _saved(user, role=Role.MANAGER),
    "deactivated": lambda user: _saved(user, is_active=False),
    "deactivated alone": lambda user: user_deactivate(user),
    "moved": lambda user: _saved(user, organization=None),
    "updated": lambda user: rows_of(user).update(role=Role.VIEWER),
    "bulk updated": lambda user: User.objects.bulk_update(
        [User(pk=user.pk, is_active=False)], ["is_active"]
    ),
    "deleted": lambda user: user.delete(),
    "deleted as a queryset": lambda user: rows_of(user).delete(),
}


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
def test_v6_an_organization_keeps_its_last_admin_by_whatever_door(
    cast: Cast, loss: Callable[[User], Any]
) -> None:
    alice = User.objects.get(pk=cast.alice.id)
    with pytest.raises(LastAdmin, match="“Home” would have no admin left"), transaction.atomic():
        loss(alice)
    stored = User.objects.get(pk=cast.alice.id)
    assert (stored.role, stored.is_active) == (Role.ADMIN, True)
    make_person(cast.home.organization, "second", Role.ADMIN, None)
    loss(User.objects.get(pk=cast.alice.id))


def test_v6_an_inactive_admin_is_nobody_who_stays(cast: Cast) -> None:
    off = make_person(cast.home.organization, "off", Role.ADMIN, None).user
    _saved(off, is_active=False)
    with pytest.raises(LastAdmin), transaction.atomic():
        LOSSES["demoted"](User.objects.get(pk=cast.alice.id))


def test_v6_two_admins_who_demote_each_other_at_once_do_not_both_succeed(cast: Cast) -> None:
    second = make_person(cast.home.organization, "second", Role.ADMIN, None).user
    refused: list[LastAdmin] = []
    demoted = threading.Event()

    def demote_second() -> None:
        try:
            _saved(User.objects.get(pk=second.pk), role=Role.VIEWER)
        except LastAdmin as error:
            refused.append(error)
        finally:
            demoted.set()
            connections.close_all()

    other = threading.Thread(target=demote_second)
    with transaction.atomic():
        _saved(User.objects.get(pk=cast.alice.id), role=Role.VIEWER)
        other.start()
        # It waits for this one; if it did not, it would be through now, and both would be.
        assert not demoted.wait(0.5)
    other.join()
    assert len(refused) == 1
    assert User.objects.of(cast.home.id).get(role=Role.ADMIN).pk == second.pk


@pytest.mark.parametrize("changes", [{"role": "viewer"}, {"is_active": False}])
def test_v6_the_form_says_that_somebody_else_must_be_admin_first(
    cast: Cast, admin: Browser, changes: dict[str, Any]
) -> None:
    address = page(cast.alice.user, "change")
    answer = admin.post(address, doors.form(admin.get(address), **changes))
    errors = answer.context["adminform"].form.errors
    assert list(errors) == list(changes)
    assert "last admin" in str(errors)
    make_person(cast.home.organization, "second", Role.ADMIN, None)
    assert admin.post(address, doors.form(admin.get(address), **changes)).status_code == 302


def test_v6_the_last_admin_leaves_once_another_is_named(cast: Cast, admin: Browser) -> None:
    address = page(cast.alice.user, "delete")
    for successor in ({}, {"successor": ""}, {"successor": cast.charlie.id}):
        refused = admin.post(address, {"act": "deactivate", **successor})
        assert list(refused.context["question"].form.errors) == ["successor"]
    assert admin.post(address, {"act": "deactivate", "successor": cast.mia.id}).status_code == 302
    assert not User.objects.get(pk=cast.alice.id).is_active
    assert User.objects.get(pk=cast.mia.id).role == Role.ADMIN


def test_v6_a_selection_with_the_last_admin_changes_nobody(cast: Cast, admin: Browser) -> None:
    selected = [cast.alice.user, cast.bob.user]
    doors.admin_action(admin, "delete_selected", selected, post="yes")
    assert User.objects.filter(pk__in=[u.pk for u in selected], is_active=True).count() == 2


# ------------------------------------------------------------------ users with content


def _left_something(person: Person) -> Session:
    session = start(person)
    pin(person, session, "kept")
    return session


def test_x2_a_host_is_not_deleted_by_whatever_door(cast: Cast) -> None:
    session = _left_something(cast.bob)
    of_mia: dict[str, Any] = {"session": session, "author": cast.mia.user, "content_type": "text"}
    Annotation.objects.create(**of_mia, content="mia's", x=0, y=0, z=0)
    for door in (lambda: cast.bob.user.delete(), lambda: rows_of(cast.bob.user).delete()):
        with pytest.raises(RestrictedError), transaction.atomic():
            door()
    assert Session.objects.filter(pk=session.pk).exists()
    assert Annotation.objects.filter(session=session).count() == 2


def test_x2_a_user_with_content_is_deactivated_instead_of_deleted(
    cast: Cast, admin: Browser
) -> None:
    _left_something(cast.bob)
    shown = admin.get(page(cast.bob.user, "delete"))
    assert dict(shown.context["sections"][0].items) == {"sessions": 1, "notes": 1}
    assert [button.act for button in shown.context["question"].buttons] == ["deactivate"]
    assert admin.post(page(cast.bob.user, "delete"), {"act": "delete"}).status_code == 200
    assert User.objects.get(pk=cast.bob.id).is_active
    assert admin.post(page(cast.bob.user, "delete"), {"act": "deactivate"}).status_code == 302
    assert not User.objects.get(pk=cast.bob.id).is_active


def test_x2_those_selected_who_have_left_something_are_deactivated(
    cast: Cast, admin: Browser
) -> None:
    _left_something(cast.bob)
    selected = [cast.bob.user, cast.vera.user]
    list_page = reverse("admin:bos_user_changelist")
    ids = {"_selected_action": [str(user.pk) for user in selected]}
    shown = admin.post(list_page, {"action": "delete_selected", **ids})
    assert [len(section.items) for section in shown.context["sections"]] == [1, 1]
    assert User.objects.filter(pk__in=ids["_selected_action"], is_active=True).count() == 2
    doors.admin_action(admin, "delete_selected", selected, post="yes")
    assert not User.objects.get(pk=cast.bob.id).is_active
    assert not User.objects.filter(pk=cast.vera.id).exists()


# ------------------------------------------------------------------ KPIs


def test_v6_a_kpi_in_use_is_not_deleted_by_whatever_door(cast: Cast, admin: Browser) -> None:
    kpi = cast.home.revenue
    for door in (lambda: kpi.delete(), lambda: Kpi.objects.of(cast.home.id).delete()):
        with pytest.raises(NotArchived, match="archive it first"), transaction.atomic():
            door()
    assert admin.post(page(kpi, "delete"), {"post": "yes"}).status_code == 403
    list_page = reverse("admin:kpis_kpi_changelist")
    assert "delete_selected" not in admin.get(list_page).content.decode()
    selected = {"action": "delete_selected", "_selected_action": [kpi.pk], "post": "yes"}
    admin.post(list_page, selected)
    assert admin.post(page(kpi, "erase"), {"typed": "Revenue"}).status_code == 404
    assert Kpi.objects.filter(pk=kpi.pk).exists()


def test_v6_an_archived_kpi_is_restored_with_all_that_it_has(cast: Cast, admin: Browser) -> None:
    kpi = cast.home.revenue
    AlertRule.objects.create(
        organization=cast.home.organization, kpi=kpi, kind="above", threshold=150
    )
    values = KpiValue.objects.filter(kpi=kpi).count()
    assert admin.get(page(kpi, "archive")).status_code == 200
    assert Kpi.objects.filter(pk=kpi.pk).exists()
    assert admin.post(page(kpi, "archive")).status_code == 302
    assert not Kpi.objects.filter(pk=kpi.pk).exists()
    archive = admin.get(reverse("admin:archived_kpis"))
    assert [(row.pk, count) for row, count in archive.context["kpis"]] == [(kpi.pk, values)]
    assert admin.get(page(kpi, "history")).context["gone"] == "It is archived."
    assert admin.get(page(kpi, "restore")).status_code == 405
    assert admin.post(page(kpi, "restore")).status_code == 302
    assert Kpi.objects.filter(pk=kpi.pk).exists()
    assert KpiValue.objects.filter(kpi=kpi).count() == values > 0
    assert AlertRule.objects.filter(kpi=kpi).count() == 1


def test_v6_erasing_says_how_much_goes_and_asks_for_the_name(cast: Cast, admin: Browser) -> None:
    kpi = cast.home.revenue
    values = KpiValue.objects.filter(kpi=kpi).count()
    kpis_archive([kpi])
    shown = admin.get(page(kpi, "erase"))
    assert dict(shown.context["sections"][0].items)["values"] == values > 0
    assert admin.post(page(kpi, "erase"), {"typed": "Margin"}).status_code == 200
    assert Kpi.everything.filter(pk=kpi.pk).exists()
    assert admin.post(page(kpi, "erase"), {"typed": " revenue "}).status_code == 302
    assert not Kpi.everything.filter(pk=kpi.pk).exists()
    assert not KpiValue.objects.filter(kpi_id=kpi.pk).exists()


# ------------------------------------------------------------------ an organization


def test_v6_an_organization_goes_as_a_whole_once_its_name_is_typed(
    cast: Cast, admin: Browser, root: Browser
) -> None:
    home = cast.home
    _left_something(cast.bob)
    Department.objects.create(organization=home.organization, name="Low", parent=home.support)
    address = page(home.organization, "delete")
    assert admin.post(address, {"typed": "Home"}).status_code == 403
    shown = dict(root.get(address).context["sections"][0].items)
    assert (shown["Users"], shown["KPIs"], shown["Annotations"]) == (4, 2, 1)
    assert root.post(address, {"typed": "Other"}).status_code == 200
    selected = {"action": "delete_selected", "_selected_action": [home.id], "post": "yes"}
    root.post(reverse("admin:bos_organization_changelist"), selected)
    assert Organization.objects.filter(pk=home.id).exists()
    assert root.post(address, {"typed": "Home"}).status_code == 302
    assert not Organization.objects.filter(pk=home.id).exists()
    assert not Kpi.everything.filter(organization_id=home.id).exists()


# ------------------------------------------------------------------ who may

PAGES = (
    ("sales", "delete"),
    ("bob", "delete"),
    ("bob", "erase"),
    ("employee", "erase"),
    ("revenue", "archive"),
    ("margin", "restore"),
    ("margin", "erase"),
)


@pytest.mark.parametrize(("what", "name"), PAGES)
def test_v6_nobody_else_opens_a_page_or_does_what_it_does(
    cast: Cast, stranger: Browser, admin: Browser, what: str, name: str
) -> None:
    """Another organization's admin, a manager, nobody, a foreign form; and looking does nothing."""
    home = cast.home
    kpis_archive([home.margin])
    people = {"bob": cast.bob.user, "employee": Employee.objects.get(user=cast.bob.user)}
    row = people.get(what) or getattr(home, what)
    address = page(row, name)
    answers = {"post": "yes", "act": "deactivate", "typed": cast.bob.email}
    answers |= {"kpis": str(home.support.pk), "employees": "none", "departments": "none"}
    before = log.head(home.id).sequence
    foreign = stranger.post(address, answers), stranger.get(address)
    assert all(a.status_code in (302, 403, 404, 405) for a in foreign)
    missing = page(row, name).replace(str(row.pk), str(cast.other.id))
    assert stranger.post(missing, answers).status_code == foreign[0].status_code
    for other in (doors.browser(cast.mia), Browser()):
        for answer in (other.get(address), other.post(address, answers)):
            assert "/login/" in answer["Location"]
    strict = Browser(enforce_csrf_checks=True)
    strict.cookies = doors.browser(cast.alice).cookies
    assert strict.post(address, answers).status_code == 403
    assert admin.get(address).status_code in (200, 302, 405)
    assert log.head(home.id).sequence == before
