"""The kernel's own requests: AUTH, heartbeat, subscriptions, sync."""

from __future__ import annotations

import logging
import time
from collections.abc import Collection
from datetime import UTC, datetime

from sync import about
from sync.conf import sync_settings
from sync.delivery.feed import Feed
from sync.delivery.subscriber import Subscriber
from sync.eventlog.threads import in_database
from sync.gateway import roster
from sync.gateway.connection import Connection, State
from sync.gateway.dispatcher import Context, Reply
from sync.gateway.replay import serve_sync
from sync.protocol import messages, topics
from sync.protocol.answers import Answer
from sync.protocol.authenticator import Claims, authenticator
from sync.protocol.close_codes import CloseCode
from sync.protocol.codecs import MOST_OF_A_TEXT
from sync.protocol.errors import (
    ErrorCode,
    ErrorDetails,
    InvalidChannel,
    SubscriptionFailed,
    SyncErrorCode,
    TokenExpired,
    TokenInvalid,
    Unauthorized,
)
from sync.protocol.identity import EVENTS, Principal
from sync.protocol.registry import handles
from sync.protocol.times import wire_time
from sync.protocol.topics import Topic

logger = logging.getLogger("bos.sync")

# ------------------------------------------------------------------ AUTH


@handles(
    messages.Auth,
    answers=[
        Answer.reply(messages.AuthSuccess),
        Answer.failure(messages.AuthFailed, messages.AUTH_ERRORS),
    ],
    only_reads=True,
)
async def auth(context: Context, message: messages.Auth) -> Reply | None:
    """Sign in, or renew the token; decisions A1 to A4."""
    connection = context.connection
    try:
        claims = await _identified(context, authenticator().verify(message.token))
        feed = await context.hub.feed(claims.organization_id)
        if connection.principal is not None:
            return await _renew(context, await _current_principal(context, claims, feed))
        return await _sign_in(context, claims, feed)
    except (TokenInvalid, TokenExpired) as error:
        _fail(context, messages.AuthFailed(error.code, error.message))
        if connection.auth_failed():
            connection.close(CloseCode.AUTHENTICATION)
        return None


async def _identified(context: Context, claims: Claims) -> Claims:
    """Return claims that name their user: of a key the database has to say whose it is.

    Raises TokenInvalid, also for a key that is for something else.
    """
    if not claims.secret:
        return claims
    principal = await context.hub.principals.load(claims)
    if principal is None or not principal.has_scope(EVENTS):
        raise TokenInvalid
    return Claims.of(principal)


async def _current_principal(context: Context, claims: Claims, feed: Feed) -> Principal:
    """Return the user as they are in the database now. Raises TokenInvalid."""
    principal, epoch = None, -1
    while epoch != feed.access_epoch:  # rights changed while we looked: look again
        epoch = feed.access_epoch
        principal = await context.hub.principals.load(claims)
    if principal is None:
        raise TokenInvalid
    return principal


def _fail(context: Context, failure: messages.AuthFailed) -> None:
    logger.info("sign-in refused", extra={"reason": failure.error})
    context.subscriber.send(failure, context.request_id)


async def _sign_in(context: Context, claims: Claims, feed: Feed) -> Reply | None:
    """Raises TokenInvalid."""
    connection, state = context.connection, context.hub.state
    principal, epoch = await _current_principal(context, claims, feed), feed.access_epoch
    limit = sync_settings().max_connections_per_user
    if not await state.take_slot(principal.user_id, connection.id, limit):
        details = ErrorDetails(limit=limit, scope="connections")
        too_many = "You have too many connections."
        _fail(context, messages.AuthFailed(ErrorCode.RATE_LIMIT_EXCEEDED, too_many, details))
        connection.close(CloseCode.TOO_MANY)
        return None
    if epoch != feed.access_epoch:  # rights changed while the slot was taken
        try:
            principal = await _current_principal(context, claims, feed)
        except TokenInvalid:
            await state.free_slot(principal.user_id, connection.id)
            raise
    if feed.ended:  # the log was put back meanwhile: this is no feed any more
        await state.free_slot(principal.user_id, connection.id)
        connection.close(CloseCode.SERVER_RESTART)
        return None
    # From here on the feed looks at the connection's rights whenever they change.
    connection.authenticated(principal, now=_now(), wall=time.time())
    about.learn(user=principal.user_id, organization=principal.organization_id)
    # No line of its own: each costs a hundredth of a sign-in, and `closed` names the user.
    logger.debug("signed in", extra={"user": principal.user_id})
    roster.signed_in(context.subscriber)
    feed.add(context.subscriber)
    # Notifications reach a user without asking (decision A2).
    feed.follow(context.subscriber, [f"user:{principal.user_id}"])
    return _signed_in(connection)


async def _renew(context: Context, principal: Principal) -> Reply | None:
    connection = context.connection
    assert connection.principal is not None
    before = connection.principal
    if (principal.user_id, principal.organization_id) != (before.user_id, before.organization_id):
        elses = "This connection is another user's, or of another organization."
        _fail(context, messages.AuthFailed(ErrorCode.INVALID_TOKEN, elses))
        connection.close(CloseCode.FORBIDDEN)
        return None
    was_expired = connection.state is State.EXPIRED
    connection.authenticated(principal, now=_now(), wall=time.time())
    if was_expired:
        reply = _signed_in(connection)
        context.subscriber.send(reply.message, context.request_id)
        async with context.feed.paused(context.subscriber):
            pass  # it is since the token ended: what came meanwhile follows
        return None
    return _signed_in(connection)


