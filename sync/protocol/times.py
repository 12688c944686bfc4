"""Times as the wire has them: RFC 3339, UTC, whole seconds (decision E2)."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Annotated

import msgspec
from msgspec import Meta

from sync.protocol.errors import InvalidMessage

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
WireTime = Annotated[datetime, Meta(tz=True)]
_FRACTION = re.compile(r"\.([0-9]+)")
SHORT_TIME = len("2025-01-20T10:30:00.123456")
"""So few characters have room for microseconds and no less."""
_BELOW_A_MICROSECOND = re.compile(r"(\.[0-9]{6})[0-9]+")


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
    in_utc = (moment or datetime.now(UTC)).astimezone(UTC)
    # Not strftime, which writes the year 1 as `1`.
    return f"{in_utc.replace(tzinfo=None).isoformat(timespec='seconds')}Z"


def wire_time_us(at_us: int) -> str:
    return _wire_second(at_us // 1_000_000)


@lru_cache(maxsize=64)  # neighbouring events are of the same second
def _wire_second(second: int) -> str:
    return wire_time(EPOCH + timedelta(seconds=second))


def wire_cursor(at_us: int) -> str:
    """`2025-01-20T10:30:00.123456Z`: only `lastSyncTimestamp` carries microseconds."""
    moment = (EPOCH + timedelta(microseconds=at_us)).replace(tzinfo=None)
    return f"{moment.isoformat(timespec='microseconds')}Z"


def parse_time(text: str, *, field: str) -> datetime:
    """A time as a client sends it: cut to the microsecond, where msgspec would round.

    Raises InvalidMessage for this field where it is none.
    """
    if len(text) > SHORT_TIME:
        text = _BELOW_A_MICROSECOND.sub(r"\1", text)
    try:
        return msgspec.convert(text, WireTime)
    except msgspec.ValidationError:
        raise InvalidMessage(field, "Expected an RFC 3339 time with its offset") from None


def parse_cursor(text: str, *, field: str) -> tuple[int, bool]:
    """Microseconds since the epoch, and whether the text names one exact microsecond.

    A coarser time (whole seconds, a JavaScript date's milliseconds) was cut off by the client,
    so events at that very time must be repeated rather than lost. Raises InvalidMessage; also for
    a time that is of the year 0 or 10000 in UTC.
    """
    try:
        moment = parse_time(text, field=field).astimezone(UTC)
    except OverflowError:
        raise InvalidMessage(field, "Expected a time of the years 1 to 9999 in UTC") from None
    fraction = _FRACTION.search(text)
    exact = fraction is not None and len(fraction.group(1)) >= 6
    return (moment - EPOCH) // timedelta(microseconds=1), exact
