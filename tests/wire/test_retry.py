"""Requests that are sent again have one effect (E7)."""

from __future__ import annotations

import asyncio
from typing import Any

from bos.models import Role
from collaboration.models import Annotation, Session
from kpis.models import Kpi, KpiValue
from tests.support.cast import Cast, make_person
from tests.support.client import Client, Message, error_of
from tests.support.server import Server
from tests.support.waiting import until

ROOM = {"title": "Q4 planning", "activeSpace": "dashboard"}


async def send(client: Client, type_: str, payload: Any, request_id: str) -> Message:
    await client.send(type_, payload, request_id=request_id)
    return await client.answer(request_id)


def update(cast: Cast, value: float = 5) -> dict[str, Any]:
    return {"kpiId": str(cast.home.revenue.pk), "value": value}


def values(cast: Cast) -> int:
    """How often the KPI has been set."""
    return KpiValue.objects.filter(kpi=cast.home.revenue).count()


# ------------------------------------------------------------------ from where it comes again


async def test_e7_again_on_the_same_connection_answers_the_same_and_changes_nothing(
    server: Server, cast: Cast
) -> None:
    before = values(cast)
    async with (
        await Client.connect(server, cast.mia) as mia,
        await Client.connect(server, cast.bob) as bob,
    ):
        await bob.subscribe(cast.home.topic)
        first = await send(mia, "KPI_UPDATE", update(cast), "r")
        assert first["type"] == "KPI_UPDATED"
        assert [await send(mia, "KPI_UPDATE", update(cast), "r") for _ in range(3)] == [first] * 3
        assert [m["type"] for m in await bob.settle()] == ["KPI_UPDATED", "SYNC_UPDATE"]
        assert await mia.settle() == []
    assert values(cast) == before + 1


async def test_e7_the_first_outcome_is_told_even_if_the_value_has_changed_since(
    server: Server, cast: Cast
) -> None:
    async with await Client.connect(server, cast.mia) as mia:
        first = await send(mia, "KPI_UPDATE", update(cast, 1), "a")
        await send(mia, "KPI_UPDATE", update(cast, 2), "b")
        assert await send(mia, "KPI_UPDATE", update(cast, 1), "a") == first
    assert Kpi.objects.get(pk=cast.home.revenue.pk).value == 2


async def test_e7_again_on_another_connection_and_after_a_reconnect(
    server: Server, cast: Cast
) -> None:
    before = values(cast)
    async with (
        await Client.connect(server, cast.mia) as one,
        await Client.connect(server, cast.mia, speech="msgpack") as other,
    ):
        first = await send(one, "KPI_UPDATE", update(cast), "r")
        assert await send(other, "KPI_UPDATE", update(cast), "r") == first
    async with await Client.connect(server, cast.mia) as again:
        assert await send(again, "KPI_UPDATE", update(cast), "r") == first
        assert await again.settle() == []
    assert values(cast) == before + 1


async def test_e7_an_answer_that_was_lost_is_given_after_the_reconnect(
    server: Server, cast: Cast
) -> None:
    before = values(cast)
    async with await Client.connect(server, cast.bob) as bob:
        await bob.subscribe(cast.home.topic)
        lost = await Client.connect(server, cast.mia)
        await lost.send("KPI_UPDATE", update(cast), request_id="r")
        lost.socket.transport.abort()
        async with await Client.connect(server, cast.mia) as again:
            answer = await send(again, "KPI_UPDATE", update(cast), "r")
            assert answer["type"] == "KPI_UPDATED"
        await bob.expect("KPI_UPDATED")
        await bob.expect("SYNC_UPDATE")
        assert await bob.settle() == []
    assert values(cast) == before + 1


async def test_e7_in_parallel_over_many_connections_there_is_one_effect(
    server: Server, cast: Cast
) -> None:
    before = values(cast)
    clients = [await Client.connect(server, cast.mia) for _ in range(8)]
    for client in clients:
        await client.subscribe(cast.home.topic)
    answers = await asyncio.gather(
        *(send(client, "KPI_UPDATE", update(cast), "r") for client in clients)
    )
    # Each of them asked and each is subscribed: whoever did not win sees the event, too.
    assert {answer["payload"]["sequence"] for answer in answers} == {
        answers[0]["payload"]["sequence"]
    }
    assert all(answer["type"] == "KPI_UPDATED" for answer in answers)
    for client in clients:
        await client.socket.close()
    assert values(cast) == before + 1


