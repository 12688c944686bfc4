"""A key with `events` signs in to the WebSocket; what it may do there is its scopes' (D1)."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from bos.models import Role, ServiceKey, User
from bos.service.keys import Scope, key_create, key_revoke
from tests.conftest import BACKEND
from tests.support.cast import Cast
from tests.support.client import Client, error_of
from tests.support.machines import Machine, make_machine
from tests.support.rest import rest
from tests.support.server import Server
from tests.wire.test_processes import Pair as Pair
from tests.wire.test_processes import pair as pair

WITHIN = 2.0
EVENTS = [Scope.EVENTS]


async def test_d1_a_key_signs_in_and_follows(server: Server, cast: Cast) -> None:
    machine = make_machine(cast.home.organization, Role.VIEWER, EVENTS)
    async with (
        await Client.connect(server) as client,
        await Client.connect(server, cast.mia) as mia,
    ):
        answer = await client.ask("AUTH", {"token": machine.token})
        told = answer["payload"]
        assert answer["type"] == "AUTH_SUCCESS"
        assert (told["userId"], told["role"]) == (machine.id, "viewer")
        assert told["expiresAt"] == "9999-12-31T23:59:59Z"
        await client.subscribe(cast.home.topic)
        await client.sync(cast.home.topic)
        await mia.set_value(cast.home.revenue, 7)
        shown = await client.expect("KPI_UPDATED")
        assert shown["payload"]["value"] == 7
        assert error_of(await client.ask("SUBSCRIBE", {"channels": [cast.other.topic]}))[0] == (
            "UNAUTHORIZED"
        )


@pytest.mark.parametrize("scopes", [[Scope.READ], [Scope.INGEST, Scope.WRITE]])
async def test_d1_a_key_without_events_does_not_sign_in(
    server: Server, cast: Cast, scopes: list[Scope]
) -> None:
    machine = make_machine(cast.home.organization, scopes=scopes)
    async with await Client.connect(server) as client:
        for token in (machine.token, machine.token[:-1], "bos_x"):
            answer = await client.ask("AUTH", {"token": token})
            assert answer["type"] == "AUTH_FAILED"
            assert answer["payload"]["error"] == "INVALID_TOKEN"
        assert (await client.closed())[0] == 4401


WRITES: dict[str, dict[str, Any]] = {
    "KPI_UPDATE": {"value": 5},
    "SESSION_CREATE": {"title": "t", "activeSpace": "s"},
    "PREDICTION_REQUEST": {"horizon": 7},
    "REPORT_REQUEST": {"from": "2026-01-01", "to": "2026-01-31", "format": "pdf"},
    "NOTIFICATION_READ": {"notificationIds": []},
}


async def test_d1_what_changes_something_needs_write(server: Server, cast: Cast) -> None:
    reading = make_machine(cast.home.organization, scopes=EVENTS)
    writing = make_machine(cast.home.organization, scopes=[Scope.EVENTS, Scope.WRITE])
    kpi = {"kpiId": str(cast.home.revenue.pk)}
    scope = {"scope": {"type": "organization", "id": cast.home.id}}
    async with (
        await Client.connect(server, reading) as reader,
        await Client.connect(server, writing) as writer,
    ):
        for type_, payload in WRITES.items():
            answer = await reader.ask(type_, kpi | scope | payload)
            assert error_of(answer)[0] == "UNAUTHORIZED", type_
        assert (await reader.ask("PING"))["type"] == "PONG"
        set_ = await writer.set_value(cast.home.revenue, 5)
        assert set_["payload"]["updatedBy"] == writing.id


def revoked(machine: Machine) -> None:
    key_revoke(machine.key)


def switched_off(machine: Machine) -> None:
    User.objects.filter(pk=machine.user.pk).update(is_active=False)


def role_changed(machine: Machine) -> None:
    User.objects.filter(pk=machine.user.pk).update(role=Role.VIEWER)


@pytest.mark.parametrize("end", [revoked, switched_off, role_changed], ids=lambda e: e.__name__)
async def test_d1_what_ends_a_key_closes_its_connections_within_2_s(
    server: Server, cast: Cast, end: Any
) -> None:
    """By this process: the server learns of it from the log."""
    machine = make_machine(cast.home.organization)
    account = machine.key.account
    other = Machine(machine.user, *key_create(account, label="other", scopes=EVENTS))
    async with (
        await Client.connect(server, machine) as client,
        await Client.connect(server, other) as unharmed,
    ):
        began = time.monotonic()
        end(machine)
        assert (await client.closed())[0] == 4403
        assert time.monotonic() - began < WITHIN
        if end is revoked:  # the account's other key goes on
            assert (await unharmed.ask("PING"))["type"] == "PONG"
            assert (await rest(server, "GET", "/api/v1/me", token=machine.token))[0] == 401
            assert (await rest(server, "GET", "/api/v1/me", token=other.token))[0] == 200


@pytest.mark.skipif(BACKEND != "postgres", reason="two processes need a database that they share")
async def test_d1_a_revoked_key_is_refused_by_every_process_within_2_s(
    pair: Pair, cast: Cast
) -> None:
    one, other = pair
    machine = make_machine(cast.home.organization)
    async with (
        await Client.connect(one, machine) as here,
        await Client.connect(other, machine) as there,
    ):
        began = time.monotonic()
        key_revoke(machine.key)
        assert [(await client.closed())[0] for client in (here, there)] == [4403, 4403]
        assert time.monotonic() - began < WITHIN
    for server in pair:
        assert (await rest(server, "GET", "/api/v1/me", token=machine.token))[0] == 401


async def test_d1_a_key_that_expires_says_so_and_is_closed(impatient: Server, cast: Cast) -> None:
    async with await Client.connect(impatient, cast.mia):
        pass  # its first connection takes long
    end = timezone.now() + timedelta(seconds=3)
    machine = make_machine(cast.home.organization, expires_at=end)
    async with await Client.connect(impatient, machine) as client:
        await client.expect("TOKEN_EXPIRED")
        assert error_of(await client.ask("SUBSCRIBE", {"channels": [cast.home.topic]}))[0] == (
            "TOKEN_EXPIRED"
        )
        assert (await client.closed())[0] == 4401
    key = ServiceKey.objects.get(pk=machine.key.pk)
    assert key.revoked_at is None


async def test_d1_no_server_logs_a_key(serve: Any, cast: Cast) -> None:
    server = serve(LOG_LEVEL="DEBUG")
    machine = make_machine(cast.home.organization)
    async with await Client.connect(server, machine):
        await rest(server, "GET", "/api/v1/me", token=machine.token)
        await rest(server, "GET", "/api/v1/me", token=machine.token[:-1] + "_")
    assert machine.token.rpartition("_")[2] not in server.log.read_text()
