"""Message limits (decision L1)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest

from collaboration.models import Session
from kpis.models import Kpi
from sync.protocol.close_codes import CloseCode
from tests.support.cast import Cast
from tests.support.client import Client, Message, error_of
from tests.support.server import Server, serving

CONNECTION, USER = 5, 8


@pytest.fixture(scope="module")
def strict(database: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Five messages a connection, eight a user."""
    log = tmp_path_factory.mktemp("strict") / "log"
    limits = {"BOS_MESSAGES_PER_MINUTE": CONNECTION, "BOS_USER_MESSAGES_PER_MINUTE": USER}
    with serving(log, {name: str(limit) for name, limit in limits.items()}) as running:
        yield running


def counted(cast: Cast) -> tuple[str, Any]:
    """A request that counts, and that every member may send any number of times."""
    return "SUBSCRIBE", {"channels": [f"user:{cast.bob.id}"]}


async def spend(client: Client, cast: Cast, messages: int) -> None:
    for _ in range(messages):
        answer = await client.ask(*counted(cast))
        assert answer["type"] == "SUBSCRIBED", answer


def exceeded(message: Message) -> dict[str, Any]:
    """The figures of a refusal."""
    code, told = error_of(message)
    details: dict[str, Any] = told
    assert code == "RATE_LIMIT_EXCEEDED", message
    assert details["window"] == "60s"
    assert 1 <= details["retryAfter"] <= 60
    return details


# ------------------------------------------------------------------ the real numbers


async def test_l1_100_messages_pass_and_the_101st_is_refused_with_its_figures(
    server: Server, cast: Cast
) -> None:
    async with await Client.connect(server, cast.bob) as bob:
        await spend(bob, cast, 100)
        details = exceeded(await bob.ask(*counted(cast)))
        assert details["limit"] == 100
        told = await bob.expect("RATE_LIMIT")
        assert told["payload"] | {"message": ""} == {**details, "message": ""}
        # Only the first time; and heartbeats and AUTH are outside of it.
        exceeded(await bob.ask(*counted(cast)))
        assert await bob.settle() == []
        await bob.sign_in(cast.bob)


async def test_l1_a_user_has_300_messages_over_all_connections(server: Server, cast: Cast) -> None:
    for _ in range(3):
        async with await Client.connect(server, cast.bob) as bob:
            await spend(bob, cast, 100)
    async with await Client.connect(server, cast.bob) as bob:
        assert exceeded(await bob.ask(*counted(cast)))["limit"] == 300


# ------------------------------------------------------------------ a connection's limit


async def test_l1_rate_limit_is_told_once_also_of_the_users_limit(
    strict: Server, cast: Cast
) -> None:
    async with await Client.connect(strict, cast.bob) as first:
        await spend(first, cast, CONNECTION)
    async with await Client.connect(strict, cast.bob) as bob:
        await spend(bob, cast, USER - CONNECTION)
        limits = [exceeded(await bob.ask(*counted(cast)))["limit"] for _ in range(4)]
        told = [m for m in [*bob.seen(), *await bob.settle()] if m["type"] == "RATE_LIMIT"]
    # Its own five are used up by refused ones as well.
    assert limits == [USER, USER, CONNECTION, CONNECTION]
    assert [m["payload"]["limit"] for m in told] == [USER]


async def test_l1_a_refused_message_is_not_processed(strict: Server, cast: Cast) -> None:
    async with await Client.connect(strict, cast.mia) as mia:
        for value in range(CONNECTION):
            assert (await mia.set_value(cast.home.revenue, value))["type"] == "KPI_UPDATED"
        exceeded(await mia.set_value(cast.home.revenue, 77))
    assert Kpi.objects.get(pk=cast.home.revenue.pk).value == CONNECTION - 1


