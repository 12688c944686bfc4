"""A host's acts in a running session: inviting, handing over, ending it (decisions C1, C3)."""

from __future__ import annotations

from typing import Any

from bos.models import Notification
from collaboration.models import Invitation, Session
from collaboration.services.sessions import INVITES
from tests.support.cast import Cast
from tests.support.client import Client, error_of
from tests.support.mirror import apply, snapshot
from tests.support.server import Server
from tests.wire.test_sessions import create, join, meeting


def inviting(session_id: str, *user_ids: str) -> dict[str, Any]:
    return {"sessionId": session_id, "userIds": list(user_ids)}


async def test_c1_the_host_invites_to_a_running_session_and_nobody_is_told_twice(
    server: Server, cast: Cast
) -> None:
    async with (
        await Client.connect(server, cast.bob) as bob,
        await Client.connect(server, cast.mia) as mia,
    ):
        session_id = (await create(bob, inviteUserIds=[cast.bob.id]))["sessionId"]
        assert error_of(await join(mia, session_id))[0] == "SESSION_NOT_FOUND"
        first = await bob.ask("SESSION_INVITE", inviting(session_id, cast.mia.id, cast.bob.id))
        assert first["type"] == "SESSION_INVITED"
        assert first["payload"] == inviting(session_id, cast.mia.id)
        told = [await mia.receive(), await mia.receive()]
        assert {m["type"] for m in told} == {"SESSION_CREATED", "NOTIFICATION"}
        assert all("requestId" not in m for m in told)
        again = await bob.ask("SESSION_INVITE", inviting(session_id, cast.mia.id))
        assert again["payload"] == inviting(session_id)
        assert await mia.settle() == []
        assert (await join(mia, session_id))["type"] == "SESSION_JOINED"
    notes = Notification.objects.filter(user=cast.mia.user, category=INVITES)
    assert await notes.acount() == 1


async def test_c1_a_manager_in_the_session_invites_and_a_member_or_an_outsider_does_not(
    server: Server, cast: Cast
) -> None:
    async with meeting(server, cast) as (bob, mia, session_id):
        vera = inviting(session_id, cast.vera.id)
        assert (await mia.ask("SESSION_INVITE", vera))["payload"]["userIds"] == [cast.vera.id]
        await bob.ask("SESSION_HAND_OVER", {"sessionId": session_id, "newHostId": cast.mia.id})
        alice = inviting(session_id, cast.alice.id)
        assert error_of(await bob.ask("SESSION_INVITE", alice))[0] == "UNAUTHORIZED"
        stranger = inviting(session_id, cast.alice.id, cast.charlie.id)
        code, details = error_of(await mia.ask("SESSION_INVITE", stranger))
        assert (code, details["field"]) == ("UNAUTHORIZED", "userIds")
    assert await Invitation.objects.filter(session_id=session_id).acount() == 1


async def test_e6_a_session_that_one_may_not_know_of_answers_like_one_that_is_not_there(
    server: Server, cast: Cast
) -> None:
    async with (
        await Client.connect(server, cast.bob) as bob,
        await Client.connect(server, cast.mia) as mia,
        await Client.connect(server, cast.charlie) as charlie,
    ):
        session_id = (await create(bob, inviteUserIds=[cast.bob.id]))["sessionId"]
        for client in (mia, charlie):
            for type_, more in (
                ("SESSION_INVITE", {"userIds": [cast.vera.id]}),
                ("SESSION_HAND_OVER", {"newHostId": cast.mia.id}),
                ("SESSION_END", {}),
            ):
                refused = await client.ask(type_, {"sessionId": session_id} | more)
                assert error_of(refused)[0] == "SESSION_NOT_FOUND", type_


async def test_c3_a_host_hands_over_and_stays_and_everybody_sees_both_roles(
    server: Server, cast: Cast
) -> None:
    async with meeting(server, cast) as (bob, mia, session_id):
        topic = f"session:{session_id}"
        state, _ = await snapshot(mia, topic)
        handed = await bob.ask(
            "SESSION_HAND_OVER", {"sessionId": session_id, "newHostId": cast.mia.id}
        )
        assert handed["payload"] == {"sessionId": session_id, "hostId": cast.mia.id}
        told = [await mia.receive() for _ in range(3)]
        assert sorted(m["type"] for m in told) == [*["PARTICIPANT_UPDATE"] * 2, "SYNC_UPDATE"]
        assert all("requestId" not in m for m in [*told, *await bob.settle()])
        assert apply(state, told) == (await snapshot(mia, topic))[0]
        roles = {
            m["payload"]["userId"]: m["payload"]["role"] for m in told if "role" in m["payload"]
        }
        assert roles == {cast.bob.id: "participant", cast.mia.id: "host"}
        # One that leaves as a participant ends nothing.
        await bob.ask("SESSION_LEAVE", {"sessionId": session_id})
    assert (await Session.objects.aget(pk=session_id)).ended_at is None


async def test_c3_the_host_ends_a_session_for_all_and_an_admin_any(
    server: Server, cast: Cast
) -> None:
    async with (
        meeting(server, cast) as (bob, mia, session_id),
        await Client.connect(server, cast.alice) as alice,
    ):
        ended = await bob.ask("SESSION_END", {"sessionId": session_id})
        assert (ended["type"], ended["payload"]["reason"]) == ("SESSION_ENDED", "host_ended")
        told = await mia.expect("SESSION_ENDED")
        assert (told["payload"]["endedBy"], "requestId" in told) == (cast.bob.id, False)
        again = await bob.ask("SESSION_END", {"sessionId": session_id})
        assert error_of(again)[0] == "SESSION_NOT_FOUND"
        private = (await create(bob, inviteUserIds=[cast.mia.id]))["sessionId"]
        ended = await alice.ask("SESSION_END", {"sessionId": private})
        assert ended["payload"]["reason"] == "admin"