async def test_e7_many_times_at_once_on_one_connection(server: Server, cast: Cast) -> None:
    before = values(cast)
    async with await Client.connect(server, cast.mia) as mia:
        for _ in range(20):
            await mia.send("KPI_UPDATE", update(cast), request_id="r")
        answers = [await mia.expect("KPI_UPDATED") for _ in range(20)]
        assert all(answer == answers[0] for answer in answers)
        assert await mia.settle() == []
    assert values(cast) == before + 1


# ------------------------------------------------------------------ what is another request


async def test_e7_the_same_request_id_with_another_body_is_refused(
    server: Server, cast: Cast
) -> None:
    async with await Client.connect(server, cast.mia) as mia:
        first = await send(mia, "KPI_UPDATE", update(cast, 5), "r")
        others: list[tuple[str, Any]] = [
            ("KPI_UPDATE", update(cast, 6)),
            ("KPI_UPDATE", update(cast, 5) | {"kpiId": str(cast.home.margin.pk)}),
            ("SESSION_CREATE", ROOM),
        ]
        for type_, payload in others:
            code, details = error_of(await send(mia, type_, payload, "r"))
            assert (code, details["field"]) == ("INVALID_MESSAGE_FORMAT", "requestId")
            # Most likely the client counts, and has begun again (w18).
            assert "after a reload" in details["hint"]
        assert await send(mia, "KPI_UPDATE", update(cast, 5), "r") == first
    assert Kpi.objects.get(pk=cast.home.revenue.pk).value == 5
    assert not Session.objects.filter(organization=cast.home.organization).exists()


async def test_e7_the_order_of_the_fields_and_the_kind_of_frame_make_no_other_body(
    server: Server, cast: Cast
) -> None:
    async with await Client.connect(server, cast.mia) as mia:
        first = await send(mia, "KPI_UPDATE", update(cast, 5.5), "r")
        turned = dict(reversed(update(cast, 5.5).items()))
        assert await send(mia, "KPI_UPDATE", turned, "r") == first
        mia.speech = "msgpack"
        assert await send(mia, "KPI_UPDATE", turned, "r") == first


async def test_e7_another_spelling_of_a_number_is_no_other_body(server: Server, cast: Cast) -> None:
    kpi_id = cast.home.revenue.pk
    async with await Client.connect(server, cast.mia) as mia:
        answers = []
        for value in ("1250000.00", "1250000", "1.25e6"):
            payload = f'{{"kpiId": "{kpi_id}", "value": {value}}}'
            await mia.send_raw(f'{{"type": "KPI_UPDATE", "requestId": "r", "payload": {payload}}}')
            answers.append(await mia.answer("r"))
        mia.speech = "msgpack"
        answers.append(await send(mia, "KPI_UPDATE", update(cast, 1_250_000.0), "r"))
        assert answers == [answers[0]] * 4
        other = await send(mia, "KPI_UPDATE", update(cast, 1_250_000.5), "r")
        assert error_of(other)[0] == "INVALID_MESSAGE_FORMAT"


async def test_e7_an_alias_is_no_other_body(server: Server, cast: Cast) -> None:
    async with await Client.connect(server, cast.bob) as bob:
        first = await send(bob, "SESSION_CREATE", ROOM, "r")
        again = await send(bob, "SESSION_CREATED", ROOM, "r")
        assert again["payload"]["sessionId"] == first["payload"]["sessionId"]


async def test_e7_without_a_request_id_every_message_is_a_new_one(
    server: Server, cast: Cast
) -> None:
    before = values(cast)
    async with await Client.connect(server, cast.mia) as mia:
        for _ in range(3):
            await mia.send("KPI_UPDATE", update(cast))
        got = [await mia.expect("KPI_UPDATED") for _ in range(3)]
    first = got[0]["payload"]["sequence"]
    assert [m["payload"]["sequence"] for m in got] == [first, first + 1, first + 2]
    assert values(cast) == before + 3


async def test_e7_another_user_may_use_the_same_request_id(server: Server, cast: Cast) -> None:
    before = values(cast)
    colleague = make_person(cast.home.organization, "max", Role.MANAGER, None)
    for person, value in ((cast.mia, 1), (colleague, 1), (cast.alice, 2)):
        async with await Client.connect(server, person) as client:
            answer = await send(client, "KPI_UPDATE", update(cast, value), "r")
            assert answer["payload"]["updatedBy"] == person.id
            assert answer["payload"]["value"] == value
    assert values(cast) == before + 3


async def test_e7_what_was_refused_may_be_asked_again_with_another_outcome(
    server: Server, cast: Cast
) -> None:
    async with await Client.connect(server, cast.bob) as bob:
        assert error_of(await send(bob, "KPI_UPDATE", update(cast), "r"))[0] == "UNAUTHORIZED"
        Kpi.objects.filter(pk=cast.home.revenue.pk).update(owner=cast.bob.user)
        assert (await send(bob, "KPI_UPDATE", update(cast), "r"))["type"] == "KPI_UPDATED"


