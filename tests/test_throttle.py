"""Guesses at passwords are limited, and nobody else is locked out by them (A6, s5)."""

from __future__ import annotations

import asyncio
import logging
import threading
import uuid
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import ExitStack
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.hashers import check_password
from django.db import connections
from django.test import Client as Browser
from django.test import RequestFactory
from limits import RateLimitItemPerMinute

from bos.auth import throttle
from bos.auth.attempts import Attempts, Limit, TooManyAttempts
from bos.auth.hashing import PATIENCE_SECONDS, WAITING, Places, TooBusy, places
from bos.models import User
from tests.support.cast import PASSWORD, Cast, Person
from tests.support.rest import Caller, an_address, rest
from tests.support.server import Server

PAIR = throttle.PER_ACCOUNT_AND_ADDRESS.amount
EVERYWHERE = throttle.PER_ACCOUNT.amount
OFFICE = throttle.PER_ADDRESS.amount


def guess_from_everywhere(person: Person) -> None:
    """So often that the account takes no more from an unknown device."""
    for n in range(EVERYWHERE):
        if n % PAIR == 0:
            caller = Caller()
        assert caller.sign_in(person, "x")[0] == 401


def a_limit(amount: int = PAIR) -> Limit:
    item = RateLimitItemPerMinute(amount, multiples=5)
    return Limit(item, f"test:{uuid.uuid4().hex}")


# ------------------------------------------------------------------ how many are tried


def test_s5_of_sixty_parallel_guesses_ten_are_tried(cast: Cast, quick_hashes: None) -> None:
    address, start = an_address(), threading.Barrier(60)

    def guess(_: int) -> int:
        try:
            start.wait(10)
            return Caller(address).sign_in(cast.bob, "x")[0]
        finally:
            connections.close_all()

    with ThreadPoolExecutor(60) as pool:
        statuses = list(pool.map(guess, range(60)))
    assert statuses.count(401) == PAIR
    assert set(statuses) <= {401, 429, 503}
    assert Caller(address).sign_in(cast.bob)[0] == 429


def test_a6_the_eleventh_guess_is_not_tried_and_says_when_to_come_back(
    cast: Cast, quick_hashes: None
) -> None:
    caller = Caller()
    for n in range(PAIR):
        # Upper case and spaces make no other account of it.
        email = cast.bob.email.upper() if n % 2 else f" {cast.bob.email} "
        assert caller.post("/auth/token", {"email": email, "password": "x"})[0] == 401
    for password in ("x", PASSWORD):
        status, body = caller.sign_in(cast.bob, password)
        assert (status, body["code"]) == (429, "THROTTLED")
        assert 290 <= body["details"]["retryAfter"] == body["retryAfter"] <= 300
    assert caller.sign_in(cast.vera)[0] == 200


def test_a6_one_failure_less_and_the_right_password_is_let_in(
    cast: Cast, quick_hashes: None
) -> None:
    caller = Caller()
    for _ in range(PAIR - 1):
        assert caller.sign_in(cast.bob, "x")[0] == 401
    # Given back each time: the one attempt that is left is never used up.
    assert {caller.sign_in(cast.bob)[0] for _ in range(3)} == {200}


def test_a6_signing_in_rightly_is_never_throttled(cast: Cast, quick_hashes: None) -> None:
    caller = Caller()
    assert {caller.sign_in(cast.bob)[0] for _ in range(12)} == {200}


def test_a6_an_unknown_account_is_throttled_alike(quick_hashes: None) -> None:
    caller, unknown = Caller(), {"email": f"{uuid.uuid4().hex}@test.example", "password": "x"}
    answers = [caller.post("/auth/token", unknown) for _ in range(PAIR + 1)]
    assert [status for status, _ in answers] == [401] * PAIR + [429]


