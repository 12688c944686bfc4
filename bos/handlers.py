"""Requests of people about themselves."""

from __future__ import annotations

from bos.away.seeing import see
from bos.away.telling import bounds_of, tell
from bos.ids import canonical_uuids
from bos.messages import (
    Away,
    AwayRequest,
    NotificationRead,
    NotificationReadConfirmed,
    Seen,
    SeenConfirmed,
)
from bos.models import Notification
from bos.services import notifications_read
from sync.eventlog.threads import in_database
from sync.gateway.dispatcher import Context, Reply
from sync.protocol.answers import Answer
from sync.protocol.errors import Unauthorized
from sync.protocol.registry import handles


def _of_notifications(request: NotificationRead) -> int:
    """1, and 1 for each 20 notifications."""
    return 1 + len(request.notification_ids) // 20


@handles(
    NotificationRead,
    answers=[
        Answer.copy(NotificationReadConfirmed),
        Answer.reply(NotificationReadConfirmed, note="where all of them had been read before"),
    ],
    errors=[Unauthorized],
    cost=_of_notifications,
)
async def notification_read(context: Context, request: NotificationRead) -> Reply | None:
    """The answer is the event, NOTIFICATION_READ with all ids; or a reply where all were read."""
    ids = list(dict.fromkeys(request.notification_ids))
    answer = NotificationReadConfirmed(ids)
    newly_read = await context.change(
        lambda principal: notifications_read(principal, ids),
        rows=[(Notification, id_) for id_ in canonical_uuids(ids)],
        reply=lambda _: answer,
    )
    return Reply(answer) if newly_read is False else None


@handles(Seen, answers=[Answer.reply(SeenConfirmed)])
async def seen(context: Context, request: Seen) -> Reply:
    """Repeated, it is as harmless as once: no outcome of it is kept."""
    sequence = await context.change_besides(lambda principal: see(principal, request.sequence))
    return Reply(SeenConfirmed(sequence))


EVENTS_A_UNIT = 500
"""A hundred thousand take SQLite about 220 ms of one core."""


@handles(AwayRequest, answers=[Answer.reply(Away)], cost=10, only_reads=True)
async def away_request(context: Context, request: AwayRequest) -> Reply:
    """The price depends on how long the user was away."""
    bounds = await in_database(bounds_of, context.principal)
    await context.spend(bounds.length // EVENTS_A_UNIT)
    return Reply(await context.read(tell, context.principal, bounds))
