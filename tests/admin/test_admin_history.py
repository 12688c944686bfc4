"""The authors of changes: kept from whatever source, shown to that organization only."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from bos.leaving.departments import departments_delete
from bos.models import Department, Employee, Organization, Role, User
from kpis.models import Kpi, Visibility
from sync.protocol.identity import SYSTEM, Actor, acting
from tests.support import doors
from tests.support.cast import PASSWORD, Cast

KEPT = (Organization, Department, Employee, User, Kpi)


def address(model: Any, page: str, *args: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


def last(row: Any) -> Any:
    return type(row).history.filter(id=row.pk).latest()


def employee(cast: Cast) -> Employee:
    return Employee.objects.get(user=cast.bob.user)


# ------------------------------------------------------------------ what is kept


def made_at_once(cast: Cast, count: int) -> list[Employee]:
    organization = cast.home.organization
    rows = [Employee(organization=organization, name=f"name {n}") for n in range(count)]
    return Employee.objects.bulk_create(rows)


def test_each_of_many_rows_changed_at_once_has_its_own_history(cast: Cast) -> None:
    made = made_at_once(cast, 20)
    pks = [row.pk for row in made]
    with acting(Actor(user_id=cast.alice.id, source="admin")):
        Employee.objects.filter(pk__in=pks[:15]).update(title="Captain")
    for n, row in enumerate(made):
        kept = list(Employee.history.filter(id=row.pk).order_by("history_id"))
        assert [k.history_type for k in kept] == (["+", "~"] if n < 15 else ["+"])
        assert {k.name for k in kept} == {f"name {n}"}
        assert kept[0].title == ""
        if n < 15:
            assert (kept[1].title, kept[1].changed) == ("Captain", "title")
            assert (kept[1].history_user_id, kept[1].source) == (cast.alice.id, "admin")


def test_the_history_of_many_rows_is_written_in_as_many_statements_as_that_of_two(
    cast: Cast,
) -> None:
    def statements(count: int) -> int:
        table = Employee.history.model._meta.db_table
        with CaptureQueriesContext(connection) as captured:
            made_at_once(cast, count)
        return sum(f'INSERT INTO "{table}"' in query["sql"] for query in captured)

    assert statements(2) == statements(50) == 1


def saved(row: Employee) -> None:
    row.title = "Captain"
    row.save()


def saved_as_a_field(row: Employee) -> None:
    row.title = "Captain"
    row.save(update_fields=["title"])


def updated_as_a_queryset(row: Employee) -> None:
    Employee.objects.filter(pk=row.pk).update(title="Captain")


def updated_in_bulk(row: Employee) -> None:
    row.title = "Captain"
    Employee.objects.bulk_update([row], ["title"])


@pytest.mark.parametrize(
    "door",
    [saved, saved_as_a_field, updated_as_a_queryset, updated_in_bulk],
    ids=lambda door: door.__name__,
)
def test_a_change_is_kept_once_by_whatever_door_with_its_author(
    cast: Cast, door: Callable[[Employee], None]
) -> None:
    row = employee(cast)
    before = Employee.history.filter(id=row.pk).count()
    with acting(Actor(cast.mia.id, "websocket")):
        door(row)
        door(row)  # changes nothing any more
    assert Employee.history.filter(id=row.pk).count() in (before + 1, before + 2)
    first = Employee.history.filter(id=row.pk).order_by("history_id")[before]
    assert (first.title, first.changed, first.history_type) == ("Captain", "title", "~")
    assert (first.history_user_id, first.source) == (cast.mia.id, "websocket")
    assert first.history_user == cast.mia.user


def test_rows_made_and_deleted_in_bulk_are_kept(cast: Cast) -> None:
    home = cast.home
    made = Department.objects.bulk_create(
        Department(organization=home.organization, name=f"Made {n}", parent=home.support)
        for n in range(3)
    )
    ids = {row.pk for row in (home.support, *made)}
    assert {last(row).history_type for row in made} == {"+"}
    departments_delete([home.support, *made], {"employees": None})
    deleted = Department.history.filter(id__in=ids, history_type="-")
    names = {"Support", "Made 0", "Made 1", "Made 2"}
    assert dict(deleted.values_list("name", "id")).keys() == names
    assert {row.id for row in deleted} == ids


def test_what_is_rolled_back_was_never_changed(cast: Cast) -> None:
    row = employee(cast)
    with pytest.raises(doors.RolledBack), transaction.atomic():
        saved(row)
        raise doors.RolledBack
    assert last(row).title == ""


def test_a_password_is_not_kept_but_who_changed_it_is(cast: Cast, admin: Browser) -> None:
    bob = cast.bob.user
    fields = {field.name for field in User.history.model._meta.fields}
    assert fields.isdisjoint({"password", "last_login", "token_version"})
    passwords = {"password1": "another one 1234", "password2": "another one 1234"}
    page = f"/admin/bos/user/{bob.pk}/password/"
    assert admin.post(page, passwords | {"usable_password": "true"}).status_code == 302
    kept = last(bob)
    assert (kept.history_user_id, kept.changed) == (cast.alice.id, "password, tokens ended")


def test_signing_in_is_no_change(cast: Cast) -> None:
    count = User.history.filter(id=cast.alice.user.pk).count()
    form = {"email": cast.alice.email, "password": PASSWORD}
    assert Browser().post("/account/login/", form).status_code == 302
    assert User.objects.get(pk=cast.alice.user.pk).last_login is not None
    assert User.history.filter(id=cast.alice.user.pk).count() == count


def test_a_save_that_changes_nothing_is_not_kept(cast: Cast) -> None:
    for row in (cast.home.organization, cast.home.sales, employee(cast), cast.bob.user):
        count = type(row).history.filter(id=row.pk).count()
        type(row).objects.get(pk=row.pk).save()
        assert type(row).history.filter(id=row.pk).count() == count, row


def test_a_value_is_no_change_of_its_kpi_but_a_target_is(cast: Cast, admin: Browser) -> None:
    """Every value is kept as such; twice would double the cost of each."""
    kpi = cast.home.revenue
    count = Kpi.history.filter(id=kpi.pk).count()
    doors.admin_edit_list(admin, [kpi], Decimal(7))
    Kpi.objects.filter(pk=kpi.pk).update(value=8)
    assert Kpi.history.filter(id=kpi.pk).count() == count
    doors.admin_change(admin, kpi, value="9", target="1234.5")
    kept = last(kpi)
    assert (Kpi.history.filter(id=kpi.pk).count(), kept.changed) == (count + 1, "target")
    [change, *_] = admin.get(address(Kpi, "history", kpi.pk)).context["entries"]
    assert change.changes == [("target", "120", "1234.5")]


def test_an_action_on_a_list_is_kept_for_each_row(cast: Cast, admin: Browser) -> None:
    home = cast.home
    doors.admin_action(admin, "show_to_department_only", [home.revenue, home.margin])
    assert last(home.revenue).changed == "visibility"
    assert last(home.revenue).visibility == Visibility.DEPARTMENT
    assert last(home.revenue).history_user_id == cast.alice.id
    assert last(home.margin).history_type == "+"  # it was so before


def test_what_nobody_did_is_the_systems(cast: Cast) -> None:
    saved(row := employee(cast))
    kept = last(row)
    assert (kept.history_user_id, kept.source, kept.history_user) == (
        SYSTEM.user_id,
        SYSTEM.source,
        None,
    )


# ------------------------------------------------------------------ the page of a row


def test_the_page_of_a_row_says_who_changed_what_into_what(cast: Cast, admin: Browser) -> None:
    row = employee(cast)
    doors.admin_change(admin, row, title="Captain")
    doors.admin_change(admin, row, department=str(cast.home.support.pk))
    page = admin.get(address(Employee, "history", row.pk))
    assert page.status_code == 200
    moved, promoted, made = page.context["entries"]
    assert (moved.author, moved.source, moved.changes) == (
        "Alice",
        "admin",
        [("department", "Sales", "Support")],
    )
    assert promoted.changes == [("title", "-", "Captain")]
    assert (made.kind, made.author, made.changes) == ("Created", "the system", [])


def test_a_role_is_shown_in_words_and_a_password_only_named(cast: Cast, admin: Browser) -> None:
    bob = cast.bob.user
    bob.role = Role.MANAGER
    bob.set_password("another one 1234")
    bob.save()
    [change, *_] = admin.get(address(User, "history", bob.pk)).context["entries"]
    assert [field for field, _, _ in change.changes] == ["role", "password", "tokens ended"]
    assert change.changes[0][1:] == (Role.MEMBER.label, Role.MANAGER.label)
    assert change.changes[1][1:] == ("", "")


def test_a_deleted_author_and_a_deleted_reference_break_no_page(cast: Cast, admin: Browser) -> None:
    row = employee(cast)
    helper = User.objects.create(
        email=f"h-{cast.bob.email}", name="Helper", organization=cast.home.organization
    )
    with acting(Actor(str(helper.pk), "websocket")):
        row.department = cast.home.support
        row.save()
    helper.delete()
    doors.dissolve(cast.home.support)
    page = admin.get(address(Employee, "history", row.pk))
    by_helper = page.context["entries"][1]
    assert by_helper.author == "Helper (deleted since)"
    assert by_helper.changes == [("department", "Sales", "deleted since")]
    assert admin.get(address(Employee.history.model, "changelist")).status_code == 200
    assert last(row).history_user is None


def test_a_deleted_row_keeps_a_page_that_says_who_deleted_it(
    cast: Cast, admin: Browser, stranger: Browser
) -> None:
    row = employee(cast)
    admin.post(address(Employee, "delete", row.pk), {"post": "yes"})
    page = admin.get(address(Employee, "history", row.pk))
    assert page.status_code == 200
    entry = page.context["entries"][0]
    assert (entry.kind, entry.author) == ("Deleted", "Alice")
    assert stranger.get(address(Employee, "history", row.pk)).status_code == 302


def test_a_long_history_has_pages(cast: Cast, admin: Browser) -> None:
    row = employee(cast)
    for n in range(60):
        Employee.objects.filter(pk=row.pk).update(title=f"Title {n}")
    page = address(Employee, "history", row.pk)
    first, second = admin.get(page), admin.get(page + "?p=2")
    assert (len(first.context["entries"]), len(second.context["entries"])) == (50, 11)
    # The last of a page is compared with the first of the next one.
    assert first.context["entries"][-1].changes == [("title", "Title 9", "Title 10")]
    assert second.context["entries"][0].changes == [("title", "Title 8", "Title 9")]
    assert admin.get(page + "?p=nonsense").status_code == 200


# ------------------------------------------------------------------ to that organization only


@pytest.mark.parametrize("model", KEPT, ids=lambda model: model.__name__)
def test_s2_another_organizations_history_is_not_to_be_found(
    cast: Cast, admin: Browser, stranger: Browser, model: Any
) -> None:
    row: Any = {
        Organization: cast.home.organization,
        Department: cast.home.sales,
        Employee: employee(cast),
        User: cast.bob.user,
        Kpi: cast.home.margin,
    }[model]
    kept = model.history.model
    record = model.history.filter(id=row.pk).latest()
    assert admin.get(address(model, "history", row.pk)).status_code == 200
    assert admin.get(address(kept, "change", record.pk)).status_code == 200
    missing = stranger.get(address(model, "history", "00000000-0000-0000-0000-000000000000"))
    for page in (address(model, "history", row.pk), address(kept, "change", record.pk)):
        answer = stranger.get(page)
        # As if it were not there.
        assert (answer.status_code, answer["Location"]) == (302, missing["Location"])
    stranger.get("/admin/")  # says what was not found, by the id that was asked for
    listed = stranger.get(address(kept, "changelist"))
    assert str(row.pk) not in listed.content.decode()
    assert {str(r.id) for r in listed.context["cl"].queryset}.isdisjoint({str(row.pk)})
    searched = stranger.get(address(kept, "changelist"), {"q": str(row.name)})
    assert str(row.pk) not in searched.content.decode()


@pytest.mark.parametrize(
    ("nonsense", "status"), [("nonsense", 302), ("1", 302), ("a" * 300, 302), ("%00", 404)]
)
def test_a_page_of_nonsense_is_not_there(admin: Browser, nonsense: str, status: int) -> None:
    assert admin.get(f"/admin/bos/employee/{nonsense}/history/").status_code == status


def test_s2_who_has_moved_leaves_the_history_of_the_old_organization_behind(
    cast: Cast, admin: Browser, stranger: Browser
) -> None:
    bob = cast.bob.user
    with acting(Actor(cast.alice.id, "admin")):
        bob.name = "Bob of old"
        bob.save()
        bob.organization, bob.name = cast.other.organization, "Bob of new"
        bob.save()
    page = stranger.get(address(User, "history", bob.pk))
    html = page.content.decode()
    assert [entry.author for entry in page.context["entries"]] == ["outside of the organization"]
    for secret in ("Bob of old", "Alice", cast.home.organization.name, cast.home.id):
        assert secret not in html
    old = admin.get(address(User, "history", bob.pk))
    assert "Bob of new" not in old.content.decode()
    assert cast.other.id not in old.content.decode()


def test_s2_authors_are_searched_in_the_own_history(
    cast: Cast, admin: Browser, stranger: Browser
) -> None:
    doors.admin_change(admin, employee(cast), title="Captain")
    kept = Employee.history.model
    for text in (cast.alice.id, "alice", cast.alice.email, " Alice "):
        for browser, count in ((admin, 1), (stranger, 0)):
            listed = browser.get(address(kept, "changelist"), {"by": text})
            assert listed.context["cl"].queryset.count() == count, text
    by_nobody = admin.get(address(kept, "changelist"), {"by": "nobody of that name"})
    assert by_nobody.context["cl"].queryset.count() == 0
    by_itself = admin.get(address(kept, "changelist"), {"by": "the system"})
    assert by_itself.context["cl"].queryset.count() > 0


def test_a_superuser_sees_every_history(cast: Cast, root: Browser) -> None:
    for row in (employee(cast), cast.other.sales, cast.charlie.user, cast.other.organization):
        assert root.get(address(type(row), "history", row.pk)).context["entries"]


# ------------------------------------------------------------------ to read


@pytest.mark.parametrize("model", KEPT, ids=lambda model: model.__name__)
def test_nobody_changes_history(cast: Cast, admin: Browser, root: Browser, model: Any) -> None:
    kept = model.history.model
    scope = {"id" if model is Organization else "organization_id": cast.home.organization.pk}
    record = kept.objects.filter(**scope).first()
    for browser in (admin, root):
        assert browser.get(address(kept, "add")).status_code == 403
        for page in ("change", "delete"):
            posted = browser.post(address(kept, page, record.pk), {"name": "X", "post": "yes"})
            assert posted.status_code == 403
        browser.post(
            address(kept, "changelist"),
            {"action": "delete_selected", "_selected_action": [record.pk], "post": "yes"},
        )
        history = address(model, "history", record.id)
        browser.post(history, {"name": "X"})
    stored = kept.objects.get(pk=record.pk)
    assert stored.name == record.name
    assert model.objects.get(pk=record.id).name == record.name