def test_a6_an_address_is_throttled_after_a_hundred_failures_of_any_account(
    cast: Cast, quick_hashes: None
) -> None:
    caller = Caller()
    for _ in range(OFFICE):
        unknown = {"email": f"{uuid.uuid4().hex}@test.example", "password": "x"}
        assert caller.post("/auth/token", unknown)[0] == 401
    body = {"email": cast.bob.email, "password": PASSWORD}
    answer = caller.browser.post("/auth/token", body, content_type="application/json")
    assert answer.status_code == 429
    assert 1 <= int(answer.headers["Retry-After"]) <= 300
    assert Caller().sign_in(cast.bob)[0] == 200


async def test_s5_behind_the_proxy_the_clients_address_counts(server: Server, cast: Cast) -> None:
    async def guess(address: str, password: str = "x") -> int:
        body = {"email": cast.bob.email, "password": password}
        through = {"X-Forwarded-For": address}
        return (await rest(server, "POST", "/auth/token", body=body, headers=through))[0]

    address = an_address()
    statuses = await asyncio.gather(*(guess(address) for _ in range(PAIR + 5)))
    assert sorted(statuses) == [401] * PAIR + [429] * 5
    assert await guess(address, PASSWORD) == 429
    assert await guess(an_address(), PASSWORD) == 200


@pytest.mark.parametrize(
    ("told", "counted"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::", "2001:db8:1:3::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
    ],
)
def test_s5_of_ipv6_a_network_of_64_bits_counts_as_one_address(told: str, counted: str) -> None:
    assert throttle.address_of(RequestFactory().get("/", REMOTE_ADDR=told)) == counted


# ------------------------------------------------------------------ who is not locked out


def test_s5_wrong_guesses_from_elsewhere_lock_nobody_out(cast: Cast, quick_hashes: None) -> None:
    stranger = Caller()
    for _ in range(PAIR):
        assert stranger.sign_in(cast.bob, "x")[0] == 401
    assert stranger.sign_in(cast.bob)[0] == 429
    assert Caller().sign_in(cast.bob)[0] == 200


def test_s5_an_account_that_is_guessed_from_everywhere_knows_its_own_devices(
    cast: Cast, quick_hashes: None
) -> None:
    home, browser = an_address(), Caller()
    assert Caller(home).sign_in(cast.bob)[0] == 200
    assert browser.sign_in(cast.bob)[0] == 200
    assert Caller(home).sign_in(cast.vera)[0] == 200
    guess_from_everywhere(cast.bob)
    assert Caller().sign_in(cast.bob)[0] == 429
    assert Caller(home).sign_in(cast.bob)[0] == 200, "from an address that it came from before"
    browser.browser.defaults["REMOTE_ADDR"] = an_address()
    assert browser.sign_in(cast.bob)[0] == 200, "with the cookie, wherever it is"
    # A known device may not guess more than another.
    assert [browser.sign_in(cast.bob, "x")[0] for _ in range(PAIR + 1)] == [401] * PAIR + [429]
    assert Caller(home).sign_in(cast.bob)[0] == 200


def test_s5_a_colleague_behind_the_same_address_locks_no_known_browser_out(
    cast: Cast, quick_hashes: None
) -> None:
    office = an_address()
    browser, colleague = Caller(office), Caller(office)
    assert browser.sign_in(cast.bob)[0] == 200
    for _ in range(PAIR):
        assert colleague.sign_in(cast.bob, "x")[0] == 401
    assert colleague.sign_in(cast.bob)[0] == 429
    assert browser.sign_in(cast.bob)[0] == 200


def test_s5_anothers_cookie_and_one_that_is_not_ours_are_no_known_device(
    cast: Cast, quick_hashes: None
) -> None:
    vera = Caller()
    assert vera.sign_in(cast.vera)[0] == 200
    cookie = vera.browser.cookies[settings.DEVICE_COOKIE_NAME]
    guess_from_everywhere(cast.bob)
    for text in (cookie.value, cookie.value[:-1] + "x", "x", ""):
        other = Caller()
        other.browser.cookies[settings.DEVICE_COOKIE_NAME] = text
        assert other.sign_in(cast.bob)[0] == 429


