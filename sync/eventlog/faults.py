"""Which errors pass by themselves: the database is away, or somebody else is in the way.

What failed because of one is done again, however often. Only what fails by itself, with a database
that works, may ever be given up.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from django.db import DatabaseError, InterfaceError, OperationalError, connections

# PostgreSQL's classes of errors, https://www.postgresql.org/docs/current/errcodes-appendix.html:
# connection lost, ended for another transaction's sake (a deadlock), out of connections, memory or
# disk, locked, ended by an operator or a time-out, a failing disk; and a session that was idle in a
# transaction, because its process was halted.
_CLASSES = ("08", "40", "53", "55", "57", "58")
_CODES = ("25P03", "25P04")
# SQLite's: https://www.sqlite.org/rescode.html
_SQLITE = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_INTERRUPT,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PROTOCOL,
    }
)


def passes(error: BaseException | None) -> bool:
    """Whether what failed with this error may succeed later without having changed itself."""
    return any(_passes(one) for one in _chain(error))


def database_is_away() -> bool:
    """Whether the connection of this thread has been lost, so that nothing else can be done."""
    connection = connections["default"]
    return connection.connection is None or not connection.is_usable()


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen = set[int]()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _passes(error: BaseException) -> bool:
    if isinstance(error, sqlite3.Error):
        # Its extended codes say in the higher bytes what it was exactly.
        return (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF in _SQLITE
    if not isinstance(error, DatabaseError | InterfaceError):
        return False
    cause = error.__cause__
    if cause is None:  # Django's own
        return isinstance(error, InterfaceError)
    if isinstance(cause, sqlite3.Error):
        return False  # the cause says it
    code: str | None = getattr(cause, "sqlstate", None)
    if code is None:  # no answer of the server's: the connection was lost, or not made
        return isinstance(error, OperationalError | InterfaceError)
    return code.startswith(_CLASSES) or code in _CODES
