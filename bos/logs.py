"""Log lines as a phrase and fields: `connected connection=3f2a`."""

from __future__ import annotations

import logging

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class FieldFormatter(logging.Formatter):
    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:
        fields = (f"{k}={v}" for k, v in vars(record).items() if k not in _STANDARD)
        return " ".join([super().formatMessage(record), *fields])
