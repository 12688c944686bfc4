"""REST: tokens, KPI history, schema and health (A6)."""

from __future__ import annotations

import asyncio
import gc
import json
import re
import threading
import tracemalloc
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connections
from django.test import Client as Browser
from django.utils import timezone

from bos.auth.tokens import refreshed
from bos.models import User
from bos.permissions import principal_of
from kpis.history import pages
from kpis.models import Kpi, KpiValue
from sync.protocol.errors import TokenInvalid
from sync.protocol.times import wire_time
from tests.support.cast import PASSWORD, Cast, Person
from tests.support.client import Client
from tests.support.rest import Caller, rest
from tests.support.server import Server

HISTORY = "/api/kpis/history"


# ------------------------------------------------------------------ tokens


@pytest.mark.parametrize("slash", ["", "/"])
async def test_a6_tokens_are_given_renewed_and_logged_out(
    server: Server, cast: Cast, slash: str
) -> None:
    credentials = {"email": cast.bob.email.upper(), "password": PASSWORD}
    status, first = await rest(server, "POST", f"/auth/token{slash}", body=credentials)
    assert (status, set(first)) == (200, {"access", "refresh"})
    spent = {"refresh": first["refresh"]}
    status, second = await rest(server, "POST", f"/auth/refresh{slash}", body=spent)
    assert (status, set(second)) == (200, {"access", "refresh"})
    assert second["refresh"] != first["refresh"]
    status, body = await rest(server, "POST", f"/auth/refresh{slash}", body=spent)
    assert (status, body["code"]) == (401, "INVALID_TOKEN")
    status, body = await rest(server, "GET", HISTORY, token=second["access"])
    assert status == 200
    async with await Client.connect(server) as client:
        answer = await client.ask("AUTH", {"token": second["access"]})
        assert (answer["type"], answer["payload"]["userId"]) == ("AUTH_SUCCESS", cast.bob.id)
    live = {"refresh": second["refresh"]}
    assert await rest(server, "POST", f"/auth/logout{slash}", body=live) == (204, None)
    for path in ("refresh", "logout"):
        status, body = await rest(server, "POST", f"/auth/{path}{slash}", body=live)
        assert (status, body["code"]) == (401, "INVALID_TOKEN")


async def test_a6_of_several_parallel_refreshes_exactly_one_wins(
    server: Server, cast: Cast
) -> None:
    refresh = cast.bob.refresh_token
    for _ in range(3):
        answers = await asyncio.gather(
            *(rest(server, "POST", "/auth/refresh", body={"refresh": refresh}) for _ in range(8))
        )
        assert sorted(status for status, _ in answers) == [200, *[401] * 7]
        refresh = next(body["refresh"] for status, body in answers if status == 200)


def test_a6_of_several_refreshes_in_parallel_transactions_exactly_one_wins(cast: Cast) -> None:
    """As in several processes: a server of one process serves them one after the other."""
    refresh, start = cast.bob.refresh_token, threading.Barrier(8)

    def use(_: int) -> bool:
        try:
            User.objects.exists()  # connected
            start.wait(10)
            refreshed(refresh)
        except TokenInvalid:
            return False
        else:
            return True
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(use, range(8))) == [False] * 7 + [True]


def collect_garbage() -> None:
    """Leave none of other tests: at the greatest depth of a recursion, where a collection may come,
    no finalizer can even warn of what it has found."""
    gc.collect()


@pytest.mark.parametrize("path", ["/auth/refresh", "/auth/logout"])
def test_a6_what_is_no_refresh_token_is_a_401(cast: Cast, path: str) -> None:
    texts = [
        cast.bob.token, "x", "..", "é", "a.b.c", "W1tbW1tb." * 40,
        "W1tb" * 1000 + ".e30.", cast.bob.refresh_token[:-2],
    ]  # fmt: skip
    collect_garbage()
    for text in texts:
        status, body = Caller().post(path, {"refresh": text})
        assert (status, body["code"]) == (401, "INVALID_TOKEN"), text
        assert body["message"]


