"""What waits for a client, without a socket."""

from __future__ import annotations

import asyncio

from sync.outbox import Flusher, RawOutbox, Watcher


class Pipe:
    """A transport whose other end stops reading, and goes."""

    heard_at = 0.0
    watcher: Watcher

    def __init__(self) -> None:
        self.written: list[bytes] = []

    def write(self, frames: bytes) -> None:
        self.written.append(frames)

    def buffered(self) -> int:
        return 0

    def abort(self) -> None:
        self.watcher.end()

    async def wait_written(self) -> None: ...
    def watch(self, watcher: Watcher) -> None:
        self.watcher = watcher


async def _waiting() -> tuple[Pipe, RawOutbox, asyncio.Task[bool]]:
    pipe = Pipe()
    outbox = RawOutbox(pipe, Flusher(asyncio.get_running_loop(), 0.001), 100)
    pipe.watcher.pause()
    outbox.push(b"waits")
    drained = asyncio.create_task(outbox.drained())
    await asyncio.sleep(0)  # it begins to wait
    assert not drained.done()
    return pipe, outbox, drained


async def test_l3_what_waits_is_written_when_the_client_reads_again() -> None:
    pipe, outbox, drained = await _waiting()
    pipe.watcher.resume()
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


async def test_s3_a_pointer_that_waits_is_not_shown_to_who_has_lost_its_topic() -> None:
    pipe, outbox, drained = await _waiting()
    outbox.push_latest("session:lost", "session:lost:user", b"lost")
    outbox.push_latest("session:kept", "session:kept:user", b"kept")
    outbox.forget_latest("session:lost")
    pipe.watcher.resume()
    assert await drained
    assert b"".join(pipe.written) == b"waitskept"
