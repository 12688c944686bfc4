"""Sliding windows, and what one process knows of its users (L1, A4), by a clock of our own."""

from __future__ import annotations

from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.delivery.shared_state.memory import MemoryState
from sync.protocol.limits import EARLY, WINDOW, Rate, SlidingWindow, limit_figures


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_l1_the_limit_is_let_through_and_one_more_is_not() -> None:
    window = SlidingWindow(100)
    assert [window.hit(float(n) / 10) for n in range(100)] == [0.0] * 100
    assert window.hit(10) == 50.0
    assert window.hit(59.99) > 0
    assert window.hit(60) == 0.0
    assert window.hit(60) > 0


def test_l1_there_is_no_burst_of_twice_the_limit_at_a_windows_edge() -> None:
    window = SlidingWindow(10)
    assert [window.hit(59.9) for _ in range(10)] == [0.0] * 10
    # A counter that starts anew each minute would let all of these through.
    assert all(window.hit(60.1) > 0 for _ in range(10))
    assert window.hit(119.9) == 0.0


@given(
    limit=st.integers(1, 5),
    pauses=st.lists(st.integers(0, 40), min_size=1, max_size=60),
)
def test_l1_never_more_than_the_limit_within_any_window(limit: int, pauses: list[int]) -> None:
    window, now = SlidingWindow(limit), 0.0
    let_through: list[float] = []
    for pause in pauses:
        now += pause
        wait = window.hit(now)
        if wait == 0:
            let_through.append(now)
        assert 0 <= wait <= WINDOW
    for at in let_through:
        assert sum(at <= other < at + WINDOW for other in let_through) <= limit


@given(at=st.floats(0, 59.99), limit=st.integers(1, 3))
def test_l1_who_waits_as_long_as_he_is_told_is_let_through(at: float, limit: int) -> None:
    window = SlidingWindow(limit)
    for _ in range(limit):
        window.hit(0.0)
    wait = window.hit(at)
    figures = limit_figures(limit, wait, scope="user")
    assert window.hit(at + figures["retryAfter"]) == 0.0


def test_l1_a_refused_hit_does_not_put_off_the_next() -> None:
    window = SlidingWindow(1)
    window.hit(0)
    for n in range(1, 60):
        assert window.hit(n) == 60.0 - n
    assert window.hit(60) == 0


@pytest.mark.parametrize(("wait", "told"), [(0.01, 1), (1, 1), (1.01, 2), (59.5, 60), (60, 60)])
def test_l1_retry_after_is_in_whole_seconds_rounded_up(wait: float, told: int) -> None:
    figures = limit_figures(100, wait, scope="user")
    assert figures == {"limit": 100, "window": "60s", "retryAfter": told, "scope": "user"}


async def test_l1_who_reconnects_has_what_he_had_sent_until_it_is_a_minute_old() -> None:
    clock = Clock()
    state = MemoryState(clock)
    for n in range(3):
        assert await state.take_slot("bob", f"c{n}", 10)
        assert await state.hit("bob", 3, WINDOW) == 0
        await state.free_slot("bob", f"c{n}")
    assert await state.hit("bob", 3, WINDOW) > 0
    clock.now += WINDOW
    assert await state.hit("bob", 3, WINDOW) == 0


async def test_l1_who_has_gone_is_forgotten_in_the_end() -> None:
    clock = Clock()
    state = MemoryState(clock)
    for n in range(3):
        await state.take_slot(f"user{n}", "c", 10)
        await state.hit(f"user{n}", 3, WINDOW)
        await state.free_slot(f"user{n}", "c")
    clock.now += 2 * WINDOW
    await state.take_slot("last", "c", 10)
    await state.free_slot("last", "c")
    assert state._messages == {}


async def test_a4_the_limit_of_places_is_given_and_one_more_is_not() -> None:
    state = MemoryState()
    assert [await state.take_slot("bob", f"c{n}", 3) for n in range(4)] == [True] * 3 + [False]
    assert await state.take_slot("bob", "c0", 3)  # it has one
    assert await state.take_slot("vera", "c4", 3)
    await state.free_slot("bob", "c1")
    await state.free_slot("bob", "c1")
    assert await state.take_slot("bob", "c3", 3)
    assert not await state.take_slot("bob", "c1", 3)


