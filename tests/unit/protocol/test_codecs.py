"""JSON, MessagePack and exact numbers (W3, E4, B1): whatever comes in, one kind of refusal."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sync.protocol.codecs import (
    LIGHT_BYTES,
    exact_number,
    from_json,
    from_msgpack,
    json_to_msgpack,
    to_json,
    wire_number,
)
from sync.protocol.envelope import Envelope, decode_json, decode_msgpack
from sync.protocol.errors import InvalidMessage

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner), max_leaves=20
)


def outcome(read: Any, frame: bytes) -> Any:
    """Return what was read, or the refusal; anything else that is raised fails the test."""
    try:
        return read(frame)
    except InvalidMessage as error:
        return error


# ------------------------------------------------------------------ both kinds of frames


@given(VALUES)
def test_w3_json_and_messagepack_of_a_value_are_read_alike(value: Any) -> None:
    read = from_json(json.dumps(value).encode())
    assert from_msgpack(msgspec.msgpack.encode(value)) == read
    if not isinstance(value, float):
        assert same(read, value)


def same(read: Any, value: Any) -> bool:
    """As sent: floats come as the decimals that their digits say."""
    if isinstance(value, float):
        return bool(read == Decimal(repr(value)))
    if isinstance(value, list):
        return len(read) == len(value) and all(map(same, read, value))
    if isinstance(value, dict):
        return read.keys() == value.keys() and all(same(read[k], value[k]) for k in value)
    return type(read) is type(value) and bool(read == value)


@given(st.dictionaries(TEXT, VALUES, max_size=3))
def test_w3_what_goes_out_in_messagepack_says_what_the_json_says(value: dict[str, Any]) -> None:
    text = to_json(value)
    assert msgspec.msgpack.decode(json_to_msgpack(text)) == json.loads(text)


@given(st.binary(max_size=200))
@example(b"\xff")
@example(b'{"a": 1e99999999999999999999}')
@example(b"[" * 100_000)
@example(b"\x91" * 100_000)
@example(b"\xd7\xff" + b"\xff" * 8)
@example(b"\xc7\x0c\xff" + b"\xff" * 12)
def test_e4_whatever_bytes_come_are_read_or_refused(frame: bytes) -> None:
    for read in (decode_json, decode_msgpack):
        assert isinstance(outcome(read, frame), Envelope | InvalidMessage)


@given(VALUES)
def test_e4_whatever_value_comes_is_a_message_or_refused(value: Any) -> None:
    for read, frame in (
        (decode_json, json.dumps(value).encode()),
        (decode_msgpack, msgspec.msgpack.encode(value)),
    ):
        assert isinstance(outcome(read, frame), Envelope | InvalidMessage)


ENVELOPES = st.fixed_dictionaries(
    {"type": st.just("PING") | SCALARS},
    optional={
        "payload": st.dictionaries(TEXT, SCALARS) | VALUES,
        "requestId": TEXT | SCALARS,
        "timestamp": st.just("2025-01-20T10:30:00Z") | SCALARS,
        "version": st.sampled_from(["1", "1.0", "2.0"]) | SCALARS,
    },
)


@given(ENVELOPES)
def test_e4_both_kinds_of_frames_are_refused_for_the_same_field(message: dict[str, Any]) -> None:
    plain = outcome(decode_json, json.dumps(message).encode())
    packed = outcome(decode_msgpack, msgspec.msgpack.encode(message))
    if isinstance(plain, InvalidMessage):
        assert isinstance(packed, InvalidMessage)
        assert packed.details == plain.details
        assert set(plain.details) == {"field", "reason"}
    else:
        assert packed == plain


BLANKS = b" " * (LIGHT_BYTES + 1)


def read_twice(frame: bytes) -> tuple[Any, Any]:
    """Return what a small message is read as, and the same one grown large by blanks."""
    small, large = outcome(decode_json, frame), outcome(decode_json, BLANKS + frame)
    if isinstance(small, InvalidMessage):
        assert isinstance(large, InvalidMessage)
        return small.details["field"], large.details["field"]
    return small, large


@given(ENVELOPES, st.dictionaries(st.sampled_from(["x", "Type", "request_id"]), VALUES))
@example({"type": "PING", "timestamp": "2025-01-20T10:30:00.1234567Z"}, {})
@example({"type": "PING", "timestamp": "2025-01-20T10:30:00"}, {})
@example({"type": "T" * 65}, {})
@example({"type": "PING", "requestId": ""}, {})
@example({"type": "PING", "payload": {"a": 0.1}}, {"x": "\ud800"})
@example({"type": "PING"}, {"x": "\0"})
def test_e4_a_small_message_is_read_as_a_large_one_is(
    message: dict[str, Any], more: dict[str, Any]
) -> None:
    for each in (message, message | more, more | message):
        small, large = read_twice(json.dumps(each).encode())
        assert small == large


@pytest.mark.parametrize(
    "frame",
    [
        b'{"type":"PING","type":1}',
        b'{"type":1,"type":"PING"}',
        b'{"t\\u0079pe":"PING"}',
        b'{"type":"PING","payload":{"a":1e99999999999999999999}}',
        b'{"type":"PING","x":1e99999999999999999999}',
        b'{"type":"PING","x":"\xff"}',
        b'{"type":"P\xff"}',
        b'{"type":"PING"} x',
        b'{"type":"PONG","requestId":1}',
        b'{"type":"PING","payload":' + b'{"a":' * 31 + b"1" + b"}" * 32,
        b'{"type":"PING","payload":' + b'{"a":' * 32 + b"1" + b"}" * 33,
    ],
)
def test_e4_so_is_one_that_no_library_would_write(frame: bytes) -> None:
    assert len(frame) <= LIGHT_BYTES
    small, large = read_twice(frame)
    assert small == large


@given(TEXT)
def test_e4_a_nul_is_found_wherever_it_is_and_nothing_else_is_taken_for_one(text: str) -> None:
    for value in (text, {text: 1}, [[text]]):
        from_json(json.dumps(value).encode())
        from_json(json.dumps(value, ensure_ascii=False).encode())
        from_msgpack(msgspec.msgpack.encode(value))
    for value in (text + "\0", {"\0" + text: 1}, [[text + "\0" + text]]):
        for read, frame in (
            (from_json, json.dumps(value).encode()),
            (from_json, json.dumps(value, ensure_ascii=False).encode()),
            (from_msgpack, msgspec.msgpack.encode(value)),
        ):
            with pytest.raises(InvalidMessage):
                read(frame)


@given(st.integers(1, 64), st.booleans())
def test_e4_32_levels_and_no_more(depth: int, objects: bool) -> None:
    value: Any = 1
    for _ in range(depth):
        value = {"a": value} if objects else [value]
    for read, frame in (
        (from_json, json.dumps(value).encode()),
        (from_msgpack, msgspec.msgpack.encode(value)),
    ):
        assert isinstance(outcome(read, frame), InvalidMessage) == (depth > 32)


@given(TEXT)
def test_e4_brackets_in_a_string_are_no_levels(text: str) -> None:
    value = {"a": text + '[{"' * 20 + text, text + "[" * 40: "\\"}
    assert from_json(json.dumps(value).encode()) == value


# ------------------------------------------------------------------ B1: numbers


@given(st.decimals(allow_nan=False, allow_infinity=False))
@example(Decimal("1e99999999"))
@example(Decimal("-1e-99999999"))
@example(Decimal("999999999999999.5"))
@example(Decimal("0.00001"))
@example(Decimal("1e-999999999999999999"))
def test_b1_a_number_is_kept_exactly_or_refused(value: Decimal) -> None:
    try:
        kept = exact_number(value)
    except ValueError:
        assert not allowed(value)
    else:
        assert allowed(value)
        assert kept == value


def allowed(value: Decimal) -> bool:
    """Decision B1, said in another way: by the digits as text."""
    sign_less = f"{value.copy_abs():f}" if value.adjusted() < 100 < value.adjusted() + 200 else ""
    if value == 0:
        return True
    if not sign_less:
        return False
    whole, _, decimals = sign_less.partition(".")
    whole, decimals = whole.lstrip("0"), decimals.rstrip("0")
    if not decimals:
        return len(whole) <= 15
    significant = (whole + decimals).lstrip("0")
    return len(whole) <= 15 and len(decimals) <= 4 and len(significant) <= 15


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("0.1", "0.1"),
        ("99999999999.9999", "99999999999.9999"),
        ("999999999999999", "999999999999999"),
        ("1000000000000000", None),
        ("-999999999999999", "-999999999999999"),
        ("-1000000000000000", None),
        ("999999999999.9999", None),  # 16 digits
        ("100000000000.0001", None),
        ("10000000000.0001", "10000000000.0001"),
        ("0.0001", "0.0001"),
        ("0.00001", None),
        ("1.00000000000000000", "1"),
        ("1e14", "100000000000000"),
        ("1e15", None),
        ("12e-4", "0.0012"),
        ("-0.0", "0"),
        ("0e999999", "0"),
    ],
)
def test_b1_15_digits_and_4_decimals_and_not_one_more(text: str, kept: str | None) -> None:
    value = from_json(text.encode())
    if kept is None:
        with pytest.raises(ValueError, match="Expected"):
            exact_number(value)
    else:
        assert exact_number(value) == Decimal(kept)


@given(st.integers(-(10**15) + 1, 10**15 - 1), st.integers(0, 4))
def test_b1_on_the_wire_it_is_a_number_of_the_same_digits(digits: int, decimals: int) -> None:
    value = Decimal(digits).scaleb(-decimals)
    sent = wire_number(exact_number(value))
    assert Decimal(to_json(sent).decode()) == value
    assert exact_number(from_json(json.dumps(sent).encode())) == value
    assert exact_number(from_msgpack(msgspec.msgpack.encode(sent))) == value


@pytest.mark.parametrize("value", [True, False, None, "1", [1], {"a": 1}])
def test_b1_what_is_no_number_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="Expected a number"):
        exact_number(value)
