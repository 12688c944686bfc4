"""`GET /api/kpis/history`: what many KPIs have been, in bounded answers."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from operator import itemgetter
from threading import BoundedSemaphore
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Count, Max, Min, Q, QuerySet
from django.utils import timezone
from rest_framework import status
from rest_framework.exceptions import APIException

from bos.web.turns import turns
from kpis.history.thinning import KEPT, Value, step_for, thinned
from kpis.models import Kpi, KpiValue
from kpis.permissions import visible_to
from sync.eventlog.threads import reading
from sync.protocol.codecs import to_json, wire_number
from sync.protocol.identity import Principal
from sync.protocol.times import wire_time

# Each takes a second or two of a core for a long history.
AT_ONCE = 2
PATIENCE = 5.0
READ_AT_ONCE = 1_000
MOST_KPIS = 1_000
"""In one answer; with 50,000 values it has 2.4 MB."""
MOST_NAMED = 100
"""In one request: the address that names them stays short."""

_places = BoundedSemaphore(AT_ONCE)


class Busy(APIException):
    """Too many ask for the same at once; the answer carries `Retry-After`."""

    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_code = "SERVER_BUSY"
    default_detail = "Too many histories are being read. Try again in a moment."
    wait = int(PATIENCE)


@contextmanager
def turn() -> Iterator[None]:
    """One of the few places in this process. Raises Busy."""
    with turns.given_back():
        has_place = _places.acquire(timeout=PATIENCE)
    if not has_place:
        raise Busy
    try:
        yield
    finally:
        _places.release()


@dataclass(frozen=True, slots=True)
class Page:
    """body: `{"<kpi id>": [["2025-01-20T00:00:00Z", 12.5], ...]}`, oldest first."""

    body: bytes
    thinned: int
    """Of so many KPIs not all values are there."""
    step: int
    """Of these there are three values for each so many seconds, or for fewer."""
    following: UUID | None
    """The last KPI of this page, where there are more after it."""


@dataclass(frozen=True, slots=True)
class _Extent:
    """The extent of a KPI's values in the time that is asked for."""

    count: int
    first: datetime | None
    last: datetime | None

    def step(self, most: int) -> int:
        """0 where all of it may be shown."""
        if self.count <= most or self.first is None or self.last is None:
            return 0
        return step_for(self.first, self.last, most=most)


def history_page(
    principal: Principal,
    *,
    days: int,
    after: UUID | None = None,
    kpis: Collection[UUID] | None = None,
) -> Page:
    """Return the history of those KPIs that the principal may see, a thousand from `after` on.

    kpis: only of these; None for all.
    A KPI with more than `BOS_KPI_HISTORY_VALUES` values, or than its part of `BOS_HISTORY_VALUES`,
    is thinned. Nothing is kept of what was read but the text that goes out.
    """
    since = timezone.now() - timedelta(days=days)
    seen: QuerySet[Kpi] = Kpi.objects.of(principal.organization_id).filter(visible_to(principal))
    if kpis is not None:
        seen = seen.filter(pk__in=kpis)
    if after is not None:
        seen = seen.filter(pk__gt=after)
    most_kpis = min(MOST_KPIS, max(1, settings.HISTORY_VALUES // KEPT))
    with reading():
        ids = list(seen.order_by("pk").values_list("pk", flat=True)[: most_kpis + 1])
        following = ids[most_kpis - 1] if len(ids) > most_kpis else None
        extents = _extents(ids[:most_kpis], since)
        part = settings.HISTORY_VALUES // max(1, len(extents))
        most = max(KEPT, min(settings.KPI_HISTORY_VALUES, part))
        steps = {kpi_id: extent.step(most) for kpi_id, extent in extents.items()}
        body = b"{" + b",".join(_members(extents, steps, since)) + b"}"
    return Page(body, sum(map(bool, steps.values())), max(steps.values(), default=0), following)


def _extents(ids: list[UUID], since: datetime) -> dict[UUID, _Extent]:
    of_time = Q(values__at__gte=since)
    counted = Kpi.objects.filter(pk__in=ids).annotate(
        count=Count("values", filter=of_time),
        first=Min("values__at", filter=of_time),
        last=Max("values__at", filter=of_time),
    )
    rows = counted.order_by("pk").values_list("pk", "count", "first", "last")
    return {kpi_id: _Extent(*extent) for kpi_id, *extent in rows}


def _members(
    extents: dict[UUID, _Extent], steps: dict[UUID, int], since: datetime
) -> Iterator[bytes]:
    values: Any = KpiValue.objects.filter(kpi__in=extents, at__gte=since)
    rows = values.order_by("kpi_id", "at", "pk").values_list("kpi_id", "at", "value")
    empty = dict.fromkeys(extents)
    for kpi_id, of_kpi in groupby(rows.iterator(READ_AT_ONCE), key=itemgetter(0)):
        del empty[kpi_id]
        shown: Iterator[Value] = ((at, value) for _, at, value in of_kpi)
        first = extents[kpi_id].first
        if steps[kpi_id] and first is not None:
            shown = thinned(shown, first=first, step=steps[kpi_id])
        yield _member(kpi_id, shown)
    for kpi_id in empty:
        yield _member(kpi_id, iter(()))


def _member(kpi_id: UUID, values: Iterator[Value]) -> bytes:
    shown = [(wire_time(at), wire_number(value)) for at, value in values]
    return to_json(str(kpi_id)) + b":" + to_json(shown)
