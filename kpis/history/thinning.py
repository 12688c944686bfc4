"""Fewer values of a long history, in which every peak and the newest value are still seen."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from decimal import Decimal
from itertools import groupby

Value = tuple[datetime, Decimal]
KEPT = 3
"""Of each step: its lowest, its highest and its last value."""


def step_for(first: datetime, last: datetime, *, most: int) -> int:
    """Seconds of which three values are kept each, so that values of this time are `most` at most.

    most: 3 or more.
    """
    steps = max(1, most // KEPT)
    return int((last - first).total_seconds()) // steps + 1


def thinned(values: Iterable[Value], *, first: datetime, step: int) -> Iterator[Value]:
    """Of each `step` seconds from `first` on the lowest, the highest and the last value.

    values: oldest first; of several with the same time the last one counts as the last. They are
    not kept, however many there are.
    """

    def number(value: Value) -> int:
        return int((value[0] - first).total_seconds()) // step

    for _, within in groupby(values, key=number):
        rest = iter(within)
        lowest = highest = last = next(rest)
        for value in rest:
            if value[1] < lowest[1]:
                lowest = value
            elif value[1] > highest[1]:
                highest = value
            last = value
        # The last one after others of its time.
        yield from sorted({lowest, highest} - {last}, key=lambda value: value[0])
        yield last
