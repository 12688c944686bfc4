"""Errors of requests, and the codes by which clients are informed of them.

ProtocolError
    InvalidMessage            INVALID_MESSAGE_FORMAT
    NotServed                 INVALID_MESSAGE_FORMAT
    AuthenticationRequired    AUTHENTICATION_REQUIRED
    TokenInvalid              INVALID_TOKEN
    TokenExpired              TOKEN_EXPIRED
    Unauthorized              UNAUTHORIZED
    InvalidChannel            INVALID_CHANNEL
    SubscriptionFailed        SUBSCRIPTION_FAILED
    RateLimitExceeded         RATE_LIMIT_EXCEEDED
    InternalServerError       INTERNAL_SERVER_ERROR
        OutcomeUnknown        INTERNAL_SERVER_ERROR
    NotFound                  NOT_FOUND
SyncRefused                   answered with SYNC_ERROR

Features declare further ones, with codes of their own (`Feature.errors`).
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, ClassVar, Literal, TypedDict, Unpack, cast


class ErrorCode(StrEnum):
    """The kernel's codes of an ERROR: of the document's table, and NOT_FOUND (decision E6)."""

    INVALID_MESSAGE_FORMAT = "INVALID_MESSAGE_FORMAT"
    AUTHENTICATION_REQUIRED = "AUTHENTICATION_REQUIRED"
    INVALID_TOKEN = "INVALID_TOKEN"
    TOKEN_EXPIRED = "TOKEN_EXPIRED"
    UNAUTHORIZED = "UNAUTHORIZED"
    INVALID_CHANNEL = "INVALID_CHANNEL"
    SUBSCRIPTION_FAILED = "SUBSCRIPTION_FAILED"
    RATE_LIMIT_EXCEEDED = "RATE_LIMIT_EXCEEDED"
    INTERNAL_SERVER_ERROR = "INTERNAL_SERVER_ERROR"
    NOT_FOUND = "NOT_FOUND"


class SyncErrorCode(StrEnum):
    """Every `code` of a SYNC_ERROR (decision V4)."""

    SYNC_HISTORY_EXPIRED = "SYNC_HISTORY_EXPIRED"
    SYNC_TIMESTAMP_IN_FUTURE = "SYNC_TIMESTAMP_IN_FUTURE"
    UNAUTHORIZED = "UNAUTHORIZED"
    INVALID_CHANNEL = "INVALID_CHANNEL"


class ErrorDetails(TypedDict, total=False):
    """Details of an error besides its code, by the names on the wire; each has what fits it.

    field: which field is wrong, and reason: why. hint: what to do instead. type: of the request.
    channel, requestId, and ids that features declare: which one is meant. limit, window, retryAfter
    (whole seconds), scope: how much there may be, in which time, when there is room again, and
    whose limit it is. outcome: `unknown` where it may have been done. closeCode: the connection is
    closed with this code.
    """

    field: str
    reason: str
    hint: str
    type: str
    channel: str
    requestId: str
    limit: int
    window: str
    retryAfter: int
    scope: str
    outcome: Literal["unknown"]
    closeCode: int


class ProtocolError(Exception):
    """The request was refused; the connection stays open.

    Nothing was changed, except perhaps with OutcomeUnknown. The docstring is the default message.
    """

    code: ClassVar[str]
    action: ClassVar[str] = ""
    """Advice to a client, in a sentence; of an error that a feature declares."""

    def __init__(self, message: str = "", **details: Any) -> None:
        """details: those of ErrorDetails, and ids that a feature declares (`Feature.error_ids`)."""
        self.message = message or (type(self).__doc__ or "").strip().splitlines()[0]
        self.details = cast(ErrorDetails, details)
        super().__init__(self.message)


class InvalidMessage(ProtocolError):
    """The message is not well formed."""

    code = ErrorCode.INVALID_MESSAGE_FORMAT

    def __init__(self, field: str, reason: str, *, hint: str = "") -> None:
        message = f"The message is not well formed: {reason}."
        super().__init__(message, field=field, reason=reason)
        if hint:
            self.details["hint"] = hint


class NotServed(ProtocolError):
    """This message type is known, but this server does not serve it yet."""

    code = ErrorCode.INVALID_MESSAGE_FORMAT


class AuthenticationRequired(ProtocolError):
    """Send AUTH first."""

    code = ErrorCode.AUTHENTICATION_REQUIRED


class TokenInvalid(ProtocolError):
    """Authentication token is invalid or expired"""

    code = ErrorCode.INVALID_TOKEN


class TokenExpired(ProtocolError):
    """Authentication token has expired. Please reauthenticate."""

    code = ErrorCode.TOKEN_EXPIRED


class Unauthorized(ProtocolError):
    """You may not do this, or it does not exist."""

    code = ErrorCode.UNAUTHORIZED


class InvalidChannel(ProtocolError):
    """The channel name is not of the form kind:id."""

    code = ErrorCode.INVALID_CHANNEL


class SubscriptionFailed(ProtocolError):
    """The subscription failed."""

    code = ErrorCode.SUBSCRIPTION_FAILED


class RateLimitExceeded(ProtocolError):
    """You are sending messages too quickly. Please slow down."""

    code = ErrorCode.RATE_LIMIT_EXCEEDED


class InternalServerError(ProtocolError):
    """The server could not process the message. Nothing was changed; try again."""

    code = ErrorCode.INTERNAL_SERVER_ERROR


class OutcomeUnknown(InternalServerError):
    """It is not known whether this was done. With the same requestId it is safe to try again."""

    def __init__(self) -> None:
        super().__init__(outcome="unknown")


class NotFound(ProtocolError):
    """It does not exist."""

    code = ErrorCode.NOT_FOUND


class SyncRefused(Exception):
    """This sync cannot be served whole, so none of it is sent (decision V4)."""

    def __init__(self, code: SyncErrorCode, message: str, **details: Unpack[ErrorDetails]) -> None:
        self.code, self.message, self.details = code, message, details
        super().__init__(message)


declared: dict[str, type[ProtocolError]] = {}
"""The errors of features, by their codes."""
declared_ids: set[str] = set()
"""Names of `details`, each with the id that is meant, which features use."""


def add_error(error: type[ProtocolError]) -> None:
    declared[error.code] = error


def error_codes() -> set[str]:
    """Every `code` of an ERROR, the kernel's and the features'."""
    return {*map(str, ErrorCode), *declared}
