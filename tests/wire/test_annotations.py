"""Spatial annotations (decision C5)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import pytest
from django.db import connections
from django.db.models import QuerySet
from django.test import Client as Browser
from django.urls import reverse

from bos.models import Organization
from collaboration.models import Annotation, NoteUsage, Session
from sync.models import Event
from tests.conftest import ServeFixture
from tests.support import doors
from tests.support.cast import Cast, Person
from tests.support.client import Client, Message, error_of
from tests.support.server import Server
from tests.wire.test_sessions import create, join

T = TypeVar("T")
POINT = {"x": 1.5, "y": 0.8, "z": -2.0}


async def annotate(client: Client, session_id: str, **more: Any) -> Message:
    note = {"position": POINT, "content": "Look here", "contentType": "text"}
    return await client.ask("ANNOTATION_CREATE", {"sessionId": session_id, **note, **more})


async def test_c5_an_annotation_reaches_every_participant_with_its_author(
    server: Server, cast: Cast
) -> None:
    async with (
        await Client.connect(server, cast.bob) as bob,
        await Client.connect(server, cast.mia) as mia,
    ):
        session_id = (await create(bob))["sessionId"]
        await join(mia, session_id)
        own = await annotate(mia, session_id, entity={"type": "kpi", "id": "kpi-1"})
        assert own["type"] == "ANNOTATION_CREATED"
        await bob.expect("SESSION_JOINED")
        seen = await bob.expect("ANNOTATION_CREATED")
        assert "requestId" not in seen
        assert seen["payload"] == own["payload"]
        assert seen["payload"]["position"] == POINT
        assert seen["payload"]["authorName"] == "Mia"
        assert seen["payload"]["entity"] == {"type": "kpi", "id": "kpi-1"}
        assert seen["payload"]["revision"] == 1


async def test_c5_any_subset_of_the_fields_can_be_changed(server: Server, cast: Cast) -> None:
    async with await Client.connect(server, cast.bob) as bob:
        session_id = (await create(bob))["sessionId"]
        note = (await annotate(bob, session_id))["payload"]
        moved = await bob.ask(
            "ANNOTATION_UPDATE",
            {"annotationId": note["annotationId"], "position": {"x": 0, "y": 0, "z": 0}},
        )
        assert moved["type"] == "ANNOTATION_UPDATED"
        assert moved["payload"]["content"] == "Look here"
        assert moved["payload"]["position"] == {"x": 0, "y": 0, "z": 0}
        assert moved["payload"]["revision"] == 2
        said = await bob.ask(
            "ANNOTATION_UPDATED", {"annotationId": note["annotationId"], "content": "Again"}
        )
        assert (said["payload"]["content"], said["payload"]["revision"]) == ("Again", 3)


async def test_c5_author_and_host_change_and_delete_nobody_else(server: Server, cast: Cast) -> None:
    async with (
        await Client.connect(server, cast.bob) as host,
        await Client.connect(server, cast.mia) as author,
        await Client.connect(server, cast.alice) as other,
        await Client.connect(server, cast.charlie) as stranger,
    ):
        session_id = (await create(host))["sessionId"]
        for client in (author, other):
            await join(client, session_id)
        id_ = (await annotate(author, session_id))["payload"]["annotationId"]
        for client in (other, stranger):
            change = await client.ask("ANNOTATION_UPDATE", {"annotationId": id_, "content": "x"})
            assert error_of(change)[0] == "UNAUTHORIZED"
            assert (
                error_of(await client.ask("ANNOTATION_DELETE", {"annotationId": id_}))[0]
                == "UNAUTHORIZED"
            )
        for client in (author, host):
            answer = await client.ask("ANNOTATION_UPDATE", {"annotationId": id_, "content": "y"})
            assert answer["type"] == "ANNOTATION_UPDATED"
        deleted = await host.ask("ANNOTATION_DELETE", {"annotationId": id_})
        assert deleted["type"] == "ANNOTATION_DELETED"
        payload = deleted["payload"]
        assert (payload["annotationId"], payload["sessionId"]) == (id_, session_id)
        assert payload["deletedBy"] == cast.bob.id
        assert payload["deletedAt"].endswith("Z")


@pytest.mark.parametrize(
    ("field", "good", "bad"),
    [
        ("content", "c" * 10_000, "c" * 10_001),
        ("content", "c", ""),
        ("contentType", "drawing", "video"),
        ("position", POINT, {"x": "1", "y": 0, "z": 0}),
        ("position", POINT, {"x": 1, "y": 0}),
        ("position", POINT, [1, 2, 3]),
    ],
)
async def test_c5_limits_hold_and_nothing_is_stored(
    server: Server, cast: Cast, field: str, good: Any, bad: Any
) -> None:
    async with await Client.connect(server, cast.bob) as bob:
        session_id = (await create(bob))["sessionId"]
        assert (await annotate(bob, session_id, **{field: good}))["type"] == "ANNOTATION_CREATED"
        code, details = error_of(await annotate(bob, session_id, **{field: bad}))
        assert code == "INVALID_MESSAGE_FORMAT"
        assert details["field"].startswith(f"payload.{field}")
    assert Annotation.objects.filter(session_id=session_id).count() == 1


async def test_c5_a_position_beyond_every_number_is_refused(server: Server, cast: Cast) -> None:
    async with await Client.connect(server, cast.bob) as bob:
        session_id = (await create(bob))["sessionId"]
        await bob.socket.send(
            json.dumps(
                {
                    "type": "ANNOTATION_CREATE",
                    "payload": {
                        "sessionId": session_id,
                        "position": {"x": 12345, "y": 0, "z": 0},
                        "content": "far",
                        "contentType": "text",
                    },
                    "requestId": "far",
                }
            ).replace("12345", "1e400")
        )
        code, details = error_of(await bob.answer("far"))
    assert (code, details["field"]) == ("INVALID_MESSAGE_FORMAT", "payload.position.x")


async def test_c5_a_reply_belongs_to_an_annotation_of_the_same_session(
    server: Server, cast: Cast
) -> None:
    async with await Client.connect(server, cast.bob) as bob:
        here = (await create(bob))["sessionId"]
        there = (await create(bob))["sessionId"]
        first = (await annotate(bob, here))["payload"]["annotationId"]
        reply = await annotate(bob, here, parentId=first)
        assert reply["payload"]["parentId"] == first
        code, details = error_of(await annotate(bob, there, parentId=first))
        assert (code, details["field"]) == ("NOT_FOUND", "parentId")
        assert error_of(await annotate(bob, here, parentId="none"))[0] == "NOT_FOUND"
        deleted = await bob.ask("ANNOTATION_DELETE", {"annotationId": first})
        gone = {deleted["payload"]["annotationId"]}
        gone |= {m["payload"]["annotationId"] for m in [*bob.seen(), *await bob.settle()]}
        assert gone == {first, reply["payload"]["annotationId"]}


async def test_c5_who_is_not_in_the_session_cannot_annotate(server: Server, cast: Cast) -> None:
    async with (
        await Client.connect(server, cast.bob) as bob,
        await Client.connect(server, cast.mia) as mia,
        await Client.connect(server, cast.charlie) as charlie,
    ):
        session_id = (await create(bob))["sessionId"]
        assert error_of(await annotate(mia, session_id))[0] == "UNAUTHORIZED"
        assert error_of(await annotate(charlie, session_id))[0] == "SESSION_NOT_FOUND"
        assert error_of(await annotate(bob, bob.session_id))[0] == "SESSION_NOT_FOUND"
        assert await bob.settle() == []
    assert not Annotation.objects.filter(session_id=session_id).exists()


async def test_c5_notes_outlive_the_session_and_are_there_on_the_next_sync(
    server: Server, cast: Cast
) -> None:
    async with (
        await Client.connect(server, cast.bob) as bob,
        await Client.connect(server, cast.mia) as mia,
    ):
        session_id = (await create(bob))["sessionId"]
        await join(mia, session_id)
        note = (await annotate(mia, session_id))["payload"]
        await bob.ask("SESSION_LEAVE", {"sessionId": session_id})
        assert error_of(await annotate(mia, session_id))[0] == "SESSION_NOT_FOUND"
    async with await Client.connect(server, cast.mia) as back:
        shown = await back.sync(f"session:{session_id}")
        replayed = await back.sync(f"session:{session_id}", lastSequence=0)
    for messages in (shown, replayed):
        notes = [
            m["payload"]
            for m in messages
            if m["type"] == "SYNC_UPDATE" and m["payload"]["entityType"] == "annotation"
        ]
        assert [n["entityId"] for n in notes] == [note["annotationId"]]
        assert notes[0]["data"]["content"] == "Look here"


async def test_c2_a_session_with_10_000_annotations_can_be_joined(
    server: Server, cast: Cast
) -> None:
    async with (
        await Client.connect(server, cast.bob) as bob,
        await Client.connect(server, cast.mia) as mia,
    ):
        session_id = (await create(bob))["sessionId"]
        session = Session.objects.get(pk=session_id)
        QuerySet[Annotation](
            Annotation
        ).bulk_create(  # not captured: only the join is of interest here
            Annotation(
                session=session,
                author=cast.bob.user,
                x=n,
                y=0,
                z=0,
                content=f"note {n}",
                content_type="text",
            )
            for n in range(10_000)
        )
        await mia.send("SESSION_JOIN", {"sessionId": session_id}, request_id="join")
        frame = await mia.socket.recv()
        assert len(frame) < 1_000_000
        joined = json.loads(frame)["payload"]["session"]
        assert joined["annotationCount"] == 10_000
        assert joined["annotationsComplete"] is False
        assert joined["annotations"][-1]["content"] == "note 9999"
        rest = joined["annotationsRest"]
        everything = await mia.sync(*rest["payload"]["channels"])
    notes = [m for m in everything if m["payload"].get("entityType") == "annotation"]
    assert len(notes) == 10_000


@pytest.mark.parametrize("queue", [2**20, 65_536])
async def test_w5_a_session_with_notes_of_four_bytes_a_character_can_be_joined_whatever_the_queue(
    server: Server, serve: ServeFixture, cast: Cast, queue: int
) -> None:
    small = server if queue == 2**20 else serve(BOS_SEND_QUEUE_BYTES=str(queue))
    async with (
        await Client.connect(small, cast.bob) as bob,
        await Client.connect(small, cast.mia) as mia,
    ):
        session_id = (await create(bob))["sessionId"]
        QuerySet[Annotation](
            Annotation
        ).bulk_create(  # not captured: only the join is of interest here
            Annotation(
                **{"session_id": session_id, "author": cast.bob.user, "x": n, "y": 0, "z": 0},
                content="\N{GRINNING FACE}" * 10_000,
                content_type="text",
            )
            for n in range(30)
        )
        await mia.send("SESSION_JOIN", {"sessionId": session_id}, request_id="join")
        frame = await mia.socket.recv(decode=False)
        assert len(frame) <= queue / 2
        joined = json.loads(frame)["payload"]["session"]
        shown = joined["annotations"]
        assert joined["annotationCount"] == 30
        assert joined["annotationsComplete"] is False
        assert [note["position"]["x"] for note in shown] == list(range(30 - len(shown), 30))
        rest = joined["annotationsRest"]
        everything = await mia.sync(*rest["payload"]["channels"])
    notes = [m for m in everything if m["payload"].get("entityType") == "annotation"]
    assert len(notes) == 30


# ------------------------------------------------------------------ at once, and many


async def test_w2_edits_and_deletions_of_one_note_at_once_are_served_or_find_nothing(
    impatient: Server, cast: Cast
) -> None:
    async with (
        await Client.connect(impatient, cast.bob) as host,
        await Client.connect(impatient, cast.mia) as author,
    ):
        session_id = (await create(host))["sessionId"]
        await join(author, session_id)
        for _ in range(10):
            id_ = (await annotate(author, session_id))["payload"]["annotationId"]
            note = {"annotationId": id_}
            edits = await asyncio.gather(
                *(c.ask("ANNOTATION_UPDATE", note | {"content": "x"}) for c in (host, author))
            )
            assert sorted(e["payload"]["revision"] for e in edits) == [2, 3]
            outcomes = await asyncio.gather(
                *(c.ask("ANNOTATION_DELETE", note) for c in (host, author)),
            )
            late = await host.ask("ANNOTATION_UPDATE", note | {"content": "late"})
            assert sorted(outcome["type"] for outcome in outcomes) == [
                "ANNOTATION_DELETED",
                "ERROR",
            ]
            for refused in (*(o for o in outcomes if o["type"] == "ERROR"), late):
                assert error_of(refused)[0] in ("NOT_FOUND", "UNAUTHORIZED")
        told = [m for m in [*host.seen(), *await host.settle()] if m["type"] != "SESSION_JOINED"]
    assert sum(m["type"] == "ANNOTATION_DELETED" for m in told) <= 10


def store_uncaptured(notes: Iterable[Annotation]) -> None:
    """Store these without events."""
    QuerySet[Annotation](Annotation).bulk_create(notes)


def thread(session_id: str, by: Person, count: int, *, chain: bool) -> str:
    """Make a note with so many replies, each to the one before or all to the first; its id."""
    made: list[Annotation] = []
    for n in range(count + 1):
        parent = None if not made else made[-1 if chain else 0]
        note = Annotation(session_id=session_id, author=by.user, parent=parent, x=0, y=0, z=0)
        note.content, note.content_type = f"note {n}", "text"
        made.append(note)
    store_uncaptured(made)  # only their end is of interest
    NoteUsage.objects.create(session_id=session_id, notes=len(made), bytes=10 * len(made))
    return str(made[0].pk)


@pytest.mark.parametrize(("count", "chain"), [(520, True), (1000, False)])
async def test_w12_a_note_with_many_replies_is_deleted_in_parts_while_others_go_on(
    impatient: Server, cast: Cast, count: int, chain: bool
) -> None:
    async with (
        await Client.connect(impatient, cast.bob) as bob,
        await Client.connect(impatient, cast.mia) as mia,
    ):
        session_id = (await create(bob))["sessionId"]
        id_ = await asyncio.to_thread(
            _apart, lambda: thread(session_id, cast.bob, count, chain=chain)
        )
        await bob.send("ANNOTATION_DELETE", {"annotationId": id_}, request_id="all")
        gone = [(await bob.expect("ANNOTATION_DELETED"))["payload"]["annotationId"]]
        # Another's change is committed between two parts.
        changed = await mia.set_value(cast.home.revenue, 5)
        assert changed["type"] == "KPI_UPDATED"
        answer = None
        while answer is None:
            message = await bob.expect("ANNOTATION_DELETED")
            gone.append(message["payload"]["annotationId"])
            answer = message if "requestId" in message else None
        assert answer["payload"]["annotationId"] == id_ == gone[-1]
        assert len(set(gone)) == len(gone) == count + 1
        assert changed["payload"]["sequence"] < answer["payload"]["sequence"] - 100
        again = await bob.ask("ANNOTATION_DELETE", {"annotationId": id_})
        assert error_of(again)[0] == "UNAUTHORIZED"
    assert not Annotation.objects.filter(session_id=session_id).exists()
    assert NoteUsage.objects.get(session_id=session_id).notes == 0


def _apart(function: Callable[[], T]) -> T:
    try:
        return function()
    finally:
        connections.close_all()


@pytest.mark.parametrize(
    ("what", "count"), [("annotation", 520), ("action", 150), ("organization", 330)]
)
def test_w12_a_long_chain_of_replies_is_deleted_by_the_admin_and_with_what_it_belongs_to(
    admin: Browser, cast: Cast, what: str, count: int
) -> None:
    session = Session.objects.create(
        organization=cast.home.organization, host=cast.bob.user, title="Long", active_space="s"
    )
    key = thread(str(session.pk), cast.bob, count, chain=True)
    if what == "organization":
        Organization.objects.filter(pk=cast.home.id).delete()
    elif what == "action":
        doors.admin_action(admin, "delete_selected", [Annotation.objects.get(pk=key)], post="yes")
    else:
        address = reverse("admin:collaboration_annotation_delete", args=[key])
        assert f"note {count}".encode() in admin.get(address).content
        assert admin.post(address, {"post": "yes"}).status_code == 302
    assert not Annotation.objects.filter(session_id=session.pk).exists()
    told = Event.objects.filter(organization_id=cast.home.id, entity_type="annotation")
    assert told.filter(change_type="deleted").count() == count + 1
