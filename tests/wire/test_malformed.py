"""A malformed message gets an error and changes nothing (decision E4), ten times at most (W6)."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from kpis.models import Kpi
from sync.protocol.close_codes import CloseCode
from tests.support.cast import Cast, Person, Tenant
from tests.support.client import Client, error_of, refused
from tests.support.server import Server

EXT_NOW = msgspec.msgpack.encode(datetime.now(UTC))


def nested(depth: int) -> Any:
    """A value of so many levels."""
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


# ------------------------------------------------------------------ E4: one error, the socket open

FIELDS: list[tuple[str, Any, str]] = [
    ("AUTH", {}, "payload.token"),
    ("AUTH", {"token": 5}, "payload.token"),
    ("SUBSCRIBE", {}, "payload.channels"),
    ("SUBSCRIBE", {"channels": "organization:1"}, "payload.channels"),
    ("SUBSCRIBE", {"channels": []}, "payload.channels"),
    ("SUBSCRIBE", {"channels": []}, "payload.channels"),
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
    assert [error_of(message)[0] for message in before] == ["INVALID_MESSAGE_FORMAT"] * 11
    assert before[-1]["payload"]["details"] == {"closeCode": 4400}


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
