"""Several server processes on one database and one Redis (decisions V2, A4, E7, L1)."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from django.db import connections, transaction

from bos.models import Role, User
from collaboration.models import Annotation, Participant, Session
from kpis.models import Kpi, KpiValue
from sync.delivery.shared_state.port import LEASE_SECONDS
from sync.eventlog import log
from sync.models import Event
from tests.conftest import BACKEND, ServeFixture
from tests.support.cast import Cast, make_person
from tests.support.client import Client, Message, error_of
from tests.support.server import Server, serving
from tests.support.services import RedisServer
from tests.wire.test_annotations import annotate
from tests.wire.test_pins import anomaly
from tests.wire.test_sessions import create, join

pytestmark = pytest.mark.skipif(
    BACKEND != "postgres", reason="several processes need Redis and a database that they share"
)
PLACES = 10
USER_LIMIT = 300
UPDATES = 200
UNLIMITED = {"BOS_MESSAGES_PER_MINUTE": "100000", "BOS_USER_MESSAGES_PER_MINUTE": "100000"}
Pair = tuple[Server, Server]


@pytest.fixture(scope="module")
def pair(database: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Two servers that know of each other through PostgreSQL and Redis alone."""
    directory = tmp_path_factory.mktemp("pair")
    with serving(directory / "one") as one, serving(directory / "other") as other:
        yield one, other
    for name in ("one", "other"):
        assert "Traceback" not in (directory / name).read_text()


async def _watch(server: Server, cast: Cast, stack: contextlib.AsyncExitStack) -> Client:
    client = await stack.enter_async_context(await Client.connect(server, cast.bob))
    await client.subscribe(cast.home.topic)
    return client


async def test_v2_a_change_on_one_process_reaches_the_clients_of_the_other_at_once(
    pair: Pair, cast: Cast
) -> None:
    one, other = pair
    async with (
        await Client.connect(one, cast.mia) as mia,
        await Client.connect(other, cast.bob) as bob,
    ):
        await bob.subscribe(cast.home.topic)
        started = time.monotonic()
        for value in range(10):
            own = await mia.set_value(cast.home.revenue, value)
            live = await bob.expect("KPI_UPDATED")
            assert live["payload"] == own["payload"]
            mirrored = await bob.expect("SYNC_UPDATE")
            assert mirrored["payload"]["sequence"] == own["payload"]["sequence"]
            assert "requestId" not in live
        # Through Redis: the log is looked at once a second.
        assert time.monotonic() - started < 5


async def test_a4_ten_connections_a_user_are_counted_over_both_processes(
    pair: Pair, cast: Cast
) -> None:
    async with contextlib.AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(await Client.connect(pair[n % 2], cast.bob))
            for n in range(PLACES)
        ]
        for server in pair:
            late = await Client.connect(server)
            answer = await late.ask("AUTH", {"token": cast.bob.token})
            assert answer["payload"]["error"] == "RATE_LIMIT_EXCEEDED"
            assert (await late.closed())[0] == 4429
        # A place that is given back on one is free on the other.
        await clients[0].socket.close()
        async with await Client.connect(pair[1]) as again:
            while (await again.ask("AUTH", {"token": cast.bob.token}))["type"] != "AUTH_SUCCESS":
                again = await stack.enter_async_context(await Client.connect(pair[1]))


async def test_a4_of_thirty_connections_at_once_ten_are_let_in_over_both_processes(
    pair: Pair, cast: Cast
) -> None:
    clients = await asyncio.gather(*(Client.connect(pair[n % 2]) for n in range(3 * PLACES)))
    token = cast.bob.token
    answers = await asyncio.gather(*(client.ask("AUTH", {"token": token}) for client in clients))
    assert sum(answer["type"] == "AUTH_SUCCESS" for answer in answers) == PLACES
    await asyncio.gather(*(client.socket.close() for client in clients))


async def test_l1_three_hundred_messages_a_user_are_counted_over_both_processes(
    pair: Pair, cast: Cast
) -> None:
    async with contextlib.AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(await Client.connect(pair[n % 2], cast.bob))
            for n in range(4)
        ]
        # As fast as they go: 90 a connection is below its own limit, 360 are above the user's.
        answers = await asyncio.gather(*(_ask_often(client, cast, 90) for client in clients))
    served = sum(count for count, _ in answers)
    assert served == USER_LIMIT
    refused = [refusal for _, refusals in answers for refusal in refusals]
    assert len(refused) == 4 * 90 - USER_LIMIT
    code, details = error_of(refused[0])
    assert code == "RATE_LIMIT_EXCEEDED"
    assert details["limit"] == USER_LIMIT