def test_s5_the_devices_cookie_is_for_the_server_alone_and_only_for_who_may_sign_in(
    cast: Cast, quick_hashes: None
) -> None:
    caller = Caller()
    assert caller.sign_in(cast.bob)[0] == 200
    cookie = caller.browser.cookies[settings.DEVICE_COOKIE_NAME]
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Strict", "/")
    assert cookie["max-age"] > 100 * 86_400
    User.objects.filter(pk=cast.bob.user.pk).update(organization=None, is_superuser=True)
    refused = Caller()
    assert refused.sign_in(cast.bob)[0] == 401
    assert not refused.browser.cookies, "it would tell that the password was right"


# ------------------------------------------------------------------ what is logged


def test_s5_every_sign_in_and_refusal_is_logged_without_secrets(
    cast: Cast, quick_hashes: None, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "bos.login")
    caller, stranger = Caller("192.0.2.9"), Caller("192.0.2.10")
    assert caller.sign_in(cast.bob)[0] == 200
    for _ in range(PAIR + 1):
        stranger.sign_in(cast.bob, "a wrong password")
    nobody = f"{uuid.uuid4().hex}@test.example"
    stranger.post("/auth/token", {"email": nobody, "password": "a wrong password"})
    told: list[Any] = [record for record in caplog.records if record.name == "bos.login"]
    assert [(r.levelname, r.getMessage(), r.address) for r in told] == [
        ("INFO", "signed in", "192.0.2.9"),
        *[("WARNING", "sign-in refused", "192.0.2.10")] * (PAIR + 2),
    ]
    assert [r.user for r in told[:-1]] == [cast.bob.id] * (PAIR + 2)
    assert (told[1].reason, told[-2].reason) == (told[-1].reason, "too many attempts")
    written = " ".join(str(vars(record)) for record in told)
    assert not any(text in written for text in (PASSWORD, "a wrong password", nobody))
    assert len(told[-1].account) == 16


# ------------------------------------------------------------------ a few hashes at once


def test_s5_a_password_waits_for_a_place_and_one_too_many_is_sent_away() -> None:
    two, begun, go = Places(2, waiting=1, patience=30), threading.Barrier(3), threading.Event()

    def hold() -> None:
        with two.one():
            begun.wait(10)
            go.wait(10)

    def hold_later() -> bool:
        with two.one():
            return go.is_set()

    with ThreadPoolExecutor(4) as pool:
        held = [pool.submit(hold) for _ in range(2)]
        begun.wait(10)
        waiting = [pool.submit(hold_later) for _ in range(2)]
        # One of the two has the only place to wait in.
        assert _first_error(waiting) is TooBusy
        go.set()
        assert [f.result(10) for f in waiting if f.exception(10) is None] == [True]
        assert [f.result(10) for f in held] == [None, None]
    with two.one(), two.one():  # all were given back
        pass


def _first_error(futures: list[Any]) -> Any:
    done, _ = wait(futures, 10, FIRST_EXCEPTION)
    return type(next(iter(done)).exception())


def test_s5_a_password_that_gets_no_place_in_time_is_sent_away() -> None:
    one = Places(1, waiting=5, patience=0.01)
    with one.one(), pytest.raises(TooBusy), one.one():
        pass


def test_s5_a_busy_server_answers_503_and_counts_no_attempt(cast: Cast, quick_hashes: None) -> None:
    caller, went_away = Caller(), threading.Event()

    def wait_for_one() -> None:
        try:
            with places.one():
                pass
        except TooBusy:
            went_away.set()

    with ThreadPoolExecutor(WAITING + 1) as pool, ExitStack() as all_places:
        for _ in range(settings.HASHES_AT_ONCE):
            all_places.enter_context(places.one())
        for _ in range(WAITING + 1):
            pool.submit(wait_for_one)
        assert went_away.wait(PATIENCE_SECONDS / 2)
        body = {"email": cast.bob.email, "password": "x"}
        answers = [
            caller.browser.post("/auth/token", body, content_type="application/json")
            for _ in range(PAIR + 1)
        ]
    assert {answer.status_code for answer in answers} == {503}
    assert answers[0].headers["Retry-After"] == "5"
    assert answers[0].json()["code"] == "SERVER_BUSY"
    assert caller.sign_in(cast.bob)[0] == 200


