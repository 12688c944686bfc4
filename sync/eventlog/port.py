"""The log as delivery uses it. `sync.eventlog.log` is one, `sync.testing.MemoryLog` another.

These block: they are called on a reader thread (`in_database`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Protocol

from sync.eventlog.log import Head, LoggedEvent
from sync.protocol.topics import Topic


class Log(Protocol):
    def head(self, organization_id: str) -> Head: ...
    def heads(self, organization_ids: Collection[str]) -> dict[str, Head]:
        """Return the head of each of these organizations that has one."""
        ...

    def read(self, organization_id: str, *, after: int, upto: int, limit: int) -> list[LoggedEvent]:
        """Return the events with after < sequence <= upto in order, at most `limit` of them."""
        ...

    def read_topics(
        self, organization_id: str, topics: Iterable[Topic], *, after: int, upto: int, limit: int
    ) -> list[LoggedEvent]:
        """Like `read`, only those that concern one of these topics."""
        ...

    def count_topics(
        self, organization_id: str, topics: Iterable[Topic], *, after: int, upto: int
    ) -> int: ...
    def find(self, organization_id: str, sequence: int) -> LoggedEvent | None: ...
    def sequence_before(self, organization_id: str, at_us: int, *, exact: bool, end: Head) -> int:
        """Return the sequence after which a client resumes that has seen all up to this time.

        Raises SyncRefused where the time is in the future or history was pruned after it.
        """
        ...

    def start_over(self, organization_id: str, *, seen: int = 0, seen_at_us: int = 0) -> bool:
        """Go on after everything that anybody may have seen; whether anything was to be done."""
        ...
