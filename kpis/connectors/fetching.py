"""Fetch what a source has, in a process of its own with little memory and time.

A source may answer slowly, without end, or with what takes long to read, and a driver may wait for
ever: all of it ends with that process.
"""

from __future__ import annotations

import logging
import signal
import time

from django.conf import settings

from bos.imports.apart import TookTooMuch, call_apart
from bos.outbound.http import OutboundError
from kpis.connectors.answers import read_answer
from kpis.connectors.databases import read_database
from kpis.connectors.source import SECONDS, Source, SourceFailed
from kpis.connectors.values import parsed
from kpis.ingest.values import Parsed
from kpis.models import ConnectorKind

logger = logging.getLogger("bos.connectors")

GRACE = 1
"""A second, in which what has a time-out of its own may say so."""


def fetch(source: Source, *, seconds: int = SECONDS) -> Parsed:
    """Return the rows of a source. Raises SourceFailed, whatever goes wrong.

    Uses no connection to the database, and no secret gets into an error or a log.
    """
    began = time.monotonic()
    try:
        return call_apart(
            _fetch,
            source,
            seconds + GRACE,
            megabytes=settings.IMPORT_MEMORY_MB,
            seconds=settings.IMPORT_SECONDS,
        )
    except TookTooMuch:
        if time.monotonic() - began >= seconds:
            raise SourceFailed(f"It did not answer within {seconds} seconds.") from None
        raise SourceFailed("It takes too much memory or time to read.") from None


def _fetch(source: Source, seconds: int) -> Parsed:
    """In the child. Nothing that waits may hold back the alarm: its default ends the process."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(seconds)
    try:
        is_sql = source.kind == ConnectorKind.SQL
        return parsed(source, read_database(source) if is_sql else read_answer(source))
    except SourceFailed:
        raise
    except OutboundError as error:
        raise SourceFailed(str(error)) from None
    except MemoryError:
        raise
    except Exception as error:
        # Not its text: a driver's may have an address with its password.
        logger.error("source not read", extra={"kind": source.kind, "error": type(error).__name__})
        raise SourceFailed("It could not be read: an error that nobody has foreseen.") from None
