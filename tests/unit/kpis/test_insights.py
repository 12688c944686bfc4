"""Statistics of a KPI's history (decision B3): by real series and made ones, without a database."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kpis.demo.series import read
from kpis.entities import Direction
from kpis.insights.advice import Advice, advise
from kpis.insights.figures import Figures
from kpis.insights.forecasting import Expectation, Forecast, Outlook, Point, judge
from kpis.insights.reasons import NoInsight

FIRST = date(2026, 1, 5)
DEPARTURES = ("ewr_departures", "jfk_departures", "lga_departures")
EXACT = Figures()
"""Four decimals, no bounds: what the statistics say."""

Known = dict[date, float]


def history(days: int, value: Callable[[int], float]) -> Known:
    return {FIRST + timedelta(days=n): value(n) for n in range(days)}


def noon(day: date) -> datetime:
    return datetime.combine(day, time(12), UTC)


def outlook(known: Known, today: date | None = None, figures: Figures = EXACT) -> Outlook:
    """As of the evening of that day, by default of the last one known."""
    values = [(noon(day), value) for day, value in sorted(known.items())]
    return Outlook(values, noon(today or max(known, default=FIRST)), figures)


def expectation(known: Known, day: date) -> Expectation:
    return outlook(known, day).expectation(noon(day))


def forecast(known: Known, horizon: int) -> Forecast:
    return outlook(known).forecast(horizon)


def week(n: int) -> float:
    """A weekly pattern with a noise that does not repeat itself."""
    return 100 + 10 * (n % 7) + (n * n * 7) % 11


def is_odd(values: Known, day: date) -> bool:
    before = {known: value for known, value in values.items() if known < day}
    return judge(expectation(before, day), values[day]) is not None


@pytest.fixture(scope="module")
def departures() -> Known:
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
    departures: Known, name: str, month: int, days: tuple[int, int]
) -> None:
    assert all(is_odd(departures, date(2013, month, day)) for day in days), name


def test_b3_a_usual_value_is_not_odd_and_a_far_one_is_by_its_distance() -> None:
    known = history(90, week)
    expected = expectation(known, FIRST + timedelta(days=90))
    assert expected.lower < week(90) < expected.upper
    assert judge(expected, week(90)) is None
    for sigmas, severity in ((3, "low"), (-3, "low"), (4.1, "medium"), (6.1, "high")):
        sigma = expected.up if sigmas > 0 else expected.down
        found = judge(expected, expected.expected + sigmas * sigma)
        assert found is not None
        assert found.score == pytest.approx(sigmas, abs=0.01)
        assert found.severity == severity


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
    assert after.upper - after.lower < 2 * (calm.upper - calm.lower)
    assert after.expected == pytest.approx(calm.expected, abs=2 * calm.up)


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
    told = [is_odd(values, FIRST + timedelta(days=n)) for n in (90, 99, 102, 111, 120, 129)]
    assert told[0]
    assert not any(told[1:])


def test_b3_gaps_are_gaps() -> None:
    known = history(90, week)
    for n in (20, 21, 22, 47, 70):
        del known[FIRST + timedelta(days=n)]
    soon = expectation(known, FIRST + timedelta(days=90))
    later = expectation(known, FIRST + timedelta(days=104))
    assert judge(soon, week(90)) is None
    assert later.expected == pytest.approx(week(104), abs=15)


def test_b3_the_longer_the_gap_the_wider_what_is_expected() -> None:
    noise = Random(15)
    known, value = {}, 100.0
    for n in range(120):
        known[FIRST + timedelta(days=n)] = value = value + noise.gauss(0, 1)
    soon = expectation(known, FIRST + timedelta(days=120))
    later = expectation(known, FIRST + timedelta(days=130))
    assert later.upper - later.lower > 1.5 * (soon.upper - soon.lower)


@pytest.mark.parametrize("scale", [1, 1e12])
def test_b3_a_scale_changes_nothing_but_the_scale(scale: float) -> None:
    known = history(60, lambda n: week(n) * scale)
    expected = expectation(known, FIRST + timedelta(days=60))
    plain = expectation(history(60, week), FIRST + timedelta(days=60))
    assert expected.expected / scale == pytest.approx(plain.expected, rel=1e-3)
    assert expected.up / scale == pytest.approx(plain.up, rel=1e-2)


# ------------------------------------------------------------------ what says too little


def test_b3_28_daily_values_are_enough_and_27_are_not() -> None:
    assert forecast(history(28, week), 1).points
    with pytest.raises(match="needs 28 daily values, has 27"):
        forecast(history(27, week), 1)
    with pytest.raises(match="has none"):
        expectation({}, FIRST)


def test_b3_what_comes_after_the_day_says_nothing_about_it() -> None:
    with pytest.raises(match="has 27"):
        expectation(history(60, week), FIRST + timedelta(days=27))


def test_b3_a_constant_history_gives_no_insight() -> None:
    with pytest.raises(match="constant"):
        forecast(history(60, lambda n: 7.5), 14)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_b3_what_is_no_number_never_reaches_a_model(bad: float) -> None:
    with pytest.raises(match="not all numbers"):
        forecast(history(60, lambda n: bad if n == 30 else week(n)), 14)


@settings(max_examples=15)
@given(
    st.lists(
        st.one_of(st.none(), st.floats(-1e14, 1e14), st.integers(-3, 3)), min_size=30, max_size=60
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
def test_b3_a_forecast_has_a_point_for_each_day_after_today(horizon: int) -> None:
    points = forecast(history(60, week), horizon).points
    days = [FIRST + timedelta(days=60 + n) for n in range(horizon)]
    assert [point.date for point in points] == days
    assert all(point.lower < point.expected < point.upper for point in points)
    assert points[0].expected == pytest.approx(week(60), abs=15)


def test_n3_a_horizon_counts_from_today_and_not_from_the_last_value() -> None:
    known = history(60, week)
    today = max(known) + timedelta(days=10)
    points = outlook(known, today).forecast(7).points
    assert [point.date for point in points] == [today + timedelta(days=n + 1) for n in range(7)]
    assert points[0].expected == pytest.approx(week(70), abs=15)


def test_n3_a_history_that_ended_15_days_ago_is_a_reason_and_one_of_14_is_not() -> None:
    known = history(60, week)
    assert outlook(known, max(known) + timedelta(days=14)).forecast(1).points
    with pytest.raises(match="last value is of 5 March 2026: too long ago"):
        outlook(known, max(known) + timedelta(days=15)).forecast(14)


def growing(days: int, by: float) -> Known:
    return history(days, lambda n: 50 + by * n + (n * n * 7) % 11 / 5)


@pytest.mark.parametrize("by", [1.0, -1.0])
def test_n2_a_kpi_that_grows_or_falls_steadily_is_expected_to_go_on(by: float) -> None:
    points = forecast(growing(80, by), 14).points
    assert points[13].expected == pytest.approx(50 + by * 93 + 1, abs=3)
    assert points[13].lower < 50 + by * 93 + 1 < points[13].upper


def advice_of(known: Known, target: float, direction: Direction = "higher") -> Advice | None:
    figures = Figures.of(list(known.values()), "", negative=True)
    points = outlook(known, figures=figures).forecast(14).points
    return advise("Revenue", target, direction, points, figures=figures)


def test_n2_there_is_no_advice_where_the_pace_meets_the_target() -> None:
    known = growing(80, 1.0)  # about 130 today, 140 in ten days
    assert advice_of(known, 140) is None
    missed = advice_of(known, 200)
    assert missed is not None
    assert "will miss its target of 200" in missed.message
    assert advice_of(growing(80, -1.0), -40, "lower") is None


def points_of(*expected: float, by: float = 5) -> list[Point]:
    days = enumerate(expected)
    return [Point(FIRST + timedelta(days=n), e, e - by, e + by) for n, e in days]


EUROS = Figures("EUR", decimals=2)


@pytest.mark.parametrize(
    ("direction", "expected", "day", "words"),
    [
        ("higher", (110, 98, 90), 2, "will miss"),
        ("higher", (110, 98, 101), 1, "will probably miss"),
        ("lower", (90, 102, 110), 2, "will miss"),
        ("lower", (90, 102, 99), 1, "will probably miss"),
        ("higher", (90, 101, 98), 2, "will probably miss"),
        ("higher", (90, 91, 92), 0, "will miss"),
    ],
)
def test_b3_advice_speaks_of_the_first_day_that_is_missed_with_its_figures(
    direction: Direction, expected: tuple[float, ...], day: int, words: str
) -> None:
    points = points_of(*expected)
    advice = advise("Revenue", 100, direction, points, figures=EUROS)
    assert advice is not None
    assert f"Revenue {words} its target of 100 EUR on {5 + day} January" in advice.message
    evidence = advice.evidence
    assert evidence.date == points[day].date.isoformat()
    figures = (evidence.expected, evidence.lower, evidence.upper)
    assert figures == (points[day].expected, points[day].lower, points[day].upper)
    assert (evidence.target, evidence.direction) == (100, direction)


@pytest.mark.parametrize(
    ("direction", "values"),
    [("higher", (100, 100)), ("lower", (100, 100)), ("lower", (50, 50)), ("higher", (98, 99, 100))],
)
def test_b3_there_is_no_advice_where_the_target_is_met(
    direction: Direction, values: tuple[float, ...]
) -> None:
    assert advise("Revenue", 100, direction, points_of(*values), figures=EUROS) is None


# ------------------------------------------------------------------ figures as the KPI shows them


def of(values: Known, unit: str = "") -> Outlook:
    return outlook(values, figures=Figures.of(list(values.values()), unit, negative=False))


def test_b6_a_count_near_0_has_whole_figures_and_none_below_0() -> None:
    known = history(60, lambda n: float(n % 9 == 0))
    for point in of(known, "cases").forecast(14).points:
        assert 0 <= point.lower <= point.expected <= point.upper
        figures = (point.lower, point.expected, point.upper)
        assert all(figure == round(figure) for figure in figures)


def test_b6_a_percent_has_no_figure_over_100_unless_it_has_been_there() -> None:
    known = history(60, lambda n: 99.5 + (n * n * 7) % 6 / 10)
    assert all(point.upper <= 100 for point in of(known, "%").forecast(14).points)
    known[FIRST] = 101.0
    assert any(point.upper > 100 for point in of(known, "%").forecast(14).points)


def test_b6_a_kpi_that_has_been_negative_may_be_so_again() -> None:
    known = history(60, lambda n: (n * n * 7) % 11 - 5.0)
    assert all(point.lower < 0 for point in of(known).forecast(14).points)


def test_b6_figures_have_the_decimals_of_the_kpi() -> None:
    assert Figures.of([12.5, 13.0, 12.25], "km", negative=False).text(12.3456) == "12.35 km"
    assert Figures.of([12.0, 13.0], "flights", negative=False).text(3.6162) == "4 flights"
    assert Figures.of([1_234_567.0], "EUR", negative=False).text(1_234_567.2) == "1,234,567 EUR"


def test_b6_a_score_is_bounded_and_a_change_that_is_not_shown_is_none() -> None:
    known = history(60, lambda n: 100.0 + (0.0001 if n % 20 == 0 else 0.0))
    expected = expectation(known, FIRST + timedelta(days=60))
    found = judge(expected, -33_106_704.0)
    assert found is not None
    assert found.score == -99
    assert judge(expected, 100.0001) is None
