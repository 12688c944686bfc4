from __future__ import annotations

from typing import Any

from django.contrib.auth.management.commands import changepassword
from django.core.management.base import CommandError

from bos.models import User


class Command(changepassword.Command):
    """Django's, which expects one user a name: an email may be of several organizations."""

    def handle(self, *args: Any, **options: Any) -> str | None:
        try:
            return super().handle(*args, **options)
        except User.MultipleObjectsReturned:
            raise CommandError(
                "Users of several organizations have this email: change it in the admin."
            ) from None
