from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from sync.reference.documents import documents, stale


class Command(BaseCommand):
    help = "Write what docs/ has of the declarations: AsyncAPI, messages, entities, metrics, types."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--check", action="store_true", help="only say whether they are stale")

    def handle(self, *args: Any, **options: Any) -> None:
        old = stale()
        if options["check"]:
            if old:
                names = ", ".join(path.name for path in old)
                raise CommandError(f"{names}: not what is declared now; run `make docs`.")
            return
        texts = documents()
        for path in old:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(texts[path], encoding="utf-8")
            self.stdout.write(f"{path.relative_to(settings.BASE_DIR)} written")
