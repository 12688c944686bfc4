"""Signing in by an organization's own provider, with OpenID Connect (D6)."""

from __future__ import annotations

import base64
import hashlib
import logging
import uuid
from collections.abc import Iterator
from typing import Any

import jwt
import pytest
from django.conf import settings as configured
from django.core.cache import cache
from django.test import Client as Browser
from django.urls import reverse

from bos.identity.oidc import new_slug
from bos.models import IdentityLink, IdentityProvider, Role, SignIn, User
from bos.sealed import unseal
from tests.support import doors
from tests.support.cast import Cast, Person, make_person
from tests.support.factors import CODE, app_of, is_in
from tests.support.provider import (
    CLIENT,
    SECRET,
    LyingProvider,
    RealProvider,
    a_browser,
    a_subject,
    another_key,
    asked_of,
    callback_path,
    login_path,
    lying_provider,
    provider_row,
    real_provider,
)

COOKIE = f"{configured.DEVICE_COOKIE_NAME}_provider"


@pytest.fixture(autouse=True)
def inside(settings: Any) -> None:
    settings.OUTBOUND_INSIDE = True


@pytest.fixture(scope="module")
def real() -> Iterator[RealProvider]:
    with real_provider() as provider:
        yield provider


@pytest.fixture
def liar() -> Iterator[LyingProvider]:
    with lying_provider() as provider:
        yield provider


def who(browser: Browser) -> str:
    """The id of whoever is signed in; empty for nobody."""
    return str(browser.session.get("_auth_user_id", ""))


def words(answer: Any) -> str:
    """Return the sentence for somebody who is not let in."""
    assert answer.status_code == 403, answer.status_code
    return str(answer.context["words"])


# ------------------------------------------------------------------ a real provider


def test_d6_a_member_comes_in_by_the_organizations_provider(cast: Cast, real: RealProvider) -> None:
    row, subject = provider_row(cast.home, real.issuer), a_subject()
    real.knows(subject, email=cast.bob.email.upper(), email_verified=True, name="Somebody Else")
    browser = a_browser()
    answer = real.lets_in(browser, row, subject)
    assert (answer.status_code, answer["Location"]) == (302, "/")
    assert who(browser) == cast.bob.id
    assert browser.post("/auth/session").status_code == 200
    assert User.objects.get(pk=cast.bob.id).name == "Bob"


def test_d6_from_then_on_they_are_known_by_their_subject(cast: Cast, real: RealProvider) -> None:
    row, subject = provider_row(cast.home, real.issuer), a_subject()
    real.knows(subject, email=cast.bob.email, email_verified=True)
    real.lets_in(a_browser(), row, subject)
    link = IdentityLink.objects.get(provider=row)
    assert (link.user_id, link.subject, link.issuer) == (cast.bob.user.pk, subject, real.issuer)
    real.knows(subject, email=cast.vera.email, email_verified=False)
    browser = a_browser()
    real.lets_in(browser, row, subject)
    assert who(browser) == cast.bob.id


def test_d6_the_page_that_was_asked_for_is_next(cast: Cast, real: RealProvider) -> None:
    row, subject = provider_row(cast.home, real.issuer), a_subject()
    real.knows(subject, email=cast.alice.email, email_verified=True)
    browser = a_browser()
    browser.get(login_path(row), {"next": "/admin/"})
    led = asked_of(browser.get(f"{login_path(row)}?next=/admin/"))
    assert led["redirect_uri"] == f"http://testserver{callback_path(row)}"
    answer = real.lets_in(browser, row, subject)
    assert answer["Location"] == "/"
    other = a_browser()
    state = asked_of(other.get(f"{login_path(row)}?next=https://evil.example/"))["state"]
    assert "next" not in other.session["socialaccount_states"][state][0]


def test_d6_a_second_factor_is_asked_for_here_as_well(cast: Cast, real: RealProvider) -> None:
    app = app_of(cast.bob)
    row, subject = provider_row(cast.home, real.issuer), a_subject()
    real.knows(subject, email=cast.bob.email, email_verified=True)
    browser = a_browser()
    assert real.lets_in(browser, row, subject)["Location"] == CODE
    assert not is_in(browser)
    browser.post(CODE, {"code": app.code()})
    assert who(browser) == cast.bob.id


