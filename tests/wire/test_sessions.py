"""Collaboration sessions: create, join, leave (decisions C1 to C3, S3)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest

from bos.models import Notification, Role
from collaboration.models import Participant, Session
from tests.support.cast import Cast, make_person
from tests.support.client import Client, Message, error_of
from tests.support.server import Server

CROWD = 8
ROOM = {"title": "Q4 planning", "activeSpace": "dashboard"}


async def create(client: Client, **more: Any) -> Message:
    answer = await client.ask("SESSION_CREATE", {**ROOM, **more})
    assert answer["type"] == "SESSION_CREATED", answer
    payload: dict[str, Any] = answer["payload"]
    return payload


async def join(client: Client, session_id: str) -> Message:
    return await client.ask("SESSION_JOIN", {"sessionId": session_id})


@asynccontextmanager
async def meeting(server: Server, cast: Cast) -> AsyncIterator[tuple[Client, Client, str]]:
    """bob and mia in a session of bob's, and its id."""
    async with (
        await Client.connect(server, cast.bob) as bob,
        await Client.connect(server, cast.mia) as mia,
    ):
        session_id = (await create(bob))["sessionId"]
        await join(mia, session_id)
        await bob.expect("SESSION_JOINED")
        yield bob, mia, session_id


async def test_c1_the_creator_is_host_and_first_participant(server: Server, cast: Cast) -> None:
    async with await Client.connect(server, cast.bob) as bob:
        created = await create(bob)
    assert created["hostId"] == cast.bob.id
    assert created["participants"] == [cast.bob.id]
    assert created["title"] == "Q4 planning"
    assert created["activeSpace"] == "dashboard"
    assert created["createdAt"].endswith("Z")


async def test_c2_those_who_join_at_once_see_each_other_once_and_themselves(
    server: Server, cast: Cast
) -> None:
    """They share the reading of the session: each has the others in it, or hears of them after."""
    home = cast.home.organization
    people = await asyncio.to_thread(
        lambda: [make_person(home, f"crowd{n}", Role.MEMBER, None) for n in range(CROWD)]
    )
    async with AsyncExitStack() as stack:
        bob = await stack.enter_async_context(await Client.connect(server, cast.bob))
        session_id = (await create(bob))["sessionId"]
        clients = [
            await stack.enter_async_context(await Client.connect(server, each)) for each in people
        ]
        answers = await asyncio.gather(*(join(client, session_id) for client in clients))
        everybody = sorted([cast.bob.id, *(each.id for each in people)])
        for client, person, answer in zip(clients, people, answers, strict=True):
            shown = answer["payload"]
            assert (shown["userId"], shown["role"]) == (person.id, "participant")
            own = await Participant.objects.aget(user=person.user)
            assert shown["entityId"] == str(own.pk)
            there = [each["userId"] for each in shown["session"]["participants"]]
            assert person.id in there
            came = [m["payload"] for m in await client.settle() if m["type"] == "SESSION_JOINED"]
            assert all(each["sequence"] > shown["sequence"] for each in came)
            assert sorted([*there, *(each["userId"] for each in came)]) == everybody


async def test_c1_an_open_session_is_announced_to_the_organization_without_the_requests_id(
    server: Server, cast: Cast
) -> None:
    async with (
        await Client.connect(server, cast.bob) as bob,
        await Client.connect(server, cast.vera) as vera,
        await Client.connect(server, cast.charlie) as charlie,
    ):
        await vera.subscribe(cast.home.topic)
        await charlie.subscribe(cast.other.topic)
        created = await create(bob)
        announced = await vera.expect("SESSION_CREATED")
        assert announced["payload"]["sessionId"] == created["sessionId"]
        assert "requestId" not in announced
        assert await charlie.settle() == []


async def test_c1_the_invited_get_a_notification_and_the_session_on_their_own_topic(
    server: Server, cast: Cast
) -> None:
    async with (
        await Client.connect(server, cast.bob) as bob,
        await Client.connect(server, cast.mia) as mia,
        await Client.connect(server, cast.vera) as vera,
    ):
        await vera.subscribe(cast.home.topic)
        created = await create(bob, inviteUserIds=[cast.mia.id])
        got = [await mia.receive(), await mia.receive()]
        assert {m["type"] for m in got} == {"SESSION_CREATED", "NOTIFICATION"}
        assert all("requestId" not in m for m in got)
        invitation = next(m for m in got if m["type"] == "SESSION_CREATED")
        assert invitation["payload"]["sessionId"] == created["sessionId"]
        assert await vera.settle() == []
        assert [m["type"] for m in await bob.settle()] == []


