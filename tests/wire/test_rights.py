"""A right ends with each row that it hangs on, from whatever source that changes (A5, s3).

The cases and the doors are in `tests.support.rights`.
"""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from bos.entities import DepartmentData
from bos.models import Role
from bos.permissions import READ_OF_USERS, principal_of
from collaboration.models import Annotation, Invitation, Participant, Session
from kpis.models import Kpi
from sync.eventlog.log import PendingEvent, append
from sync.models import Event
from sync.protocol.authenticator import Claims, authenticator
from sync.protocol.close_codes import CloseCode
from sync.protocol.codecs import json_text
from sync.protocol.identity import current_actor
from sync.protocol.rights import Reads
from sync.protocol.times import wire_time
from sync.protocol.topics import Audience, Topic, authorize, kinds
from tests.support import rights
from tests.support.cast import Cast, make_person
from tests.support.client import Client, Message, error_of
from tests.support.rights import CASES, DELETED, Case, Door, doors_of
from tests.support.server import Server
from tests.wire.test_cursors import at
from tests.wire.test_sessions import create, join, meeting

WITHIN = 2.0
CASES_AND_DOORS = [(case, door) for case in CASES for door in doors_of(case)]


NOISE = "noise"


@pytest.mark.parametrize(
    ("case", "door"), CASES_AND_DOORS, ids=[f"{c}-{d.__name__}" for c, d in CASES_AND_DOORS]
)
async def test_s3_who_loses_a_right_by_any_row_and_door_hears_nothing_more(
    server: Server, cast: Cast, case: Case, door: Door
) -> None:
    right = case.arrange(cast)
    all_lost = right.closes or ends_the_organization(right, door)
    pulse = Kpi.objects.create(organization=cast.home.organization, name="Pulse")
    async with (
        await Client.connect(server, right.person) as loser,
        await Client.connect(server, cast.alice) as alice,
    ):
        await loser.subscribe(right.topic)
        door(cast, right)
        changed = time.monotonic()
        tell_of_noise(cast, right.topic)
        if not ends_the_organization(right, door):
            await alice.set_value(pulse, 1)  # and all that was before it has been delivered
        if all_lost:
            code, got = await loser.closed(WITHIN)
            assert code == CloseCode.FORBIDDEN
        else:
            got = await loser.settle()
            revoked = [m["payload"] for m in got if m["type"] == "UNSUBSCRIBED"]
            assert [p["reason"] for p in revoked] == ["access_revoked"], got
            assert right.topic in revoked[0]["channels"]
            answer = await loser.ask("SUBSCRIBE", {"channels": [right.topic]})
            assert error_of(answer)[0] == "UNAUTHORIZED"
    assert time.monotonic() - changed < WITHIN
    assert [m for m in got if m["payload"].get("entityId") == NOISE] == []


async def test_s3_who_keeps_a_right_hears_what_the_others_do_not(
    server: Server, cast: Cast
) -> None:
    """The noise of the test above is heard."""
    async with (
        await Client.connect(server, cast.bob) as bob,
        await Client.connect(server, cast.mia) as mia,
    ):
        topic = f"department:{cast.home.sales.pk}"
        await bob.subscribe(topic)
        tell_of_noise(cast, topic)
        await mia.set_value(cast.home.revenue, 1)
        got = await bob.settle()
    assert [m for m in got if m["payload"].get("entityId") == NOISE]


def ends_the_organization(right: rights.Right, door: Door) -> bool:
    return door is rights.deleted_along and rights.owner_of(right.row) is None


@transaction.atomic
def tell_of_noise(cast: Cast, topic: str) -> None:
    """Something happens on this topic."""
    kind, _, id_ = topic.partition(":")
    append(
        PendingEvent(
            organization_id=cast.home.id,
            entity_type="department",
            entity_id=NOISE,
            change_type="updated",
            data=json_text(DepartmentData(NOISE, "Noise", None, wire_time())),
            live_type="",
            live="",
            actor=current_actor(),
            access="",
            audience=Audience(**{kind: id_}),
        )
    )


