"""The backlog that other tests leave to workers: the events of hundreds of organizations."""

from __future__ import annotations

from sync.eventlog import log
from sync.models import ProcessorPosition, StreamHead

PROCESSOR = "kpis"


def skip_backlog() -> None:
    """Have workers begin behind what the log holds now. None may be running."""
    ProcessorPosition.objects.bulk_create(
        [
            ProcessorPosition(name=PROCESSOR, organization_id=head.pk, sequence=head.sequence)
            for head in StreamHead.objects.all()
        ],
        update_conflicts=True,
        unique_fields=["name", "organization_id"],
        update_fields=["sequence"],
    )


def is_processed(organization_id: str) -> bool:
    position = ProcessorPosition.objects.get(name=PROCESSOR, organization_id=organization_id)
    return position.sequence == log.head(organization_id).sequence
