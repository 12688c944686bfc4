"""Everything that goes wrong, as one family of exceptions.

BosError
    RequestRefused      the server has refused a request, or a channel
        RateLimited     and went on doing so until the client gave up
    SignInError         only signing in anew helps
    ConnectionLost      there is no connection just now; the client comes back by itself
        GivenUp         a request that was not answered for too long
    ClosedError         the client was closed
    NotBosError         the address is no BOS
    ProtocolError       something came that must not come
    CertificateError    the server's certificate does not hold
    Timeout             the caller's own patience is over
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar


class BosError(Exception):
    """code: for programs. details: as the server wrote them, by their names on the wire."""

    CODE: ClassVar[str] = "ERROR"

    def __init__(
        self, message: str, *, code: str = "", details: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.CODE
        self.details: Mapping[str, Any] = details or {}


class RequestRefused(BosError):
    """The server has refused it; nothing was changed. `code` is the server's."""


class RateLimited(RequestRefused):
    """The server had no room for it until the client gave up."""


class SignInError(BosError):
    """The token, the password or the access does not hold: only signing in anew helps."""

    CODE = "SIGN_IN"


class ConnectionLost(BosError):
    """There is no connection just now.

    retry_after: how many seconds the server asks to wait, or None.
    """

    CODE = "CONNECTION_LOST"

    def __init__(self, message: str, *, retry_after: float | None = None, code: str = "") -> None:
        super().__init__(message, code=code)
        self.retry_after = retry_after


class GivenUp(ConnectionLost):
    """A request was not answered for too long. sent: it may have been acted on."""

    CODE = "GIVEN_UP"

    def __init__(self, message: str, *, sent: bool) -> None:
        super().__init__(message)
        self.sent = sent


class ClosedError(BosError):
    """The client is closed. sent: the request had left, and may have been acted on."""

    CODE = "CLOSED"

    def __init__(self, message: str, *, sent: bool = False) -> None:
        super().__init__(message)
        self.sent = sent


class NotBosError(BosError):
    """No BOS answers at this address.

    status: of an HTTP answer, or None.
    """

    CODE = "NOT_BOS"

    def __init__(self, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class ProtocolError(BosError):
    """A message that cannot be understood, from the server or, as it says, from this client."""

    CODE = "PROTOCOL"


class CertificateError(BosError):
    """The certificate of the server does not hold."""

    CODE = "CERTIFICATE"


class Timeout(BosError, TimeoutError):
    """The caller's own patience is over. sent: the request may have been acted on."""

    CODE = "TIMEOUT"

    def __init__(self, message: str, *, sent: bool = False) -> None:
        super().__init__(message)
        self.sent = sent
