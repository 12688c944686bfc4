"""Log lines as a phrase and fields: `connected connection=3f2a`."""

from __future__ import annotations

import logging
from copy import copy

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class FieldFormatter(logging.Formatter):
    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:
        fields = (f"{k}={v}" for k, v in vars(record).items() if k not in _STANDARD)
        return " ".join([super().formatMessage(record), *fields])


class BriefFormatter(FieldFormatter):
    """Exceptions by their name alone, where a library logs a traceback that tells nothing."""

    def format(self, record: logging.LogRecord) -> str:
        brief = copy(record)
        if record.exc_info and record.exc_info[0] is not None:
            brief.error = record.exc_info[0].__name__
        brief.exc_info = brief.exc_text = None
        return super().format(brief)
