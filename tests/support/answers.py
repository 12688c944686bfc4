"""Every answer that a client of the tests gets is one that its request declares (decision E8)."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from sync.protocol.answers import OF_ANY, OF_THE_SIGNED_IN, AnswerKind
from sync.protocol.registry import ALIASES, RequestType, client_messages, name_of

Message = dict[str, Any]
Said = tuple[str, str]
"""The name of a message and, of a refusal, its code."""


def said_by(message: Message) -> Said:
    """Return what a message says that answers a request."""
    payload = message.get("payload", {})
    code = {"ERROR": "code", "SYNC_ERROR": "code", "AUTH_FAILED": "error"}.get(message["type"])
    return message["type"], payload[code] if code else ""


def declared(request: RequestType | None) -> set[Said]:
    """Return all that may answer the request with its requestId; None: one that nobody may send."""
    if request is None:
        return {("ERROR", error.code) for error in OF_ANY + OF_THE_SIGNED_IN}
    said: set[Said] = {("ERROR", code) for code in request.codes}
    for answer in request.answers:
        if answer.kind is not AnswerKind.NOTICE:
            said |= {(name_of(answer.message), code) for code in answer.codes or ("",)}
    return said


class Declared:
    """The requests of one client, by requestId; an answer to anybody else is no matter of it."""

    def __init__(self) -> None:
        self._asked: dict[str, set[Said]] = {}

    def sent(self, frame: Any) -> None:
        """Note a request, or a frame that may be one."""
        message = _read(frame)
        type_, request_id = message.get("type"), message.get("requestId")
        if isinstance(type_, str) and isinstance(request_id, str):
            request = client_messages.get(ALIASES.get(type_, type_))
            self._asked.setdefault(request_id, set()).update(declared(request))

    def received(self, message: Message) -> None:
        """Fail where this answers a request that does not declare it."""
        allowed = self._asked.get(message.get("requestId", ""))
        if allowed is not None:
            assert said_by(message) in allowed, f"no request declares this answer: {message}"


def _read(frame: Any) -> Message:
    """Return the frame's message as far as it can be read: a test may send any bytes."""
    message = frame
    try:
        if isinstance(frame, str) or (isinstance(frame, bytes) and frame[:1] == b"{"):
            message = json.loads(frame)
        elif isinstance(frame, bytes):
            message = msgspec.msgpack.decode(frame)
    except (ValueError, RecursionError, msgspec.MsgspecError):
        return {}
    return message if isinstance(message, dict) else {}
