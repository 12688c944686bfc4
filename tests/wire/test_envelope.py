"""The envelope, what types there are, and error codes (decisions E1 to E3, E5, E6)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sync.protocol.errors import error_codes
from sync.protocol.registry import ALIASES, client_messages, server_messages
from tests.support.cast import Cast, Person, Tenant
from tests.support.client import Client, error_of, refused
from tests.support.server import Server

WIRE_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\Z")

DOCUMENTED = """
AUTH AUTH_SUCCESS AUTH_FAILED TOKEN_EXPIRED PING PONG SUBSCRIBE UNSUBSCRIBE
SUBSCRIBED UNSUBSCRIBED SYNC_START SYNC_UPDATE SYNC_DELETE SYNC_COMPLETE SYNC_ERROR
SYNC_REQUEST KPI_UPDATE KPI_UPDATED DEPARTMENT_UPDATED EMPLOYEE_UPDATED REPORT_GENERATED
SESSION_CREATE SESSION_CREATED SESSION_JOIN SESSION_JOINED SESSION_LEAVE SESSION_LEFT SESSION_ENDED
PARTICIPANT_UPDATE ANNOTATION_CREATE ANNOTATION_CREATED ANNOTATION_UPDATE ANNOTATION_UPDATED
ANNOTATION_DELETE ANNOTATION_DELETED CURSOR_MOVE ANOMALY_DETECTED RECOMMENDATION
PREDICTION_READY NOTIFICATION ALERT ERROR RATE_LIMIT
"""


# ------------------------------------------------------------------ E1: the envelope


@pytest.mark.parametrize("speech", ["text", "msgpack"])
async def test_e1_unknown_fields_are_ignored(
    server: Server, home: Tenant, manager: Person, speech: str
) -> None:
    async with await Client.connect(server, manager, speech=speech) as mia:
        payload = {"kpiId": str(home.revenue.pk), "value": 3, "colour": {"a": [None]}}
        answer = await mia.ask("KPI_UPDATE", payload, extra=[1, {"2": 3}], Type="x")
        assert answer["type"] == "KPI_UPDATED"


@pytest.mark.parametrize("payload", [None, {}, {"a": 1}])
async def test_e1_ping_works_with_and_without_a_payload(server: Server, payload: Any) -> None:
    async with await Client.connect(server) as client:
        assert (await client.ask("PING", payload))["type"] == "PONG"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("type", "ping"),
        ("type", "Ping"),
        ("type", ""),
        ("type", 5),
        ("type", None),
        ("payload", []),
        ("payload", "{}"),
        ("payload", 0),
        ("version", "2.0"),
        ("version", "0.9"),
        ("version", "10.0"),
        ("version", ""),
        ("version", "1.x"),
        ("version", 1.0),
        ("timestamp", "yesterday"),
        ("timestamp", "2025-01-20T10:30:00"),
        ("timestamp", "2025-13-20T10:30:00Z"),
        ("timestamp", "2025-01-20"),
        ("timestamp", ""),
        ("timestamp", 1737369000),
    ],
)
@pytest.mark.parametrize("speech", ["text", "msgpack"])
async def test_e4_a_wrong_field_of_the_envelope_is_named(
    server: Server, manager: Person, speech: str, field: str, value: Any
) -> None:
    message = {"type": "PING", "requestId": "mine"} | {field: value}
    async with await Client.connect(server, manager, speech=speech) as client:
        await client.send_raw(message)
        answer = await client.expect("ERROR")
        assert answer["requestId"] == "mine"
        assert refused(answer)[0] == field
        assert await client.settle() == []


@pytest.mark.parametrize("version", ["1.0", "1", "1.1", "1.27", "1.0.3", None])
async def test_e1_a_version_1_is_served(server: Server, version: str | None) -> None:
    async with await Client.connect(server) as client:
        assert (await client.ask("PING", version=version))["type"] == "PONG"


@pytest.mark.parametrize("request_id", ["1", "x" * 128, "é" * 128, "🎉" * 128, " ", '"\\\n'])
@pytest.mark.parametrize("speech", ["text", "msgpack"])
async def test_e1_a_request_id_has_1_to_128_characters(
    server: Server, home: Tenant, manager: Person, speech: str, request_id: str
) -> None:
    async with await Client.connect(server, manager, speech=speech) as mia:
        update = {"kpiId": str(home.revenue.pk), "value": 3}
        await mia.send("KPI_UPDATE", update, request_id=request_id)
        answer = await mia.expect("KPI_UPDATED")
        assert answer["requestId"] == request_id


@pytest.mark.parametrize("request_id", ["", "x" * 129, "🎉" * 129, 7, True, [], {"a": 1}])
async def test_e1_any_other_request_id_is_refused_and_not_echoed(
    server: Server, manager: Person, request_id: Any
) -> None:
    async with await Client.connect(server, manager) as client:
        await client.send_raw({"type": "PING", "requestId": request_id})
        answer = await client.expect("ERROR")
        assert "requestId" not in answer
        assert refused(answer)[0] == "requestId"


async def test_e1_a_null_request_id_is_as_if_missing(
    server: Server, home: Tenant, manager: Person
) -> None:
    update = {"kpiId": str(home.revenue.pk), "value": 3}
    async with await Client.connect(server, manager) as mia:
        for _ in range(2):
            await mia.send_raw({"type": "KPI_UPDATE", "payload": update, "requestId": None})
        first, second = await mia.expect("KPI_UPDATED"), await mia.expect("KPI_UPDATED")
        assert "requestId" not in first
        # Not a retry of one another either.
        assert second["payload"]["sequence"] == first["payload"]["sequence"] + 1


# ------------------------------------------------------------------ E2: times


@pytest.mark.parametrize(
    "timestamp",
    [
        "2025-01-20T10:30:00Z",
        "2025-01-20T10:30:00.5Z",
        "2025-01-20T10:30:00.123456789Z",
        "2025-01-20T10:30:00.1234567890123456789Z",
        "2025-01-20T10:30:00+05:30",
        "2025-01-20T10:30:00.25-11:00",
        "2025-01-20T10:30:00-00:00",
        "2025-01-20t10:30:00z",
        "0001-01-01T00:00:00+23:59",
        "9999-12-31T23:59:59-23:59",
    ],
)
async def test_e2_any_offset_and_precision_of_a_timestamp_is_read(
    server: Server, timestamp: str
) -> None:
    async with await Client.connect(server) as client:
        assert (await client.ask("PING", timestamp=timestamp))["timestamp"] == timestamp


async def test_e2_whatever_the_server_sends_carries_a_time_in_whole_seconds(
    server: Server, cast: Cast
) -> None:
    home = cast.home
    async with await Client.connect(server) as mia:
        before = datetime.now(UTC).replace(microsecond=0)
        got = [await mia.ask("SUBSCRIBE", {"channels": [home.topic]}), await mia.sign_in(cast.mia)]
        got.append(await mia.subscribe(home.topic))
        got.append(await mia.set_value(home.revenue, 5))
        got.append(await mia.ask("PING"))
        got.append(await mia.ask("SESSION_CREATE", {"title": "t", "activeSpace": "s"}))
        await mia.send_raw("{")
        got.append(await mia.expect("ERROR"))
        got += await mia.sync(home.topic)
        got += [*mia.seen(), *await mia.settle()]
        after = datetime.now(UTC)
    types = {message["type"] for message in got}
    assert types >= {"AUTH_SUCCESS", "SUBSCRIBED", "KPI_UPDATED", "PONG", "ERROR", "SYNC_COMPLETE"}
    for message in got:
        assert WIRE_TIME.match(message["timestamp"]), message
        # An event bears the time of the change, which may be that of its predecessor.
        moment = datetime.fromisoformat(message["timestamp"])
        assert before - timedelta(seconds=5) <= moment <= after + timedelta(seconds=5)
        for field, value in message.get("payload", {}).items():
            if field.endswith("At") or field == "fromTimestamp":
                assert WIRE_TIME.match(value), message


async def test_e2_only_the_sync_cursor_carries_microseconds(server: Server, cast: Cast) -> None:
    async with await Client.connect(server, cast.bob) as bob:
        complete = (await bob.sync(cast.home.topic))[-1]
    cursor = complete["payload"]["lastSyncTimestamp"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", cursor)


# ------------------------------------------------------------------ E3: whose requestId


@pytest.mark.parametrize("subscribed", [False, True])
async def test_e3_only_the_requester_sees_his_request_id_and_once(
    server: Server, cast: Cast, subscribed: bool
) -> None:
    topic = f"kpi:{cast.home.revenue.pk}"
    update = {"kpiId": str(cast.home.revenue.pk), "value": 5}
    async with (
        await Client.connect(server, cast.mia) as mia,
        await Client.connect(server, cast.mia) as second_device,
        await Client.connect(server, cast.bob) as bob,
    ):
        for client in (second_device, bob, *([mia] if subscribed else [])):
            await client.subscribe(topic, cast.home.topic)
        await mia.send("KPI_UPDATE", update, request_id="req-1")
        own = await mia.expect("KPI_UPDATED")
        assert own["requestId"] == "req-1"
        rest = await mia.settle()
        assert [m["type"] for m in rest] == (["SYNC_UPDATE"] if subscribed else [])
        for other in (second_device, bob):
            got = [await other.expect("KPI_UPDATED"), *await other.settle()]
            assert [m["type"] for m in got] == ["KPI_UPDATED", "SYNC_UPDATE"]
            assert not any("requestId" in m for m in got)
            assert got[0]["payload"] == own["payload"]


async def test_e3_two_clients_with_the_same_request_id_get_each_their_own_answer(
    server: Server, cast: Cast
) -> None:
    topic = f"kpi:{cast.home.revenue.pk}"
    async with (
        await Client.connect(server, cast.mia) as mia,
        await Client.connect(server, cast.alice) as alice,
    ):
        await mia.subscribe(topic)
        await alice.subscribe(topic)
        for client, value in ((mia, 1), (alice, 2)):
            update = {"kpiId": str(cast.home.revenue.pk), "value": value}
            await client.send("KPI_UPDATE", update, request_id="req-1")
        for client, value in ((mia, 1), (alice, 2)):
            own = await client.answer("req-1")
            assert own["payload"]["value"] == value
            others = [m for m in [*client.seen(), *await client.settle()] if "requestId" in m]
            assert others == []


async def test_e3_a_refusal_reaches_nobody_but_the_requester(server: Server, cast: Cast) -> None:
    async with (
        await Client.connect(server, cast.vera) as vera,
        await Client.connect(server, cast.bob) as bob,
    ):
        await bob.subscribe(cast.home.topic)
        answer = await vera.set_value(cast.home.revenue, 5)
        assert error_of(answer)[0] == "UNAUTHORIZED"
        assert await bob.settle() == []


# ------------------------------------------------------------------ E5: types and aliases


@pytest.mark.parametrize(
    "type_", sorted(server_messages.keys() - client_messages.keys() - ALIASES.keys())
)
async def test_e5_a_type_of_the_server_is_refused_from_a_client(
    server: Server, manager: Person, type_: str
) -> None:
    async with await Client.connect(server, manager) as mia:
        assert refused(await mia.ask(type_, {"message": "x"}))[0] == "type"


def test_e5_every_type_of_the_document_is_known() -> None:
    assert set(DOCUMENTED.split()) - client_messages.keys() - server_messages.keys() == set()


async def test_e5_an_alias_is_the_request_of_the_same_name(server: Server, cast: Cast) -> None:
    position = {"x": 1, "y": 2, "z": 3}
    async with await Client.connect(server, cast.bob) as bob:
        created = await bob.ask("SESSION_CREATED", {"title": "t", "activeSpace": "s"})
        assert created["type"] == "SESSION_CREATED"
        session = {"sessionId": created["payload"]["sessionId"]}
        assert (await bob.ask("SESSION_JOINED", session))["type"] == "SESSION_JOINED"
        note = session | {"position": position, "content": "c", "contentType": "text"}
        noted = await bob.ask("ANNOTATION_CREATED", note)
        assert noted["type"] == "ANNOTATION_CREATED"
        one = {"annotationId": noted["payload"]["annotationId"]}
        changed = await bob.ask("ANNOTATION_UPDATED", one | {"content": "new"})
        assert (changed["type"], changed["payload"]["content"]) == ("ANNOTATION_UPDATED", "new")
        assert (await bob.ask("ANNOTATION_DELETED", one))["type"] == "ANNOTATION_DELETED"
        assert (await bob.ask("SESSION_LEFT", session))["type"] == "SESSION_LEFT"


async def test_e5_an_alias_is_refused_as_the_request_would_be(
    server: Server, manager: Person
) -> None:
    async with await Client.connect(server, manager) as bob:
        for alias, request in ALIASES.items():
            answers = [await bob.ask(name, {"sessionId": 5}) for name in (alias, request)]
            assert refused(answers[0]) == refused(answers[1])
            await bob.settle()


# ------------------------------------------------------------------ E6: codes


def test_e6_the_codes_are_those_of_the_document_and_not_found() -> None:
    assert error_codes() == {
        "INVALID_MESSAGE_FORMAT", "AUTHENTICATION_REQUIRED", "INVALID_TOKEN", "TOKEN_EXPIRED",
        "UNAUTHORIZED", "INVALID_CHANNEL", "SUBSCRIPTION_FAILED", "SESSION_NOT_FOUND",
        "SESSION_FULL", "RATE_LIMIT_EXCEEDED", "INTERNAL_SERVER_ERROR", "NOT_FOUND",
    }  # fmt: skip


async def test_e6_a_foreign_kpi_and_one_that_does_not_exist_answer_the_same(
    server: Server, cast: Cast
) -> None:
    nothing = "00000000-0000-0000-0000-000000000000"
    strange = [str(cast.home.revenue.pk), nothing, "123", "kpi-123", str(cast.charlie.id)]
    async with await Client.connect(server, cast.charlie) as charlie:
        for kpi_id in strange:
            answer = await charlie.ask("KPI_UPDATE", {"kpiId": kpi_id, "value": 1})
            assert error_of(answer) == ("UNAUTHORIZED", {"kpiId": kpi_id})
            assert answer["payload"]["message"] == "You may not do this, or it does not exist."
