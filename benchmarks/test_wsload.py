"""The load client must not call a run valid that was not."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks import load, machine
from benchmarks.fake_server import ENTITIES, Deliver, event_messages, fake_server, frame
from tests.support.services import die_with_parent

# What the machine does meanwhile is tried by itself, below.
UNDISTURBED = {"max-client-percent": 1e6, "max-wait-percent": 1e6}
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
        return load.run(target, tmp_path, UNDISTURBED | FANOUT | (options or {}))


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


def faulty(event_with_fault: int, fault: Deliver, *, subscriber_with_fault: int = 7) -> Deliver:
    def deliver(subscriber: int, event: int, messages: list[bytes]) -> list[bytes]:
        return (
            fault(subscriber, event, messages)
            if subscriber == subscriber_with_fault and event == event_with_fault
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


def test_cursors_stay_in_their_room(tmp_path: Path) -> None:
    rooms = CURSOR | {"connections": 12, "room-size": 4}
    result = run(tmp_path, options=rooms)
    assert result["valid"], result
    assert result["received"] == result["expected"] >= 12 * 3 * 5

    def from_another_room(participant: int, number: int, messages: list[bytes]) -> list[bytes]:
        cursor = json.loads(messages[0])
        cursor["payload"]["position"]["y"] = (cursor["payload"]["position"]["y"] + 4) % 12
        return [json.dumps(cursor).encode()]

    result = run(tmp_path, faulty(2, from_another_room, subscriber_with_fault=3), options=rooms)
    assert not result["valid"]
    assert result["errors"] > 0


POINTERS = {"mode": "pointers", "connections": 10, "outstanding": 4}


def test_pointers_wait_for_each_other(tmp_path: Path) -> None:
    result = run(tmp_path, options=POINTERS)
    assert result["valid"], result
    assert result["received"] == result["expected"] >= 10 * 9 * 5
    assert result["deliveries_per_s"] > 0


def test_a_pointer_that_never_comes_is_found(tmp_path: Path) -> None:
    result = run(tmp_path, faulty(2, lambda *_: []), options=POINTERS)
    assert not result["valid"]
    assert result["lost"] >= 1


JOIN = {"mode": "join", "connections": 12, "room-size": 4, "parallel": 5}


def test_everybody_knows_of_everybody_who_joined(tmp_path: Path) -> None:
    result = run(tmp_path, options=JOIN)
    assert result["valid"], result
    assert result["received"] == result["expected"] == 12 * 4
    assert result["events_per_s"] > 0


def test_a_joiner_of_whom_somebody_is_not_told_is_found(tmp_path: Path) -> None:
    deliver = faulty(2, lambda *_: [], subscriber_with_fault=1)
    result = run(tmp_path, deliver, options=JOIN)
    assert not result["valid"]
    assert result["lost"] == 3  # one in each room


def test_a_joiner_who_is_told_twice_is_found(tmp_path: Path) -> None:
    deliver = faulty(2, lambda _, __, messages: messages * 2, subscriber_with_fault=1)
    result = run(tmp_path, deliver, options=JOIN)
    assert not result["valid"]
    assert result["duplicates"] == 3


RESUME = {"mode": "resume", "events": 50, "bystanders": 3, "bystander-rate": 200}
SNAPSHOT = {"mode": "snapshot", "entities": ENTITIES, "bystanders": 3}


@pytest.mark.parametrize(("options", "each"), [(RESUME, 50), (SNAPSHOT, ENTITIES)])
def test_an_honest_replay_is_valid(tmp_path: Path, options: dict[str, Any], each: int) -> None:
    result = run(tmp_path, options=options)
    assert result["valid"], result
    assert result["received"] == result["expected"] == 20 * each
    assert result["bystander_pings"] > 0
    assert result["bystander_p99_ms"] is not None


@pytest.mark.parametrize("options", [RESUME, SNAPSHOT])
@pytest.mark.parametrize(("times", "fault"), [(0, "lost"), (2, "duplicates")])
def test_a_replay_that_lacks_or_repeats_something_is_found(
    tmp_path: Path, options: dict[str, Any], times: int, fault: str
) -> None:
    result = run(tmp_path, faulty(10, lambda *given: given[2] * times), options=options)
    assert not result["valid"]
    assert result[fault] == 1


def test_a_resume_in_the_wrong_order_is_found(tmp_path: Path) -> None:
    held: list[bytes] = []

    def swap(asker: int, event: int, messages: list[bytes]) -> list[bytes]:
        if asker != 7 or event not in (10, 11):
            return messages
        held.extend(messages)
        return held[::-1] if event == 11 else []

    result = run(tmp_path, swap, options=RESUME)
    assert not result["valid"]
    assert result["misordered"] > 0


def test_idle_connections_are_counted_and_the_others_asked(tmp_path: Path) -> None:
    result = run(tmp_path, options={"mode": "idle", "bystanders": 2, "bystander-rate": 100})
    assert result["valid"], result
    assert 20 <= result["bystander_pings"] <= 60
    assert result["bystander_max_ms"] >= result["bystander_p50_ms"]


@pytest.mark.parametrize("mode", ["fanout", "ping", "connect", "pointers"])
def test_socketio_is_spoken(tmp_path: Path, mode: str) -> None:
    result = run(tmp_path, dialect="socketio", options={"mode": mode})
    assert result["valid"], result
    assert result["received"] == result["expected"] >= 10


def test_a_server_that_passes_on_is_checked_alike(tmp_path: Path) -> None:
    result = run(tmp_path, dialect="raw")
    assert result["valid"], result
    assert result["received"] == result["expected"] > 100
    result = run(tmp_path, faulty(10, lambda *_: []), dialect="raw")
    assert result["lost"] == 1


def test_a_client_that_was_the_limit_is_rejected(tmp_path: Path) -> None:
    busy = run(tmp_path)
    percent = busy["client_cpu_percent"] + busy["client_wait_percent"]
    assert percent > 0
    result = run(tmp_path, options={"max-client-percent": percent / 10})
    assert not result["valid"]
    assert result["disturbed"]
    assert "the client was the limit" in result["reason"]


def test_a_server_that_did_not_get_its_core_is_rejected(tmp_path: Path) -> None:
    """Another process runs on the server's core for all of the time."""
    before = os.sched_getaffinity(0)
    core, _ = machine.cores()
    os.sched_setaffinity(0, {core})
    hog = subprocess.Popen([sys.executable, "-c", "while True: pass"], preexec_fn=die_with_parent)
    try:
        result = run(tmp_path, options={"max-wait-percent": 10})
        assert not result["valid"]
        assert result["disturbed"]
        assert "the server did not get its core" in result["reason"]
        share = result["server_waited_percent"]
        assert share > 10
        assert result["lost"] == result["duplicates"] == result["errors"] == 0
    finally:
        hog.kill()
        hog.wait()
        os.sched_setaffinity(0, before)


def test_what_threads_of_the_server_wait_for_each_other_is_no_disturbance(tmp_path: Path) -> None:
    """Others had nothing of a core that is not there: the wait counts only as far as they had."""
    with fake_server() as target:
        nowhere = {"server-core": 1000, "max-wait-percent": 0.1}
        result = load.run(target, tmp_path, UNDISTURBED | FANOUT | nowhere)
    assert result["valid"], result
    assert result["server_waited_percent"] == 0
