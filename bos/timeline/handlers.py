"""Serve TIMELINE_REQUEST."""

from __future__ import annotations

from bos.messages import Timeline, TimelineRequest
from bos.timeline.reading import place_of, timeline_of
from sync.gateway.dispatcher import Context, Reply
from sync.protocol.answers import Answer
from sync.protocol.errors import Unauthorized
from sync.protocol.registry import handles

PASSED_A_UNIT = 5
"""Items that a cursor passes: in a line where each of these is read in all lanes, 0.2 ms each."""


def _of_items(request: TimelineRequest) -> int:
    """10, 1 for each 20 items, and 1 for each 5 that the cursor passes."""
    return 10 + request.limit // 20


@handles(
    TimelineRequest,
    answers=[Answer.reply(Timeline)],
    errors=[Unauthorized],
    cost=_of_items,
    only_reads=True,
)
async def timeline_request(context: Context, request: TimelineRequest) -> Reply:
    """The price depends on what the cursor passes: few, if it is one of ours."""
    place = place_of(request)
    if place is not None:
        await context.spend(place.passed // PASSED_A_UNIT)
    return Reply(await context.read(timeline_of, context.principal, request))
