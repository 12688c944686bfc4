"""A meeting is asked for as it was: what happened, and what the KPIs showed (P1, C7)."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import Any

from tests.support.cast import Cast
from tests.support.client import Client, Message, error_of
from tests.support.passing import let_pass
from tests.support.server import Server
from tests.wire.test_annotations import annotate
from tests.wire.test_sessions import create, join


async def replay(client: Client, session_id: str, **more: Any) -> Message:
    answer = await client.ask("REPLAY_REQUEST", {"sessionId": session_id, **more})
    assert answer["type"] == "REPLAY", answer
    payload: Message = answer["payload"]
    return payload


async def hold_meeting(bob: Client, mia: Client, cast: Cast) -> str:
    """Minute by minute: mia joins, writes, sets revenue twice and leaves; bob ends it."""
    revenue = cast.home.revenue
    session_id: str = (await create(bob, inviteUserIds=[cast.mia.id, cast.vera.id]))["sessionId"]
    let_pass(cast.home, 60)
    await join(mia, session_id)
    let_pass(cast.home, 60)
    note = (await annotate(mia, session_id, content="first words"))["payload"]["annotationId"]
    await mia.set_value(revenue, 110)
    let_pass(cast.home, 60)
    of_note = {"annotationId": note, "sessionId": session_id}
    await mia.ask("ANNOTATION_UPDATE", {**of_note, "content": "better words"})
    await mia.ask("ANNOTATION_RESOLVE", {**of_note, "resolved": True})
    await mia.set_value(revenue, 120)
    let_pass(cast.home, 60)
    await mia.ask("ANNOTATION_DELETE", of_note)
    await mia.ask("SESSION_LEAVE", {"sessionId": session_id})
    let_pass(cast.home, 60)
    await bob.ask("SESSION_LEAVE", {"sessionId": session_id})
    return session_id


def minutes(offset: int) -> int:
    return offset // 60_000


async def test_p1_a_replay_tells_in_order_what_happened_and_what_was_shown_then(
    server: Server, cast: Cast
) -> None:
    async with (
        await Client.connect(server, cast.bob) as bob,
        await Client.connect(server, cast.mia) as mia,
    ):
        session_id = await hold_meeting(bob, mia, cast)
        # What comes after the meeting is not of it.
        await mia.set_value(cast.home.revenue, 999)
        await annotate(mia, session_id, content="too late")
        page = await replay(mia, session_id)
    events = page["events"]
    assert [(minutes(event["offset"]), event["kind"]) for event in events] == [
        (0, "started"),
        (1, "joined"),
        (2, "note"),
        (3, "note"),
        (3, "note"),
        (4, "noteDeleted"),
        (4, "left"),
        (5, "left"),
        (5, "ended"),
    ]
    notes = [event["note"] for event in events if event["kind"] == "note"]
    assert [note["content"] for note in notes] == ["first words", "better words", "better words"]
    assert [note["resolvedAt"] is None for note in notes] == [True, True, False]
    assert (events[1]["userName"], events[1]["role"]) == ("Mia", "participant")
    assert events[5]["userId"] == cast.mia.id
    assert events[-1]["reason"] == "host_left"
    assert {one["userName"] for one in page["session"]["people"]} == {"Bob", "Mia"}
    revenue = str(cast.home.revenue.pk)
    assert {one["kpiId"]: one["value"] for one in page["kpis"]}[revenue] == 100
    changes = [(minutes(one["offset"]), one["kpiId"], one["value"]) for one in page["changes"]]
    assert changes == [(2, revenue, 110), (3, revenue, 120)]
    assert (page["complete"], page["next"]) == (True, None)
    assert page["keptFrom"] == events[0]["at"] >= page["from"] == page["session"]["createdAt"]
    assert page["to"] == page["session"]["endedAt"]


async def test_p1_the_pages_of_a_replay_are_the_whole_and_nothing_twice(
    server: Server, cast: Cast
) -> None:
    async with (
        await Client.connect(server, cast.bob) as bob,
        await Client.connect(server, cast.mia) as mia,
    ):
        session_id = await hold_meeting(bob, mia, cast)
        whole = await replay(mia, session_id)
        together: dict[str, list[Any]] = {"events": [], "kpis": [], "changes": []}
        after: dict[str, str] = {}
        while True:
            page = await replay(mia, session_id, limit=2, **after)
            for name, items in together.items():
                assert len(page[name]) <= 2
                items += page[name]
            if page["next"] is None:
                break
            after = {"after": page["next"]}
        assert together == {name: whole[name] for name in together}
        for nonsense in ("", "1.2", "x.1..1.1", f"{10**17}.1..1.1", "1.1.ab.1.1"):
            request = {"sessionId": session_id, "after": nonsense}
            code, details = error_of(await mia.ask("REPLAY_REQUEST", request))
            assert (code, details["field"]) == ("INVALID_MESSAGE_FORMAT", "payload.after")


async def test_c7_a_replay_is_for_the_host_participants_and_invited_and_hides_what_they_may_not_see(
    server: Server, cast: Cast
) -> None:
    """An admin who is none of them gets the answer of a session that is not there."""
    people = (cast.bob, cast.mia, cast.vera, cast.alice, cast.charlie)
    async with AsyncExitStack() as stack:
        bob, mia, vera, alice, charlie = [
            await stack.enter_async_context(await Client.connect(server, one)) for one in people
        ]
        session_id = await hold_meeting(bob, mia, cast)
        seen = {}
        for name, client in (("bob", bob), ("mia", mia), ("vera", vera)):
            seen[name] = {one["kpiId"] for one in (await replay(client, session_id))["kpis"]}
        revenue, margin = str(cast.home.revenue.pk), str(cast.home.margin.pk)
        assert seen == {"bob": {revenue, margin}, "mia": {revenue, margin}, "vera": {revenue}}
        answers = [
            error_of(await client.ask("REPLAY_REQUEST", {"sessionId": id_}))
            for client in (alice, charlie)
            for id_ in (session_id, cast.home.id, "none")
        ]
        assert {code for code, _ in answers} == {"SESSION_NOT_FOUND"}
        assert all(set(details) == {"sessionId"} for _, details in answers)


async def test_p1_a_meeting_that_goes_on_is_played_back_until_now(
    server: Server, cast: Cast
) -> None:
    async with await Client.connect(server, cast.bob) as bob:
        session_id = (await create(bob))["sessionId"]
        let_pass(cast.home, 60)
        await annotate(bob, session_id)
        page = await replay(bob, session_id)
        assert [event["kind"] for event in page["events"]] == ["started", "note"]
        assert page["session"]["endedAt"] is None
        assert page["to"] >= page["events"][-1]["at"] > page["from"]
        await bob.ask("SESSION_LEAVE", {"sessionId": session_id})
