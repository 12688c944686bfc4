from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from sync.asyncapi import rendered


class Command(BaseCommand):
    help = "Write docs/asyncapi.json and docs/messages.md from the message structs."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--check", action="store_true", help="fail where they are stale")

    def handle(self, *args: Any, **options: Any) -> None:
        docs = Path(settings.BASE_DIR) / "docs"
        for name, text in rendered().items():
            file = docs / name
            if not options["check"]:
                file.write_text(text)
            elif not file.exists() or file.read_text() != text:
                raise CommandError(f"docs/{name} is stale: run `make docs`.")
