"""Times as the wire has them (E2), and cursors that clients hand back (V4)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.protocol.errors import InvalidMessage
from sync.protocol.times import EPOCH, now_us, parse_cursor, wire_cursor, wire_time, wire_time_us

MICROSECONDS = st.integers(0, 4_000_000_000_000_000)


def parsed(text: str) -> tuple[int, bool]:
    return parse_cursor(text, field="payload.lastSyncTimestamp")


def test_e2_a_time_is_in_utc_in_whole_seconds_with_z() -> None:
    moment = datetime(2025, 1, 20, 12, 30, 0, 999_999, timezone(timedelta(hours=2)))
    assert wire_time(moment) == "2025-01-20T10:30:00Z"


def test_e2_a_time_is_cut_and_not_rounded() -> None:
    assert wire_time_us(1_999_999) == "1970-01-01T00:00:01Z"


def test_e2_now_is_the_time_of_this_clock() -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    assert before <= datetime.fromisoformat(wire_time()) <= datetime.now(UTC)
    assert EPOCH + timedelta(microseconds=now_us()) >= before


@given(MICROSECONDS)
def test_v4_a_cursor_comes_back_as_the_same_microsecond(at_us: int) -> None:
    assert parsed(wire_cursor(at_us)) == (at_us, True)


@given(MICROSECONDS)
def test_v4_a_cursor_that_a_javascript_date_cut_is_earlier_and_not_exact(at_us: int) -> None:
    text = wire_cursor(at_us)[:-4] + "Z"
    assert parsed(text) == (at_us // 1000 * 1000, False)


@given(MICROSECONDS)
def test_v4_a_cursor_in_whole_seconds_is_earlier_and_not_exact(at_us: int) -> None:
    assert parsed(wire_time_us(at_us)) == (at_us // 1_000_000 * 1_000_000, False)


@given(MICROSECONDS, st.integers(-14 * 60, 14 * 60))
def test_v4_a_cursors_offset_does_not_matter(at_us: int, minutes: int) -> None:
    moment = EPOCH + timedelta(microseconds=at_us)
    elsewhere = moment.astimezone(timezone(timedelta(minutes=minutes)))
    assert parsed(elsewhere.isoformat(timespec="microseconds")) == (at_us, True)


@pytest.mark.parametrize(
    ("text", "at_us", "exact"),
    [
        ("1970-01-01T00:00:01.999999999Z", 1_999_999, True),  # rounded up it would lose an event
        ("1970-01-01T00:00:01.5Z", 1_500_000, False),
        ("1970-01-01T00:00:01.500000Z", 1_500_000, True),
        ("1969-12-31T23:59:59.250000Z", -750_000, True),
    ],
)
def test_v4_a_cursor_is_cut_to_the_microsecond(text: str, at_us: int, exact: bool) -> None:
    assert parsed(text) == (at_us, exact)


@given(MICROSECONDS, st.integers(7, 30), st.sampled_from("059"))
def test_w11_more_digits_than_a_microsecond_has_never_move_a_cursor(
    at_us: int, digits: int, digit: str
) -> None:
    text = wire_cursor(at_us)[:-1] + digit * (digits - 6) + "Z"
    assert parsed(text) == (at_us, True)


@pytest.mark.parametrize("fraction", [".9999995", ".9999999", ".99999949", ".999999999999"])
def test_w11_no_fraction_is_rounded_into_the_next_second(fraction: str) -> None:
    assert parsed(f"1970-01-01T00:00:01{fraction}Z") == (1_999_999, True)
    # Nor out of the calendar.
    assert parsed(f"9999-12-31T23:59:59{fraction}Z")[1]


@pytest.mark.parametrize(
    "text",
    [
        *("0001-01-01T00:00:00+14:00", "0001-01-01T00:00:00.000001+00:01"),
        *("9999-12-31T23:59:59-14:00", "9999-12-31T23:59:59.999999-00:01"),
    ],
)
def test_c9_a_time_of_a_year_that_no_calendar_here_has_is_refused(text: str) -> None:
    with pytest.raises(InvalidMessage):
        parsed(text)


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
def test_c9_the_first_and_the_last_time_there_is_are_read_and_written(text: str) -> None:
    at_us, exact = parsed(text)
    assert not exact
    assert wire_time_us(at_us) == text
    assert wire_cursor(at_us) == text.replace("Z", ".000000Z")
