"""One connection's state: who it is, what it follows, what is due when. No I/O.

Frames go to an outbox, closing is asked of `on_close`, time is told from outside: so that every
rule here can be tested without a socket and without waiting.

    NEW -- AUTH --> ACTIVE -- exp --> EXPIRED -- AUTH --> ACTIVE
    any of them -- close() --> closing
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from enum import Enum, auto
from typing import TYPE_CHECKING, Any

from msgspec import UNSET

from sync.conf import sync_settings
from sync.delivery import counts, encodings
from sync.delivery.intake import ITEMS_A_FRAME, SIGNING_IN, SMALL_BYTES, Intake
from sync.eventlog.log import LoggedEvent
from sync.protocol import codecs
from sync.protocol.answers import BEFORE_AUTH
from sync.protocol.close_codes import CloseCode
from sync.protocol.envelope import encode
from sync.protocol.errors import (
    AuthenticationRequired,
    ErrorCode,
    ProtocolError,
    RateLimitExceeded,
    TokenExpired,
)
from sync.protocol.identity import Principal
from sync.protocol.limits import SlidingWindow, limit_figures
from sync.protocol.messages import Error, RateLimit, ServerPing, TokenExpiredNotice
from sync.protocol.registry import Message, name_of

if TYPE_CHECKING:
    from sync.delivery.feed import Feed, Synced
    from sync.delivery.outbox import Outbox

# Served before AUTH and outside of the message limits (decisions A1, L1).
HEARTBEATS = frozenset({"PING", "PONG"})
UNLIMITED = BEFORE_AUTH
# Outside of them up to so many a second (decision L2).
FREQUENT = frozenset({"CURSOR_MOVE"})
FREQUENT_A_SECOND = 60
FAILED_AUTHS = 3
MALFORMED_IN_A_ROW = 10
FLOOD_FACTOR = 3
# A client has taken so much of its queue within `slow_patience`, or it reads too slowly: 8 kB/s.
PROGRESS_BYTES = 64 * 1024
LOOKS = 8
"""So often in that time it is looked at how much it has taken."""


class State(Enum):
    NEW = auto()
    ACTIVE = auto()
    EXPIRED = auto()


class Connection:
    """id: names the connection on the wire (AUTH_SUCCESS.sessionId) and in the log (origin)."""

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
        "_raw",
        "busy",
        "changes",
        "closing",
        "covered",
        "delivering",
        "feed",
        "held",
        "id",
        "intake",
        "lane",
        "missed",
        "on_close",
        "outbox",
        "position",
        "principal",
        "rooms",
        "signed_at",
        "sooner",
        "state",
        "topics",
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
        self.id = id_
        self.intake = intake or Intake()
        self.outbox = outbox
        self.on_close = on_close
        self.state = State.NEW
        self.principal: Principal | None = None
        self.feed: Feed | None = None
        self.topics: set[str] = set()
        self.lane = encodings.lane(raw=raw, speech="text")
        self.held = False
        """Held, it gets no events; `position` is the last one it has got."""
        self.position = 0
        self.covered: Synced | None = None
        """What a sync has sent while it was held: not delivered again."""
        self.missed: dict[str, tuple[str, bytes]] = {}
        """What was shown while it was held: the latest under each key, with its topic."""
        self.delivering = asyncio.Lock()
        """Taken by whoever sends events from the log: a sync, or what makes up for a lag."""
        self.closing = False
        self.busy = False
        """A request is being served: frames behind it are not read, and are not missed."""
        self.rooms: dict[str, Any] = {}
        """Where the connection takes part, by id; what is kept there is the feature's."""
        self.signed_at = now
        """When a person last did something here: any request but heartbeats."""
        self.sooner = False
        """`next_deadline` may be sooner than it was."""
        self.changes: set[asyncio.Task[Any]] = set()
        """Requests of this connection that are being committed."""
        self._raw = raw
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
        outbox.on_lag = self.lag
        outbox.on_overflow = self.too_slow
        outbox.on_flood = self.flooded

    @property
    def live(self) -> bool:
        """Whether events may be delivered to it."""
        return self.state is State.ACTIVE and not self.ending

    @property
    def ending(self) -> bool:
        """Whether it is closed soon, or has been lost."""
        return self.closing or self.outbox.ended

    # -------------------------------------------------------------- sending

    def send(
        self, message: Message, request_id: str | None = None, timestamp: str | None = None
    ) -> None:
        """Send this message to this connection alone, now."""
        name = name_of(type(message))
        counts.count_answer(name, message)
        payload = codecs.to_json(message) if message.__struct_fields__ else None
        text = encode(name, payload, request_id=request_id, timestamp=timestamp)
        if name in HEARTBEATS:
            # A client that reads slowly must not take us for dead, nor we it.
            self.outbox.push_ahead(self.lane.pack(text))
        else:
            self.outbox.push(self.lane.pack(text))
            self.outbox.flush()

    def send_error(self, error: ProtocolError, request_id: str | None = None) -> None:
        details: Any = error.details or UNSET
        self.send(Error(error.code, error.message, details), request_id)

    def deliver(self, event: LoggedEvent) -> None:
        """Deliver an event that was read from the log for this connection alone."""
        subscribed = not self.topics.isdisjoint(event.topics())
        if event.origin == self.id:
            self.answer(event, subscribed=subscribed)
        elif subscribed:
            self.outbox.push(self.lane.pack(*encodings.broadcast(event)))
            counts.count_delivered([event])

    def answer(self, event: LoggedEvent, *, subscribed: bool = False) -> None:
        """Send the requester's own copy (decision E3).

        subscribed: with what all subscribers get of it as well.
        """
        messages = encodings.own_copy(event, event.request_id or None, subscribed=subscribed)
        if messages:
            self.outbox.push(self.lane.pack(*messages))
            counts.count_own_copy(event, subscribed=subscribed)

    def lag(self) -> None:
        """Half of the queue is full: leave events in the log, and send them at its own pace.

        A burst does not cost a client its connection; not reading does.
        """
        if not self.held and not self.closing and self.feed is not None:
            self.hold()
            self.feed.catch_up_later(self)

    async def drained(self) -> None:
        """Wait until the client has taken what waits; one that takes too little is closed (L3).

        However long it takes, what counts is that it goes on.
        """
        patience = sync_settings().slow_patience
        left, waited = self.outbox.unread(), 0
        while waited < LOOKS:
            try:
                async with asyncio.timeout(patience / LOOKS):
                    await self.outbox.drained()
                return
            except TimeoutError:
                waited += 1
            if left - self.outbox.unread() >= PROGRESS_BYTES:
                left, waited = self.outbox.unread(), 0
        self.too_slow()

    def speak(self, speech: str) -> None:
        """Speak as the client does: 'text', 'binary' or 'msgpack' (decision W3)."""
        if self.state is State.NEW:
            self.lane = encodings.lane(raw=self._raw, speech=speech)

    # -------------------------------------------------------------- who it is

    def authenticated(self, principal: Principal, *, now: float, wall: float) -> None:
        self.principal = principal
        self.state = State.ACTIVE
        self.sooner = True
        self._failed_auths = 0
        self.intake.signed_in()
        self._expires_at = now + (principal.expires_at - wall)

    def auth_failed(self) -> bool:
        """Count a failed AUTH; whether it was one too many."""
        self._failed_auths += 1
        return self._failed_auths >= FAILED_AUTHS

    def hold(self) -> None:
        """From now on deliver nothing; `Feed.catch_up` delivers it later."""
        if not self.held and self.feed is not None:
            self.feed.detach(self)
            self.held = True
            self.position = self.feed.last

    # -------------------------------------------------------------- what comes in

    def heard(self, now: float) -> None:
        """A frame came in, of whatever kind: a sign of life."""
        self._last_heard = max(self._last_heard, now)

    def well_formed(self) -> None:
        self._malformed = 0

    def malformed(self) -> bool:
        """Count a malformed message; whether it was the tenth in a row."""
        self._malformed += 1
        return self._malformed >= MALFORMED_IN_A_ROW

    def require_access(self, type_: str) -> None:
        """Raises AuthenticationRequired before AUTH, TokenExpired behind `exp` (A1, A3)."""
        if self.state is State.ACTIVE or type_ == "AUTH" or type_ in HEARTBEATS:
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
            figures: Any = error.details
            self.send(
                RateLimit(
                    figures["limit"],
                    figures["window"],
                    figures["retryAfter"],
                    error.message,
                    figures["scope"],
                )
            )

    # -------------------------------------------------------------- time

    def next_deadline(self) -> float:
        """When `on_time` must be called, by the clock that `now` comes from."""
        settings = sync_settings()
        due = [self._last_heard + settings.idle_timeout]
        if self._pinged_at is None:
            due.append(self._ping_at)
        else:
            due.append(self._pinged_at + settings.heartbeat_timeout)
        match self.state:
            case State.NEW:
                due.append(self._opened_at + settings.auth_timeout)
            case State.ACTIVE:
                due.append(self._expires_at)
            case State.EXPIRED:
                due.append(self._grace_ends)
        return min(due)

    def on_time(self, now: float) -> None:
        """Do what is due."""
        settings = sync_settings()
        if self.closing:
            return
        if self.state is State.NEW and now >= self._opened_at + settings.auth_timeout:
            self.close(CloseCode.AUTHENTICATION)
        elif self.state is State.EXPIRED and now >= self._grace_ends:
            self.close(CloseCode.AUTHENTICATION, error=ErrorCode.TOKEN_EXPIRED)
        elif self.state is State.ACTIVE and now >= self._expires_at:
            self._expire(now)
        elif self._dead(now):
            self.close(CloseCode.HEARTBEAT_LOST)
        elif self._pinged_at is None and now >= self._ping_at:
            self._pinged_at = now
            self.send(ServerPing())

    def _expire(self, now: float) -> None:
        self.state = State.EXPIRED
        self._grace_ends = now + sync_settings().reauth_grace
        self.hold()
        self.send(TokenExpiredNotice(TokenExpired().message))

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

    def too_slow(self) -> None:
        if not self.closing:
            self.outbox.drop()
            self.close(CloseCode.TOO_SLOW)

    def close(self, code: CloseCode, *, error: ErrorCode | None = None) -> None:
        """Say why, then close. What was pushed before goes out before."""
        if self.closing:
            return
        self.closing = True
        if self.feed is not None:
            self.feed.detach(self)
        said = error or code.error
        if said is not None:
            self.send(Error(said, code.reason, {"closeCode": int(code)}))
        self.on_close(code)
