"""The events that a feed has delivered while somebody was paused: they need not be read again."""

from __future__ import annotations

from collections import deque
from itertools import islice

from sync.delivery import encodings
from sync.delivery.encodings import Encoding, Frames
from sync.eventlog.log import LoggedEvent

MOST_EVENTS = 500
MOST_CHARACTERS = 2**20
"""Of their contents: what a page of large ones takes is read from the log."""


class SharedEvent:
    """An event, and the frames by which all are told of it who did not ask for it."""

    __slots__ = ("_frames", "_topics", "event")

    def __init__(self, event: LoggedEvent) -> None:
        self.event = event
        self._topics: list[str] | None = None
        self._frames: dict[Encoding, Frames] = {}

    @property
    def sequence(self) -> int:
        return self.event.sequence

    @property
    def topics(self) -> list[str]:
        if self._topics is None:
            self._topics = self.event.topics()
        return self._topics

    def frames(self, encoding: Encoding) -> Frames:
        """Return them in this encoding, made once."""
        ready = self._frames.get(encoding)
        if ready is None:
            ready = self._frames[encoding] = encoding.encode(*encodings.broadcast(self.event))
        return ready


class Recent:
    """The last of them, in order and without gaps."""

    def __init__(self) -> None:
        self._events: deque[SharedEvent] = deque()
        self._characters = 0

    def note(self, event: LoggedEvent) -> None:
        """Keep the event, which follows the one that was noted before."""
        if self._events and event.sequence != self._events[-1].sequence + 1:
            self.clear()
        self._events.append(SharedEvent(event))
        self._characters += len(event.data) + len(event.live)
        while self._characters > MOST_CHARACTERS or len(self._events) > MOST_EVENTS:
            oldest = self._events.popleft().event
            self._characters -= len(oldest.data) + len(oldest.live)

    def after(self, sequence: int, *, limit: int) -> list[SharedEvent]:
        """Return those that follow this one, at most `limit`; none where the next is not kept."""
        if not self._events or sequence < self._events[0].sequence - 1:
            return []
        start = sequence + 1 - self._events[0].sequence
        return list(islice(self._events, start, start + limit))

    def clear(self) -> None:
        self._events.clear()
        self._characters = 0
