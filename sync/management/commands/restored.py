from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from sync.eventlog.log import start_over
from sync.models import StreamHead


class Command(BaseCommand):
    help = (
        "Run once after the database was put back to an older state: every client takes a "
        "snapshot. Servers that run meanwhile notice by themselves."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        organization_ids = list(StreamHead.objects.values_list("pk", flat=True))
        for organization_id in organization_ids:
            start_over(organization_id)
        self.stdout.write(f"Organizations whose clients take a snapshot: {len(organization_ids)}.")
