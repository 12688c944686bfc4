"""The values of one KPI: each of them, or a figure for each hour, day, week or month (D3).

The database makes the figures. However long a history is, an answer looks at a part of it, and the
next one goes on there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Context, Decimal
from enum import StrEnum
from typing import Annotated, Any, NamedTuple

import msgspec
from django.db.models import Avg, Count, Max, Min, Q, QuerySet, Sum
from django.db.models.functions import Trunc
from msgspec import Meta

from kpis.entities import Value
from kpis.history.stored import chunks
from kpis.models import Kpi, KpiValue
from sync.protocol.codecs import SIGNIFICANT_DIGITS, wire_number
from sync.protocol.messages import Time
from sync.protocol.times import wire_time

MOST_READ = 100_000
"""Values that an answer's figures are made of, where no single step has more: on SQLite, which asks
Python where each of them belongs, that is half a second of a core."""
TIMES_AT_ONCE = 500
_ROUNDED = Context(prec=SIGNIFICANT_DIGITS)


class Step(StrEnum):
    RAW = "raw"
    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"

    def begin_of(self, at: datetime, zone: tzinfo) -> datetime:
        """Return the beginning of the step that a time is in; a week begins on Monday."""
        begin = at.astimezone(zone).replace(minute=0, second=0, microsecond=0, fold=0)
        if self is Step.HOUR:
            return begin
        begin = begin.replace(hour=0)
        if self is Step.WEEK:
            return begin - timedelta(days=begin.weekday())
        return begin.replace(day=1) if self is Step.MONTH else begin

    def after(self, begin: datetime) -> datetime:
        """Return the beginning of the next step, by the clocks of the zone."""
        match self:
            case Step.HOUR:
                return begin + timedelta(hours=1)
            case Step.MONTH:
                return (begin.replace(day=28) + timedelta(days=4)).replace(day=1)
            case _:
                return begin + timedelta(days=7 if self is Step.WEEK else 1)


class Aggregate(StrEnum):
    LAST = "last"
    MEAN = "mean"
    SUM = "sum"
    MIN = "min"
    MAX = "max"


_FIGURES: dict[Aggregate, Callable[[], Any]] = {
    Aggregate.LAST: lambda: Max("at"),
    Aggregate.MEAN: lambda: Avg("value"),
    Aggregate.SUM: lambda: Sum("value"),
    Aggregate.MIN: lambda: Min("value"),
    Aggregate.MAX: lambda: Max("value"),
}

Begin = Annotated[
    str,
    Meta(description="The beginning of the step.", extra_json_schema={"format": "date-time"}),
]
SetBy = Annotated[
    str,
    Meta(
        description="Id of the user or service account; `system` for the system.",
        examples=["5f0c1a52-8a53-4d0b-9f5d-3f1f4f7c2b6e"],
    ),
]


class MeasuredValue(msgspec.Struct, rename="camel"):
    """A value that the KPI had from this time on; of `step=raw`."""

    at: Time
    value: Value
    set_by: SetBy


class StepValue(msgspec.Struct, rename="camel"):
    """The figure of a step that has values, and how many these are; of any other `step`."""

    at: Begin
    value: Value
    count: Annotated[int, Meta(ge=1)]


class Place(NamedTuple):
    """A place in the history: after this value, or with number 0 from this time on."""

    at: datetime
    number: int


@dataclass(frozen=True, slots=True)
class Asked:
    """The part of a history that is asked for: begin <= at < end, after a place."""

    step: Step
    aggregate: Aggregate
    begin: datetime | None
    end: datetime | None
    zone: tzinfo = UTC
    after: Place | None = None
    limit: int = 1_000
    most_read: int = MOST_READ

    def rows(self, kpi: Kpi) -> QuerySet[KpiValue]:
        rows = KpiValue.objects.filter(kpi=kpi)
        if self.begin is not None:
            rows = rows.filter(at__gte=self.begin)
        if self.end is not None:
            rows = rows.filter(at__lt=self.end)
        if self.after is not None:
            at, number = self.after
            rows = rows.filter(Q(at__gt=at) | Q(pk__gt=number), at__gte=at)
        return rows


@dataclass(frozen=True, slots=True)
class Points:
    """following: where the next page begins; None where there is nothing more."""

    points: Sequence[MeasuredValue | StepValue]
    following: Place | None


def points_of(kpi: Kpi, asked: Asked) -> Points:
    """Return the first points of what is asked for, oldest first."""
    return _raw(kpi, asked) if asked.step is Step.RAW else _stepped(kpi, asked)


def _raw(kpi: Kpi, asked: Asked) -> Points:
    columns = ("at", "pk", "value", "actor_id")
    rows = list(asked.rows(kpi).order_by("at", "pk").values_list(*columns)[: asked.limit + 1])
    shown = rows[: asked.limit]
    points = [MeasuredValue(wire_time(at), _number(value), by) for at, _, value, by in shown]
    following = Place(*shown[-1][:2]) if len(rows) > len(shown) else None
    return Points(points, following)


def _stepped(kpi: Kpi, asked: Asked) -> Points:
    until = _reach(kpi, asked)
    if until is not None:
        asked = replace(asked, end=until)
    steps = (
        asked.rows(kpi)
        .annotate(begin=Trunc("at", asked.step.value, tzinfo=asked.zone))
        .values("begin")
        .annotate(count=Count("pk"), figure=_FIGURES[asked.aggregate]())
        .order_by("begin")
        .values_list("begin", "count", "figure")
    )
    rows = list(steps[: asked.limit + 1])
    shown = rows[: asked.limit]
    if len(rows) > len(shown):
        until = rows[-1][0]
    figures = [figure for _, _, figure in shown]
    if asked.aggregate is Aggregate.LAST:
        last = _values_at(kpi, figures)
        figures = [last[at] for at in figures]
    points = [
        StepValue(wire_time(begin), _number(figure), count)
        for (begin, count, _), figure in zip(shown, figures, strict=True)
    ]
    return Points(points, None if until is None else Place(until, 0))


def _reach(kpi: Kpi, asked: Asked) -> datetime | None:
    """Return where a step begins before which there are `most_read` values, or the first step ends
    that has more; None where all that is asked for has fewer."""
    times = asked.rows(kpi).order_by("at").values_list("at", flat=True)
    beyond = list(times[asked.most_read : asked.most_read + 1])
    if not beyond:
        return None
    begin = asked.step.begin_of(beyond[0], asked.zone)
    first = asked.step.begin_of(times[0], asked.zone)
    until = begin if begin > first else asked.step.after(first)
    return until if asked.end is None or until < asked.end else None


def _values_at(kpi: Kpi, times: Sequence[datetime]) -> dict[datetime, Decimal]:
    """Return the value at each of these times; of several, the one that was written last."""
    found: dict[datetime, Decimal] = {}
    for some in chunks(times, TIMES_AT_ONCE):
        rows = KpiValue.objects.filter(kpi=kpi, at__in=some).order_by("pk")
        found.update(rows.values_list("at", "value"))
    return found


def _number(value: Decimal) -> float:
    """Return it with as many digits as a value may have: a mean has no end, and each database ends
    it elsewhere."""
    number = wire_number(_ROUNDED.create_decimal(value))
    assert number is not None
    return number
