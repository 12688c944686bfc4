"""The load client must not call a run valid that was not."""

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks import load
from benchmarks.fake_server import Deliver, event_messages, fake_server, frame

FANOUT = {"mode": "fanout", "connections": 20, "outstanding": 4, "seconds": 0.3, "warm": 0}


@pytest.fixture(scope="module", autouse=True)
def built() -> None:
    load.build()


def run(
    tmp_path: Path,
    deliver: Deliver | None = None,
    *,
    options: dict[str, Any] | None = None,
    **server: Any,
) -> dict[str, Any]:
    with fake_server(*([deliver] if deliver else []), **server) as target:
        return load.run(target, tmp_path, FANOUT | (options or {}))


def test_an_honest_fanout_is_valid(tmp_path: Path) -> None:
    result = run(tmp_path)
    assert result["valid"], result
    assert result["received"] == result["expected"] > 100
    assert result["p50_ms"] <= result["p99_ms"]


@pytest.mark.parametrize("publishers", [1, 4])
def test_several_publishers_have_their_own_order(tmp_path: Path, publishers: int) -> None:
    assert run(tmp_path, options={"publishers": publishers})["valid"]


@pytest.mark.parametrize("mode", ["rate", "ping", "update", "connect"])
def test_every_other_mode_is_valid_with_an_honest_server(tmp_path: Path, mode: str) -> None:
    result = run(tmp_path, options={"mode": mode})
    assert result["valid"], result
    assert result["received"] == result["expected"] >= 10


def test_frames_in_pieces_and_above_64_kilobytes_are_read(tmp_path: Path) -> None:
    assert len(frame(event_messages(1, 1, 70_000)[0])) > 65536
    assert run(tmp_path, padding=70_000, options={"connections": 3})["valid"]
    assert run(tmp_path, piece_bytes=7)["valid"]


def faulty(event_with_fault: int, fault: Deliver) -> Deliver:
    def deliver(subscriber: int, event: int, messages: list[bytes]) -> list[bytes]:
        return (
            fault(subscriber, event, messages)
            if subscriber == 7 and event == event_with_fault
            else messages
        )

    return deliver


def test_a_lost_event_is_found(tmp_path: Path) -> None:
    result = run(tmp_path, faulty(10, lambda subscriber, event, messages: []))
    assert not result["valid"]
    assert result["lost"] == 1


def test_one_lost_frame_of_two_is_a_lost_event(tmp_path: Path) -> None:
    result = run(tmp_path, faulty(10, lambda subscriber, event, messages: messages[:1]))
    assert not result["valid"]
    assert result["lost"] == 1


def test_a_repeated_frame_is_found(tmp_path: Path) -> None:
    result = run(tmp_path, faulty(10, lambda subscriber, event, messages: [*messages, messages[1]]))
    assert not result["valid"]
    assert result["duplicates"] == 1


def test_events_in_the_wrong_order_are_found(tmp_path: Path) -> None:
    held: list[bytes] = []

    def swap(subscriber: int, event: int, messages: list[bytes]) -> list[bytes]:
        if subscriber != 7 or event not in (10, 11):
            return messages
        if event == 11:
            return [*messages, *held]
        held.extend(messages)
        return []

    result = run(tmp_path, swap)
    assert not result["valid"]
    assert result["misordered"] > 0
    assert result["lost"] == 0


def test_two_sequences_for_one_event_are_found(tmp_path: Path) -> None:
    def other_sequence(subscriber: int, event: int, messages: list[bytes]) -> list[bytes]:
        changed = json.loads(messages[1])
        changed["payload"]["sequence"] += 1
        return [messages[0], json.dumps(changed).encode()]

    result = run(tmp_path, faulty(10, other_sequence))
    assert not result["valid"]
    assert "two sequences" in result["reason"]


def test_an_error_message_makes_a_run_invalid(tmp_path: Path) -> None:
    error = json.dumps({"type": "ERROR", "payload": {"code": "RATE_LIMIT_EXCEEDED"}}).encode()
    result = run(tmp_path, faulty(10, lambda subscriber, event, messages: [*messages, error]))
    assert not result["valid"]
    assert "RATE_LIMIT_EXCEEDED" in result["reason"]


CURSOR = {"mode": "cursor", "connections": 10, "rate": 20}


def test_a_room_that_sees_every_cursor_is_valid(tmp_path: Path) -> None:
    result = run(tmp_path, options=CURSOR | {"publishers": 1})
    assert result["valid"], result
    assert result["received"] == result["expected"] >= 10 * 9 * 5
    assert result["replaced"] == 0


def test_a_cursor_may_be_replaced_by_a_later_one(tmp_path: Path) -> None:
    result = run(tmp_path, faulty(2, lambda *_: []), options=CURSOR)
    assert result["valid"], result
    assert result["replaced"] == 9  # one of each of the others


def test_a_last_cursor_that_never_comes_is_found(tmp_path: Path) -> None:
    def from_the_third_on(participant: int, number: int, messages: list[bytes]) -> list[bytes]:
        return [] if participant == 7 and number > 2 else messages

    result = run(tmp_path, from_the_third_on, options=CURSOR)
    assert not result["valid"]
    assert result["lost"] > 0


def test_a_cursor_behind_a_later_one_is_found(tmp_path: Path) -> None:
    held: list[bytes] = []

    def late(participant: int, number: int, messages: list[bytes]) -> list[bytes]:
        if participant != 7:
            return messages
        if number == 2:
            held.extend(messages)
            return []
        return [*messages, *(held.pop() for _ in list(held))]

    result = run(tmp_path, late, options=CURSOR)
    assert not result["valid"]
    assert result["misordered"] > 0


def test_a_repeated_cursor_is_found(tmp_path: Path) -> None:
    result = run(
        tmp_path, faulty(2, lambda participant, number, messages: messages * 2), options=CURSOR
    )
    assert not result["valid"]
    assert result["duplicates"] > 0