# ------------------------------------------------------------------ where it is counted


@pytest.mark.parametrize("url", [None, "redis://127.0.0.1:1/0"], ids=["memory", "redis_away"])
def test_s5_without_redis_the_process_counts_by_itself(url: str | None) -> None:
    counting, limit = Attempts(url), a_limit()
    taken = [counting.take([limit]) for _ in range(PAIR)]
    for refuse in (counting.take, counting.check):
        with pytest.raises(TooManyAttempts) as refused:
            refuse([limit])
        assert 299 <= refused.value.wait <= 300
    taken[0].give_back()
    counting.check([limit])
    counting.take([limit])
    with pytest.raises(TooManyAttempts):
        counting.take([limit])


def test_s5_an_attempt_that_one_limit_refuses_is_counted_by_none(database: None) -> None:
    url = settings.REDIS_URLS[0] if settings.REDIS_URLS else None
    first, second = Attempts(url), Attempts(url) if url else None
    wide, narrow = a_limit(3), a_limit(1)
    first.take([wide, narrow])
    for _ in range(5):
        with pytest.raises(TooManyAttempts):
            first.take([wide, narrow])
    # Over Redis another process goes on counting where this one is.
    other = second or first
    taken = [other.take([wide]), other.take([wide])]
    with pytest.raises(TooManyAttempts):
        first.take([wide])
    taken[1].give_back()
    first.take([wide])


# ------------------------------------------------------------------ the doors of pages


def log_in(browser: Browser, person: Person, password: str = PASSWORD) -> Any:
    form = {"email": person.email, "password": password}
    return browser.post("/account/login/?next=/admin/", form)


def test_s5_the_pages_form_counts_with_rest_and_says_when_to_come_back(
    cast: Cast, quick_hashes: None, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "bos.login")
    caller = Caller()
    for n in range(PAIR):
        wrong = caller.sign_in if n % 2 else lambda p, text: log_in(caller.browser, p, text)
        wrong(cast.alice, "x")
    page = log_in(caller.browser, cast.alice).content.decode()
    assert "Too many attempts. Try again in 300 seconds." in page
    assert caller.sign_in(cast.alice)[0] == 429
    other = Browser(REMOTE_ADDR=an_address())
    assert log_in(other, cast.alice).status_code == 302
    assert settings.DEVICE_COOKIE_NAME in other.cookies
    told: list[Any] = [r for r in caplog.records if r.name == "bos.login"]
    assert (told[-1].getMessage(), told[-1].user, told[-1].source) == (
        "signed in",
        cast.alice.id,
        "session",
    )


@pytest.mark.parametrize("wrong", [PAIR - 1, PAIR])
def test_s5_the_old_password_is_guessed_ten_times_at_most(
    cast: Cast, admin: Browser, quick_hashes: None, wrong: int
) -> None:
    admin.force_login(User.objects.get(pk=cast.alice.id), "bos.auth.throttle.ThrottledBackend")
    page, new = "/admin/password_change/", "another horse battery"
    form = {"new_password1": new, "new_password2": new}
    for _ in range(wrong):
        assert admin.post(page, form | {"old_password": "x"}).status_code == 200
    answer = admin.post(page, form | {"old_password": PASSWORD}, follow=True)
    changed = check_password(new, User.objects.get(pk=cast.alice.id).password)
    assert changed is (wrong < PAIR)
    assert ("Too many attempts" in answer.content.decode()) is not changed
