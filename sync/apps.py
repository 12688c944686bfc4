from __future__ import annotations

from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules


class SyncConfig(AppConfig):
    name = "sync"
    verbose_name = "Real-time kernel"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Load every app's `realtime` module: its messages, handlers, topics, synced models."""
        from sync import checks  # noqa: F401 -- they register themselves
        from sync.delivery.bus import bus
        from sync.eventlog import capture, log
        from sync.gateway import handlers  # noqa: F401 -- they register themselves

        autodiscover_modules("realtime")
        capture.connect()
        log.publish_with(bus.publish)
