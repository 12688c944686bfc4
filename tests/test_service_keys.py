"""Service accounts and their keys, by REST and in the admin (decision D1)."""

from __future__ import annotations

import io
import logging
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from bos.api.scopes import ANY_KEY
from bos.leaving.rules import LastAdmin, admins_of, is_last_admin
from bos.models import Role, ServiceAccount, ServiceKey, User
from bos.notifying import admins_of as told_admins
from bos.service.keys import Scope, key_create, key_revoke, parse, prefix_of
from bos.service.last_use import uses
from tests.support import doors
from tests.support.cast import Cast
from tests.support.furnished import NAMES
from tests.support.machines import Machine, make_machine
from tests.support.rest import Caller

ME = "/api/v1/me"
VALUES = "/api/v1/values"


def ask(path: str, machine: Machine) -> tuple[int, Any]:
    return Caller().get(path, machine.token)


# ------------------------------------------------------------------ the text of a key


@given(st.uuids())
def test_d1_a_key_names_its_row_whatever_its_id_is(id_: UUID) -> None:
    secret = "Ab1" + "z" * 40
    parsed = parse(f"{prefix_of(id_)}_{secret}")
    assert parsed is not None
    assert parsed[0] == id_


@pytest.mark.parametrize(
    "text",
    [
        "",
        "bos_",
        f"bos_{'0' * 22}_{'a' * 42}",
        f"bos_{'0' * 22}_{'a' * 44}",
        f"bos_{'0' * 21}_{'a' * 43}",
        f"bos_{'z' * 22}_{'a' * 43}",
        f"bos_{'0' * 22}_{'a' * 42}é",
        f"bos_{'0' * 22}_{'a' * 43}\n",
        f"BOS_{'0' * 22}_{'a' * 43}",
    ],
)
def test_d1_any_other_text_is_no_key(text: str) -> None:
    assert parse(text) is None


def test_d1_the_secret_is_stored_as_a_hash_alone(cast: Cast) -> None:
    machine = make_machine(cast.home.organization)
    secret = machine.token.rpartition("_")[2]
    assert len(secret) == 43
    row = ServiceKey.objects.filter(pk=machine.key.pk).values().get()
    assert secret not in str(row)
    again = key_create(machine.key.account, label="b", scopes=[Scope.READ])[1]
    assert again.rpartition("_")[2] != secret


# ------------------------------------------------------------------ REST


def test_d1_a_key_tells_who_it_is_and_what_it_is_for(cast: Cast) -> None:
    end = timezone.now().replace(microsecond=0) + timedelta(days=1)
    machine = make_machine(cast.home.organization, scopes=[Scope.INGEST], expires_at=end)
    status, told = ask(ME, machine)
    assert status == 200
    assert told == {
        "userId": machine.id,
        "name": machine.user.name,
        "role": "manager",
        "kind": "service",
        "organization": {"id": cast.home.id, "name": "Home"},
        "scopes": ["ingest"],
        "permissions": ["read", "annotate", "createSessions", "setKpis", "requestReports"],
        "expiresAt": end.isoformat().replace("+00:00", "Z"),
    }


def test_d3_a_person_is_told_of_their_role(cast: Cast) -> None:
    status, told = Caller().get(ME, cast.vera.token)
    assert (status, told["kind"], told["role"]) == (200, "person", "viewer")
    assert told["permissions"] == ["read"]
    assert told["scopes"] == [scope.value for scope in Scope]
    assert "administer" in Caller().get(ME, cast.alice.token)[1]["permissions"]
    assert Caller().get(ME)[0] == 401


def revoked(machine: Machine) -> None:
    assert key_revoke(machine.key)
    assert not key_revoke(machine.key)


def expired(machine: Machine) -> None:
    ServiceKey.objects.filter(pk=machine.key.pk).update(expires_at=timezone.now())


def switched_off(machine: Machine) -> None:
    User.objects.filter(pk=machine.user.pk).update(is_active=False)


def deleted(machine: Machine) -> None:
    User.objects.get(pk=machine.user.pk).delete()


def with_another_secret(machine: Machine) -> None:
    machine.text = machine.text[:-1] + ("a" if machine.text[-1] != "a" else "b")


def with_the_id_of_another(machine: Machine) -> None:
    other = key_create(machine.key.account, label="o", scopes=[Scope.READ])[0]
    machine.text = f"{prefix_of(other.pk)}_{machine.text.rpartition('_')[2]}"


ENDS = [revoked, expired, switched_off, deleted, with_another_secret, with_the_id_of_another]


