"""Keep which KPIs an import has brought values of: so that each KPI can tell of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.utils import timezone

from bos.imports.workflow import import_of
from kpis.history.measurements import Written
from kpis.history.stored import CHUNK, chunks
from kpis.models import ImportOfValues
from sync.protocol.identity import current_actor


def note_import(written: Iterable[Written]) -> None:
    """Keep what a slice of an import has brought, beside what its slices before have.

    Runs inside the slice's transaction; there is one import of an organization at a time.
    """
    actor, now = current_actor(), timezone.now()
    import_id = import_of(actor.origin)
    times: dict[UUID, list[datetime]] = defaultdict(list)
    for one in written:
        if not one.is_known:
            times[one.kpi.pk].append(one.at)
    if not import_id or not times:
        return
    kept: dict[UUID, ImportOfValues] = {}
    for some in chunks(sorted(times), CHUNK):
        rows = ImportOfValues.objects.filter(import_id=import_id, kpi__in=some)
        kept |= {row.kpi_id: row for row in rows}
    new = []
    for kpi_id, of_kpi in times.items():
        row = kept.get(kpi_id)
        if row is None:
            row = ImportOfValues(
                kpi_id=kpi_id,
                import_id=UUID(import_id),
                at=now,
                actor_id=actor.user_id,
                values=0,
                first_at=min(of_kpi),
                last_at=max(of_kpi),
            )
            new.append(row)
        row.values += len(of_kpi)
        row.first_at = min(row.first_at, *of_kpi)
        row.last_at = max(row.last_at, *of_kpi)
        if row.pk is not None:
            row.save(update_fields=["values", "first_at", "last_at"])
    ImportOfValues.objects.bulk_create(new)