async def test_l1_what_a_user_has_sent_elsewhere_counts_after_a_pause(
    pair: Pair, cast: Cast
) -> None:
    """A process knows only what Redis has told it, when the user wrote there last."""
    async with contextlib.AsyncExitStack() as stack:
        here, *there = [
            await stack.enter_async_context(await Client.connect(server, cast.bob))
            for server in (pair[1], pair[0], pair[0], pair[0])
        ]
        assert (await _ask_often(here, cast, 1))[0] == 1
        for client, times in zip(there, (100, 100, 99), strict=True):
            assert (await _ask_often(client, cast, times))[0] == times
        assert (await _ask_often(here, cast, 40))[0] == 0


async def test_a5_who_is_deactivated_while_signing_in_is_not_signed_in(
    serve: ServeFixture, cast: Cast, own_redis: RedisServer
) -> None:
    """Redis takes its time to give them a place, and meanwhile their rights are withdrawn."""
    server = serve(REDIS_URL=own_redis.url)
    async with (
        await Client.connect(server, cast.mia) as mia,
        await Client.connect(server) as bob,
    ):
        await mia.subscribe(cast.home.topic)
        own_redis.pause()
        await bob.send("AUTH", {"token": cast.bob.token}, request_id="in")
        # It is being served, and a heartbeat does not wait for it (H1).
        await bob.send("PING", request_id="beat")
        assert (await bob.expect("PONG", within=10))["requestId"] == "beat"
        await asyncio.to_thread(_deactivate, cast)
        await mia.expect("KPI_UPDATED")  # what came before it has been looked at
        own_redis.resume()
        answer = await bob.answer("in")
        if answer["type"] == "AUTH_SUCCESS":
            assert (await bob.closed(2))[0] == 4403
        else:
            assert answer["payload"]["error"] == "INVALID_TOKEN"


def _deactivate(cast: Cast) -> None:
    try:
        User.objects.filter(pk=cast.bob.user.pk).update(is_active=False)
        Kpi.objects.filter(pk=cast.home.revenue.pk).update(value=5)
    finally:
        connections.close_all()


async def test_w2_edits_race_deletions_of_a_note_on_two_processes(pair: Pair, cast: Cast) -> None:
    async with (
        await Client.connect(pair[0], cast.bob) as host,
        await Client.connect(pair[1], cast.mia) as author,
    ):
        session_id = (await create(host))["sessionId"]
        await join(author, session_id)
        deleted = 0
        for n in range(12):
            id_ = (await annotate(author, session_id))["payload"]["annotationId"]
            named = {"sessionId": session_id} if n % 2 else {}
            note = {"annotationId": id_, **named}
            outcomes = await asyncio.gather(
                host.ask("ANNOTATION_UPDATE", note | {"content": "x"}),
                author.ask("ANNOTATION_UPDATE", note | {"content": "y"}),
            )
            assert sorted(o["payload"]["revision"] for o in outcomes) == [2, 3]
            outcomes = await asyncio.gather(
                host.ask("ANNOTATION_DELETE", note),
                author.ask("ANNOTATION_UPDATE", note | {"content": "z"}),
            )
            again = (client.ask("ANNOTATION_DELETE", note) for client in (host, author))
            ended = [*outcomes, *await asyncio.gather(*again)]
            codes = {error_of(o)[0] for o in ended if o["type"] == "ERROR"}
            assert codes <= {"NOT_FOUND", "UNAUTHORIZED"}
            assert [o["type"] for o in ended].count("ANNOTATION_DELETED") == 1
            deleted += 1
    of_notes = Event.objects.filter(organization_id=cast.home.id, entity_type="annotation")
    assert of_notes.filter(change_type="deleted").count() == deleted


async def _ask_often(client: Client, cast: Cast, times: int) -> tuple[int, list[Message]]:
    for n in range(times):
        await client.send("SUBSCRIBE", {"channels": [cast.home.topic]}, request_id=f"r{n}")
    answers = [await client.answer(f"r{n}") for n in range(times)]
    served = sum(answer["type"] == "SUBSCRIBED" for answer in answers)
    return served, [answer for answer in answers if answer["type"] == "ERROR"]


