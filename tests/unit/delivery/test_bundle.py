"""Outboxes that wait together: each is written the same as if it had waited alone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync.delivery.flusher import Flusher
from sync.delivery.outbox import WRITE_BYTES, Watcher
from sync.delivery.raw_outbox import RawOutbox, RawOutboxes
from tests.support.waiting import until

LIMIT = 200
CLIENTS = 4
Step = tuple[str, int, int]
"""A kind of event, the client that it happens to, and bytes."""


@dataclass
class Pipe:
    """A transport that keeps what is written, and says when it has enough."""

    written: bytearray = field(default_factory=bytearray)
    writes: list[bytes] = field(default_factory=list)
    watcher: Watcher | None = None

    def write(self, frames: bytes) -> None:
        self.written += frames
        self.writes.append(frames)

    def buffered(self) -> int:
        return 0

    def free_socket(self) -> int:
        return -1

    def watch(self, watcher: Watcher) -> None:
        self.watcher = watcher


class Crowd:
    """Some clients that are pushed to together, or one by one: the same must come of it."""

    def __init__(self, loop: asyncio.AbstractEventLoop, *, together: bool) -> None:
        self.together = together
        self.told: list[list[str | int]] = [[] for _ in range(CLIENTS)]
        """For each: calls for a lag or an overflow, and the bytes unread after each event."""
        # No flush takes any time: ephemerals of both are written at the end of the same turn.
        self.flusher = Flusher(loop, 0.001, clock=lambda: 0.0)
        self.pipes = [Pipe() for _ in range(CLIENTS)]
        self.outboxes = [RawOutbox(pipe, self.flusher, LIMIT) for pipe in self.pipes]
        for at, outbox in enumerate(self.outboxes):
            outbox.on_lag = self._teller("lag", at)
            outbox.on_overflow = self._teller("overflow", at)
        self.groups = [RawOutboxes(self.outboxes), RawOutboxes(self.outboxes[1:])]
        self.members = [self.outboxes, self.outboxes[1:]]

    def _teller(self, what: str, at: int) -> Callable[[], None]:
        return lambda: self.told[at].append(what)

    def push(self, group: int, frames: bytes, but: list[RawOutbox]) -> None:
        if self.together:
            self.groups[group].push(frames, but)
        else:
            for outbox in self.members[group]:
                if outbox not in but:
                    outbox.push(frames)

    def push_latest(self, group: int, key: str, frames: bytes, but: list[RawOutbox]) -> None:
        if self.together:
            self.groups[group].push_latest(f"topic {group}", key, frames, but)
        else:
            for outbox in self.members[group]:
                if outbox not in but:
                    outbox.push_latest(f"topic {group}", key, frames)

    async def take(self, step: Step, number: int) -> None:
        what, at, size = step
        outbox = self.outboxes[at]
        frames = bytes((number % 256,)) * size
        match what:
            case "all":
                self.push(0, frames, [])
            case "some":
                self.push(1, frames, [])
            case "all but":
                self.push(0, frames, [outbox])
            case "latest":
                self.push_latest(0, str(at), frames, [outbox])
            case "latest of some":
                self.push_latest(1, str(at), frames, [])
            case "own":
                outbox.push(frames)
            case "answer":
                outbox.push(frames)
                outbox.flush()
            case "beat":
                outbox.push_ahead(frames)
            case "forget":
                outbox.forget_latest("topic 0")
            case "block":
                outbox.pause()
            case "read":
                outbox.resume()
            case "drop":
                outbox.drop()
            case "end":
                outbox.end()
            case "turn":
                await asyncio.sleep(0)
                await asyncio.sleep(0)
        self.told[at].append(outbox.unread())


STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            [
                *("all", "all", "all", "some", "all but", "latest", "latest of some", "own"),
                *("answer", "beat", "forget", "block", "read", "drop", "turn", "turn", "end"),
            ]
        ),
        st.integers(0, CLIENTS - 1),
        st.sampled_from([1, 7, 40, 101]),
    ),
    max_size=40,
)


@given(STEPS)
@settings(max_examples=300, deadline=None)
def test_l3_each_is_written_and_warned_as_if_it_were_pushed_to_alone(steps: list[Step]) -> None:
    async def play(*, together: bool) -> tuple[list[bytes], list[list[str | int]]]:
        crowd = Crowd(asyncio.get_running_loop(), together=together)
        for number, step in enumerate(steps):
            await crowd.take(step, number)
        for outbox in crowd.outboxes:
            outbox.resume()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return [bytes(pipe.written) for pipe in crowd.pipes], crowd.told

    assert asyncio.run(play(together=True)) == asyncio.run(play(together=False))


async def turn() -> None:
    for _ in range(2):
        await asyncio.sleep(0)


async def test_l3_what_all_wait_for_is_one_piece_of_bytes_and_one_write_each() -> None:
    crowd = Crowd(asyncio.get_running_loop(), together=True)
    for number in range(3):
        crowd.push(0, bytes((65 + number,)), [])
    crowd.push_latest(0, "pointer", b"p", [])
    await turn()
    assert [pipe.writes for pipe in crowd.pipes] == [[b"ABCp"]] * CLIENTS
    assert len({id(pipe.writes[0]) for pipe in crowd.pipes}) == 1


async def test_s6_what_has_been_written_is_not_kept_until_more_comes() -> None:
    crowd = Crowd(asyncio.get_running_loop(), together=True)
    crowd.push(0, b"event", [crowd.outboxes[0]])
    crowd.push_latest(0, "pointer", b"p", [])
    bundle = crowd.groups[0]._bundle
    await turn()
    assert bundle is not None
    assert (bundle.frames, bundle.latest, bundle.alone) == ([], {}, [])
    assert [bytes(pipe.written) for pipe in crowd.pipes] == [b"p", *[b"eventp"] * (CLIENTS - 1)]


@pytest.mark.parametrize(("size", "writes"), [(WRITE_BYTES, 1), (WRITE_BYTES + 1, 2)])
async def test_w6_more_than_a_write_is_written_to_each_as_it_takes_it(
    size: int, writes: int
) -> None:
    pipe = Pipe()
    group = RawOutboxes([RawOutbox(pipe, Flusher(asyncio.get_running_loop(), 0.001), 2**20)])
    group.push(b"a" * (WRITE_BYTES - 1))
    group.push(b"b" * (size - WRITE_BYTES + 1))
    group.push(b"c" * (writes - 1) * WRITE_BYTES)
    await turn()
    assert len(pipe.writes) == writes
    assert len(pipe.written) == size + (writes - 1) * WRITE_BYTES


async def test_l3_nothing_is_waited_for_where_nothing_comes() -> None:
    """And where a commit is under way, a little."""
    loop = asyncio.get_running_loop()
    comes = [True, False]
    pipe = Pipe()
    outbox = RawOutbox(pipe, Flusher(loop, 0.02, more_comes=lambda: comes[0]), LIMIT)
    outbox.push(b"waits")
    await turn()
    assert not pipe.writes
    await until(lambda: pipe.writes, within=5)
    del comes[0]
    outbox.push(b"does not")
    await turn()
    assert pipe.writes == [b"waits", b"does not"]
