"""Signing in on a page, the session that it brings, and how that ends (D6, A5)."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.hashers import make_password
from django.test import Client as Browser
from django.test import RequestFactory
from django.urls import reverse
from django.utils import timezone

from bos.auth import sign_ins
from bos.auth.token_keys import token_keys
from bos.identity.entering import BEGINNINGS, count_beginning
from bos.models import Role, SignIn, User
from bos.services import prune_sessions
from tests.conftest import ANOTHER_ORIGIN
from tests.support.cast import PASSWORD, Cast, Person, make_person, make_tenant
from tests.support.client import Client
from tests.support.factors import (
    CODE,
    LOGIN,
    Passkey,
    app_of,
    at_the_door,
    is_in,
    recovery_codes_of,
    signed_in,
)
from tests.support.pages import Pages
from tests.support.provider import (
    RealProvider,
    a_browser,
    a_subject,
    login_path,
    provider_row,
    real_provider,
)
from tests.support.rest import Caller, an_address
from tests.support.server import Server

TOKENS = "/auth/session"
ME = "/api/v1/me"
CSRF = "c" * 32


def tokens_of(browser: Browser, **headers: str) -> tuple[int, Any]:
    answer = browser.post(TOKENS, "{}", content_type="application/json", headers=headers)
    return answer.status_code, answer.json()


def opens(access: str) -> bool:
    return Caller().get(ME, access)[0] == 200


def renews(refresh: str) -> bool:
    return Caller().post("/auth/refresh", {"refresh": refresh})[0] == 200


# ------------------------------------------------------------------ the page


@pytest.mark.parametrize("name", ["alice", "mia", "bob", "vera"])
def test_d6_every_role_signs_in_and_comes_to_the_page(cast: Cast, name: str) -> None:
    browser, answer = at_the_door(getattr(cast, name))
    assert (answer.status_code, answer["Location"]) == (302, "/")
    assert is_in(browser)
    again = browser.get(f"{LOGIN}?next=/account/2fa/")
    assert (again.status_code, again["Location"]) == (302, "/account/2fa/")


@pytest.mark.once("postgres")
@pytest.mark.parametrize("email", ["{}", " {} ", "nobody@test.example", "x\0y@test.example", ""])
def test_d6_what_is_wrong_with_a_sign_in_is_said_alike(cast: Cast, email: str) -> None:
    person = Person(User(email=email.format(cast.bob.email)))
    browser, answer = at_the_door(person, "a wrong password")
    assert answer.status_code == 200
    assert not is_in(browser)
    if "@" in email and "\0" not in email:
        assert answer.context["form"].non_field_errors() == ["Email or password is wrong."]
    assert "a wrong password" not in answer.content.decode()


def test_d6_a_deactivated_user_is_answered_as_a_wrong_password_is(cast: Cast) -> None:
    User.objects.filter(pk=cast.bob.user.pk).update(is_active=False)
    _, answer = at_the_door(cast.bob)
    assert answer.context["form"].non_field_errors() == ["Email or password is wrong."]


@pytest.mark.parametrize(
    ("next_url", "leads"),
    [
        ("/admin/kpis/kpi/", "/admin/kpis/kpi/"),
        ("https://evil.example/", "/"),
        ("//evil.example/", "/"),
        ("/\\evil.example", "/"),
        ("javascript:alert(1)", "/"),
        (f"{ANOTHER_ORIGIN}/", "/"),
    ],
)
def test_d6_after_signing_in_only_pages_of_this_host_are_next(
    cast: Cast, next_url: str, leads: str
) -> None:
    _, answer = at_the_door(cast.alice, next=next_url)
    assert answer["Location"] == leads


def test_d6_of_namesakes_the_password_decides_and_on_the_way_to_the_admin_the_role(
    cast: Cast,
) -> None:
    """As for tokens: an email is one user's within its organization only."""
    email = f"{uuid.uuid4().hex}@test.example"
    tenants = [cast.home, cast.other, make_tenant("Third")]
    roles = [Role.VIEWER, Role.ADMIN, Role.VIEWER]
    people = [
        make_person(tenant.organization, "same", role, None)
        for tenant, role in zip(tenants, roles, strict=True)
    ]
    for person, password in zip(people, [PASSWORD, PASSWORD, "another horse"], strict=True):
        User.objects.filter(pk=person.user.pk).update(email=email, password=make_password(password))
        person.user.refresh_from_db()
    browser, _ = at_the_door(people[2], "another horse")
    assert browser.session["_auth_user_id"] == people[2].id
    browser, _ = at_the_door(people[0], next="/admin/")
    assert browser.session["_auth_user_id"] == people[1].id


