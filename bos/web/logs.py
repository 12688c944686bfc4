"""Log lines as a phrase and fields: `closed code=1012 seconds=63.2 connection=3f2a`.

Written so, or as JSON with the same fields (`BOS_LOG_FORMAT`).
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from threading import Lock
from typing import Any

from pythonjsonlogger.json import JsonFormatter

from sync import about
from sync.eventlog.faults import passes

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class FieldFormatter(logging.Formatter):
    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:
        line = super().formatMessage(record)
        for name, value in vars(record).items():
            if name not in _STANDARD:
                # One line, whatever a value holds.
                line += f" {name}={' '.join(str(value).split())}"
        return line


def json_formatter() -> JsonFormatter:
    """One object a line: time, level, logger, message, and the fields."""
    return JsonFormatter(
        "{levelname}{name}{message}",
        style="{",
        timestamp="time",
        rename_fields={"levelname": "level", "name": "logger", "exc_info": "traceback"},
    )


class AboutFilter(logging.Filter):
    """Adds which connection or request is being served, and whose that is."""

    def filter(self, record: logging.LogRecord) -> bool:
        request: Any = getattr(record, "request", None)
        if request is not None and not isinstance(request, str):
            # Django's own lines carry the whole request, with what was asked for.
            record.path = getattr(request, "path", "")
            del record.__dict__["request"]
        for name, value in about.fields().items():
            vars(record).setdefault(name, value)
        return True


class BriefFilter(logging.Filter):
    """Exceptions by their name alone, where a library logs a traceback that tells nothing."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.exc_info and record.exc_info[0] is not None:
            record.error = record.exc_info[0].__name__
        record.exc_info = record.exc_text = None
        return True


UNAVAILABLE = 503
"""Django logs its answers; this one is given to everybody while the database is away."""


@dataclass(slots=True)
class _Told:
    at: float
    left_out: int = 0


class AwayFilter(logging.Filter):
    """A database that is away: one line a kind and second, without a traceback.

    Everything that is tried meanwhile fails alike. The next line of its kind says how many were
    left out: `request failed error=OperationalError reason=... left_out=812`. So it is with what
    anybody can bring about as often as they like (`extra={"often": True}`). What else goes wrong is
    told in full.
    """

    # Kinds are few: a logger and what it says, before anything is put into it.
    MOST_KINDS = 1_000

    def __init__(self, *, seconds: float = 1.0) -> None:
        super().__init__()
        self._seconds = seconds
        self._lock = Lock()
        self._told: dict[tuple[str, str, str], _Told] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        often = record.__dict__.pop("often", False)
        unavailable = getattr(record, "status_code", 0) == UNAVAILABLE
        if not (often or unavailable or passes(error)):
            return True
        name = "" if error is None else type(error).__name__
        left_out = self._left_out((record.name, str(record.msg), name))
        if left_out is None:
            return False
        record.exc_info = record.exc_text = None
        if error is not None:
            record.error, record.reason = name, str(error)[:200]
        if left_out:
            record.left_out = left_out
        return True

    def _left_out(self, kind: tuple[str, str, str]) -> int | None:
        """How many of this kind were left out before this one; None: so is this one."""
        now = time.monotonic()
        with self._lock:
            told = self._told.get(kind)
            if told is not None and now - told.at < self._seconds:
                told.left_out += 1
                return None
            if len(self._told) >= self.MOST_KINDS:
                self._told.clear()
            self._told[kind] = _Told(now)
            return 0 if told is None else told.left_out