async def test_l1_auth_heartbeats_and_cursors_are_outside_of_it(strict: Server, cast: Cast) -> None:
    async with (
        await Client.connect(strict, cast.bob) as bob,
        await Client.connect(strict, cast.mia) as mia,
    ):
        created = await bob.ask("SESSION_CREATE", {"title": "t", "activeSpace": "s"})
        session = {"sessionId": created["payload"]["sessionId"]}
        assert (await mia.ask("SESSION_JOIN", session))["type"] == "SESSION_JOINED"
        for n in range(3 * CONNECTION):
            position = {"x": n, "y": 0, "z": 0}
            await bob.send("CURSOR_MOVE", session | {"position": position})
            await bob.send("PONG")
            assert (await bob.ask("PING"))["type"] == "PONG"
        for _ in range(CONNECTION):
            await bob.sign_in(cast.bob)
        await spend(bob, cast, CONNECTION - 1)
        exceeded(await bob.ask(*counted(cast)))
        # And they work over the limit.
        assert (await bob.ask("PING"))["type"] == "PONG"
        await bob.send("CURSOR_MOVE", session | {"position": {"x": 99, "y": 0, "z": 0}})
        while (await mia.receive())["payload"].get("position", {}).get("x") != 99:
            pass


@pytest.mark.parametrize(
    "garbage", ["{", b"\xc1", "[]", '{"type": "NOTHING"}', '{"type": "PING", "payload": 5}']
)
async def test_l1_what_is_malformed_counts_like_any_message(
    strict: Server, cast: Cast, garbage: str | bytes
) -> None:
    async with await Client.connect(strict, cast.bob) as bob:
        for _ in range(CONNECTION):
            await bob.send_raw(garbage)
            assert error_of(await bob.expect("ERROR"))[0] == "INVALID_MESSAGE_FORMAT"
        await bob.send_raw(garbage)
        exceeded(await bob.expect("ERROR"))


async def test_l1_messages_before_auth_count_as_well(strict: Server) -> None:
    async with await Client.connect(strict) as client:
        for _ in range(CONNECTION):
            code, _ = error_of(await client.ask("SUBSCRIBE", {"channels": ["kpi:1"]}))
            assert code == "AUTHENTICATION_REQUIRED"
        exceeded(await client.ask("SUBSCRIBE", {"channels": ["kpi:1"]}))


async def test_l1_a_refusal_of_one_connection_leaves_the_others_alone(
    strict: Server, cast: Cast
) -> None:
    async with (
        await Client.connect(strict, cast.bob) as one,
        await Client.connect(strict, cast.bob) as other,
        await Client.connect(strict, cast.vera) as vera,
    ):
        await spend(one, cast, CONNECTION)
        exceeded(await one.ask(*counted(cast)))
        await spend(other, cast, USER - CONNECTION)
        assert (await vera.ask("SUBSCRIBE", {"channels": [cast.home.topic]}))[
            "type"
        ] == "SUBSCRIBED"


# ------------------------------------------------------------------ a user's limit


async def test_l1_a_reconnect_does_not_begin_the_users_limit_anew(
    strict: Server, cast: Cast
) -> None:
    for _ in range(USER):
        async with await Client.connect(strict, cast.bob) as bob:
            await spend(bob, cast, 1)
    async with await Client.connect(strict, cast.bob) as bob:
        assert exceeded(await bob.ask(*counted(cast)))["limit"] == USER


# ------------------------------------------------------------------ three times the limit


@pytest.mark.parametrize("signed_in", [True, False])
async def test_l1_three_times_the_limit_is_served_with_errors_and_one_more_closes_with_4429(
    strict: Server, cast: Cast, signed_in: bool
) -> None:
    async with await Client.connect(strict, cast.bob if signed_in else None) as bob:
        for _ in range(3 * CONNECTION):
            await bob.send(*counted(cast))
        answers = await bob.settle()
        assert sum(m["type"] == "RATE_LIMIT" for m in answers) == 1
        assert len(answers) == 3 * CONNECTION + 1
        await bob.send(*counted(cast))
        code, before = await bob.closed()
    assert code == CloseCode.TOO_MANY
    assert error_of(before[0]) == ("RATE_LIMIT_EXCEEDED", {"closeCode": 4429})


# ------------------------------------------------------------------ work (row s6)

WORK, TENANT_WORK, NOTES = 60, 100, 2