def test_d6_the_page_needs_its_csrf_token(cast: Cast) -> None:
    browser = Browser(enforce_csrf_checks=True, REMOTE_ADDR=an_address())
    sent = {"email": cast.bob.email, "password": PASSWORD}
    assert browser.post(LOGIN, sent).status_code == 403
    token = browser.get(LOGIN).cookies["csrftoken"].value
    assert browser.post(LOGIN, sent | {"csrfmiddlewaretoken": token}).status_code == 302


def test_d6_nobody_keeps_a_page_of_an_account(cast: Cast) -> None:
    for answer in (signed_in(cast.bob).get("/account/2fa/"), Browser().get(LOGIN)):
        assert "no-store" in answer["Cache-Control"]
    assert "no-store" in signed_in(cast.bob).get("/")["Cache-Control"]
    assert "no-store" not in Browser().get("/").get("Cache-Control", "")


@pytest.mark.once("sqlite")
@pytest.mark.parametrize("more", [0, 1])
def test_d6_so_much_is_begun_from_an_address_and_no_more(cast: Cast, more: int) -> None:
    address = an_address()
    for _ in range(BEGINNINGS.amount - 1 + more):
        count_beginning(RequestFactory().get("/", REMOTE_ADDR=address))
    browser = Browser(REMOTE_ADDR=address)
    answers = [
        browser.get("/account/2fa/webauthn/login/", headers={"Accept": "application/json"}),
        browser.get(login_path(provider_row(cast.home, "https://provider.example"))),
    ]
    assert [answer.status_code == 429 for answer in answers] == [bool(more), True]
    assert int(answers[1]["Retry-After"]) > 0


# ------------------------------------------------------------------ the session


def test_d6_a_session_is_a_sign_in_that_is_listed_and_can_be_ended(cast: Cast) -> None:
    browser = signed_in(cast.bob)
    [row] = SignIn.objects.filter(user=cast.bob.user)
    assert (row.refresh_id, row.session, row.ended_at) == ("", None, None)
    assert row.address
    assert sign_ins.end(row, sign_ins.End.LOGOUT)
    assert not is_in(browser)
    assert "_auth_user_id" not in browser.session


def test_d6_a_session_that_has_no_sign_in_is_none(cast: Cast) -> None:
    browser = signed_in(cast.bob)
    SignIn.objects.filter(user=cast.bob.user).delete()
    assert not is_in(browser)


def test_d6_a_session_ends_after_thirty_days_however_often_it_is_used(cast: Cast) -> None:
    browser = signed_in(cast.bob)
    SignIn.objects.filter(user=cast.bob.user).update(ends_at=timezone.now())
    assert not is_in(browser)


@pytest.mark.parametrize(("minutes", "noted"), [(4, False), (6, True)])
def test_d6_that_a_session_is_used_is_noted_every_five_minutes(
    cast: Cast, minutes: int, noted: bool
) -> None:
    browser = signed_in(cast.bob)
    before = timezone.now() - timedelta(minutes=minutes)
    SignIn.objects.filter(user=cast.bob.user).update(used_at=before)
    assert is_in(browser)
    assert (SignIn.objects.get(user=cast.bob.user).used_at > before) is noted


def test_d6_signing_out_ends_the_session_and_asks_before(cast: Cast) -> None:
    browser = signed_in(cast.bob)
    assert browser.get("/account/logout/").status_code == 200
    assert is_in(browser)
    assert browser.post("/account/logout/")["Location"] == LOGIN
    assert not is_in(browser)
    assert SignIn.objects.get(user=cast.bob.user).end_reason == "logout"