MALFORMED: list[Any] = [
    b"", "{", "[]", "null", '"x"', "5", b"\xff\xfe", {}, {"email": None}, {"refresh": ""},
    {"email": "a@b.c", "password": None, "refresh": None},
    {"email": ["a@b.c"], "password": {"a": 1}, "refresh": [1]},
    {"email": "a\0@b.c", "password": "x\0", "refresh": "\0"},
    {"email": "x" * 300, "password": "x" * 5000, "refresh": "x" * 5000},
    '{"email": "\\ud800", "password": "\\ud800", "refresh": "\\ud800"}',
    '{"email": 1, "password": NaN, "refresh": {"a": NaN}}',
    "[" * 100_000, '"' + "x" * 3_000_000 + '"',
]  # fmt: skip


@pytest.mark.parametrize("path", ["/auth/token", "/auth/refresh", "/auth/logout"])
@pytest.mark.parametrize("body", MALFORMED, ids=range(len(MALFORMED)))
def test_a6_wrong_input_is_a_400_in_json(database: None, path: str, body: Any) -> None:
    if isinstance(body, str) and body.startswith("[["):
        collect_garbage()
    status, answer = Caller().post(path, body)
    assert status == 400
    assert set(answer) >= {"code", "message"}


def test_a6_an_email_that_is_no_address_is_just_unknown(quick_hashes: None) -> None:
    for email in ("x", "'; drop table", "é@ü.ö", "a@b@c"):
        status, body = Caller().post("/auth/token", {"email": email, "password": "x"})
        assert (status, body["code"]) == (401, "INVALID_CREDENTIALS")


@pytest.mark.parametrize("path", ["/auth/token", "/auth/refresh", "/auth/logout"])
def test_a6_another_method_is_a_405_and_another_kind_of_body_a_415(
    database: None, path: str
) -> None:
    assert Caller().get(path)[0] == 405
    answer = Browser().post(path, {"email": "a@b.c"})
    assert (answer.status_code, set(answer.json())) == (415, {"code", "message"})


@pytest.mark.parametrize(
    "path", ["/auth/nothing", "/auth", "/api/nothing", "/api/kpis/nothing", "/api/"]
)
async def test_a6_an_address_that_is_none_is_a_404_in_json(server: Server, path: str) -> None:
    for method, sent in (("GET", None), ("POST", {"a": 1})):
        status, body = await rest(server, method, path, body=sent)
        assert (status, body["code"]) == (404, "NOT_FOUND")


def test_a6_wrong_password_unknown_account_and_inactive_account_answer_the_same(
    cast: Cast, quick_hashes: None
) -> None:
    User.objects.filter(pk=cast.vera.user.pk).update(is_active=False)
    caller = Caller()
    answers = [
        caller.sign_in(cast.bob, "wrong"),
        caller.post("/auth/token", {"email": "nobody@test.example", "password": "wrong"}),
        caller.sign_in(cast.vera),
        caller.sign_in(cast.bob, f" {PASSWORD} "),
    ]
    assert answers[0][0] == 401
    assert answers[0][1]["code"] == "INVALID_CREDENTIALS"
    assert all(answer == answers[0] for answer in answers)


def test_a6_a_user_without_an_organization_gets_no_token(cast: Cast) -> None:
    User.objects.filter(pk=cast.bob.user.pk).update(organization=None, is_superuser=True)
    assert Caller().sign_in(cast.bob)[0] == 401


def test_a6_a_deleted_users_tokens_are_a_401(cast: Cast) -> None:
    access, refresh = cast.bob.token, cast.bob.refresh_token
    User.objects.get(pk=cast.bob.user.pk).delete()
    caller = Caller()
    assert caller.get(HISTORY, access)[0] == 401
    assert caller.post("/auth/refresh", {"refresh": refresh})[0] == 401
    assert caller.sign_in(cast.bob)[0] == 401
    assert caller.post("/auth/logout", {"refresh": refresh})[0] in (204, 401)


# ------------------------------------------------------------------ history


def test_b1_history_shows_the_kpis_that_one_may_see(cast: Cast) -> None:
    revenue, margin = str(cast.home.revenue.pk), str(cast.home.margin.pk)
    seen = {
        name: set(Caller().get(HISTORY, getattr(cast, name).token)[1])
        for name in ("alice", "mia", "bob", "vera", "charlie")
    }
    foreign = {str(cast.other.revenue.pk), str(cast.other.margin.pk)}
    assert seen == {
        "alice": {revenue, margin},
        "mia": {revenue, margin},
        "bob": {revenue, margin},
        "vera": {revenue},
        "charlie": foreign,
    }


