"""From a frame to its handler, and from what the handler says to frames.

Handlers return replies and raise errors; only this module turns them into messages.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import msgspec

from sync.conf import sync_settings
from sync.delivery import budgets, counts, encodings
from sync.delivery.feed import Feed
from sync.delivery.subscriber import HEARTBEATS, Subscriber
from sync.eventlog.idempotency import Repeated, body_hash, first_outcome, once
from sync.eventlog.threads import in_database
from sync.eventlog.writer import Dropped, Rows, submit_for
from sync.gateway.connection import Connection
from sync.protocol import registry
from sync.protocol.close_codes import CloseCode
from sync.protocol.codecs import LIGHT_BYTES, request_id_of, type_of
from sync.protocol.envelope import Envelope, MalformedEnvelope, decode_json, decode_msgpack, encode
from sync.protocol.errors import (
    InternalServerError,
    InvalidMessage,
    ProtocolError,
    RateLimitExceeded,
    Unauthorized,
)
from sync.protocol.identity import WRITE, Actor, Principal, acting
from sync.protocol.limits import WINDOW, limit_figures
from sync.protocol.registry import Message, Request, RequestType

if TYPE_CHECKING:
    from sync.delivery.hub import Hub

logger = logging.getLogger("bos.sync")
P = ParamSpec("P")
T = TypeVar("T")

# Changes of one connection that may wait for their commit at once; as many as a group commits.
MAX_CHANGES = 64
UNDECLARED = "undeclared error"
_undeclared: set[tuple[str, str]] = set()
"""Requests and codes of which it was said already that they were not declared."""


class Unread(RateLimitExceeded):
    """A message that was not read, because a minute's bytes are used up."""

    def __init__(self, error: RateLimitExceeded, request_id: str | None) -> None:
        super().__init__(error.message, **error.details)
        self.request_id = request_id


class Reply(msgspec.Struct, frozen=True):
    """An answer to the requester alone, with their requestId and, where said, a timestamp."""

    message: Message
    timestamp: str | None = None


