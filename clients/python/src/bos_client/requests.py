"""Requests that wait for their answer, over the loss of a connection and its return."""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec import UNSET

from bos_client.errors import (
    BosError,
    ClosedError,
    GivenUp,
    ProtocolError,
    RateLimited,
    RequestRefused,
)
from bos_client.protocol import (
    AuthFailedMessage,
    Error,
    ErrorMessage,
    NotificationMessage,
    ServerMessage,
    SyncError,
    SyncErrorMessage,
)
from bos_client.structs import Request
from bos_client.wire import encode

GIVE_UP = 300.0  # the server remembers a requestId for ten minutes
MOST_UNDER_WAY = 20
"""Sent and not answered: were all sent at once after a long time offline, the server's limit of
messages would close the connection before its first refusal is read; and what is sent again after
a loss is served before the sync."""
FOR_LATER = {"RATE_LIMIT_EXCEEDED", "SERVER_BUSY"}
WITHOUT_TOKEN = {"TOKEN_EXPIRED", "AUTHENTICATION_REQUIRED"}
"""Refused only because the token had ended: sent again after the next AUTH."""

Send = Callable[[bytes], None]


def new_id() -> str:
    """Return a requestId that is used nowhere else."""
    return secrets.token_hex(12)


def refusal_of(error: Error | SyncError) -> RequestRefused:
    """Return the exception for what the server says."""
    details = {} if error.details is UNSET else msgspec.to_builtins(error.details)
    return RequestRefused(error.message, code=error.code, details=details)


@dataclass(slots=True, eq=False)
class Pending:
    """A request that waits."""

    id: str
    request: Request[Any]
    frame: bytes
    """As it is sent, also later: what cannot be sent fails where it is asked for."""
    answer: asyncio.Future[Any]
    sent: bool = False
    """It has left at least once: it may have been acted on."""
    refused: RequestRefused | None = None
    """By which it was put off last."""


class Requests:
    """pace: every duration is multiplied by it."""

    def __init__(self, pace: float) -> None:
        self._pace = pace
        self._waiting: dict[str, Pending] = {}
        self._under_way: set[str] = set()
        """Those that have left on the connection that there is."""
        self._to_send: deque[Pending] = deque()
        """The others, in their order, and some that need no answer any more."""
        self._send: Send | None = None
        self._hold: asyncio.TimerHandle | None = None

    def add(self, request: Request[Any], *, ahead: bool = False) -> Pending:
        """Send it as soon as that is possible; `answer` of what is returned is its outcome.

        ahead: of all that wait, which may need what it does. Raises TypeError, ValueError or
        OverflowError where it cannot be sent.
        """
        loop = asyncio.get_running_loop()
        id_ = new_id()
        pending = Pending(id_, request, encode(request, id_), loop.create_future())
        if ahead:
            self._waiting = {id_: pending, **self._waiting}
            self._to_send.appendleft(pending)
        else:
            self._waiting[id_] = pending
            self._to_send.append(pending)
        end = loop.call_later(GIVE_UP * self._pace, self._give_up, pending)
        pending.answer.add_done_callback(lambda _: self._forget(pending, end))
        self._flush()
        return pending

    def __len__(self) -> int:
        return len(self._waiting)

    # ------------------------------------------------------------------ the connection

    def resume(self, send: Send) -> None:
        """There is a connection that takes requests: send what waits, in its order."""
        self._send = send
        self._flush()

    def pause(self) -> None:
        """Nothing can be sent just now, and what is under way may yet be answered."""
        self._send = None

    def lost(self) -> None:
        """The connection is gone: what was under way is sent again on the next one."""
        self.pause()
        self._put_back(*self._under_way)

    def close(self) -> None:
        """Reject all that wait."""
        self.pause()
        if self._hold is not None:
            self._hold.cancel()
        for pending in list(self._waiting.values()):
            how = "it may have been acted on" if pending.sent else "it was never sent"
            message = f"The client was closed before {pending.request.TYPE} was answered: {how}."
            _reject(pending, ClosedError(message, sent=pending.sent))

    def _flush(self) -> None:
        if self._send is None or self._hold is not None:
            return
        while self._to_send and len(self._under_way) < MOST_UNDER_WAY:
            pending = self._to_send.popleft()
            if not pending.answer.done():
                pending.sent = True
                self._under_way.add(pending.id)
                self._send(pending.frame)

    def _put_back(self, *ids: str) -> None:
        """Let them be sent again, each in its turn."""
        self._under_way.difference_update(ids)
        waiting = self._waiting.items()
        self._to_send = deque(one for id_, one in waiting if id_ not in self._under_way)

    # ------------------------------------------------------------------ answers

    def answer(self, message: ServerMessage) -> bool:
        """Take the message as an answer; returns whether it was one that ended a request."""
        if isinstance(message, NotificationMessage):
            return self._fail(message)
        pending = self._waiting.get(message.request_id) if message.request_id else None
        if pending is None or pending.answer.done():
            return False
        match message:
            case ErrorMessage() | SyncErrorMessage():
                self._refused(pending, refusal_of(message.payload))
            case AuthFailedMessage(payload=payload):
                _reject(pending, RequestRefused(payload.message, code=payload.error))
            case _ if pending.request.REPLY == message.TYPE:
                pending.answer.set_result(getattr(message, "payload", None))
            case _:
                return False
        return True

    def malformed(self, request_id: str, error: ProtocolError) -> None:
        """Reject the request whose answer cannot be understood, if there is one."""
        if pending := self._waiting.get(request_id):
            _reject(pending, error)

    def _fail(self, notice: NotificationMessage) -> bool:
        """Reject the request that, as this notification says, could not be served after all."""
        request_id = notice.payload.data.request_id
        pending = self._waiting.get(request_id) if request_id else None
        if pending is None or not pending.request.NOTICED:
            return False
        details = msgspec.to_builtins(notice.payload.data)
        code = notice.payload.category.upper()
        _reject(pending, RequestRefused(notice.payload.message, code=code, details=details))
        return True

    def _refused(self, pending: Pending, refused: RequestRefused) -> None:
        wait = refused.details.get("retryAfter")
        if refused.code in WITHOUT_TOKEN:
            self._put_back(pending.id)
        elif refused.code in FOR_LATER and wait is not None:
            pending.refused = refused
            self._put_back(pending.id)
            self.hold(wait)
        else:
            _reject(pending, refused)

    def hold(self, seconds: float) -> None:
        """Send nothing for so many seconds: the server has no room for more."""
        if self._hold is not None:
            self._hold.cancel()
        loop = asyncio.get_running_loop()
        self._hold = loop.call_later(seconds * self._pace, self._release)

    def _release(self) -> None:
        self._hold = None
        self._flush()

    def _give_up(self, pending: Pending) -> None:
        name, refused = pending.request.TYPE, pending.refused
        if refused is not None:
            error: BosError = RateLimited(
                refused.message, code=refused.code, details=refused.details
            )
        elif pending.sent:
            message = f"{name} was not answered for too long: it may have been acted on."
            error = GivenUp(message, sent=True)
        else:
            message = f"{name} was never sent: there was no connection for too long."
            error = GivenUp(message, sent=False)
        _reject(pending, error)

    def _forget(self, pending: Pending, end: asyncio.TimerHandle) -> None:
        end.cancel()
        self._waiting.pop(pending.id, None)
        self._under_way.discard(pending.id)
        self._flush()


def _reject(pending: Pending, error: BosError) -> None:
    if not pending.answer.done():
        pending.answer.set_exception(error)