def test_b1_history_holds_every_value_exactly_oldest_first(cast: Cast) -> None:
    revenue = cast.home.revenue
    for value in ("0.1", "99999999999.9999", "-7"):
        Kpi.objects.filter(pk=revenue.pk).update(value=value)
    KpiValue.objects.create(kpi=revenue, value=1, at=timezone.now() - timedelta(days=40))
    told = Caller().get(HISTORY, cast.vera.token)[1][str(revenue.pk)]
    assert [value for _, value in told] == [1, 100, 0.1, 99999999999.9999, -7]
    assert [at for at, _ in told] == sorted(at for at, _ in told)
    assert all(at.endswith("Z") and len(at) == 20 for at, _ in told)
    recent = Caller().get(f"{HISTORY}?days=30", cast.vera.token)[1][str(revenue.pk)]
    assert len(recent) == 4


HISTORY_START = timezone.now() - timedelta(days=30)


def keep(kpi: Kpi, numbers: Iterable[float], *, every: timedelta = timedelta(hours=1)) -> None:
    """These are all the values that it has had, one each `every`."""
    KpiValue.objects.filter(kpi=kpi).delete()
    KpiValue.objects.bulk_create(
        KpiValue(kpi=kpi, value=value, at=HISTORY_START + n * every)
        for n, value in enumerate(numbers)
    )


def history(person: Person, query: str = "") -> Any:
    headers = {"Authorization": f"Bearer {person.token}"}
    answer = Browser().get(HISTORY + query, headers=headers)
    assert answer.status_code == 200, answer.content
    return answer


def test_c2_a_kpi_with_one_value_too_many_is_thinned_and_keeps_its_peaks(
    cast: Cast, settings: Any
) -> None:
    settings.KPI_HISTORY_VALUES = 30
    revenue, margin = cast.home.revenue, cast.home.margin
    keep(margin, range(30))
    keep(revenue, range(30))
    answer = history(cast.mia)
    assert "Thinned" not in answer
    assert [value for _, value in answer.json()[str(revenue.pk)]] == list(range(30))
    numbers = [50.0] * 31
    numbers[13], numbers[14], numbers[30] = 99.5, -7.0, 51.0
    keep(revenue, numbers)
    answer = history(cast.mia)
    assert answer["Thinned"] == f"kpis=1, step={30 * 3600 // 10 + 1}"
    told = answer.json()
    assert len(told[str(margin.pk)]) == 30
    shown = told[str(revenue.pk)]
    assert len(shown) <= 30
    assert {99.5, -7} < {value for _, value in shown}
    assert [at for at, _ in shown] == sorted({at for at, _ in shown})
    assert shown[-1] == [wire_time(HISTORY_START + timedelta(hours=30)), 51]


@pytest.mark.parametrize("every", [timedelta(0), timedelta(seconds=1), timedelta(minutes=17)])
def test_c2_many_values_are_never_more_than_was_set_however_close_they_are(
    cast: Cast, settings: Any, every: timedelta
) -> None:
    settings.HISTORY_VALUES = 40  # of two KPIs
    for kpi in (cast.home.revenue, cast.home.margin):
        keep(kpi, ((n * 7919) % 101 for n in range(500)), every=every)
    told = history(cast.mia).json()
    assert all(2 <= len(values) <= 20 for values in told.values())
    assert all(values[-1][1] == (499 * 7919) % 101 for values in told.values())


def test_c2_the_kpis_of_a_large_organization_come_in_several_answers(
    cast: Cast, settings: Any
) -> None:
    settings.HISTORY_VALUES = 9  # three of each of three KPIs
    Kpi.objects.bulk_create(
        Kpi(organization=cast.home.organization, name=f"K{n}", value=n) for n in range(4)
    )
    told: dict[str, Any] = {}
    sizes = []
    query = "?days=30"
    while query:
        answer = history(cast.mia, query)
        assert not told.keys() & answer.json().keys()
        told |= answer.json()
        sizes.append(len(answer.json()))
        link = re.fullmatch(r'</api/kpis/history(\?.*)>; rel="next"', answer.get("Link", ""))
        query = link[1] if link else ""
    assert sizes == [3, 3]
    kpis = Kpi.objects.of(cast.home.id)
    assert told.keys() == {str(kpi.pk) for kpi in kpis}
    assert Caller().get(f"{HISTORY}?after=nothing", cast.mia.token)[0] == 400


