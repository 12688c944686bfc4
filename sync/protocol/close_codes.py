"""Why the server closes a connection, and whether the client comes back (decision W6)."""

from __future__ import annotations

from enum import IntEnum

from sync.protocol.errors import ErrorCode


class CloseCode(IntEnum):
    """A WebSocket close code.

    reason: what the close frame and the message before it say. reconnect: what a client does next.
    error: code of the ERROR that goes before; each of the 44xx and 45xx has one.
    """

    reason: str
    reconnect: bool
    error: ErrorCode | None

    def __new__(cls, code: int, reason: str, reconnect: bool, error: ErrorCode | None) -> CloseCode:
        member = int.__new__(cls, code)
        member._value_ = code
        member.reason = reason
        member.reconnect = reconnect
        member.error = error
        return member

    PROTOCOL_ERROR = 1002, "The WebSocket protocol was violated.", False, None
    INVALID_DATA = 1007, "A text message is not UTF-8.", False, None
    TOO_BIG = 1009, "A message is too big.", True, None
    SERVER_FAULT = 1011, "The server failed.", True, None
    SERVER_RESTART = 1012, "The server restarts.", True, None
    MALFORMED = (
        4400,
        "Ten malformed messages in a row.",
        False,
        ErrorCode.INVALID_MESSAGE_FORMAT,
    )
    AUTHENTICATION = (
        4401,
        "Not authenticated in time, or three failed attempts.",
        True,
        ErrorCode.AUTHENTICATION_REQUIRED,
    )
    FORBIDDEN = 4403, "Access was withdrawn.", False, ErrorCode.UNAUTHORIZED
    HEARTBEAT_LOST = (
        4408,
        "No sign of life. Reconnect and sync.",
        True,
        ErrorCode.INTERNAL_SERVER_ERROR,
    )
    TOO_MANY = (
        4429,
        "Too many connections, messages, bytes or frames.",
        True,
        ErrorCode.RATE_LIMIT_EXCEEDED,
    )
    TOO_SLOW = (
        4508,
        "Messages are read too slowly. Reconnect and sync: nothing is lost.",
        True,
        ErrorCode.INTERNAL_SERVER_ERROR,
    )
