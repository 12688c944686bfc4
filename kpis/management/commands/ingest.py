from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from bos.management.named import organization_of
from bos.models import Organization, User
from bos.permissions import principal_of
from kpis.ingest.services import ValuesRefused, ingest
from kpis.ingest.values import MOST_VALUES, Format, Parsed, TooMany, Unreadable, parse, shown
from sync.eventlog.threads import letting_others_write
from sync.protocol.errors import TokenInvalid
from sync.protocol.identity import SYSTEM, Actor, acting

SUFFIXES = {
    ".json": Format.JSON,
    ".ndjson": Format.NDJSON,
    ".jsonl": Format.NDJSON,
    ".csv": Format.CSV,
}
FORMATS = {"json": Format.JSON, "ndjson": Format.NDJSON, "csv": Format.CSV}


class Command(BaseCommand):
    help = "Write values of KPIs from a file, as POST /api/v1/values does: for cron."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", help="JSON, NDJSON or CSV; - for what comes in")
        parser.add_argument("--organization", required=True, help="its id or its name")
        parser.add_argument(
            "--as",
            dest="author",
            help="email of a user or name of a service account, whose rights count; default: the"
            " system, which may set every KPI of the organization",
        )
        parser.add_argument("--partial", action="store_true", help="write the good ones")
        parser.add_argument(
            "--format", choices=sorted(FORMATS), help="default: by the file's name, else json"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        organization = organization_of(options["organization"])
        parsed = self._parsed(options["file"], options["format"])
        principal, actor = None, SYSTEM
        if options["author"] is not None:
            author = _author(organization, options["author"])
            principal = principal_of(author)
            actor = Actor(user_id=principal.user_id, source="command")
        try:
            with acting(actor), letting_others_write():
                outcome = ingest(
                    parsed,
                    organization_id=str(organization.pk),
                    principal=principal,
                    partial=options["partial"],
                )
        except TokenInvalid:
            raise CommandError(f"“{options['author']}” is not active.") from None
        except ValuesRefused as refusal:
            lines = [
                f"Value {one['index']}, {one['field'] or 'all of it'}: {one['reason']}."
                for one in shown(refusal.refused, most=20)
            ]
            count = len(refusal.refused)
            raise CommandError(
                f"{count:,} refused, so nothing was written.\n" + "\n".join(lines)
            ) from None
        self.stdout.write(json.dumps(outcome.answer))

    @staticmethod
    def _parsed(file: str, format_: str | None) -> Parsed:
        try:
            body = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        except OSError as error:
            raise CommandError(f"{file}: {error.strerror}.") from None
        by_name = SUFFIXES.get(Path(file).suffix.lower(), Format.JSON)
        try:
            return parse(body, FORMATS[format_] if format_ else by_name)
        except Unreadable as error:
            raise CommandError(str(error)) from None
        except TooMany:
            raise CommandError(f"More than {MOST_VALUES:,} values: split the file.") from None


def _author(organization: Organization, text: str) -> User:
    users = User.objects.of(organization.pk)
    found: list[User] = list(users.people().filter(email=text.strip().lower()))
    found = found or list(users.filter(is_service=True, name=text)[:2])
    if len(found) != 1:
        raise CommandError(f"“{text}” is no user and no service account of the organization.")
    [user] = found
    return user
