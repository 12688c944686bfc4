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
    SessionNotFound           SESSION_NOT_FOUND
    SessionFull               SESSION_FULL
    RateLimitExceeded         RATE_LIMIT_EXCEEDED
    InternalServerError       INTERNAL_SERVER_ERROR
        OutcomeUnknown        INTERNAL_SERVER_ERROR
    NotFound                  NOT_FOUND
SyncRefused                   answered with SYNC_ERROR
"""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar


class ErrorCode(StrEnum):
    """Every `code` of an ERROR. The document's table, plus NOT_FOUND (decision E6)."""

    INVALID_MESSAGE_FORMAT = "INVALID_MESSAGE_FORMAT"
    AUTHENTICATION_REQUIRED = "AUTHENTICATION_REQUIRED"
    INVALID_TOKEN = "INVALID_TOKEN"
    TOKEN_EXPIRED = "TOKEN_EXPIRED"
    UNAUTHORIZED = "UNAUTHORIZED"
    INVALID_CHANNEL = "INVALID_CHANNEL"
    SUBSCRIPTION_FAILED = "SUBSCRIPTION_FAILED"
    SESSION_NOT_FOUND = "SESSION_NOT_FOUND"
    SESSION_FULL = "SESSION_FULL"
    RATE_LIMIT_EXCEEDED = "RATE_LIMIT_EXCEEDED"
    INTERNAL_SERVER_ERROR = "INTERNAL_SERVER_ERROR"
    NOT_FOUND = "NOT_FOUND"


class SyncErrorCode(StrEnum):
    """Every `code` of a SYNC_ERROR (decision V4)."""

    SYNC_HISTORY_EXPIRED = "SYNC_HISTORY_EXPIRED"
    SYNC_TIMESTAMP_IN_FUTURE = "SYNC_TIMESTAMP_IN_FUTURE"
    UNAUTHORIZED = "UNAUTHORIZED"
    INVALID_CHANNEL = "INVALID_CHANNEL"


class ProtocolError(Exception):
    """The request was refused; the connection stays open.

    Nothing was changed, except perhaps with OutcomeUnknown.
    """

    code: ClassVar[ErrorCode]

    def __init__(self, message: str = "", **details: object) -> None:
        self.message = message or (type(self).__doc__ or "").strip().splitlines()[0]
        self.details = details
        super().__init__(self.message)


class InvalidMessage(ProtocolError):
    """The message is not well formed."""

    code = ErrorCode.INVALID_MESSAGE_FORMAT

    def __init__(self, field: str, reason: str, **more: object) -> None:
        message = f"The message is not well formed: {reason}."
        super().__init__(message, field=field, reason=reason, **more)


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
    """The subscription could not be made."""

    code = ErrorCode.SUBSCRIPTION_FAILED


class SessionNotFound(ProtocolError):
    """There is no such collaboration session."""

    code = ErrorCode.SESSION_NOT_FOUND


class SessionFull(ProtocolError):
    """The session has reached its participant limit."""

    code = ErrorCode.SESSION_FULL


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
    """There is no such thing."""

    code = ErrorCode.NOT_FOUND


class SyncRefused(Exception):
    """This sync cannot be served whole, so none of it is sent (decision V4)."""

    def __init__(self, code: SyncErrorCode, message: str, **details: object) -> None:
        self.code, self.message, self.details = code, message, details
        super().__init__(message)