def test_d6_the_browser_is_offered_the_same_way_the_next_time(
    cast: Cast, real: RealProvider
) -> None:
    row, subject = provider_row(cast.home, real.issuer), a_subject()
    real.knows(subject, email=cast.bob.email, email_verified=True)
    browser = a_browser()
    assert row.slug not in browser.get("/account/login/").content.decode()
    real.lets_in(browser, row, subject)
    browser.post("/account/logout/")
    page = browser.get("/account/login/?next=/admin/").content.decode()
    assert f'href="{login_path(row)}?next=%2Fadmin%2F"' in page
    assert "Continue with Home SSO" in page
    assert browser.cookies[COOKIE]["httponly"]
    IdentityProvider.objects.filter(pk=row.pk).update(is_active=False)
    assert row.slug not in browser.get("/account/login/").content.decode()
    browser.cookies[COOKIE] = "forged"
    assert browser.get("/account/login/").status_code == 200


# ------------------------------------------------------------------ who is refused


def refused(cast: Cast, liar: LyingProvider, person: Person, **fields: Any) -> str:
    """Return the sentence where a provider of home names this person."""
    row = provider_row(cast.home, liar.issuer, **fields)
    liar.claims = {"email": person.email, "email_verified": True, "sub": a_subject()} | liar.claims
    liar.userinfo |= {"sub": liar.claims["sub"]}
    browser = a_browser()
    answer = liar.lets_in(browser, row)
    assert who(browser) == ""
    assert not SignIn.objects.filter(user=person.user).exists()
    assert not IdentityLink.objects.filter(provider=row).exists()
    return words(answer)


def test_d6_a_user_of_another_organization_is_refused(cast: Cast, liar: LyingProvider) -> None:
    assert "You have no account here yet." in refused(cast, liar, cast.charlie)


@pytest.mark.parametrize("verified", [False, None, "false", 0, 1, "yes"])
def test_d6_an_email_that_nobody_has_verified_names_nobody(
    cast: Cast, liar: LyingProvider, verified: Any
) -> None:
    liar.claims = {"email_verified": verified}
    liar.userinfo = {"email": cast.bob.email}
    assert "has not verified" in refused(cast, liar, cast.bob)


@pytest.mark.parametrize(
    "email", [None, "", "nobody", 7, ["a@b.example"], "a" * 245 + "@b.example"]
)
def test_d6_without_an_email_nobody_is_named(cast: Cast, liar: LyingProvider, email: Any) -> None:
    liar.claims = {"email": email, "email_verified": True}
    assert "which email address you have" in refused(cast, liar, cast.bob)


@pytest.mark.parametrize("subject", ["", "a\0b", "\ud800", "x" * 256])
def test_d6_a_subject_that_cannot_be_kept_names_nobody(
    cast: Cast, liar: LyingProvider, subject: str
) -> None:
    liar.claims = {"email": cast.bob.email, "email_verified": True, "sub": subject}
    browser = a_browser()
    answer = liar.lets_in(browser, provider_row(cast.home, liar.issuer))
    assert "does not answer as it should" in words(answer)
    assert who(browser) == ""


def test_d6_a_deactivated_user_is_refused(cast: Cast, liar: LyingProvider) -> None:
    User.objects.filter(pk=cast.bob.user.pk).update(is_active=False)
    assert "deactivated" in refused(cast, liar, cast.bob)


def test_d6_a_superuser_is_not_let_in_by_an_organizations_provider(
    cast: Cast, liar: LyingProvider
) -> None:
    """Its administrators say what it says, and would see every organization."""
    User.objects.filter(pk=cast.mia.user.pk).update(is_superuser=True)
    assert "own password only" in refused(cast, liar, cast.mia)