@pytest.fixture(scope="module")
def dear(database: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Little work a user and an organization; two processes where there is Redis."""
    limits = {
        "BOS_USER_WORK_PER_MINUTE": WORK,
        "BOS_ORGANIZATION_WORK_PER_MINUTE": TENANT_WORK,
        "BOS_SESSION_NOTES": NOTES,
    }
    with serving(
        tmp_path_factory.mktemp("dear") / "log",
        {name: str(limit) for name, limit in limits.items()},
        processes=2 if os.environ.get("REDIS_URL") else 1,
    ) as running:
        yield running


async def start_session(client: Client, invited: list[str]) -> Message:
    """Costs 5, and 4 for each invited."""
    wanted = {"title": "t", "activeSpace": "s", "inviteUserIds": invited}
    return await client.ask("SESSION_CREATE", wanted)


async def test_s6_work_of_a_user_is_paid_for_on_all_connections_and_then_refused(
    dear: Server, cast: Cast
) -> None:
    async with (
        await Client.connect(dear, cast.bob) as bob,
        await Client.connect(dear, cast.bob) as tablet,
        await Client.connect(dear, cast.mia) as mia,
    ):
        for client in (bob, tablet, bob, tablet):
            started = await start_session(client, [cast.mia.id, cast.vera.id])
            assert started["type"] == "SESSION_CREATED", started
        refused = exceeded(await start_session(tablet, [cast.mia.id, cast.vera.id]))
        assert (refused["limit"], refused["scope"]) == (WORK, "user")
        told = await tablet.expect("RATE_LIMIT")
        assert told["payload"]["scope"] == "user"
        assert Session.objects.of(cast.home.id).count() == 4, "nothing was done"
        # What costs less is still let in, of the user and of everybody else.
        assert (await bob.ask(*counted(cast)))["type"] == "SUBSCRIBED"
        assert (await start_session(mia, [cast.bob.id]))["type"] == "SESSION_CREATED"


async def test_s6_an_organization_pays_for_all_of_its_users_and_no_other_does(
    dear: Server, cast: Cast
) -> None:
    async with (
        await Client.connect(dear, cast.bob) as bob,
        await Client.connect(dear, cast.mia) as mia,
        await Client.connect(dear, cast.alice) as alice,
        await Client.connect(dear, cast.charlie) as charlie,
    ):
        for client, invited in ((bob, cast.mia.id), (mia, cast.bob.id)):
            for _ in range(5):
                assert (await start_session(client, [invited]))["type"] == "SESSION_CREATED"
        refused = exceeded(await start_session(alice, [cast.bob.id, cast.mia.id]))
        assert (refused["limit"], refused["scope"]) == (TENANT_WORK, "organization")
        assert (await start_session(charlie, []))["type"] == "SESSION_CREATED"


async def test_s6_a_snapshot_is_paid_for_before_any_of_it_is_sent(dear: Server, cast: Cast) -> None:
    Kpi.objects.bulk_create(
        Kpi(organization=cast.home.organization, name=f"KPI {n}") for n in range(800)
    )
    async with await Client.connect(dear, cast.vera) as vera:
        first = await vera.sync(cast.home.topic)
        assert first[-1]["type"] == "SYNC_COMPLETE"
        assert exceeded((await vera.sync(cast.home.topic))[0])["scope"] == "user"
        assert [m["type"] for m in await vera.settle()] == ["RATE_LIMIT"]


async def test_s6_a_note_costs_by_its_bytes(dear: Server, cast: Cast) -> None:
    async with await Client.connect(dear, cast.bob) as bob:
        session = (await start_session(bob, []))["payload"]["sessionId"]
        note = {"sessionId": session, "position": {"x": 0, "y": 0, "z": 0}, "contentType": "text"}
        long = note | {"content": "é" * 5_000}  # 10,000 bytes: 41 units
        assert (await bob.ask("ANNOTATION_CREATE", long))["type"] == "ANNOTATION_CREATED"
        exceeded(await bob.ask("ANNOTATION_CREATE", long))
        short = note | {"content": "é"}
        assert (await bob.ask("ANNOTATION_CREATE", short))["type"] == "ANNOTATION_CREATED"
        await bob.settle()
        # Of what there may be so many, waiting makes no more room, and no RATE_LIMIT tells of it.
        full = error_of(await bob.ask("ANNOTATION_CREATE", short))
        assert full == ("RATE_LIMIT_EXCEEDED", {"limit": NOTES, "scope": "notes"})
        assert await bob.settle() == []
