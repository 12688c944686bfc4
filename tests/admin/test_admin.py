"""The admin: an organization's admin sees and edits that organization only (decisions S3, V1)."""

from __future__ import annotations

import re
from collections.abc import Callable
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client as Browser
from django.urls import reverse

from bos.models import Department, Employee, Organization, Role, User
from kpis.models import Kpi
from sync.eventlog import log
from sync.models import Event
from tests.support import doors
from tests.support.cast import PASSWORD, Cast, make_person

MODELS = (Organization, Department, Employee, User, Kpi)


def _superuser(**fields: Any) -> User:
    return User.objects.create_superuser(
        f"root-{User.objects.count()}@test.example", PASSWORD, name="Root", **fields
    )


def address(model: Any, page: str, *args: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


def foreign_rows(cast: Cast) -> list[Any]:
    other = cast.other
    employee = Employee.objects.of(other.organization.pk).first()
    return [other.organization, other.sales, employee, cast.charlie.user, other.revenue]


def ids_in(html: str) -> set[str]:
    return set(re.findall(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", html))


def foreign_ids(cast: Cast) -> set[str]:
    id_ = cast.other.organization.pk
    rows = [*Department.objects.of(id_), *Employee.objects.of(id_), *Kpi.objects.of(id_)]
    return {str(row.pk) for row in (*rows, *User.objects.of(id_), cast.other.organization)}


# ------------------------------------------------------------------ who gets in


@pytest.mark.parametrize("name", ["mia", "bob", "vera"])
def test_s3_only_admins_get_into_the_admin(cast: Cast, name: str) -> None:
    browser = doors.browser(getattr(cast, name))
    assert browser.get("/admin/").status_code == 302
    assert browser.get(address(Kpi, "changelist")).status_code == 302


def test_s3_a_deactivated_admin_is_out_at_once(cast: Cast, admin: Browser) -> None:
    make_person(cast.home.organization, "second", Role.ADMIN, None)
    assert admin.get("/admin/").status_code == 200
    User.objects.filter(pk=cast.alice.user.pk).update(is_active=False)
    assert admin.get("/admin/").status_code == 302


def test_a6_an_admin_signs_in_with_a_password(cast: Cast) -> None:
    browser = Browser()
    asked = browser.get("/admin/")
    assert asked["Location"] == "/admin/login/?next=/admin/"
    door = browser.get(asked["Location"])["Location"]
    assert door == "/account/login/?next=%2Fadmin%2F"
    form = {"email": cast.alice.email, "password": PASSWORD, "next": "/admin/"}
    assert browser.post(door, form | {"password": "no"}).status_code == 200
    assert browser.post(door, form)["Location"] == "/admin/"
    assert browser.get("/admin/").status_code == 200


# ------------------------------------------------------------------ one's own organization only


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_s2_no_page_of_an_admin_names_anything_of_another_organization(
    cast: Cast, admin: Browser, model: Any
) -> None:
    foreign = foreign_ids(cast)
    rows = model.objects.filter(pk=cast.home.organization.pk) if model is Organization else None
    own = (rows if rows is not None else model.objects.of(cast.home.organization.pk)).first()
    assert own is not None
    pages = [address(model, "changelist"), address(model, "change", own.pk)]
    if model is not Organization:
        pages.append(address(model, "add"))
    for page in pages:
        answer = admin.get(page)
        assert answer.status_code == 200, page
        html = answer.content.decode()
        assert not ids_in(html) & foreign, page
    assert str(own.pk) in ids_in(admin.get(pages[0]).content.decode())


def test_s2_an_admin_cannot_reach_another_organizations_pages(cast: Cast, admin: Browser) -> None:
    for row in foreign_rows(cast):
        for page in ("change", "delete", "history"):
            target = address(type(row), page, row.pk)
            for answer in (admin.get(target), admin.post(target, {"name": "X", "post": "yes"})):
                assert answer.status_code in (302, 403), target
                if answer.status_code == 302:
                    assert answer["Location"] in ("/admin/", "../../")
        type(row).objects.get(pk=row.pk)
    password = f"/admin/bos/user/{cast.charlie.id}/password/"
    assert admin.get(password).status_code in (302, 403, 404)


def test_s2_an_admins_action_does_not_touch_another_organizations_rows(
    cast: Cast, admin: Browser
) -> None:
    foreign = cast.other.margin
    for action in ("show_to_organization", "archive_kpis"):
        admin.post(
            address(Kpi, "changelist"),
            {"action": action, "_selected_action": [str(foreign.pk)], "post": "yes"},
        )
    stored = Kpi.everything.get(pk=foreign.pk)
    assert (stored.visibility, stored.archived_at) == (foreign.visibility, None)


def test_s2_an_edited_list_does_not_reach_another_organizations_rows(
    cast: Cast, admin: Browser
) -> None:
    posted = {"form-TOTAL_FORMS": 1, "form-INITIAL_FORMS": 1, "_save": "Save"}
    row = {"form-0-id": str(cast.other.revenue.pk), "form-0-value": "666", "form-0-target": "1"}
    admin.post(address(Kpi, "changelist"), posted | row)
    assert Kpi.objects.get(pk=cast.other.revenue.pk).value == 100


@pytest.mark.parametrize(
    ("model", "field", "foreign"),
    [
        (Kpi, "department", "sales"),
        (Kpi, "owner", "charlie"),
        (Employee, "department", "sales"),
        (Employee, "user", "charlie"),
        (Department, "parent", "sales"),
    ],
)
def test_s2_a_foreign_choice_is_refused(
    cast: Cast, admin: Browser, model: Any, field: str, foreign: str
) -> None:
    chosen = cast.charlie.user if foreign == "charlie" else getattr(cast.other, foreign)
    row = model.objects.of(cast.home.organization.pk).first()
    target = address(model, "change", row.pk)
    page = admin.get(target)
    answer = admin.post(target, doors.form(page, **{field: str(chosen.pk)}))
    assert answer.status_code == 200
    assert field in answer.context["adminform"].form.errors


@pytest.mark.parametrize("model", [Department, Employee, Kpi], ids=lambda model: model.__name__)
def test_s2_a_row_cannot_be_moved_out_of_its_organization(
    cast: Cast, admin: Browser, root: Browser, model: Any
) -> None:
    row = model.objects.of(cast.home.organization.pk).first()
    target = address(model, "change", row.pk)
    for browser in (admin, root):
        posted = doors.form(browser.get(target), organization=str(cast.other.organization.pk))
        assert browser.post(target, posted).status_code == 302
        assert model.objects.get(pk=row.pk).organization_id == cast.home.organization.pk


@pytest.mark.parametrize("model", [Department, Employee, Kpi], ids=lambda model: model.__name__)
def test_s2_what_an_admin_adds_is_of_his_organization(
    cast: Cast, admin: Browser, model: Any
) -> None:
    target = address(model, "add")
    page = admin.get(target)
    posted = doors.form(page, name="Added", organization=str(cast.other.organization.pk))
    answer = admin.post(target, posted)
    assert answer.status_code == 302, answer.context["adminform"].form.errors
    assert model.objects.get(name="Added", organization=cast.home.organization)


def test_s2_an_admin_adds_no_organization_and_deletes_none(cast: Cast, admin: Browser) -> None:
    assert admin.get(address(Organization, "add")).status_code == 403
    own = cast.home.organization
    assert admin.post(address(Organization, "delete", own.pk), {"post": "yes"}).status_code == 403
    assert Organization.objects.filter(pk=own.pk).exists()


# ------------------------------------------------------------------ users


def test_s3_an_admin_adds_users_of_his_organization_and_never_a_superuser(
    cast: Cast, admin: Browser
) -> None:
    target = address(User, "add")
    posted = doors.form(
        admin.get(target),
        email=f"new-{cast.alice.email}",
        name="New",
        role=Role.ADMIN,
        usable_password="true",
        password1=PASSWORD,
        password2=PASSWORD,
        is_superuser="on",
        organization=str(cast.other.organization.pk),
    )
    answer = admin.post(target, posted)
    assert answer.status_code == 302, answer.context["adminform"].form.errors
    made = User.objects.get(email=f"new-{cast.alice.email}")
    assert (made.organization_id, made.is_superuser) == (cast.home.organization.pk, False)


def test_an_email_that_somebody_has_in_another_case_is_an_error_in_the_form(
    cast: Cast, admin: Browser
) -> None:
    taken = f" {cast.bob.email.upper()}"
    address = reverse("admin:bos_user_add")
    secret = "a long one, for once"
    filled = doors.form(
        admin.get(address), email=taken, name="Second", password1=secret, password2=secret
    )
    answer = admin.post(address, filled)
    assert list(answer.context["adminform"].form.errors) == ["email"]
    address = reverse("admin:bos_user_change", args=[cast.mia.user.pk])
    answer = admin.post(address, doors.form(admin.get(address), email=taken))
    assert list(answer.context["adminform"].form.errors) == ["email"]
    assert User.objects.filter(email__iexact=taken.strip()).count() == 1


def test_s11_an_admin_does_not_learn_who_has_an_address_elsewhere(
    cast: Cast, admin: Browser, root: Browser
) -> None:
    superuser = User.objects.get(email=f"root-{cast.alice.email}")
    target, secret = reverse("admin:bos_user_add"), "a long one, for once"
    for email in (cast.charlie.email, superuser.email, f"free-{cast.bob.email}"):
        filled = doors.form(
            admin.get(target), email=email, name="New", password1=secret, password2=secret
        )
        assert admin.post(target, filled).status_code == 302
        assert User.objects.of(cast.home.id).filter(email=email).count() == 1
    # Nor by giving it to somebody who is there; nor can such a one be moved onto the other.
    doors.admin_change(admin, cast.vera.user, email=f" {cast.charlie.email.upper()}x ")
    bobs = reverse("admin:bos_user_change", args=[cast.bob.id])
    answer = admin.post(bobs, doors.form(admin.get(bobs), email=cast.charlie.email))
    assert list(answer.context["adminform"].form.errors) == ["email"]
    mine = User.objects.of(cast.home.id).get(email=cast.charlie.email)
    page = reverse("admin:bos_user_change", args=[mine.pk])
    moved = doors.form(root.get(page), organization=cast.other.id)
    assert list(root.post(page, moved).context["adminform"].form.errors) == ["email"]


def test_s11_createsuperuser_says_that_a_superuser_has_the_address(cast: Cast) -> None:
    given = {"email": cast.bob.email, "name": "Root", "interactive": False, "verbosity": 0}
    call_command("createsuperuser", **given)
    assert User.objects.get_by_natural_key(cast.bob.email.upper()).is_superuser
    with pytest.raises(CommandError, match="has this email"):
        call_command("createsuperuser", **given)


def test_s11_changepassword_says_that_several_have_the_address(cast: Cast) -> None:
    User.objects.create_user(cast.bob.email, PASSWORD, organization=cast.other.organization)
    with pytest.raises(CommandError, match="several organizations"):
        call_command("changepassword", cast.bob.email, stdout=StringIO())


def test_s3_an_admin_makes_nobody_a_superuser_nor_moves_him_out(cast: Cast, admin: Browser) -> None:
    for person in (cast.bob, cast.alice):
        target = address(User, "change", person.id)
        posted = doors.form(
            admin.get(target),
            is_superuser="on",
            is_staff="on",
            organization=str(cast.other.organization.pk),
        )
        assert admin.post(target, posted).status_code == 302
        stored = User.objects.get(pk=person.id)
        assert (stored.is_superuser, stored.organization_id) == (False, cast.home.organization.pk)


def test_s3_an_admin_cannot_take_over_a_superuser_of_his_organization(
    cast: Cast, admin: Browser
) -> None:
    boss = _superuser(organization=cast.home.organization)
    passwords = {"password1": "taken over 1234", "password2": "taken over 1234"}
    admin.post(f"/admin/bos/user/{boss.pk}/password/", passwords | {"usable_password": "true"})
    target = address(User, "change", boss.pk)
    admin.post(target, {"email": "taken@test.example", "name": "Taken", "role": "viewer"})
    admin.post(address(User, "delete", boss.pk), {"post": "yes"})
    admin.post(
        address(User, "changelist"),
        {"action": "delete_selected", "_selected_action": [str(boss.pk)], "post": "yes"},
    )
    stored = User.objects.get(pk=boss.pk)
    assert (stored.email, stored.is_active) == (boss.email, True)
    assert stored.check_password(PASSWORD)


def test_s3_a_superuser_sees_and_edits_every_organization(cast: Cast, root: Browser) -> None:
    for row in (*foreign_rows(cast), cast.home.revenue):
        assert root.get(address(type(row), "change", row.pk)).status_code == 200
    doors.admin_change(root, cast.other.revenue, name="Renamed")
    assert Kpi.objects.get(pk=cast.other.revenue.pk).name == "Renamed"


# ------------------------------------------------------------------ the log


def test_v1_the_event_log_is_there_to_read_and_not_to_change(
    cast: Cast, admin: Browser, root: Browser
) -> None:
    event = Event.objects.filter(organization_id=cast.home.id).latest("sequence")
    told = log.find(cast.home.id, event.sequence)
    assert told is not None
    for browser in (admin, root):
        assert browser.get(address(Event, "changelist")).status_code == 200
        page = address(Event, "change", event.pk)
        shown = browser.get(page)
        assert shown.status_code == 200
        assert ", ".join(told.topics()) in shown.content.decode()
        assert browser.post(page, {"entity_type": "forged"}).status_code == 403
        assert browser.get(address(Event, "add")).status_code == 403
        delete = address(Event, "delete", event.pk)
        assert browser.post(delete, {"post": "yes"}).status_code == 403
        browser.post(
            address(Event, "changelist"),
            {"action": "delete_selected", "_selected_action": [event.pk], "post": "yes"},
        )
    stored = Event.objects.get(pk=event.pk)
    assert stored.entity_type == event.entity_type


def test_s2_an_admin_reads_only_his_organizations_log(cast: Cast, admin: Browser) -> None:
    shown = admin.get(address(Event, "changelist")).context["cl"].queryset
    assert set(shown.values_list("organization_id", flat=True)) == {cast.home.id}
    foreign = Event.objects.filter(organization_id=cast.other.id).first()
    assert foreign is not None
    assert admin.get(address(Event, "change", foreign.pk)).status_code == 302


def test_v1_every_edit_in_the_admin_is_in_the_log_with_its_editor(
    cast: Cast, admin: Browser
) -> None:
    house = doors.House(cast)
    id_ = cast.home.id
    edits: list[Callable[[], object]] = [
        lambda: doors.admin_change(admin, cast.home.organization, name="Renamed"),
        lambda: doors.admin_change(admin, cast.home.sales, name="Renamed"),
        lambda: doors.admin_change(
            admin, Employee.objects.get(user=cast.bob.user), title="Captain"
        ),
        lambda: doors.admin_change(admin, cast.bob.user, role=Role.VIEWER),
        lambda: doors.kpi_edited_in_the_admin(house, 0, 1),
        lambda: doors.kpis_edited_in_the_admins_list(house, 0, 2),
        lambda: doors.admin_action(admin, "show_to_department_only", [cast.home.revenue]),
        lambda: doors.kpis_archived_by_an_admin_action(house, 0, 0),
        lambda: doors.kpi_restored_in_the_admin(house, 0, 0),
        lambda: admin.post(
            address(Department, "delete", cast.home.support.pk),
            {"post": "yes", "employees": "none"},
        ),
    ]
    for number, edit in enumerate(edits):
        before = log.head(id_).sequence
        edit()
        events = log.read(id_, after=before, upto=before + 100, limit=100)
        assert events, number
        assert {(e.actor_id, e.source) for e in events} == {(cast.alice.id, "admin")}, number
