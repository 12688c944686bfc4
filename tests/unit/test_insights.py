"""Statistics of a KPI's history (decision B3): by real series and made ones, without a database."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kpis.demo.series import read
from kpis.insights.advice import advise
from kpis.insights.statistics import (
    Forecast,
    NoInsight,
    Point,
    expectation,
    forecast,
    judge,
)

FIRST = date(2026, 1, 5)
DEPARTURES = ("ewr_departures", "jfk_departures", "lga_departures")


def history(days: int, value: Callable[[int], float]) -> dict[date, float]:
    return {FIRST + timedelta(days=n): value(n) for n in range(days)}


def week(n: int) -> float:
    """A weekly pattern with a noise that does not repeat itself."""
    return 100 + 10 * (n % 7) + (n * n * 7) % 11


def is_odd(values: dict[date, float], day: date) -> bool:
    before = {known: value for known, value in values.items() if known < day}
    return judge(expectation(before, day), values[day]) is not None


@pytest.fixture(scope="module")
def departures() -> dict[date, float]:
    """All departures of New York's airports in 2013, on the days they really were."""
    rows = read("flights.csv", date(2014, 1, 1))  # so that they are not moved
    return {
        day: float(sum(dict(rows[name])[day] for name in DEPARTURES))
        for day, _ in rows[DEPARTURES[0]]
    }


# ------------------------------------------------------------------ what is odd


@pytest.mark.parametrize(
    ("name", "month", "days"),
    [("blizzard", 2, (8, 9)), ("Thanksgiving", 11, (28, 29)), ("Christmas", 12, (24, 25))],
)
def test_b3_the_real_events_of_2013_are_found(
    departures: dict[date, float], name: str, month: int, days: tuple[int, int]
) -> None:
    assert all(is_odd(departures, date(2013, month, day)) for day in days), name


def test_b3_a_usual_value_is_not_odd_and_a_far_one_is_by_its_distance() -> None:
    known = history(90, week)
    expected = expectation(known, FIRST + timedelta(days=90))
    assert expected.lower < week(90) < expected.upper
    assert judge(expected, week(90)) is None
    for sigmas, severity in ((3, "low"), (-3, "low"), (4.1, "medium"), (6.1, "high")):
        found = judge(expected, expected.expected + sigmas * expected.sigma)
        assert found is not None
        assert (found.score, found.severity) == (pytest.approx(sigmas, abs=0.01), severity)


def test_b3_the_week_is_known() -> None:
    known = history(90, week)
    monday, sunday = (expectation(known, FIRST + timedelta(days=n)).expected for n in (91, 97))
    assert sunday - monday == pytest.approx(60, abs=10)


def test_b3_an_odd_day_neither_widens_the_interval_nor_moves_the_level() -> None:
    known = history(90, week)
    calm = expectation(known, FIRST + timedelta(days=90))
    known[FIRST + timedelta(days=80)] = 900
    known[FIRST + timedelta(days=89)] = -900
    after = expectation(known, FIRST + timedelta(days=90))
    assert after.sigma < 1.5 * calm.sigma
    assert after.expected == pytest.approx(calm.expected, abs=2 * calm.sigma)


def test_b3_a_weekday_that_has_changed_for_good_is_told_at_most_three_times() -> None:
    def without_saturdays(n: int) -> float:
        return week(n) - (80 if n >= 90 and n % 7 == 5 else 0)

    values = history(150, without_saturdays)
    saturdays = [FIRST + timedelta(days=n) for n in range(90, 150) if n % 7 == 5]
    told = [is_odd(values, day) for day in saturdays]
    assert told[0]
    assert sum(told) <= 3
    assert not any(told[3:])


def test_b3_a_new_level_is_told_for_some_days_and_is_usual_then() -> None:
    values = history(130, lambda n: week(n) + (150 if n >= 90 else 0))
    told = [is_odd(values, FIRST + timedelta(days=n)) for n in range(90, 130, 3)]
    assert told[0]
    assert not any(told[3:])


def test_b3_gaps_are_gaps_and_widen_what_is_expected() -> None:
    known = history(90, week)
    for n in (20, 21, 22, 47, 70):
        del known[FIRST + timedelta(days=n)]
    soon = expectation(known, FIRST + timedelta(days=90))
    later = expectation(known, FIRST + timedelta(days=104))
    assert later.sigma > soon.sigma
    assert judge(soon, week(90)) is None
    assert later.expected == pytest.approx(week(104), abs=15)