def test_d6_signing_out_of_the_admin_ends_the_same_session(cast: Cast) -> None:
    browser = signed_in(cast.alice)
    assert browser.post("/admin/logout/").status_code in (200, 302)
    assert SignIn.objects.get(user=cast.alice.user).ended_at is not None


def test_d6_sessions_that_have_expired_are_forgotten(cast: Cast) -> None:
    browser = signed_in(cast.bob)
    session = browser.session
    session.set_expiry(-1)
    session.save()
    assert prune_sessions() >= 1
    assert not is_in(browser)


# ------------------------------------------------------------------ tokens for a session


def test_d6_a_session_gets_tokens_which_end_with_it(cast: Cast) -> None:
    browser = signed_in(cast.bob)
    status, pair = tokens_of(browser)
    assert status == 200
    assert opens(pair["access"])
    _, other = tokens_of(browser)
    renewed = Caller().post("/auth/refresh", {"refresh": pair["refresh"]})[1]
    assert opens(renewed["access"])
    browser.post("/account/logout/")
    assert not any(map(opens, (pair["access"], other["access"], renewed["access"])))
    assert not any(map(renews, (other["refresh"], renewed["refresh"])))


def test_d6_a_session_gets_thirty_pairs_of_tokens_in_five_minutes(cast: Cast) -> None:
    browser = signed_in(cast.bob)
    assert {tokens_of(browser)[0] for _ in range(30)} == {200}
    status, refusal = tokens_of(browser)
    assert (status, refusal["code"]) == (429, "THROTTLED")
    assert refusal["details"]["retryAfter"] > 0


def test_d6_tokens_of_a_session_do_not_outlive_it(cast: Cast) -> None:
    """Else they would go on, listed nowhere, once it is over and forgotten."""
    browser = signed_in(cast.bob)
    session = SignIn.objects.get(user=cast.bob.user)
    session.ends_at = timezone.now() + timedelta(minutes=5)
    session.save()
    _, pair = tokens_of(browser)
    assert SignIn.objects.get(session=session.pk).ends_at == session.ends_at
    ends = int(session.ends_at.timestamp())
    assert {token_keys.claims(token)["exp"] for token in pair.values()} == {ends}


def test_d6_signing_out_on_the_page_ends_the_session_and_its_other_tokens(cast: Cast) -> None:
    browser, elsewhere = signed_in(cast.bob), signed_in(cast.bob)
    (_, pair), (_, other) = tokens_of(browser), tokens_of(browser)
    assert Caller().post("/auth/logout", {"refresh": pair["refresh"]})[0] == 204
    assert not opens(other["access"])
    assert not is_in(browser)
    assert tokens_of(browser)[0] == 401
    assert is_in(elsewhere)


async def test_a5_ending_a_session_closes_the_sockets_of_its_tokens(
    server: Server, cast: Cast
) -> None:
    browser = signed_in(cast.bob)
    _, pair = tokens_of(browser)
    async with await Client.connect(server) as bob:
        await bob.ask("AUTH", {"token": pair["access"]})
        browser.post("/account/logout/")
        assert (await bob.closed())[0] == 4403


def test_d6_whoever_is_not_signed_in_gets_no_tokens() -> None:
    status, body = tokens_of(Browser())
    assert (status, body["code"]) == (401, "NOT_AUTHENTICATED")


def test_d6_a_superuser_of_no_organization_gets_no_tokens(root: Browser) -> None:
    assert tokens_of(root)[0] == 401


def test_d4_tokens_of_a_session_are_for_the_page_alone(cast: Cast) -> None:
    strict = Browser(enforce_csrf_checks=True)
    strict.cookies = signed_in(cast.bob).cookies
    status, body = tokens_of(strict)
    assert (status, set(body)) == (403, {"code", "message"})
    strict.cookies["csrftoken"] = CSRF
    assert tokens_of(strict, **{"X-CSRFToken": CSRF})[0] == 200
    assert tokens_of(strict, **{"X-CSRFToken": CSRF, "Origin": "http://testserver"})[0] == 200
    for origin in (ANOTHER_ORIGIN, "null", "http://testserver:81"):
        assert tokens_of(strict, **{"X-CSRFToken": CSRF, "Origin": origin})[0] == 403