def test_d6_a_machine_is_not_let_in(cast: Cast, liar: LyingProvider) -> None:
    User.objects.filter(pk=cast.bob.user.pk).update(is_service=True)
    assert "no account here" in refused(cast, liar, cast.bob)


@pytest.mark.parametrize(
    ("domains", "is_let_in"),
    [("", True), ("test.example", True), ("a.example, test.example", True), ("example", False)],
)
def test_d6_only_emails_of_the_domains_that_were_named_come_in(
    cast: Cast, liar: LyingProvider, domains: str, is_let_in: bool
) -> None:
    row = provider_row(cast.home, liar.issuer, domains=domains)
    liar.claims = {"email": cast.bob.email, "email_verified": True, "sub": a_subject()}
    browser = a_browser()
    answer = liar.lets_in(browser, row)
    assert (who(browser) == cast.bob.id) is is_let_in
    if not is_let_in:
        assert "do not sign in by this provider" in words(answer)


def test_d6_who_has_moved_is_refused_by_the_organization_they_came_from(
    cast: Cast, liar: LyingProvider
) -> None:
    row = provider_row(cast.home, liar.issuer)
    liar.claims = {"email": cast.bob.email, "email_verified": True, "sub": a_subject()}
    liar.lets_in(a_browser(), row)
    User.objects.filter(pk=cast.bob.user.pk).update(organization=cast.other.organization)
    browser = a_browser()
    assert "another organization" in words(liar.lets_in(browser, row))
    assert who(browser) == ""


@pytest.mark.parametrize("creates", [True, False])
def test_d6_somebody_unknown_becomes_a_viewer_only_where_that_is_wanted(
    cast: Cast, liar: LyingProvider, creates: bool
) -> None:
    row = provider_row(cast.home, liar.issuer, creates_users=creates)
    email = f"{uuid.uuid4().hex}@test.example"
    name = "Ann\0  \u200bNew\n" + "x" * 300
    liar.claims = {"email": email, "email_verified": True, "name": name, "sub": a_subject()}
    browser = a_browser()
    answer = liar.lets_in(browser, row)
    made = User.objects.filter(email=email).first()
    assert (made is not None) is creates
    if made is None:
        assert "no account here yet" in words(answer)
        return
    assert who(browser) == str(made.pk)
    assert (made.role, made.organization_id) == (Role.VIEWER, cast.home.organization.pk)
    assert made.name.startswith("Ann New x")
    assert len(made.name) <= 200
    assert not made.has_usable_password()
    assert User.history.filter(id=made.pk).first().source == "oidc"
    liar.lets_in(a_browser(), row)
    assert User.objects.filter(email=email).count() == 1


def test_d6_the_same_subject_of_another_issuer_is_somebody_else(
    cast: Cast, liar: LyingProvider
) -> None:
    row = provider_row(cast.home, liar.issuer)
    subject = a_subject()
    IdentityLink.objects.create(
        provider=row, issuer="https://before.example", subject=subject, user=cast.alice.user
    )
    liar.claims = {"email": cast.bob.email, "email_verified": True, "sub": subject}
    browser = a_browser()
    liar.lets_in(browser, row)
    assert who(browser) == cast.bob.id


def test_d6_two_organizations_may_name_the_same_provider(cast: Cast, liar: LyingProvider) -> None:
    """And each is told of its own user with the email alone."""
    namesake = make_person(cast.other.organization, "bob", Role.VIEWER, None)
    User.objects.filter(pk=namesake.user.pk).update(email=cast.bob.email)
    liar.claims = {"email": cast.bob.email, "email_verified": True, "sub": a_subject()}
    for tenant, person in ((cast.home, cast.bob), (cast.other, namesake)):
        browser = a_browser()
        liar.lets_in(browser, provider_row(tenant, liar.issuer))
        assert who(browser) == person.id


# ------------------------------------------------------------------ what is believed


