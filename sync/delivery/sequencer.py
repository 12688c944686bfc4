"""Puts one organization's events in order: what to deliver next, and what to read from the log.

Plain calls without I/O, clock or loop: events and heads are taken from wherever they come, in any
order and any number of times, and each event is given out once, in order and without gaps.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import Enum, auto
from itertools import takewhile
from typing import Literal

import msgspec

from sync.eventlog.log import Head, LoggedEvent

GAP_PATIENCE = 0.02
"""Seconds. An event overtaken in Redis arrives within this time; else it is read."""
REMEMBERED = 64
"""Of so many events the times are kept: their numbers are known again if they are given once more,
in a log that was put back. Messages are not overtaken by more than a few others."""


Cause = Literal["gap", "head", "sync"]
"""The sign that something is missing: a later event, the log's head, or a sync that showed it."""


class Step(Enum):
    """The next thing to do."""

    WAIT = auto()
    """Nothing, until something comes."""
    DELIVER = auto()
    """Take what `ready` gives."""
    CHECK_RIGHTS = auto()
    """Look at the rights that `coming` touches, and tell `rights_checked`."""
    READ = auto()
    """Read `gap` once `patience` is over, and tell `read`."""
    START_OVER = auto()
    """The log is not the one that was delivered: it was put back, or pruned too early."""


class Gap(msgspec.Struct, frozen=True):
    """Events to be read from the log: after < sequence <= upto.

    The last delivered one is read once more: where it has another time, the log was put back.
    """

    after: int
    upto: int


class Sequencer:
    """Times are seconds by any clock that does not step back; the caller's, told as `now`.

    last, last_at_us: sequence and the log's time of the event that was given out last.
    """

    def __init__(self, head: Head) -> None:
        self.last = head.sequence
        self.last_at_us = head.at_us
        self.known = head.sequence
        """The highest sequence that is known to be committed."""
        self.cause: Cause = "head"
        """The sign that `known` rests on."""
        self._early: dict[int, LoggedEvent] = {}
        self._times: dict[int, int] = {}
        self._rights_upto = head.sequence
        """Rights that events up to this one touch have been checked."""
        self._gap_since: float | None = None
        self._put_back = False

    # -------------------------------------------------------------- what comes

    def take(self, events: Iterable[LoggedEvent], *, now: float) -> None:
        """Take events that were committed, from the bus or from the log."""
        for event in events:
            sequence = event.sequence
            if sequence > self.last:
                self._early[sequence] = event
                if sequence > self.known:
                    self.known, self.cause = sequence, "gap"
            elif event.at_us > self.last_at_us or event.at_us != self._times.get(
                sequence, event.at_us
            ):
                # Times rise with sequences: this number was given once more.
                self._put_back = True
        self._look_for_gap(now)

    def compare(self, head: Head, *, known: int, now: float) -> None:
        """Take the log's head: what it is ahead of us is missing.

        known: as it was before the head was read. A head behind that has been put back; and what
        was pruned before it was delivered cannot be delivered any more.
        """
        if head.sequence < known or head.pruned_sequence > self.last:
            self._put_back = True
        else:
            self._expect(head.sequence, "head", now)

    def expect(self, upto: int, *, now: float) -> None:
        """Know that events up to this one have been committed: a sync has shown them."""
        self._expect(upto, "sync", now)

    def _expect(self, upto: int, cause: Cause, now: float) -> None:
        if upto > self.known:
            self.known, self.cause = upto, cause
        self._look_for_gap(now)

    def read(self, gap: Gap, events: list[LoggedEvent], *, now: float) -> int:
        """Take the log's answer to `gap`: its first events, as many as the reader wanted.

        Return how many of them had not come, 0 where the log was put back.
        """
        missing = sum(e.sequence > self.last and e.sequence not in self._early for e in events)
        self.take(events, now=now)
        first = next((event.sequence for event in events if event.sequence > gap.after + 1), None)
        if first is None or first > gap.after + 2:
            self._put_back = True  # what was committed is not there
        return 0 if self._put_back else missing

    # -------------------------------------------------------------- what is to be done

    def step(self) -> Step:
        if self._put_back:
            return Step.START_OVER
        if (event := self._early.get(self.last + 1)) is not None:
            return Step.CHECK_RIGHTS if self._is_fenced(event) else Step.DELIVER
        return Step.READ if self.known > self.last else Step.WAIT

    def ready(self, *, most: int, characters: int) -> Iterator[LoggedEvent]:
        """Give out what is next, at most so many events, and not much more than so many characters.

        Each has been given out when the next one is asked for; what an event with rights waits for
        ends it.
        """
        while most > 0 and characters >= 0 and not self._put_back:
            event = self._early.get(self.last + 1)
            if event is None or self._is_fenced(event):
                return
            most -= 1
            characters -= len(event.data) + len(event.live)
            del self._early[event.sequence]
            self.last, self.last_at_us = event.sequence, event.at_us
            self._times[self.last] = self.last_at_us
            self._times.pop(self.last - REMEMBERED, None)
            if self.last == self.known:
                self._gap_since = None
            yield event

    def coming(self) -> list[LoggedEvent]:
        """Return what is here to be given out next, without a gap."""
        numbers = range(self.last + 1, self.last + 1 + len(self._early))
        return [self._early[n] for n in takewhile(self._early.__contains__, numbers)]

    def rights_checked(self, upto: int) -> None:
        """Let events up to this one go: the rights that they touch have been looked at."""
        self._rights_upto = max(self._rights_upto, upto)

    def patience(self, *, now: float) -> float:
        """Return for how long what is missing may still arrive, in seconds."""
        self._look_for_gap(now)
        return 0 if self._gap_since is None else max(0, self._gap_since + GAP_PATIENCE - now)

    def gap(self) -> Gap:
        """Return what is missing, to be read from the log."""
        return Gap(self.last - 1, self.known)

    def _is_fenced(self, event: LoggedEvent) -> bool:
        return bool(event.access) and event.sequence > self._rights_upto

    def _look_for_gap(self, now: float) -> None:
        """Begin to be patient where something is missing, until all that is known is given out.

        Of a long gap only the first part is waited for, not each page that is read.
        """
        if self._gap_since is None and self.known > self.last and self.last + 1 not in self._early:
            self._gap_since = now
