"""The second factor: an app with codes, recovery codes, passkeys; and who must have one (D6)."""

from __future__ import annotations

import json
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.contrib.admin.models import LogEntry
from django.db import connections
from django.test import Client as Browser
from django.urls import reverse

from bos.identity import second_factor
from bos.leaving.people import user_erase
from bos.models import IdentityLink, Organization, Role, SignIn, User
from sync.models import Event
from tests.support import doors
from tests.support.cast import PASSWORD, Cast, Person, make_person
from tests.support.factors import (
    CODE,
    FACTORS,
    App,
    Passkey,
    app_of,
    at_the_door,
    factors_of,
    is_in,
    recovery_codes_of,
    signed_in,
)
from tests.support.provider import a_browser, provider_row
from tests.support.rest import Caller

AT_ONCE = second_factor.PER_USER.amount
A_DAY = second_factor.PER_USER_AND_DAY.amount


def token(person: Person, code: str | None = None, password: str = PASSWORD) -> tuple[int, Any]:
    body = {"email": person.email, "password": password}
    return Caller().post("/auth/token", body if code is None else body | {"code": code})


# ------------------------------------------------------------------ on the page


def test_d6_an_app_is_set_up_on_its_page_and_asked_for_from_then_on(cast: Cast) -> None:
    browser = signed_in(cast.bob)
    page = browser.get(f"{FACTORS}totp/activate/")
    html = page.content.decode()
    app = App(page.context["form"].secret)
    assert app.secret in html
    assert "data:image/svg+xml" in html
    wrong = browser.post(f"{FACTORS}totp/activate/", {"code": app.wrong()})
    assert wrong.context["form"].errors["code"] == ["This is not right, or was used before."]
    assert factors_of(cast.bob) == set()
    done = browser.post(f"{FACTORS}totp/activate/", {"code": app.code()}, follow=True)
    assert factors_of(cast.bob) == {"totp", "recovery_codes"}
    codes = done.context["unused_codes"]
    assert len(codes) == 10
    assert all(code in done.content.decode() for code in codes)
    shown_again = browser.get(f"{FACTORS}recovery-codes/").content.decode()
    assert not any(code in shown_again for code in codes)

    other, answer = at_the_door(cast.bob)
    assert answer["Location"] == CODE
    assert not is_in(other)
    refused = other.post(CODE, {"code": app.wrong()})
    assert refused.context["form"].errors["code"]
    assert not is_in(other)
    assert other.post(CODE, {"code": app.code(1)})["Location"] == "/"
    assert is_in(other)


def test_d6_the_code_that_an_app_was_set_up_with_opens_nothing(cast: Cast) -> None:
    browser = signed_in(cast.bob)
    app = App(browser.get(f"{FACTORS}totp/activate/").context["form"].secret)
    code = app.code(1)
    assert browser.post(f"{FACTORS}totp/activate/", {"code": code}).status_code == 302
    other, _ = at_the_door(cast.bob)
    assert other.post(CODE, {"code": code}).status_code == 200
    assert not is_in(other)
    assert token(cast.bob, code)[1]["code"] == "INVALID_CODE"


def test_d6_the_page_that_was_asked_for_is_next_after_the_second_factor(cast: Cast) -> None:
    app = app_of(cast.alice)
    browser, _ = at_the_door(cast.alice, next="/admin/kpis/kpi/")
    assert browser.get("/admin/").status_code == 302
    assert browser.post(CODE, {"code": app.code()})["Location"] == "/admin/kpis/kpi/"
    assert browser.get("/admin/").status_code == 200


def test_d6_a_code_opens_once(cast: Cast) -> None:
    app = app_of(cast.bob)
    code = app.code()
    first, second = at_the_door(cast.bob)[0], at_the_door(cast.bob)[0]
    first.post(CODE, {"code": code})
    second.post(CODE, {"code": code})
    assert (is_in(first), is_in(second)) == (True, False)
    assert token(cast.bob, code) == (
        401,
        {"code": "INVALID_CODE", "message": "This code is wrong, or was used before."},
    )
    assert second_factor.prove(cast.bob.user, app.code(-1)) is None, "of before the one used"
    assert second_factor.prove(cast.bob.user, app.code(1)) is not None


