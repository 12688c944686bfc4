"""Keep things for a while because others may ask for the same: bounded in bytes and in time."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
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
        self._used: OrderedDict[T, tuple[int, float]] = OrderedDict()
        """Their sizes, and when they were used last; in the order of that."""
        self._since: OrderedDict[T, float] = OrderedDict()
        """When they were first kept, in the order of that."""
        self.size = 0

    def __len__(self) -> int:
        return len(self._used)

    def put(self, thing: T, size: int) -> None:
        """Keep it, or keep it with another size, and drop others where that is too much."""
        now = self._clock.time()
        self._take(thing)
        self._used[thing] = size, now
        self._since.setdefault(thing, now)
        self.size += size
        while self.size > self._most:
            self.drop(next(iter(self._used)))

    def use(self, thing: T) -> None:
        """Note that it is used now; what has been dropped meanwhile is not kept again."""
        if thing in self._used:
            self._used[thing] = self._used[thing][0], self._clock.time()
            self._used.move_to_end(thing)

    def drop(self, thing: T) -> None:
        self._take(thing)
        self._since.pop(thing, None)
        self._dropped(thing)

    def _take(self, thing: T) -> None:
        size, _ = self._used.pop(thing, (0, 0.0))
        self.size -= size

    def forget(self) -> None:
        """Drop what was not used for so long, or was kept for so long."""
        now = self._clock.time()
        while self._used and next(iter(self._used.values()))[1] <= now - self._linger:
            self.drop(next(iter(self._used)))
        while self._since and next(iter(self._since.values())) <= now - self._longest:
            self.drop(next(iter(self._since)))
