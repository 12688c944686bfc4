"""Traces of an ended session on the topics that showed it, and its notes (V7, C7, x3)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest

from collaboration.models import Session
from collaboration.services.sessions import session_end
from tests.support.cast import Cast
from tests.support.client import Client, error_of
from tests.support.mirror import apply, snapshot
from tests.support.server import Server
from tests.wire.test_annotations import annotate
from tests.wire.test_sessions import create, join


def _of(shown: dict[Any, Any], *kinds: str) -> set[str]:
    return {kind for kind, _ in shown if kind in kinds}


@pytest.mark.parametrize("by", ["host", "admin"])
async def test_v7_an_old_snapshot_plus_a_sync_is_a_fresh_one_after_the_end(
    server: Server, cast: Cast, by: str
) -> None:
    """On the organization's topic, the session's, both in one sync, and the invited one's."""
    async with AsyncExitStack() as stack:
        bob, mia, vera = [
            await stack.enter_async_context(await Client.connect(server, person))
            for person in (cast.bob, cast.mia, cast.vera)
        ]
        open_, private = await create(bob), await create(bob, inviteUserIds=[cast.mia.id])
        for room in (open_, private):
            await join(mia, room["sessionId"])
        own, org = f"session:{open_['sessionId']}", cast.home.topic
        followed = [
            (vera, (org,)),
            (mia, (own,)),
            (mia, (org, own)),
            (mia, (f"user:{cast.mia.id}",)),
        ]
        old = [(client, of, *await snapshot(client, *of)) for client, of in followed]
        assert _of(old[0][2], "session")
        assert _of(old[3][2], "invitation")
        for room in (open_, private):
            if by == "host":
                await bob.ask("SESSION_LEAVE", {"sessionId": room["sessionId"]})
            else:
                session_end(Session.objects.get(pk=room["sessionId"]), reason="admin")
        for client, of, shown, sequence in old:
            missed = await client.sync(*of, lastSequence=sequence)
            fresh, _ = await snapshot(client, *of)
            assert apply(dict(shown), missed) == fresh, of
            ended = [data for (kind, _), data in fresh.items() if kind == "session"]
            assert not _of(fresh, "invitation")
            # The session's own topic goes on showing it, with its notes.
            assert [data["endedAt"] is not None for data in ended] == ([True] if own in of else [])


async def test_v7_each_client_is_told_of_the_end_once(server: Server, cast: Cast) -> None:
    """Those who follow the organization, take part, do both, or are only invited."""
    async with AsyncExitStack() as stack:
        bob, mia, vera, alice = [
            await stack.enter_async_context(await Client.connect(server, person))
            for person in (cast.bob, cast.mia, cast.vera, cast.alice)
        ]
        for client in (mia, vera):
            await client.subscribe(cast.home.topic)
        open_ = await create(bob)
        private = await create(bob, inviteUserIds=[cast.alice.id, cast.mia.id])
        for room in (open_, private):
            await join(mia, room["sessionId"])
            await bob.ask("SESSION_LEAVE", {"sessionId": room["sessionId"]})
        for client, expected in ((mia, [open_, private]), (vera, [open_]), (alice, [private])):
            told = [m for m in await client.settle() if m["type"] == "SESSION_ENDED"]
            assert [m["payload"]["sessionId"] for m in told] == [
                room["sessionId"] for room in expected
            ]


async def test_v7_the_notes_of_an_ended_session_are_still_read(server: Server, cast: Cast) -> None:
    async with await Client.connect(server, cast.bob) as bob:
        session_id = (await create(bob))["sessionId"]
        note = {"position": {"x": 0, "y": 0, "z": 0}, "content": "kept", "contentType": "text"}
        await bob.ask("ANNOTATION_CREATE", {"sessionId": session_id, **note})
        await bob.ask("SESSION_LEAVE", {"sessionId": session_id})
    async with await Client.connect(server, cast.bob) as bob:
        await bob.subscribe(f"session:{session_id}")
        shown, _ = await snapshot(bob, f"session:{session_id}")
        assert _of(shown, "session", "annotation") == {"session", "annotation"}


# ------------------------------------------------------------------ notes after the end


