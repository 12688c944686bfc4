"""The envelope, refusals and error codes (E1 to E6): whatever comes in is answered."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from bos.models import Role
from kpis.models import Kpi
from sync.closes import CloseCode
from sync.errors import ErrorCode
from sync.registry import ALIASES, events, requests
from tests.cast import Cast, Person, Tenant, make_person, make_tenant
from tests.client import Client, Message, error_of
from tests.server import Server

WIRE_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\Z")
EXT_NOW = msgspec.msgpack.encode(datetime.now(UTC))


@pytest.fixture(scope="module")
def home(database: None) -> Tenant:
    """Shared by the tests that need nobody else in it."""
    return make_tenant("Home")


@pytest.fixture
def manager(home: Tenant) -> Person:
    """Somebody for each test, with message limits of his own."""
    return make_person(home.organization, "manager", Role.MANAGER, None)


DOCUMENTED = """
AUTH AUTH_SUCCESS AUTH_FAILED TOKEN_EXPIRED PING PONG SUBSCRIBE UNSUBSCRIBE
SUBSCRIBED UNSUBSCRIBED SYNC_START SYNC_UPDATE SYNC_DELETE SYNC_COMPLETE SYNC_ERROR
SYNC_REQUEST KPI_UPDATE KPI_UPDATED DEPARTMENT_UPDATED EMPLOYEE_UPDATED REPORT_GENERATED
SESSION_CREATE SESSION_CREATED SESSION_JOIN SESSION_JOINED SESSION_LEAVE SESSION_LEFT SESSION_ENDED
PARTICIPANT_UPDATE ANNOTATION_CREATE ANNOTATION_CREATED ANNOTATION_UPDATE ANNOTATION_UPDATED
ANNOTATION_DELETE ANNOTATION_DELETED CURSOR_MOVE ANOMALY_DETECTED RECOMMENDATION
PREDICTION_READY NOTIFICATION ALERT ERROR RATE_LIMIT
"""


def refused(message: Message) -> tuple[str, str]:
    """The field and the reason of an E4."""
    code, details = error_of(message)
    assert code == "INVALID_MESSAGE_FORMAT", message
    assert details["reason"]
    return details["field"], details["reason"]


def nested(depth: int) -> Any:
    """A value of so many levels."""
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


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
        ("payload", None),
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


# ------------------------------------------------------------------ E4: refusals

FIELDS: list[tuple[str, Any, str]] = [
    ("AUTH", {}, "payload.token"),
    ("AUTH", {"token": 5}, "payload.token"),
    ("SUBSCRIBE", {}, "payload.channels"),
    ("SUBSCRIBE", {"channels": "organization:1"}, "payload.channels"),
    ("SUBSCRIBE", {"channels": []}, "payload.channels"),
    ("SUBSCRIBE", {"channels": ["kpi:1"] * 101}, "payload.channels"),
    ("SUBSCRIBE", {"channels": [5]}, "payload.channels[0]"),
    ("UNSUBSCRIBE", {"channels": None}, "payload.channels"),
    ("SYNC_REQUEST", {"channels": []}, "payload.channels"),
    ("SYNC_REQUEST", {"channels": ["kpi:1"], "lastSequence": 1.5}, "payload.lastSequence"),
    ("KPI_UPDATE", {"value": 1}, "payload.kpiId"),
    ("KPI_UPDATE", {"kpiId": "", "value": 1}, "payload.kpiId"),
    ("KPI_UPDATE", {"kpiId": "x" * 65, "value": 1}, "payload.kpiId"),
    ("KPI_UPDATE", {"kpiId": "{kpi}"}, "payload.value"),
    ("KPI_UPDATE", {"kpiId": "{kpi}", "value": "1"}, "payload.value"),
    ("KPI_UPDATE", {"kpiId": "{kpi}", "value": None}, "payload.value"),
    ("KPI_UPDATE", {"kpiId": "{kpi}", "value": True}, "payload.value"),
    ("KPI_UPDATE", {"kpiId": "{kpi}", "value": [1]}, "payload.value"),
    ("KPI_UPDATE", {"kpiId": "{kpi}", "value": 10**15}, "payload.value"),
    ("KPI_UPDATE", {"kpiId": "{kpi}", "value": -1e300}, "payload.value"),
    ("KPI_UPDATE", {"kpiId": "{kpi}", "value": 0.00001}, "payload.value"),
    ("KPI_UPDATE", {"kpiId": "{kpi}", "value": 2**64 - 1}, "payload.value"),
    ("SESSION_CREATE", {"title": "", "activeSpace": "s"}, "payload.title"),
    ("SESSION_CREATE", {"title": "x" * 201, "activeSpace": "s"}, "payload.title"),
    ("SESSION_CREATE", {"title": "t"}, "payload.activeSpace"),
    ("SESSION_JOIN", {}, "payload.sessionId"),
    ("ANNOTATION_CREATE", {"sessionId": "s", "content": "c", "contentType": "text"},
     "payload.position"),
    ("ANNOTATION_CREATE", {"sessionId": "s", "position": {"x": 1, "y": 2}, "content": "c",
     "contentType": "text"}, "payload.position.z"),
    ("CURSOR_MOVE", {"sessionId": "s", "position": {"x": "1", "y": 2, "z": 3}},
     "payload.position.x"),
]  # fmt: skip


@pytest.mark.parametrize(("type_", "payload", "field"), FIELDS, ids=str)
@pytest.mark.parametrize("speech", ["text", "msgpack"])
async def test_e4_a_missing_or_wrong_field_of_the_payload_is_named_and_changes_nothing(
    server: Server,
    home: Tenant,
    manager: Person,
    speech: str,
    type_: str,
    payload: dict[str, Any],
    field: str,
) -> None:
    if payload.get("kpiId") == "{kpi}":
        payload = payload | {"kpiId": str(home.revenue.pk)}
    async with await Client.connect(server, manager, speech=speech) as mia:
        # Not the organization: it tells of the people whom the tests before this one added.
        await mia.subscribe(f"kpi:{home.revenue.pk}", f"kpi:{home.margin.pk}")
        answer = await mia.ask(type_, payload)
        assert refused(answer)[0] == field
        assert await mia.settle() == []
    assert Kpi.objects.get(pk=home.revenue.pk).value != 1


KPI = "00000000-0000-0000-0000-000000000000"


def setting(value: str) -> str:
    """KPI_UPDATE with a value that json.dumps would not write."""
    return f'{{"type": "KPI_UPDATE", "payload": {{"kpiId": "{KPI}", "value": {value}}}}}'


GARBAGE: dict[str, str | bytes] = {
    "empty_text": "",
    "cut_off": '{"type": "PING"',
    "no_quotes": "{type: PING}",
    "trailing": '{"type": "PING"} {}',
    "array": "[]",
    "string": '"PING"',
    "number": "5",
    "null": "null",
    "nan": setting("NaN"),
    "infinity": setting("-Infinity"),
    "exponent": setting("1e999"),
    "exponent_8": setting("1e99999999"),
    "exponent_-8": setting("1e-9999999"),
    "exponent_20": setting("1e" + "9" * 20),
    "digits": setting("9" * 5000),
    "position_infinity": '{"type": "CURSOR_MOVE", "payload": {"sessionId": "s", "position": '
    '{"x": 1e999, "y": 0, "z": 0}}}',
    "nul": '{"type": "PING", "payload": {"a": "\\u0000"}}',
    "nul_in_a_key": '{"type": "PING", "payload": {"\\u0000": 1}}',
    "nul_behind_backslashes": '{"type": "PING", "payload": {"a": "\\\\\\u0000"}}',
    "high_surrogate": '{"type": "PING", "payload": {"a": "\\ud800"}}',
    "low_surrogate": '{"type": "PING", "payload": {"a": "\\udc00x"}}',
    "surrogate_in_a_key": '{"type": "PING", "payload": {"\\ud83d": 1}}',
    "too_deep": json.dumps({"type": "PING", "payload": {"a": nested(31)}}),
    "very_deep": '{"type": "PING", "a": ' + "[" * 100_000 + "]" * 100_000 + "}",
    "unclosed": "[" * 100_000,
    "unclosed_objects": '{"a":' * 100_000,
    "empty_binary": b"",
    "binary_not_utf8": b'{"type": "PING", "a": "\xff"}',
    "binary_surrogate": b'{"type": "PING", "a": "\xed\xa0\x80"}',
    "msgpack_cut_off": msgspec.msgpack.encode({"type": "PING"})[:-1],
    "msgpack_trailing": msgspec.msgpack.encode({"type": "PING"}) + b"\x00",
    "msgpack_array": msgspec.msgpack.encode([1]),
    "msgpack_text": b"PING",
    "msgpack_reserved": b"\xc1",
    "msgpack_nan": msgspec.msgpack.encode({"type": "PING", "a": float("nan")}),
    "msgpack_infinity": msgspec.msgpack.encode({"type": "PING", "a": [float("inf")]}),
    "msgpack_nul": msgspec.msgpack.encode({"type": "PING", "a": "\0"}),
    "msgpack_surrogate": b"\x82\xa4type\xa4PING\xa1a\xa3\xed\xa0\x80",
    "msgpack_bytes": msgspec.msgpack.encode({"type": "PING", "a": b"x"}),
    "msgpack_time": b"\x82\xa4type\xa4PING\xa1a" + EXT_NOW,
    "msgpack_extension": b"\x82\xa4type\xa4PING\xa1a\xd4\x05\x00",
    "msgpack_key_of_a_number": b"\x82\xa4type\xa4PING\x01\x02",
    "msgpack_key_of_an_array": b"\x82\xa4type\xa4PING\x91\x01\x02",
    "msgpack_key_of_a_map": b"\x82\xa4type\xa4PING\x81\x01\x02\x02",
    "msgpack_too_deep": msgspec.msgpack.encode({"type": "PING", "payload": {"a": nested(31)}}),
    "msgpack_very_deep": b"\x91" * 500_000,
    "msgpack_huge_array": b"\xdd\xff\xff\xff\xff",
    "msgpack_huge_map": b"\xdf\xff\xff\xff\xff",
    "msgpack_huge_text": b"\xdb\xff\xff\xff\xff",
}


@pytest.mark.parametrize("frame", GARBAGE.values(), ids=GARBAGE.keys())
async def test_e4_garbage_gets_an_error_and_the_connection_stays_open(
    server: Server, manager: Person, frame: str | bytes
) -> None:
    async with await Client.connect(server, manager) as mia:
        await mia.send_raw(frame)
        field, _ = refused(await mia.expect("ERROR"))
        assert isinstance(field, str)
        assert await mia.settle() == []


@pytest.mark.parametrize("speech", ["text", "msgpack"])
async def test_e4_32_levels_are_served_and_33_are_not(server: Server, speech: str) -> None:
    async with await Client.connect(server, speech=speech) as client:
        for depth, type_ in ((32, "PONG"), (33, "ERROR")):
            # The message and its payload are levels, too.
            await client.send_raw({"type": "PING", "payload": {"a": nested(depth - 2)}})
            await client.expect(type_)


async def test_e4_brackets_and_escapes_within_strings_are_not_levels_and_no_nul(
    server: Server,
) -> None:
    async with await Client.connect(server) as client:
        for text in ("[" * 1000, '"' + "{" * 1000, "\\" + "[" * 40, "\\u0000", "\\\\u0000"):
            assert (await client.ask("PING", {"a": text, text: 1}))["type"] == "PONG"


@pytest.mark.parametrize(
    "type_",
    ["PINGS", "KPI_UPDATE ", "kpi_update", "DEPARTMENT_DELETED", "X" * 65, "🎉", "__new__"],
)
async def test_e4_an_unknown_type_is_refused(server: Server, manager: Person, type_: str) -> None:
    async with await Client.connect(server, manager) as mia:
        assert refused(await mia.ask(type_, {}))[0] == "type"


@pytest.mark.parametrize("type_", sorted(events.keys() - requests.keys() - ALIASES.keys()))
async def test_e5_a_type_of_the_server_is_refused_from_a_client(
    server: Server, manager: Person, type_: str
) -> None:
    async with await Client.connect(server, manager) as mia:
        assert refused(await mia.ask(type_, {"message": "x"}))[0] == "type"


def test_e5_every_type_of_the_document_is_known() -> None:
    assert set(DOCUMENTED.split()) - requests.keys() - events.keys() == set()


async def test_e4_the_request_id_is_echoed_wherever_it_could_be_read(
    server: Server, manager: Person
) -> None:
    broken: list[dict[str, Any]] = [
        {"type": 5, "requestId": "r"},
        {"requestId": "r"},
        {"type": "PING", "payload": 5, "requestId": "r"},
        {"type": "NOTHING", "requestId": "r"},
        {"type": "SUBSCRIBE", "requestId": "r"},
    ]
    async with await Client.connect(server, manager) as client:
        for message in broken:
            await client.send_raw(message)
            assert (await client.expect("ERROR"))["requestId"] == "r"


def with_id(payload: str) -> str:
    """A message whose payload json.dumps would not write."""
    return f'{{"requestId": "r", "type": "PING", "payload": {payload}}}'


def packed(payload: Any) -> bytes:
    return msgspec.msgpack.encode({"type": "PING", "payload": payload, "requestId": "r"})


UNSPEAKABLE: dict[str, tuple[str | bytes, str]] = {
    "nul": (with_id('{"title": "x\\u0000"}'), "payload.title"),
    "nul_deeper": (with_id('{"a": [1, {"b": "\\u0000"}]}'), "payload.a[1].b"),
    "too_deep": (with_id('{"a": ' + "[" * 31 + "]" * 31 + "}"), "payload.a" + "[0]" * 30),
    "nan": (with_id('{"value": NaN}'), "payload.value"),
    "infinity": (with_id('{"value": -Infinity}'), "payload.value"),
    "surrogate": (with_id('{"title": "\\ud800"}'), "payload.title"),
    "digits": (with_id('{"value": ' + "9" * 5000 + "}"), "payload.value"),
    "exponent": (with_id('{"value": 1e99999999999999999999}'), "payload.value"),
    "msgpack_nul": (packed({"title": "x\0"}), "payload.title"),
    "msgpack_nan": (packed({"value": float("nan")}), "payload.value"),
    "msgpack_bytes": (packed({"value": b"x"}), "payload.value"),
    "msgpack_key": (packed({"value": {1: 2}}), "payload.value"),
    "msgpack_too_deep": (packed({"a": nested(31)}), "payload.a" + "[0]" * 30),
}


@pytest.mark.parametrize(("frame", "field"), UNSPEAKABLE.values(), ids=UNSPEAKABLE.keys())
async def test_e4_what_no_message_may_say_is_named_in_an_answer_to_the_request(
    server: Server, manager: Person, frame: str | bytes, field: str
) -> None:
    async with await Client.connect(server, manager) as client:
        await client.send_raw(frame)
        answer = await client.expect("ERROR")
    assert answer["requestId"] == "r"
    assert refused(answer)[0] == field


async def test_e4_a_request_id_that_cannot_be_sent_is_not_echoed(server: Server) -> None:
    async with await Client.connect(server) as client:
        for request_id in ("\\u0000", "\\ud800"):
            await client.send_raw(f'{{"type": "PING", "requestId": "{request_id}"}}')
            answer = await client.expect("ERROR")
            assert "requestId" not in answer
            assert refused(answer)[0] == "requestId"


# ------------------------------------------------------------------ W6: ten in a row


async def test_w6_ten_malformed_messages_in_a_row_close_with_4400(server: Server) -> None:
    async with await Client.connect(server) as client:
        for _ in range(10):
            await client.send_raw("{")
        code, before = await client.closed()
    assert code == CloseCode.MALFORMED
    assert [refused_code(message) for message in before] == ["INVALID_MESSAGE_FORMAT"] * 11
    assert before[-1]["payload"]["details"] == {"closeCode": 4400}


def refused_code(message: Message) -> str:
    return error_of(message)[0]


async def test_w6_of_whatever_kind_ten_malformed_messages_count(
    server: Server, manager: Person
) -> None:
    kinds: list[Any] = [
        "{", b"\xc1", "[]", {"type": "NOTHING"}, {"type": "PING", "payload": 1},
        {"type": "SUBSCRIBE", "payload": {}}, {"type": "ALERT"}, b"{", {}, "",
    ]  # fmt: skip
    async with await Client.connect(server, manager) as bob:
        for kind in kinds:
            await bob.send_raw(kind)
        code, before = await bob.closed()
    assert (code, len(before)) == (CloseCode.MALFORMED, 11)


async def test_w6_nine_malformed_messages_and_a_good_one_begin_anew(server: Server) -> None:
    async with await Client.connect(server) as client:
        for _ in range(3):
            for _ in range(9):
                await client.send_raw("{")
            assert len(await client.settle()) == 9


async def test_w6_a_refused_but_well_formed_message_is_not_malformed(
    server: Server, cast: Cast
) -> None:
    async with await Client.connect(server, cast.bob) as bob:
        for _ in range(2):
            for _ in range(9):
                await bob.send_raw("{")
            assert error_of(await bob.set_value(cast.home.revenue, 5))[0] == "UNAUTHORIZED"
        assert len(bob.seen()) == 18
        assert await bob.settle() == []


# ------------------------------------------------------------------ E5: aliases


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
    assert {str(code) for code in ErrorCode} == {
        "INVALID_MESSAGE_FORMAT", "AUTHENTICATION_REQUIRED", "INVALID_TOKEN", "TOKEN_EXPIRED",
        "UNAUTHORIZED", "INVALID_CHANNEL", "SUBSCRIPTION_FAILED", "SESSION_NOT_FOUND",
        "SESSION_FULL", "RATE_LIMIT_EXCEEDED", "INTERNAL_SERVER_ERROR", "NOT_FOUND",
    }  # fmt: skip


async def test_e6_a_foreign_kpi_and_one_that_does_not_exist_answer_the_same(
    server: Server, cast: Cast
) -> None:
    strange = [str(cast.home.revenue.pk), KPI, "123", "kpi-123", str(cast.charlie.id)]
    async with await Client.connect(server, cast.charlie) as charlie:
        for kpi_id in strange:
            answer = await charlie.ask("KPI_UPDATE", {"kpiId": kpi_id, "value": 1})
            assert error_of(answer) == ("UNAUTHORIZED", {"kpiId": kpi_id})
            assert answer["payload"]["message"] == "You may not do this, or it does not exist."
