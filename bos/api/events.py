"""`GET /api/v1/events`: the organization's log, for those that keep no socket open (decision D3).

Each line is the message that a sync sends of the event. It is there for those who may follow one of
the event's topics now: the topic kinds themselves are asked, as they are for a subscription.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django import forms
from django.http import HttpResponse
from rest_framework import status
from rest_framework.exceptions import APIException
from rest_framework.request import Request

from bos.api import answers, shapes
from bos.api.answers import LAST_SEQUENCE, Room
from bos.api.parameters import WholeField, described, require_valid
from bos.api.reading import ReadingView
from sync.delivery.encodings import sync_message
from sync.eventlog import log
from sync.eventlog.log import LoggedEvent
from sync.eventlog.threads import reading
from sync.protocol.errors import SyncErrorCode
from sync.protocol.identity import Principal
from sync.protocol.topics import Topic, authorize

MOST_EVENTS = 1_000
USUAL_EVENTS = 100
READ_AT_ONCE = 128
MOST_LOOKED_AT = 5_000
"""Events that one answer is looked for in: of others' business there may be any number."""
GREATEST = 2**53
"""No sequence is beyond it."""
NDJSON = "application/x-ndjson"


class HistoryExpired(APIException):
    """Events after this one are no longer kept."""

    status_code = status.HTTP_410_GONE
    default_code = SyncErrorCode.SYNC_HISTORY_EXPIRED.value
    default_detail = (
        "Events since then are no longer kept. Read the lists anew, and go on after their"
        " Last-Sequence."
    )

    def __init__(self, first: int) -> None:
        super().__init__()
        self.details = {"after": first}


@dataclass(frozen=True, slots=True)
class EventPage:
    """lines: messages as JSON. last: the sequence after which the next page begins."""

    lines: list[bytes]
    last: int
    is_last: bool


def events_page(
    principal: Principal, *, after: int | None, limit: int, most: int = MOST_LOOKED_AT
) -> EventPage:
    """Return the events that the principal may see, of those after a sequence.

    after: None for nothing but the end of the log. most: so many are looked at, or a few more.
    Raises HistoryExpired.
    """
    organization_id = principal.organization_id
    with reading():
        head = log.head(organization_id)
        if after is None or after >= head.sequence:
            return EventPage([], head.sequence if after is None else after, is_last=True)
        if after < head.pruned_sequence:
            raise HistoryExpired(head.pruned_sequence)
        page = _Filling(principal, last=after, limit=limit)
        while page.last < head.sequence and page.looked_at < most:
            events = log.read(
                organization_id, after=page.last, upto=head.sequence, limit=READ_AT_ONCE
            )
            if not page.take(events):
                break
        return EventPage(page.lines, page.last, is_last=page.last >= head.sequence)


class _Filling:
    """A page that is being filled."""

    def __init__(self, principal: Principal, *, last: int, limit: int) -> None:
        self.lines: list[bytes] = []
        self.last = last
        self.looked_at = 0
        self._limit = limit
        self._room = Room()
        self._principal = principal
        self._asked: dict[str, bool] = {}
        """Whether the principal may follow a topic, by its name."""

    def take(self, events: Iterable[LoggedEvent]) -> bool:
        """Take what may be seen of these; False once the page is full, or where there are none."""
        events = list(events)
        self._ask(events)
        for event in events:
            if any(self._asked[name] for name in event.topics()):
                line = sync_message(event)
                if len(self.lines) == self._limit or not self._room.takes(line):
                    return False
                self.lines.append(line)
            self.last, self.looked_at = event.sequence, self.looked_at + 1
        return bool(events)

    def _ask(self, events: Iterable[LoggedEvent]) -> None:
        names = {name for event in events for name in event.topics()} - self._asked.keys()
        allowed = authorize(self._principal, map(Topic.parse, names)) if names else ()
        self._asked |= dict.fromkeys(names, False) | dict.fromkeys(map(str, allowed), True)


class EventsForm(forms.Form):
    after = WholeField(
        least=0,
        most=GREATEST,
        required=False,
        help_text="The `sequence` of the last event that is known: a page begins after it. Absent:"
        " no events, and `Last-Sequence` says where the log ends.",
    )
    limit = WholeField(
        least=1,
        most=MOST_EVENTS,
        initial=USUAL_EVENTS,
        required=False,
        help_text="At most so many; a page ends at 2 MB, too.",
    )


@shapes.describe(
    operation_id="list_events",
    summary="Read the log",
    description=(
        "A line an event, in the order of the log: the `SYNC_UPDATE` or `SYNC_DELETE` that a socket"
        " is sent of it. `Last-Sequence` is the `after` to go on with, also where a page has no"
        " line for the caller; `Link` is there while there is more."
    ),
    parameters=[*described(EventsForm.base_fields)],
    answer=shapes.ref(shapes.EVENT),
    headers=("ETag", "Link", LAST_SEQUENCE),
    refusals=(400, 401, 403, 410),
    content_type=NDJSON,
)
class EventsView(ReadingView):
    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:
        """Errors are JSON, and events NDJSON, whatever `Accept` says."""
        return super().perform_content_negotiation(request, force=True)

    def get(self, request: Request) -> HttpResponse:
        form = EventsForm(request.query_params)
        require_valid(request.query_params, form)
        page = events_page(self.principal, **form.cleaned_data)
        headers = {LAST_SEQUENCE: str(page.last)}
        if not page.is_last:
            headers["Link"] = answers.link_to(answers.address_with(request, after=str(page.last)))
        body = b"".join(line + b"\n" for line in page.lines)
        return answers.answer(request, body, headers, content_type=NDJSON)
