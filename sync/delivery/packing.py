"""Messages packed for whoever misses the same: encoded and joined once, and pushed in one piece."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate, chain
from typing import NamedTuple

from sync.conf import sync_settings
from sync.delivery.encodings import Encoding, Frames

MOST_BYTES = 64 * 1024
"""Of one pack: a write of it takes the loop some 0.05 ms, and a client's socket at once."""
QUEUE_PART = 8
"""A pack is no more than this part of a client's queue: a quarter of it may wait before."""


def most_of_a_pack() -> int:
    """Bytes of messages in a pack; one message that is larger has a pack of its own."""
    return min(MOST_BYTES, sync_settings().send_queue_bytes // QUEUE_PART)


class Part(NamedTuple):
    """Neighbours of a pack, as an outbox takes them."""

    frames: Frames
    counts: Mapping[str, int]
    """How many messages of each type."""

    @property
    def number(self) -> int:
        """How many messages it has."""
        return sum(self.counts.values())


class Pack:
    """Some messages in order, of which any neighbours can be taken out."""

    __slots__ = ("_ends", "_frames", "_types", "_whole", "size")

    def __init__(self, encoding: Encoding, messages: Sequence[bytes], types: Sequence[str]) -> None:
        """messages: JSON. types: of each of them."""
        frames = [encoding.encode(message) for message in messages]
        self.size = sum(map(len, messages))
        """Bytes of the messages."""
        self._types = types
        self._ends = list(accumulate(map(len, frames)))
        self._frames = _join(frames)
        self._whole = Part(self._frames, Counter(types))

    def __len__(self) -> int:
        return len(self._types)

    @property
    def whole(self) -> Part:
        return self._whole

    def part(self, first: int, last: int) -> Part:
        """Return the messages from index `first` to before `last`."""
        if first == 0 and last == len(self):
            return self._whole
        begin = self._ends[first - 1] if first else 0
        end = self._ends[last - 1] if last else 0
        return Part(self._frames[begin:end], Counter(self._types[first:last]))


def _join(frames: Sequence[Frames]) -> Frames:
    """Return them as one: bytes where they are raw, a list otherwise."""
    if frames and isinstance(frames[0], bytes):
        return b"".join(frames)
    return list(chain.from_iterable(frames))


def cut(sizes: Iterable[int], most: int) -> list[slice]:
    """Return slices of neighbours that have at most so many bytes together, or are one."""
    slices, first, at, total = [], 0, 0, 0
    for at, size in enumerate(sizes, start=1):
        if total and total + size > most:
            slices.append(slice(first, at - 1))
            first, total = at - 1, 0
        total += size
    if at > first:
        slices.append(slice(first, at))
    return slices