async def test_e7_the_same_request_on_both_processes_at_once_has_one_effect(
    pair: Pair, cast: Cast
) -> None:
    kpi = cast.home.revenue
    async with (
        await Client.connect(pair[0], cast.mia) as first,
        await Client.connect(pair[1], cast.mia) as second,
    ):
        for n in range(20):
            payload = {"kpiId": str(kpi.pk), "value": n}
            for client in (first, second):
                await client.send("KPI_UPDATE", payload, request_id=f"same-{n}")
        answers = [await _answers(client, 20) for client in (first, second)]
    assert all(answer["type"] == "KPI_UPDATED" for answer in answers[0].values())
    outcomes = [{id_: a["payload"] for id_, a in of_one.items()} for of_one in answers]
    assert outcomes[0] == outcomes[1]
    assert KpiValue.objects.filter(kpi=kpi).count() == 1 + 20


async def _answers(client: Client, count: int) -> dict[str, Message]:
    """By requestId, in whatever order they come."""
    answers: dict[str, Message] = {}
    while len(answers) < count:
        message = await client.receive()
        if "requestId" in message:
            assert message["requestId"] not in answers
            answers[message["requestId"]] = message
    return answers


async def test_v2_redis_killed_and_started_again_empty_loses_and_repeats_no_event(
    serve: ServeFixture, cast: Cast, own_redis: RedisServer
) -> None:
    kpi = cast.home.revenue
    async with contextlib.AsyncExitStack() as stack:
        servers = [serve(UNLIMITED, REDIS_URL=own_redis.url) for _ in range(2)]
        watchers = [await _watch(server, cast, stack) for server in servers for _ in range(2)]
        writers = [
            await stack.enter_async_context(await Client.connect(server, person))
            for server, person in zip(servers, (cast.mia, cast.alice), strict=True)
        ]
        start = log.head(cast.home.id).sequence
        collecting = [
            asyncio.create_task(watcher.collect(start + UPDATES, "KPI_UPDATED"))
            for watcher in watchers
        ]
        for n in range(UPDATES):
            if n == UPDATES // 4:
                own_redis.kill()
            if n == UPDATES // 2:
                own_redis.start()
            answer = await writers[n % 2].set_value(kpi, n)
            assert answer["type"] == "KPI_UPDATED", (n, answer)
        got = await asyncio.gather(*collecting)
        assert got == [list(range(start + 1, start + UPDATES + 1))] * len(watchers)
        # Nobody was cut off, and Redis is in use again: what follows comes at once.
        deadline = time.monotonic() + 10
        while True:
            assert time.monotonic() < deadline
            started = time.monotonic()
            await writers[0].set_value(kpi, 1)
            await asyncio.gather(*(watcher.settle() for watcher in watchers[:2]))
            sequence = log.head(cast.home.id).sequence
            for watcher in watchers[2:]:
                assert (await watcher.collect(sequence, "KPI_UPDATED"))[-1] == sequence
            if time.monotonic() - started < 0.3:
                break
    for logged in serve.logs:
        text = logged.read_text()
        assert "redis away" in text  # said in a line, without a traceback
        assert " ERROR bos" not in text


async def test_v2_a_server_killed_between_updates_loses_nothing_for_its_clients(
    serve: ServeFixture, cast: Cast
) -> None:
    doomed, other = serve(), serve()
    kpi = cast.home.revenue
    async with (
        await Client.connect(other, cast.mia) as mia,
        await Client.connect(doomed, cast.alice) as alice,
    ):
        client = await Client.connect(doomed, cast.bob)
        start = (await client.subscribe(cast.home.topic))["payload"]["sequence"]
        for n in range(5):
            await alice.set_value(kpi, n)
        seen = await client.collect(start + 5)
        # Under way when it dies: made or not, but never half.
        for n in range(20):
            await alice.send("KPI_UPDATE", {"kpiId": str(kpi.pk), "value": n}, request_id=f"r{n}")
        doomed.kill()
        for n in range(5):
            await mia.set_value(kpi, 100 + n)
        _assert_places_expire(cast.bob.id)
    async with await Client.connect(other, cast.bob) as back:
        await back.subscribe(cast.home.topic)
        missed = await back.sync(cast.home.topic, lastSequence=seen[-1])
        seen += [m["payload"]["sequence"] for m in missed[1:-1]]
    end = log.head(cast.home.id).sequence
    assert seen == list(range(start + 1, end + 1))
    changes = KpiValue.objects.filter(kpi=kpi).count() - 1
    assert changes == end - start
    assert Kpi.objects.get(pk=kpi.pk).value == 104


