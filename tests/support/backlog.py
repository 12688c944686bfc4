"""The backlog that other tests leave to workers: the events of hundreds of organizations."""

from __future__ import annotations

from bos.outside.making import PROCESSOR as OUTSIDE
from kpis.alerts.clock import PROCESSOR as KPIS
from sync.eventlog import log
from sync.models import ProcessorPosition, StreamHead


def skip_backlog() -> None:
    """Have workers begin behind what the log holds now. None may be running."""
    ProcessorPosition.objects.bulk_create(
        [
            ProcessorPosition(name=name, organization_id=head.pk, sequence=head.sequence)
            for head in StreamHead.objects.all()
            for name in (KPIS, OUTSIDE)
        ],
        update_conflicts=True,
        unique_fields=["name", "organization_id"],
        update_fields=["sequence"],
    )


def is_processed(organization_id: str) -> bool:
    """Whether workers have looked at all values of the organization."""
    position = ProcessorPosition.objects.get(name=KPIS, organization_id=organization_id)
    return position.sequence == log.head(organization_id).sequence