@pytest.mark.parametrize("end", ENDS, ids=lambda end: end.__name__)
def test_d1_a_key_that_holds_no_more_is_a_401(cast: Cast, end: Any) -> None:
    machine = make_machine(cast.home.organization)
    assert ask(ME, machine)[0] == 200
    end(machine)
    status, told = ask(ME, machine)
    assert (status, told["code"]) == (401, "INVALID_TOKEN")


def test_d1_a_wrong_secret_costs_what_an_unknown_key_does(cast: Cast) -> None:
    """Otherwise the time that the answer takes tells which keys there are."""
    wrong, unknown = make_machine(cast.home.organization), make_machine(cast.home.organization)
    with_another_secret(wrong)
    unknown.text = f"{prefix_of(UUID(int=1))}_{'a' * 43}"
    counts = []
    for machine in (wrong, unknown):
        with CaptureQueriesContext(connection) as statements:
            assert ask(ME, machine)[0] == 401
        counts.append(len(statements))
    assert counts[0] == counts[1]


def test_d3_the_form_of_an_answer_is_not_asked_for_by_the_address(cast: Cast) -> None:
    assert ask(f"{ME}?format=api", make_machine(cast.home.organization))[0] == 200


def test_d1_a_change_of_the_role_counts_at_once(cast: Cast) -> None:
    machine = make_machine(cast.home.organization)
    user = User.objects.get(pk=machine.user.pk)
    user.role = Role.VIEWER
    user.save()
    assert ask(ME, machine)[1]["role"] == "viewer"


# Addresses below /api/, each with what its view is asked by, and the scope that it needs.
UNKNOWN = "00000000-0000-4000-8000-000000000000"
ROUTES = {
    "/api/v1/me": ("get", ANY_KEY),
    "/api/v1/values": ("post", Scope.INGEST),
    "/api/v1/push-key": ("get", None),
    "/api/v1/push-subscriptions": ("post", None),
    "/api/kpis/history": ("get", Scope.READ),
    "/api/kpis/reports/00000000-0000-4000-8000-000000000000/file": ("get", Scope.READ),
    "/api/v1/events": ("get", Scope.READ),
    f"/api/v1/kpis/{UNKNOWN}/values": ("get", Scope.READ),
    "/api/v1/alert-rules": ("get", Scope.READ),
    f"/api/v1/alert-rules/{UNKNOWN}": ("get", Scope.READ),
    "/api/v1/alert-rules/try": ("post", Scope.WRITE),
    **{f"/api/v1/{name}": ("get", Scope.READ) for name in NAMES},
    **{f"/api/v1/{name}/{UNKNOWN}": ("get", Scope.READ) for name in NAMES},
}
OPEN = {"api/schema", "api/messages"}
CLOSED = {
    "/api/v1/webhooks": "get",
    "/api/v1/webhooks/00000000-0000-4000-8000-000000000000/replay": "post",
}
"""For people alone: no key opens them, and the method that is tried."""


def _addresses(patterns: list[Any], before: str = "") -> Iterator[str]:
    for pattern in patterns:
        route = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _addresses(pattern.url_patterns, route)
        elif isinstance(pattern, URLPattern):
            yield route


def test_d1_every_address_of_the_api_is_tried_with_every_scope() -> None:
    found = {
        "/" + re.sub("<(uuid|str):[a-z_]+>", UNKNOWN, route)
        for route in _addresses(get_resolver().url_patterns)
        if route.startswith("api/") and route not in OPEN
    }
    assert found == {*ROUTES, *CLOSED}


@pytest.mark.parametrize("scope", list(Scope))
@pytest.mark.parametrize("path", ROUTES)
def test_d1_a_key_opens_what_it_is_for_and_nothing_else(
    cast: Cast, path: str, scope: Scope
) -> None:
    method, needed = ROUTES[path]
    machine = make_machine(cast.home.organization, scopes=[scope])
    headers = {"Authorization": f"Bearer {machine.token}"}
    answer = getattr(Browser(), method)(path, headers=headers)
    if needed in (ANY_KEY, scope):
        assert answer.status_code not in (401, 403), answer.content
        return
    told = answer.json()
    assert (answer.status_code, told["code"]) == (403, "FORBIDDEN")
    assert told.get("details", {}) == ({"scope": needed} if needed else {})
    assert (needed or "No key opens it") in told["message"]


