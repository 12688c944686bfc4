"""One's own account: password, sign-ins, and when one was here last (decisions D6, A5)."""

from __future__ import annotations

import asyncio
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from bos.auth import sign_ins as all_sign_ins
from bos.auth import throttle, tokens
from bos.auth.token_keys import token_keys
from bos.models import Role, SignIn, User
from bos.people import sign_ins
from sync.eventlog import log
from sync.protocol.close_codes import CloseCode
from tests.support import doors
from tests.support.cast import PASSWORD, Cast, Person
from tests.support.client import Client
from tests.support.pages import Pages
from tests.support.rest import Caller
from tests.support.server import Server
from tests.wire.test_auth import auth

NEW = "nine blue herons"
CHANGE = "/account/password/change/"


@pytest.fixture
def bob(cast: Cast) -> Browser:
    return doors.browser(cast.bob)


def change(browser: Browser, old: str, new: str = NEW) -> Any:
    form = {"old_password": old, "new_password1": new, "new_password2": new}
    return browser.post(CHANGE, form)


def a_sign_in(user: User) -> SignIn:
    return all_sign_ins.begin(user, refresh_id=uuid.uuid4().hex, address="192.0.2.1")


# ------------------------------------------------------------------ the page


@pytest.mark.once("sqlite")
def test_d6_a_member_sees_their_own_account_and_a_stranger_is_asked_to_sign_in(
    cast: Cast, bob: Browser
) -> None:
    page = bob.get("/account/")
    html = page.content.decode()
    assert page.status_code == 200
    assert "no-store" in page["Cache-Control"]
    assert cast.bob.email in html
    assert cast.vera.email not in html
    for path in ("/account/", CHANGE, "/account/data/"):
        answer = Browser().get(path)
        assert (answer.status_code, "login" in answer["Location"]) == (302, True)
    assert bob.get(reverse("account_end_others")).status_code == 405


def test_d6_sign_ins_are_listed_and_ended_one_by_one(cast: Cast, bob: Browser) -> None:
    caller = Caller()
    pairs = [caller.sign_in(cast.bob)[1] for _ in range(2)]
    foreign = a_sign_in(cast.vera.user)
    listed = list(SignIn.objects.filter(user=cast.bob.user, refresh_id__gt=""))
    html = bob.get("/account/").content.decode()
    assert all(str(one.pk) in html for one in listed)
    assert str(foreign.pk) not in html
    first = min(listed, key=lambda one: one.created_at)
    assert bob.post(reverse("account_end_sign_in", args=[first.pk])).status_code == 302
    statuses = [caller.get("/api/v1/me", pair["access"])[0] for pair in pairs]
    assert statuses == [401, 200]
    assert str(first.pk) not in bob.get("/account/").content.decode()
    said = [
        bob.post(reverse("account_end_sign_in", args=[id_]), follow=True).content.decode()
        for id_ in (first.pk, foreign.pk, uuid.uuid4())
    ]
    assert all("had ended already" in html for html in said)
    foreign.refresh_from_db()
    assert foreign.ended_at is None


def test_d6_all_others_end_at_once_and_this_one_goes_on(cast: Cast, bob: Browser) -> None:
    others = [a_sign_in(cast.bob.user) for _ in range(2)]
    foreign = a_sign_in(cast.vera.user)
    assert bob.post(reverse("account_end_others")).status_code == 302
    assert bob.get("/account/").status_code == 200
    rows = SignIn.objects.filter(pk__in=[foreign.pk, *(one.pk for one in others)])
    assert list(rows.filter(ended_at=None)) == [foreign]
    here = a_sign_in(cast.bob.user)
    a_sign_in(cast.bob.user)
    assert sign_ins.end_others(cast.bob.user, but=str(here.pk)) >= 1
    assert list(sign_ins.living_of(cast.bob.user)) == [here]


def test_d6_the_sign_in_of_this_session_is_marked_and_has_no_button(
    cast: Cast, bob: Browser
) -> None:
    here, other = a_sign_in(cast.bob.user), a_sign_in(cast.bob.user)
    session = bob.session
    session[sign_ins.CURRENT] = str(here.pk)
    session.save()
    html = bob.get("/account/").content.decode()
    assert html.count("this one") == 1
    assert reverse("account_end_sign_in", args=[other.pk]) in html
    assert reverse("account_end_sign_in", args=[here.pk]) not in html
    assert bob.post(reverse("account_end_others")).status_code == 302
    assert list(sign_ins.living_of(cast.bob.user)) == [here]