def _assert_places_expire(user_id: str) -> None:
    """A dead process renews nothing: its places are free when their leases end."""
    client: Any = redis.Redis.from_url(os.environ["REDIS_URL"])
    with contextlib.closing(client):
        key = f"bos:places:{user_id}"
        now = client.time()[0]
        (_, until_ms), *others = client.zrange(key, 0, -1, withscores=True)
        assert not others
        assert 0 < until_ms / 1000 - now <= LEASE_SECONDS + 1 < 60
        assert 0 < client.pttl(key) <= LEASE_SECONDS * 2 * 1000


# ------------------------------------------------------------------ sessions on both


async def _meet(host: Client, places: int) -> str:
    room = {"title": "Room", "activeSpace": "board", "maxParticipants": places}
    created = await host.ask("SESSION_CREATE", room)
    session_id: str = created["payload"]["sessionId"]
    return session_id


async def test_c2_of_twenty_joins_at_once_on_both_processes_five_are_let_in(
    pair: Pair, cast: Cast
) -> None:
    """A session of five: all places but the host's, whoever asks first."""
    organization = cast.home.organization
    people = [make_person(organization, f"guest{n}", Role.MEMBER, None) for n in range(20)]
    async with contextlib.AsyncExitStack() as stack:
        host = await stack.enter_async_context(await Client.connect(pair[0], cast.bob))
        session_id = await _meet(host, 6)
        guests = [
            await stack.enter_async_context(await Client.connect(pair[n % 2], person))
            for n, person in enumerate(people)
        ]
        wanted = {"sessionId": session_id}
        answers = await asyncio.gather(*(guest.ask("SESSION_JOIN", wanted) for guest in guests))
    joined = [answer for answer in answers if answer["type"] == "SESSION_JOINED"]
    refused = [error_of(answer)[0] for answer in answers if answer["type"] == "ERROR"]
    assert len(joined) == 5
    assert refused == ["SESSION_FULL"] * 15
    present = Participant.objects.filter(session_id=session_id, left_at=None)
    let_in = {answer["payload"]["userId"] for answer in joined}
    assert {str(p.user_id) for p in present} == let_in | {cast.bob.id}


async def test_c3_there_is_one_host_whoever_leaves_at_the_same_time_on_both_processes(
    pair: Pair, cast: Cast
) -> None:
    one, other = pair
    for _ in range(5):
        async with (
            await Client.connect(one, cast.bob) as bob,
            await Client.connect(other, cast.mia) as mia,
        ):
            session_id = await _meet(bob, 5)
            await mia.ask("SESSION_JOIN", {"sessionId": session_id})
            handed_on, left = await asyncio.gather(
                bob.ask("SESSION_LEAVE", {"sessionId": session_id, "newHostId": cast.mia.id}),
                mia.ask("SESSION_LEAVE", {"sessionId": session_id}),
            )
        session = Session.objects.get(pk=session_id)
        present = {str(p.user_id) for p in session.participants.filter(left_at=None)}
        if handed_on["type"] == "ERROR":  # mia was faster: there is nobody to hand on to
            assert error_of(handed_on)[0] == "NOT_FOUND"
            assert (str(session.host_id), present) == (cast.bob.id, {cast.bob.id})
        else:  # bob was faster, and mia left as the host
            assert left["type"] == "SESSION_LEFT"
            assert (session.end_reason, present) == ("host_left", set())


