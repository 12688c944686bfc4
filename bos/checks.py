"""System checks of what tokens are signed with (decision O4): found by every command at start.

`bos.settings` refuses what the environment says wrong; these look at what a settings module of
somebody's own has made of it, too.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register, run_checks
from django.core.exceptions import ImproperlyConfigured

ENOUGH = (
    f"Set it to at least {settings.SHORTEST_KEY} random characters: "
    "`python -c 'import secrets; print(secrets.token_urlsafe(50))'`."
)


def check_secret_key(**_: Any) -> list[CheckMessage]:
    if settings.DEBUG:
        return []
    found: list[CheckMessage] = []
    if len(settings.SECRET_KEY) < settings.SHORTEST_KEY:
        found.append(Error("SECRET_KEY is too short.", hint=ENOUGH, id="bos.E001"))
    if any(len(key) < settings.SHORTEST_KEY for key in settings.SECRET_KEY_FALLBACKS):
        short = (
            "A key in SECRET_KEY_FALLBACKS is short: somebody who guesses it can sign valid tokens."
        )
        found.append(Warning(short, hint="Take it out soon.", id="bos.W001"))
    return found


def check_signing_key(**_: Any) -> list[CheckMessage]:
    """Check that nothing that Django signs with SECRET_KEY for another purpose can be a token."""
    signing = {settings.SIMPLE_JWT["SIGNING_KEY"], *settings.TOKEN_KEYS}
    if settings.DEBUG or signing.isdisjoint({settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS}):
        return []
    return [
        Error(
            "Tokens are signed with SECRET_KEY itself.",
            hint="Leave TOKEN_KEYS and SIMPLE_JWT['SIGNING_KEY'] as bos.settings derives them.",
            id="bos.E002",
        )
    ]


def refuse_wrong_settings() -> None:
    """For servers that start without a command of ours. Raises ImproperlyConfigured."""
    wrong = [found for found in run_checks(tags=["bos", "sync"]) if found.is_serious()]
    if wrong:
        raise ImproperlyConfigured("\n".join(str(error) for error in wrong))


def register_all() -> None:
    for check in (check_secret_key, check_signing_key):
        register(check, "bos")
