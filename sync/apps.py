from __future__ import annotations

from django.apps import AppConfig


class SyncConfig(AppConfig):
    name = "sync"
    verbose_name = "Real-time kernel"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Collect what the apps plug in (`sync.feature`), and begin to capture."""
        from sync import checks, feature
        from sync.delivery.bus import bus
        from sync.eventlog import capture, log

        checks.register_all()
        feature.collect()
        capture.connect()
        log.publish_with(bus.publish)
