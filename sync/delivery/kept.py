"""Keep things for a while because others may ask for the same: bounded in bytes and in time."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from sync.delivery.clock import TimeSource

T = TypeVar("T")


class Kept(Generic[T]):
    """Things that are dropped when they are too much, least recently used first, or unused.

    most: bytes of all of them; linger: seconds for which one is kept that is not used; longest:
    seconds for which one is kept however much it is used; dropped: is told of each that is kept no
    longer.
    """

    def __init__(
        self,
        clock: TimeSource,
        *,
        most: int,
        linger: float,
        longest: float,
        dropped: Callable[[T], None],
    ) -> None:
        self._clock = clock
        self._most = most
        self._linger = linger
        self._longest = longest
        self._dropped = dropped
        self._used: OrderedDict[T, _Use] = OrderedDict()
        """In the order in which they were used last."""
        self.size = 0

    def __len__(self) -> int:
        return len(self._used)

    def put(self, thing: T, size: int) -> None:
        """Keep it, or keep it with another size, and drop others where that is too much."""
        now = self._clock.time()
        before = self._take(thing)
        self._used[thing] = _Use(size, since=now if before is None else before.since, last=now)
        self.size += size
        while self.size > self._most:
            self.drop(next(iter(self._used)))

    def use(self, thing: T) -> None:
        """Note that it is used now; what has been dropped meanwhile is not kept again."""
        if (use := self._used.get(thing)) is not None:
            use.last = self._clock.time()
            self._used.move_to_end(thing)

    def drop(self, thing: T) -> None:
        self._take(thing)
        self._dropped(thing)

    def _take(self, thing: T) -> _Use | None:
        use = self._used.pop(thing, None)
        if use is not None:
            self.size -= use.size
        return use

    def forget(self) -> None:
        """Drop what was not used for so long, or was kept for so long."""
        now = self._clock.time()
        for thing, use in list(self._used.items()):
            if use.last <= now - self._linger or use.since <= now - self._longest:
                self.drop(thing)


@dataclass(slots=True)
class _Use:
    """since: when it was first kept; last: when it was used last."""

    size: int
    since: float
    last: float