def test_d6_a_sign_in_that_nothing_can_use_any_more_is_not_listed(cast: Cast) -> None:
    user, now = cast.bob.user, timezone.now()
    a_sign_in(user)
    unused, over, ended = (a_sign_in(user) for _ in range(3))
    rows = SignIn.objects.filter
    rows(pk=unused.pk).update(used_at=now - timedelta(days=8))
    rows(pk=over.pk).update(ends_at=now)
    all_sign_ins.end(ended, all_sign_ins.End.LOGOUT)
    assert sign_ins.living_of(user).count() == 1
    User.objects.filter(pk=user.pk).update(role=Role.VIEWER)
    assert sign_ins.living_of(user).count() == 0
    User.objects.filter(pk=user.pk).update(name="Robert")
    a_sign_in(user)
    assert sign_ins.living_of(user).count() == 1


# ------------------------------------------------------------------ the password


def _with_quick_hash(cast: Cast) -> Person:
    """bob, as stored now."""
    return Person(User.objects.get(pk=cast.bob.user.pk))


def test_a5_a_changed_password_ends_everything_but_this_session(
    cast: Cast, quick_hashes: None
) -> None:
    bob, other = (doors.browser(_with_quick_hash(cast)) for _ in range(2))
    caller = Caller()
    _, pair = caller.sign_in(cast.bob)
    answer = change(bob, PASSWORD)
    assert (answer.status_code, answer["Location"]) == (302, "/account/")
    assert bob.get("/account/").status_code == 200
    assert other.get("/account/").status_code == 302
    assert caller.get("/api/v1/me", pair["access"])[0] == 401
    assert caller.post("/auth/refresh", {"refresh": pair["refresh"]})[0] == 401
    assert Caller().sign_in(cast.bob, NEW)[0] == 200
    [entry] = User.history.filter(id=cast.bob.user.pk, source="account")
    assert entry.history_user_id == cast.bob.id
    assert "password" in entry.changed


def test_d6_the_old_password_is_guessed_ten_times_and_no_more(
    cast: Cast, quick_hashes: None
) -> None:
    bob = doors.browser(_with_quick_hash(cast))
    for _ in range(throttle.PER_ACCOUNT_AND_ADDRESS.amount):
        refused = change(bob, "x")
        assert refused.context["form"].errors["old_password"]
    refused = change(bob, PASSWORD)
    assert refused.status_code == 200
    assert "Too many attempts." in refused.content.decode()
    assert User.objects.get(pk=cast.bob.user.pk).check_password(PASSWORD)


def test_d6_a_new_password_that_is_none_is_no_guess_at_the_old_one(
    cast: Cast, quick_hashes: None
) -> None:
    bob = doors.browser(_with_quick_hash(cast))
    for _ in range(throttle.PER_ACCOUNT_AND_ADDRESS.amount + 1):
        assert change(bob, PASSWORD, "short").context["form"].errors["new_password2"]
    assert change(bob, PASSWORD).status_code == 302


# ------------------------------------------------------------------ the last sign-in


def test_d6_a_sign_in_over_rest_is_recorded_once_a_minute_and_changes_nothing_else(
    cast: Cast, quick_hashes: None
) -> None:
    rows = User.objects.filter(pk=cast.bob.user.pk)
    before, head = rows.get(), log.head(cast.home.id).sequence
    assert before.last_login is None
    caller = Caller()
    _, pair = caller.sign_in(cast.bob)
    first = rows.get().last_login
    assert first is not None
    assert caller.sign_in(cast.bob)[0] == 200
    assert rows.get().last_login == first
    long_ago = first - timedelta(seconds=61)
    rows.update(last_login=long_ago)
    caller.sign_in(cast.bob)
    after = rows.get()
    assert after.last_login is not None
    assert after.last_login > long_ago
    assert after.token_version == before.token_version
    assert log.head(cast.home.id).sequence == head
    assert caller.get("/api/v1/me", pair["access"])[0] == 200
    caller.sign_in(cast.bob, "x")
    assert rows.get().last_login == after.last_login


# ------------------------------------------------------------------ sockets


async def test_a5_a_sign_in_that_its_user_ends_closes_its_sockets_and_no_others(
    server: Server, cast: Cast
) -> None:
    ended, kept = (tokens.signed_in(cast.bob.user, address="192.0.2.1") for _ in range(2))
    async with await Client.connect(server) as client, await Client.connect(server) as other:
        for one, (_, access) in ((client, ended), (other, kept)):
            assert (await auth(one, str(access)))["type"] == "AUTH_SUCCESS"
        sign_in = token_keys.claims(str(ended[1]))["sid"]
        status, _ = await Pages(server, cast.bob).post(f"/account/sign-ins/{sign_in}/end/")
        assert status == 302
        async with asyncio.timeout(2):
            assert (await client.closed())[0] == CloseCode.FORBIDDEN
        assert await other.settle() == []
