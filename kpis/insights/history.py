"""A KPI's history as statistics take it: the last value of each UTC day."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Count, Exists, Max, Min, OuterRef
from django.db.models.functions import TruncDate

from kpis.insights import CONSTANT, FEWEST_DAYS, too_few
from kpis.models import Kpi, KpiValue

# More tells nothing new of a weekly season, and a fit takes longer with each day.
DAYS = 400


def daily_history(kpi: Kpi) -> dict[date, float]:
    """{day: its last value}, oldest first, of the last `DAYS` days up to the newest value."""
    values: Any = KpiValue.objects.filter(kpi=kpi)
    newest = values.aggregate(at=Max("at"))["at"]
    if newest is None:
        return {}
    values = values.filter(at__gt=newest - timedelta(days=DAYS))
    last_times = (
        values.order_by()
        .annotate(day=TruncDate("at", tzinfo=UTC))
        .values("day")
        .annotate(last=Max("at"))
        .values("last")
    )
    last = values.filter(at__in=last_times).order_by("at", "pk").values_list("at", "value")
    return {at.astimezone(UTC).date(): float(value) for at, value in last}


def too_poor(kpi: Kpi) -> str:
    """Why the history says too little; '' where it may say enough."""
    found = KpiValue.objects.filter(kpi=kpi).aggregate(
        days=Count(TruncDate("at", tzinfo=UTC), distinct=True),
        least=Min("value"),
        most=Max("value"),
    )
    if found["days"] < FEWEST_DAYS:
        return too_few(found["days"])
    return CONSTANT if found["least"] == found["most"] else ""


def too_short(kpi_ids: Iterable[UUID]) -> dict[UUID, str]:
    """Which of these KPIs have fewer values than insights need days, and why that says too little.

    One query, which looks at no more values of a KPI than these.
    """
    enough = KpiValue.objects.filter(kpi=OuterRef("pk"))[FEWEST_DAYS - 1 :]
    short = Kpi.objects.filter(~Exists(enough), pk__in=kpi_ids)
    counted = short.annotate(days=Count(TruncDate("values__at", tzinfo=UTC), distinct=True))
    return {kpi_id: too_few(days) for kpi_id, days in counted.values_list("pk", "days")}


def begin_of(day: date) -> datetime:
    return datetime.combine(day, time.min, UTC)


def end_of(day: date) -> datetime:
    """Its last moment; there is no day after 31 December 9999."""
    return datetime.combine(day, time.max, UTC)
