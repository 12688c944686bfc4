"""Errors that only sessions have."""

from __future__ import annotations

from sync.protocol.errors import ProtocolError


class SessionNotFound(ProtocolError):
    """There is no such collaboration session."""

    code = "SESSION_NOT_FOUND"
    action = "Choose another session: this one has ended or never existed."


class SessionFull(ProtocolError):
    """The session has reached its participant limit."""

    code = "SESSION_FULL"
    action = "Wait until somebody leaves; `details.limit` is its size."