@pytest.mark.parametrize("kind", ["app", "recovery"])
def test_d6_of_parallel_uses_of_a_code_one_opens(cast: Cast, kind: str) -> None:
    app = app_of(cast.bob)
    code = recovery_codes_of(cast.bob)[0] if kind == "recovery" else app.code()
    start = threading.Barrier(5)

    def use(_: int) -> bool:
        try:
            start.wait(10)
            return second_factor.prove(cast.bob.user, code) is not None
        finally:
            connections.close_all()

    with ThreadPoolExecutor(5) as pool:
        assert sorted(pool.map(use, range(5))) == [False] * 4 + [True]


@pytest.mark.parametrize(("steps", "opens"), [(-2, False), (-1, True), (0, True), (1, True)])
def test_d6_a_clock_may_be_half_a_minute_wrong(cast: Cast, steps: int, opens: bool) -> None:
    """Two steps ahead are not tried: half of the time one has just begun."""
    app = app_of(cast.bob)
    assert (second_factor.prove(cast.bob.user, app.code(steps)) is not None) is opens


def test_d6_a_recovery_code_opens_once_and_however_it_is_typed(cast: Cast) -> None:
    app_of(cast.bob)
    first, second, *_ = recovery_codes_of(cast.bob)
    assert token(cast.bob, f" {first[:4]}-{first[4:]} ")[0] == 200
    assert token(cast.bob, first)[0] == 401
    browser, _ = at_the_door(cast.bob)
    browser.post(CODE, {"code": second})
    assert is_in(browser)


def test_d6_new_recovery_codes_end_the_old_ones(cast: Cast) -> None:
    app = app_of(cast.bob)
    old = recovery_codes_of(cast.bob)
    browser, _ = at_the_door(cast.bob)
    browser.post(CODE, {"code": app.code()})
    browser.post(f"{FACTORS}recovery-codes/generate/")
    assert token(cast.bob, old[0])[0] == 401


def test_d6_nobody_gets_past_the_second_factor_by_asking_for_another_page(cast: Cast) -> None:
    app_of(cast.alice)
    browser, _ = at_the_door(cast.alice)
    for path in ("/admin/", FACTORS, "/account/2fa/totp/deactivate/", "/account/reauthenticate/"):
        assert browser.get(path).status_code == 302, path
        assert not browser.get(path, follow=True).wsgi_request.user.is_authenticated, path
    assert browser.post("/auth/session").status_code == 401
    assert not SignIn.objects.filter(user=cast.alice.user).exists()


def test_d6_who_begins_again_has_proved_nothing(cast: Cast) -> None:
    app = app_of(cast.bob)
    browser, _ = at_the_door(cast.bob)
    browser.get("/account/login/")
    browser.post(CODE, {"code": app.code()})
    assert not is_in(browser)


def test_d6_secrets_are_sealed_where_they_are_stored(cast: Cast) -> None:
    app = app_of(cast.bob)
    codes = recovery_codes_of(cast.bob)
    stored = json.dumps(list(Authenticator.objects.filter(user=cast.bob.user).values("data")))
    assert app.secret not in stored
    assert stored.count("gAAAA") == 2
    assert not any(code in stored for code in codes)


# ------------------------------------------------------------------ over REST


def test_d6_a_password_alone_is_not_enough_for_a_token(cast: Cast) -> None:
    app = app_of(cast.bob)
    for code in (None, ""):
        status, body = token(cast.bob, code)
        assert (status, body["code"], set(body)) == (401, "MFA_REQUIRED", {"code", "message"})
    assert token(cast.bob, app.wrong())[1]["code"] == "INVALID_CODE"
    assert token(cast.bob, "x" * 64)[1]["code"] == "INVALID_CODE"
    assert token(cast.bob, "x" * 65)[0] == 400
    assert token(cast.bob, app.code())[0] == 200


def test_d6_a_wrong_password_says_nothing_of_a_second_factor(cast: Cast) -> None:
    app = app_of(cast.bob)
    told = [token(person, app.code(), "wrong") for person in (cast.bob, cast.vera)]
    assert told[0] == told[1]
    assert told[0][1]["code"] == "INVALID_CREDENTIALS"
    assert token(cast.bob, app.code())[0] == 200, "it was not looked at, and is not used"