async def test_c1_who_invites_only_himself_is_not_joined_by_others(
    server: Server, cast: Cast
) -> None:
    async with (
        await Client.connect(server, cast.bob) as bob,
        await Client.connect(server, cast.mia) as mia,
    ):
        await mia.subscribe(cast.home.topic)
        created = await create(bob, inviteUserIds=[cast.bob.id])
        assert error_of(await join(mia, created["sessionId"]))[0] == "SESSION_NOT_FOUND"
        assert await mia.settle() == []


async def test_c1_an_invitation_waits_for_the_next_sync(server: Server, cast: Cast) -> None:
    async with await Client.connect(server, cast.bob) as bob:
        created = await create(bob, inviteUserIds=[cast.mia.id])
    async with await Client.connect(server, cast.mia) as mia:
        shown = await mia.sync(f"user:{cast.mia.id}")
    entities = [m["payload"] for m in shown if m["type"] == "SYNC_UPDATE"]
    assert {e["entityType"] for e in entities} == {"notification", "invitation"}
    invitation = next(e for e in entities if e["entityType"] == "invitation")
    assert invitation["data"]["sessionId"] == created["sessionId"]


async def test_c1_inviting_somebody_outside_is_refused_whole(server: Server, cast: Cast) -> None:
    before = Session.objects.count(), Notification.objects.count()
    async with await Client.connect(server, cast.bob) as bob:
        answer = await bob.ask(
            "SESSION_CREATE", {**ROOM, "inviteUserIds": [cast.mia.id, cast.charlie.id]}
        )
    assert error_of(answer)[0] == "UNAUTHORIZED"
    assert (Session.objects.count(), Notification.objects.count()) == before


@pytest.mark.parametrize(
    ("field", "good", "bad"),
    [
        ("title", "t" * 200, "t" * 201),
        ("title", "t", ""),
        ("activeSpace", "s" * 100, "s" * 101),
        ("maxParticipants", 2, 1),
        ("maxParticipants", 200, 201),
        ("inviteUserIds", [], ["x"] * 101),
    ],
)
async def test_c1_limits_hold_at_n_and_n_plus_1(
    server: Server, cast: Cast, field: str, good: Any, bad: Any
) -> None:
    async with await Client.connect(server, cast.bob) as bob:
        await create(bob, **{field: good})
        code, details = error_of(await bob.ask("SESSION_CREATE", {**ROOM, field: bad}))
    assert (code, details["field"]) == ("INVALID_MESSAGE_FORMAT", f"payload.{field}")


async def test_s3_a_viewer_neither_creates_nor_joins(server: Server, cast: Cast) -> None:
    async with (
        await Client.connect(server, cast.bob) as bob,
        await Client.connect(server, cast.vera) as vera,
    ):
        session_id = (await create(bob))["sessionId"]
        assert error_of(await vera.ask("SESSION_CREATE", ROOM))[0] == "UNAUTHORIZED"
        assert error_of(await join(vera, session_id))[0] == "UNAUTHORIZED"
        assert await bob.settle() == []


async def test_c2_everybody_present_learns_of_who_joins_and_he_gets_the_session(
    server: Server, cast: Cast
) -> None:
    async with (
        await Client.connect(server, cast.bob) as bob,
        await Client.connect(server, cast.mia) as mia,
    ):
        session_id = (await create(bob))["sessionId"]
        own = await join(mia, session_id)
        assert own["type"] == "SESSION_JOINED"
        assert own["payload"]["userId"] == cast.mia.id
        session = own["payload"]["session"]
        assert session["title"] == "Q4 planning"
        assert session["hostId"] == cast.bob.id
        assert {p["userId"]: p["state"] for p in session["participants"]} == {
            cast.bob.id: "active",
            cast.mia.id: "active",
        }
        seen = await bob.expect("SESSION_JOINED")
        assert seen["payload"]["userId"] == cast.mia.id
        assert seen["payload"]["userName"] == "Mia"
        assert "session" not in seen["payload"]
        assert "requestId" not in seen
        assert await mia.settle() == []