def test_d4_an_origin_that_may_connect_gets_no_tokens_of_a_session(
    cast: Cast, settings: Any
) -> None:
    """Django's own check trusts it."""
    settings.CSRF_TRUSTED_ORIGINS = [ANOTHER_ORIGIN]
    strict = Browser(enforce_csrf_checks=True)
    strict.cookies = signed_in(cast.bob).cookies
    strict.cookies["csrftoken"] = CSRF
    status, body = tokens_of(strict, **{"X-CSRFToken": CSRF, "Origin": ANOTHER_ORIGIN})
    assert (status, body["code"]) == (403, "ORIGIN_NOT_ALLOWED")


def test_d6_the_page_is_told_of_the_session_and_of_nothing_else(cast: Cast) -> None:
    told = '<meta name="session"'
    assert told not in Browser().get("/").content.decode()
    page = signed_in(cast.bob).get("/").content.decode()
    assert f'{told} content="{cast.bob.email}"' in page
    assert "csrftoken" in signed_in(cast.bob).get("/").cookies


# ------------------------------------------------------------------ every way in, every end (A5)


@dataclass(frozen=True, slots=True)
class Held:
    """Got by one way in. holds: whether it still opens; again: whether the way opens anew."""

    holds: Callable[[], bool]
    again: Callable[[], bool]


@pytest.fixture(scope="module")
def real() -> Iterator[RealProvider]:
    with real_provider() as provider:
        yield provider


def by_password(cast: Cast, person: Person, real: RealProvider) -> Held:
    caller = Caller()
    access = caller.sign_in(person)[1]["access"]
    return Held(lambda: opens(access), lambda: caller.sign_in(person)[0] == 200)


def by_refresh(cast: Cast, person: Person, real: RealProvider) -> Held:
    caller = Caller()
    refresh = caller.sign_in(person)[1]["refresh"]
    return Held(lambda: renews(refresh), lambda: caller.sign_in(person)[0] == 200)


def by_session(cast: Cast, person: Person, real: RealProvider) -> Held:
    browser = signed_in(person)
    return Held(lambda: is_in(browser), lambda: at_the_door(person)[1].status_code == 302)


def by_tokens_of_a_session(cast: Cast, person: Person, real: RealProvider) -> Held:
    browser = signed_in(person)
    access = tokens_of(browser)[1]["access"]
    return Held(lambda: opens(access), lambda: at_the_door(person)[1].status_code == 302)


def by_app(cast: Cast, person: Person, real: RealProvider) -> Held:
    """The password is proved, the code of the app is not yet."""
    app = app_of(person)
    browser, _ = at_the_door(person)
    steps = iter((0, 1))

    def proves(browser: Browser) -> bool:
        browser.post(CODE, {"code": app.code(next(steps))})
        return is_in(browser)

    return Held(lambda: proves(browser), lambda: proves(at_the_door(person)[0]))


def by_recovery_code(cast: Cast, person: Person, real: RealProvider) -> Held:
    app_of(person)
    codes = iter(recovery_codes_of(person))
    browser, _ = at_the_door(person)

    def proves(browser: Browser) -> bool:
        browser.post(CODE, {"code": next(codes)})
        return is_in(browser)

    return Held(lambda: proves(browser), lambda: proves(at_the_door(person)[0]))


def by_code_over_rest(cast: Cast, person: Person, real: RealProvider) -> Held:
    app = app_of(person)
    caller, steps = Caller(), iter((0, 1))

    def pair() -> tuple[int, Any]:
        body = {"email": person.email, "password": PASSWORD, "code": app.code(next(steps))}
        return caller.post("/auth/token", body)

    access = pair()[1]["access"]
    return Held(lambda: opens(access), lambda: pair()[0] == 200)


