"""Requests of people about themselves."""

from __future__ import annotations

from bos.ids import canonical_uuids
from bos.messages import NotificationRead, NotificationReadConfirmed
from bos.models import Notification
from bos.services import notifications_read
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
