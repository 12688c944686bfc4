"""The outbox of a client, without a socket."""

from __future__ import annotations

import asyncio

import pytest

from sync.delivery.asgi_outbox import AsgiOutbox
from sync.delivery.flusher import Flusher
from sync.delivery.outbox import WRITE_BYTES, Watcher
from sync.delivery.raw_outbox import RawOutbox
from sync.gateway.intake import Intake


class Pipe:
    """A transport whose other end stops reading, and goes."""

    heard_at = 0.0
    watcher: Watcher
    intake: Intake  # not asked here

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.block_after = 0

    def write(self, frames: bytes) -> None:
        self.written.append(frames)
        self.block_after -= 1
        if not self.block_after:
            self.watcher.pause()

    def buffered(self) -> int:
        return 0

    def free_socket(self) -> int:
        return -1

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


def filled(limit: int) -> tuple[Pipe, RawOutbox, list[str]]:
    """An outbox whose client does not read, and what is asked for."""
    asked: list[str] = []
    pipe = Pipe()
    outbox = RawOutbox(pipe, Flusher(asyncio.get_running_loop(), 0.001), limit)
    outbox.on_lag = lambda: asked.append("lag")
    outbox.on_overflow = lambda: asked.append("overflow")
    pipe.watcher.pause()
    return pipe, outbox, asked


async def test_w6_heartbeats_go_ahead_of_what_waits_in_their_order() -> None:
    pipe, outbox, _ = filled(10_000)
    outbox.push(b"first ")
    outbox.push(b"second ")
    for beat in (b"one ", b"two "):
        outbox.push_ahead(beat)
    pipe.watcher.resume()
    outbox.push_ahead(b"three")
    assert b"".join(pipe.written) == b"one two first second three"


async def test_h1_heartbeats_that_nothing_waits_behind_keep_their_order() -> None:
    pipe, outbox, _ = filled(10_000)
    for beat in (b"one ", b"two ", b"three "):
        outbox.push_ahead(beat)
    outbox.push(b"message")
    pipe.watcher.resume()
    assert b"".join(pipe.written) == b"one two three message"


@pytest.mark.parametrize("waits", [[], ["message"]])
async def test_h1_heartbeats_keep_their_order_under_other_servers(waits: list[str]) -> None:
    sent: list[str] = []
    reads = asyncio.Event()

    async def send(message: dict[str, str]) -> None:
        await reads.wait()
        sent.append(message["text"])

    def frames(text: str) -> list[dict[str, str]]:
        return [{"type": "websocket.send", "text": text}]

    outbox = AsgiOutbox(send, 10_000)
    outbox.push(frames("being sent"))
    await asyncio.sleep(0)
    for text in waits:
        outbox.push(frames(text))
    for beat in ("one", "two", "three"):
        outbox.push_ahead(frames(beat))
    outbox.push(frames("last"))
    reads.set()
    await outbox.flushed()
    assert sent == ["being sent", "one", "two", "three", *waits, "last"]


async def test_w6_a_heartbeat_of_a_client_that_reads_comes_behind_what_was_sent_before() -> None:
    pipe, outbox, _ = filled(10_000)
    pipe.watcher.resume()
    outbox.push(b"first ")
    outbox.push_ahead(b"beat")
    assert b"".join(pipe.written) == b"first beat"


async def test_w6_of_much_a_little_is_written_at_once() -> None:
    pipe, outbox, _ = filled(2**20)
    frames = [bytes((n,)) * 10_000 for n in range(100)]
    for frame in frames:
        outbox.push(frame)
    for _ in range(100):
        pipe.block_after = 1
        pipe.watcher.resume()
    assert max(map(len, pipe.written)) < WRITE_BYTES + 10_000
    assert b"".join(pipe.written) == b"".join(frames)
    assert outbox.unread() == 0


async def test_w5_one_message_larger_than_the_queue_does_not_end_the_connection() -> None:
    _, outbox, asked = filled(1_000)
    outbox.push(b"x" * 1_001)
    await asyncio.sleep(0)
    assert asked == ["lag"]
    outbox.push(b"y")
    await asyncio.sleep(0)
    assert asked == ["lag", "overflow"]


@pytest.mark.parametrize(("size", "asked"), [(500, []), (501, ["lag"]), (1_000, ["lag"] * 2)])
async def test_l3_half_a_queue_is_a_lag_and_one_byte_above_it_the_end(
    size: int, asked: list[str]
) -> None:
    _, outbox, told = filled(1_000)
    outbox.push(b"x" * min(size, 800))
    if size > 800:
        outbox.push(b"x" * (size - 800))
    await asyncio.sleep(0)
    assert told == asked
    if size == 1_000:
        outbox.push(b"x")
        await asyncio.sleep(0)
        assert told[-1] == "overflow"
