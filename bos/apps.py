from __future__ import annotations

from django.apps import AppConfig


class BosConfig(AppConfig):
    name = "bos"
    verbose_name = "Organization"
    default_auto_field = "django.db.models.BigAutoField"
