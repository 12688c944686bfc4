"""Sessions and annotations in the admin reach the people in them."""

from __future__ import annotations

from django.urls import reverse

from collaboration.models import Annotation, Session
from tests.support import doors
from tests.support.cast import Cast
from tests.support.client import Client
from tests.support.server import Server
from tests.wire.test_annotations import annotate
from tests.wire.test_sessions import create, meeting


async def test_v1_ending_a_session_in_the_admin_is_told_to_everybody_in_it(
    server: Server, cast: Cast
) -> None:
    async with meeting(server, cast) as (bob, mia, session_id):
        page = doors.browser(cast.alice).post(
            reverse("admin:collaboration_session_changelist"),
            {"action": "end_sessions", "_selected_action": [session_id]},
        )
        assert page.status_code == 302
        for client in (bob, mia):
            ended = (await client.expect("SESSION_ENDED"))["payload"]
            assert (ended["sessionId"], ended["reason"]) == (session_id, "admin")
            assert ended["endedBy"] == cast.alice.id


async def test_v1_deleting_an_annotation_in_the_admin_is_told_to_everybody(
    server: Server, cast: Cast
) -> None:
    async with await Client.connect(server, cast.bob) as bob:
        session_id = (await create(bob))["sessionId"]
        id_ = (await annotate(bob, session_id))["payload"]["annotationId"]
        page = doors.browser(cast.alice).post(
            reverse("admin:collaboration_annotation_delete", args=[id_]), {"post": "yes"}
        )
        assert page.status_code == 302
        deleted = (await bob.expect("ANNOTATION_DELETED"))["payload"]
        assert (deleted["annotationId"], deleted["deletedBy"]) == (id_, cast.alice.id)
    assert not Annotation.objects.filter(pk=id_).exists()


async def test_the_admin_shows_a_session_with_participants_and_notes_of_the_own_tenant_only(
    server: Server, cast: Cast
) -> None:
    async with await Client.connect(server, cast.bob) as bob:
        session_id = (await create(bob, title="Harbour view"))["sessionId"]
        await annotate(bob, session_id, content="a note to find")
    address = reverse("admin:collaboration_session_change", args=[session_id])
    shown = doors.browser(cast.alice).get(address)
    assert shown.status_code == 200
    assert b"a note to find" in shown.content
    assert cast.bob.user.name.encode() in shown.content
    foreign = doors.browser(cast.charlie)
    assert foreign.get(address).status_code == 302
    listed = foreign.get(reverse("admin:collaboration_annotation_changelist"))
    assert b"a note to find" not in listed.content
    ended = foreign.post(
        reverse("admin:collaboration_session_changelist"),
        {"action": "end_sessions", "_selected_action": [session_id]},
    )
    assert ended.status_code in (200, 302)
    assert Session.objects.get(pk=session_id).ended_at is None
