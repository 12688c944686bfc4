"""Sign-ins and all that has come of them: reuse, logout, the absolute life (A6, s9)."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from bos.auth import tokens
from bos.auth.sign_ins import prune_sign_ins
from bos.auth.token_keys import token_keys
from bos.auth.tokens import authenticator
from bos.models import SignIn, User
from sync.models import Event
from sync.protocol.close_codes import CloseCode
from tests.support.cast import Cast, Person
from tests.support.client import Client
from tests.support.rest import Caller, rest
from tests.support.server import Server
from tests.wire.test_auth import auth, failure

WITHIN = 2.0
HISTORY = "/api/kpis/history"


def signed_in(person: Person) -> tuple[str, str]:
    """Refresh and access token of a new sign-in."""
    refresh, access = tokens.signed_in(person.user, address="192.0.2.1")
    return str(refresh), str(access)


def sign_in_of(token: str) -> SignIn:
    return SignIn.objects.get(pk=token_keys.claims(token)["sid"])


def spent_long_ago(refresh: str) -> None:
    """Use it, longer ago than two tabs of one browser are apart."""
    tokens.refreshed(refresh)
    sign_in = sign_in_of(refresh)
    SignIn.objects.filter(pk=sign_in.pk).update(used_at=sign_in.used_at - timedelta(seconds=11))


async def refresh_over_rest(server: Server, refresh: str) -> tuple[int, Any]:
    return await rest(server, "POST", "/auth/refresh", body={"refresh": refresh})


# ------------------------------------------------------------------ reuse


async def test_s9_a_spent_refresh_token_ends_the_sign_in_its_tokens_and_its_sockets(
    server: Server, cast: Cast
) -> None:
    refresh, access = signed_in(cast.bob)
    spent_long_ago(refresh)
    other_refresh, other_access = signed_in(cast.bob)
    async with (
        await Client.connect(server) as client,
        await Client.connect(server) as other,
        await Client.connect(server, cast.bob) as without,
    ):
        assert (await auth(client, access))["type"] == "AUTH_SUCCESS"
        assert (await auth(other, other_access))["type"] == "AUTH_SUCCESS"
        status, body = await refresh_over_rest(server, refresh)
        assert (status, body["code"]) == (401, "INVALID_TOKEN")
        async with asyncio.timeout(WITHIN):
            assert (await client.closed())[0] == CloseCode.FORBIDDEN
        # The same user's other sign-in goes on, as does what names none.
        for unharmed in (other, without):
            assert await unharmed.settle() == []
    assert (await rest(server, "GET", HISTORY, token=access))[0] == 401
    async with await Client.connect(server) as again:
        assert failure(await auth(again, access)) == "INVALID_TOKEN"
    assert (await refresh_over_rest(server, other_refresh))[0] == 200
    assert sign_in_of(access).end_reason == "reuse"


async def test_s9_the_sockets_of_other_processes_are_closed_too(
    server: Server, impatient: Server, cast: Cast
) -> None:
    refresh, access = signed_in(cast.bob)
    spent_long_ago(refresh)
    async with await Client.connect(impatient) as client:
        assert (await auth(client, access))["type"] == "AUTH_SUCCESS"
        assert (await refresh_over_rest(server, refresh))[0] == 401
        async with asyncio.timeout(WITHIN):
            assert (await client.closed())[0] == CloseCode.FORBIDDEN


def test_s9_the_thiefs_refresh_does_not_work_either(
    cast: Cast, caplog: pytest.LogCaptureFixture
) -> None:
    stolen, _ = signed_in(cast.bob)
    thiefs = str(tokens.refreshed(stolen)[0])
    SignIn.objects.filter(user=cast.bob.user).update(used_at=timezone.now() - timedelta(seconds=11))
    caller = Caller("192.0.2.77")
    assert caller.post("/auth/refresh", {"refresh": stolen})[0] == 401
    assert caller.post("/auth/refresh", {"refresh": thiefs})[0] == 401
    [warning] = [r for r in caplog.records if r.levelno == logging.WARNING]
    told: Any = warning
    assert (told.getMessage(), told.user) == ("refresh token used again", cast.bob.id)
    assert told.address == "192.0.2.77"
    assert stolen not in str(vars(told))


@pytest.mark.parametrize(("seconds", "ended"), [(9, False), (11, True)])
def test_s9_two_tabs_that_refresh_at_once_are_no_theft(
    cast: Cast, seconds: float, ended: bool
) -> None:
    refresh, access = signed_in(cast.bob)
    winner = str(tokens.refreshed(refresh)[0])
    earlier = timezone.now() - timedelta(seconds=seconds)
    SignIn.objects.filter(user=cast.bob.user).update(used_at=earlier)
    caller = Caller()
    assert caller.post("/auth/refresh", {"refresh": refresh})[0] == 401
    assert caller.get(HISTORY, access)[0] == (401 if ended else 200)
    assert caller.post("/auth/refresh", {"refresh": winner})[0] == (401 if ended else 200)


def test_s9_a_token_from_before_the_last_one_is_a_theft_at_once(cast: Cast) -> None:
    first, access = signed_in(cast.bob)
    second = str(tokens.refreshed(first)[0])
    tokens.refreshed(second)
    caller = Caller()
    assert caller.post("/auth/refresh", {"refresh": first})[0] == 401
    assert caller.get(HISTORY, access)[0] == 401


def test_s9_a_chain_of_refreshes_is_one_sign_in(cast: Cast) -> None:
    refresh, access = signed_in(cast.bob)
    pairs = [(refresh, access)]
    for _ in range(3):
        again, fresh = tokens.refreshed(pairs[-1][0], address="192.0.2.2")
        pairs.append((str(again), str(fresh)))
    assert len({sign_in_of(token).pk for pair in pairs for token in pair}) == 1
    assert all(Caller().get(HISTORY, access)[0] == 200 for _, access in pairs)
    assert sign_in_of(access).address == "192.0.2.2"


# ------------------------------------------------------------------ logout


async def test_s9_a_logout_ends_the_access_token_and_the_socket(server: Server, cast: Cast) -> None:
    refresh, access = signed_in(cast.bob)
    async with await Client.connect(server) as client:
        assert (await auth(client, access))["type"] == "AUTH_SUCCESS"
        body = {"refresh": refresh}
        assert await rest(server, "POST", "/auth/logout", body=body) == (204, None)
        async with asyncio.timeout(WITHIN):
            assert (await client.closed())[0] == CloseCode.FORBIDDEN
    assert (await rest(server, "GET", HISTORY, token=access))[0] == 401
    status, answer = await rest(server, "POST", "/auth/logout", body=body)
    assert (status, answer["code"]) == (401, "INVALID_TOKEN")
    event = Event.objects.filter(entity_type="sign_in", organization_id=cast.home.id).get()
    assert (event.actor_id, event.source) == (cast.bob.id, "rest")


def test_s9_a_spent_refresh_token_still_logs_out(cast: Cast) -> None:
    """The tab that has it means to end what it has begun."""
    refresh, _ = signed_in(cast.bob)
    access = str(tokens.refreshed(refresh)[1])
    assert Caller().post("/auth/logout", {"refresh": refresh})[0] == 204
    assert Caller().get(HISTORY, access)[0] == 401


# ------------------------------------------------------------------ the absolute life


def test_s9_no_token_outlives_its_sign_in(cast: Cast) -> None:
    refresh, _ = signed_in(cast.bob)
    soon = timezone.now() + timedelta(seconds=60)
    SignIn.objects.filter(user=cast.bob.user).update(ends_at=soon)
    again, access = tokens.refreshed(refresh)
    assert again["exp"] == access["exp"] == int(soon.timestamp())


def test_s9_after_thirty_days_nothing_is_refreshed(cast: Cast, settings: Any) -> None:
    refresh, _ = signed_in(cast.bob)
    sign_in = sign_in_of(refresh)
    assert sign_in.ends_at - sign_in.created_at == timedelta(days=30)
    SignIn.objects.filter(pk=sign_in.pk).update(ends_at=timezone.now())
    assert Caller().post("/auth/refresh", {"refresh": refresh})[0] == 401


# ------------------------------------------------------------------ from before there were any


def test_s9_tokens_that_name_no_sign_in_hold_and_their_refresh_begins_one(cast: Cast) -> None:
    caller, refresh = Caller(), cast.bob.refresh_token
    assert caller.get(HISTORY, cast.bob.token)[0] == 200
    status, pair = caller.post("/auth/refresh", {"refresh": refresh})
    assert status == 200
    assert sign_in_of(pair["access"]).user == cast.bob.user
    assert caller.post("/auth/refresh", {"refresh": refresh})[0] == 401
    assert caller.get(HISTORY, pair["access"])[0] == 200, "without a sign-in there is none to end"


@pytest.mark.parametrize(
    "named", ["nobody", "0" * 32, "5bf3cf8e-0a1f-4b8e-9a8e-9d1f0c1f6c5d", None]
)
def test_s9_a_token_of_a_sign_in_that_is_none_is_refused(cast: Cast, named: Any) -> None:
    refresh, access = tokens.tokens_for(cast.bob.user)
    refresh["sid"] = access["sid"] = named
    assert Caller().get(HISTORY, str(access))[0] == 401
    for path in ("/auth/refresh", "/auth/logout"):
        assert Caller().post(path, {"refresh": str(refresh)})[0] == 401


def test_s9_anothers_sign_in_vouches_for_nobody(cast: Cast) -> None:
    _, veras = signed_in(cast.vera)
    access = tokens.tokens_for(cast.bob.user)[1]
    access["sid"] = str(sign_in_of(veras).pk)
    assert Caller().get(HISTORY, str(access))[0] == 401


# ------------------------------------------------------------------ how it is kept


def test_s9_many_claims_are_looked_up_in_two_queries(cast: Cast) -> None:
    people = (cast.alice, cast.bob, cast.vera)
    claims = [authenticator.verify(signed_in(person)[1]) for person in people for _ in range(3)]
    with CaptureQueriesContext(connection) as queries:
        found = authenticator.load(claims)
    assert len(queries) == 2  # the sign-ins, and their users
    assert [p and (p.user_id, p.sign_in_id) for p in found] == [
        (claim.user_id, claim.sign_in_id) for claim in claims
    ]


def test_s9_what_can_hold_no_token_any_more_is_forgotten(cast: Cast) -> None:
    now, week = timezone.now(), timedelta(days=7)
    changes: dict[str, dict[str, Any]] = {
        "over": {"ends_at": now - timedelta(seconds=1)},
        "unused": {"used_at": now - week - timedelta(seconds=1)},
        "ended": {"ended_at": now},
        "live": {"used_at": now - week + timedelta(seconds=60)},
    }
    rows = {name: sign_in_of(signed_in(cast.bob)[1]) for name in changes}
    for name, values in changes.items():
        SignIn.objects.filter(pk=rows[name].pk).update(**values)
    prune_sign_ins()
    kept = set(SignIn.objects.filter(user=cast.bob.user).values_list("pk", flat=True))
    assert kept == {rows["ended"].pk, rows["live"].pk}


def test_s9_a_deleted_users_sign_ins_go_along(cast: Cast) -> None:
    signed_in(cast.bob)
    User.objects.get(pk=cast.bob.id).delete()
    assert not SignIn.objects.filter(user_id=cast.bob.id).exists()
