"""Serve TIMELINE_REQUEST."""

from __future__ import annotations

from bos.messages import Timeline, TimelineRequest
from bos.timeline.reading import timeline_of
from sync.gateway.dispatcher import Context, Reply
from sync.protocol.answers import Answer
from sync.protocol.errors import Unauthorized
from sync.protocol.registry import handles


def _of_items(request: TimelineRequest) -> int:
    """10 for the questions to the database, and 1 for each 20 items."""
    return 10 + request.limit // 20


@handles(
    TimelineRequest,
    answers=[Answer.reply(Timeline)],
    errors=[Unauthorized],
    cost=_of_items,
    only_reads=True,
)
async def timeline_request(context: Context, request: TimelineRequest) -> Reply:
    return Reply(await context.read(timeline_of, context.principal, request))