LIES: dict[str, dict[str, Any]] = {
    "of another issuer": {"claims": {"iss": "https://other.example"}},
    "for another client": {"claims": {"aud": "another"}},
    "for several, and by another": {"claims": {"aud": [CLIENT, "b"], "azp": "b"}},
    "of another attempt": {"claims": {"nonce": "another"}},
    "without a nonce": {"claims": {"nonce": None}},
    "expired": {"claims": {"exp": 1}},
    "without an end": {"claims": {"exp": None}},
    "without a subject": {"claims": {"sub": None}},
    "signed by another key": {"key": another_key()},
    "signed by the client's secret": {"key": SECRET * 3, "algorithm": "HS256"},
    "not signed": {"token": jwt.encode({"sub": "1"}, "", "none")},
    "no token": {"token": "no token at all"},
    "with a subject that is too long": {"claims": {"sub": "x" * 256}},
    "with an empty subject": {"claims": {"sub": ""}},
    "of somebody else than userinfo": {"claims": {"email": None}, "userinfo": {"sub": "2"}},
    "with userinfo that is none": {"claims": {"email": None}, "raw": {"/userinfo": (200, b"[]")}},
    "no JSON": {"raw": {"/token": (200, b"<html>")}},
    "an error": {"raw": {"/token": (400, b'{"error": "invalid_grant"}')}},
    "a list": {"raw": {"/token": (200, b"[1]")}},
    "no keys": {"raw": {"/jwks": (200, b'{"keys": []}')}},
    "keys that are none": {"raw": {"/jwks": (200, b"[]")}},
    "keys that are away": {"raw": {"/jwks": (500, b"")}},
    "too long": {"raw": {"/jwks": (200, b" " * 300_000)}},
}


@pytest.mark.parametrize("lie", LIES)
def test_d6_an_answer_that_is_not_a_providers_own_opens_nothing(
    cast: Cast, liar: LyingProvider, lie: str, caplog: pytest.LogCaptureFixture
) -> None:
    row = provider_row(cast.home, liar.issuer)
    right = {"email": cast.bob.email, "email_verified": True, "sub": "1"}
    for name, value in LIES[lie].items():
        setattr(liar, name, value)
    liar.claims = right | liar.claims
    browser = a_browser()
    said = words(liar.lets_in(browser, row))
    assert who(browser) == ""
    assert said.startswith("Your provider does not answer as it should.")
    written = " ".join(str(vars(record)) for record in caplog.records)
    assert not any(secret in written for secret in (SECRET, cast.bob.email, liar.id_token()))


def test_d6_userinfo_names_the_email_where_the_token_does_not(
    cast: Cast, liar: LyingProvider
) -> None:
    row = provider_row(cast.home, liar.issuer)
    subject = a_subject()
    liar.claims = {"sub": subject, "email": "somebody@evil.example"}
    liar.userinfo = {"sub": subject, "email": cast.bob.email, "email_verified": True}
    browser = a_browser()
    liar.lets_in(browser, row)
    assert who(browser) == cast.bob.id


def test_d6_state_nonce_and_pkce_are_of_one_attempt(cast: Cast, liar: LyingProvider) -> None:
    row = provider_row(cast.home, liar.issuer)
    liar.claims = {"email": cast.bob.email, "email_verified": True, "sub": a_subject()}
    browser, other = a_browser(), a_browser()
    asked = asked_of(browser.get(login_path(row)))
    assert (asked["response_type"], asked["client_id"]) == ("code", CLIENT)
    assert set(asked["scope"].split()) == {"openid", "profile", "email"}
    assert asked["code_challenge_method"] == "S256"
    liar.nonce = asked["nonce"]
    sent = {"code": "c", "state": asked["state"]}

    for answer in (
        other.get(callback_path(row), sent),
        browser.get(callback_path(row), sent | {"state": "another"}),
        browser.get(callback_path(row), {"code": "c"}),
        browser.get(callback_path(provider_row(cast.other, liar.issuer)), sent),
    ):
        assert "does not belong to this attempt" in words(answer)
    assert who(browser) == who(other) == ""

    assert browser.get(callback_path(row), sent).status_code == 302
    assert who(browser) == cast.bob.id
    [posted] = [posted for path, posted in liar.heard if path == "/token"]
    digest = hashlib.sha256(posted["code_verifier"].encode()).digest()
    assert base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == asked["code_challenge"]
    assert "does not belong" in words(browser.get(callback_path(row), sent)), "it opens once"