def test_d6_a_code_where_there_is_no_second_factor_is_passed_over(cast: Cast) -> None:
    assert token(cast.bob, "123456")[0] == 200


def test_d6_with_passkeys_alone_a_token_takes_a_recovery_code(cast: Cast) -> None:
    Passkey().added(signed_in(cast.bob))
    assert token(cast.bob)[1]["code"] == "MFA_REQUIRED"
    [code, *_] = recovery_codes_of(cast.bob)
    assert token(cast.bob, code)[0] == 200


# ------------------------------------------------------------------ guesses


@pytest.mark.once("postgres")
@pytest.mark.parametrize("wrong", [AT_ONCE - 1, AT_ONCE])
def test_d6_so_many_codes_are_tried_and_no_more(
    cast: Cast, wrong: int, caplog: pytest.LogCaptureFixture
) -> None:
    """By both doors together, and from all addresses: whoever guesses has the password."""
    caplog.set_level(logging.INFO, "bos.login")
    app = app_of(cast.bob)
    browser, _ = at_the_door(cast.bob)
    for n in range(wrong):
        if n % 2:
            browser.post(CODE, {"code": app.wrong()})
        else:
            assert token(cast.bob, app.wrong())[0] == 401
    status, body = token(cast.bob, app.code())
    if wrong < AT_ONCE:
        assert status == 200
        return
    assert (status, body["code"]) == (429, "THROTTLED")
    assert 290 <= body["details"]["retryAfter"] <= 300
    page = browser.post(CODE, {"code": app.code()})
    assert "Too many attempts." in page.context["form"].errors["code"][0]
    assert not is_in(browser)
    written = " ".join(str(vars(record)) for record in caplog.records)
    assert app.code() not in written
    assert "second factor refused" in written


def test_d6_right_codes_are_given_back_and_a_new_password_begins_anew(cast: Cast) -> None:
    app = app_of(cast.bob)
    codes = recovery_codes_of(cast.bob)
    for _ in range(AT_ONCE - 1):
        assert second_factor.prove(cast.bob.user, app.wrong()) is None
    assert all(second_factor.prove(cast.bob.user, code) for code in codes[:3])
    assert second_factor.prove(cast.bob.user, app.wrong()) is None
    assert token(cast.bob, app.code())[0] == 429
    cast.bob.user.set_password(PASSWORD)
    cast.bob.user.save()
    assert token(cast.bob, app.code())[0] == 200


def test_d6_a_day_has_a_bound_of_its_own() -> None:
    """Three codes of a million are right at a time: it takes ten years to find one."""
    assert A_DAY * 3 / 10**6 * 365 < 0.12


@pytest.mark.once("postgres")
@pytest.mark.parametrize("wrong", [9, 10])
def test_d6_the_password_is_asked_for_again_and_counted_like_any(cast: Cast, wrong: int) -> None:
    browser = signed_in(cast.bob)
    session = browser.session
    for record in session["account_authentication_methods"]:
        record["at"] -= 301
    session.save()
    asked = browser.get(f"{FACTORS}totp/activate/")
    assert asked["Location"].startswith("/account/reauthenticate/?next=")
    for _ in range(wrong):
        page = browser.post(asked["Location"], {"password": "wrong"})
        assert page.context["form"].errors["password"] == ["This is not your password."]
    answer = browser.post(asked["Location"], {"password": PASSWORD})
    assert (answer.status_code == 302) is (wrong < 10)
    assert (browser.get(f"{FACTORS}totp/activate/").status_code == 200) is (wrong < 10)


# ------------------------------------------------------------------ passkeys


def test_d6_a_passkey_opens_alone_and_stands_in_for_the_code(cast: Cast) -> None:
    passkey = Passkey()
    assert passkey.added(signed_in(cast.alice))["Location"] == f"{FACTORS}recovery-codes/"
    alone = a_browser()
    assert passkey.signs_in(alone, next="/admin/")["Location"] == "/admin/"
    assert alone.get("/admin/").status_code == 200

    browser, answer = at_the_door(cast.alice)
    assert answer["Location"] == CODE
    options = browser.get(CODE).context["js_data"]["request_options"]["publicKey"]
    assert len(options["allowCredentials"]) == 1
    assert browser.post(CODE, {"credential": passkey.proof(options)})["Location"] == "/"
    assert is_in(browser)


