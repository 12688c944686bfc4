"""The values of a KPI, each or by steps (decision D3)."""

from __future__ import annotations

import json
import random
from base64 import urlsafe_b64encode
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal
from itertools import groupby, product
from statistics import mean
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.test import Client as Browser

from kpis.history.steps import Aggregate, Asked, Place, Step, StepValue, points_of
from kpis.models import Kpi, KpiValue
from sync.protocol.times import wire_time
from tests.support.cast import Cast, Person

BERLIN = ZoneInfo("Europe/Berlin")
Values = Sequence[tuple[datetime, Decimal]]


def keep(kpi: Kpi, values: Values, author: str = "system") -> None:
    """Let these be all the values that it has had."""
    KpiValue.objects.filter(kpi=kpi).delete()
    KpiValue.objects.bulk_create(
        KpiValue(kpi=kpi, value=value, at=at, actor_id=author) for at, value in values
    )


def every(step: timedelta, count: int, first: datetime) -> Values:
    return [(first + n * step, Decimal(n)) for n in range(count)]


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def ask(person: Person, query: str = "", kpi: str = "revenue") -> Any:
    path = query if query.startswith("/") else f"/api/v1/kpis/{kpi}/values{query}"
    return Browser().get(path, headers={"Authorization": f"Bearer {person.token}"})


def points(person: Person, query: str = "", kpi: str = "revenue") -> list[Any]:
    answer = ask(person, query, kpi)
    assert answer.status_code == 200, answer.content
    return list(answer.json()["items"])


def all_points(person: Person, query: str) -> Iterator[Any]:
    address: str | None = query
    while address is not None:
        answer = ask(person, address)
        assert answer.status_code == 200, answer.content
        yield from answer.json()["items"]
        address = answer.json()["next"]
        assert answer.get("Link") == (None if address is None else f'<{address}>; rel="next"')


# ------------------------------------------------------------------ each value


def test_d3_raw_is_each_value_exactly_with_its_time_and_author(cast: Cast) -> None:
    noon = datetime(2026, 1, 5, 12, tzinfo=UTC)
    keep(cast.home.revenue, [(noon, Decimal("0.1"))], author=cast.mia.id)
    Kpi.objects.filter(pk=cast.home.revenue.pk).update(value=Decimal("99999999999.9999"))
    first, second = points(cast.vera)
    assert first == {"at": "2026-01-05T12:00:00Z", "value": 0.1, "setBy": cast.mia.id}
    assert second["value"] == 99999999999.9999
    assert second["setBy"] == "system"
    by_id = points(cast.vera, kpi=str(cast.home.revenue.pk))
    assert by_id == [first, second]