@pytest.mark.parametrize("path", CLOSED)
def test_d1_no_key_opens_what_is_for_people_alone(cast: Cast, path: str) -> None:
    machine = make_machine(cast.home.organization, Role.ADMIN, scopes=list(Scope))
    headers = {"Authorization": f"Bearer {machine.token}"}
    answer = getattr(Browser(), CLOSED[path])(path, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (403, "FORBIDDEN")
    assert "No key opens it." in answer.json()["message"]


def test_d1_the_last_use_is_written_after_the_request(cast: Cast) -> None:
    machine = make_machine(cast.home.organization)
    unused = make_machine(cast.home.organization)
    before = timezone.now()
    ask(ME, machine)
    with_another_secret(unused)
    ask(ME, unused)
    uses.write()
    machine.key.refresh_from_db()
    unused.key.refresh_from_db()
    assert machine.key.last_used_at is not None
    assert machine.key.last_used_at >= before
    assert unused.key.last_used_at is None


def test_d1_no_secret_is_logged(cast: Cast, caplog: pytest.LogCaptureFixture) -> None:
    machine = make_machine(cast.home.organization)
    with caplog.at_level(logging.DEBUG):
        for root in ("bos", "django"):
            logging.getLogger(root).addHandler(caplog.handler)
        try:
            ask(ME, machine)
            revoked(machine)
            ask(ME, machine)
            Caller().post("/auth/refresh", {"refresh": machine.token})
        finally:
            for root in ("bos", "django"):
                logging.getLogger(root).removeHandler(caplog.handler)
    assert machine.token.rpartition("_")[2] not in caplog.text
    assert machine.token not in repr(machine.key)


# ------------------------------------------------------------------ a machine is no person


def test_d1_a_machine_is_none_of_the_people(cast: Cast, admin: Browser) -> None:
    """Two have no email, and neither collides with the other; no admin is one."""
    one = make_machine(cast.home.organization, Role.ADMIN)
    other = make_machine(cast.home.organization, Role.ADMIN)
    assert one.user.email == other.user.email == ""
    assert not one.user.has_usable_password()
    assert not one.user.is_staff
    assert [user.pk for user in admins_of(cast.home.id)] == [cast.alice.user.pk]
    assert told_admins(UUID(cast.home.id)) == [cast.alice.user]
    assert is_last_admin(cast.alice.user)
    assert not is_last_admin(one.user)
    with pytest.raises(LastAdmin):
        User.objects.filter(pk=cast.alice.user.pk).update(is_active=False)
    listed = admin.get(reverse("admin:bos_user_changelist")).content.decode()
    assert one.user.name not in listed
    assert admin.get(reverse("admin:bos_user_change", args=[one.user.pk])).status_code == 302
    status, told = Caller().post("/auth/token", {"email": "", "password": "x"})
    assert status == 400, told


# ------------------------------------------------------------------ the admin


def _account_page(machine: Machine) -> str:
    return reverse("admin:bos_serviceaccount_change", args=[machine.user.pk])


def test_d1_an_admin_makes_an_account_and_a_key_that_is_shown_once(
    cast: Cast, admin: Browser
) -> None:
    fields = {"name": "Till  7", "role": "manager"}
    added = admin.post(reverse("admin:bos_serviceaccount_add"), fields)
    account = ServiceAccount.objects.get(organization=cast.home.organization)
    assert added.status_code == 302
    assert (account.user.name, account.created_by) == ("Till 7", cast.alice.user)
    again = admin.post(reverse("admin:bos_serviceaccount_add"), fields)
    assert "Another service account has this name." in again.content.decode()
    page = reverse("admin:bos_serviceaccount_key", args=[account.pk])
    assert admin.get(page).status_code == 200
    form = {"label": "cron", "scopes": ["read", "ingest"], "life": "90"}
    made = admin.post(page, form)
    assert "no-store" in made["Cache-Control"]
    [text] = re.findall(r"bos_[0-9A-Za-z]{22}_[0-9A-Za-z]{43}", made.content.decode())
    assert text not in str(made.cookies)
    status, told = Caller().get(ME, text)
    assert (status, told["scopes"]) == (200, ["read", "ingest"])
    key = account.keys.get()
    assert key.expires_at is not None
    assert timedelta(days=89) < key.expires_at - timezone.now() <= timedelta(days=90)
    for address in (added["Location"], reverse("admin:bos_serviceaccount_changelist")):
        shown = admin.get(address).content.decode()
        assert text not in shown
        assert text.rpartition("_")[2] not in shown
    revoke = reverse("admin:bos_serviceaccount_revoke", args=[account.pk, key.pk])
    assert admin.get(revoke).status_code == 200
    assert Caller().get(ME, text)[0] == 200  # asked is not done
    assert admin.post(revoke).status_code == 302
    assert Caller().get(ME, text)[0] == 401
    assert "revoked" in admin.get(added["Location"]).content.decode()


def test_d1_a_key_of_no_use_is_not_made(cast: Cast, admin: Browser) -> None:
    machine = make_machine(cast.home.organization, Role.VIEWER)
    page = reverse("admin:bos_serviceaccount_key", args=[machine.user.pk])
    form = {"label": "x", "scopes": ["ingest"], "life": "never"}
    refused = admin.post(page, form).content.decode()
    assert "A viewer may set no KPI" in refused
    assert "required" in admin.post(page, {"label": "x", "life": "30"}).content.decode()
    assert ServiceKey.objects.filter(account=machine.user.pk).count() == 1


def test_d1_name_role_and_whether_it_is_active_are_the_users(cast: Cast, admin: Browser) -> None:
    machine = make_machine(cast.home.organization)
    account = ServiceAccount.objects.get(pk=machine.user.pk)
    doors.admin_change(admin, account, name="Renamed", role="viewer", is_active="on")
    assert ask(ME, machine)[1]["name"] == "Renamed"
    assert ask(ME, machine)[1]["role"] == "viewer"
    posted = {"name": "Renamed", "role": "viewer"}
    assert admin.post(_account_page(machine), posted).status_code == 302
    assert ask(ME, machine)[0] == 401


def test_d1_another_organizations_admin_learns_nothing_of_it(cast: Cast, stranger: Browser) -> None:
    machine = make_machine(cast.home.organization)
    pages = [
        reverse("admin:bos_serviceaccount_key", args=[machine.user.pk]),
        reverse("admin:bos_serviceaccount_revoke", args=[machine.user.pk, machine.key.pk]),
    ]
    for page in pages:
        assert stranger.get(page).status_code == 404
        assert stranger.post(page, {"label": "x", "scopes": ["read"]}).status_code == 404
    own = make_machine(cast.other.organization)
    mixed = reverse("admin:bos_serviceaccount_revoke", args=[own.user.pk, machine.key.pk])
    assert stranger.post(mixed).status_code == 404
    assert stranger.get(_account_page(machine)).status_code == 302
    listed = stranger.get(reverse("admin:bos_serviceaccount_changelist")).content.decode()
    assert machine.user.name not in listed
    assert own.user.name in listed
    assert ask(ME, machine)[0] == 200


def test_d1_an_account_that_has_left_nothing_may_be_deleted(cast: Cast, admin: Browser) -> None:
    unused, used = make_machine(cast.home.organization), make_machine(cast.home.organization)
    body = {"values": [{"kpi": "revenue", "value": 1}]}
    headers = {"Authorization": f"Bearer {used.token}"}
    assert Browser().post(VALUES, body, "application/json", headers=headers).status_code == 200
    for machine, status in ((unused, 302), (used, 403)):
        page = reverse("admin:bos_serviceaccount_delete", args=[machine.user.pk])
        assert admin.post(page, {"post": "yes"}).status_code == status
    assert not User.objects.filter(pk=unused.user.pk).exists()
    assert ask(ME, unused)[0] == 401
    assert ask(ME, used)[0] == 200


def test_d1_a_superuser_adds_an_account_to_an_organization(cast: Cast, root: Browser) -> None:
    fields = {"name": "Global", "role": "viewer", "organization": cast.other.id}
    assert root.post(reverse("admin:bos_serviceaccount_add"), fields).status_code == 302
    account = ServiceAccount.objects.get(organization=cast.other.organization)
    assert account.user.organization == cast.other.organization


# ------------------------------------------------------------------ the command


def run(*arguments: str) -> str:
    told = io.StringIO()
    call_command("service_key", *arguments, stdout=told)
    return told.getvalue().strip()


def test_d1_the_command_prints_a_key_that_works(cast: Cast) -> None:
    text = run(cast.home.id, "meters", "--role=manager", "--scopes=ingest,read", "--days=1")
    status, told = Caller().get(ME, text)
    assert (status, told["name"], told["scopes"]) == (200, "meters", ["read", "ingest"])
    another = run(cast.home.id, "meters")
    assert Caller().get(ME, another)[1]["userId"] == told["userId"]


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("no such", "meters"), "no organization"),
        (("{id}", "meters", "--scopes=all"), "--scopes"),
        (("{id}", "meters", "--days=0"), "--days"),
        (("{id}", ""), "blank"),
    ],
)
def test_d1_the_command_says_what_is_wrong(
    cast: Cast, arguments: tuple[str, ...], problem: str
) -> None:
    with pytest.raises(CommandError, match=problem):
        run(*(one.format(id=cast.home.id) for one in arguments))
    assert not ServiceAccount.objects.of(cast.home.id).exists()


def test_d1_the_command_changes_no_role(cast: Cast) -> None:
    run(cast.home.id, "meters", "--role=viewer")
    with pytest.raises(CommandError, match="has the role viewer"):
        run(cast.home.id, "meters", "--role=admin")