def test_d6_a_passkey_signs_for_this_challenge_and_this_host_alone(cast: Cast) -> None:
    passkey = Passkey()
    passkey.added(signed_in(cast.bob))
    address = f"{FACTORS}webauthn/login/"
    browser, other = a_browser(), a_browser()
    told = browser.get(address, headers={"Accept": "application/json"}).json()
    other.get(address, headers={"Accept": "application/json"})
    proof = passkey.proof(told["request_options"]["publicKey"])
    other.post(address, {"credential": proof})
    assert not is_in(other)
    browser.post(address, {"credential": proof})
    assert is_in(browser)
    passkey.origin = "https://evil.example"
    elsewhere = a_browser()
    passkey.signs_in(elsewhere)
    assert not is_in(elsewhere)


def test_d6_another_users_passkey_is_no_second_factor_of_mine(cast: Cast) -> None:
    mine, anothers = Passkey(), Passkey()
    mine.added(signed_in(cast.bob))
    anothers.added(signed_in(cast.vera))
    browser, _ = at_the_door(cast.bob)
    options = browser.get(CODE).context["js_data"]["request_options"]["publicKey"]
    browser.post(CODE, {"credential": anothers.proof(options)})
    assert not is_in(browser)


def broken(proof: str, **changes: Any) -> str:
    """A proof of which the response says something else."""
    told = json.loads(proof)
    told["response"] |= changes
    return json.dumps({name: value for name, value in told.items() if value is not None})


NO_PASSKEYS = ["", "{}", "[]", "null", "x", '{"id": 1}', "[" * 5_000, '"' + "x" * 70_000 + '"']
NO_ANSWERS: list[dict[str, Any]] = [
    {"signature": "AAAA"},
    {"authenticatorData": "AAAA"},
    {"clientDataJSON": "e30"},
    {"userHandle": "AA"},
    {"userHandle": None},
    {"userHandle": 7},
]


@pytest.mark.once("sqlite")
@pytest.mark.parametrize("credential", NO_PASSKEYS)
def test_d6_what_is_no_passkey_gets_a_word_and_no_error_of_ours(
    cast: Cast, credential: str
) -> None:
    browser = a_browser()
    address = f"{FACTORS}webauthn/login/"
    browser.get(address, headers={"Accept": "application/json"})
    answer = browser.post(address, {"credential": credential})
    assert (answer.status_code, answer["Location"]) == (302, "/account/login/")
    adding = signed_in(cast.bob)
    assert adding.get(f"{FACTORS}webauthn/add/").status_code == 200
    page = adding.post(f"{FACTORS}webauthn/add/", {"credential": credential})
    assert page.status_code == 200
    assert page.context["form"].errors
    assert factors_of(cast.bob) == set()


@pytest.mark.once("sqlite")
@pytest.mark.parametrize("changes", NO_ANSWERS, ids=str)
def test_d6_a_passkeys_answer_that_is_not_whole_opens_nothing(
    cast: Cast, changes: dict[str, Any]
) -> None:
    passkey = Passkey()
    passkey.added(signed_in(cast.bob))
    browser = a_browser()
    address = f"{FACTORS}webauthn/login/"
    told = browser.get(address, headers={"Accept": "application/json"}).json()
    proof = passkey.proof(told["request_options"]["publicKey"])
    answer = browser.post(address, {"credential": broken(proof, **changes)})
    assert (answer.status_code, answer["Location"]) == (302, "/account/login/")
    assert not is_in(browser)


def test_d6_passkeys_are_renamed_and_removed_by_their_owner_alone(cast: Cast) -> None:
    browser = signed_in(cast.bob)
    Passkey().added(browser)
    [row] = Authenticator.objects.filter(user=cast.bob.user, type="webauthn")
    edit, remove = (f"{FACTORS}webauthn/keys/{row.pk}/{what}/" for what in ("edit", "remove"))
    stranger = signed_in(cast.vera)
    assert {stranger.post(path, {"name": "x"}).status_code for path in (edit, remove)} == {404}
    assert browser.post(edit, {"name": "b" * 101}).context["form"].errors["name"]
    assert browser.post(edit, {"name": "b" * 100}).status_code == 302
    assert browser.post(edit, {"name": "Blue key"}).status_code == 302
    assert "Blue key" in browser.get(FACTORS).content.decode()
    assert browser.post(remove).status_code == 302
    assert factors_of(cast.bob) == set(), "recovery codes go with the last factor"