def test_d6_nothing_in_the_address_changes_what_a_provider_is_asked(
    cast: Cast, liar: LyingProvider
) -> None:
    row = provider_row(cast.home, liar.issuer)
    query = "process=connect&scope=admin&action=reauthenticate&auth_params=nonce%3Dmine%26a%3Db"
    asked = asked_of(a_browser().get(f"{login_path(row)}?{query}"))
    assert asked["nonce"] != "mine"
    assert "a" not in asked
    assert "admin" not in asked["scope"]


def test_d6_what_the_provider_refuses_is_said(cast: Cast, liar: LyingProvider) -> None:
    row = provider_row(cast.home, liar.issuer)
    browser = a_browser()
    state = asked_of(browser.get(login_path(row)))["state"]
    answer = browser.get(callback_path(row), {"error": "access_denied", "state": state})
    assert "cancelled or refused" in words(answer)


@pytest.mark.parametrize(
    "discovery",
    [
        {"issuer": "https://other.example"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"token_endpoint": "file:///etc/passwd"},
        {"jwks_uri": 7},
        {"token_endpoint": None},
    ],
)
def test_d6_a_description_that_does_not_hold_leads_nowhere(
    cast: Cast, liar: LyingProvider, discovery: dict[str, Any]
) -> None:
    liar.discovery = discovery
    row = provider_row(cast.home, liar.issuer)
    assert "does not answer as it should" in words(a_browser().get(login_path(row)))


@pytest.mark.parametrize("raw", [(404, b""), (200, b"<html>"), (302, b""), (200, b"[]")])
def test_d6_a_provider_that_does_not_describe_itself_is_told_of_in_words(
    cast: Cast, liar: LyingProvider, raw: tuple[int, bytes]
) -> None:
    liar.raw = {"/.well-known/openid-configuration": raw}
    row = provider_row(cast.home, liar.issuer)
    assert "does not answer as it should" in words(a_browser().get(login_path(row)))


def test_d6_the_way_of_the_clients_secret_is_the_providers(cast: Cast, liar: LyingProvider) -> None:
    row = provider_row(cast.home, liar.issuer)
    liar.discovery = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}
    liar.claims = {"email": cast.bob.email, "email_verified": True, "sub": a_subject()}
    liar.lets_in(a_browser(), row)
    [posted] = [posted for path, posted in liar.heard if path == "/token"]
    assert posted["client_secret"] == SECRET


# ------------------------------------------------------------------ which addresses there are


def test_d6_a_provider_inside_the_network_is_neither_saved_nor_asked(
    cast: Cast, liar: LyingProvider, admin: Browser, settings: Any
) -> None:
    row = provider_row(cast.home, liar.issuer)
    settings.OUTBOUND_INSIDE = False
    assert "does not answer as it should" in words(a_browser().get(login_path(row)))
    assert liar.heard == []
    for issuer in (liar.issuer, liar.issuer.replace("http:", "https:"), "https://10.0.0.1"):
        page = add(admin, issuer=issuer)
        assert page.status_code == 200
        assert page.context["adminform"].form.errors["issuer"]


def test_d6_endpoints_inside_the_network_are_not_asked(
    cast: Cast, liar: LyingProvider, settings: Any
) -> None:
    """A description from outside may lead inside."""
    row = provider_row(cast.home, liar.issuer)
    browser = a_browser()
    state = asked_of(browser.get(login_path(row)))["state"]
    heard = len(liar.heard)
    settings.OUTBOUND_INSIDE = False  # the description is known by now
    answer = browser.get(callback_path(row), {"code": "c", "state": state})
    assert "does not answer as it should" in words(answer)
    assert len(liar.heard) == heard


