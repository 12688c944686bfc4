from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from bos.outside.push import new_private_key


class Command(BaseCommand):
    help = "Make the key that signs web pushes, and print it as it goes into the environment."

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(f"BOS_VAPID_PRIVATE_KEY={new_private_key()}")
