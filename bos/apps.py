from __future__ import annotations

from django.apps import AppConfig


class BosConfig(AppConfig):
    name = "bos"
    verbose_name = "Organization"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from bos import checks
        from bos.identity import sessions

        checks.register_all()
        sessions.listen()
