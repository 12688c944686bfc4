"""Is it the database that failed, or we?"""

from __future__ import annotations

from django.db import DatabaseError, InterfaceError, OperationalError

# PostgreSQL's classes of errors, and two single ones, by which it says that it cannot serve now:
# connections, resources, ended by an operator, the system, a lock or a transaction that waited for
# too long.
AWAY = ("08", "53", "57", "58", "55P03", "25P03")
# SQLite's: busy, locked, read-only, input and output, full, no such file to be opened.
AWAY_SQLITE = frozenset({5, 6, 8, 10, 13, 14})


def database_is_away(error: BaseException | None) -> bool:
    """Is this error, or what caused it, the database that cannot be used for now?"""
    while error is not None:
        if isinstance(error, DatabaseError | InterfaceError) and _says_so(error):
            return True
        error = error.__cause__
    return False


def _says_so(error: DatabaseError | InterfaceError) -> bool:
    cause = error.__cause__
    code: int | None = getattr(cause, "sqlite_errorcode", None)
    if code is not None:
        return code & 0xFF in AWAY_SQLITE  # the rest says more exactly why
    state: str | None = getattr(cause, "sqlstate", None)
    if state is not None:
        return state.startswith(AWAY)
    # Without a state there was nobody who could have given one.
    return isinstance(error, OperationalError | InterfaceError)
