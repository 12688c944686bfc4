"""`GET /api/kpis/history`: what many KPIs have been, in one bounded answer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import groupby
from math import ceil
from operator import itemgetter
from threading import BoundedSemaphore
from uuid import UUID

from django.conf import settings
from django.db.models import Count, Q, QuerySet
from django.utils import timezone
from rest_framework import status
from rest_framework.exceptions import APIException

from kpis.models import Kpi, KpiValue
from kpis.permissions import visible_to
from sync.codecs import to_json, wire_number
from sync.principal import Principal
from sync.times import wire_time

# Each takes a second or two of a core for a long history.
AT_ONCE = 2
PATIENCE = 5.0
READ_AT_ONCE = 1_000

_turns = BoundedSemaphore(AT_ONCE)


class Busy(APIException):
    """Too many ask for the same at once; the answer carries `Retry-After`."""

    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_code = "SERVER_BUSY"
    default_detail = "Too many histories are being read. Try again in a moment."
    wait = int(PATIENCE)


@contextmanager
def turn() -> Iterator[None]:
    """One of the few places in this process. Raises Busy."""
    if not _turns.acquire(timeout=PATIENCE):
        raise Busy
    try:
        yield
    finally:
        _turns.release()


def history_json(principal: Principal, *, days: int) -> bytes:
    """`{"<kpi id>": [["2025-01-20T00:00:00Z", 12.5], ...]}`, oldest first, of every KPI that the
    principal may see.

    A KPI with more values than its part of `BOS_HISTORY_VALUES` is thinned evenly; its newest value
    is always there. Nothing is kept of what was read but the text that goes out.
    """
    since = timezone.now() - timedelta(days=days)
    kpis: QuerySet[Kpi] = Kpi.objects.of(principal.organization_id).filter(visible_to(principal))
    recent = Count("values", filter=Q(values__at__gte=since))
    counts = dict(kpis.annotate(count=recent).values_list("pk", "count"))
    most = max(1, settings.HISTORY_VALUES // max(1, len(counts)))
    values = KpiValue.objects.filter(kpi__in=kpis, at__gte=since).order_by("kpi_id", "-at", "-pk")
    rows = values.values_list("kpi_id", "at", "value").iterator(READ_AT_ONCE)
    parts = []
    for kpi_id, of_kpi in groupby(rows, key=itemgetter(0)):
        every = ceil(counts.pop(kpi_id, most) / most)
        newest_first = [
            (wire_time(at), wire_number(value))
            for n, (_, at, value) in enumerate(of_kpi)
            if n % every == 0
        ]
        parts.append(_member(kpi_id, newest_first[::-1]))
    parts += [_member(kpi_id, []) for kpi_id in counts]  # what has no value in that time
    return b"{" + b",".join(parts) + b"}"


def _member(kpi_id: UUID, values: list[tuple[str, int | float | None]]) -> bytes:
    return to_json(str(kpi_id)) + b":" + to_json(values)
