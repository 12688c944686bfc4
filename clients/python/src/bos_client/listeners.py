"""Functions that are called with each event of one kind."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")
Listener = Callable[[T], object]
Remove = Callable[[], None]


class Listeners(Generic[T]):
    """A listener that fails is reported to the event loop, and keeps nobody else from hearing."""

    def __init__(self) -> None:
        self._listeners: list[Listener[T]] = []

    def add(self, listener: Listener[T]) -> Remove:
        """Call it with each event from now on; returns a function that ends this."""
        self._listeners.append(listener)
        return lambda: self._remove(listener)

    def tell(self, event: T) -> None:
        for listener in list(self._listeners):
            try:
                listener(event)
            except Exception as error:  # whatever an application does
                asyncio.get_running_loop().call_exception_handler(
                    {"message": f"{listener!r} failed", "exception": error}
                )

    def _remove(self, listener: Listener[T]) -> None:
        if listener in self._listeners:
            self._listeners.remove(listener)
