from __future__ import annotations

import json
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from kpis.demo.seed import seed


class Command(BaseCommand):
    help = "Make the demo organizations, with accounts whose passwords everybody knows."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="print ids and accounts as JSON")
        parser.add_argument("--force", action="store_true", help="also where DEBUG is off")

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEBUG and not options["force"]:
            raise CommandError(
                "DEBUG is off, and demo accounts have known passwords. Use --force if you mean it."
            )
        organizations = seed(timezone.now().date())
        if options["json"]:
            self.stdout.write(json.dumps({"organizations": organizations}))
            return
        for organization in organizations:
            self.stdout.write(f"{organization['name']}: {len(organization['kpis'])} KPIs")
            for user in organization["users"]:
                self.stdout.write(f"  {user['email']}  {user['password']}")