async def test_c2_a_second_device_joins_silently_and_counts_once(
    server: Server, cast: Cast
) -> None:
    async with (
        await Client.connect(server, cast.bob) as bob,
        await Client.connect(server, cast.mia) as mia,
        await Client.connect(server, cast.mia) as second,
    ):
        session_id = (await create(bob, maxParticipants=2))["sessionId"]
        await join(mia, session_id)
        await bob.expect("SESSION_JOINED")
        assert (await join(second, session_id))["type"] == "SESSION_JOINED"
        assert await bob.settle() == []
        assert await mia.settle() == []
        note = {"x": 1, "y": 2, "z": 3}
        await bob.ask(
            "ANNOTATION_CREATE",
            {"sessionId": session_id, "position": note, "content": "!", "contentType": "text"},
        )
        for device in (mia, second):
            assert (await device.expect("ANNOTATION_CREATED"))["payload"]["content"] == "!"


async def test_c2_a_full_session_takes_nobody_in_until_somebody_leaves(
    server: Server, cast: Cast
) -> None:
    async with (
        await Client.connect(server, cast.bob) as bob,
        await Client.connect(server, cast.mia) as mia,
        await Client.connect(server, cast.alice) as alice,
    ):
        session_id = (await create(bob, maxParticipants=2))["sessionId"]
        await join(mia, session_id)
        code, details = error_of(await join(alice, session_id))
        assert (code, details["limit"]) == ("SESSION_FULL", 2)
        await mia.ask("SESSION_LEAVE", {"sessionId": session_id})
        assert (await join(alice, session_id))["type"] == "SESSION_JOINED"


async def test_c2_simultaneous_joins_fill_a_session_exactly(server: Server, cast: Cast) -> None:
    people = [make_person(cast.home.organization, f"p{n}", Role.MEMBER, None) for n in range(20)]
    async with await Client.connect(server, cast.bob) as bob:
        session_id = (await create(bob, maxParticipants=6))["sessionId"]
        clients = await asyncio.gather(*(Client.connect(server, person) for person in people))
        answers = await asyncio.gather(*(join(client, session_id) for client in clients))
        for client in clients:
            await client.socket.close()
    joined = [a for a in answers if a["type"] == "SESSION_JOINED"]
    refused = [error_of(a)[0] for a in answers if a["type"] == "ERROR"]
    assert len(joined) == 5
    assert refused == ["SESSION_FULL"] * 15


async def test_c2_what_is_no_session_of_ours_is_not_found(server: Server, cast: Cast) -> None:
    async with (
        await Client.connect(server, cast.bob) as bob,
        await Client.connect(server, cast.mia) as mia,
        await Client.connect(server, cast.charlie) as charlie,
    ):
        open_id = (await create(bob))["sessionId"]
        closed_id = (await create(bob, inviteUserIds=[cast.alice.id]))["sessionId"]
        ended_id = (await create(bob))["sessionId"]
        await bob.ask("SESSION_LEAVE", {"sessionId": ended_id})
        attempts = [
            (charlie, open_id),
            (mia, closed_id),
            (mia, ended_id),
            (mia, "nonsense"),
            (mia, mia.session_id),
            (mia, "3fa85f64-5717-4562-b3fc-2c963f66afa6"),
        ]
        for client, session_id in attempts:
            assert error_of(await join(client, session_id))[0] == "SESSION_NOT_FOUND", session_id


async def test_c3_leaving_is_told_to_the_others_and_answered(server: Server, cast: Cast) -> None:
    async with meeting(server, cast) as (bob, mia, session_id):
        own = await mia.ask("SESSION_LEAVE", {"sessionId": session_id})
        assert own["type"] == "SESSION_LEFT"
        seen = await bob.expect("SESSION_LEFT")
        assert seen["payload"]["userId"] == cast.mia.id
        assert "requestId" not in seen
        await bob.ask(
            "ANNOTATION_CREATE",
            {
                "sessionId": session_id,
                "position": {"x": 0, "y": 0, "z": 0},
                "content": "alone",
                "contentType": "text",
            },
        )
        assert await mia.settle() == []


async def test_c3_a_host_who_leaves_ends_the_session_for_all(server: Server, cast: Cast) -> None:
    async with meeting(server, cast) as (bob, mia, session_id):
        own = await bob.ask("SESSION_LEAVE", {"sessionId": session_id})
        assert own["type"] == "SESSION_LEFT"
        ended = await bob.expect("SESSION_ENDED")
        assert "requestId" not in ended
        assert [(await mia.receive())["type"] for _ in range(2)] == [
            "SESSION_LEFT",
            "SESSION_ENDED",
        ]
        assert error_of(await join(mia, session_id))[0] == "SESSION_NOT_FOUND"


