"""Exit codes of `bos`, and by which errors each comes."""

from __future__ import annotations

from enum import IntEnum

import click

from bos_client.errors import (
    BosError,
    CertificateError,
    ConnectionLost,
    NotBosError,
    ProtocolError,
    RequestRefused,
    SignInError,
    Timeout,
)

MISSING = {"NOT_FOUND", "SESSION_NOT_FOUND"}


class Exit(IntEnum):
    """Why the command has ended."""

    OK = 0
    FAILED = 1
    USAGE = 2
    NOT_SIGNED_IN = 3
    REFUSED = 4
    NO_CONNECTION = 5
    NOT_FOUND = 6
    NOT_BOS = 7
    UNANSWERED = 8


class NotThere(click.ClickException):
    """A name that nothing has, or several have."""

    exit_code = Exit.NOT_FOUND


class NotSignedIn(click.ClickException):
    """There are no credentials to try."""

    exit_code = Exit.NOT_SIGNED_IN


def exit_of(error: BosError) -> Exit:
    """Return the exit code that says why."""
    match error:
        case SignInError():
            return Exit.NOT_SIGNED_IN
        case RequestRefused():
            return Exit.NOT_FOUND if error.code in MISSING else Exit.REFUSED
        case NotBosError() | CertificateError() | ProtocolError():
            return Exit.NOT_BOS
        case Timeout():
            return Exit.UNANSWERED
        case ConnectionLost():
            return Exit.NO_CONNECTION
        case _:
            return Exit.FAILED


def failed(error: BosError) -> click.ClickException:
    """Return the exception by which the command ends with the code that says why."""
    exception = click.ClickException(error.message)
    exception.exit_code = exit_of(error)  # type: ignore[misc]  # click itself reads it so
    return exception