@pytest.mark.once("postgres")
def test_d6_every_page_of_second_factors_opens_and_has_no_script_in_it(cast: Cast) -> None:
    browser = signed_in(cast.bob)
    pages = ["", "totp/activate/", "webauthn/", "webauthn/add/"]
    html = [browser.get(f"{FACTORS}{page}") for page in pages]
    Passkey().added(browser)
    app_of(cast.bob)
    [key] = Authenticator.objects.filter(user=cast.bob.user, type="webauthn")
    pages = [
        *("", "totp/deactivate/", "recovery-codes/", "recovery-codes/generate/"),
        *(f"webauthn/keys/{key.pk}/{what}/" for what in ("edit", "remove")),
        *("reauthenticate/", "webauthn/reauthenticate/"),
    ]
    html += [browser.get(f"{FACTORS}{page}") for page in pages]
    html += [browser.get(f"/account/{page}/") for page in ("reauthenticate", "again", "logout")]
    door, _ = at_the_door(cast.bob)
    html += [door.get(CODE), Browser().get("/account/login/")]
    for page in html:
        assert page.status_code == 200, page.request
        text = page.content.decode()
        for script in text.split("<script")[1:]:
            assert "src=" in script.partition(">")[0] or "application/json" in script
        assert " style=" not in text
        assert "allauth" not in text
        assert "<h1" in text


# ------------------------------------------------------------------ demanded of administrators


def demand(cast: Cast) -> None:
    Organization.objects.filter(pk=cast.home.organization.pk).update(require_mfa=True)


def test_d6_where_it_is_demanded_an_administrator_sets_one_up_before_anything_else(
    cast: Cast,
) -> None:
    demand(cast)
    browser, answer = at_the_door(cast.alice, next="/admin/")
    assert answer["Location"] == FACTORS
    for path in ("/admin/", "/admin/kpis/kpi/", "/admin/bos/user/"):
        assert browser.get(path)["Location"] == FACTORS
    refused = browser.post("/auth/session")
    assert (refused.status_code, refused.json()["code"]) == (401, "MFA_SETUP_REQUIRED")
    status, body = token(cast.alice)
    assert (status, body["code"]) == (401, "MFA_SETUP_REQUIRED")
    page = browser.get(f"{FACTORS}totp/activate/")
    browser.post(f"{FACTORS}totp/activate/", {"code": App(page.context["form"].secret).code()})
    assert browser.get("/admin/").status_code == 200
    assert browser.post("/auth/session").status_code == 200


def test_d6_it_is_demanded_of_administrators_alone(cast: Cast) -> None:
    demand(cast)
    assert at_the_door(cast.mia)[1]["Location"] == "/"
    assert token(cast.mia)[0] == 200
    assert token(cast.charlie)[0] == 200, "of another organization"


def test_d6_sessions_and_refresh_tokens_of_before_the_demand_open_nothing_more(cast: Cast) -> None:
    caller = Caller()
    pair = caller.sign_in(cast.alice)[1]
    browser = signed_in(cast.alice)
    demand(cast)
    assert browser.get("/admin/")["Location"] == FACTORS
    assert caller.post("/auth/refresh", {"refresh": pair["refresh"]})[0] == 401
    app_of(cast.alice)
    assert browser.get("/admin/").status_code == 200
    assert caller.post("/auth/refresh", {"refresh": pair["refresh"]})[0] == 200


def test_d6_what_is_demanded_is_replaced_and_not_taken_away(cast: Cast) -> None:
    demand(cast)
    app = app_of(cast.alice)
    browser, _ = at_the_door(cast.alice)
    browser.post(CODE, {"code": app.code()})
    page = browser.post(f"{FACTORS}totp/deactivate/")
    assert "demands a second factor" in page.content.decode()
    Passkey().added(browser)
    assert browser.post(f"{FACTORS}totp/deactivate/").status_code == 302
    assert factors_of(cast.alice) >= {"webauthn"}


