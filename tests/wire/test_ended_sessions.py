"""Traces of an ended session on the topics that showed it (decision V7, x3)."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import Any

import pytest

from collaboration.models import Session
from collaboration.services.sessions import session_end
from tests.support.cast import Cast
from tests.support.client import Client
from tests.support.mirror import apply, snapshot
from tests.support.server import Server
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