def test_d3_pages_of_raw_have_each_value_once_also_of_one_moment(cast: Cast) -> None:
    noon = datetime(2026, 1, 5, 12, tzinfo=UTC)
    keep(cast.home.revenue, [(noon + timedelta(hours=n // 3), Decimal(n)) for n in range(8)])
    for limit in (1, 2, 3, 8):
        found = list(all_points(cast.vera, f"?limit={limit}"))
        assert [point["value"] for point in found] == list(range(8)), limit
    assert ask(cast.vera, "?limit=8").json()["next"] is None
    assert ask(cast.vera, "?limit=7").json()["next"] is not None


def test_d3_from_and_to_are_times_or_days(cast: Cast) -> None:
    keep(cast.home.revenue, every(timedelta(hours=6), 12, datetime(2026, 1, 5, tzinfo=UTC)))
    for query, numbers in (
        ("?from=2026-01-06", range(4, 12)),
        ("?to=2026-01-05", range(4)),
        ("?from=2026-01-06&to=2026-01-06", range(4, 8)),
        ("?from=2026-01-05T06:00:00Z&to=2026-01-05T12:00:00Z", range(1, 2)),
        ("?from=2026-01-05T07:00:00%2B01:00&to=2026-01-05T12:00:01Z", range(1, 3)),
        ("?from=2026-01-05T12:00:00Z&to=2026-01-05T12:00:00Z", range(0)),
        ("?from=2026-02-01", range(0)),
    ):
        assert [point["value"] for point in points(cast.vera, query)] == list(numbers), query


# ------------------------------------------------------------------ steps


def expected(values: Values, asked: Asked) -> list[tuple[str, float, int]]:
    """Return (beginning, figure, count) of each step, worked out in Python."""
    figure: dict[Aggregate, Any] = {
        Aggregate.LAST: lambda some: some[-1],
        Aggregate.MEAN: mean,
        Aggregate.SUM: sum,
        Aggregate.MIN: min,
        Aggregate.MAX: max,
    }
    found = []
    by_step = groupby(values, key=lambda value: asked.step.begin_of(value[0], asked.zone))
    for begin, group in by_step:
        some = [value for _, value in group]
        found.append((wire_time(begin), float(figure[asked.aggregate](some)), len(some)))
    return found


@pytest.mark.parametrize(
    ("step", "zone"),
    [
        (Step.HOUR, UTC),
        *product((Step.DAY, Step.WEEK, Step.MONTH), (UTC, BERLIN, ZoneInfo("America/Santiago"))),
    ],
    ids=str,
)
def test_d3_the_figures_of_steps_are_those_of_their_values(
    cast: Cast, step: Step, zone: tzinfo
) -> None:
    """Over the ends of a year and of summer time, with gaps, and values at the very edges."""
    chance = random.Random(7)
    times = {at("2025-03-30T01:00+01:00"), at("2025-10-26T00:00+02:00"), at("2026-01-01T00:00Z")}
    start = datetime(2025, 1, 1, tzinfo=UTC)
    times |= {start + timedelta(minutes=chance.randrange(600_000)) for _ in range(150)}
    times |= {step.begin_of(moment, zone).astimezone(UTC) for moment in list(times)[:30]}
    numbers = [Decimal(chance.randrange(-(10**6), 10**6)) / 10**4 for _ in times]
    values = list(zip(sorted(times), numbers, strict=True))
    keep(cast.home.revenue, values)
    for aggregate in Aggregate:
        asked = Asked(step=step, aggregate=aggregate, begin=None, end=None, zone=zone)
        found = points_of(cast.home.revenue, asked)
        assert found.following is None
        shown = [(p.at, p.value, p.count) for p in found.points if isinstance(p, StepValue)]
        wanted = expected(values, asked)
        assert [(begin, count) for begin, _, count in shown] == [(b, c) for b, _, c in wanted]
        assert [v for _, v, _ in shown] == pytest.approx([v for _, v, _ in wanted], rel=1e-13)


def test_d3_days_weeks_and_months_are_those_of_the_zone(cast: Cast) -> None:
    """By hand: 29 March 2026 has 23 hours in Berlin, and is a Sunday."""
    keep(
        cast.home.revenue,
        [
            (at("2026-03-28T23:59:59+01:00"), Decimal(1)),
            (at("2026-03-29T00:00:00+01:00"), Decimal(2)),
            (at("2026-03-29T23:59:59+02:00"), Decimal(3)),
            (at("2026-03-30T00:00:00+02:00"), Decimal(4)),
            (at("2026-04-01T00:00:00+02:00"), Decimal(5)),
        ],
    )
    for query, found in (
        (
            "?step=day&tz=Europe/Berlin&aggregate=sum",
            {
                "2026-03-27T23:00:00Z": 1,
                "2026-03-28T23:00:00Z": 5,
                "2026-03-29T22:00:00Z": 4,
                "2026-03-31T22:00:00Z": 5,
            },
        ),
        (
            "?step=week&tz=Europe/Berlin&aggregate=sum",
            {"2026-03-22T23:00:00Z": 6, "2026-03-29T22:00:00Z": 9},
        ),
        (
            "?step=month&tz=Europe/Berlin&aggregate=max",
            {"2026-02-28T23:00:00Z": 4, "2026-03-31T22:00:00Z": 5},
        ),
        ("?step=month&aggregate=max", {"2026-03-01T00:00:00Z": 5}),
        ("?step=week", {"2026-03-23T00:00:00Z": 4, "2026-03-30T00:00:00Z": 5}),
        (
            "?step=day&tz=Europe/Berlin&from=2026-03-29&to=2026-03-29&aggregate=min",
            {"2026-03-28T23:00:00Z": 2},
        ),
    ):
        shown = {point["at"]: point["value"] for point in points(cast.vera, query)}
        assert shown == found, query


def test_d3_a_step_counts_what_it_has_between_from_and_to(cast: Cast) -> None:
    keep(cast.home.revenue, every(timedelta(hours=1), 48, datetime(2026, 1, 5, tzinfo=UTC)))
    query = "?step=day&aggregate=sum&from=2026-01-05T22:00:00Z&to=2026-01-06T02:00:00Z"
    assert points(cast.vera, query) == [
        {"at": "2026-01-05T00:00:00Z", "value": 45, "count": 2},
        {"at": "2026-01-06T00:00:00Z", "value": 49, "count": 2},
    ]


def test_d3_of_several_values_of_one_moment_the_one_written_last_is_the_last(cast: Cast) -> None:
    noon = datetime(2026, 1, 5, 12, tzinfo=UTC)
    keep(cast.home.revenue, [(noon, Decimal(1)), (noon, Decimal(2)), (noon, Decimal(1))])
    assert points(cast.vera, "?step=day") == [
        {"at": "2026-01-05T00:00:00Z", "value": 1, "count": 3}
    ]


@pytest.mark.parametrize("aggregate", [Aggregate.LAST, Aggregate.MEAN])
def test_d3_pages_of_steps_are_the_same_points(cast: Cast, aggregate: Aggregate) -> None:
    keep(cast.home.revenue, every(timedelta(hours=5), 60, datetime(2026, 1, 5, tzinfo=UTC)))
    query = f"?step=day&tz=America/New_York&aggregate={aggregate}"
    whole = points(cast.vera, query)
    assert len(whole) == 14
    for limit in (5, 13, 14):
        assert list(all_points(cast.vera, f"{query}&limit={limit}")) == whole, limit


@pytest.mark.parametrize("most", [1, 3, 5, 12, 59])
def test_d3_an_answer_looks_at_a_part_of_a_long_history(cast: Cast, most: int) -> None:
    """A step that has more is looked at whole; its points are the same in the end."""
    values = [
        *every(timedelta(hours=8), 30, datetime(2026, 1, 5, tzinfo=UTC)),
        *every(timedelta(minutes=1), 30, datetime(2026, 3, 1, tzinfo=UTC)),
    ]
    keep(cast.home.revenue, values)
    asked = Asked(step=Step.DAY, aggregate=Aggregate.SUM, begin=None, end=None)
    whole = points_of(cast.home.revenue, asked)
    assert (len(whole.points), whole.following) == (11, None)
    found: list[Any] = []
    after: Place | None = None
    for _ in range(20):
        part = points_of(
            cast.home.revenue,
            Asked(Step.DAY, Aggregate.SUM, None, None, after=after, most_read=most),
        )
        read = sum(point.count for point in part.points if isinstance(point, StepValue))
        assert read <= most or len(part.points) == 1
        found += part.points
        after = part.following
        if after is None:
            break
    assert found == whole.points


def test_d3_a_mean_has_as_many_digits_on_each_database(cast: Cast) -> None:
    noon = datetime(2026, 1, 5, 12, tzinfo=UTC)
    thirds = [Decimal(100), Decimal(0), Decimal(0)]
    keep(cast.home.revenue, [(noon + timedelta(hours=n), v) for n, v in enumerate(thirds)])
    assert points(cast.vera, "?step=day&aggregate=mean")[0]["value"] == 33.3333333333333
    tenths = [(noon + timedelta(minutes=n), Decimal("0.1")) for n in range(10)]
    keep(cast.home.revenue, tenths)
    assert points(cast.vera, "?step=hour&aggregate=sum")[0]["value"] == 1


# ------------------------------------------------------------------ what is refused

WRONG = [
    ("?from=2026-01-06&to=2026-01-05", "to"),
    ("?from=2026-01-05T12:00:01Z&to=2026-01-05T12:00:00Z", "to"),
    ("?from=now", "from"),
    ("?to=2026-13-01", "to"),
    ("?step=year", "step"),
    ("?step=Day", "step"),
    ("?aggregate=median&step=day", "aggregate"),
    ("?aggregate=mean", "aggregate"),
    ("?step=day&tz=Mars/Olympus", "tz"),
    ("?step=day&tz=Etc/GMT%2B10", "tz"),
    ("?step=day&tz=../../etc/passwd", "tz"),
    ("?step=day&tz=posix/Europe/Berlin", "tz"),
    ("?step=day&tz=America/Argentina", "tz"),
    ("?step=day&tz=europe/berlin", "tz"),
    ("?step=day&tz=%00", "tz"),
    ("?step=hour&tz=Europe/Berlin", "tz"),
    ("?tz=Europe/Berlin", "tz"),
    ("?limit=0", "limit"),
    ("?limit=10001", "limit"),
    ("?days=7", "days"),
    ("?step=day&step=week", "step"),
    ("?cursor=bnVsbA", "cursor"),
]


def test_d3_what_is_wrong_with_a_question_is_said(cast: Cast) -> None:
    for query, field in WRONG:
        answer = ask(cast.vera, query)
        assert answer.status_code == 400, query
        assert answer.json()["code"] == "INVALID_REQUEST", query
        assert list(answer.json()["details"]) == [field], query
    assert ask(cast.vera, "?limit=10000&step=raw").status_code == 200
    assert ask(cast.vera, "?step=day&tz=UTC&aggregate=last").status_code == 200


def test_d3_values_of_a_restricted_kpi_are_for_those_who_see_it(cast: Cast) -> None:
    assert len(points(cast.bob, kpi="margin")) == 1
    assert ask(cast.vera, kpi="margin").status_code == 404
    assert ask(cast.vera, kpi="margin").content == ask(cast.vera, kpi="no-such").content


def test_d3_a_cursor_of_the_end_of_all_time_is_taken_and_one_beyond_is_not(cast: Cast) -> None:
    for moment, number, status in (
        ("9998-12-31T23:59:59-23:59", 2**63 - 1, 200),
        ("9998-12-31T23:59:59-23:59", 2**63, 400),
        ("9999-01-01T00:00:00Z", 0, 400),
        ("0002-01-01T00:00:00+23:59", 0, 200),
        ("0001-12-31T00:00:00Z", 0, 400),
        ("2026-01-01T00:00:00", 0, 400),
        ("2026-01-01T00:00:00Z", -1, 400),
    ):
        cursor = urlsafe_b64encode(json.dumps([moment, number]).encode()).decode().rstrip("=")
        for step in ("raw", "month"):
            answer = ask(cast.vera, f"?cursor={cursor}&step={step}")
            assert answer.status_code == status, (moment, number, step)