def by_passkey(cast: Cast, person: Person, real: RealProvider) -> Held:
    passkey = Passkey()
    passkey.added(signed_in(person))
    browser = a_browser()
    passkey.signs_in(browser)
    assert is_in(browser)

    def again() -> bool:
        other = a_browser()
        passkey.signs_in(other)
        return is_in(other)

    return Held(lambda: is_in(browser), again)


def by_provider(cast: Cast, person: Person, real: RealProvider) -> Held:
    row, subject = provider_row(cast.home, real.issuer), a_subject()
    real.knows(subject, email=person.email, email_verified=True)
    browser = a_browser()
    real.lets_in(browser, row, subject)
    assert is_in(browser)

    def again() -> bool:
        other = a_browser()
        real.lets_in(other, row, subject)
        return is_in(other)

    return Held(lambda: is_in(browser), again)


def deactivated(cast: Cast, person: Person) -> None:
    User.objects.filter(pk=person.user.pk).update(is_active=False)


def role_changed(cast: Cast, person: Person) -> None:
    User.objects.filter(pk=person.user.pk).update(role=Role.VIEWER)


def password_changed(cast: Cast, person: Person) -> None:
    user = User.objects.get(pk=person.user.pk)
    user.set_password("another horse battery")
    user.save(update_fields=["password"])


def moved(cast: Cast, person: Person) -> None:
    User.objects.filter(pk=person.user.pk).update(organization=cast.other.organization)


Way = Callable[[Cast, Person, RealProvider], Held]
Change = Callable[[Cast, Person], None]
WAYS: list[Way] = [
    by_password,
    by_refresh,
    by_session,
    by_tokens_of_a_session,
    by_app,
    by_recovery_code,
    by_code_over_rest,
    by_passkey,
    by_provider,
]
CHANGES: list[Change] = [deactivated, role_changed, password_changed, moved]
ANEW: dict[Change, set[Way]] = {
    deactivated: set(),
    role_changed: set(WAYS),
    password_changed: {by_passkey, by_provider},
    moved: set(WAYS) - {by_provider},
}
"""By which ways somebody comes in anew after such a change."""


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_a5_whatever_was_got_by_any_way_in_is_over_with_the_account_as_it_was(
    cast: Cast, real: RealProvider, settings: Any, way: Way, change: Change
) -> None:
    settings.OUTBOUND_INSIDE = True
    held = way(cast, cast.bob, real)
    change(cast, cast.bob)
    assert not held.holds()
    assert held.again() is (way in ANEW[change])


@pytest.mark.parametrize(
    "way",
    [by_password, by_session, by_app, by_recovery_code, by_passkey, by_provider],
    ids=lambda way: way.__name__,
)
def test_a5_without_a_change_all_of_these_go_on(
    cast: Cast, real: RealProvider, settings: Any, way: Way
) -> None:
    """Else the test above would hold of what never opened."""
    settings.OUTBOUND_INSIDE = True
    held = way(cast, cast.bob, real)
    assert held.holds()
    assert held.again()


async def test_a5_a_session_is_over_on_every_process(server: Server, cast: Cast) -> None:
    """The server has not been told: it asks the database."""
    pages = Pages(server, cast.alice)
    assert (await pages.get("/account/2fa/"))[0] == 200
    make_person(cast.home.organization, "second", Role.ADMIN, None)
    User.objects.filter(pk=cast.alice.user.pk).update(role=Role.MANAGER)
    assert (await pages.get("/account/2fa/"))[0] == 302
    assert (await pages.get("/admin/"))[0] == 302


def test_a5_a_new_password_ends_the_other_sessions_and_not_ones_own(cast: Cast) -> None:
    browser, other = signed_in(cast.alice), signed_in(cast.alice)
    new = "another horse battery"
    form = {"old_password": PASSWORD, "new_password1": new, "new_password2": new}
    assert browser.post(reverse("admin:password_change"), form).status_code == 302
    assert is_in(browser)
    assert not is_in(other)


def test_d6_a_machine_has_no_way_in(cast: Cast) -> None:
    """It has no password; if it had one, none of the ways would look at it."""
    User.objects.filter(pk=cast.bob.user.pk).update(is_service=True)
    _, answer = at_the_door(cast.bob)
    assert answer.status_code == 200