# ------------------------------------------------------------------ nothing is forgotten

COLUMN = re.compile(r'"(\w+)"\."(\w+)"')
NO_RIGHTS = {("bos_user", "name")}


def read(queries: CaptureQueriesContext) -> set[tuple[str, str]]:
    """Table and column of all that these queries read, but by what they are sorted; ids never
    change."""
    found = set()
    for query in queries.captured_queries:
        decides = query["sql"].split(" ORDER BY ")[0]
        found |= {pair for pair in COLUMN.findall(decides) if pair[1] != "id"}
    return found - NO_RIGHTS


def declared(*reads: Reads) -> set[tuple[str, str]]:
    return {
        (one.model._meta.db_table, str(getattr(one.model._meta.get_field(field), "column", None)))
        for one in reads
        for field in one.fields
    }


@pytest.mark.parametrize("kind", kinds())
def test_s3_all_that_an_authorization_reads_is_declared_and_nothing_else(
    cast: Cast, kind: str
) -> None:
    topics = [Topic.parse(case.arrange(cast).topic) for case in CASES if case.kind == kind]
    topics = topics or [Topic("organization", cast.home.id)]
    with CaptureQueriesContext(connection) as queries:
        for person in (cast.bob, cast.mia):
            authorize(principal_of(person.user), topics)
    assert read(queries) == declared(*kinds()[kind].reads)


def test_s3_all_that_makes_a_principal_is_declared_and_nothing_else(cast: Cast) -> None:
    with CaptureQueriesContext(connection) as queries:
        authenticator().load([Claims.of(principal_of(cast.bob.user))])
    assert read(queries) == declared(READ_OF_USERS)


def test_s3_each_field_that_is_declared_and_each_deletion_is_tried_by_the_doors() -> None:
    of_kinds = {(kind, reads) for kind, one in kinds().items() for reads in one.reads}
    wanted = {
        (kind, reads.model, field)
        for kind, reads in of_kinds | {("user", READ_OF_USERS)}
        for field in reads.fields | {DELETED}
    }
    assert {(case.kind, case.model, case.field) for case in CASES} == wanted


# ------------------------------------------------------------------ the place in the room


async def test_s3_who_is_taken_out_of_a_session_points_and_writes_there_no_more(
    server: Server, cast: Cast
) -> None:
    note = {"position": {"x": 0, "y": 0, "z": 0}, "content": "?", "contentType": "text"}
    async with meeting(server, cast) as (bob, mia, session_id):
        await mia.send("CURSOR_MOVE", at(1, session_id))
        await bob.expect("CURSOR_MOVE")
        Participant.objects.filter(session_id=session_id, user=cast.mia.user).delete()
        revoked = await mia.until("UNSUBSCRIBED", WITHIN)
        assert revoked["payload"]["channels"] == [f"session:{session_id}"]
        for type_, payload in (
            ("CURSOR_MOVE", at(2, session_id)),
            ("ANNOTATION_CREATE", {"sessionId": session_id, **note}),
            ("SESSION_LEAVE", {"sessionId": session_id}),
        ):
            assert error_of(await mia.ask(type_, payload))[0] in {
                "SESSION_NOT_FOUND",
                "UNAUTHORIZED",
            }, type_
        assert [m["type"] for m in await bob.settle()] == ["SESSION_LEFT"]
        await bob.send("CURSOR_MOVE", at(3, session_id))
        assert await mia.settle() == []


@asynccontextmanager
async def _invited(server: Server, cast: Cast) -> AsyncIterator[tuple[Client, Client, str]]:
    """Bob's private session, which Vera is invited to and follows, and has not joined."""
    async with (
        await Client.connect(server, cast.bob) as bob,
        await Client.connect(server, cast.vera) as vera,
    ):
        session_id = (await create(bob, inviteUserIds=[cast.vera.id]))["sessionId"]
        await vera.subscribe(f"session:{session_id}")
        await vera.settle()
        yield bob, vera, session_id


