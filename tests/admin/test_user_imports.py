"""Import of users: 500 people come in without being typed, and nobody by mistake (decision D6)."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext

from bos.imports.files import csv_bytes, read_table, xlsx_bytes
from bos.leaving.people import user_erase
from bos.models import AccountLink, Employee, ImportState, LinkKind, Role, User
from bos.people import sending
from bos.people.imports import ERASED, NO_ADMIN_LEFT, SUPERUSER, UserImport
from tests.support import doors
from tests.support.cast import Cast
from tests.support.importing import bring, go_on, import_file, problems
from tests.support.mailbox import do_jobs, mail_server, send_by

COLUMNS = ("email", "name", "role", "department", "title")


@pytest.fixture(autouse=True)
def _mail_is_on(settings: Any) -> None:
    settings.MAIL_IS_ON = True


def a_file(*rows: Sequence[Any], columns: Sequence[str] = COLUMNS) -> bytes:
    return csv_bytes(columns, rows)


def an_email() -> str:
    return f"new-{uuid.uuid4().hex[:10]}@test.example"


def by_email(cast: Cast, email: str) -> User:
    user: User = User.objects.of(cast.home.id).get(email=email)
    return user


# ------------------------------------------------------------------ what it does


def test_d6_new_people_are_shown_then_added_and_invited(
    cast: Cast, admin: Browser, settings: Any
) -> None:
    anna, ben = an_email(), an_email()
    waiting = Employee.objects.create(
        organization=cast.home.organization, name="Ben B.", email=ben, title="Clerk"
    )
    content = a_file(
        (anna.upper(), "Anna", "manager", "Sales / Support", "Buyer"),
        (ben, "Ben", "", "Sales", ""),
    )
    checked = bring(admin, "users", content)
    assert checked.state == ImportState.CHECKED
    assert not User.objects.filter(email__in=(anna, ben)).exists()
    done = go_on(admin, checked)
    assert (done.outcome["new"], done.outcome["changed"]) == (2, 0)
    first, second = by_email(cast, anna), by_email(cast, ben)
    assert (first.name, first.role, first.employee.title) == ("Anna", "manager", "Buyer")
    assert first.employee.department_id == cast.home.support.pk
    assert (second.role, second.employee.pk) == (Role.VIEWER, waiting.pk)
    assert (second.employee.department_id, second.employee.title) == (cast.home.sales.pk, "")
    assert not first.has_usable_password()
    with mail_server() as box:
        send_by(box, settings)
        assert do_jobs(sending.send_waiting) >= 1
        for email in (anna, ben):
            [mail] = box.to(email)
            assert "Alice invites you" in mail.as_string()
    links = AccountLink.objects.of(cast.home.id).filter(asked_by=cast.alice.user)
    assert {link.kind for link in links} == {LinkKind.INVITATION}


def test_d6_those_there_are_changed_where_the_file_says_so(cast: Cast, admin: Browser) -> None:
    before = {person.id: person.user.token_version for person in (cast.bob, cast.vera)}
    done = import_file(
        admin,
        "users",
        a_file(
            (cast.bob.email, "Robert", "manager", "Support", "Lead"),
            (cast.vera.email, "", "", "", ""),
            (cast.mia.email, "Mia", "manager", "", ""),
        ),
    )
    assert (done.outcome["new"], done.outcome["changed"]) == (0, 2)
    assert done.outcome["unchanged"] == 1
    bob, vera = by_email(cast, cast.bob.email), by_email(cast, cast.vera.email)
    assert (bob.name, bob.role, bob.employee.name) == ("Robert", "manager", "Robert")
    assert (bob.employee.title, bob.employee.department_id) == ("Lead", cast.home.support.pk)
    assert bob.token_version > before[cast.bob.id]  # the role
    assert (vera.name, vera.role, vera.employee.department_id) == ("Vera", "viewer", None)
    assert vera.token_version == before[cast.vera.id]
    assert not AccountLink.objects.filter(user__in=(bob, vera)).exists()


def test_d6_columns_that_are_not_there_leave_everything_as_it_is(
    cast: Cast, admin: Browser
) -> None:
    import_file(admin, "users", a_file((cast.bob.email, "manager"), columns=("email", "role")))
    bob = by_email(cast, cast.bob.email)
    assert (bob.name, bob.role) == ("Bob", "manager")
    assert bob.employee.department_id == cast.home.sales.pk


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_d6_what_has_been_exported_changes_nothing(cast: Cast, admin: Browser, kind: str) -> None:
    exported = admin.get(f"/admin/bos/user/export/{kind}/").content
    checked = bring(admin, "users", exported, f"users.{kind}")
    outcome = checked.outcome
    assert (outcome["new"], outcome["changed"], outcome["unchanged"]) == (0, 0, 4)


def test_d6_an_xlsx_file_brings_people_too(cast: Cast, admin: Browser) -> None:
    email = an_email()
    import_file(admin, "users", xlsx_bytes(COLUMNS, [(email, "Anna", "", "", "")]), "a.xlsx")
    assert by_email(cast, email).role == Role.VIEWER


# ------------------------------------------------------------------ what is wrong


def test_d6_each_refused_row_is_named_with_its_field_and_reason(cast: Cast, admin: Browser) -> None:
    User.objects.filter(pk=cast.mia.user.pk).update(is_superuser=True)
    refused = bring(
        admin,
        "users",
        a_file(
            ("", "Anna", "", "", ""),
            ("nobody", "Anna", "", "", ""),
            (an_email(), "", "", "", ""),
            (an_email(), "Anna", "king", "Marketing", "x" * 201),
            (cast.bob.email, "Bob", "", "", ""),
            (cast.bob.email.upper(), "Bob", "", "", ""),
            (cast.mia.email, "Mia", "viewer", "", ""),
            (an_email(), "n" * 201, "", str(cast.other.sales.pk), ""),
        ),
    )
    assert problems(refused) == [
        (2, "email"),
        (3, "email"),
        (4, "name"),
        (5, "role"),
        (5, "department"),
        (5, "title"),
        (7, ""),
        (8, "email"),
        (9, "name"),
        (9, "department"),
    ]
    messages = [problem["message"] for problem in refused.outcome["problems"]]
    assert SUPERUSER in messages
    assert "Row 6 is about the same." in messages
    assert by_email(cast, cast.bob.email).role == Role.MEMBER


def test_d6_somebody_who_was_erased_does_not_come_back_by_a_file(
    cast: Cast, admin: Browser
) -> None:
    user_erase(cast.vera.user)
    former = User.objects.get(pk=cast.vera.user.pk).email
    refused = bring(admin, "users", a_file((former, "Vera", "", "", "")))
    assert refused.outcome["problems"][0]["message"] == ERASED
    again = import_file(admin, "users", a_file((cast.vera.email, "Vera", "", "", "")))
    assert again.outcome["new"] == 1


def test_d6_no_file_leaves_an_organization_without_an_admin(cast: Cast, admin: Browser) -> None:
    demoting = (cast.alice.email, "", "viewer")
    columns = ("email", "name", "role")
    refused = bring(admin, "users", a_file(demoting, columns=columns))
    assert refused.outcome["problems"] == [{"row": 2, "column": "role", "message": NO_ADMIN_LEFT}]
    # The new admin comes first, wherever in the file they stand.
    done = import_file(
        admin, "users", a_file(demoting, (cast.bob.email, "", "admin"), columns=columns)
    )
    assert done.outcome["changed"] == 2
    assert by_email(cast, cast.alice.email).role == Role.VIEWER
    assert by_email(cast, cast.bob.email).role == Role.ADMIN


def test_d6_a_stranger_brings_and_changes_only_their_own_people(
    cast: Cast, stranger: Browser
) -> None:
    done = import_file(
        stranger, "users", a_file((cast.bob.email, "Stolen", "admin"), columns=COLUMNS[:3])
    )
    assert done.outcome["new"] == 1
    bob = by_email(cast, cast.bob.email)
    assert (bob.name, bob.role) == ("Bob", "member")


def test_d6_what_has_changed_since_the_check_is_left_out_and_named(
    cast: Cast, admin: Browser
) -> None:
    taken, new = an_email(), an_email()
    organization = cast.home.organization
    kind = UserImport()
    plan = kind.plan(
        read_table("a.csv", a_file((taken, "Anna", ""), (new, "Ben", ""), columns=COLUMNS[:3])),
        organization,
        lambda rows_done: None,
    )
    User.objects.create_user(taken, name="Anna", organization=organization)
    with transaction.atomic():
        kind.write(plan.steps, organization, plan.outcome)
    assert (plan.outcome.lost, plan.outcome.new) == (1, 1)
    assert by_email(cast, new).name == "Ben"


# ------------------------------------------------------------------ 500 of them


def test_d6_500_people_come_in_by_as_many_statements_as_ten(cast: Cast) -> None:
    kind, organization = UserImport(), cast.home.organization

    def statements(count: int) -> int:
        rows = [(an_email(), f"Person {n}", "member", "Sales", "Agent") for n in range(count)]
        with CaptureQueriesContext(connection) as captured:
            plan = kind.plan(
                read_table("a.csv", a_file(*rows)), organization, lambda rows_done: None
            )
            with transaction.atomic():
                kind.write(plan.steps, organization, plan.outcome)
        assert plan.outcome.new == count
        return len(captured)

    few, many = statements(10), statements(500)
    # SQLite takes so many parameters a statement, so that a row of each kind is written in several.
    assert many <= few + 40
    assert User.objects.of(organization.pk).filter(role=Role.MEMBER).count() == 511


# ------------------------------------------------------------------ several in the list


LIST = "/admin/bos/user/"


def act(browser: Browser, action: str, users: Sequence[User], **more: Any) -> Any:
    chosen = [user.pk for user in users]
    return browser.post(LIST, {"action": action, "_selected_action": chosen, **more})


def test_d6_an_action_names_whom_it_concerns_before_anything_is_done(
    cast: Cast, admin: Browser
) -> None:
    User.objects.filter(pk=cast.vera.user.pk).update(is_active=False)
    page = act(admin, "deactivate_selected", [cast.bob.user, cast.vera.user])
    html = page.content.decode()
    assert page.status_code == 200
    assert (
        html.index(cast.bob.email) < html.index("Deactivated already") < html.index(cast.vera.email)
    )
    assert by_email(cast, cast.bob.email).is_active
    done = act(admin, "deactivate_selected", [cast.bob.user, cast.vera.user], post="yes")
    assert done.status_code == 302
    assert not by_email(cast, cast.bob.email).is_active
    assert "1 user is deactivated." in admin.get(LIST).content.decode()


@pytest.mark.once("sqlite")
@pytest.mark.parametrize("selected", ["", "x", "\0"])
def test_d6_what_is_no_id_selects_nobody_and_fails_nothing(
    cast: Cast, admin: Browser, selected: str
) -> None:
    form = {"action": "deactivate_selected", "_selected_action": [cast.bob.id, selected], "post": 1}
    answer = admin.post("/admin/bos/user/", form, follow=True)
    assert "What was selected is not there." in answer.content.decode()
    assert User.objects.get(pk=cast.bob.id).is_active


def test_a5_several_are_deactivated_activated_and_given_a_role_at_once(
    cast: Cast, admin: Browser
) -> None:
    users = [cast.bob.user, cast.vera.user, cast.mia.user]
    doors.admin_action(admin, "deactivate_selected", users, post="yes")
    assert {by_email(cast, user.email).is_active for user in users} == {False}
    doors.admin_action(admin, "reactivate_selected", users, post="yes")
    assert {by_email(cast, user.email).is_active for user in users} == {True}
    assert act(admin, "change_role_of_selected", users, post="yes", role="").status_code == 200
    doors.admin_action(admin, "change_role_of_selected", users, post="yes", role="manager")
    versions = {user.email: by_email(cast, user.email).token_version for user in users}
    assert {by_email(cast, email).role for email in versions} == {"manager"}
    assert versions[cast.bob.email] == versions[cast.mia.email] + 1  # whose role it was already


@pytest.mark.parametrize(
    ("action", "more"),
    [("deactivate_selected", {}), ("change_role_of_selected", {"role": "member"})],
)
def test_d6_the_last_admin_is_kept_and_so_is_everybody_else_then(
    cast: Cast, admin: Browser, action: str, more: dict[str, str]
) -> None:
    done = act(admin, action, [cast.alice.user, cast.mia.user], post="yes", **more)
    assert done.status_code == 302
    alice, mia = by_email(cast, cast.alice.email), by_email(cast, cast.mia.email)
    assert (alice.is_active, alice.role) == (True, "admin")
    assert (mia.is_active, mia.role) == (True, "manager")
    assert "would have no admin left" in admin.get(LIST).content.decode()
    # With another one there, one may do it to oneself.
    User.objects.filter(pk=mia.pk).update(role=Role.ADMIN)
    assert act(admin, action, [cast.alice.user], post="yes", **more).status_code == 302
    alice.refresh_from_db()
    assert not alice.is_staff or not alice.is_active


def test_d6_invitations_are_sent_again_to_those_who_have_not_come_in(
    cast: Cast, admin: Browser
) -> None:
    new = User(organization=cast.home.organization, email=an_email(), name="Nora")
    new.set_unusable_password()
    new.save()
    doors.admin_action(admin, "invite_selected_again", [new, cast.bob.user], post="yes")
    doors.admin_action(admin, "invite_selected_again", [new], post="yes")
    link = AccountLink.objects.get(user=new)
    assert (link.number, link.asked_by_id) == (2, cast.alice.user.pk)
    assert not AccountLink.objects.filter(user=cast.bob.user).exists()
    assert "being sent" in admin.get(LIST).content.decode()


def test_d6_nobody_acts_on_others_people_or_on_a_superuser(
    cast: Cast, admin: Browser, stranger: Browser
) -> None:
    act(stranger, "deactivate_selected", [cast.bob.user], post="yes")
    assert by_email(cast, cast.bob.email).is_active
    User.objects.filter(pk=cast.mia.user.pk).update(is_superuser=True)
    for action in ("deactivate_selected", "change_role_of_selected", "invite_selected_again"):
        refused = act(admin, action, [cast.bob.user, cast.mia.user], post="yes", role="viewer")
        assert refused.status_code == 403
    assert by_email(cast, cast.bob.email).is_active
