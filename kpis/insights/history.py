"""A KPI's history as it is read for insights and charts; and what is too little of it.

Light: servers load it, too.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Exists, Max, Min, OuterRef
from django.db.models.functions import TruncDate, TruncHour
from django.utils import timezone

from kpis.insights import reasons
from kpis.insights.rhythm import FEWEST_VALUES, Values, by_days
from kpis.models import Kpi, KpiValue

# More tells nothing new of a weekly season, and a fit takes longer with each day.
DAYS = 400
HOURLY_DAYS = 130
"""Of what is measured several times a day: 18 values of each hour of the week."""
SPARSE = 130
"""With fewer days in `DAYS` a KPI comes weekly or more seldom: its values count, not its days."""
MOST_SPARSE = 400
CLOCKS_DIFFER = timedelta(minutes=5)
"""A value measured later than so long from now is no history."""


def daily_history(kpi: Kpi) -> dict[date, float]:
    """{day: its last value}, oldest first, of the last `DAYS` days up to the newest value."""
    return {at.date(): value for at, value in _last_of_each(kpi, TruncDate, DAYS)}


def values_of(kpi: Kpi) -> Values:
    """The last value of each hour of the last months, and, of a KPI that has about one a day, of
    each day before; at most 3,600 rows.

    Of a KPI that comes weekly or more seldom, however far they reach back.
    """
    hourly = _last_of_each(kpi, TruncHour, HOURLY_DAYS)
    if len(hourly) >= 2 * len({at.date() for at, _ in hourly}):
        return hourly
    days = daily_history(kpi)
    if len(days) < SPARSE:
        newest = _known(kpi).order_by("-at", "-pk").values_list("at", "value")[:MOST_SPARSE]
        sparse = [(at.astimezone(UTC), float(value)) for at, value in reversed(newest)]
        if len({at.date() for at, _ in sparse}) >= SPARSE or len(sparse) < MOST_SPARSE:
            return list({_hour(at): (at, value) for at, value in sparse}.values())
    first = hourly[0][0].date()
    before = [(datetime.combine(day, time.max, UTC), value) for day, value in days.items()]
    return [(at, value) for at, value in before if at.date() < first] + hourly


def _hour(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)


def _known(kpi: Kpi) -> Any:
    return KpiValue.objects.filter(kpi=kpi, at__lte=timezone.now() + CLOCKS_DIFFER)


def _last_of_each(kpi: Kpi, trunc: Any, days: int) -> list[tuple[datetime, float]]:
    values: Any = _known(kpi)
    newest = values.aggregate(at=Max("at"))["at"]
    if newest is None:
        return []
    values = values.filter(at__gt=newest - timedelta(days=days))
    last_times = (
        values.order_by()
        .annotate(part=trunc("at", tzinfo=UTC))
        .values("part")
        .annotate(last=Max("at"))
        .values("last")
    )
    last = values.filter(at__in=last_times).order_by("at", "pk").values_list("at", "value")
    # Of two at the same moment the later one counts.
    return list({at.astimezone(UTC): float(value) for at, value in last}.items())


def has_been_negative(kpi: Kpi) -> bool:
    return KpiValue.objects.filter(kpi=kpi, value__lt=0).exists()


# ------------------------------------------------------------------ what says too little


def too_poor(kpi: Kpi) -> str:
    """Why the history says too little; '' where it may say enough.

    By its days, which is cheap: a worker that looks at each value may find another reason.
    """
    days = sorted(daily_history(kpi))
    if len(days) < SPARSE:
        newest = _known(kpi).order_by("-at").values_list("at", flat=True)[:MOST_SPARSE]
        days = sorted({at.astimezone(UTC).date() for at in newest} | set(days))
    today = timezone.now().astimezone(UTC).date()
    if reason := reasons.of_days(by_days(days), days, today):
        return reason
    found = KpiValue.objects.filter(kpi=kpi).aggregate(least=Min("value"), most=Max("value"))
    return reasons.CONSTANT if found["least"] == found["most"] else ""


def too_short(kpi_ids: Iterable[UUID]) -> dict[UUID, str]:
    """Which of these KPIs have fewer values than any insight needs, and why that says too little.

    Two queries, which look at no more values of a KPI than these.
    """
    enough = KpiValue.objects.filter(kpi=OuterRef("pk"))[FEWEST_VALUES - 1 :]
    short = Kpi.objects.filter(~Exists(enough), pk__in=kpi_ids).values_list("pk", flat=True)
    days: dict[UUID, set[date]] = defaultdict(set)
    known = {kpi_id: days[kpi_id] for kpi_id in short}
    for kpi_id, at in KpiValue.objects.filter(kpi__in=known).values_list("kpi_id", "at"):
        known[kpi_id].add(at.astimezone(UTC).date())
    return {
        kpi_id: reasons.too_few(by_days(sorted(found)), len(found))
        for kpi_id, found in known.items()
    }


def begin_of(day: date) -> datetime:
    return datetime.combine(day, time.min, UTC)


def end_of(day: date) -> datetime:
    """Its last moment; there is no day after 31 December 9999."""
    return datetime.combine(day, time.max, UTC)