# ------------------------------------------------------------------ the rate of cursors

GAP = 0.1


def shown_at(come: list[float]) -> list[float]:
    """When those are shown that come at these times, each as soon as it may."""
    rate, shown = Rate(1 / GAP), []
    for at in come:
        shown.append(at if rate.in_time(at) else rate.due_at)
        rate.go(shown[-1])
    return shown


def test_l2_ten_a_second_that_come_in_time_do_not_wait() -> None:
    come = [n * GAP for n in range(100)]
    assert shown_at(come) == come


@pytest.mark.parametrize("late", [0.005, 0.03, 0.089])
def test_l2_a_late_one_does_not_put_off_those_behind_it(late: float) -> None:
    come = [n * GAP for n in range(100)]
    come[20] += late
    assert shown_at(come) == come


@given(late=st.lists(st.floats(0, EARLY), min_size=2, max_size=50))
def test_l2_who_is_late_now_and_then_waits_for_nothing(late: list[float]) -> None:
    come = [n * GAP + by for n, by in enumerate(late)]
    assert shown_at(come) == come


def test_l2_who_comes_twice_as_often_has_every_other_shown_in_time() -> None:
    rate, shown = Rate(1 / GAP), []
    for n in range(200):
        now = n * GAP / 2
        if rate.in_time(now):
            shown.append(now)
            rate.go(now)
    assert len(shown) == 100


def shown_of(come: list[float]) -> list[float]:
    """Return those of these times at which one is in time; the others are dropped."""
    rate, shown = Rate(1 / GAP), []
    for at in come:
        if rate.in_time(at):
            shown.append(at)
            rate.go(at)
    return shown


SECOND = 1 - 1e-6  # what comes a second later, but for a rounding, is not within it


def test_l2_one_that_takes_the_place_of_the_next_is_not_one_more() -> None:
    # 2 ms before the next is due, which with its 10 ms of jitter may follow at once; and ten more,
    # each as early as it may: the last of them is still within the second.
    late = 10 + 2 * GAP - 0.002
    shown = shown_of([10, late, late, *(10 + n * GAP - EARLY + 1e-6 for n in range(3, 13))])
    assert sum(late <= at < late + SECOND for at in shown) <= 10 + 1


@pytest.mark.parametrize("late", [0.091, 0.095, 0.099])
def test_l2_one_that_takes_the_place_of_the_next_puts_off_that_one_alone(late: float) -> None:
    come = [n * GAP for n in range(100)]
    come[20] += late
    shown = shown_of(come)
    assert shown == come[:21] + come[22:]


@given(
    pauses=st.lists(st.sampled_from([0, 0.01, 0.05, 0.091, 0.1, 0.15, 0.4]), max_size=60),
)
def test_l2_never_more_than_one_above_ten_within_any_second(pauses: list[float]) -> None:
    come, now = [], 1000.0
    for pause in pauses:
        now += pause
        come.append(now)
    shown = shown_of(come)
    for at in shown:
        assert sum(at <= other < at + SECOND for other in shown) <= 10 + 1


@given(pauses=st.lists(st.floats(0, 0.3), min_size=12, max_size=60))
def test_l2_whenever_they_come_never_more_than_one_above_ten(pauses: list[float]) -> None:
    shown = shown_of(list(accumulate(pauses, initial=1000.0)))
    for first, twelfth in zip(shown, shown[11:], strict=False):
        assert twelfth - first >= SECOND


def test_l2_after_a_pause_nothing_is_made_up_for() -> None:
    rate = Rate(1 / GAP)
    rate.go(0)
    assert rate.in_time(5)
    rate.go(5)
    assert not rate.in_time(5 + GAP - 2 * EARLY)
    assert rate.in_time(5 + GAP)