def test_d6_an_administrator_demands_it_and_it_is_not_on_the_wire(
    cast: Cast, admin: Browser
) -> None:
    doors.admin_change(admin, cast.home.organization, require_mfa="on")
    assert Organization.objects.get(pk=cast.home.id).require_mfa
    told = Event.objects.filter(organization_id=cast.home.id).latest("sequence")
    assert "mfa" not in f"{told.data}{told.live}".lower()
    kept = Organization.history.filter(id=cast.home.id).first()
    assert (kept.require_mfa, kept.history_user_id) == (True, cast.alice.id)
    assert admin.get("/admin/")["Location"] == FACTORS


# ------------------------------------------------------------------ lost


def test_d6_an_administrator_resets_a_lost_second_factor(
    cast: Cast, admin: Browser, stranger: Browser
) -> None:
    page = reverse("admin:bos_user_second_factor", args=[cast.bob.user.pk])
    user_page = reverse("admin:bos_user_change", args=[cast.bob.user.pk])
    assert page not in admin.get(user_page).content.decode()
    app_of(cast.bob)
    recovery_codes_of(cast.bob)
    assert page in admin.get(user_page).content.decode()
    assert stranger.post(page).status_code == 404
    assert admin.get(page).status_code == 200
    assert factors_of(cast.bob) == {"totp", "recovery_codes"}
    assert admin.post(page).status_code == 302
    assert factors_of(cast.bob) == set()
    assert token(cast.bob)[0] == 200
    noted = LogEntry.objects.filter(object_id=cast.bob.id).latest("action_time")
    assert "Second factors were reset" in noted.change_message


def test_d6_nobody_resets_their_own_factor_without_proving_who_they_are(cast: Cast) -> None:
    app_of(cast.alice)
    browser = doors.browser(cast.alice)
    page = reverse("admin:bos_user_second_factor", args=[cast.alice.user.pk])
    user_page = reverse("admin:bos_user_change", args=[cast.alice.user.pk])
    assert page not in browser.get(user_page).content.decode()
    assert browser.get(page)["Location"] == FACTORS
    assert browser.post(page)["Location"] == FACTORS
    assert factors_of(cast.alice) == {"totp"}


def test_d6_an_organizations_admin_takes_no_factor_from_a_superuser(
    cast: Cast, admin: Browser
) -> None:
    boss = make_person(cast.home.organization, "boss", Role.ADMIN, None)
    User.objects.filter(pk=boss.user.pk).update(is_superuser=True)
    app_of(boss)
    page = reverse("admin:bos_user_second_factor", args=[boss.user.pk])
    assert admin.post(page).status_code == 403
    assert factors_of(boss) == {"totp"}


def test_d6_nothing_of_a_persons_factors_is_left_once_they_are_erased(cast: Cast) -> None:
    Passkey().added(signed_in(cast.bob))
    row = provider_row(cast.home, "https://provider.example")
    IdentityLink.objects.create(provider=row, user=cast.bob.user, issuer=row.issuer, subject="1")
    user_erase(cast.bob.user)
    assert factors_of(cast.bob) == set()
    assert not IdentityLink.objects.filter(user=cast.bob.user).exists()


def test_d6_allauths_own_pages_of_everybodys_rows_are_not_in_the_admin(root: Browser) -> None:
    for app in ("account", "mfa", "socialaccount"):
        assert root.get(f"/admin/{app}/").status_code == 404


def test_d6_a_page_that_is_asked_for_costs_a_session_one_query_more(
    cast: Cast, django_assert_max_num_queries: Any
) -> None:
    browser = signed_in(cast.bob)
    with django_assert_max_num_queries(4):
        assert browser.get("/account/logout/").status_code == 200


def test_d6_a_factor_whose_key_is_gone_opens_nothing_and_fails_nothing(
    cast: Cast, settings: Any
) -> None:
    app = app_of(cast.bob)
    codes = recovery_codes_of(cast.bob)
    old, settings.SECRET_KEY = settings.SECRET_KEY, "n" * 60
    assert token(cast.bob, app.code())[1]["code"] == "INVALID_CODE"
    assert token(cast.bob, codes[0])[1]["code"] == "INVALID_CODE"
    settings.SECRET_KEY_FALLBACKS = [old]
    assert token(cast.bob, app.code())[0] == 200
    settings.SECRET_KEY_FALLBACKS = []
    assert token(cast.bob, app.code(1))[0] == 200, "it was sealed with the new key when it was used"
