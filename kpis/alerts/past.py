"""A KPI's values before a measurement: alert rules compare the new value with them."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from functools import cached_property
from typing import Any, NamedTuple, Protocol
from uuid import UUID

from django.db.models import Max, Min, Q, QuerySet
from django.utils import timezone

from kpis.models import KpiValue

MOST_AHEAD = timedelta(hours=24)
"""No value is measured later than that: farther ahead, a clock or a date is wrong (decision D2)."""


def require_measured(at: datetime) -> None:
    """Raises ValueError where a value cannot have been measured yet."""
    if at > timezone.now() + MOST_AHEAD:
        raise ValueError("a value is measured in the future")


# Between an event and the worker that looks at it few values of one KPI come.
LATEST = 50
SECOND = timedelta(seconds=1)  # what the wire has times in


class Range(NamedTuple):
    lowest: Decimal
    highest: Decimal


class PastOfValue(Protocol):
    """The time before one value of a KPI, without the value itself.

    told_at: when the value was set. measured_at: when it was measured, which an imported one was
    before that.
    """

    @property
    def told_at(self) -> datetime: ...

    @property
    def measured_at(self) -> datetime: ...

    def previous_at(self) -> datetime | None:
        """Return when the value before it was measured."""

    def within(self, hours: int) -> Range | None:
        """Return the lowest and the highest that the KPI had been in so many hours before.

        What it had been when they began counts as well; where it had been nothing then, they begin
        with its oldest value. None where there is no value before it.
        """


class Past:
    """The time before one value of a KPI, without the value itself; asked for where it is needed.

    told_at: when the value was set. measured_at: the second in which it was measured, where that
    was another time: an imported value is told of today and may be of last week.
    """

    def __init__(
        self, kpi_id: UUID, value: Decimal, told_at: datetime, measured_at: datetime | None = None
    ) -> None:
        self._kpi_id = kpi_id
        self._value = value
        self._measured_at = measured_at
        self._told_at = told_at
        self._ranges: dict[int, Range | None] = {}

    @cached_property
    def _own(self) -> tuple[datetime, int | None]:
        """When it was measured, and under which id it is stored; None where it is no more."""
        values = KpiValue.objects.filter(kpi_id=self._kpi_id)
        second = self._measured_at
        if second is None:
            values = values.filter(at__lte=self._told_at)
        else:
            values = values.filter(at__gte=second, at__lt=second + SECOND)
        latest = values.order_by("-at", "-pk").values_list("at", "pk", "value")[:LATEST]
        found = ((at, pk) for at, pk, value in latest if value == self._value)
        return next(found, (second or self._told_at, None))

    @property
    def told_at(self) -> datetime:
        return self._told_at

    @property
    def measured_at(self) -> datetime:
        return self._own[0]

    @property
    def _before(self) -> QuerySet[KpiValue]:
        at, pk = self._own
        earlier = Q(at__lt=at) if pk is None else Q(at__lt=at) | Q(at=at, pk__lt=pk)
        return KpiValue.objects.filter(earlier, kpi_id=self._kpi_id, at__lte=at)

    def previous_at(self) -> datetime | None:
        times = self._before.order_by("-at", "-pk").values_list("at", flat=True)
        found: datetime | None = times.first()
        return found

    def within(self, hours: int) -> Range | None:
        if hours not in self._ranges:
            self._ranges[hours] = self._range(self.measured_at - timedelta(hours=hours))
        return self._ranges[hours]

    def _range(self, begin: datetime) -> Range | None:
        ends: dict[str, Any] = self._before.filter(at__gt=begin).aggregate(
            lowest=Min("value"), highest=Max("value")
        )
        older = KpiValue.objects.filter(kpi_id=self._kpi_id, at__lte=begin).order_by("-at", "-pk")
        at_begin = older.values_list("value", flat=True).first()
        values = [v for v in (ends["lowest"], ends["highest"], at_begin) if v is not None]
        return Range(min(values), max(values)) if values else None