def test_d6_nobody_finds_out_which_organizations_have_a_provider(
    cast: Cast, liar: LyingProvider
) -> None:
    row = provider_row(cast.home, liar.issuer, is_active=False)
    other = new_slug("Home SSO")
    known, unknown = (
        a_browser().get(path) for path in (login_path(row), f"/account/oidc/{other}/login/")
    )
    assert (known.status_code, known.content) == (unknown.status_code, unknown.content)
    assert known.status_code == 404
    assert len({new_slug("Home SSO") for _ in range(100)}) == 100
    random = other.removeprefix("home-sso-")
    assert 31 ** len(random) > 2**59


@pytest.mark.parametrize("name", ["Ünïcode & Co", "日本", "x" * 100, "-"])
def test_d6_every_name_makes_an_address(cast: Cast, name: str) -> None:
    slug = new_slug(name)
    assert len(slug) <= 64
    assert reverse("openid_connect_login", args=(slug,))


# ------------------------------------------------------------------ in the admin


def add(browser: Browser, **fields: str) -> Any:
    sent = {
        "name": "SSO",
        "issuer": "https://provider.example/realm",
        "client_id": CLIENT,
        "secret": SECRET,
        "domains": "",
        "is_active": "on",
    }
    return browser.post(reverse("admin:bos_identityprovider_add"), sent | fields)


def test_d6_an_administrator_enters_a_provider_whose_secret_nobody_sees_again(
    cast: Cast, admin: Browser, stranger: Browser
) -> None:
    answer = add(admin, domains=" @Acme.example,acme.test acme.example")
    row = IdentityProvider.objects.get(organization=cast.home.organization)
    page = reverse("admin:bos_identityprovider_change", args=[row.pk])
    assert (answer.status_code, answer["Location"]) == (302, page)
    assert unseal(row.client_secret) == SECRET
    assert row.domains == "acme.example, acme.test"
    html = admin.get(page).content.decode()
    assert f"http://testserver{login_path(row)}" in html
    assert f"http://testserver{callback_path(row)}" in html
    assert SECRET not in html
    assert row.client_secret not in html
    doors.admin_change(admin, row, name="Other SSO", secret="")
    changed = IdentityProvider.objects.get(pk=row.pk)
    assert (changed.name, changed.slug) == ("Other SSO", row.slug)
    assert unseal(changed.client_secret) == SECRET
    doors.admin_change(admin, row, secret="another one")
    assert unseal(IdentityProvider.objects.get(pk=row.pk).client_secret) == "another one"
    assert stranger.get(page).status_code == 302
    assert "SSO" not in stranger.get("/admin/bos/identityprovider/").content.decode()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("issuer", "provider.example"),
        ("issuer", "ftp://provider.example"),
        ("issuer", "https://user:password@provider.example"),
        ("issuer", ""),
        ("secret", ""),
        ("client_id", ""),
        ("domains", "no domain at all!"),
        ("name", "\u200b"),
    ],
)
def test_d6_what_is_no_provider_is_said_beside_its_field(
    cast: Cast, admin: Browser, field: str, value: str
) -> None:
    page = add(admin, **{field: value})
    assert page.status_code == 200
    assert field in page.context["adminform"].form.errors
    assert not IdentityProvider.objects.filter(organization=cast.home.organization).exists()


def test_d6_a_secret_that_cannot_be_opened_any_more_is_told_of_in_words(
    cast: Cast, liar: LyingProvider, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "bos.login")
    row = provider_row(cast.home, liar.issuer)
    settings.SECRET_KEY = "another key, with which nothing was sealed before, of fifty letters"
    assert "does not answer as it should" in words(a_browser().get(login_path(row)))
    assert "CannotOpen" in str([vars(record) for record in caplog.records])


def test_d6_what_a_provider_says_of_itself_is_asked_once_in_a_while(
    cast: Cast, liar: LyingProvider
) -> None:
    row = provider_row(cast.home, liar.issuer)
    for _ in range(3):
        a_browser().get(login_path(row))
    assert len(liar.heard) == 1
    cache.clear()
    a_browser().get(login_path(row))
    assert len(liar.heard) == 2
