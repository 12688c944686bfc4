"""Times as the wire has them: RFC 3339, UTC, whole seconds (decision E2)."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime, timedelta
from functools import lru_cache

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FRACTION = re.compile(r"\.(\d+)")


def now_us() -> int:
    """Microseconds since the epoch, by the clock of this machine."""
    return time.time_ns() // 1000


_now_text = (0, "")


def wire_now() -> str:
    """The time as the wire has it; made once a second, and asked for with every message."""
    global _now_text
    second = int(time.time())
    if _now_text[0] != second:
        _now_text = second, wire_time(datetime.fromtimestamp(second, UTC))
    return _now_text[1]


def wire_time(moment: datetime | None = None) -> str:
    """`2025-01-20T10:30:00Z`: a default Swift date decoder rejects fractions."""
    return (moment or datetime.now(UTC)).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def wire_time_us(at_us: int) -> str:
    return _wire_second(at_us // 1_000_000)


@lru_cache(maxsize=64)  # neighbouring events are of the same second
def _wire_second(second: int) -> str:
    return wire_time(EPOCH + timedelta(seconds=second))


def wire_cursor(at_us: int) -> str:
    """`2025-01-20T10:30:00.123456Z`: only `lastSyncTimestamp` carries microseconds."""
    return (EPOCH + timedelta(microseconds=at_us)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parse_cursor(text: str, moment: datetime) -> tuple[int, bool]:
    """Microseconds since the epoch, and whether the text names one exact microsecond.

    A coarser time (whole seconds, a JavaScript date's milliseconds) was cut off by the client,
    so events at that very time must be repeated rather than lost.
    """
    fraction = _FRACTION.search(text)
    exact = fraction is not None and len(fraction.group(1)) >= 6
    # Cut, not round: a rounded-up cursor would lose the event it names.
    digits = (fraction.group(1) if fraction else "")[:6].ljust(6, "0")
    seconds = int((moment.replace(microsecond=0) - EPOCH).total_seconds())
    return seconds * 1_000_000 + int(digits), exact
