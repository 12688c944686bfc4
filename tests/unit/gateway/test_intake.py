"""The budgets of a connection and an address, by a clock of our own (s1, s8, w1)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.conf import sync_settings
from sync.gateway.intake import (
    BURST_SECONDS,
    BYTES_FACTOR,
    FIRST_FRAMES,
    HANDSHAKE,
    SIGNING_IN,
    Gate,
    Intake,
    Slot,
    TurnedAway,
    block_of,
)
from sync.protocol.errors import RateLimitExceeded
from sync.protocol.limits import Bucket

LIMITS = sync_settings()
RATE = int(LIMITS.frames_per_second)


@given(
    st.lists(st.tuples(st.floats(0, 3), st.integers(1, 9)), max_size=60),
    st.integers(9, 20),
    st.integers(1, 5),
)
def test_w1_a_bucket_gives_what_it_holds_and_what_has_come_since_and_no_more(
    takes: list[tuple[float, int]], holds: int, per_second: int
) -> None:
    bucket, now, given_, first = Bucket(holds, per_second=per_second), 50.0, 0, None
    for pause, much in takes:
        now += pause
        first = now if first is None else first
        wait = bucket.take(much, now)
        if wait == 0:
            given_ += much
        else:
            now += wait + 1e-9
            assert bucket.take(much, now) == 0
            given_ += much
        assert given_ <= holds + per_second * (now - first) + 1e-6


def test_w1_ten_seconds_worth_of_frames_come_at_once_and_one_more_does_not() -> None:
    intake = Intake()
    assert intake.pay(RATE * BURST_SECONDS, 100.0)
    assert not intake.pay(1, 100.0)
    assert not intake.pay(RATE + 1, 101.0)
    assert intake.pay(RATE, 101.0)


def test_w1_a_participant_who_points_and_sends_in_bursts_is_never_over_it() -> None:
    intake = Intake()
    for second in range(600):
        # 60 cursors and a heartbeat; each minute the hundred messages of L1 at once.
        assert intake.pay(61 + (100 if second % 60 == 0 else 0), float(second))


def test_s1_a_minutes_bytes_are_served_and_one_more_is_told_when() -> None:
    intake = Intake()
    limit = LIMITS.bytes_per_minute
    intake.take_bytes(limit - 1, 5.0)
    intake.take_bytes(1, 5.0)
    with pytest.raises(RateLimitExceeded) as refused:
        intake.take_bytes(LIMITS.max_message_bytes, 5.0)
    told = refused.value.details
    assert told == {"limit": limit, "window": "60s", "retryAfter": 8, "scope": "bytes"}
    intake.take_bytes(LIMITS.max_message_bytes, 5.0 + 8)


def test_s1_three_times_the_bytes_are_counted_and_one_more_is_too_many() -> None:
    intake = Intake()
    most = LIMITS.bytes_per_minute * BYTES_FACTOR
    assert not intake.flooded_with_bytes(most, 5.0)
    assert intake.flooded_with_bytes(1, 5.0)


def test_s1_before_auth_messages_are_small() -> None:
    intake = Intake()
    assert intake.max_message_bytes == LIMITS.max_unauthenticated_bytes == 16_384
    intake.signed_in()
    assert intake.max_message_bytes == LIMITS.max_message_bytes == 2**20


# ------------------------------------------------------------------ s8: who has not signed in


def enter(gate: Gate, host: str | None = "192.0.2.1", now: float = 1000.0) -> Slot:
    slot = gate.enter(host, now)
    assert isinstance(slot, Slot), slot
    return slot


def test_s8_50_of_an_address_may_wait_and_the_51st_may_not() -> None:
    gate = Gate()
    slots = [enter(gate) for _ in range(LIMITS.unauthenticated_per_address)]
    assert gate.enter("192.0.2.1", 1000.0) == TurnedAway(429, 10)
    enter(gate, "192.0.2.2")
    slots.pop().leave()
    enter(gate)
    assert isinstance(gate.enter("192.0.2.1", 1000.0), TurnedAway)


def test_s8_1000_of_a_process_may_wait_and_one_more_may_not() -> None:
    gate = Gate()
    slots = [enter(gate, f"192.0.2.{n // 4}") for n in range(LIMITS.unauthenticated_per_process)]
    assert gate.enter("198.51.100.1", 1000.0) == TurnedAway(503, 10)
    slots.pop().leave()
    enter(gate, "198.51.100.1")


def test_s8_whoever_signs_in_or_goes_makes_room_once() -> None:
    gate = Gate()
    for end in (Intake.signed_in, Intake.leave):
        intake = Intake()
        intake.slot = enter(gate)
        assert gate.waiting == 1
        end(intake)
        intake.leave()
        assert gate.waiting == 0


def test_s8_an_address_shakes_hands_so_often_and_no_more() -> None:
    gate = Gate()
    at_once = int(LIMITS.handshakes_per_second * BURST_SECONDS)
    for _ in range(at_once):
        enter(gate).leave()
    turned = gate.enter("192.0.2.1", 1000.0)
    assert turned == TurnedAway(429, 1)
    enter(gate, now=1001.0).leave()


def test_w1_frames_before_auth_are_paid_by_all_connections_of_the_address() -> None:
    gate = Gate()
    left = LIMITS.handshakes_per_second * BURST_SECONDS * HANDSHAKE
    paid, intakes = 0, []
    for _ in range(10):
        intake = Intake()
        intake.slot = enter(gate)
        intakes.append(intake)
        paid += HANDSHAKE
    signed_in = intakes.pop()
    signed_in.signed_in()
    for intake in intakes:
        share = min(RATE * BURST_SECONDS, int(left - paid) + FIRST_FRAMES)
        assert intake.pay(share, 1000.0)
        paid += share - FIRST_FRAMES
    assert paid == left
    assert not intakes[-1].pay(1, 1000.0)
    assert signed_in.pay(1, 1000.0)


def test_s8_who_was_let_in_signs_in_although_the_others_have_used_up_what_the_address_has() -> None:
    gate = Gate()
    intakes: list[Intake] = []
    for _ in range(int(LIMITS.handshakes_per_second) * BURST_SECONDS):
        intake = Intake()
        intake.slot = enter(gate)
        intakes = [*intakes[-9:], intake]
        if len(intakes) == 10:
            intakes[0].leave()
    assert isinstance(gate.enter("192.0.2.1", 1000.0), TurnedAway)
    for intake in intakes[1:]:
        assert intake.pay(1, 1000.0)
        assert intake.pay(SIGNING_IN, 1000.0)
    assert intakes[-1].pay(FIRST_FRAMES - SIGNING_IN - 1, 1000.0)
    assert not intakes[-1].pay(1, 1000.0)


def test_s8_addresses_that_have_gone_are_forgotten() -> None:
    gate = Gate()
    for n in range(100):
        enter(gate, f"192.0.2.{n}").leave()
    for n in range(100):
        enter(gate, "198.51.100.1", 2000.0 + n).leave()
    assert list(gate._addresses) == ["198.51.100.1"]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("::1", "::1", True),
        ("no address", "another", True),
    ],
)
def test_s8_an_ipv6_customer_is_a_64(one: str, other: str, same: bool) -> None:
    assert (block_of(one) == block_of(other)) == same
    assert block_of(None) == ""
