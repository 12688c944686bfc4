"""Access that is withdrawn while somebody is connected: closed with 4403 (decision A5)."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection, models, transaction

from bos.models import Organization, Role, User
from kpis.models import Kpi, KpiValue
from sync.gateway.dispatcher import MAX_CHANGES
from sync.models import Event, StreamHead
from sync.protocol.close_codes import CloseCode
from tests.conftest import BACKEND
from tests.support import doors
from tests.support.cast import Cast, Person, make_cast
from tests.support.client import Client, error_of
from tests.support.locks import on_connections_of_its_own, wait_until_somebody_is_blocked
from tests.support.rest import rest
from tests.support.server import Server
from tests.support.waiting import until
from tests.wire.test_auth import auth, failure, token_of

WITHIN = 2.0
"""Decision A5."""

Change = Callable[[Cast], Any]


def deactivated(cast: Cast) -> None:
    cast.bob.user.is_active = False
    cast.bob.user.save()


def deactivated_in_the_admin(cast: Cast) -> None:
    doors.admin_change(doors.browser(cast.alice), cast.bob.user, is_active=None)


def deactivated_as_a_queryset(cast: Cast) -> None:
    User.objects.filter(pk=cast.bob.user.pk).update(is_active=False)


def password_changed(cast: Cast) -> None:
    cast.bob.user.set_password("another one entirely")
    cast.bob.user.save()


def password_changed_alone(cast: Cast) -> None:
    cast.bob.user.set_password("another one entirely")
    cast.bob.user.save(update_fields=["password"])


def role_changed(cast: Cast) -> None:
    cast.bob.user.role = Role.VIEWER
    cast.bob.user.save()


def role_changed_in_bulk(cast: Cast) -> None:
    cast.bob.user.role = Role.MANAGER
    User.objects.bulk_update([cast.bob.user], ["role"])


def moved_to_another_organization(cast: Cast) -> None:
    cast.bob.user.organization = cast.other.organization
    cast.bob.user.save()


def moved_as_a_queryset(cast: Cast) -> None:
    User.objects.filter(pk=cast.bob.user.pk).update(organization=cast.other.organization)


def moved_to_no_organization(cast: Cast) -> None:
    User.objects.filter(pk=cast.bob.user.pk).update(organization=None)


def deleted(cast: Cast) -> None:
    User.objects.get(pk=cast.bob.user.pk).delete()


def organization_deleted(cast: Cast) -> None:
    Organization.objects.filter(pk=cast.home.organization.pk).delete()


@pytest.mark.parametrize(
    "change",
    [
        deactivated,
        deactivated_in_the_admin,
        deactivated_as_a_queryset,
        password_changed,
        password_changed_alone,
        role_changed,
        role_changed_in_bulk,
        moved_to_another_organization,
        moved_as_a_queryset,
        moved_to_no_organization,
        deleted,
        organization_deleted,
    ],
    ids=lambda change: change.__name__,
)
async def test_a5_old_tokens_are_refused_and_connections_closed_with_4403_within_two_seconds(
    server: Server, cast: Cast, change: Change
) -> None:
    access, refresh = cast.bob.token, cast.bob.refresh_token
    async with (
        await Client.connect(server, cast.bob) as one,
        await Client.connect(server, cast.bob) as another,
        await Client.connect(server, cast.charlie) as charlie,
        await Client.connect(server) as late,
    ):
        await one.subscribe(cast.home.topic)
        change(cast)
        began = time.monotonic()
        for client in (one, another):
            code, before = await client.closed(WITHIN)
            assert code == CloseCode.FORBIDDEN
            assert error_of(before[-1]) == ("UNAUTHORIZED", {"closeCode": 4403})
        assert time.monotonic() - began <= WITHIN
        assert failure(await auth(late, access)) == "INVALID_TOKEN"
        assert await charlie.settle() == []
    for method, path, options in (
        ("GET", "/api/kpis/history", {"token": access}),
        ("POST", "/auth/refresh", {"body": {"refresh": refresh}}),
    ):
        status, body = await rest(server, method, path, **options)
        assert (status, body["code"]) == (401, "INVALID_TOKEN")


async def test_a5_a_token_of_another_organization_does_not_renew_a_connection(
    server: Server, cast: Cast
) -> None:
    """The user has been moved, and the connection has not heard of it."""
    async with await Client.connect(server, cast.bob) as bob:
        unheard = models.QuerySet.update  # not captured, so that no event tells of it
        unheard(User.objects.filter(pk=cast.bob.user.pk), organization=cast.other.organization)
        cast.bob.user.refresh_from_db()
        assert failure(await auth(bob, cast.bob.token)) == "INVALID_TOKEN"
        assert (await bob.closed())[0] == CloseCode.FORBIDDEN


@pytest.mark.parametrize("field", ["name", "role"])
def test_s3_a_user_saved_from_an_old_row_gives_no_ended_token_back(cast: Cast, field: str) -> None:
    stale = User.objects.get(pk=cast.bob.user.pk)
    for role in (Role.VIEWER, Role.MANAGER):
        User.objects.filter(pk=stale.pk).update(role=role)
    ended = set(range(User.objects.get(pk=stale.pk).token_version))
    setattr(stale, field, "viewer")
    stale.save()
    assert User.objects.get(pk=stale.pk).token_version not in ended


async def test_a5_nobody_else_is_cut_off(server: Server, cast: Cast) -> None:
    async with (
        await Client.connect(server, cast.bob) as bob,
        await Client.connect(server, cast.mia) as mia,
        await Client.connect(server, cast.vera) as vera,
    ):
        role_changed(cast)
        assert (await bob.closed())[0] == CloseCode.FORBIDDEN
        assert await mia.settle() == []
        assert await vera.settle() == []
        assert (await auth(mia, cast.mia.token))["type"] == "AUTH_SUCCESS"


async def test_a5_a_new_sign_in_has_the_new_rights(server: Server, cast: Cast) -> None:
    async with await Client.connect(server, cast.bob) as bob:
        cast.bob.user.role = Role.MANAGER
        cast.bob.user.save()
        await bob.closed()
    async with await Client.connect(server, cast.bob) as bob:
        assert (await bob.set_value(cast.home.revenue, 5))["type"] == "KPI_UPDATED"


@pytest.mark.parametrize("field", ["name", "email", "last_login"])
async def test_a5_what_is_no_right_ends_nothing(server: Server, cast: Cast, field: str) -> None:
    token = cast.bob.token
    async with await Client.connect(server, cast.bob) as bob:
        value: Any = datetime.now(UTC) if field == "last_login" else f"new-{cast.bob.email}"
        setattr(cast.bob.user, field, value)
        cast.bob.user.save()
        Kpi.objects.filter(pk=cast.home.revenue.pk).update(value=6)
        await bob.subscribe(cast.home.topic)
        assert (await auth(bob, token))["type"] == "AUTH_SUCCESS"
        # The value may have been on its way when the topic was followed.
        assert {m["type"] for m in await bob.settle()} <= {"KPI_UPDATED", "SYNC_UPDATE"}


async def test_a5_an_expired_connection_that_waits_is_closed_as_well(
    server: Server, cast: Cast
) -> None:
    async with await Client.connect(server) as bob:
        await auth(bob, token_of(cast.bob, 1.5))
        await bob.expect("TOKEN_EXPIRED")
        deactivated(cast)
        assert (await bob.closed(WITHIN))[0] == CloseCode.FORBIDDEN


async def test_a5_a_place_of_somebody_cut_off_is_free_again(server: Server) -> None:
    cast = make_cast()
    for _ in range(2):
        clients = [await Client.connect(server, cast.bob) for _ in range(6)]
        cast.bob.user.role = Role.VIEWER if cast.bob.user.role == Role.MEMBER else Role.MEMBER
        cast.bob.user.save()
        for client in clients:
            assert (await client.closed())[0] == CloseCode.FORBIDDEN


# ------------------------------------------------------------------ what is under way

QUEUED = 120


async def _queue_updates(mia: Client, cast: Cast, alice: Client, count: int = QUEUED) -> None:
    for n in range(count):
        update = {"kpiId": str(cast.home.revenue.pk), "value": n}
        await mia.send("KPI_UPDATE", update, request_id=f"r{n}")
    await alice.settle()  # the server has read as many of them as it does at once


def _let_nobody_commit(cast: Cast) -> None:
    """Until the open transaction ends; on SQLite it does that by being open."""
    assert connection.in_atomic_block
    list(StreamHead.objects.select_for_update().filter(pk=cast.home.id))


async def test_s4_nothing_that_was_queued_is_done_behind_the_demotion(
    impatient: Server, cast: Cast
) -> None:
    async with (
        await Client.connect(impatient, cast.mia) as mia,
        await Client.connect(impatient, cast.alice) as alice,
    ):
        first = (await mia.set_value(cast.home.revenue, 1))["payload"]["sequence"]
        with transaction.atomic():
            User.objects.filter(pk=cast.mia.user.pk).update(role=Role.VIEWER)
            _let_nobody_commit(cast)
            await _queue_updates(mia, cast, alice)
        code, told = await mia.closed()
        await alice.set_value(cast.home.margin, 1)  # behind whatever was queued
    assert code == CloseCode.FORBIDDEN
    assert "KPI_UPDATED" not in {message["type"] for message in told}
    events = Event.objects.filter(organization_id=cast.home.id, sequence__gte=first)
    happened = events.order_by("sequence").values_list("entity_type", flat=True)
    assert list(happened) == ["kpi", "user", "kpi"]
    assert KpiValue.objects.filter(kpi=cast.home.revenue).count() == 2


async def _has_place(server: Server, person: Person, stack: contextlib.AsyncExitStack) -> bool:
    """Whether there is one for a further connection of theirs; it is taken then."""
    further = await stack.enter_async_context(await Client.connect(server))
    return bool((await further.ask("AUTH", {"token": person.token}))["type"] == "AUTH_SUCCESS")


@pytest.mark.skipif(BACKEND != "postgres", reason="SQLite does not say who waits")
async def test_s4_what_a_connection_has_queued_ends_with_it(impatient: Server, cast: Cast) -> None:
    mia = await Client.connect(impatient, cast.mia)
    await mia.set_value(cast.home.revenue, 1)
    async with (
        contextlib.AsyncExitStack() as stack,
        await Client.connect(impatient, cast.alice) as alice,
    ):
        while await _has_place(impatient, cast.mia, stack):
            pass
        with transaction.atomic():
            _let_nobody_commit(cast)
            # Under way, and the others wait for its end.
            margin = {"kpiId": str(cast.home.margin.pk), "value": 1}
            await alice.send("KPI_UPDATE", margin, request_id="under way")
            await asyncio.to_thread(on_connections_of_its_own, wait_until_somebody_is_blocked)
            # Not as many as a connection may have under way: the server would not read its end.
            await _queue_updates(mia, cast, alice, MAX_CHANGES // 2)
            mia.socket.transport.abort()
            await until(lambda: _has_place(impatient, cast.mia, stack), within=10)
        assert (await alice.answer("under way"))["type"] == "KPI_UPDATED"
        await alice.set_value(cast.home.margin, 2)  # behind whatever is still made of hers
    assert KpiValue.objects.filter(kpi=cast.home.revenue).count() == 2