@asynccontextmanager
async def _over(server: Server, cast: Cast) -> AsyncIterator[tuple[dict[str, Client], str, str]]:
    """A session of bob's that mia has taken part in, vera was invited to, and bob has ended.

    Yields everybody's connection, the session's id and that of a note of mia's.
    """
    people = ("bob", "mia", "vera", "alice", "charlie")
    async with AsyncExitStack() as stack:
        clients = {
            name: await stack.enter_async_context(await Client.connect(server, getattr(cast, name)))
            for name in people
        }
        invited = [cast.mia.id, cast.vera.id]
        session_id = (await create(clients["bob"], inviteUserIds=invited))["sessionId"]
        await join(clients["mia"], session_id)
        id_ = (await annotate(clients["mia"], session_id))["payload"]["annotationId"]
        await clients["bob"].ask("SESSION_LEAVE", {"sessionId": session_id})
        for client in clients.values():
            await client.settle()
        yield clients, session_id, id_


async def test_c7_those_who_took_part_or_were_invited_read_and_reply_and_nobody_joins(
    server: Server, cast: Cast
) -> None:
    make = {"bob": True, "mia": True, "vera": False, "alice": False, "charlie": False}
    async with _over(server, cast) as (clients, session_id, id_):
        topic = f"session:{session_id}"
        for name in ("bob", "mia", "vera"):
            await clients[name].subscribe(topic)
            shown, _ = await snapshot(clients[name], topic)
            assert ("annotation", id_) in shown
        for name, may_reply in make.items():
            client = clients[name]
            assert error_of(await join(client, session_id))[0] == "SESSION_NOT_FOUND"
            first = await annotate(client, session_id)
            assert error_of(first)[0] == "SESSION_NOT_FOUND", "only replies"
            reply = await annotate(client, session_id, parentId=id_)
            if may_reply:
                assert reply["payload"]["parentId"] == id_
                for other in ("bob", "mia", "vera"):
                    if other != name:
                        told = await clients[other].expect("ANNOTATION_CREATED")
                        assert told["payload"] == reply["payload"]
            else:
                refused = "UNAUTHORIZED" if name == "vera" else "SESSION_NOT_FOUND"
                assert error_of(reply)[0] == refused
        missing = await annotate(clients["bob"], session_id, parentId="none")
        assert error_of(missing)[0] == "NOT_FOUND"


@pytest.mark.parametrize("named", [True, False])
async def test_c7_author_and_host_still_change_and_delete_admins_delete_and_nobody_else(
    server: Server, cast: Cast, named: bool
) -> None:
    async with _over(server, cast) as (clients, session_id, id_):
        one = {"annotationId": id_} | ({"sessionId": session_id} if named else {})
        outside = "SESSION_NOT_FOUND" if named else "UNAUTHORIZED"
        for name in ("vera", "alice", "charlie"):
            inside = name == "vera"
            change = await clients[name].ask("ANNOTATION_UPDATE", one | {"content": "x"})
            assert error_of(change)[0] == ("UNAUTHORIZED" if inside else outside)
            done = await clients[name].ask("ANNOTATION_RESOLVE", one | {"resolved": True})
            assert error_of(done)[0] == ("UNAUTHORIZED" if inside else outside)
            if name != "alice":
                gone = await clients[name].ask("ANNOTATION_DELETE", one)
                assert error_of(gone)[0] == ("UNAUTHORIZED" if inside else outside)
        for n, name in enumerate(("mia", "bob")):
            change = await clients[name].ask("ANNOTATION_UPDATE", one | {"content": name})
            assert change["payload"]["content"] == name
            done = await clients[name].ask("ANNOTATION_RESOLVE", one | {"resolved": n == 0})
            assert (done["payload"]["resolvedAt"] is not None) == (n == 0)
        reply = await annotate(clients["mia"], session_id, parentId=id_)
        own = {"annotationId": reply["payload"]["annotationId"]}
        assert (await clients["mia"].ask("ANNOTATION_DELETE", own))["type"] == "ANNOTATION_DELETED"
        gone = await clients["alice"].ask("ANNOTATION_DELETE", one)
        assert gone["payload"]["deletedBy"] == cast.alice.id


async def test_c5_in_a_running_session_an_admin_deletes_no_more_than_others(
    server: Server, cast: Cast
) -> None:
    async with (
        await Client.connect(server, cast.bob) as bob,
        await Client.connect(server, cast.alice) as alice,
    ):
        session_id = (await create(bob))["sessionId"]
        id_ = (await annotate(bob, session_id))["payload"]["annotationId"]
        for one in ({"annotationId": id_}, {"annotationId": id_, "sessionId": session_id}):
            assert error_of(await alice.ask("ANNOTATION_DELETE", one))[0] == "UNAUTHORIZED"