def test_c2_only_the_kpis_that_are_named_come_and_none_that_may_not_be_seen(
    cast: Cast, settings: Any
) -> None:
    shown, also = str(cast.home.revenue.pk), str(cast.home.margin.pk)
    query = "".join(f"&kpis={kpi}" for kpi in (shown, also, cast.other.revenue.pk, uuid4()))
    assert history(cast.vera, f"?days=30{query}").json().keys() == {shown}
    assert history(cast.mia, f"?kpis={also}").json().keys() == {also}
    settings.HISTORY_VALUES = 3  # of one KPI
    link = history(cast.mia, f"?kpis={shown}&kpis={also}")["Link"]
    following = re.fullmatch(r'</api/kpis/history(\?.*)>; rel="next"', link)
    assert following is not None
    assert list(history(cast.mia, following[1]).json()) == [max(shown, also)]
    assert Caller().get(f"{HISTORY}?kpis=nothing", cast.mia.token)[0] == 400
    too_many = "&".join(f"kpis={uuid4()}" for _ in range(101))
    assert Caller().get(f"{HISTORY}?{too_many}", cast.mia.token)[0] == 400


def test_s6_so_many_histories_are_read_at_once_and_the_next_one_is_told_when_to_come(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "PATIENCE", 0.05)
    with ExitStack() as turns:
        for _ in range(pages.AT_ONCE):
            turns.enter_context(pages.turn())
        headers = {"Authorization": f"Bearer {cast.vera.token}"}
        answer = Browser().get(HISTORY, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (503, "SERVER_BUSY")
        assert answer.headers["Retry-After"] == "5"
    assert Caller().get(HISTORY, cast.vera.token)[0] == 200


def test_s6_of_a_long_history_no_more_is_kept_than_goes_out(cast: Cast, settings: Any) -> None:
    settings.HISTORY_VALUES = 1_000
    now = timezone.now()
    KpiValue.objects.bulk_create(
        (
            KpiValue(kpi=cast.home.revenue, value=n, at=now - timedelta(minutes=n))
            for n in range(20_000)
        ),
        batch_size=5_000,
    )
    principal = principal_of(cast.vera.user)
    pages.history_page(principal, days=1)
    tracemalloc.start()
    body = pages.history_page(principal, days=3650).body
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert 400 < body.count(b"Z") <= 1_000
    assert most < 2**20, most  # all of them would be 4 MB


@pytest.mark.parametrize("days", ["0", "-1", "3651", "x", "1.5", "9" * 5000])
def test_a6_history_of_days_that_are_none_is_a_400(cast: Cast, days: str) -> None:
    status, body = Caller().get(f"{HISTORY}?days={days}", cast.bob.token)
    assert (status, body["code"]) == (400, "INVALID_REQUEST")


@pytest.mark.parametrize("days", [1, 3650])
def test_a6_history_of_1_to_3650_days_is_served(cast: Cast, days: int) -> None:
    assert Caller().get(f"{HISTORY}?days={days}", cast.bob.token)[0] == 200


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer x", "Basic eDp5", "Token x", "Bearer \xff"]
)
def test_a6_without_an_access_token_history_is_a_401(database: None, header: str) -> None:
    answer = Browser().get(HISTORY, headers={"Authorization": header})
    assert answer.status_code == 401
    assert set(answer.json()) == {"code", "message"}
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_a6_a_session_of_the_admin_is_no_access_token(cast: Cast) -> None:
    browser = Browser()
    browser.force_login(cast.alice.user, backend="bos.auth.throttle.ThrottledBackend")
    assert browser.get(HISTORY).status_code == 401


# ------------------------------------------------------------------ schema and health


async def test_a6_the_schema_and_health_are_public_and_tell_no_tenants_data(
    server: Server, cast: Cast
) -> None:
    status, schema = await rest(server, "GET", "/api/schema")
    assert status == 200
    assert {"/auth/token", "/auth/refresh", "/auth/logout", HISTORY} <= {
        path.rstrip("/?") for path in schema["paths"]
    }
    assert cast.home.organization.name not in json.dumps(schema)
    assert await rest(server, "GET", "/healthz") == (200, {"status": "ok"})
