"""Django's shell, with a source of its own, which the log and the histories name."""

from __future__ import annotations

from typing import Any

from django.core.management.commands import shell

from sync.protocol.identity import SYSTEM, Actor, acting


class Command(shell.Command):
    def handle(self, **options: Any) -> Any:
        with acting(Actor(SYSTEM.user_id, "shell")):
            return super().handle(**options)
