"""The lines of the log: their content, and how often they come (f7)."""

from __future__ import annotations

import logging
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from django.db.utils import ConnectionHandler

from bos.web.logs import AwayFilter, FieldFormatter


class Lines(logging.Handler):
    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.lines: list[str] = []
        self.addFilter(AwayFilter(seconds=seconds))
        self.setFormatter(FieldFormatter())

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@contextmanager
def logger(seconds: float) -> Iterator[tuple[logging.Logger, list[str]]]:
    """A logger and the lines that it writes."""
    made, handler = logging.Logger("test"), Lines(seconds)
    made.addHandler(handler)
    yield made, handler.lines


def failing(path: Path, statement: str) -> Any:
    """The exc_info of this statement on a file that another connection has locked."""
    database = {"ENGINE": "django.db.backends.sqlite3", "NAME": path, "OPTIONS": {"timeout": 0}}
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE IF NOT EXISTS t (a)")
        other.commit()
        other.execute("BEGIN EXCLUSIVE" if "INSERT" in statement else "BEGIN")
        connection = ConnectionHandler({"default": database})["default"]
        connection.inc_thread_sharing()
        try:
            with connection.cursor() as cursor:
                cursor.execute(statement)
        except Exception:
            return sys.exc_info()
        finally:
            connection.close()
    raise AssertionError(statement)


LOCKED, BROKEN = "INSERT INTO t VALUES (1)", "SELECT * FROM nowhere"


def test_f7_of_many_failures_of_a_database_one_line_is_written_without_a_traceback(
    tmp_path: Path,
) -> None:
    error = failing(tmp_path / "db", LOCKED)
    with logger(seconds=3600) as (log, lines):
        for n in range(100):
            log.error("request failed", exc_info=error, extra={"connection": n})
        log.error("log not read", exc_info=error)  # another kind
    assert len(lines) == 2
    assert "connection=0 error=OperationalError reason=database is locked" in lines[0]
    assert "Traceback" not in "".join(lines)


def test_f7_the_next_line_of_a_kind_says_how_many_were_left_out(tmp_path: Path) -> None:
    error = failing(tmp_path / "db", LOCKED)
    with logger(seconds=0) as (log, lines):
        [away] = log.handlers[0].filters
        assert isinstance(away, AwayFilter)
        away._seconds = 3600
        for _ in range(8):
            log.error("request failed", exc_info=error)
        away._seconds = 0
        log.error("request failed", exc_info=error)
        log.error("request failed", exc_info=error)
    assert [line.partition(" left_out=")[2] for line in lines] == ["", "7", ""]


def test_f7_what_is_no_fault_of_the_database_is_told_in_full_each_time(
    tmp_path: Path,
) -> None:
    with logger(seconds=3600) as (log, lines):
        for _ in range(3):
            log.error("request failed", exc_info=failing(tmp_path / "db", BROKEN))
            log.error("request failed", exc_info=ValueError("ours"))
    assert sum("no such table: nowhere" in line for line in lines) == 3
    assert sum("ValueError: ours" in line for line in lines) == 3
    assert all("Traceback" in line for line in lines[::2])


def test_f7_a_field_with_line_feeds_makes_no_second_line() -> None:
    with logger(seconds=1) as (log, lines):
        log.error("lost", extra={"reason": "away\n\tor forged\r\nERROR bos all is lost"})
    assert lines[0].splitlines()[0].endswith("reason=away or forged ERROR bos all is lost")
