"""Signing in, renewing, expiring and places (decisions A1 to A4)."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from django.conf import settings
from rest_framework_simplejwt.tokens import AccessToken
from websockets.exceptions import ConnectionClosed

from bos.auth.tokens import tokens_for
from bos.models import Role
from sync.protocol.close_codes import CloseCode
from tests.support.cast import Cast, Person, Tenant, make_person
from tests.support.client import Client, Message, error_of, sequences
from tests.support.rest import rest
from tests.support.server import Server

GRACE = 1.0


@pytest.fixture
def bob(home: Tenant) -> Person:
    """Somebody for the tests that need nobody else."""
    return make_person(home.organization, "bob", Role.MEMBER, home.sales)


def token_of(person: Person, seconds: float = 3600, **claims: Any) -> str:
    """An access token that lives so long; whole seconds count, so it may be one less."""
    access = tokens_for(person.user)[1]
    access.set_exp(lifetime=timedelta(seconds=seconds))
    for name, value in claims.items():
        access[name] = value
    return str(access)


async def auth(client: Client, token: object) -> Message:
    return await client.ask("AUTH", {"token": token})


def failure(message: Message) -> str:
    assert message["type"] == "AUTH_FAILED", message
    assert message["payload"]["message"]
    return str(message["payload"]["error"])


# ------------------------------------------------------------------ A1: the first message


async def test_a1_who_does_not_sign_in_in_time_is_closed_with_4401(impatient: Server) -> None:
    async with await Client.connect(impatient) as client:
        began = time.monotonic()
        code, before = await client.closed()
    assert 0.4 <= time.monotonic() - began <= 5
    assert code == CloseCode.AUTHENTICATION
    assert error_of(before[-1]) == ("AUTHENTICATION_REQUIRED", {"closeCode": 4401})


async def test_a1_heartbeats_do_not_put_off_the_end(impatient: Server) -> None:
    async with await Client.connect(impatient) as client:
        with pytest.raises(ConnectionClosed) as closed:
            await _ping_forever(client)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == CloseCode.AUTHENTICATION


async def _ping_forever(client: Client) -> None:
    while True:
        await client.ask("PING")


async def test_a1_who_signs_in_in_time_stays(impatient: Server, bob: Person) -> None:
    async with (
        await Client.connect(impatient, bob) as client,
        await Client.connect(impatient) as other,
    ):
        assert (await other.closed())[0] == CloseCode.AUTHENTICATION
        assert await client.settle() == []


async def test_a1_before_auth_ping_and_pong_work_and_anything_else_does_not(
    server: Server, bob: Person
) -> None:
    async with await Client.connect(server) as client:
        await client.send("PONG")
        assert (await client.ask("PING"))["type"] == "PONG"
        for type_ in ("SUBSCRIBE", "KPI_UPDATE", "SESSION_CREATED", "NOTHING", "ALERT"):
            assert error_of(await client.ask(type_, {}))[0] == "AUTHENTICATION_REQUIRED"
        await client.sign_in(bob)
        assert await client.settle() == []


def claims_of(token: str) -> dict[str, Any]:
    return AccessToken(token.encode()).payload  # type: ignore[arg-type]  # the stubs forget bytes


def forged(person: Person, key: str, algorithm: str = "HS256", **header: Any) -> str:
    claims = claims_of(token_of(person))
    return jwt.encode(claims, key, algorithm=algorithm, headers=header)


def reissued(person: Person, **claims: str) -> str:
    """Signed with the right key, but meant for or made by another."""
    genuine = claims_of(token_of(person))
    return jwt.encode(genuine | claims, KEY, algorithm="HS256")


def unsigned(person: Person) -> str:
    claims = claims_of(token_of(person))
    parts = ({"alg": "none", "typ": "JWT"}, claims)
    return ".".join(url64(json.dumps(part).encode()) for part in parts) + "."


def url64(text: bytes) -> str:
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def stripped(person: Person) -> str:
    return token_of(person).rpartition(".")[0] + "."


def with_other_claims(person: Person) -> str:
    head, claims, signature = token_of(person).split(".")
    told = json.loads(base64.urlsafe_b64decode(claims + "=="))
    told["user_id"] = "someone-else"
    return ".".join((head, url64(json.dumps(told).encode()), signature))


KEY = settings.SIMPLE_JWT["SIGNING_KEY"]
BAD_TOKENS: dict[str, Callable[[Person], str]] = {
    "refresh": lambda person: person.refresh_token,
    "unsigned": unsigned,
    "stripped": stripped,
    "wrong_key": lambda person: forged(person, "x" * 64),
    "secret_key": lambda person: forged(person, settings.SECRET_KEY),
    "other_algorithm": lambda person: forged(person, KEY, "HS512"),
    "other_claims": with_other_claims,
    "empty": lambda person: "",
    "text": lambda person: "JWT_ACCESS_TOKEN",
    "dots": lambda person: "..",
    "not_ascii": lambda person: "é.ü.🎉",
    # No longer than a message may be before AUTH.
    "long": lambda person: "x" * 16_000,
    "deep": lambda person: url64(b"[" * 12_000) + ".e30.",
    "header_no_object": lambda person: url64(b"[1]") + ".e30.",
    "header_no_json": lambda person: url64(b"\xff") + ".e30.",
    "algorithm_of_another_type": lambda person: url64(b'{"alg": ["HS256"]}') + ".e30.",
    "key_id_of_another_type": lambda person: url64(b'{"alg": "HS256", "kid": {}}') + ".e30.",
    "no_such_user": lambda person: token_of(person, user_id="nobody"),
    "unknown_user": lambda person: token_of(person, user_id="0" * 32),
    "unknown_key_id": lambda person: forged(person, KEY, kid="00000000"),
    "other_version": lambda person: token_of(person, tv=person.user.token_version + 1),
    "version_of_another_type": lambda person: token_of(person, tv=None),
    "other_organization": lambda person: token_of(person, org="0" * 32),
    "other_audience": lambda person: reissued(person, aud="another"),
    "other_issuer": lambda person: reissued(person, iss="another"),
}


@pytest.mark.parametrize("make", BAD_TOKENS.values(), ids=BAD_TOKENS.keys())
async def test_a1_a_token_that_is_none_is_refused_and_the_next_may_be_right(
    server: Server, bob: Person, make: Callable[[Person], str]
) -> None:
    token = make(bob)
    async with await Client.connect(server) as client:
        assert failure(await auth(client, token)) == "INVALID_TOKEN"
        assert failure(await auth(client, token)) == "INVALID_TOKEN"
        await client.sign_in(bob)
    in_a_header = token.encode("ascii", "ignore").decode()[:8000]
    status, body = await rest(server, "GET", "/api/kpis/history", token=in_a_header)
    assert (status, "code" in body) == (401, True)


async def test_w17_a_token_from_before_the_clock_stepped_back_is_accepted(
    server: Server, bob: Person
) -> None:
    token = token_of(bob, iat=int(time.time()) + 3600)
    async with await Client.connect(server) as client:
        assert (await auth(client, token))["type"] == "AUTH_SUCCESS"


async def test_a1_an_expired_token_is_refused_as_such(server: Server, bob: Person) -> None:
    async with await Client.connect(server) as client:
        for seconds in (0, -1):
            assert failure(await auth(client, token_of(bob, seconds))) == "TOKEN_EXPIRED"
        await client.sign_in(bob)


async def test_a1_the_third_failure_closes_with_4401_and_the_second_does_not(
    server: Server, bob: Person
) -> None:
    async with await Client.connect(server) as client:
        for token in ("x", token_of(bob, -1)):
            failure(await auth(client, token))
        assert await client.settle() == []
        failure(await auth(client, bob.refresh_token))
        code, before = await client.closed()
    assert code == CloseCode.AUTHENTICATION
    assert error_of(before[-1])[1] == {"closeCode": 4401}


async def test_a1_a_success_forgets_the_failures_before_it(server: Server, bob: Person) -> None:
    async with await Client.connect(server) as client:
        for _ in range(2):
            for _ in range(2):
                failure(await auth(client, "x"))
            assert (await auth(client, bob.token))["type"] == "AUTH_SUCCESS"
        assert await client.settle() == []


# ------------------------------------------------------------------ A2: AUTH_SUCCESS


async def test_a2_auth_success_says_who_where_and_until_when(server: Server, bob: Person) -> None:
    ids = set()
    for _ in range(2):
        async with await Client.connect(server) as client:
            token = bob.token
            answer = await auth(client, token)
            payload = answer["payload"]
            assert payload["userId"] == bob.id
            assert payload["organizationId"] == str(bob.user.organization_id)
            assert (payload["role"], payload["userName"]) == (bob.user.role, bob.user.name)
            exp = datetime.fromtimestamp(claims_of(token)["exp"], UTC)
            assert payload["expiresAt"] == exp.strftime("%Y-%m-%dT%H:%M:%SZ")
            assert 3590 <= exp.timestamp() - time.time() <= 3601
            ids.add(payload["sessionId"])
    assert len(ids) == 2


async def test_a2_ones_own_user_channel_is_subscribed(server: Server, cast: Cast) -> None:
    async with (
        await Client.connect(server, cast.bob) as bob,
        await Client.connect(server, cast.vera) as vera,
        await Client.connect(server, cast.mia) as mia,
    ):
        invited = {"title": "t", "activeSpace": "s", "inviteUserIds": [cast.bob.id]}
        await mia.ask("SESSION_CREATE", invited)
        got = {(await bob.receive())["type"] for _ in range(2)}
        assert got == {"NOTIFICATION", "SESSION_CREATED"}
        assert await vera.settle() == []


# ------------------------------------------------------------------ A3: expiry


async def test_a3_at_exp_events_wait_and_a_new_auth_delivers_them_in_order(
    server: Server, cast: Cast
) -> None:
    revenue = cast.home.revenue
    async with (
        await Client.connect(server) as bob,
        await Client.connect(server, cast.mia) as mia,
    ):
        first = await auth(bob, token_of(cast.bob, 2))
        start = (await bob.subscribe(cast.home.topic))["payload"]["sequence"]
        created = await bob.ask("SESSION_CREATE", {"title": "t", "activeSpace": "s"})
        session = {"sessionId": created["payload"]["sessionId"]}
        await mia.set_value(revenue, 1)
        assert [(await bob.receive())["type"] for _ in range(2)] == ["KPI_UPDATED", "SYNC_UPDATE"]
        await bob.expect("TOKEN_EXPIRED")
        assert time.time() >= datetime.fromisoformat(first["payload"]["expiresAt"]).timestamp()
        for value in (2, 3, 4):
            await mia.set_value(revenue, value)
        requests: list[tuple[str, Any]] = [
            ("SUBSCRIBE", {"channels": [cast.home.topic]}),
            ("SYNC_REQUEST", {"channels": [cast.home.topic]}),
            ("KPI_UPDATE", {"kpiId": str(revenue.pk), "value": 9}),
            ("SESSION_LEAVE", session),
            ("NOTHING", {}),
        ]
        for type_, payload in requests:
            assert error_of(await bob.ask(type_, payload))[0] == "TOKEN_EXPIRED"
        assert await bob.settle() == []  # one TOKEN_EXPIRED, no events, and PING works
        await bob.send("AUTH", {"token": token_of(cast.bob)}, request_id="again")
        renewed = await bob.expect("AUTH_SUCCESS")
        assert renewed["requestId"] == "again"
        assert renewed["payload"]["sessionId"] == first["payload"]["sessionId"]
        got = [await bob.receive() for _ in range(6)]
        assert [m["payload"]["value"] for m in got if m["type"] == "KPI_UPDATED"] == [2, 3, 4]
        # session created, value 1, then these three
        assert sequences(got) == [start + 3, start + 4, start + 5]
        # Its subscriptions and its place in the session are there as before.
        await mia.set_value(revenue, 5)
        assert [(await bob.receive())["type"] for _ in range(2)] == ["KPI_UPDATED", "SYNC_UPDATE"]
        note = session | {"position": {"x": 1, "y": 2, "z": 3}, "content": "c"}
        noted = await bob.ask("ANNOTATION_CREATE", note | {"contentType": "text"})
        assert noted["type"] == "ANNOTATION_CREATED"
        assert await bob.settle() == []


async def test_a3_a_token_renewed_before_exp_never_expires(server: Server, bob: Person) -> None:
    async with (
        await Client.connect(server) as renewing,
        await Client.connect(server) as witness,
    ):
        short = token_of(bob, 2)
        first = await auth(renewing, short)
        again = await auth(renewing, bob.token)
        assert again["payload"]["sessionId"] == first["payload"]["sessionId"]
        assert again["payload"]["expiresAt"] > first["payload"]["expiresAt"]
        await auth(witness, short)
        await witness.expect("TOKEN_EXPIRED")
        assert await renewing.settle() == []


async def test_a3_without_a_new_auth_in_time_the_end_is_4401(
    impatient: Server, bob: Person
) -> None:
    async with await Client.connect(impatient) as client:
        await auth(client, token_of(bob, 2))
        await client.expect("TOKEN_EXPIRED")
        began = time.monotonic()
        code, before = await client.closed()
    assert GRACE * 0.9 <= time.monotonic() - began <= GRACE + 4
    assert code == CloseCode.AUTHENTICATION
    assert error_of(before[-1]) == ("TOKEN_EXPIRED", {"closeCode": 4401})


async def test_a3_failed_auths_do_not_keep_an_expired_connection(
    server: Server, bob: Person
) -> None:
    async with await Client.connect(server) as client:
        await auth(client, token_of(bob, 1.5))
        await client.expect("TOKEN_EXPIRED")
        for _ in range(3):
            assert failure(await auth(client, token_of(bob, -1))) == "TOKEN_EXPIRED"
        assert (await client.closed())[0] == CloseCode.AUTHENTICATION


@pytest.mark.parametrize("expired", [False, True])
async def test_a3_auth_as_someone_else_is_closed_with_4403(
    server: Server, cast: Cast, expired: bool
) -> None:
    async with await Client.connect(server) as client:
        await auth(client, token_of(cast.bob, 1.5 if expired else 60))
        if expired:
            await client.expect("TOKEN_EXPIRED")
        assert failure(await auth(client, cast.alice.token)) == "INVALID_TOKEN"
        code, before = await client.closed()
    assert code == CloseCode.FORBIDDEN
    assert error_of(before[-1])[1] == {"closeCode": 4403}


# ------------------------------------------------------------------ A4: places


async def test_a4_ten_connections_are_served_and_the_eleventh_is_not(
    server: Server, cast: Cast
) -> None:
    clients = [await Client.connect(server, cast.bob) for _ in range(10)]
    async with await Client.connect(server) as eleventh:
        answer = await auth(eleventh, cast.bob.token)
        assert failure(answer) == "RATE_LIMIT_EXCEEDED"
        assert answer["payload"]["details"]["limit"] == 10
        code, before = await eleventh.closed()
        assert code == CloseCode.TOO_MANY
        assert error_of(before[-1]) == ("RATE_LIMIT_EXCEEDED", {"closeCode": 4429})
    # Neither the others nor another user is any worse for it, and a renewal needs no new place.
    for client in clients:
        assert (await auth(client, cast.bob.token))["type"] == "AUTH_SUCCESS"
    async with await Client.connect(server, cast.vera) as vera:
        assert await vera.settle() == []
    # A connection that has ended gives its place back, however it ended.
    clients[0].socket.transport.abort()
    await clients[1].socket.close()
    for at in (0, 1):
        clients[at] = await _connect_when_free(server, cast.bob)
    async with await Client.connect(server) as eleventh:
        assert failure(await auth(eleventh, cast.bob.token)) == "RATE_LIMIT_EXCEEDED"
    for client in clients:
        await client.socket.close()


async def _connect_when_free(server: Server, person: Person) -> Client:
    """The server hears of an end a moment later than the client."""
    async with asyncio.timeout(5):
        while True:
            client = await Client.connect(server)
            if (await auth(client, person.token))["type"] == "AUTH_SUCCESS":
                return client
            await client.closed()


async def test_a4_of_thirty_connections_at_once_exactly_ten_are_served(
    server: Server, bob: Person
) -> None:
    clients = await asyncio.gather(*(Client.connect(server) for _ in range(30)))
    token = bob.token
    answers = await asyncio.gather(*(auth(client, token) for client in clients))
    served = [c for c, m in zip(clients, answers, strict=True) if m["type"] == "AUTH_SUCCESS"]
    refused = [m for m in answers if m["type"] != "AUTH_SUCCESS"]
    assert len(served) == 10
    assert {failure(m) for m in refused} == {"RATE_LIMIT_EXCEEDED"}
    for client in served:
        assert await client.settle() == []
    await asyncio.gather(*(client.socket.close() for client in clients))
