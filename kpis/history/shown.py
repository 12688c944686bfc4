"""The values that KPIs showed at some time, as people saw them then.

What came later than it was measured counts from when it came, and what was known to be old when it
came, never: nobody has seen it as the KPI's value. A value that was corrected is the corrected one;
what it was before is not kept.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import islice
from operator import attrgetter
from typing import Any
from uuid import UUID

from django.db.models import OuterRef, Q, QuerySet, Subquery

from bos.things import PastValue
from kpis.models import Kpi, KpiValue
from kpis.permissions import visible_to
from sync.protocol.identity import Principal

PARTS = 64
SHORTEST = timedelta(seconds=1)
_IN_ORDER = attrgetter("shown_at", "number")


def values_at(
    principal: Principal, at: datetime, *, after: UUID | None, limit: int
) -> list[PastValue]:
    """See `bos.things.ValuesAt`."""
    kpis = _visible(principal).order_by("pk")
    if after is not None:
        kpis = kpis.filter(pk__gt=after)
    of_kpi = KpiValue.objects.filter(kpi=OuterRef("pk"))
    at_once = of_kpi.filter(shown_at=None, at__lte=at).order_by("-at", "-pk")
    later = of_kpi.filter(shown_at__lte=at).order_by("-shown_at", "-pk")
    found = kpis.annotate(
        at_once=Subquery(at_once.values("pk")[:1]), later=Subquery(later.values("pk")[:1])
    ).values_list("pk", "at_once", "later")[:limit]
    rows = list(found)
    numbers = {number for row in rows for number in row[1:]} - {None}
    values = {one.number: one for one in _read(KpiValue.objects.filter(pk__in=numbers))}
    return [
        max((values[number] for number in of_one if number in values), key=_IN_ORDER, default=None)
        or PastValue(kpi_id, None, at, 0)
        for kpi_id, *of_one in rows
    ]


def values_between(
    principal: Principal,
    since: datetime,
    until: datetime,
    *,
    after: tuple[datetime, int] | None,
    limit: int,
) -> list[PastValue]:
    """See `bos.things.ValuesBetween`."""
    begin = since if after is None else after[0]
    length = max((until - begin) / PARTS, SHORTEST)
    found: list[PastValue] = []
    while True:
        # Part by part: what is behind the page would all be read to be put in order.
        end = min(begin + length, until)
        found += _within(principal, begin, end, after=after, limit=limit - len(found))
        if len(found) == limit or end == until:
            return found
        begin, after, length = end, None, length * 2


def _within(
    principal: Principal,
    begin: datetime,
    end: datetime,
    *,
    after: tuple[datetime, int] | None,
    limit: int,
) -> list[PastValue]:
    visible = _visible(principal).order_by().values("pk")
    found: list[PastValue] = []
    # Each by its own index: as one condition it would be answered by neither.
    for column, which in (("at", Q(shown_at=None)), ("shown_at", Q(shown_at__isnull=False))):
        rows = KpiValue.objects.filter(which, kpi__in=visible, **{f"{column}__lte": end})
        if after is None:
            rows = rows.filter(**{f"{column}__gt": begin})
        else:
            at, number = after
            behind = Q(**{f"{column}__gt": at}) | Q(**{column: at}, pk__gt=number)
            rows = rows.filter(behind, **{f"{column}__gte": at})
        found += _read(rows.order_by(column, "pk")[:limit])
    return list(islice(sorted(found, key=_IN_ORDER), limit))


def _visible(principal: Principal) -> QuerySet[Kpi]:
    of_tenant: QuerySet[Kpi] = Kpi.objects.of(principal.organization_id)
    return of_tenant.filter(visible_to(principal))


def _read(rows: QuerySet[KpiValue]) -> Iterable[PastValue]:
    columns: Any = rows.values_list("kpi_id", "value", "at", "shown_at", "pk")
    for kpi_id, value, at, shown_at, number in columns:
        yield PastValue(kpi_id, value, shown_at or at, number)