async def test_b3_an_anomaly_is_pinned_once_by_both_processes(pair: Pair, cast: Cast) -> None:
    one, other = pair
    kpi = cast.home.revenue
    focus = {"type": "kpi", "id": str(kpi.pk)}
    async with (
        await Client.connect(one, cast.bob) as bob,
        await Client.connect(other, cast.mia) as mia,
    ):
        session_id = await _meet(bob, 5)
        await mia.ask("SESSION_JOIN", {"sessionId": session_id})
        move = {"sessionId": session_id, "position": {"x": 1, "y": 2, "z": 3}}
        for mover, watcher in ((bob, mia), (mia, bob)):
            await mover.send("CURSOR_MOVE", move | {"focusedEntity": focus})
            # Also the one that is shown while mia's own place is only being taken (C2, L2).
            await watcher.until("CURSOR_MOVE")
        anomaly(kpi)
        notes = [await client.until("ANNOTATION_CREATED") for client in (bob, mia)]
        assert notes[0]["payload"] == notes[1]["payload"]
        for client in (bob, mia):
            assert "ANNOTATION_CREATED" not in {m["type"] for m in await client.settle()}
    assert Annotation.objects.filter(session_id=session_id).count() == 1


# ------------------------------------------------------------------ rows that others hold


def _kpis(cast: Cast, count: int) -> list[Kpi]:
    organization = cast.home.organization
    kpis = [Kpi(organization=organization, name=f"KPI {n}", value=0) for n in range(count)]
    made: list[Kpi] = Kpi.objects.bulk_create(kpis)
    return made


async def _set_all(client: Client, kpis: list[Kpi], rounds: int) -> None:
    """Set them all at once, again and again."""
    for value in range(rounds):
        for n, kpi in enumerate(kpis):
            payload = {"kpiId": str(kpi.pk), "value": value}
            await client.send("KPI_UPDATE", payload, request_id=f"{value}-{n}")
        answers = await _answers(client, len(kpis))
        assert {answer["type"] for answer in answers.values()} == {"KPI_UPDATED"}


async def test_w3_the_same_kpis_are_set_on_both_processes_in_opposite_order(
    pair: Pair, cast: Cast
) -> None:
    """See also tests/test_held_rows.py."""
    kpis = _kpis(cast, 12)
    async with (
        await Client.connect(pair[0], cast.mia) as mia,
        await Client.connect(pair[1], cast.alice) as alice,
    ):
        await asyncio.gather(_set_all(mia, kpis, 7), _set_all(alice, kpis[::-1], 7))
    assert KpiValue.objects.filter(kpi__in=kpis, value__lt=7).count() == 12 * (1 + 2 * 7)


def _value(kpi: Kpi, value: float) -> dict[str, Any]:
    return {"kpiId": str(kpi.pk), "value": value}


async def test_f9_a_row_that_somebody_holds_is_waited_for_by_those_alone_who_change_it(
    pair: Pair, cast: Cast
) -> None:
    held, *others = _kpis(cast, 3)
    async with (
        await Client.connect(pair[0], cast.mia) as mia,
        await Client.connect(pair[0], cast.alice) as alice,
        await Client.connect(pair[0], cast.charlie) as charlie,
    ):
        with transaction.atomic():
            Kpi.objects.select_for_update().get(pk=held.pk)
            for n in range(3):
                await mia.send("KPI_UPDATE", _value(held, n), request_id=f"held-{n}")
            for n in range(3):
                # Of the same connection, of another one, of another organization.
                assert (await mia.ask("KPI_UPDATE", _value(others[0], n)))["type"] == "KPI_UPDATED"
                assert (await alice.set_value(others[1], n))["type"] == "KPI_UPDATED"
                assert (await charlie.set_value(cast.other.revenue, n))["type"] == "KPI_UPDATED"
            assert mia.seen() == []
        told = [await mia.expect("KPI_UPDATED") for _ in range(3)]
    assert [m["requestId"] for m in told] == ["held-0", "held-1", "held-2"]


async def test_f9_a_user_who_is_being_changed_is_waited_for_by_nobody_else(
    pair: Pair, cast: Cast
) -> None:
    revenue, margin = cast.home.revenue, cast.home.margin
    async with (
        await Client.connect(pair[0], cast.mia) as mia,
        await Client.connect(pair[0], cast.alice) as alice,
    ):
        with transaction.atomic():
            User.objects.select_for_update().get(pk=cast.mia.user.pk)
            await mia.send("KPI_UPDATE", _value(revenue, 5), request_id="held")
            assert (await alice.set_value(margin, 5))["type"] == "KPI_UPDATED"
        assert (await mia.answer("held"))["type"] == "KPI_UPDATED"
