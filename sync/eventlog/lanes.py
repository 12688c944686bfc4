"""Queues that a few threads serve: each in its order, by one thread at a time."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")

Key = tuple[str, ...]
"""Names a lane. Its first part is whose lane it is: an organization's id."""


@dataclass(slots=True)
class _Lane(Generic[T]):
    waiting: deque[T] = field(default_factory=deque)
    batch_delay: float = 0
    """Of what came first; 0 once the lane has been served."""


class Lanes(Generic[T]):
    """serve: called with up to `most` neighbours of one lane; it must not raise.

    threads: how many there are at most, each made when it is first needed. share: how many of them
    may serve lanes of one owner at the same time.
    """

    def __init__(
        self, name: str, serve: Callable[[list[T]], None], *, threads: int, share: int, most: int
    ) -> None:
        self._name = name
        self._serve = serve
        self._most = most
        self._share = share
        self._threads_left = threads
        self._lanes: dict[Key, _Lane[T]] = {}
        self._ready: deque[Key] = deque()
        self._served: Counter[str] = Counter()
        self._idle = 0
        self._wake = threading.Condition()

    def put(self, key: Key, item: T, *, batch_delay: float = 0) -> None:
        """Add to the end of the lane. An item that finds it empty waits `batch_delay` seconds."""
        with self._wake:
            lane = self._lanes.get(key)
            if lane is None:
                lane = self._lanes[key] = _Lane(batch_delay=batch_delay)
                self._call_for(key)
            lane.waiting.append(item)

    def busy(self) -> bool:
        """Whether anything of any lane waits or is being served."""
        return bool(self._lanes)

    def has(self, key: Key) -> bool:
        """Whether anything of this lane waits or is being served."""
        with self._wake:
            return key in self._lanes

    def _call_for(self, key: Key) -> None:
        self._ready.append(key)
        if self._idle < len(self._ready) and self._threads_left:
            self._threads_left -= 1
            threading.Thread(target=self._run, name=self._name, daemon=True).start()
        self._wake.notify()

    def _run(self) -> None:
        while True:
            with self._wake:
                while (key := self._next()) is None:
                    self._idle += 1
                    self._wake.wait()
                    self._idle -= 1
                lane = self._lanes[key]
                batch_delay, lane.batch_delay = lane.batch_delay, 0
            if batch_delay:
                time.sleep(batch_delay)
            with self._wake:
                items = [lane.waiting.popleft() for _ in range(min(self._most, len(lane.waiting)))]
            self._serve(items)
            with self._wake:
                self._served[key[0]] -= 1
                if not self._served[key[0]]:
                    del self._served[key[0]]
                if lane.waiting:
                    self._ready.append(key)
                else:
                    del self._lanes[key]
                # One is taken by this thread: another would find nothing, and on SQLite a writer
                # that changes threads, and so connections, reads again what it has just written.
                if len(self._ready) > 1:
                    self._wake.notify()

    def _next(self) -> Key | None:
        """The lane that has waited the longest, of an owner who has not got their share."""
        for key in self._ready:
            if self._served[key[0]] < self._share:
                self._ready.remove(key)
                self._served[key[0]] += 1
                return key
        return None