class Context(msgspec.Struct, frozen=True):
    """The request as a handler knows it, besides its payload."""

    connection: Connection
    hub: Hub
    envelope: Envelope
    request: RequestType

    @property
    def request_id(self) -> str | None:
        return self.envelope.request_id

    @property
    def subscriber(self) -> Subscriber:
        return self.connection.subscriber

    @property
    def feed(self) -> Feed:
        feed = self.connection.subscriber.feed
        assert feed is not None, "only AUTH and heartbeats are handled before AUTH"
        return feed

    @property
    def principal(self) -> Principal:
        principal = self.connection.principal
        assert principal is not None, "only AUTH and heartbeats are handled before AUTH"
        return principal

    @property
    def actor(self) -> Actor:
        return Actor(
            user_id=self.principal.user_id,
            source="websocket",
            origin=self.connection.id,
            request_id=self.request_id or "",
        )

    async def read(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a function that reads much, when it is its organization's turn."""
        async with self.hub.readings.turn(self.principal.organization_id):
            return await in_database(function, *args, **kwargs)

    def refuse(self, error: ProtocolError) -> None:
        """Refuse a part of the request, and go on with the others (see `each` of `handles`)."""
        _note_undeclared(self.request, error)
        self.subscriber.send_error(error, self.request_id)

    async def spend(self, units: int) -> None:
        """Pay for what only turns out on the way. Raises RateLimitExceeded."""
        await spend(self.connection, self.hub, units)

    def change(
        self,
        effect: Callable[[Principal], T],
        *,
        rows: Rows = (),
        reply: Callable[[T], Message | None] | None = None,
        repeat: Callable[[], Awaitable[None]] | None = None,
    ) -> asyncio.Task[T | None]:
        """Commit `effect` once, however often the request is sent (decision E7).

        effect: called with the principal as it is in the transaction: rights may have changed since
        the request came. rows: what it locks (see `sync.eventlog.writer`).

        Queued before this returns, done after the commit; dropped where the connection ends before.
        The requester gets the event that it appends, through the feed and so in its order; a
        repeated request gets the first outcome again (or what `repeat` does about it), and the
        result is None.
        """
        actor, subscriber = self.actor, self.subscriber
        type_ = registry.ALIASES.get(self.envelope.type, self.envelope.type)
        hash_ = body_hash(type_, self.envelope.payload)

        def write(now: Principal) -> T | Repeated:
            with acting(actor):
                return once(actor, now.organization_id, hash_, partial(effect, now), reply)

        return asyncio.ensure_future(
            self._outcome(
                submit_for(
                    self.principal,
                    write,
                    rows=rows,
                    wanted=lambda: not subscriber.ending,
                    request=(actor.user_id, actor.request_id) if actor.request_id else None,
                    batch_delay=self.feed.batch_delay,
                ),
                repeat or self.repeat,
            )
        )

    async def change_besides(self, effect: Callable[[Principal], T], *, rows: Rows = ()) -> T:
        """Commit a part of what the request asks for: no answer to it, and not recorded."""
        actor, subscriber = self.actor.besides(), self.subscriber

        def write(now: Principal) -> T:
            with acting(actor):
                return effect(now)

        return await submit_for(
            self.principal, write, rows=rows, wanted=lambda: not subscriber.ending
        )

    @staticmethod
    async def _outcome(
        written: asyncio.Future[T | Repeated], repeat: Callable[[], Awaitable[None]]
    ) -> T | None:
        result = await written
        if isinstance(result, Repeated):
            await repeat()
            return None
        return result

    async def repeat(self) -> None:
        """Answer with the first outcome of this request."""
        assert self.request_id is not None
        first = await in_database(first_outcome, self.principal.user_id, self.request_id)
        if first.event is not None:
            messages = encodings.own_copy(first.event, self.request_id, subscribed=False)
            counts.count_own_copy(first.event, subscribed=False)
        else:
            counts.count_sent(first.reply_type)
            messages = [encode(first.reply_type, first.reply.encode(), request_id=self.request_id)]
        self.subscriber.push(*messages)
        self.subscriber.outbox.flush()


class Admitted(msgspec.Struct, frozen=True):
    """A request that was read and let in, and is served in its turn.

    limited: the user and the work are still to be counted.
    """

    envelope: Envelope
    limited: bool


async def handle(connection: Connection, hub: Hub, frame: str | bytes, now: float) -> None:
    """Serve one frame. Whatever it holds, the client gets an answer and the socket stays open."""
    body = frame.encode() if isinstance(frame, str) else frame
    admitted = admit(connection, hub, body, isinstance(frame, str), now)
    if admitted is not None:
        await serve(connection, hub, admitted)


def admit(
    connection: Connection, hub: Hub, body: bytes, is_text: bool, now: float
) -> Admitted | None:
    """Read a frame, and serve it where that waits for nothing: a PING, a refusal.

    Returns what is left for `serve`; None where it has been answered. Each message passes here, and
    those of most connections go no further.
    """
    request_id: str | None = None
    request: RequestType | None = None
    subscriber = connection.subscriber
    try:
        envelope = _decode(connection, body, is_text, now)
        request_id, type_ = envelope.request_id, envelope.type
        counts.count_received(type_)
        limited = connection.count(type_, now)
        if subscriber.closing:
            return None
        connection.require_access(type_)
        if type_ not in HEARTBEATS:
            subscriber.last_active_at = now
        if limited:
            return Admitted(envelope, limited)
        request, handler = registry.resolve(type_)
        _require_scope(connection, request)
        if not request.at_once or _changes_come_first(connection, request):
            return Admitted(envelope, limited)
        message: Request = envelope.payload_as(request.struct)
        connection.well_formed()
        answer: Reply | None = handler(Context(connection, hub, envelope, request), message)
        if answer is not None:
            subscriber.send(answer.message, request_id, answer.timestamp)
    except Exception as error:
        _refuse(connection, error, request_id, request)
    return None


async def serve(connection: Connection, hub: Hub, admitted: Admitted) -> None:
    """Serve a request that was let in, and answer it."""
    envelope, limited = admitted.envelope, admitted.limited
    request: RequestType | None = None
    try:
        if limited:
            await _count_for_user(connection, hub)
        request, handler = registry.resolve(envelope.type)
        _require_scope(connection, request)
        message: Request = envelope.payload_as(request.struct)
        connection.well_formed()
        if limited:
            await spend(connection, hub, request.price(message))
            connection.within_limits()
        if _changes_come_first(connection, request):
            await _wait_for_changes(connection, room_is_enough=request.pipelined)
        answer = handler(Context(connection, hub, envelope, request), message)
        if not request.at_once:
            answer = await answer
        if isinstance(answer, asyncio.Task):
            _answer_later(connection, answer, envelope.request_id, request)
        elif answer is not None:
            connection.subscriber.send(answer.message, envelope.request_id, answer.timestamp)
    except Exception as error:
        _refuse(connection, error, envelope.request_id, request)


def _require_scope(connection: Connection, request: RequestType) -> None:
    """Raises Unauthorized where the connection's key is only for reading, and this is more."""
    principal = connection.principal
    if principal is not None and not request.only_reads and not principal.has_scope(WRITE):
        raise Unauthorized


def _changes_come_first(connection: Connection, request: RequestType) -> bool:
    """Whether this waits for changes under way; what follows them must see them."""
    changes = connection.changes
    if not changes or request.name in HEARTBEATS:
        return False
    return len(changes) >= MAX_CHANGES or not request.pipelined


async def _wait_for_changes(connection: Connection, *, room_is_enough: bool) -> None:
    first = asyncio.FIRST_COMPLETED if room_is_enough else asyncio.ALL_COMPLETED
    await asyncio.wait(connection.changes, return_when=first)


def _answer_later(
    connection: Connection, change: asyncio.Task[Any], request_id: str | None, request: RequestType
) -> None:
    """The answer of a committed change comes by the feed; only a refusal is sent from here."""
    connection.changes.add(change)

    def done(change: asyncio.Task[Any]) -> None:
        connection.changes.discard(change)
        error = None if change.cancelled() else change.exception()
        if isinstance(error, Exception):
            _refuse(connection, error, request_id, request)

    change.add_done_callback(done)


def _refuse(
    connection: Connection,
    error: Exception,
    request_id: str | None,
    request: RequestType | None,
) -> None:
    """Send what becomes of an error. request: None where it is not known which it is."""
    if isinstance(error, Dropped):
        return  # nobody is there to be answered
    if not isinstance(error, ProtocolError):
        logger.error("request failed", exc_info=error)
        error = InternalServerError()
    if isinstance(error, MalformedEnvelope | Unread):
        request_id = error.request_id
    if connection.closing:  # it has been told why
        return
    if isinstance(error, Unauthorized | RateLimitExceeded):
        logger.info("request refused", extra={"code": error.code, "often": True})
    if request is not None:
        _note_undeclared(request, error)
    connection.subscriber.send_error(error, request_id)
    if isinstance(error, RateLimitExceeded):
        connection.tell_limit(error)
    elif isinstance(error, InvalidMessage) and connection.malformed():
        connection.close(CloseCode.MALFORMED)


def _note_undeclared(request: RequestType, error: ProtocolError) -> None:
    """Log, once a process, that a request is refused with a code it does not declare (E8).

    The client gets it all the same; no server of the tests may have logged this.
    """
    if error.code not in request.codes and (request.name, error.code) not in _undeclared:
        _undeclared.add((request.name, error.code))
        logger.warning(UNDECLARED, extra={"request": request.name, "code": error.code})


def is_ping(body: bytes, is_text: bool) -> bool:
    """Whether it is one; what is malformed is not."""
    return type_of(body, packed=_is_packed(body, is_text)) == "PING"


def _is_packed(body: bytes, is_text: bool) -> bool:
    return not is_text and body[:1] != b"{"


def _decode(connection: Connection, body: bytes, is_text: bool, now: float) -> Envelope:
    """The envelope, decoded by the frame's own kind (decision W3)."""
    packed = _is_packed(body, is_text)
    if connection.subscriber.principal is None:  # settled by AUTH
        wire_format = "msgpack" if packed else "text" if is_text else "binary"
        connection.subscriber.negotiate(wire_format)
    try:
        decode = decode_msgpack if packed else decode_json
        if len(body) <= LIGHT_BYTES:  # most are
            return decode(body)
        connection.count_bytes(len(body), now)
        return decode(body, lambda items: connection.count_items(items, now))
    except RateLimitExceeded as error:
        raise Unread(error, request_id_of(body, packed=packed)) from None
    except InvalidMessage:
        counts.count_malformed()
        connection.count_message(now)  # garbage is a message, too
        raise


async def _count_for_user(connection: Connection, hub: Hub) -> None:
    principal = connection.principal
    if principal is None:
        return
    limit = sync_settings().user_messages_per_minute
    wait = await hub.state.hit(principal.user_id, limit, WINDOW)
    if wait:
        raise RateLimitExceeded(**limit_figures(limit, wait, scope="user"))


async def spend(connection: Connection, hub: Hub, units: int) -> None:
    """Take work from what the connection's user and organization have in a minute.

    Raises RateLimitExceeded where one of them has not so much left, and takes nothing then. One
    request that costs more than there is in a minute is let in where nothing else was.
    """
    principal = connection.principal
    if principal is None or units <= 0:
        return
    accounts = budgets.accounts_of(principal)
    for account in accounts:
        units = min(units, account.limit)
    if hub.state.spend_at_once(principal.organization_id, accounts, units):
        return
    refusal = await hub.state.spend(principal.organization_id, accounts, units)
    if refusal is not None:
        raise budgets.refuse(refusal)
