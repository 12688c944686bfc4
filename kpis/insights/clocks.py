"""When people change their clocks: what came at 9 h UTC comes at 8 h UTC from then on."""

from __future__ import annotations

from calendar import monthrange
from datetime import date, timedelta

SUNDAY = 6
WEEK = 7
CHANGES = ((3, 2), (3, 0), (4, 1), (9, 1), (9, 0), (10, 1), (10, 0), (11, 1))
"""Month, and which of its Sundays, 0 is the last: North America, Europe, the south, Chile."""
GETS_USED = timedelta(weeks=2)
"""After so long the hours have a history of their own again."""


def changed_lately(day: date) -> bool:
    """Whether somewhere on earth the clocks have been changed in the two weeks before."""
    return any(
        timedelta(0) <= day - _sunday(day.year, month, which) <= GETS_USED
        for month, which in CHANGES
    )


def _sunday(year: int, month: int, which: int) -> date:
    if which == 0:
        last = date(year, month, monthrange(year, month)[1])
        return last - timedelta(days=(last.weekday() - SUNDAY) % WEEK)
    first = date(year, month, 1)
    return first + timedelta(days=(SUNDAY - first.weekday()) % WEEK + WEEK * (which - 1))