async def test_e7_a_reading_request_is_answered_anew(server: Server, cast: Cast) -> None:
    async with await Client.connect(server, cast.bob) as bob:
        for channels in ([cast.home.topic], [f"kpi:{cast.home.revenue.pk}"]):
            answer = await send(bob, "SUBSCRIBE", {"channels": channels}, "r")
            assert answer["payload"]["channels"] == channels


# ------------------------------------------------------------------ every changing request


async def test_e7_sessions_and_annotations_are_made_changed_and_deleted_once(
    server: Server, cast: Cast
) -> None:
    async with (
        await Client.connect(server, cast.bob) as bob,
        await Client.connect(server, cast.alice) as alice,
    ):
        created, again = [await send(bob, "SESSION_CREATE", ROOM, "create") for _ in range(2)]
        assert again["payload"]["sessionId"] == created["payload"]["sessionId"]
        session = {"sessionId": created["payload"]["sessionId"]}
        joined = [await send(alice, "SESSION_JOIN", session, "join") for _ in range(2)]
        assert [m["type"] for m in joined] == ["SESSION_JOINED"] * 2
        note = session | {"position": {"x": 1, "y": 2, "z": 3}, "content": "c"}
        note["contentType"] = "text"
        noted, again = [await send(bob, "ANNOTATION_CREATE", note, "note") for _ in range(2)]
        assert again == noted
        one = {"annotationId": noted["payload"]["annotationId"]}
        change = one | {"content": "new"}
        changed, again = [await send(bob, "ANNOTATION_UPDATE", change, "edit") for _ in range(2)]
        assert (again, changed["payload"]["revision"]) == (changed, 2)
        deleted, again = [await send(bob, "ANNOTATION_DELETE", one, "delete") for _ in range(2)]
        assert (again, deleted["type"]) == (deleted, "ANNOTATION_DELETED")
        left, again = [await send(alice, "SESSION_LEAVE", session, "leave") for _ in range(2)]
        assert (again, left["type"]) == (left, "SESSION_LEFT")
        got = [m["type"] for m in [*bob.seen(), *await bob.settle()]]
    assert [t for t in got if t != "PARTICIPANT_UPDATE"] == ["SESSION_JOINED", "SESSION_LEFT"]
    assert Session.objects.filter(organization=cast.home.organization).count() == 1
    assert not Annotation.objects.filter(session_id=session["sessionId"]).exists()


async def test_e7_who_creates_a_session_again_after_a_reconnect_is_in_it(
    server: Server, cast: Cast
) -> None:
    async with (
        await Client.connect(server, cast.alice) as alice,
        await Client.connect(server, cast.bob) as again,
    ):
        async with await Client.connect(server, cast.bob) as bob:
            created = await send(bob, "SESSION_CREATE", ROOM, "create")
        assert await send(again, "SESSION_CREATE", ROOM, "create") == created
        session = {"sessionId": created["payload"]["sessionId"]}
        assert (await send(alice, "SESSION_JOIN", session, "join"))["type"] == "SESSION_JOINED"
        assert "SESSION_JOINED" in [m["type"] for m in await again.settle()]
        left = await send(again, "SESSION_LEAVE", session, "leave")
        assert left["type"] == "SESSION_LEFT"
        # It has ended: asked once more, the answer is the first, and nobody is anywhere.
        assert await send(again, "SESSION_CREATE", ROOM, "create") == created
        move = session | {"position": {"x": 0, "y": 0, "z": 0}}
        assert error_of(await again.ask("CURSOR_MOVE", move))[0] == "SESSION_NOT_FOUND"


# ------------------------------------------------------------------ for how long


async def test_e7_after_its_time_a_request_id_is_free_again(impatient: Server, cast: Cast) -> None:
    async with await Client.connect(impatient, cast.mia) as mia:
        first = await send(mia, "KPI_UPDATE", update(cast, 1), "r")
        assert await send(mia, "KPI_UPDATE", update(cast, 1), "r") == first

        async def accepted() -> Message | None:
            answer = await send(mia, "KPI_UPDATE", update(cast, 2), "r")
            if answer["type"] == "ERROR":
                assert error_of(answer)[1]["field"] == "requestId"
                return None
            return answer

        answer = await until(accepted, within=10)
        assert answer["type"] == "KPI_UPDATED"
        assert answer["payload"]["sequence"] == first["payload"]["sequence"] + 1