@pytest.mark.parametrize("scale", [1e-4, 1, 1e12])
def test_b3_a_scale_changes_nothing_but_the_scale(scale: float) -> None:
    known = history(60, lambda n: week(n) * scale)
    expected = expectation(known, FIRST + timedelta(days=60))
    plain = expectation(history(60, week), FIRST + timedelta(days=60))
    assert expected.expected / scale == pytest.approx(plain.expected, rel=1e-3)
    assert expected.sigma / scale == pytest.approx(plain.sigma, rel=1e-2)


# ------------------------------------------------------------------ what says too little


def test_b3_28_daily_values_are_enough_and_27_are_not() -> None:
    assert forecast(history(28, week), 1).points
    with pytest.raises(NoInsight, match="needs 28 daily values, has 27"):
        forecast(history(27, week), 1)
    with pytest.raises(NoInsight, match="has none"):
        expectation({}, FIRST)


def test_b3_what_comes_after_the_day_says_nothing_about_it() -> None:
    with pytest.raises(NoInsight, match="has 27"):
        expectation(history(60, week), FIRST + timedelta(days=27))


def test_b3_a_constant_history_gives_no_insight() -> None:
    with pytest.raises(NoInsight, match="constant"):
        forecast(history(60, lambda n: 7.5), 14)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_b3_what_is_no_number_never_reaches_a_model(bad: float) -> None:
    with pytest.raises(NoInsight, match="not all numbers"):
        forecast(history(60, lambda n: bad if n == 30 else week(n)), 14)


@settings(max_examples=15, deadline=None)
@given(
    st.lists(
        st.one_of(st.none(), st.floats(-1e15, 1e15), st.integers(-3, 3)), min_size=30, max_size=60
    )
)
def test_b3_any_history_gives_figures_or_a_reason(values: list[float | None]) -> None:
    known = {FIRST + timedelta(days=n): v for n, v in enumerate(values) if v is not None}
    try:
        points = forecast(known, 3).points
    except NoInsight:
        return
    for point in points:
        assert math.isfinite(point.expected)
        assert point.lower < point.upper


# ------------------------------------------------------------------ what will come


@pytest.mark.parametrize("horizon", [1, 90])
def test_b3_a_forecast_has_a_point_for_each_day_after_the_last(horizon: int) -> None:
    points = forecast(history(60, week), horizon).points
    days = [FIRST + timedelta(days=60 + n) for n in range(horizon)]
    assert [point.date for point in points] == days
    assert all(point.lower < point.expected < point.upper for point in points)
    assert points[0].expected == pytest.approx(week(60), abs=15)


def outlook(*expected: float, by: float = 5) -> Forecast:
    days = enumerate(expected)
    return Forecast([Point(FIRST + timedelta(days=n), e, e - by, e + by) for n, e in days])


@pytest.mark.parametrize(
    ("direction", "expected", "day", "words"),
    [
        ("higher", (110, 98, 90), 2, "will miss"),
        ("higher", (110, 98, 101), 1, "will probably miss"),
        ("lower", (90, 102, 110), 2, "will miss"),
        ("lower", (90, 102, 99), 1, "will probably miss"),
    ],
)
def test_b3_advice_speaks_of_the_first_day_that_is_missed_with_its_figures(
    direction: str, expected: tuple[float, ...], day: int, words: str
) -> None:
    points = outlook(*expected).points
    advice = advise("Revenue", "EUR", 100, direction, points)
    assert advice is not None
    assert f"Revenue {words} its target of 100 EUR on {5 + day} January" in advice.message
    evidence = advice.evidence
    assert evidence["date"] == points[day].date.isoformat()
    figures = (evidence["expected"], evidence["lower"], evidence["upper"])
    assert figures == (points[day].expected, points[day].lower, points[day].upper)
    assert (evidence["target"], evidence["direction"]) == (100, direction)


@pytest.mark.parametrize(("direction", "at"), [("higher", 100), ("lower", 100), ("lower", 50)])
def test_b3_there_is_no_advice_where_the_target_is_met(direction: str, at: float) -> None:
    assert advise("Revenue", "EUR", 100, direction, outlook(at, at).points) is None
