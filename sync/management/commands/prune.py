from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from sync.eventlog.retention import prune_all


class Command(BaseCommand):
    help = "Delete history, retry records and spent tokens that are too old; servers do it, too."

    def handle(self, *args: Any, **options: Any) -> None:
        for what, count in prune_all().items():
            self.stdout.write(f"{count} {what}")
