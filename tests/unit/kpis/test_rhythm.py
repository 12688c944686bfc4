"""In which rhythm values come, and that like is compared with like (rows n1 and n4)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from random import Random

import pytest

from kpis.insights.candidates import MODELS, NAIVE
from kpis.insights.figures import Figures
from kpis.insights.forecasting import Judgement, Outlook, judge
from kpis.insights.rhythm import Kind, Values, recognize
from kpis.insights.wording import models_in_words
from kpis.models import InsightState

NOW = datetime(2026, 6, 18, 14, 30, tzinfo=UTC)
"""A Thursday."""
TODAY = NOW.date()
OPENS, CLOSES = 8, 18
WEEKEND = 5


def hours(
    value: Callable[[datetime, Random], float | None], *, days: int = 60, until: datetime = NOW
) -> Values:
    """A value at each full hour until then; None for an hour without."""
    noise = Random(15)
    first = datetime.combine(until.date() - timedelta(days=days), time(0), UTC)
    at_all = [first + timedelta(hours=n) for n in range(days * 24 + until.hour + 1)]
    found = [(at, value(at, noise)) for at in at_all]
    return [(at, float(one)) for at, one in found if one is not None]


def busy(at: datetime, noise: Random) -> float:
    """About 200 in office hours and 5 at night."""
    return round(200 + noise.gauss(0, 5)) if OPENS <= at.hour < CLOSES else 5 + noise.randint(0, 1)


def office(at: datetime, noise: Random) -> float | None:
    is_open = OPENS <= at.hour < CLOSES and at.weekday() < WEEKEND
    return round(200 + noise.gauss(0, 5)) if is_open else None


def total(at: datetime, noise: Random, *, starts: int = 0) -> float:
    """Grows by about 10 an hour and starts again at that hour."""
    return 10 * ((at.hour - starts) % 24 + 1) + noise.randint(-3, 3)


def days(step: int, count: int, value: Callable[[int], float] = float) -> Values:
    """So many values, each so many days after the one before, the last one of today."""
    noon = datetime.combine(TODAY, time(12), UTC)
    return [(noon - timedelta(days=step * (count - 1 - n)), value(n)) for n in range(count)]


def months(count: int) -> Values:
    index = 12 * TODAY.year + TODAY.month - 1
    return [
        (
            datetime((index - n) // 12, (index - n) % 12 + 1, 15, tzinfo=UTC),
            100.0 + (n * n * 7) % 11,
        )
        for n in reversed(range(count))
    ]


def outlook(values: Values, now: datetime = NOW) -> Outlook:
    figures = Figures.of([value for _, value in values], "", negative=False)
    return Outlook(values, now, figures)


def judged(values: Values, at: datetime, value: float) -> Judgement | None:
    known = [known for known in values if known[0] < at]
    return judge(outlook([*known, (at, value)]).expectation(at), value)


def swinging(n: int) -> float:
    return 100.0 + (n * n * 7) % 11


# ------------------------------------------------------------------ what is recognized


@pytest.mark.parametrize(
    ("values", "kind", "words"),
    [
        (hours(busy), Kind.HOURS, "several times a day, 0 to 23 h UTC"),
        (hours(office), Kind.HOURS, "several times a day, 8 to 17 h UTC, Mondays to Fridays"),
        (hours(total), Kind.RUNNING_TOTAL, "starts again"),
        (hours(lambda at, n: total(at, n, starts=7)), Kind.RUNNING_TOTAL, "starts again"),
        (hours(lambda at, n: total(at, n) if office(at, n) else None), Kind.RUNNING_TOTAL, ""),
        (days(1, 60), Kind.DAYS, "once a day"),
        (days(7, 60), Kind.WEEKS, "once a week"),
        (days(14, 60), Kind.PERIODS, "every 14 days"),
        (days(2, 60), Kind.PERIODS, "every 2 days"),
        (months(60), Kind.MONTHS, "once a month"),
        ([v for v in days(1, 60) if v[0].weekday() < WEEKEND], Kind.WORKING_DAYS, "Mondays to"),
        ([v for v in days(1, 60) if v[0].weekday() in (0, 3)], Kind.WORKING_DAYS, "Thursdays"),
        ([v for v in days(1, 90) if Random(v[0].day).random() < 0.4], Kind.IRREGULAR, "no days"),
    ],
)
def test_n1_the_rhythm_is_recognized_and_said(values: Values, kind: Kind, words: str) -> None:
    found = recognize(values, TODAY)
    assert found.kind == kind
    assert words in found.words


def test_n1_several_values_at_no_hours_in_particular_are_no_hours() -> None:
    noise = Random(15)
    values = sorted(
        (datetime.combine(TODAY - timedelta(days=n), time(noise.randrange(24)), UTC), 5.0)
        for n in range(60)
        for _ in range(3)
    )
    assert recognize(values, TODAY).kind == Kind.OFTEN


def test_n1_a_counter_that_never_starts_again_is_no_running_total() -> None:
    values = hours(lambda at, noise: (at - NOW).total_seconds() // 3600 + 10_000)
    assert recognize(values, TODAY).kind == Kind.HOURS


def test_n1_a_day_with_corrections_is_still_one_of_a_daily_kpi() -> None:
    values = days(1, 60)
    corrected = [(at + timedelta(hours=1), value + 1) for at, value in values[::9]]
    assert recognize(sorted([*values, *corrected]), TODAY).kind == Kind.DAYS


# ------------------------------------------------------------------ like with like


@pytest.mark.parametrize("hour", [9, 14])
def test_n1_a_value_as_always_at_its_hour_is_not_odd_and_a_nights_value_there_is(hour: int) -> None:
    at = NOW.replace(hour=hour, minute=0)
    assert judged(hours(busy), at, 203) is None
    assert judged(hours(busy), at, 5) is not None
    assert judged(hours(busy), NOW.replace(hour=3, minute=0), 203) is not None


def test_n1_an_hour_that_has_always_been_the_same_is_judged_by_how_the_others_differ() -> None:
    values = hours(lambda at, noise: busy(at, noise) if OPENS <= at.hour < CLOSES else 0)
    at = NOW.replace(hour=3, minute=0)
    assert judged(values, at, 2) is None
    assert judged(values, at, 203) is not None


def test_n1_office_hours_are_judged_and_what_comes_outside_of_them_is_not() -> None:
    values = hours(office)
    at = NOW.replace(minute=0)
    assert judged(values, at, 203) is None
    assert judged(values, at, 120) is not None
    with pytest.raises(match=r"17 June 2026 at 22 h UTC is not judged: .*never before"):
        judged(values, at.replace(day=17, hour=22), 203)
    with pytest.raises(match="on Saturdays there are usually none"):
        judged(hours(office, until=NOW + timedelta(days=2)), at.replace(day=20), 203)


@pytest.mark.parametrize("starts", [0, 7])
def test_n1_a_running_total_is_compared_with_the_same_hour_of_other_days(starts: int) -> None:
    values = hours(lambda at, noise: total(at, noise, starts=starts))
    at = NOW.replace(minute=0)
    usual = 10 * ((at.hour - starts) % 24 + 1)
    assert judged(values, at, usual) is None
    assert judged(values, at, usual + 100) is not None


def test_n1_the_first_minutes_of_a_running_total_are_not_compared_with_the_day_before() -> None:
    """Of each hour the last value is kept: that of 0:55 says nothing of 0:10."""
    values = [(at + timedelta(minutes=55), one) for at, one in hours(total)]
    known = [one for one in values if one[0] < NOW.replace(hour=0)]
    at = NOW.replace(hour=0, minute=10)
    with pytest.raises(match="is not judged"):
        judged(known, at, 2)
    assert judged(values, NOW.replace(hour=10, minute=25), 105) is None


@pytest.mark.parametrize("starts", [0, 7])
def test_n1_a_running_total_that_is_not_over_is_no_day_of_the_forecast(starts: int) -> None:
    points = outlook(hours(lambda at, noise: total(at, noise, starts=starts))).forecast(7).points
    assert [point.date for point in points] == [TODAY + timedelta(days=n + 1) for n in range(7)]
    assert all(230 < point.lower < 240 < point.upper < 250 for point in points)


def test_n1_an_hourly_kpi_is_forecast_by_its_average_and_without_today() -> None:
    points = outlook(hours(busy)).forecast(7).points
    average = (10 * 200 + 14 * 5.5) / 24
    assert all(point.lower <= average <= point.upper for point in points)
    assert all(point.upper - point.lower < 15 for point in points)


def test_n1_a_closed_weekend_is_neither_forecast_nor_judged() -> None:
    values = [v for v in days(1, 120, swinging) if v[0].weekday() < WEEKEND]
    points = outlook(values).forecast(7).points
    assert [point.date.weekday() for point in points] == [4, 0, 1, 2, 3]
    saturday = datetime.combine(TODAY + timedelta(days=2), time(12), UTC)
    with pytest.raises(match="20 June 2026 is not judged: on Saturdays"):
        outlook(values, saturday).expectation(saturday)


def test_n1_a_clock_that_was_changed_makes_no_hour_odd() -> None:
    """The office opens at 8 h UTC in winter and at 7 h from the last Sunday in March on."""
    changed = date(2026, 3, 29)

    def local(at: datetime, noise: Random) -> float:
        return busy(at + timedelta(hours=1) if at.date() >= changed else at, noise)

    until = datetime(2026, 3, 31, 23, tzinfo=UTC)
    values = hours(local, until=until)
    for hour in (7, 17):  # opens and closes an hour earlier by UTC
        at = until.replace(hour=hour)
        assert judged(values, at, dict(values)[at]) is None, hour
    assert judged(values, until.replace(hour=12), 5) is not None


def test_n1_an_hour_with_13_days_to_compare_with_is_not_judged_and_with_14_it_is() -> None:
    def late(at: datetime, noise: Random) -> float | None:
        # The hours from 15 on are measured for so many days only.
        return busy(at, noise) if at.hour < 15 or at.date() >= since else None

    for known in (13, 14):
        since = TODAY - timedelta(days=known)
        values, at = hours(late), NOW.replace(hour=15, minute=0)
        if known == 14:
            assert judged(values, at, 200) is None
        else:
            with pytest.raises(match="measured on 13 days before, and 14 are needed"):
                judged(values, at, 200)


# ------------------------------------------------------------------ weeks and months


@pytest.mark.parametrize(("step", "fewest"), [(7, 26), (14, 28)])
def test_n4_what_comes_weekly_or_less_is_judged_by_the_number_of_its_values(
    step: int, fewest: int
) -> None:
    values = days(step, fewest + 1, swinging)
    assert judged(values, values[-1][0], 105) is None
    assert judged(values, values[-1][0], 400_000) is not None
    with pytest.raises(match=rf"needs {fewest} \w*\s?values, has {fewest - 1}"):
        judged(values[1:], values[-1][0], 105)


def test_n4_24_monthly_values_are_enough_and_23_are_not() -> None:
    values = months(25)
    assert judged(values, values[-1][0], 105) is None
    assert judged(values, values[-1][0], 400_000) is not None
    with pytest.raises(match="come once a month: needs 24 monthly values, has 23"):
        judged(values[1:], values[-1][0], 105)


def test_n4_a_weekly_forecast_has_a_point_for_each_day_on_which_a_value_is_due() -> None:
    points = outlook(days(7, 60, swinging)).forecast(30).points
    assert [(point.date - TODAY).days for point in points] == [7, 14, 21, 28]


def test_n4_a_monthly_forecast_is_of_the_same_day_of_the_month() -> None:
    points = outlook(months(60)).forecast(90).points
    assert [point.date for point in points] == [date(2026, month, 15) for month in (7, 8, 9)]


def test_n4_a_horizon_before_the_next_value_is_a_reason() -> None:
    with pytest.raises(match="once a week: the next is due on 25 June 2026"):
        outlook(days(7, 60, swinging)).forecast(6)


def test_n3_a_weekly_history_has_ended_after_four_weeks() -> None:
    values = days(7, 60, swinging)
    assert outlook(values, NOW + timedelta(days=28)).forecast(7).points
    with pytest.raises(match="too long ago"):
        outlook(values, NOW + timedelta(days=29)).forecast(7)


def test_n1_what_was_chosen_is_said_in_words() -> None:
    forecast = outlook(days(1, 60, swinging)).forecast(7)
    assert forecast.model.startswith("An average of a ")
    assert "times that of repeating the season before" in forecast.model


def test_n1_the_longest_words_fit_their_column() -> None:
    weights = dict.fromkeys([*MODELS, NAIVE], 1 / (len(MODELS) + 1))
    longest = InsightState._meta.get_field("model").max_length
    assert longest is not None
    assert len(models_in_words(weights, 999.99)) <= longest
