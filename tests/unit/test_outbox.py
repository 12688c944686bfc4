"""What waits for a client, without a socket."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from sync.outbox import Flusher, RawOutbox


class Pipe:
    """A transport whose other end stops reading, and goes."""

    heard_at = 0.0
    stop: Callable[[], None]
    go: Callable[[], None]
    lose: Callable[[], None]

    def __init__(self) -> None:
        self.written: list[bytes] = []

    def write(self, frames: bytes) -> None:
        self.written.append(frames)

    def buffered(self) -> int:
        return 0

    def abort(self) -> None:
        self.lose()

    async def wait_written(self) -> None: ...
    def watch(
        self,
        on_pause: Callable[[], None],
        on_resume: Callable[[], None],
        on_lost: Callable[[], None],
    ) -> None:
        self.stop, self.go, self.lose = on_pause, on_resume, on_lost


async def _waiting() -> tuple[Pipe, RawOutbox, asyncio.Task[bool]]:
    pipe = Pipe()
    outbox = RawOutbox(pipe, Flusher(asyncio.get_running_loop(), 0.001), 100)
    pipe.stop()
    outbox.push(b"waits")
    drained = asyncio.create_task(outbox.drained())
    await asyncio.sleep(0)
    assert not drained.done()
    return pipe, outbox, drained


async def test_l3_what_waits_is_written_when_the_client_reads_again() -> None:
    pipe, outbox, drained = await _waiting()
    pipe.go()
    assert await drained
    assert pipe.written == [b"waits"]
    assert not outbox.ended


async def test_v4_who_waits_for_a_client_that_goes_is_told_and_nothing_is_written() -> None:
    pipe, outbox, drained = await _waiting()
    pipe.abort()
    assert not await drained
    assert outbox.ended
    outbox.push(b"too late")
    outbox.flush()
    assert pipe.written == []
