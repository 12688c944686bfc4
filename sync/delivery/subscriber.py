"""One client as delivery sees it: what it follows, how it is written to, how far it has come.

Nothing else keeps delivery state. Features pause it by `Feed.paused` and touch nothing behind it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import UNSET

from sync.conf import sync_settings
from sync.delivery import counts, encodings
from sync.eventlog.log import LoggedEvent
from sync.protocol import codecs
from sync.protocol.close_codes import CloseCode
from sync.protocol.envelope import encode
from sync.protocol.errors import ErrorCode, ProtocolError
from sync.protocol.identity import Principal
from sync.protocol.messages import Error
from sync.protocol.registry import Message, name_of

if TYPE_CHECKING:
    from sync.delivery.feed import Feed
    from sync.delivery.outbox import Outbox
    from sync.delivery.recent import SharedEvent

HEARTBEATS = frozenset({"PING", "PONG"})
# A client has taken so much of its queue within `slow_patience`, or it reads too slowly: 8 kB/s.
PROGRESS_BYTES = 64 * 1024
LOOKS = 8
"""So often in that time it is looked at how much it has taken."""


class CoveredRange(msgspec.Struct, frozen=True):
    """The range that a sync has sent: everything on these topics up to and with a sequence."""

    topics: frozenset[str]
    upto: int

    def has(self, shared: SharedEvent) -> bool:
        return shared.sequence <= self.upto and not self.topics.isdisjoint(shared.topics)


class Subscriber:
    """id: names the connection on the wire (AUTH_SUCCESS.sessionId) and in the log (origin)."""

    __slots__ = (
        "__weakref__",
        "_raw",
        "closing",
        "covered",
        "encoding",
        "expired",
        "feed",
        "id",
        "last_active_at",
        "missed_ephemerals",
        "on_close",
        "outbox",
        "paused",
        "pausing",
        "position",
        "principal",
        "rooms",
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
    ) -> None:
        self.id = id_
        self.outbox = outbox
        self.on_close = on_close
        self.principal: Principal | None = None
        """The user, once they have signed in."""
        self.expired = False
        """The user's token has ended: nothing is delivered until they sign in anew."""
        self.feed: Feed | None = None
        self.topics: set[str] = set()
        self.encoding = encodings.encoding(raw=raw, wire_format="text")
        self.closing = False
        self.rooms: dict[str, Any] = {}
        """Where the user takes part, by id; what is kept there is the feature's."""
        self.last_active_at = now
        """When the user last did something here: any request but heartbeats."""
        # The pause; `sync.delivery.pause` and the feed alone look at these.
        self.paused = False
        """Paused, it gets no events; `position` is the last one it has got."""
        self.pausing = asyncio.Lock()
        """Taken by whatever sends events from the log: a sync, or what makes up for a lag."""
        self.position = 0
        self.covered: tuple[CoveredRange, ...] = ()
        """Ranges that were sent in the pause: not delivered again."""
        self.missed_ephemerals: dict[str, tuple[str, bytes]] = {}
        """Ephemerals that were shown in the pause: the latest under each key, with its topic."""
        self._raw = raw
        outbox.on_lag = self.lag
        outbox.on_overflow = self.too_slow

    @property
    def live(self) -> bool:
        """Whether events may be delivered to it."""
        return self.principal is not None and not self.expired and not self.ending

    @property
    def ending(self) -> bool:
        """Whether it is closed soon, or has been lost."""
        return self.closing or self.outbox.ended

    # -------------------------------------------------------------- who it is

    def negotiate(self, wire_format: str) -> None:
        """Write as the client does: 'text', 'binary' or 'msgpack'; settled by AUTH (W3)."""
        if self.principal is None:
            self.encoding = encodings.encoding(raw=self._raw, wire_format=wire_format)

    def signed_in(self, principal: Principal) -> None:
        self.principal = principal
        self.expired = False

    def expire(self) -> None:
        """Deliver nothing until the user signs in anew (A3)."""
        self.expired = True
        self.pause()

    # -------------------------------------------------------------- sending

    def push(self, *messages: bytes) -> None:
        """Write these JSON messages after what waits."""
        self.outbox.push(self.encoding.encode(*messages))

    def send(
        self, message: Message, request_id: str | None = None, timestamp: str | None = None
    ) -> None:
        """Send this message to this client alone, now."""
        name = name_of(type(message))
        counts.count_answer(name, message)
        payload = codecs.to_json(message) if message.__struct_fields__ else None
        text = encode(name, payload, request_id=request_id, timestamp=timestamp)
        if name in HEARTBEATS:
            # A client that reads slowly must not take us for dead, nor we it.
            self.outbox.push_ahead(self.encoding.encode(text))
        else:
            self.push(text)
            self.outbox.flush()

    def send_error(self, error: ProtocolError, request_id: str | None = None) -> None:
        details: Any = error.details or UNSET
        self.send(Error(error.code, error.message, details), request_id)

    def answer(
        self, event: LoggedEvent, *, subscribed: bool = False, shared: Sequence[bytes] = ()
    ) -> None:
        """Send the requester's own copy (decision E3).

        subscribed: with what all subscribers get of it as well. shared: the messages that they
        get, if they have been made.
        """
        messages = encodings.own_copy(
            event, event.request_id or None, subscribed=subscribed, shared=shared
        )
        if messages:
            self.push(*messages)
            counts.count_own_copy(event, subscribed=subscribed)

    def deliver(self, shared: SharedEvent) -> None:
        """Deliver an event that was read from the log, where it is for this client."""
        event = shared.event
        is_own = event.origin == self.id
        subscribed = not self.topics.isdisjoint(shared.topics)
        if not is_own and not subscribed:
            return  # as most of what an organization does
        if any(covered.has(shared) for covered in self.covered):
            # A sync shows what has changed; the answer to the user who changed it is another.
            if is_own:
                self.answer(event)
            return
        if is_own:
            self.answer(event, subscribed=subscribed)
        elif subscribed:
            self.outbox.push(shared.frames(self.encoding))
            counts.count_delivered([event])

    async def drained(self) -> None:
        """Wait until the client has taken what waits; one that takes too little is closed (L3).

        However long it takes, what counts is that it goes on.
        """
        self.outbox.flush()
        if self.outbox.is_drained():
            return  # as mostly: no time is taken
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

    # -------------------------------------------------------------- the pause

    def pause(self) -> None:
        """Deliver nothing from now on. What pauses it sees to it that `catch_up` follows."""
        if not self.paused and self.feed is not None:
            self.feed.detach(self)
            self.paused = True
            self.position = self.feed.last

    def lag(self) -> None:
        """Half of the queue is full: leave events in the log, and send them at its own pace.

        A burst does not cost a client its connection; not reading does.
        """
        if not self.paused and not self.closing and self.feed is not None:
            self.pause()
            self.feed.catch_up_later(self)

    # -------------------------------------------------------------- the end

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