async def test_c3_a_host_may_name_the_next_and_it_goes_on(server: Server, cast: Cast) -> None:
    async with (
        await Client.connect(server, cast.bob) as bob,
        await Client.connect(server, cast.mia) as mia,
    ):
        session_id = (await create(bob))["sessionId"]
        await join(mia, session_id)
        stranger = {"sessionId": session_id, "newHostId": cast.alice.id}
        assert error_of(await bob.ask("SESSION_LEAVE", stranger))[0] == "NOT_FOUND"
        left = await bob.ask("SESSION_LEAVE", {"sessionId": session_id, "newHostId": cast.mia.id})
        assert left["type"] == "SESSION_LEFT"
        assert (await mia.expect("SESSION_LEFT"))["payload"]["userId"] == cast.bob.id
        changed = (await mia.expect("SYNC_UPDATE"))["payload"]
        assert (changed["entityId"], changed["data"]["hostId"]) == (session_id, cast.mia.id)
        promoted = (await mia.expect("PARTICIPANT_UPDATE"))["payload"]
        assert (promoted["userId"], promoted["role"]) == (cast.mia.id, "host")
    session = Session.objects.get(pk=session_id)
    assert session.ended_at is None
    assert str(session.host_id) == cast.mia.id


async def test_e7_a_join_that_is_repeated_joins_once(server: Server, cast: Cast) -> None:
    async with (
        await Client.connect(server, cast.bob) as bob,
        await Client.connect(server, cast.mia) as mia,
    ):
        session_id = (await create(bob))["sessionId"]
        for _ in range(2):
            await mia.send("SESSION_JOIN", {"sessionId": session_id}, request_id="once")
            assert (await mia.answer("once"))["type"] == "SESSION_JOINED"
        await bob.expect("SESSION_JOINED")
        assert await bob.settle() == []
    assert Participant.objects.filter(session_id=session_id, left_at=None).count() == 2


async def test_e7_a_creation_that_is_repeated_creates_once(server: Server, cast: Cast) -> None:
    async with (
        await Client.connect(server, cast.bob) as one,
        await Client.connect(server, cast.bob) as two,
    ):
        for client in (one, two):
            await client.send("SESSION_CREATE", ROOM, request_id="create-once")
        first, second = await asyncio.gather(one.answer("create-once"), two.answer("create-once"))
    assert first["payload"]["sessionId"] == second["payload"]["sessionId"]
    assert Session.objects.filter(organization=cast.home.organization).count() == 1


async def test_s2_the_topic_is_for_host_participants_and_invited(
    server: Server, cast: Cast
) -> None:
    async with (
        await Client.connect(server, cast.bob) as bob,
        await Client.connect(server, cast.mia) as mia,
        await Client.connect(server, cast.alice) as alice,
    ):
        session_id = (await create(bob, inviteUserIds=[cast.mia.id]))["sessionId"]
        topic = f"session:{session_id}"
        await bob.subscribe(topic)
        await mia.settle()
        await mia.subscribe(topic)
        answer = await alice.ask("SUBSCRIBE", {"channels": [topic]})
        assert error_of(answer) == ("UNAUTHORIZED", {"channel": topic})


@pytest.mark.parametrize("spelling", [str.upper, lambda id_: id_.replace("-", "")])
async def test_c2_another_spelling_of_an_id_is_another_id(
    server: Server, cast: Cast, spelling: Callable[[str], str]
) -> None:
    """Ids are opaque: who came in by another spelling would miss what the others see."""
    async with (
        await Client.connect(server, cast.bob) as bob,
        await Client.connect(server, cast.mia) as mia,
    ):
        session_id = (await create(bob))["sessionId"]
        assert error_of(await join(mia, spelling(session_id)))[0] == "SESSION_NOT_FOUND"
        invited = {**ROOM, "inviteUserIds": [spelling(cast.mia.id)]}
        assert error_of(await bob.ask("SESSION_CREATE", invited))[0] == "UNAUTHORIZED"
        update = {"kpiId": spelling(str(cast.home.revenue.pk)), "value": 1}
        assert error_of(await mia.ask("KPI_UPDATE", update))[0] == "UNAUTHORIZED"
        assert await bob.settle() == []
