"""One connection's rules: sign-in, limits, heartbeat. No I/O.

What is sent goes to its subscriber, and the time comes from outside: so that every rule here can be
tested without a socket and without waiting.

    NEW -- AUTH --> ACTIVE -- exp --> EXPIRED -- AUTH --> ACTIVE
    any of them -- close() --> closing
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from enum import Enum, auto
from typing import TYPE_CHECKING, Any, cast

from sync import metrics
from sync.conf import sync_settings
from sync.delivery.hub import all_subscribers
from sync.delivery.subscriber import HEARTBEATS, Subscriber
from sync.gateway.intake import ITEMS_A_FRAME, SIGNING_IN, SMALL_BYTES, Intake
from sync.protocol.answers import BEFORE_AUTH
from sync.protocol.close_codes import CloseCode
from sync.protocol.errors import (
    AuthenticationRequired,
    ErrorCode,
    RateLimitExceeded,
    TokenExpired,
)
from sync.protocol.identity import Principal
from sync.protocol.limits import SlidingWindow, limit_figures
from sync.protocol.messages import LimitScope, RateLimit, ServerPing, TokenExpiredNotice
from sync.protocol.registry import FREQUENT

if TYPE_CHECKING:
    from sync.delivery.outbox import Outbox

# Served before AUTH and outside of the message limits (decisions A1, L1).
UNLIMITED = BEFORE_AUTH
# Outside of them up to so many frequent ones a second (decision L2).
FREQUENT_A_SECOND = 60
FAILED_AUTHS = 3
MALFORMED_IN_A_ROW = 10
FLOOD_FACTOR = 3


class State(Enum):
    NEW = auto()
    ACTIVE = auto()
    EXPIRED = auto()


def state_of(subscriber: Subscriber) -> State:
    if subscriber.principal is None:
        return State.NEW
    return State.EXPIRED if subscriber.expired else State.ACTIVE


@metrics.gauge(
    "bos_connections",
    "WebSockets by `state`: `new` (not signed in), `active`, `expired` (the token), `closing`.",
    "state",
)
def _by_state() -> Mapping[str, float]:
    numbers = dict.fromkeys([*(state.name.lower() for state in State), "closing"], 0)
    for subscriber in all_subscribers():
        numbers["closing" if subscriber.closing else state_of(subscriber).name.lower()] += 1
    return numbers


class Connection:
    """A client from its handshake to its close; `subscriber` is what delivery knows of it."""

    __slots__ = (
        "__weakref__",
        "_attempts",
        "_expires_at",
        "_failed_auths",
        "_frequent",
        "_grace_ends",
        "_last_heard",
        "_limited",
        "_malformed",
        "_messages",
        "_opened_at",
        "_ping_at",
        "_pinged_at",
        "busy",
        "changes",
        "deadline_moved",
        "intake",
        "subscriber",
    )

    def __init__(
        self,
        id_: str,
        outbox: Outbox,
        *,
        raw: bool,
        now: float,
        on_close: Callable[[CloseCode], None],
        intake: Intake | None = None,
    ) -> None:
        settings = sync_settings()
        self.subscriber = Subscriber(id_, outbox, raw=raw, now=now, on_close=on_close)
        self.intake = intake or Intake()
        self.busy = False
        """A request is being served: frames after it are not read, and are not missed."""
        self.deadline_moved = False
        """`next_deadline` may be sooner than it was."""
        self.changes: set[asyncio.Task[Any]] = set()
        """Requests of this connection that are being committed."""
        self._opened_at = now
        self._last_heard = now
        self._ping_at = now + settings.heartbeat_interval
        self._pinged_at: float | None = None
        self._expires_at = 0.0
        self._grace_ends = 0.0
        self._failed_auths = 0
        self._malformed = 0
        self._limited = False
        self._frequent: SlidingWindow | None = None
        self._messages = SlidingWindow(settings.messages_per_minute)
        self._attempts = SlidingWindow(settings.messages_per_minute * FLOOD_FACTOR)
        outbox.on_flood = self.flooded

    @property
    def id(self) -> str:
        return self.subscriber.id

    @property
    def principal(self) -> Principal | None:
        return self.subscriber.principal

    @property
    def closing(self) -> bool:
        return self.subscriber.closing

    @property
    def state(self) -> State:
        return state_of(self.subscriber)

    # -------------------------------------------------------------- who it is

    def authenticated(self, principal: Principal, *, now: float, wall: float) -> None:
        self.subscriber.signed_in(principal)
        self.deadline_moved = True
        self._failed_auths = 0
        self.intake.signed_in()
        self._expires_at = now + (principal.expires_at - wall)

    def auth_failed(self) -> bool:
        """Count a failed AUTH; whether it was one too many."""
        self._failed_auths += 1
        return self._failed_auths >= FAILED_AUTHS

    # -------------------------------------------------------------- what comes in

    def touch(self, now: float) -> None:
        """A frame came in, of whatever kind: a sign of life."""
        self._last_heard = max(self._last_heard, now)

    def well_formed(self) -> None:
        self._malformed = 0

    def malformed(self) -> bool:
        """Count a malformed message; whether it was the tenth in a row."""
        self._malformed += 1
        return self._malformed >= MALFORMED_IN_A_ROW

    def require_access(self, type_: str) -> None:
        """Raises AuthenticationRequired before AUTH, TokenExpired after `exp` (A1, A3)."""
        subscriber = self.subscriber  # not by `state`: each message passes here
        if subscriber.principal is not None and not subscriber.expired:
            return
        if type_ == "AUTH" or type_ in HEARTBEATS:
            return
        if self.state is State.NEW:
            raise AuthenticationRequired
        raise TokenExpired

    def count(self, type_: str, now: float) -> bool:
        """Count a message of this type where it counts, and whether it does (L1, L2).

        Raises RateLimitExceeded.
        """
        if type_ in UNLIMITED:
            if type_ == "AUTH" and not self.intake.pay(SIGNING_IN, now):
                self.flooded()
            return False
        if type_ in FREQUENT:
            self._frequent = self._frequent or SlidingWindow(FREQUENT_A_SECOND, 1.0)
            if not self._frequent.hit(now):
                return False
        self.count_message(now)
        return True

    def count_message(self, now: float) -> None:
        """Raises RateLimitExceeded over the limit (L1); closes at three times the limit."""
        if self._attempts.hit(now):
            self.close(CloseCode.TOO_MANY)
        wait = self._messages.hit(now)
        if wait:
            figures = limit_figures(self._messages.limit, wait, scope="connection")
            raise RateLimitExceeded(**figures)

    def count_bytes(self, size: int, now: float) -> None:
        """Raises RateLimitExceeded over a minute's bytes; closes at three times of them.

        What is small is paid for as a frame and a message; a heartbeat is never too many bytes.
        """
        if size < SMALL_BYTES:
            return
        if self.intake.flooded_with_bytes(size, now):
            self.close(CloseCode.TOO_MANY)
        self.intake.take_bytes(size, now)

    def count_items(self, items: int, now: float) -> None:
        """Pay for a message's values as for frames. Raises RateLimitExceeded at the end of it."""
        if not self.intake.pay(items // ITEMS_A_FRAME, now):
            self.flooded()
            raise RateLimitExceeded

    def within_limits(self) -> None:
        """A message has passed the connection's limit and the user's: the next refusal is told."""
        self._limited = False

    def tell_limit(self, error: RateLimitExceeded) -> None:
        """RATE_LIMIT once, when a limit of messages or work is first hit; caps have no window."""
        if not self._limited and "window" in error.details:
            self._limited = True
            figures = error.details
            self.subscriber.send(
                RateLimit(
                    figures["limit"],
                    figures["window"],
                    figures["retryAfter"],
                    error.message,
                    cast(LimitScope, figures["scope"]),
                )
            )

    # -------------------------------------------------------------- time

    def next_deadline(self) -> float:
        """When `on_deadline` must be called, by the clock that `now` comes from."""
        settings = sync_settings()
        if self._pinged_at is None:
            due = self._ping_at
        else:
            due = self._pinged_at + settings.heartbeat_timeout
        match self.state:
            case State.NEW:
                ends = self._opened_at + settings.auth_timeout
            case State.ACTIVE:
                ends = self._expires_at
            case State.EXPIRED:
                ends = self._grace_ends
        return min(due, ends, self._last_heard + settings.idle_timeout)

    def on_deadline(self, now: float) -> None:
        """Do what is due."""
        settings = sync_settings()
        if self.closing:
            return
        state = self.state
        if state is State.NEW and now >= self._opened_at + settings.auth_timeout:
            self.close(CloseCode.AUTHENTICATION)
        elif state is State.EXPIRED and now >= self._grace_ends:
            self.close(CloseCode.AUTHENTICATION, error=ErrorCode.TOKEN_EXPIRED)
        elif state is State.ACTIVE and now >= self._expires_at:
            self._expire(now)
        elif self._dead(now):
            self.close(CloseCode.HEARTBEAT_LOST)
        elif self._pinged_at is None and now >= self._ping_at:
            self._pinged_at = now
            self.subscriber.send(ServerPing())

    def _expire(self, now: float) -> None:
        self._grace_ends = now + sync_settings().reauth_grace
        self.subscriber.expire()
        self.subscriber.send(TokenExpiredNotice(TokenExpired().message))

    def _dead(self, now: float) -> bool:
        settings = sync_settings()
        if self.busy:
            # What it sends meanwhile waits unread: silence proves nothing.
            self._last_heard = now
        if self._pinged_at is not None and self._last_heard >= self._pinged_at:
            self._ping_at = max(self._pinged_at + settings.heartbeat_interval, now)
            self._pinged_at = None
        if self._pinged_at is not None and now >= self._pinged_at + settings.heartbeat_timeout:
            return True
        return now >= self._last_heard + settings.idle_timeout

    # -------------------------------------------------------------- the end

    def flooded(self) -> None:
        """More came than is worth reading."""
        self.close(CloseCode.TOO_MANY)

    def close(self, code: CloseCode, *, error: ErrorCode | None = None) -> None:
        """Say why, then close."""
        self.subscriber.close(code, error=error)
