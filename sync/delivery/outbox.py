"""The messages that wait for one client: what delivery asks of an outbox, and it of a transport.

`sync.delivery.raw_outbox` has the one of our own server, `sync.delivery.asgi_outbox` that of any.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from sync.conf import sync_settings

WRITE_BYTES = 32 * 1024
"""Of more, so much is given to the transport at once. What it has cannot be overtaken."""
CLIENTS_TAKE = 2**20
"""The largest message that browsers and libraries take by default."""


def most_of_a_frame() -> int:
    """Bytes of the largest message that is worth composing: it fits into a queue half full."""
    return min(CLIENTS_TAKE, sync_settings().send_queue_bytes) // 2


class Transport(Protocol):
    """Where a RawOutbox writes to."""

    def write(self, frames: bytes) -> None: ...
    def buffered(self) -> int:
        """Bytes that were written and that the client has not taken yet."""
        ...

    def free_socket(self) -> int:
        """Return the number of the socket that may be written to past `write`, now; -1 for none.

        It may where nothing that was written waits: what is sent comes after that.
        """
        ...

    def watch(self, watcher: Watcher) -> None:
        """Tell this one from now on."""
        ...


class Watcher(Protocol):
    """Is told what becomes of what was written."""

    def pause(self) -> None:
        """The client has stopped taking it."""
        ...

    def resume(self) -> None:
        """The client takes it again."""
        ...

    def end(self) -> None:
        """The client has gone."""
        ...

    def flood(self) -> None:
        """The client sends more frames than are worth reading."""
        ...


class Outbox(Protocol):
    """on_lag is called when half of the limit waits, on_overflow when all of it does; both soon
    after, never while somebody pushes: they may be in the middle of all who get this event."""

    on_lag: Callable[[], None]

    on_overflow: Callable[[], None]

    on_flood: Callable[[], None]
    """Called when the client sends more frames than are worth reading."""

    ended: bool
    """The client has gone, or the connection has ended: nothing is written any more."""

    def push(self, frames: Any) -> None:
        """Write these after what waits, with what else comes in this turn of the loop, or by the
        commit that is under way."""
        ...

    def push_ahead(self, frames: Any) -> None:
        """Write these at once; where the client is slow, ahead of what waits for it."""
        ...

    def push_latest(self, topic: str, key: str, frames: Any) -> None:
        """Like `push`, but replaces what waits under this key: only the latest is worth sending."""
        ...

    def forget_latest(self, topic: str) -> None:
        """Drop the ephemerals of this topic that wait: they are not for this client any more."""
        ...

    def flush(self) -> None:
        """Do not wait for more."""
        ...

    def unread(self) -> int:
        """Bytes that wait, or were written and not taken, as far as the server knows."""
        ...

    def is_filling(self) -> bool:
        """Whether a quarter of the limit waits: who sends much goes on when it is taken."""
        ...

    def is_drained(self) -> bool:
        """Whether little waits."""
        ...

    async def drained(self) -> bool:
        """Wait until little waits; False where the connection ended instead."""
        ...

    async def flushed(self) -> None:
        """Everything pushed so far is written, or the connection ended."""
        ...

    def drop(self) -> None:
        """Forget what waits: it will not be written."""
        ...

    def end(self) -> None: ...


def do_nothing() -> None:
    return None
