"""Notes on KPIs and departments themselves, mentions, and what is resolved (decision C8)."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
from django.db import transaction

from bos.leaving.people import FORMER, user_erase
from bos.models import Department, Employee, Notification
from bos.permissions import principal_of
from collaboration.models import Annotation, NotedThing
from collaboration.services.notes import annotation_create, annotation_update, notes_resolve
from kpis.archive.services import kpi_erase, kpi_restore, kpis_archive
from kpis.models import Kpi, Visibility
from sync.eventlog import log
from sync.protocol.errors import ErrorDetails, RateLimitExceeded
from tests.support import doors, rights
from tests.support.cast import Cast, Person
from tests.support.client import Client, Message, error_of, refused
from tests.support.locks import while_open
from tests.support.mirror import Entities, apply, snapshot
from tests.support.rights import CASES, Case, Door, doors_of
from tests.support.server import Server
from tests.wire.test_sessions import create, join, meeting

POINT = {"x": 1.5, "y": 0.8, "z": -2.0}
NOTE = {"position": POINT, "content": "Why?", "contentType": "text"}
UNKNOWN = "00000000-0000-4000-8000-000000000000"


def on(thing: Any) -> Message:
    """Return the thing as `entity` of a payload."""
    type_ = "kpi" if isinstance(thing, Kpi) else "department"
    return {"entity": {"type": type_, "id": str(thing.pk)}}


async def note(client: Client, thing: Any, **more: Any) -> Message:
    return await client.ask("ANNOTATION_CREATE", NOTE | on(thing) | more)


async def noted(client: Client, thing: Any, **more: Any) -> str:
    """Pin a note; its id."""
    answer = await note(client, thing, **more)
    assert answer["type"] == "ANNOTATION_CREATED", answer
    return str(answer["payload"]["annotationId"])


def pin(person: Person, thing: Any, content: str = "Why?", **more: Any) -> Annotation:
    entity = on(thing)["entity"]
    with transaction.atomic():
        return annotation_create(
            principal_of(person.user),
            None,
            position=(0, 0, 0),
            content=content,
            content_type="text",
            entity=(entity["type"], entity["id"]),
            **{"parent_id": None} | more,
        )


def notes_in(shown: Entities) -> dict[str, Any]:
    return {id_: data for (kind, id_), data in shown.items() if kind == "annotation"}


def hide(kpi: Kpi) -> None:
    Kpi.objects.filter(pk=kpi.pk).update(visibility=Visibility.DEPARTMENT)


# ------------------------------------------------------------------ where they are shown


async def test_c8_a_note_is_shown_by_what_shows_its_thing_live_and_in_a_snapshot(
    server: Server, cast: Cast
) -> None:
    home = cast.home
    org, sales = home.topic, f"department:{home.sales.pk}"
    shown_by = {
        home.revenue: {org, sales, f"kpi:{home.revenue.pk}"},
        home.margin: {sales, f"kpi:{home.margin.pk}"},
        home.sales: {sales},
        home.support: {f"department:{home.support.pk}"},
    }
    topics = sorted(set.union(*shown_by.values()))
    async with AsyncExitStack() as stack:
        mia = await stack.enter_async_context(await Client.connect(server, cast.mia))
        followers = {
            topic: await stack.enter_async_context(await Client.connect(server, cast.alice))
            for topic in topics
        }
        for topic, client in followers.items():
            await client.subscribe(topic)
        for thing, channels in shown_by.items():
            answer = await note(mia, thing)
            told = answer["payload"]
            assert answer["type"] == "ANNOTATION_CREATED"
            assert (told["sessionId"], told["entity"]) == (None, on(thing)["entity"])
            assert (told["mentions"], told["resolvedAt"]) == ([], None)
            assert (told["resolvedBy"], told["entityArchived"]) == (None, False)
            for topic, client in followers.items():
                live = [m["payload"]["annotationId"] for m in await client.settle()]
                assert live == ([told["annotationId"]] if topic in channels else []), topic
                fresh, _ = await snapshot(client, topic)
                assert (told["annotationId"] in notes_in(fresh)) == (topic in channels), topic


@pytest.mark.parametrize("what", ["hidden", "unknown", "foreign", "below no department", "session"])
async def test_c8_an_entity_that_may_not_be_seen_answers_as_one_that_does_not_exist(
    server: Server, cast: Cast, what: str
) -> None:
    home = cast.home
    elsewhere = Department.objects.create(organization=home.organization, name="Elsewhere")
    Kpi.objects.filter(pk=home.margin.pk).update(department=elsewhere)
    entity = {
        "hidden": {"type": "kpi", "id": str(home.margin.pk)},
        "unknown": {"type": "kpi", "id": UNKNOWN},
        "foreign": {"type": "kpi", "id": str(cast.other.revenue.pk)},
        "below no department": {"type": "department", "id": str(elsewhere.pk)},
        "session": {"type": "session", "id": str(home.revenue.pk)},
    }[what]
    async with await Client.connect(server, cast.bob) as bob:
        answer = await bob.ask("ANNOTATION_CREATE", NOTE | {"entity": entity})
        code, details = error_of(answer)
        none = await bob.ask("ANNOTATION_CREATE", NOTE | {"entity": {"type": "kpi", "id": "none"}})
    assert (code, details["field"]) == ("UNAUTHORIZED", "entity")
    assert answer["payload"]["message"] == none["payload"]["message"]
    assert not Annotation.objects.of(home.id).exists()


async def test_c8_a_note_is_of_a_session_or_on_a_thing(server: Server, cast: Cast) -> None:
    async with await Client.connect(server, cast.bob) as bob:
        assert refused(await bob.ask("ANNOTATION_CREATE", NOTE))[0] == "payload.sessionId"


async def test_s3_viewers_read_notes_on_things_and_members_write_them(
    server: Server, cast: Cast
) -> None:
    async with (
        await Client.connect(server, cast.vera) as vera,
        await Client.connect(server, cast.bob) as bob,
    ):
        assert error_of(await note(vera, cast.home.revenue))[0] == "UNAUTHORIZED"
        id_ = await noted(bob, cast.home.revenue)
        shown, _ = await snapshot(vera, cast.home.topic)
        assert list(notes_in(shown)) == [id_]


async def test_c8_a_reply_hangs_on_the_same_thing(server: Server, cast: Cast) -> None:
    home = cast.home
    async with await Client.connect(server, cast.bob) as bob:
        first = await noted(bob, home.revenue)
        reply = await note(bob, home.revenue, parentId=first)
        assert reply["payload"]["parentId"] == first
        code, details = error_of(await note(bob, home.margin, parentId=first))
        assert (code, details["field"]) == ("NOT_FOUND", "parentId")
        session_id = (await create(bob))["sessionId"]
        inside = await bob.ask(
            "ANNOTATION_CREATE", NOTE | {"sessionId": session_id, "parentId": first}
        )
        assert error_of(inside)[0] == "NOT_FOUND"
        await bob.ask("ANNOTATION_DELETE", {"annotationId": first})
    assert not Annotation.objects.of(cast.home.id).exists()


# ------------------------------------------------------------------ who may change them


async def test_c8_authors_edit_and_delete_admins_delete_any_and_nobody_else_does(
    server: Server, cast: Cast
) -> None:
    async with AsyncExitStack() as stack:
        bob, mia, vera, alice, charlie = [
            await stack.enter_async_context(await Client.connect(server, person))
            for person in (cast.bob, cast.mia, cast.vera, cast.alice, cast.charlie)
        ]
        id_ = await noted(bob, cast.home.revenue)
        for other in (mia, vera, alice, charlie):
            change = {"annotationId": id_, "content": "x"}
            assert error_of(await other.ask("ANNOTATION_UPDATE", change))[0] == "UNAUTHORIZED"
        for other in (mia, vera, charlie):
            gone = await other.ask("ANNOTATION_DELETE", {"annotationId": id_})
            assert error_of(gone)[0] == "UNAUTHORIZED"
        change = {"annotationId": id_, "content": "Because", "contentType": "markdown"}
        changed = await bob.ask("ANNOTATION_UPDATE", change)
        assert (changed["payload"]["content"], changed["payload"]["revision"]) == ("Because", 2)
        gone = await alice.ask("ANNOTATION_DELETE", {"annotationId": id_})
        assert gone["type"] == "ANNOTATION_DELETED"
        assert (gone["payload"]["sessionId"], gone["payload"]["deletedBy"]) == (None, cast.alice.id)
        own = await noted(bob, cast.home.revenue)
        assert (await bob.ask("ANNOTATION_DELETE", {"annotationId": own}))["type"] == (
            "ANNOTATION_DELETED"
        )


async def test_c8_a_note_stays_on_its_thing(server: Server, cast: Cast) -> None:
    async with await Client.connect(server, cast.bob) as bob:
        id_ = await noted(bob, cast.home.revenue)
        for change, field in ((on(cast.home.margin), "entity"), ({"unpin": True}, "unpin")):
            answer = await bob.ask("ANNOTATION_UPDATE", {"annotationId": id_} | change)
            assert refused(answer)[0] == f"payload.{field}"
        same = {"annotationId": id_, "position": POINT} | on(cast.home.revenue)
        assert (await bob.ask("ANNOTATION_UPDATE", same))["type"] == "ANNOTATION_UPDATED"


async def test_c8_author_and_managers_resolve_and_reopen_and_nobody_else_does(
    server: Server, cast: Cast
) -> None:
    async with AsyncExitStack() as stack:
        bob, mia, vera, charlie = [
            await stack.enter_async_context(await Client.connect(server, person))
            for person in (cast.bob, cast.mia, cast.vera, cast.charlie)
        ]
        await vera.subscribe(cast.home.topic)
        id_ = await noted(bob, cast.home.revenue)
        await vera.settle()
        for other in (vera, charlie):
            answer = await other.ask("ANNOTATION_RESOLVE", {"annotationId": id_, "resolved": True})
            assert error_of(answer)[0] == "UNAUTHORIZED"
        for client, person, resolved in (
            (bob, cast.bob, True),
            (mia, cast.mia, False),
            (mia, cast.mia, True),
        ):
            asked = {"annotationId": id_, "resolved": resolved}
            told = (await client.ask("ANNOTATION_RESOLVE", asked))["payload"]
            assert told["resolvedBy"] == (person.id if resolved else None)
            assert (told["resolvedAt"] is not None) == resolved
            seen = (await vera.expect("ANNOTATION_UPDATED"))["payload"]
            assert seen == told
            again = await client.ask("ANNOTATION_RESOLVE", asked)
            assert error_of(again)[0] == "NOT_FOUND"
        assert told["revision"] == 4


async def test_c8_a_member_of_the_session_resolves_only_what_is_theirs_or_as_host_or_manager(
    server: Server, cast: Cast
) -> None:
    async with meeting(server, cast) as (bob, mia, session_id):
        here = {"sessionId": session_id}
        [of_bob, of_mia] = [
            (await client.ask("ANNOTATION_CREATE", NOTE | here))["payload"]["annotationId"]
            for client in (bob, mia)
        ]
        # The host: what mia has written; the manager: what bob has.
        for client, id_ in ((bob, of_mia), (mia, of_bob)):
            asked = {"annotationId": id_, "resolved": True}
            assert (await client.ask("ANNOTATION_RESOLVE", asked | here))["type"] == (
                "ANNOTATION_UPDATED"
            )
        async with await Client.connect(server, cast.alice) as alice:
            asked = {"annotationId": of_bob, "resolved": False}
            answer = await alice.ask("ANNOTATION_RESOLVE", asked)
            assert error_of(answer)[0] == "UNAUTHORIZED", "not in the session"


# ------------------------------------------------------------------ mentions


async def test_c8_those_who_are_mentioned_are_notified_and_the_newly_mentioned_after_a_change(
    server: Server, cast: Cast
) -> None:
    async with AsyncExitStack() as stack:
        bob, mia, vera = [
            await stack.enter_async_context(await Client.connect(server, person))
            for person in (cast.bob, cast.mia, cast.vera)
        ]
        twice = [cast.mia.id, cast.mia.id, cast.bob.id]
        answer = await note(bob, cast.home.revenue, mentions=twice)
        id_ = answer["payload"]["annotationId"]
        assert answer["payload"]["mentions"] == [cast.mia.id, cast.bob.id]
        told = (await mia.expect("NOTIFICATION"))["payload"]
        assert (told["category"], told["title"]) == ("mention", "Bob mentions you")
        assert told["message"] == "In a note on the KPI “Revenue”."
        entity = {"entityType": "kpi", "entityId": str(cast.home.revenue.pk)}
        assert told["data"] == {"annotationId": id_, "mentionedBy": cast.bob.id} | entity
        more = {"annotationId": id_, "mentions": [cast.vera.id, cast.mia.id]}
        changed = await bob.ask("ANNOTATION_UPDATE", more)
        assert changed["payload"]["mentions"] == [cast.vera.id, cast.mia.id]
        assert (await vera.expect("NOTIFICATION"))["payload"]["data"]["annotationId"] == id_
        await bob.ask("ANNOTATION_UPDATE", more | {"mentions": []})
        await bob.ask("ANNOTATION_UPDATE", more)  # not those again who were told before
        for client in (bob, mia, vera):
            assert await client.settle() == []


@pytest.mark.parametrize("whom", ["a stranger", "nobody", "who may not see it", "inactive"])
async def test_c8_a_mention_of_somebody_who_may_not_see_it_refuses_the_note_whole(
    server: Server, cast: Cast, whom: str
) -> None:
    if whom == "inactive":
        cast.vera.user.is_active = False
        cast.vera.user.save()
    thing = cast.home.margin if whom == "who may not see it" else cast.home.revenue
    id_ = {"a stranger": cast.charlie.id, "nobody": UNKNOWN}.get(whom, cast.vera.id)
    before = log.head(cast.home.id).sequence
    async with await Client.connect(server, cast.bob) as bob:
        answer = await note(bob, thing, mentions=[cast.mia.id, id_])
        code, details = error_of(answer)
        assert (code, details["field"]) == ("UNAUTHORIZED", "mentions")
        kept = await noted(bob, thing)
        change = {"annotationId": kept, "content": "x", "mentions": [id_]}
        assert error_of(await bob.ask("ANNOTATION_UPDATE", change))[0] == "UNAUTHORIZED"
    assert log.head(cast.home.id).sequence == before + 1, "the one note"
    assert not Notification.objects.filter(organization=cast.home.organization).exists()


async def test_c8_twenty_may_be_mentioned_and_not_one_more(server: Server, cast: Cast) -> None:
    async with await Client.connect(server, cast.bob) as bob:
        many = [cast.mia.id] * 20
        await noted(bob, cast.home.revenue, mentions=many)
        answer = await note(bob, cast.home.revenue, mentions=[*many, cast.mia.id])
        assert refused(answer)[0] == "payload.mentions"


async def test_c8_in_a_session_those_may_be_mentioned_who_may_follow_it(
    server: Server, cast: Cast
) -> None:
    async with (
        await Client.connect(server, cast.bob) as bob,
        await Client.connect(server, cast.mia) as mia,
    ):
        session_id = (await create(bob, inviteUserIds=[cast.mia.id]))["sessionId"]
        await mia.settle()
        here = NOTE | {"sessionId": session_id}
        answer = await bob.ask("ANNOTATION_CREATE", here | {"mentions": [cast.mia.id]})
        assert answer["payload"]["mentions"] == [cast.mia.id]
        told = (await mia.expect("NOTIFICATION"))["payload"]
        assert told["message"] == "In a note on the session “Q4 planning”."
        assert told["data"]["sessionId"] == session_id
        other = await bob.ask("ANNOTATION_CREATE", here | {"mentions": [cast.alice.id]})
        assert error_of(other)[0] == "UNAUTHORIZED"


# ------------------------------------------------------------------ what becomes of the thing


CHANGES: dict[str, Callable[[Cast], Any]] = {
    "hidden": lambda cast: hide(cast.home.revenue),
    "hidden in another department": lambda cast: Kpi.objects.filter(pk=cast.home.revenue.pk).update(
        visibility=Visibility.DEPARTMENT, department=cast.home.support
    ),
    "of another department": lambda cast: Kpi.objects.filter(pk=cast.home.revenue.pk).update(
        department=cast.home.support
    ),
    "archived": lambda cast: kpis_archive([cast.home.revenue]),
    "renamed": lambda cast: Kpi.objects.filter(pk=cast.home.revenue.pk).update(name="Turnover"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
async def test_v4_notes_follow_their_kpi_and_an_old_snapshot_plus_a_sync_is_a_fresh_one(
    server: Server, cast: Cast, change: Callable[[Cast], Any]
) -> None:
    home = cast.home
    pulse = Kpi.objects.create(organization=home.organization, name="Pulse")
    topics = (home.topic, f"department:{home.sales.pk}", f"department:{home.support.pk}")
    id_ = str(pin(cast.bob, home.revenue).pk)
    pin(cast.mia, home.revenue, "Reply", parent_id=id_)
    async with AsyncExitStack() as stack:
        clients = {
            topic: await stack.enter_async_context(await Client.connect(server, cast.alice))
            for topic in topics
        }
        mia = await stack.enter_async_context(await Client.connect(server, cast.mia))
        old = {}
        for topic, client in clients.items():
            await client.subscribe(topic)
            old[topic] = await snapshot(client, topic)
        change(cast)
        await mia.set_value(pulse, 1)  # what was before it has been delivered
        row = Kpi.everything.get(pk=home.revenue.pk)
        hidden = row.visibility == Visibility.DEPARTMENT
        wanted = {None if hidden else home.topic, f"department:{row.department_id}"}
        for topic, client in clients.items():
            shown, sequence = old[topic]
            live = apply(dict(shown), await client.settle())
            missed = await client.sync(topic, lastSequence=sequence)
            fresh, _ = await snapshot(client, topic)
            assert apply(dict(shown), missed) == fresh, topic
            assert live == fresh, topic
            assert len(notes_in(fresh)) == (2 if topic in wanted else 0), topic
            states = {data["entityArchived"] for data in notes_in(fresh).values()}
            assert states <= {row.archived_at is not None}


async def test_c8_the_note_of_an_archived_kpi_stays_and_says_so_and_comes_back_with_it(
    server: Server, cast: Cast
) -> None:
    kpi = cast.home.revenue
    topic = f"kpi:{kpi.pk}"
    async with (
        await Client.connect(server, cast.bob) as bob,
        await Client.connect(server, cast.vera) as vera,
    ):
        await vera.subscribe(cast.home.topic)
        id_ = await noted(bob, kpi)
        await vera.settle()
        kpis_archive([kpi])
        told = (await vera.until("ANNOTATION_UPDATED"))["payload"]
        assert (told["annotationId"], told["entityArchived"], told["revision"]) == (id_, True, 1)
        for more in ({}, {"parentId": id_}):
            assert error_of(await note(bob, kpi, **more))[0] == "UNAUTHORIZED"
        changed = await bob.ask("ANNOTATION_UPDATE", {"annotationId": id_, "content": "Once"})
        assert changed["payload"]["entityArchived"] is True
        assert (await vera.expect("ANNOTATION_UPDATED"))["payload"]["content"] == "Once"
        kpi_restore(kpi)
        told = (await vera.until("ANNOTATION_UPDATED"))["payload"]
        assert (told["annotationId"], told["entityArchived"]) == (id_, False)
        await vera.subscribe(topic)
        fresh, _ = await snapshot(vera, topic)
        assert notes_in(fresh)[id_]["content"] == "Once"
        assert (await note(bob, kpi, parentId=id_))["type"] == "ANNOTATION_CREATED"


async def test_v6_an_erased_kpi_takes_its_notes_along(server: Server, cast: Cast) -> None:
    kpi = cast.home.revenue
    top = pin(cast.bob, kpi)
    replies = {str(pin(cast.mia, kpi, parent_id=str(top.pk)).pk) for _ in range(3)}
    other = pin(cast.bob, cast.home.margin)
    kpis_archive([kpi])
    async with await Client.connect(server, cast.vera) as vera:
        shown, sequence = await snapshot(vera, cast.home.topic)
        assert set(notes_in(shown)) == {str(top.pk), *replies}
        assert kpi_erase(kpi)
        missed = await vera.sync(cast.home.topic, lastSequence=sequence)
        assert notes_in(apply(shown, missed)) == {}
    assert list(Annotation.objects.of(cast.home.id)) == [other]
    assert not NotedThing.objects.filter(entity_id=kpi.pk).exists()


def test_v6_a_deleted_department_names_its_notes_and_takes_them_along(cast: Cast) -> None:
    home = cast.home
    pin(cast.mia, home.support)
    kept = pin(cast.mia, home.revenue)
    Kpi.objects.filter(pk=home.revenue.pk).update(department=home.support)
    address = f"/admin/bos/department/{home.support.pk}/delete/"
    shown = doors.browser(cast.alice).get(address)
    assert dict(shown.context["sections"][1].items) == {"notes on it": 1}
    doors.dissolve(home.support, to=home.sales)
    assert list(Annotation.objects.of(home.id)) == [kept]
    assert NotedThing.objects.get(entity_id=home.revenue.pk).department_id == home.sales.pk


def test_v1_an_organization_goes_with_its_notes_each_told_of_once(cast: Cast) -> None:
    home = cast.home
    for thing in (home.revenue, home.margin, home.sales):
        pin(cast.mia, thing, parent_id=str(pin(cast.bob, thing).pk))
    id_, before = home.id, log.head(home.id).sequence
    home.organization.delete()
    events = log.read(id_, after=before, upto=before + 100, limit=100)
    told = [(e.entity_id, len(e.topics())) for e in events if e.entity_type == "annotation"]
    assert len(told) == len(set(told)) == 6
    assert {topics for _, topics in told} == {1, 2, 3}
    assert not Annotation.objects.of(id_).exists()


def test_s4_a_kpi_that_moves_to_another_organization_leaves_its_notes_where_they_were_written(
    cast: Cast,
) -> None:
    kept = pin(cast.bob, cast.home.revenue)
    doing = Kpi.objects.filter(pk=cast.home.revenue.pk)
    doing.update(organization=cast.other.organization, department=None)
    assert list(Annotation.objects.of(cast.home.id)) == [kept]
    assert not Annotation.objects.of(cast.other.id).exists()
    assert NotedThing.objects.get(entity_id=cast.home.revenue.pk).archived
    pin(cast.charlie, Kpi.objects.get(pk=cast.home.revenue.pk))
    assert Annotation.objects.of(cast.other.id).count() == 1


# ------------------------------------------------------------------ rights

OF_THINGS = [case for case in CASES if case.kind in ("kpi", "department")]


def _one_of(case: Case, n: int) -> Door:
    """Another door for each: that all of them lead to the same is seen elsewhere."""
    found = [door for door in doors_of(case) if door is not rights.deleted_along]
    return found[n % len(found)]


LOSSES = [(case, _one_of(case, n)) for n, case in enumerate(OF_THINGS)]


def _thing_of(topic: str) -> Any:
    kind, _, id_ = topic.partition(":")
    model: Any = Kpi.everything if kind == "kpi" else Department.objects
    return model.filter(pk=id_).first()


@pytest.mark.parametrize(("case", "door"), LOSSES, ids=[f"{c}-{d.__name__}" for c, d in LOSSES])
async def test_s3_who_loses_the_thing_by_any_row_and_door_loses_its_notes(
    server: Server, cast: Cast, case: Case, door: Door
) -> None:
    """Live, in a sync, and as an author."""
    right = case.arrange(cast)
    thing = _thing_of(right.topic)
    pulse = Kpi.objects.create(organization=cast.home.organization, name="Pulse")
    own = pin(right.person, thing) if right.person is cast.bob else None
    of_mia = pin(cast.mia, thing)
    async with (
        await Client.connect(server, right.person) as loser,
        await Client.connect(server, cast.alice) as alice,
    ):
        await loser.subscribe(right.topic)
        door(cast, right)
        Annotation.objects.filter(pk=of_mia.pk).update(content="secret")
        await alice.set_value(pulse, 1)  # and all that was before it has been delivered
        got = await loser.settle()
        assert "secret" not in str(got)
        assert "UNSUBSCRIBED" in {m["type"] for m in got}
        synced = await loser.sync(right.topic, lastSequence=0)
        assert [m["type"] for m in synced] == ["SYNC_ERROR"]
        if own is not None:
            edit = {"annotationId": str(own.pk), "content": "x"}
            change = await loser.ask("ANNOTATION_UPDATE", edit)
            assert error_of(change)[0] == "UNAUTHORIZED"
        assert error_of(await note(loser, thing))[0] == "UNAUTHORIZED"


async def test_s3_who_gains_the_thing_gets_its_notes_in_a_snapshot(
    server: Server, cast: Cast
) -> None:
    home = cast.home
    id_ = str(pin(cast.mia, home.margin).pk)
    topics = {f"kpi:{home.margin.pk}": 1, f"department:{home.sales.pk}": 1, home.topic: 0}
    async with await Client.connect(server, cast.vera) as vera:
        for topic in topics:
            assert id_ not in str(await vera.sync(topic))
        Employee.objects.filter(user=cast.vera.user).update(department=home.sales)
        for topic, count in topics.items():
            shown, _ = await snapshot(vera, topic)
            assert len(notes_in(shown)) == count
        Kpi.objects.filter(pk=home.margin.pk).update(owner=cast.vera.user)
        Employee.objects.filter(user=cast.vera.user).update(department=None)
        shown, _ = await snapshot(vera, f"kpi:{home.margin.pk}")
        assert list(notes_in(shown)) == [id_]


RACES: dict[str, Callable[[Cast, Annotation], Any]] = {
    "written": lambda cast, there: pin(cast.bob, cast.home.revenue, "secret"),
    "edited": lambda cast, there: Annotation.objects.filter(pk=there.pk).update(content="secret"),
    "deleted": lambda cast, there: Annotation.objects.filter(pk=there.pk).delete(),
    "resolved": lambda cast, there: notes_resolve([there.pk], user=cast.alice.user, resolved=True),
}


@pytest.mark.once("postgres")
@pytest.mark.parametrize("act", RACES.values(), ids=RACES)
def test_s4_a_note_that_changes_while_its_kpi_is_hidden_is_told_to_nobody_who_lost_it(
    cast: Cast, act: Callable[[Cast, Annotation], Any]
) -> None:
    """SQLite has one writer: there nobody is in the middle of something."""
    home = cast.home
    there = pin(cast.mia, home.revenue)
    hidden = log.head(home.id).sequence + 3  # the KPI's two events; the note's deletion
    while_open(lambda: hide(home.revenue), lambda: act(cast, there))
    events = log.read(home.id, after=hidden, upto=hidden + 100, limit=100)
    told = [event for event in events if event.entity_type == "annotation"]
    assert len(told) >= 2, "that it moved, and what became of it"
    assert {event.topic("organization") for event in told} == {None}
    assert {event.topic("department") for event in told} == {str(home.sales.pk)}


# ------------------------------------------------------------------ retries, people, how many


async def test_e7_notes_on_things_are_made_changed_resolved_and_deleted_once(
    server: Server, cast: Cast
) -> None:
    async with await Client.connect(server, cast.bob) as bob:

        async def twice(type_: str, payload: Message) -> Message:
            answers = []
            for _ in range(2):
                await bob.send(type_, payload, request_id=f"r-{type_}")
                answers.append(await bob.answer(f"r-{type_}"))
            assert answers[0] == answers[1]
            return answers[0]

        made = await twice(
            "ANNOTATION_CREATE", NOTE | on(cast.home.revenue) | {"mentions": [cast.mia.id]}
        )
        one = {"annotationId": made["payload"]["annotationId"]}
        changed = await twice("ANNOTATION_UPDATE", one | {"content": "new"})
        assert changed["payload"]["revision"] == 2
        resolved = await twice("ANNOTATION_RESOLVE", one | {"resolved": True})
        assert resolved["payload"]["revision"] == 3
        assert Notification.objects.filter(user=cast.mia.user).count() == 1
        assert (await twice("ANNOTATION_DELETE", one))["type"] == "ANNOTATION_DELETED"


def test_v6_an_erased_persons_notes_stay_and_mentions_of_them_disappear(cast: Cast) -> None:
    kpi = cast.home.revenue
    own = pin(cast.bob, kpi, mentions=[cast.mia.id])
    about = pin(cast.mia, kpi, mentions=[cast.bob.id, cast.vera.id])
    user_erase(cast.bob.user)
    own.refresh_from_db()
    about.refresh_from_db()
    assert own.author is not None
    assert own.author.name == FORMER
    assert (own.mentions, about.mentions) == ([cast.mia.id], [cast.vera.id])
    [told] = Notification.objects.filter(user=cast.mia.user)
    assert told.title == f"{FORMER} mentions you"
    events = log.read(cast.home.id, after=0, upto=10_000, limit=10_000)
    assert "Bob mentions" not in str([(e.data, e.live) for e in events])


def _too_many(action: Callable[[], Any]) -> ErrorDetails:
    with pytest.raises(RateLimitExceeded) as error:
        action()
    return error.value.details


def test_s6_a_thing_has_so_many_notes_and_bytes_of_them(cast: Cast, settings: Any) -> None:
    settings.THING_NOTES, settings.THING_NOTE_BYTES = 3, 10
    kpi, bob = cast.home.revenue, cast.bob
    pin(bob, kpi, "é" * 4)
    assert _too_many(lambda: pin(bob, kpi, "abc")) == {"limit": 10, "scope": "noteBytes"}
    short = pin(bob, kpi, "ab")

    def grow() -> None:
        with transaction.atomic():
            annotation_update(principal_of(bob.user), str(short.pk), None, {"content": "abc"})

    assert _too_many(grow)["scope"] == "noteBytes"
    Annotation.objects.get(content="é" * 4, thing__entity_id=kpi.pk).delete()
    grow()
    for content in "cd":
        pin(bob, kpi, content)
    assert _too_many(lambda: pin(bob, kpi, "e")) == {"limit": 3, "scope": "notes"}
    pin(bob, cast.home.margin, "e")
    noted_thing = NotedThing.objects.get(entity_id=kpi.pk)
    assert (noted_thing.notes, noted_thing.bytes) == (3, 5)


def test_s6_notes_on_things_count_to_the_organizations_bytes(cast: Cast, settings: Any) -> None:
    settings.ORGANIZATION_NOTE_BYTES = 5
    pin(cast.bob, cast.home.revenue, "abcde")
    pin(cast.bob, cast.home.margin, "")
    assert _too_many(lambda: _begin(cast))["scope"] == "noteBytes"
    NotedThing.objects.filter(entity_id=cast.home.revenue.pk).update(bytes=2**20 - 1)
    settings.ORGANIZATION_NOTE_BYTES = 2**20
    assert _too_many(lambda: pin(cast.bob, cast.home.revenue, "ab"))["scope"] == "noteBytes"
    pin(cast.bob, cast.home.revenue, "a")


def _begin(cast: Cast) -> None:
    """Pin the first note to another thing, where there is no byte left."""
    NotedThing.objects.filter(entity_id=cast.home.revenue.pk).update(bytes=6)
    pin(cast.bob, cast.home.sales, "a")


async def test_c8_a_session_note_keeps_its_rules_whatever_it_is_pinned_to(
    server: Server, cast: Cast
) -> None:
    """An entity that its author may not see, or that is none, is as good as any: C5."""
    async with await Client.connect(server, cast.bob) as bob:
        session_id = (await create(bob))["sessionId"]
        await join(bob, session_id)
        for entity in ({"type": "kpi", "id": "kpi-1"}, on(cast.other.revenue)["entity"]):
            answer = await bob.ask(
                "ANNOTATION_CREATE", NOTE | {"sessionId": session_id, "entity": entity}
            )
            assert answer["payload"]["entity"] == entity
            assert answer["payload"]["entityArchived"] is False
        kpis_archive([cast.other.revenue])
        assert await bob.settle() == []