async def test_s3_whose_invitation_is_deleted_sees_no_pointer_and_no_note(
    server: Server, cast: Cast
) -> None:
    """The smallest input of the row: a private session, followed and not joined."""
    async with _invited(server, cast) as (bob, vera, session_id):
        Invitation.objects.get(session_id=session_id, user=cast.vera.user).delete()
        told = await vera.until("UNSUBSCRIBED", WITHIN)
        assert told["payload"] == {
            "channels": [f"session:{session_id}"],
            "reason": "access_revoked",
        }
        await bob.send("CURSOR_MOVE", at(1, session_id))
        assert (await annotate(bob, session_id))["type"] == "ANNOTATION_CREATED"
        rest = await vera.settle()
    assert {m["type"] for m in rest} <= {"SYNC_DELETE"}  # of the invitation, on their own channel


async def upto_unsubscribed(client: Client) -> list[Message]:
    got = [await client.receive(WITHIN)]
    while got[-1]["type"] != "UNSUBSCRIBED":
        got.append(await client.receive(WITHIN))
    return got


async def annotate(client: Client, session_id: str) -> Message:
    note = {"position": {"x": 0, "y": 0, "z": 0}, "content": "?", "contentType": "text"}
    return await client.ask("ANNOTATION_CREATE", {"sessionId": session_id, **note})


async def test_s3_who_takes_part_keeps_the_session_without_an_invitation(
    server: Server, cast: Cast
) -> None:
    async with (
        await Client.connect(server, cast.bob) as bob,
        await Client.connect(server, cast.mia) as mia,
    ):
        session_id = (await create(bob, inviteUserIds=[cast.mia.id]))["sessionId"]
        await join(mia, session_id)
        Invitation.objects.filter(session=session_id).delete()
        assert (await annotate(bob, session_id))["type"] == "ANNOTATION_CREATED"
        assert "UNSUBSCRIBED" not in {m["type"] for m in await mia.settle()}
        await mia.send("CURSOR_MOVE", at(1, session_id))
        await bob.until("CURSOR_MOVE")


async def test_s3_who_follows_a_session_that_is_deleted_is_told_so_and_then_unsubscribed(
    server: Server, cast: Cast
) -> None:
    """Their places in it go first, in the same transaction."""
    async with _invited(server, cast) as (bob, vera, session_id):
        Session.objects.get(pk=session_id).delete()
        for client in (bob, vera):
            got = await upto_unsubscribed(client)
            assert [m["type"] for m in got][-2:] == ["SESSION_ENDED", "UNSUBSCRIBED"]
            assert await client.settle() == []


async def test_s3_what_was_said_between_an_invitations_end_and_the_sessions_is_not_heard(
    server: Server, cast: Cast
) -> None:
    """All of it comes to the server at once, from another process."""
    async with _invited(server, cast) as (_, vera, session_id):
        session = Session.objects.get(pk=session_id)
        with transaction.atomic():  # one publication, as after a gap
            Invitation.objects.get(session=session, user=cast.vera.user).delete()
            Annotation.objects.create(
                session=session, author=cast.bob.user, x=0, y=0, z=0, content="secret"
            )
            session.delete()
        got = [*await upto_unsubscribed(vera), *await vera.settle()]
    said = Event.objects.filter(organization_id=cast.home.id, live_type="ANNOTATION_CREATED")
    assert said.count() == 1
    assert "ANNOTATION_CREATED" not in {m["type"] for m in got}
    assert "secret" not in str(got)


async def test_s3_many_who_lose_a_right_at_once_lose_it_within_two_seconds(
    server: Server, cast: Cast
) -> None:
    home = cast.home
    people = [
        make_person(home.organization, f"member{n}", Role.MEMBER, home.sales) for n in range(30)
    ]
    clients = [await Client.connect(server, person) for person in people]
    for client in clients:
        await client.subscribe(f"department:{home.sales.pk}")
    began = time.monotonic()
    home.sales.employees.update(department=None)
    for client in clients:
        got: Any = await client.until("UNSUBSCRIBED", WITHIN)
        assert got["payload"]["reason"] == "access_revoked"
    assert time.monotonic() - began < WITHIN
    for client in clients:
        await client.socket.close()