def _signed_in(connection: Connection) -> Reply:
    principal = connection.principal
    assert principal is not None
    expires_at = wire_time(datetime.fromtimestamp(principal.expires_at, UTC))
    return Reply(
        messages.AuthSuccess(
            user_id=principal.user_id,
            organization_id=principal.organization_id,
            session_id=connection.id,
            expires_at=expires_at,
            role=principal.role,
            user_name=principal.name,
        )
    )


def _now() -> float:
    # Not what the loop says, which is when it woke up last: the token would end a little early.
    return time.monotonic()


# ------------------------------------------------------------------ heartbeat


@handles(messages.Ping, answers=[Answer.reply(messages.ServerPong)], at_once=True, only_reads=True)
def ping(context: Context, message: messages.Ping) -> Reply:
    """PONG with the PING's own timestamp, as the document shows it (decision H1)."""
    return Reply(messages.ServerPong(), timestamp=context.envelope.timestamp)


@handles(messages.Pong, answers=[], at_once=True, only_reads=True)
def pong(context: Context, message: messages.Pong) -> None:
    """Any frame counts as a sign of life; there is nothing more to a PONG."""


# ------------------------------------------------------------------ subscriptions


def _of_channels(message: messages.Subscribe | messages.SyncRequest) -> int:
    """1, and 1 for each 10 channels."""
    return 1 + len(message.channels) // 10


@handles(
    messages.Subscribe,
    answers=[Answer.reply(messages.Subscribed, note="of those that are followed now, if any")],
    errors=[InvalidChannel, SubscriptionFailed, Unauthorized],
    each="channels",
    cost=_of_channels,
    only_reads=True,
)
async def subscribe(context: Context, message: messages.Subscribe) -> Reply | None:
    """Follow channels; each that is refused gets an ERROR of its own (decision S1)."""
    feed = context.feed
    wanted = await _well_formed(context, message.channels)
    allowed, epoch = set[Topic](), -1
    while epoch != feed.access_epoch:  # rights changed while we asked: ask again
        epoch = feed.access_epoch
        allowed = await permitted(context.principal, wanted)
    granted = []
    for topic in wanted:
        name = str(topic)
        if topic not in allowed:
            context.refuse(Unauthorized(channel=name))
        elif not _has_room(context.subscriber, name):
            limit = sync_settings().max_subscriptions
            context.refuse(SubscriptionFailed(channel=name, limit=limit))
        else:
            feed.follow(context.subscriber, [name])
            granted.append(name)
    return Reply(messages.Subscribed(granted, feed.last)) if granted else None


@handles(
    messages.Unsubscribe,
    answers=[Answer.reply(messages.Unsubscribed, note="of those that were well formed, if any")],
    errors=[InvalidChannel, SubscriptionFailed],
    each="channels",
    only_reads=True,
)
async def unsubscribe(context: Context, message: messages.Unsubscribe) -> Reply | None:
    """Follow channels no longer. One that was not followed is none the less not followed now."""
    names = [str(topic) for topic in await _well_formed(context, message.channels)]
    context.feed.unfollow(context.subscriber, names)
    return Reply(messages.Unsubscribed(names)) if names else None


CHANNELS_A_REQUEST = 100


async def _well_formed(context: Context, channels: Collection[str]) -> list[Topic]:
    """The topics, each once, in the order given; an ERROR for each that is none, or too many."""
    wanted: dict[Topic, None] = {}
    for index, name in enumerate(dict.fromkeys(channels)):
        if index >= CHANNELS_A_REQUEST:
            told = name[:MOST_OF_A_TEXT]
            context.refuse(SubscriptionFailed(channel=told, limit=CHANNELS_A_REQUEST))
        else:
            try:
                wanted[Topic.parse(name)] = None
            except InvalidChannel as error:
                context.refuse(error)
        if context.subscriber.outbox.is_filling():  # they may be some thousands
            await context.subscriber.drained()
    return list(wanted)


def _has_room(subscriber: Subscriber, name: str) -> bool:
    if name in subscriber.topics:
        return True
    assert subscriber.principal is not None
    given = {f"user:{subscriber.principal.user_id}"}  # not asked for, so not counted
    return len(subscriber.topics - given) < sync_settings().max_subscriptions


async def permitted(principal: Principal, wanted: Collection[Topic]) -> set[Topic]:
    if topics.needs_database(wanted):
        return await in_database(topics.authorize, principal, wanted)
    return topics.authorize(principal, wanted)


# ------------------------------------------------------------------ sync


def _of_sync(message: messages.SyncRequest) -> int:
    """6, 1 for each 10 channels, and before it is sent 1 for each 20 messages."""
    return 5 + _of_channels(message)


@handles(
    messages.SyncRequest,
    answers=[
        Answer.reply(messages.SyncStart, ends=False),
        Answer.reply(messages.SyncComplete),
        Answer.failure(messages.SyncError, list(SyncErrorCode)),
    ],
    cost=_of_sync,
    only_reads=True,
)
async def sync_request(context: Context, message: messages.SyncRequest) -> None:
    """Replay or snapshot; decision V4."""
    await serve_sync(context, message, permitted)
